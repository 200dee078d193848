--- rule: balance_rollforward.difference
--- version: 1
--- flow: balance_rollforward            hop: 2                    priority: 20
--- left: sides.balance_days             right: sides.balance_movements
--- assign: refuse                       reason: IDENTITY_BROKEN
-- Days on which what is available changed by something else than the day's financial actions.
select
  days.line_id as left_id,
  movements.line_id as right_id,
  'what is available changed by something else' as why
from sides.balance_days as days
join sides.balance_movements as movements
  on movements.currency_account_id = days.currency_account_id
  and movements.day = days.day
where movements.amount <> days.amount
