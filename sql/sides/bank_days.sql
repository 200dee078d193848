-- side: bank_days
-- about: The days that bank accounts are known of: those of a statement, with the days before it that no statement is missing of; of files without statements the days from the first line to the last.
-- grain: span of days of a bank account
-- keys: bank_account, currency, to_date
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
)
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
