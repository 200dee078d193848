--- rule: dispute_to_actions.payment     version: 1
--- flow: dispute_to_actions             hop: 2                    priority: 20
--- left: sides.disputes(dispute_id)     right: sides.chargebacks
--- shape: one_to_many                   assign: unique            tie: reject
--- amount: left.amount = right.amount   tolerance: 0 minor
-- A dispute and all that was taken and given back of its payment, in whichever settlements: what was lost, or nothing. Which
-- row is of which dispute is not told, so several disputes of a payment are left. Those that dispute_to_actions.pending tells
-- of are not looked at.
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
  'the payment is the same' as why
from sides.disputes as disputes
join sides.chargebacks as chargebacks
  on chargebacks.payment_id = disputes.payment_id
left join recent
  on recent.dispute_id = disputes.dispute_id
where recent.dispute_id is null
