-- name: open_authorizations
-- about: Payments whose authorised money is not yet wholly captured: what can still be taken, or should be voided.
-- grain: payment
-- keys: id
-- money: major units of currency, exact
-- needs: payments
select
    id,
    reference,
    requested_on,
    expires_on,
    currency,
    total_authorized,
    total_captured,
    total_authorized - total_captured as open
from payments
where status in ('Authorized', 'Partially Captured')
    and total_authorized > total_captured
