-- side: captured_fees
-- about: Captured actions with what their fees say: how often the gateway's fixed fee was charged, whether interchange is told and is to be, whether an amount is not what its rate makes of it, and whether a printed time names no instant.
-- grain: captured action and currency account
-- keys: line_id
-- day: booked_on
-- money: major units of currency, exact
-- needs:
with told as (
    select
        f.*,
        t.roll_up
    from financial_actions as f
    left join ref.breakdown_types as t on t.breakdown_type = f.breakdown_type
    where f.action_type in ('Capture', 'Partial Capture')
        and f.file_id is not null
),
sums as (
    select
        account,
        entity_id,
        currency_account_id,
        action_id,
        payment_id,
        holding_currency as currency,
        min(payment_method) as payment_method,
        min(cast(processed_on_local as date)) as booked_on,
        cast(sum(case when roll_up = 'gross' then holding_currency_amount end) as decimal(38, 8)) as amount,
        count(case when breakdown_type = 'Gateway Fixed Fee' then 1 end) as gateway_fees,
        count(case when roll_up = 'interchange' then 1 end) as interchange_fees,
        count(case when breakdown_type like 'Blended %' then 1 end) as blended_fees,
        count(case when roll_up is null then 1 end) as unknown_types,
        -- As the check exchange_rate: rates are printed with six digits.
        count(
            case
                when processing_currency = holding_currency then null
                when fx_rate_applied is null then 1
                when abs(holding_currency_amount - round(processing_currency_amount * fx_rate_applied, 8)) * 200000
                    > abs(holding_currency_amount) then 1
            end
        ) as out_of_band,
        count(processed_on) as instants,
        count(case when processed_on is null and processed_on_local is not null then 1 end) as without_instant
    from told
    group by account, entity_id, currency_account_id, action_id, payment_id, holding_currency
)
select
    concat_ws('/', currency_account_id, action_id) as line_id,
    account,
    entity_id,
    currency_account_id,
    action_id,
    payment_id,
    currency,
    amount,
    booked_on,
    gateway_fees,
    unknown_types,
    out_of_band > 0 as is_out_of_band,
    -- Others of the account and the method have interchange, so this one is to have it as well.
    interchange_fees = 0
        and blended_fees = 0
        and sum(interchange_fees) over (partition by currency_account_id, payment_method) > 0 as is_pending,
    -- Where the zone is not known at all, no row of the entity has an instant.
    without_instant > 0 and sum(instants) over (partition by account, entity_id) > 0 as is_unresolved
from sums
