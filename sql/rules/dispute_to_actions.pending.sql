--- rule: dispute_to_actions.pending     version: 2
--- flow: dispute_to_actions             hop: 2                    priority: 10
--- left: sides.disputes(dispute_id)     right: sides.chargebacks
--- assign: refuse                       reason: SOURCE_INCOMPLETE
-- A dispute that was won of which no report tells yet that it was given back, where that day and the five after it are not all
-- known.
with booked as (
  select
    payment_id,
    currency,
    sum(amount) as amount
  from sides.chargebacks
  group by payment_id, currency
),
single as (
  select
    *,
    count(*) over (partition by payment_id) as disputes
  from sides.disputes
),
awaited as (
  select
    single.dispute_id,
    cast(unnest(generate_series(single.updated_on, single.updated_on + interval '5 days', interval '1 day')) as date) as day
  from single
  join booked
    on booked.payment_id = single.payment_id
    and booked.currency = single.currency
    and booked.amount = single.disputed
  where single.disputes = 1
    and single.amount = 0
),
recent as (
  select awaited.dispute_id
  from awaited
  left join sides.report_days as days
    on days.day = awaited.day
  where days.day is null
  group by awaited.dispute_id
)
select
  disputes.dispute_id as left_id,
  chargebacks.line_id as right_id,
  'what it gives back may not be told yet' as why
from sides.disputes as disputes
join recent
  on recent.dispute_id = disputes.dispute_id
join sides.chargebacks as chargebacks
  on chargebacks.payment_id = disputes.payment_id
