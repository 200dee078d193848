--- rule: payment_to_actions.limits      version: 2
--- flow: payment_to_actions             hop: 2                    priority: 10
--- left: sides.payment_actions(action_id)   right: sides.reported_actions
--- assign: refuse                       reason: IDENTITY_BROKEN
-- Refunds of a payment that gave back more than it took, as the API tells it or as reports do, and captures of more than was
-- authorised. Which of them is wrong is not told, so none is matched, by whatever id reports know it. Where more may be captured
-- than was authorised, copy this rule without that part.
with told as (
  select payment_id, currency, amount, authorized, 'api' as source
  from sides.payment_actions
  union all
  select payment_id, currency, amount, null, 'reports'
  from sides.reported_actions
),
sums as (
  select
    payment_id,
    currency,
    sum(case when amount > 0 then amount end) as captured,
    sum(case when amount < 0 then -amount end) as refunded,
    max(authorized) as authorized
  from told
  group by payment_id, currency, source
),
beyond as (
  select payment_id, currency, true as is_refund, 'more of the payment is refunded than was captured' as why
  from sums
  where refunded > captured
  group by payment_id, currency
  union all
  select payment_id, currency, false, 'more of the payment is captured than was authorised'
  from sums
  where captured > authorized
  group by payment_id, currency
)
select
  actions.action_id as left_id,
  reported.line_id as right_id,
  beyond.why
from sides.payment_actions as actions
join beyond
  on beyond.payment_id = actions.payment_id
  and beyond.currency = actions.currency
  and beyond.is_refund = (actions.amount < 0)
join sides.reported_actions as reported
  on reported.payment_id = beyond.payment_id
  and (reported.amount < 0) = beyond.is_refund
