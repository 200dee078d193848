--- rule: balance_rollforward.held
--- version: 1
--- flow: balance_rollforward            hop: 2                    priority: 80
--- left: sides.reservations             shape: one_sided
--- assign: refuse                       reason: RESERVE_HELD
-- Reserves of which nothing was released yet. How long they are held is agreed with Checkout.com, and no report tells it.
select
  reservations.line_id as left_id,
  'nothing of it was released yet' as why
from sides.reservations as reservations
left join sides.releases as releases
  on releases.line_id = reservations.line_id
where releases.line_id is null
