--- rule: payout_to_bank.returned       version: 2
--- flow: payout_to_bank                hop: 3                    priority: 20
--- left: sides.payouts(payout_id)
--- shape: one_sided                    reason: SETTLEMENT_RETURNED
-- A payout whose bank lines are a credit and its return: they come to nothing, and a later payout has its money.
with returned as (
  select
    ref_extract(text, 'cko_payout') as payout_id,
    currency
  from sides.bank_lines
  group by ref_extract(text, 'cko_payout'), currency
  having sum(amount) = 0 and count(*) > 1
)
select
  payouts.payout_id as left_id,
  'paid in and sent back' as why
from sides.payouts as payouts
join returned
  on returned.payout_id = payouts.payout_id
  and returned.currency = payouts.currency
