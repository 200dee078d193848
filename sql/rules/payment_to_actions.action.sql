--- rule: payment_to_actions.action      version: 1
--- flow: payment_to_actions             hop: 2                    priority: 20
--- left: sides.payment_actions(action_id)   right: sides.reported_actions
--- shape: one_to_one                    assign: unique            tie: reject
--- amount: left.amount = right.amount   tolerance: 0 minor
-- An action of the API and what reports tell of it: the same amount, whenever it was booked.
select
  actions.action_id as left_id,
  reported.line_id as right_id,
  'the action is the same' as why
from sides.payment_actions as actions
join sides.reported_actions as reported
  on reported.action_id = actions.action_id
