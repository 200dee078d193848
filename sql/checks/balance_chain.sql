-- check: balance_chain
-- identity: I10
-- flow: balance_rollforward
-- says: each statement opens with the balances that the one before closed with; named from the first day of that to the later one's
-- exactness: exact, for each of the four balances; where the statement before is missing there is nothing to compare
-- day: the later statement begins, settlement zone
-- needs: balance_statements
with ends as (
    select
        cast(reporting_start_date_local as date) as day,
        cast(reporting_start_date_local as date) as since,
        'opening' as at,
        entity_id,
        currency_account_id,
        holding_currency,
        opening_available_balance as available,
        opening_pending_balance as pending,
        opening_payable_balance as payable,
        opening_collateral_balance as collateral,
        file_id
    from balance_statements
    where description = 'Balances & Payouts'
    union all
    select
        cast(reporting_end_date_local as date),
        cast(reporting_start_date_local as date),
        'closing',
        entity_id,
        currency_account_id,
        holding_currency,
        closing_available_balance,
        closing_pending_balance,
        closing_payable_balance,
        closing_collateral_balance,
        file_id
    from balance_statements
    where description = 'Balances & Payouts'
),
-- Each end once for every balance.
balances as (
    select
        e.day,
        e.since,
        e.at,
        e.entity_id,
        e.currency_account_id,
        e.holding_currency,
        p.column1 as pot,
        case p.column1
            when 'available' then e.available
            when 'pending' then e.pending
            when 'payable' then e.payable
            else e.collateral
        end as balance,
        e.file_id
    from ends as e
    cross join (values ('available'), ('pending'), ('payable'), ('collateral')) as p
),
pairs as (
    select
        day,
        entity_id,
        currency_account_id,
        holding_currency,
        pot,
        max(case when at = 'closing' then since end) as since,
        max(case when at = 'closing' then balance end) as closed,
        max(case when at = 'opening' then balance end) as opened,
        max(case when at = 'opening' then file_id end) as file_id
    from balances
    group by day, entity_id, currency_account_id, holding_currency, pot
)
select
    day,
    entity_id,
    cast(null as text) as payout_id,
    pot || ' of ' || currency_account_id || ' from ' || cast(since as text) || ' to ' || cast(day as text) as subject,
    holding_currency as currency,
    closed as expected,
    opened as found,
    opened - closed as difference,
    file_id
from pairs
where opened <> closed
