-- check: last_digit
-- identity: none
-- flow: payment_to_actions
-- says: the amount of a payment in thousandths, such as of a dinar, ends in 0, as Checkout.com wants it
-- exactness: exact, in the payment's currency; fees and sums may end in another digit
-- day: of the payment, UTC
-- needs: payments
select
    cast(requested_on as date) as day,
    entity_id,
    cast(null as text) as payout_id,
    id as subject,
    currency,
    cast(amount_minor / 10 * 0.01 as decimal(38, 8)) as expected,
    cast(amount as decimal(38, 8)) as found,
    cast(amount_minor % 10 * 0.001 as decimal(38, 8)) as difference,
    cast(null as text) as file_id
from payments
where exponent(currency) = 3
    and amount_minor % 10 <> 0
