-- name: reserves
-- about: What is held back of each payment as rolling reserve, and what of it was released.
-- grain: payment and currency account
-- keys: payment_id, currency_account_id
-- money: major units of holding_currency, exact
-- needs: financial_actions
select
    payment_id,
    entity_id,
    currency_account_id,
    holding_currency,
    min(case when breakdown_type = 'Rolling Reserve Deducted' then cast(processed_on_local as date) end) as deducted_on,
    max(case when breakdown_type = 'Rolling Reserve Released' then cast(processed_on_local as date) end) as released_on,
    -sum(case when breakdown_type = 'Rolling Reserve Deducted' then holding_currency_amount else 0 end) as deducted,
    sum(case when breakdown_type = 'Rolling Reserve Released' then holding_currency_amount else 0 end) as released,
    -sum(holding_currency_amount) as held
from financial_actions
where breakdown_type in ('Rolling Reserve Deducted', 'Rolling Reserve Released')
group by payment_id, entity_id, currency_account_id, holding_currency
