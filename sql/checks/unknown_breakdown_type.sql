-- check: unknown_breakdown_type
-- identity: none
-- flow: fee_audit
-- says: every breakdown type of a financial action is one of ref.breakdown_types
-- exactness: letter by letter; an unknown type counts as nothing in the views, and found is the sum of its amounts
-- day: the action took effect, settlement zone
-- needs: financial_actions, settlement_actions
with told as (
    select cast(processed_on_local as date) as day, entity_id, cast(null as text) as payout_id, breakdown_type,
        holding_currency, holding_currency_amount, file_id
    from financial_actions
    union all
    select cast(processed_on_local as date), entity_id, report_payout_id, breakdown_type,
        holding_currency, holding_currency_amount, file_id
    from settlement_actions
)
select
    t.day,
    t.entity_id,
    t.payout_id,
    t.breakdown_type as subject,
    t.holding_currency as currency,
    cast(null as decimal(38, 8)) as expected,
    sum(t.holding_currency_amount) as found,
    cast(null as decimal(38, 8)) as difference,
    min(t.file_id) as file_id
from told as t
left join ref.breakdown_types as k on k.breakdown_type = t.breakdown_type
where k.breakdown_type is null
group by t.day, t.entity_id, t.payout_id, t.breakdown_type, t.holding_currency
