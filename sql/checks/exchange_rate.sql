-- check: exchange_rate
-- identity: I15
-- flow: fee_audit
-- says: an exchanged amount is the processed amount times the rate that was applied
-- exactness: within five millionths of the amount, as rates are printed with six digits
-- day: the action took effect, settlement zone
-- needs: financial_actions
with exchanged as (
    select
        *,
        cast(round(processing_currency_amount * fx_rate_applied, 8) as decimal(38, 8)) as recomputed
    from financial_actions
    where processing_currency <> holding_currency
)
select
    cast(processed_on_local as date) as day,
    entity_id,
    payout_id,
    breakdown_type || ' of ' || action_id as subject,
    holding_currency as currency,
    recomputed as expected,
    holding_currency_amount as found,
    holding_currency_amount - recomputed as difference,
    file_id
from exchanged
where recomputed is null
    or abs(holding_currency_amount - recomputed) * 200000 > abs(holding_currency_amount)
