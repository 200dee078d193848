-- check: payment_limits
-- identity: I2
-- flow: payment_to_actions
-- says: no payment has more captured than authorised, or more refunded than captured
-- exactness: exact, in the payment's currency; where more may be captured than was authorised, its rows say so
-- day: of the payment, UTC
-- needs: payments
with limits as (
    select id, requested_on, entity_id, currency, 'captured' as what, total_authorized as most, total_captured as used
    from payments
    union all
    select id, requested_on, entity_id, currency, 'refunded', total_captured, total_refunded
    from payments
)
select
    cast(requested_on as date) as day,
    entity_id,
    cast(null as text) as payout_id,
    what || ' ' || id as subject,
    currency,
    cast(most as decimal(38, 8)) as expected,
    cast(used as decimal(38, 8)) as found,
    cast(used as decimal(38, 8)) - cast(most as decimal(38, 8)) as difference,
    cast(null as text) as file_id
from limits
where used > most
