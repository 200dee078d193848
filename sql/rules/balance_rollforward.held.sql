--- rule: balance_rollforward.held
--- version: 2
--- flow: balance_rollforward            hop: 2                    priority: 80
--- left: sides.reservations             shape: one_sided
--- assign: refuse                       reason: RESERVE_HELD
-- Reserves of which nothing was released yet, until the day that reports tell for it. Where they have no column of that day, how
-- long reserves are held is agreed with Checkout.com, and not known here.
select
  reservations.line_id as left_id,
  'nothing of it was released yet' as why
from sides.reservations as reservations
left join sides.releases as releases
  on releases.line_id = reservations.line_id
where releases.line_id is null
  and not reservations.is_due
