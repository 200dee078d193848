--- rule: payout_to_bank.amount         version: 1
--- flow: payout_to_bank                hop: 3                    priority: 70
--- left: sides.payouts(payout_id)      right: sides.bank_lines
--- shape: one_to_one                   assign: unique            tie: reject
--- amount: left.amount = right.amount  tolerance: 0 minor
--- window: right.value_date in [left.payout_date .. +5 business days]   calendar: WEEKENDS
--- covered: right by sides.bank_days(from_date, to_date, currency)
-- The only payout and the only bank line of an amount within five business days, where the text names no payout. It is the last
-- rule, so it tells of payouts that no line is left for whether they are due.
select
  payouts.payout_id as left_id,
  lines.line_id as right_id,
  'the only one of its amount in five business days' as why
from sides.payouts as payouts
join sides.bank_lines as lines
  on lines.currency = payouts.currency
  and lines.amount = payouts.amount
where cardinality(ref_extract_all(lines.text, 'cko_payout')) = 0
