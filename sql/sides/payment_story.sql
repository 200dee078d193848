-- side: payment_story
-- about: A payment from its order to the bank, hop by hop: what is there, with its row and its amount, and what is missing. Ask for one by payment_id, best over a lake. table and line_id are those of the shipped rules, so recon.match_lines tells by them which match a row is in, and recon.exceptions why it is left.
-- grain: payment, and row of a side, or hop that lacks one
-- keys: payment_id, step, table, line_id
-- day: day
-- money: major units of currency, exact; a settlement and a bank line are told whole, of all their payments
-- needs: orders, bank_lines
with ordered as (
    select
        payments.payment_id,
        payments.currency,
        orders.line_id,
        orders.ordered_on as day,
        orders.amount
    from sides.payments as payments
    left join sides.orders as orders
        on ref_norm(orders.reference) = ref_norm(payments.reference)
        and orders.currency = payments.currency
),
acted as (
    select
        actions.payment_id,
        actions.action_id,
        actions.type,
        actions.currency,
        actions.processed_on,
        actions.amount,
        reported.line_id as reported_id,
        reported.booked_on,
        reported.amount as reported_amount
    from sides.payment_actions as actions
    left join sides.reported_actions as reported
        on reported.action_id = actions.action_id
),
settled as (
    select
        payment_id,
        payout_id
    from sides.settlement_rows
    where payment_id is not null
        and payout_id is not null
    group by payment_id, payout_id
),
unsettled as (
    select
        actions.payment_id,
        actions.type,
        actions.currency
    from sides.payment_actions as actions
    left join sides.settlement_rows as rows
        on rows.action_id = actions.action_id
        and rows.payout_id is not null
    where rows.line_id is null
),
named as (
    select
        line_id,
        currency,
        value_date,
        amount,
        unnest(ref_extract_all(text, 'cko_payout')) as payout_id
    from sides.bank_lines
),
paid as (
    select
        settled.payment_id,
        payouts.payout_id,
        payouts.currency,
        payouts.payout_date,
        payouts.amount,
        named.line_id,
        named.currency as line_currency,
        named.value_date,
        named.amount as line_amount
    from settled
    join sides.payouts as payouts
        on payouts.payout_id = settled.payout_id
    left join named
        on named.payout_id = payouts.payout_id
)
select payment_id, 1 as step, 'order' as what, 'sides.orders' as "table", line_id, day, currency, amount,
    case when line_id is null then 'missing' else 'there' end as state
from ordered
union all
select payment_id, 2, 'payment', 'sides.payments', payment_id as line_id, paid_on, currency, amount, 'there'
from sides.payments
union all
select payment_id, 3, type, 'sides.payment_actions', action_id, processed_on, currency, amount, 'there'
from acted
union all
select payment_id, 4, type || ' in reports', 'sides.reported_actions', reported_id, booked_on, currency, reported_amount,
    case when reported_id is null then 'missing' else 'there' end
from acted
union all
select payment_id, 5, breakdown_type, 'sides.settlement_rows', line_id, null, currency, amount,
    case when payout_id is null then 'billed later' else 'there' end
from sides.settlement_rows
where payment_id is not null
union all
select payment_id, 5, type || ' in a settlement', 'sides.settlement_rows', null as line_id, null as day, currency, null as amount, 'missing'
from unsettled
union all
select payment_id, 6, 'settlement', 'sides.payouts', payout_id, payout_date, currency, amount, 'there'
from paid
group by payment_id, payout_id, payout_date, currency, amount
union all
select payment_id, 7, 'bank line of ' || payout_id, 'sides.bank_lines', line_id, value_date, coalesce(line_currency, currency), line_amount,
    case when line_id is not null then 'there' when amount > 0 then 'missing' else 'nothing was paid out' end
from paid
