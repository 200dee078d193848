-- name: balances_now
-- about: Balances of every currency account.
-- grain: currency account
-- keys: entity_id, currency_account_id
-- money: major units of the holding currency
-- params: none
select
    entity_id,
    holding_currency,
    pending,
    available,
    payable,
    collateral
from balances
order by entity_id, holding_currency
