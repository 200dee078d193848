-- side: disputes
-- about: Disputes with what they are to come to on the balance: nothing where they were won, and else the disputed amount, which was taken.
-- grain: dispute
-- keys: dispute_id
-- day: received_on
-- money: major units of currency, exact; what is taken is negative
-- needs:
select
    id as dispute_id,
    account,
    entity_id,
    payment_id,
    payment_reference,
    status,
    currency,
    cast(
        case when lower(status) in ('won', 'canceled', 'arbitration_won') then 0 else -amount end as decimal(38, 8)
    ) as amount,
    cast(-amount as decimal(38, 8)) as disputed,
    cast(received_on as date) as received_on,
    cast(last_update as date) as updated_on
from disputes
