--- rule: balance_rollforward.held_in_part
--- version: 2
--- flow: balance_rollforward            hop: 2                    priority: 60
--- left: sides.reservations             right: sides.releases
--- assign: refuse                       reason: RESERVE_HELD
-- Reserves of which a part was released: the rest is held on until its day.
select
  reservations.line_id as left_id,
  releases.line_id as right_id,
  'a part of it was released' as why
from sides.reservations as reservations
join sides.releases as releases
  on releases.line_id = reservations.line_id
where releases.amount < reservations.amount
  and not reservations.is_due
