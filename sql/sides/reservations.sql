-- side: reservations
-- about: What was held back of payments as rolling reserve. matures_on is the day that it is to be released on, where reports have that column; is_due says that this day and the five after it are all known.
-- grain: payment and currency account
-- keys: line_id
-- day: deducted_on
-- money: major units of currency, exact
-- needs:
with held as (
    select
        concat_ws('/', currency_account_id, payment_id) as line_id,
        account,
        entity_id,
        currency_account_id,
        payment_id,
        holding_currency as currency,
        cast(-sum(holding_currency_amount) as decimal(38, 8)) as amount,
        max(cast(processed_on_local as date)) as deducted_on,
        max(cast(reserve_release_date_local as date)) as matures_on
    from financial_actions
    where breakdown_type = 'Rolling Reserve Deducted'
        and file_id is not null
    group by account, entity_id, currency_account_id, payment_id, holding_currency
),
awaited as (
    select
        line_id,
        cast(unnest(generate_series(matures_on, matures_on + interval '5 days', interval '1 day')) as date) as day
    from held
    where matures_on is not null
),
due as (
    select awaited.line_id
    from awaited
    left join sides.report_days as days
        on days.day = awaited.day
    group by awaited.line_id
    having count(*) = count(days.day)
)
select
    held.line_id,
    held.account,
    held.entity_id,
    held.currency_account_id,
    held.payment_id,
    held.currency,
    held.amount,
    held.deducted_on,
    held.matures_on,
    due.line_id is not null as is_due
from held
left join due
    on due.line_id = held.line_id
