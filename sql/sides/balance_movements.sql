-- side: balance_movements
-- about: What financial actions moved on currency accounts, day by day.
-- grain: currency account and day of the settlement zone
-- keys: line_id
-- day: day
-- money: major units of currency, exact; what is taken is negative
-- needs:
select
    concat_ws('/', currency_account_id, cast(cast(processed_on_local as date) as text)) as line_id,
    account,
    entity_id,
    currency_account_id,
    holding_currency as currency,
    cast(processed_on_local as date) as day,
    cast(sum(holding_currency_amount) as decimal(38, 8)) as amount
from financial_actions
where file_id is not null
group by account, entity_id, currency_account_id, holding_currency, cast(processed_on_local as date)
