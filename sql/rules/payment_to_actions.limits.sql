--- rule: payment_to_actions.limits      version: 1
--- flow: payment_to_actions             hop: 2                    priority: 10
--- left: sides.payment_actions(action_id)   right: sides.reported_actions
--- assign: refuse                       reason: IDENTITY_BROKEN
-- Refunds of a payment that gave back more than it took. Which of them is wrong is not told, so none is matched.
with beyond as (
  select payment_id
  from sides.payment_actions
  group by payment_id
  having sum(amount) < 0 and max(amount) > 0
)
select
  actions.action_id as left_id,
  reported.line_id as right_id,
  'more of the payment is refunded than was captured' as why
from sides.payment_actions as actions
join beyond
  on beyond.payment_id = actions.payment_id
join sides.reported_actions as reported
  on reported.action_id = actions.action_id
where actions.amount < 0
