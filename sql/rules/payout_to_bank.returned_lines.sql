--- rule: payout_to_bank.returned_lines version: 1
--- flow: payout_to_bank                hop: 3                    priority: 25
--- left: sides.bank_lines
--- shape: one_sided                    reason: SETTLEMENT_RETURNED
-- The credit and the return of such a payout.
with named as (
  select
    line_id,
    ref_extract(text, 'cko_payout') as payout_id,
    currency,
    amount
  from sides.bank_lines
),
summed as (
  select
    *,
    sum(amount) over (partition by payout_id, currency) as together,
    count(*) over (partition by payout_id, currency) as lines
  from named
)
select
  summed.line_id as left_id,
  'paid in and sent back' as why
from summed
join sides.payouts as payouts
  on payouts.payout_id = summed.payout_id
  and payouts.currency = summed.currency
where summed.together = 0
  and summed.lines > 1
