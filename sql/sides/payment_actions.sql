-- side: payment_actions
-- about: Captures and refunds that were approved, as the API tells them; refunds are negative. Pending and declined ones move no money.
-- grain: action of a payment
-- keys: action_id
-- day: processed_on
-- money: major units of currency, exact; signed as on the balance
-- needs:
select
    id as action_id,
    account,
    payment_id,
    payment_reference,
    type,
    currency,
    cast(case when type = 'Refund' then -amount else amount end as decimal(38, 8)) as amount,
    cast(processed_on as date) as processed_on
from payment_actions
where type in ('Capture', 'Refund')
    and status = 'Approved'
