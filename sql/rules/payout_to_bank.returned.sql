--- rule: payout_to_bank.returned       version: 1
--- flow: payout_to_bank                hop: 3                    priority: 20
--- left: sides.payouts(payout_id)      right: sides.bank_lines
--- assign: refuse                      reason: SETTLEMENT_RETURNED
-- A payout whose bank lines are a credit and its return: they come to nothing, and a later payout has its money. It claims
-- nothing and keeps all of them from the rules below.
with returned as (
  select
    ref_extract(text, 'cko_payout') as payout_id,
    currency
  from sides.bank_lines
  where ref_extract(text, 'cko_payout') is not null
  group by ref_extract(text, 'cko_payout'), currency
  having sum(amount) = 0 and count(*) > 1
)
select
  payouts.payout_id as left_id,
  lines.line_id as right_id,
  'paid in and sent back' as why
from sides.payouts as payouts
join returned
  on returned.payout_id = payouts.payout_id
  and returned.currency = payouts.currency
join sides.bank_lines as lines
  on ref_extract(lines.text, 'cko_payout') = payouts.payout_id
