-- side: payment_actions
-- about: Captures and refunds that were approved, as the API tells them; refunds are negative. Pending and declined ones move no money. authorized is what was authorised of the payment in all, where that is told.
-- grain: action of a payment
-- keys: action_id
-- day: processed_on
-- money: major units of currency, exact; signed as on the balance
-- needs:
with approved as (
    select
        *,
        sum(case when type = 'Authorization' then amount end) over (partition by account, payment_id) as authorized
    from payment_actions
    where status = 'Approved'
)
select
    id as action_id,
    account,
    payment_id,
    payment_reference,
    type,
    currency,
    cast(case when type = 'Refund' then -amount else amount end as decimal(38, 8)) as amount,
    cast(authorized as decimal(38, 8)) as authorized,
    cast(processed_on as date) as processed_on
from approved
where type in ('Capture', 'Refund')
