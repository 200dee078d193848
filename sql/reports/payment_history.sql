-- name: payment_history
-- about: What happened to one payment.
-- grain: action
-- keys: id
-- money: major units of the currency
-- params: payment_id
select
    processed_on,
    type,
    approved,
    amount,
    currency,
    response_summary,
    id
from payment_actions
where payment_id = $payment_id
order by processed_on, id
