--- rule: payout_to_bank.reference      version: 1
--- flow: payout_to_bank                hop: 3                    priority: 10
--- left: payouts(payout_id)            right: bank_lines
--- shape: one_to_many                  assign: unique            tie: reject
--- amount: left.amount = right.amount  tolerance: 0 minor
-- A payout and the bank lines whose text names it, and no other payout: a bank may pay it in parts.
select
  payouts.payout_id as left_id,
  bank_lines.line_id as right_id,
  'the payout id is in the text' as why
from payouts
join bank_lines
  on ref_extract(coalesce(bank_lines.reference, '') || ' ' || coalesce(bank_lines.remittance, ''), 'cko_payout') = payouts.payout_id
