--- rule: payout_to_bank.other_id       version: 2
--- flow: payout_to_bank                hop: 3                    priority: 60
--- left: sides.payouts(payout_id)      right: sides.bank_lines
--- assign: refuse                      reason: REFERENCE_CONFLICT
--- window: right.value_date in [left.payout_date .. +5 business days]   calendar: WEEKENDS
-- A payout and a bank line of its amount that names another one: the id is stronger than the amount, so nothing is matched. An id
-- that is alike but for letters in the place of digits may be its own.
select
  payouts.payout_id as left_id,
  lines.line_id as right_id,
  'the line of its amount names another payout' as why
from sides.payouts as payouts
join sides.bank_lines as lines
  on lines.currency = payouts.currency
  and lines.amount = payouts.amount
where ref_extract(lines.text, 'cko_payout') <> payouts.payout_id
  and ref_fold(ref_extract(lines.text, 'cko_payout')) <> ref_fold(payouts.payout_id)
