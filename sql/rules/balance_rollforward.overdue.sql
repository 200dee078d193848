--- rule: balance_rollforward.overdue
--- version: 1
--- flow: balance_rollforward            hop: 2                    priority: 75
--- left: sides.reservations             shape: one_sided
--- assign: refuse                       reason: OVERDUE
-- Reserves whose day of release is over, and of which nothing was released.
select
  reservations.line_id as left_id,
  'the day of its release is over' as why
from sides.reservations as reservations
left join sides.releases as releases
  on releases.line_id = reservations.line_id
where releases.line_id is null
  and reservations.is_due
