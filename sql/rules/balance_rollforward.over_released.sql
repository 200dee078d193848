--- rule: balance_rollforward.over_released
--- version: 1
--- flow: balance_rollforward            hop: 2                    priority: 50
--- left: sides.reservations             right: sides.releases
--- assign: refuse                       reason: IDENTITY_BROKEN
-- Reserves of which more was released than was held back.
select
  reservations.line_id as left_id,
  releases.line_id as right_id,
  'more was released than was held back' as why
from sides.reservations as reservations
join sides.releases as releases
  on releases.line_id = reservations.line_id
where releases.amount > reservations.amount
