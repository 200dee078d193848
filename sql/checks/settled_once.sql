-- check: settled_once
-- identity: I18
-- flow: actions_to_payout
-- says: a capture is in no more than one settlement that was paid
-- exactness: exact; a settlement that paid nothing, or less, leaves its captures to a later one
-- day: the capture took effect, settlement zone
-- needs: settlement_actions, settlements
with captures as (
    select
        cast(processed_on_local as date) as day,
        entity_id,
        action_id,
        holding_currency,
        report_payout_id,
        min(file_id) as file_id
    from settlement_actions
    where breakdown_type in ('Capture', 'Partial Capture')
        and payout_id is not null
    group by 1, 2, 3, 4, 5
),
-- Few, or none; only their settlements are looked at.
repeated as (
    select
        day,
        action_id,
        array_agg(report_payout_id) as payouts
    from captures
    group by day, action_id
    having count(*) > 1
),
told as (
    select
        day,
        action_id,
        unnest(payouts) as payout_id
    from repeated
),
paid as (
    select
        t.day,
        t.action_id,
        s.entity_id,
        s.holding_currency,
        s.payout_id,
        s.file_id
    from told as t
    join settlements as s on upper(s.payout_id) = t.payout_id
    where s.payout_amount > 0
)
select
    day,
    min(entity_id) as entity_id,
    max(payout_id) as payout_id,
    action_id || ', also in ' || min(payout_id) as subject,
    min(holding_currency) as currency,
    cast(1 as decimal(38, 8)) as expected,
    cast(count(*) as decimal(38, 8)) as found,
    cast(count(*) - 1 as decimal(38, 8)) as difference,
    max(file_id) as file_id
from paid
group by day, action_id
having count(*) > 1
