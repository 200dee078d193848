-- name: declines
-- about: Declined authorisations with the gateway's reason.
-- grain: action
-- keys: id
-- money: major units of currency, exact
-- needs: payment_actions
select
    id,
    payment_id,
    payment_reference,
    processed_on,
    currency,
    amount,
    response_code,
    response_summary
from payment_actions
where type = 'Authorization'
    and status = 'Declined'
