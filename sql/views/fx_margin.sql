-- name: fx_margin
-- about: What was exchanged each day, at which rates, and what the printed rates leave unexplained.
-- grain: day, currency account, two currencies and action type
-- keys: day, currency_account_id, processing_currency, action_type
-- money: processed in processing_currency, held in holding_currency, exact; rates are rounded once, here, to six decimals
-- needs: financial_actions
with exchanged as (
    select
        cast(processed_on_local as date) as day,
        entity_id,
        currency_account_id,
        action_type,
        processing_currency,
        holding_currency,
        processing_currency_amount as processed,
        holding_currency_amount as held,
        fx_rate_applied as rate
    from financial_actions
    where processing_currency <> holding_currency
)
select
    day,
    entity_id,
    currency_account_id,
    action_type,
    processing_currency,
    holding_currency,
    count(*) as amounts,
    sum(processed) as processed,
    sum(held) as held,
    min(rate) as lowest_rate,
    max(rate) as highest_rate,
    round(sum(held) / nullif(sum(processed), 0), 6) as effective_rate,
    cast(sum(held - round(processed * rate, 8)) as decimal(38, 8)) as unexplained
from exchanged
group by 1, 2, 3, 4, 5, 6
