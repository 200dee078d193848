--- rule: payout_to_bank.reference      version: 1
--- flow: payout_to_bank                hop: 3                    priority: 40
--- left: sides.payouts(payout_id)      right: sides.bank_lines
--- shape: one_to_many                  assign: unique            tie: reject
--- amount: left.amount = right.amount  tolerance: 0 minor
--- window: right.value_date in [left.payout_date .. +5 business days]   calendar: WEEKENDS
-- A payout and the bank lines whose text names it, and no other payout: a bank may pay it in parts. It claims no line twice,
-- as a line names one payout.
select
  payouts.payout_id as left_id,
  lines.line_id as right_id,
  'the payout id is in the text' as why
from sides.payouts as payouts
join sides.bank_lines as lines
  on ref_extract(lines.text, 'cko_payout') = payouts.payout_id
