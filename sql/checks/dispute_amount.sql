-- check: dispute_amount
-- identity: I13
-- flow: dispute_to_actions
-- says: a chargeback takes or gives back the disputed amount: ADJM and ARWS take, CBRV, RPDW and ARBW give, AUTO does either
-- exactness: exact, in the processing currency; a payment with several disputes may have up to their sum
-- day: the chargeback took effect, settlement zone
-- needs: financial_actions, disputes
with booked as (
    select
        cast(processed_on_local as date) as day,
        entity_id,
        payment_id,
        action_id,
        breakdown_type,
        processing_currency,
        sum(processing_currency_amount) as amount,
        min(file_id) as file_id
    from financial_actions
    where breakdown_type like 'Chargeback (%'
        -- The fee of an arbitration is no part of what was disputed.
        and breakdown_type not in ('Chargeback (ARBL)')
        and breakdown_type not like '% Tax'
    group by 1, 2, 3, 4, 5, 6
),
disputed as (
    select
        payment_id,
        currency,
        count(*) as disputes,
        cast(sum(amount) as decimal(38, 8)) as amount
    from disputes
    group by payment_id, currency
),
compared as (
    select
        b.*,
        coalesce(d.disputes, 0) as disputes,
        case
            when b.breakdown_type in ('Chargeback (ADJM)', 'Chargeback (ARWS)') then -d.amount
            when b.breakdown_type = 'Chargeback (AUTO)' and b.amount < 0 then -d.amount
            else d.amount
        end as expected
    from booked as b
    left join disputed as d on d.payment_id = b.payment_id and d.currency = b.processing_currency
)
select
    day,
    entity_id,
    cast(null as text) as payout_id,
    breakdown_type || ' of ' || payment_id as subject,
    processing_currency as currency,
    expected,
    amount as found,
    amount - expected as difference,
    file_id
from compared
where disputes = 0
    or (disputes = 1 and amount <> expected)
    or (disputes > 1 and (amount * expected <= 0 or abs(amount) > abs(expected)))
