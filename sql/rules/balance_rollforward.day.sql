--- rule: balance_rollforward.day
--- version: 1
--- flow: balance_rollforward            hop: 2                    priority: 30
--- left: sides.balance_days             right: sides.balance_movements
--- shape: one_to_one                    assign: unique            tie: reject
--- amount: left.amount = right.amount   tolerance: 0 minor
-- A day's change of what is available, and the sum of its financial actions.
select
  days.line_id as left_id,
  movements.line_id as right_id,
  'the account and the day are the same' as why
from sides.balance_days as days
join sides.balance_movements as movements
  on movements.currency_account_id = days.currency_account_id
  and movements.day = days.day
