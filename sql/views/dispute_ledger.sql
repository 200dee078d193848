-- name: dispute_ledger
-- about: Disputes with what they took, gave back and cost on the balance; those of one payment are told together there.
-- grain: dispute
-- keys: id
-- money: amount in currency; taken, given_back, fees and net in holding_currency, exact
-- needs: disputes, financial_actions
with booked as (
    select
        f.payment_id,
        f.holding_currency,
        f.holding_currency_amount as amount,
        case
            -- An arbitration that was lost costs a fee; the disputed amount was taken before.
            when f.breakdown_type = 'Chargeback (ARBL)' then 'fee'
            when t.roll_up = 'chargeback' and f.holding_currency_amount < 0 then 'taken'
            when t.roll_up = 'chargeback' then 'given_back'
            when t.roll_up in ('processor_fee', 'scheme', 'interchange', 'tax') then 'fee'
        end as kind
    from financial_actions as f
    left join ref.breakdown_types as t on t.breakdown_type = f.breakdown_type
    where f.action_type = 'Chargeback'
),
sums as (
    select
        payment_id,
        holding_currency,
        sum(case when kind = 'taken' then amount else 0 end) as taken,
        sum(case when kind = 'given_back' then amount else 0 end) as given_back,
        sum(case when kind = 'fee' then amount else 0 end) as fees,
        sum(amount) as net
    from booked
    group by payment_id, holding_currency
)
select
    d.id,
    d.received_on,
    d.last_update,
    d.status,
    d.category,
    d.reason_code,
    d.payment_id,
    d.payment_reference,
    d.currency,
    d.amount,
    b.holding_currency,
    b.taken,
    b.given_back,
    b.fees,
    b.net
from disputes as d
left join sums as b on b.payment_id = d.payment_id
