-- side: bank_days
-- about: The days that bank accounts are known of, by currency: those that every account of it that Checkout.com pays to has a statement of, with the days before it that no statement is missing of; of files without statements the days from the first line to the last. An account counts from its first day on, and one that has none of the month before the newest day of its currency is taken to be closed.
-- grain: day and currency
-- keys: currency, from_date
-- day: none
-- money: none
-- needs: bank_lines, bank_statements
with statements as (
    select
        bank_account,
        currency,
        from_date,
        to_date,
        problem,
        lag(to_date) over (partition by source, bank_account, currency order by to_date, from_date, sequence) as before
    from books.bank_statements
    where problem is distinct from 'duplicate'
),
spans as (
    select
        bank_account,
        currency,
        case when problem is null and before < from_date then cast(before + interval '1 day' as date) else from_date end as from_date,
        to_date
    from statements
    union all
    select
        bank_account,
        currency,
        min(coalesce(value_date, booking_date)),
        max(coalesce(value_date, booking_date))
    from books.bank_lines
    where statement_id is null
    group by bank_account, currency
),
told as (
    select
        bank_account,
        currency,
        cast(unnest(generate_series(from_date, to_date, interval '1 day')) as date) as day
    from spans
    where from_date <= to_date
),
known as (
    select
        bank_account,
        currency,
        day
    from told
    group by bank_account, currency, day
),
paid as (
    select
        bank_account,
        currency
    from sides.bank_lines
    group by bank_account, currency
),
lives as (
    select
        known.bank_account,
        known.currency,
        min(known.day) as first_day,
        max(known.day) as last_day,
        count(paid.bank_account) as paid,
        max(max(known.day)) over (partition by known.currency) as newest,
        max(count(paid.bank_account)) over (partition by known.currency) as most_paid
    from known
    left join paid
        on paid.bank_account = known.bank_account
        and paid.currency = known.currency
    group by known.bank_account, known.currency
),
expected as (
    select
        bank_account,
        currency,
        cast(
            unnest(
                generate_series(
                    first_day,
                    case when last_day < newest - interval '31 days' then last_day else newest end,
                    interval '1 day'
                )
            ) as date
        ) as day
    from lives
    -- Where none was paid to yet, it may be any.
    where paid > 0 or most_paid = 0
)
select
    expected.currency,
    expected.day as from_date,
    expected.day as to_date
from expected
left join known
    on known.bank_account = expected.bank_account
    and known.currency = expected.currency
    and known.day = expected.day
group by expected.currency, expected.day
having count(*) = count(known.day)
