-- side: reported_actions
-- about: Captures and refunds as report files tell them, each the sum of its rows of money in the processing currency; refunds are negative, and fees are not part of it.
-- grain: action and processing currency
-- keys: line_id
-- day: booked_on
-- money: major units of currency, exact; signed as on the balance
-- needs:
select
    concat_ws('/', action_id, processing_currency) as line_id,
    action_id,
    payment_id,
    processing_currency as currency,
    cast(sum(processing_currency_amount) as decimal(38, 8)) as amount,
    min(cast(processed_on_local as date)) as booked_on
from financial_actions
where breakdown_type in ('Capture', 'Partial Capture', 'Refund', 'Partial Refund')
    and file_id is not null
group by action_id, payment_id, processing_currency
