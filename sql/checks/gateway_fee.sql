-- check: gateway_fee
-- identity: I14
-- flow: fee_audit
-- says: a captured action is charged the gateway's fixed fee once
-- exactness: exact; a capture without the fee may be priced otherwise, and is none of this check's business
-- day: the action took effect, settlement zone
-- needs: financial_actions
with charged as (
    select
        min(cast(processed_on_local as date)) as day,
        entity_id,
        action_id,
        holding_currency,
        min(holding_currency_amount) as once,
        sum(holding_currency_amount) as amount,
        count(*) as times,
        min(file_id) as file_id
    from financial_actions
    where breakdown_type = 'Gateway Fixed Fee'
        and action_type in ('Capture', 'Partial Capture')
    group by entity_id, action_id, holding_currency
)
select
    day,
    entity_id,
    cast(null as text) as payout_id,
    action_id as subject,
    holding_currency as currency,
    once as expected,
    amount as found,
    amount - once as difference,
    file_id
from charged
where times > 1
