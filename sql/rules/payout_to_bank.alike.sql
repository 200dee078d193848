--- rule: payout_to_bank.alike          version: 2
--- flow: payout_to_bank                hop: 3                    priority: 55
--- left: sides.payouts(payout_id)      right: sides.bank_lines
--- shape: one_to_one                   assign: suggest(keep)
--- amount: left.amount = right.amount  tolerance: 0 minor
--- window: right.value_date in [left.payout_date .. +5 business days]   calendar: WEEKENDS
-- A payout and a bank line of its amount whose text names it but for letters that are mistaken for digits, such as O for 0. That is
-- no reason to match, so it is suggested; and another line of its amount may be the payout's only if this one is not, which is for
-- people to say, so both are kept from the rules below.
select
  payouts.payout_id as left_id,
  lines.line_id as right_id,
  'the payout id is in the text, but for letters in the place of digits' as why
from sides.payouts as payouts
join sides.bank_lines as lines
  on ref_fold(ref_extract(lines.text, 'cko_payout')) = ref_fold(payouts.payout_id)
  and lines.currency = payouts.currency
  and lines.amount = payouts.amount
where ref_extract(lines.text, 'cko_payout') <> payouts.payout_id
