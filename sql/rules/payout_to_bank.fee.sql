--- rule: payout_to_bank.fee            version: 1
--- flow: payout_to_bank                hop: 3                    priority: 30
--- left: sides.payouts(payout_id)      right: sides.bank_lines
--- assign: refuse                      reason: AMOUNT_MISMATCH
-- A payout and its only bank line, where up to 5000 minor units are missing: a bank took a fee off. To have it booked, copy
-- payout_to_bank.reference with residual: fee:ACCOUNT up to 5000 minor and a priority below this one's.
with single as (
  select ref_extract(text, 'cko_payout') as payout_id
  from sides.bank_lines
  where ref_extract(text, 'cko_payout') is not null
  group by ref_extract(text, 'cko_payout')
  having count(*) = 1
)
select
  payouts.payout_id as left_id,
  lines.line_id as right_id,
  'less arrived, as after a fee' as why
from sides.payouts as payouts
join single
  on single.payout_id = payouts.payout_id
join sides.bank_lines as lines
  on ref_extract(lines.text, 'cko_payout') = payouts.payout_id
  and lines.currency = payouts.currency
where lines.amount > 0
  and lines.amount < payouts.amount
  and amount_minor(payouts.amount - lines.amount, payouts.currency) <= 5000
