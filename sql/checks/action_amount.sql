-- check: action_amount
-- identity: I3
-- flow: payment_to_actions
-- says: what a report tells of a capture or a refund is what the API tells of that action
-- exactness: exact, in the processing currency; only actions that the API knows by now
-- day: the action took effect, settlement zone
-- needs: financial_actions, payment_actions
with reported as (
    select
        cast(processed_on_local as date) as day,
        entity_id,
        payment_id,
        action_id,
        processing_currency,
        sum(processing_currency_amount) as amount,
        min(file_id) as file_id
    from financial_actions
    where breakdown_type in ('Capture', 'Partial Capture', 'Refund', 'Partial Refund')
    group by 1, 2, 3, 4, 5
),
compared as (
    select
        r.*,
        cast(case when a.type = 'Refund' then -a.amount else a.amount end as decimal(38, 8)) as expected
    from reported as r
    join payment_actions as a on a.payment_id = r.payment_id
    -- Not a key of the join, which can tell the API the values of one key only.
    where nullif(a.id, r.action_id) is null
)
select
    day,
    entity_id,
    cast(null as text) as payout_id,
    action_id as subject,
    processing_currency as currency,
    expected,
    amount as found,
    amount - expected as difference,
    file_id
from compared
where amount is distinct from expected
