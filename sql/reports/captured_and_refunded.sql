-- name: captured_and_refunded
-- about: What was captured and what of it was refunded, by currency.
-- grain: currency
-- keys: currency
-- money: major units of the currency; never added across currencies
-- params: none
select
    currency,
    sum(amount) filter (where type = 'Capture') as captured,
    sum(amount) filter (where type = 'Refund') as refunded,
    count(*) filter (where type = 'Refund') as refunds
from payment_actions
where type in ('Capture', 'Refund')
    and status = 'Approved'
group by currency
order by currency
