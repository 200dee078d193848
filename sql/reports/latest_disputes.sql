-- name: latest_disputes
-- about: The latest disputes, and the payments they are about.
-- grain: dispute
-- keys: id
-- money: major units of the currency
-- params: none
select
    id,
    payment_id,
    received_on,
    category,
    status,
    amount,
    currency
from disputes
order by received_on desc, id
limit 5
