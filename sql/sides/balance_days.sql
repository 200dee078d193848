-- side: balance_days
-- about: Days of currency accounts as balance statements tell them: how much what is available changed, and whether the four balances open as the statement before closed them.
-- grain: currency account and day that has a statement of its own
-- keys: line_id
-- day: day
-- money: major units of currency, exact
-- needs:
with statements as (
    select
        account,
        entity_id,
        currency_account_id,
        holding_currency as currency,
        cast(reporting_start_date_local as date) as day,
        cast(reporting_end_date_local as date) as until,
        opening_available_balance,
        opening_pending_balance,
        opening_payable_balance,
        opening_collateral_balance,
        closing_available_balance,
        closing_pending_balance,
        closing_payable_balance,
        closing_collateral_balance
    from balance_statements
    where description = 'Balances & Payouts'
        and reporting_end_date_local <= reporting_start_date_local + interval '1 day'
)
select
    concat_ws('/', s.currency_account_id, cast(s.day as text)) as line_id,
    s.account,
    s.entity_id,
    s.currency_account_id,
    s.currency,
    s.day,
    cast(s.closing_available_balance - s.opening_available_balance as decimal(38, 8)) as amount,
    coalesce(
        before.closing_available_balance <> s.opening_available_balance
        or before.closing_pending_balance <> s.opening_pending_balance
        or before.closing_payable_balance <> s.opening_payable_balance
        or before.closing_collateral_balance <> s.opening_collateral_balance,
        false
    ) as is_unchained
from statements as s
left join statements as before
    on before.currency_account_id = s.currency_account_id
    and before.until = s.day
