-- side: settlement_rows
-- about: Rows of the files of settlements, as they stand there: two that say the same are two, the first and the second of them. Those without payout_id are in the file, and in no settlement. They are known by what they say, so that one keeps its id when the report is made anew; file_id and row_number say where the first of those alike stands now.
-- grain: row of a file of a settlement
-- keys: line_id
-- day: booked_on
-- money: major units of currency, exact; what is taken is negative
-- needs:
with alike as (
    select
        account,
        upper(payout_id) as payout_id,
        upper(report_payout_id) as report_payout_id,
        entity_id,
        currency_account_id,
        action_type,
        action_id,
        payment_id,
        breakdown_type,
        fee_detail,
        holding_currency as currency,
        holding_currency_amount as amount,
        max(cast(processed_on_local as date)) as booked_on,
        min(file_id) as file_id,
        min(row_number) as row_number,
        count(*) as times
    from settlement_actions
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
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
            coalesce(report_payout_id, '-'),
            coalesce(payout_id, '-'),
            coalesce(account, '-'),
            coalesce(entity_id, '-'),
            coalesce(currency_account_id, '-'),
            coalesce(action_type, '-'),
            coalesce(action_id, '-'),
            coalesce(payment_id, '-'),
            coalesce(breakdown_type, '-'),
            coalesce(fee_detail, '-'),
            coalesce(currency, '-'),
            coalesce(cast(amount as text), '-'),
            cast(nth as text)
        ),
        ' ',
        '_'
    ) as line_id,
    account,
    file_id,
    row_number,
    payout_id,
    report_payout_id,
    entity_id,
    currency_account_id,
    action_type,
    action_id,
    payment_id,
    breakdown_type,
    fee_detail,
    currency,
    amount,
    booked_on
from counted
