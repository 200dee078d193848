-- side: chargebacks
-- about: What disputes took and gave back on the balance, in the processing currency. The fee of an arbitration that was lost, and other fees and taxes, are not part of it. Rows are known by what they say, the first and the second of those alike, so that one keeps its id when the report is made anew; file_id and row_number say where the first of them stands now.
-- grain: row of a report of financial actions
-- keys: line_id
-- day: booked_on
-- money: major units of currency, exact; what is taken is negative
-- needs:
with alike as (
    select
        account,
        entity_id,
        currency_account_id,
        payment_id,
        action_id,
        reference,
        breakdown_type,
        processing_currency as currency,
        processing_currency_amount as amount,
        cast(processed_on_local as date) as booked_on,
        min(file_id) as file_id,
        min(row_number) as row_number,
        count(*) as times
    from financial_actions
    where breakdown_type like 'Chargeback (%'
        and breakdown_type not like '% Tax'
        and breakdown_type <> 'Chargeback (ARBL)'
        and file_id is not null
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
),
counted as (
    select
        *,
        unnest(generate_series(1, times)) as nth
    from alike
)
select
    replace(
        concat_ws(
            '/',
            coalesce(account, '-'),
            coalesce(entity_id, '-'),
            coalesce(currency_account_id, '-'),
            coalesce(payment_id, '-'),
            coalesce(action_id, '-'),
            coalesce(reference, '-'),
            coalesce(breakdown_type, '-'),
            coalesce(currency, '-'),
            coalesce(cast(amount as text), '-'),
            coalesce(cast(booked_on as text), '-'),
            cast(nth as text)
        ),
        ' ',
        '_'
    ) as line_id,
    account,
    file_id,
    row_number,
    entity_id,
    payment_id,
    action_id,
    reference,
    breakdown_type,
    currency,
    amount,
    booked_on
from counted
