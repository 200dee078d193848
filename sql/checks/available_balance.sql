-- check: available_balance
-- identity: I9
-- flow: balance_rollforward
-- says: available at the end of a day less available at its start is the sum of the day's financial actions
-- exactness: exact, to eight decimals; only days that have a statement of their own
-- day: the statement begins, settlement zone
-- needs: balance_statements, financial_actions
with parts as (
    select
        cast(reporting_start_date_local as date) as day,
        entity_id,
        currency_account_id,
        holding_currency,
        closing_available_balance - opening_available_balance as change,
        cast(null as decimal(38, 8)) as acted,
        file_id
    from balance_statements
    where description = 'Balances & Payouts'
        and reporting_end_date_local <= reporting_start_date_local + interval '1 day'
    union all
    select
        cast(processed_on_local as date),
        entity_id,
        currency_account_id,
        holding_currency,
        null,
        holding_currency_amount,
        null
    from financial_actions
),
sums as (
    select
        day,
        entity_id,
        currency_account_id,
        holding_currency,
        sum(change) as change,
        coalesce(sum(acted), 0) as acted,
        min(file_id) as file_id
    from parts
    group by day, entity_id, currency_account_id, holding_currency
)
select
    day,
    entity_id,
    cast(null as text) as payout_id,
    currency_account_id as subject,
    holding_currency as currency,
    change as expected,
    acted as found,
    acted - change as difference,
    file_id
from sums
where change <> acted
