-- side: chargebacks
-- about: What disputes took and gave back on the balance, in the processing currency. The fee of an arbitration that was lost, and other fees and taxes, are not part of it.
-- grain: row of a report of financial actions
-- keys: line_id
-- day: booked_on
-- money: major units of currency, exact; what is taken is negative
-- needs:
select
    concat_ws(' ', file_id, row_number) as line_id,
    account,
    entity_id,
    payment_id,
    action_id,
    reference,
    breakdown_type,
    processing_currency as currency,
    processing_currency_amount as amount,
    cast(processed_on_local as date) as booked_on
from financial_actions
where breakdown_type like 'Chargeback (%'
    and breakdown_type not like '% Tax'
    and breakdown_type <> 'Chargeback (ARBL)'
    and file_id is not null
