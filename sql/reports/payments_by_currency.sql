-- name: payments_by_currency
-- about: Payments by currency, and what became of them.
-- grain: currency
-- keys: currency
-- money: major units of the currency; never added across currencies
-- params: none
select
    currency,
    count(*) as payments,
    count(*) filter (where status in ('Captured', 'Partially Captured')) as captured,
    count(*) filter (where status in ('Refunded', 'Partially Refunded')) as refunded,
    count(*) filter (where status = 'Declined') as declined,
    sum(amount) as amount
from payments
group by currency
order by currency
