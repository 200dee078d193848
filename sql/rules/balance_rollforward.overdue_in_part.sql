--- rule: balance_rollforward.overdue_in_part
--- version: 1
--- flow: balance_rollforward            hop: 2                    priority: 65
--- left: sides.reservations             right: sides.releases
--- assign: refuse                       reason: OVERDUE
-- Reserves whose day of release is over, and of which no more than a part was released.
select
  reservations.line_id as left_id,
  releases.line_id as right_id,
  'the day of its release is over, and no more than a part of it was released' as why
from sides.reservations as reservations
join sides.releases as releases
  on releases.line_id = reservations.line_id
where releases.amount < reservations.amount
  and reservations.is_due
