--- rule: balance_rollforward.released
--- version: 1
--- flow: balance_rollforward            hop: 2                    priority: 70
--- left: sides.reservations             right: sides.releases
--- shape: one_to_one                    assign: unique            tie: reject
--- amount: left.amount = right.amount   tolerance: 0 minor
-- What was held back of a payment, and what was released of it.
select
  reservations.line_id as left_id,
  releases.line_id as right_id,
  'the payment and the account are the same' as why
from sides.reservations as reservations
join sides.releases as releases
  on releases.line_id = reservations.line_id
