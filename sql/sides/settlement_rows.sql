-- side: settlement_rows
-- about: Rows of the files of settlements, as they stand there: two that say the same are two. Those without payout_id are in the file, and in no settlement.
-- grain: row of a file of a settlement
-- keys: line_id
-- day: booked_on
-- money: major units of currency, exact; what is taken is negative
-- needs:
select
    concat_ws(' ', file_id, row_number) as line_id,
    account,
    file_id,
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
    cast(processed_on_local as date) as booked_on
from settlement_actions
