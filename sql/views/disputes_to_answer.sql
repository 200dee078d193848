-- name: disputes_to_answer
-- about: Disputes that wait for evidence, with the day it is due.
-- grain: dispute
-- keys: id
-- money: major units of currency, exact
-- needs: disputes
select
    id,
    evidence_required_by,
    category,
    reason_code,
    currency,
    amount,
    payment_id,
    payment_reference,
    received_on
from disputes
where status = 'evidence_required'
