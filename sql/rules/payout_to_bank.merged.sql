--- rule: payout_to_bank.merged         version: 1
--- flow: payout_to_bank                hop: 3                    priority: 50
--- left: sides.payouts(payout_id)      right: sides.bank_lines
--- shape: many_to_one                  assign: unique            tie: reject
--- amount: left.amount = right.amount  tolerance: 0 minor
--- window: right.value_date in [left.payout_date .. +5 business days]   calendar: WEEKENDS
-- The payouts that a bank line names, where it names several: a bank may pay them together. It claims no payout twice, as one
-- that two such lines name is left.
with named as (
  select
    line_id,
    unnest(ref_extract_all(text, 'cko_payout')) as payout_id
  from sides.bank_lines
  where cardinality(ref_extract_all(text, 'cko_payout')) > 1
)
select
  payouts.payout_id as left_id,
  named.line_id as right_id,
  'the payout ids are in the text' as why
from sides.payouts as payouts
join named
  on named.payout_id = payouts.payout_id
