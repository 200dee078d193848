--- rule: payout_to_bank.amount         version: 1
--- flow: payout_to_bank                hop: 3                    priority: 20
--- left: payouts(payout_id)            right: bank_lines
--- shape: one_to_one                   assign: unique            tie: reject
--- amount: left.amount = right.amount  tolerance: 0 minor
--- window: right.value_date in [left.payout_date .. +5 business days]   calendar: TARGET2
-- The only payout and the only bank line of an amount within five business days, where the text names no payout.
select
  payouts.payout_id as left_id,
  bank_lines.line_id as right_id,
  'the only one of its amount in five business days' as why
from payouts
join bank_lines
  on bank_lines.currency = payouts.currency
  and bank_lines.amount = payouts.amount
where
  ref_extract(coalesce(bank_lines.reference, '') || ' ' || coalesce(bank_lines.remittance, ''), 'cko_payout') is null
  and payouts.amount <> 0
