-- side: payments
-- about: Payments of which something was captured and not all of it refunded: declined, voided and refunded ones expect nothing.
-- grain: payment
-- keys: payment_id
-- day: paid_on
-- money: major units of currency, exact; what was captured less what was refunded
-- needs:
select
    id as payment_id,
    account,
    reference,
    currency,
    cast(total_captured - coalesce(total_refunded, 0) as decimal(38, 8)) as amount,
    cast(requested_on as date) as paid_on
from payments
where total_captured > 0
  and total_captured <> coalesce(total_refunded, 0)
