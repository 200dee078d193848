-- name: payments_by_day
-- about: What was asked for, captured and refunded, by UTC day of the payment and currency.
-- grain: day, currency
-- keys: day, currency
-- money: major units of currency, exact
-- needs: payments
select
    date_trunc('day', requested_on) as day,
    currency,
    count(*) as payments,
    sum(amount) as amount,
    sum(total_captured) as captured,
    sum(total_refunded) as refunded
from payments
group by 1, 2
