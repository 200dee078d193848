-- side: releases
-- about: What was released of the rolling reserves of payments.
-- grain: payment and currency account
-- keys: line_id
-- day: released_on
-- money: major units of currency, exact
-- needs:
select
    concat_ws('/', currency_account_id, payment_id) as line_id,
    account,
    entity_id,
    currency_account_id,
    payment_id,
    holding_currency as currency,
    cast(sum(holding_currency_amount) as decimal(38, 8)) as amount,
    max(cast(processed_on_local as date)) as released_on
from financial_actions
where breakdown_type = 'Rolling Reserve Released'
    and file_id is not null
group by account, entity_id, currency_account_id, payment_id, holding_currency
