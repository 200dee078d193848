--- rule: payment_to_actions.payment     version: 1
--- flow: payment_to_actions             hop: 2                    priority: 30
--- left: sides.payment_actions(action_id)   right: sides.reported_actions
--- shape: one_to_one                    assign: unique            tie: reject
--- amount: left.amount = right.amount   tolerance: 0 minor
--- window: right.booked_on in [left.processed_on -1 .. +7 days]
--- covered: right by sides.report_days(day, day)
-- The only action and the only booking of a payment and an amount within a week, where the report knows the action by an id
-- that is none of the API's. It is the last rule, so it tells of actions that no report has whether they are due.
select
  actions.action_id as left_id,
  reported.line_id as right_id,
  'the only one of its payment and amount' as why
from sides.payment_actions as actions
join sides.reported_actions as reported
  on reported.payment_id = actions.payment_id
  and reported.currency = actions.currency
  and reported.amount = actions.amount
where reported.action_id not like 'act\_%'
