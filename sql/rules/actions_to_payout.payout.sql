--- rule: actions_to_payout.payout       version: 1
--- flow: actions_to_payout              hop: 2                    priority: 40
--- left: sides.settlement_rows          right: sides.payouts(payout_id)
--- shape: many_to_one                   assign: unique            tie: reject
--- amount: left.amount = right.amount   tolerance: 0 minor
--- residual: dust
-- The rows that name a settlement, whatever they are of, and the settlement: their sum, down to whole minor units, is its
-- amount. Where it is rounded to the nearest, copy this rule with residual: dust(half_even).
select
  rows.line_id as left_id,
  settlements.payout_id as right_id,
  'the row names the settlement' as why
from sides.settlement_rows as rows
join sides.payouts as settlements
  on settlements.payout_id = rows.payout_id
