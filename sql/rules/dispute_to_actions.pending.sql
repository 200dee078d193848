--- rule: dispute_to_actions.pending     version: 1
--- flow: dispute_to_actions             hop: 2                    priority: 10
--- left: sides.disputes(dispute_id)     right: sides.chargebacks
--- assign: refuse                       reason: SOURCE_INCOMPLETE
-- A dispute that was won of which no report tells yet that it was given back, where the five days after are not all known.
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
recent as (
  select single.dispute_id
  from single
  join booked
    on booked.payment_id = single.payment_id
    and booked.currency = single.currency
    and booked.amount = single.disputed
  left join sides.report_days as days
    on days.day = cast(single.updated_on + interval '5 days' as date)
  where single.disputes = 1
    and single.amount = 0
    and days.day is null
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
