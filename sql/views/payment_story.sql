-- name: payment_story
-- about: A payment from authorisation to payout: what was done to it, and what of it each settlement has. Ask for one by payment_id, and give day >= … that few report files are read.
-- grain: action at the API, and breakdown of an action in a settlement
-- keys: payment_id, step, id, what
-- money: major units of currency, exact; a settlement's rows are in its holding currency, and add up to its part of the payout
-- needs: payment_actions, settlement_actions
select
    payment_id,
    cast(processed_on as date) as day,
    'action' as step,
    id,
    type as what,
    coalesce(status, case when approved then 'Approved' end) as state,
    response_code,
    currency,
    cast(amount as decimal(38, 8)) as amount,
    cast(null as text) as payout_id
from payment_actions
union all
select
    payment_id,
    cast(processed_on_local as date),
    'settlement',
    action_id,
    breakdown_type,
    case when payout_id is null then 'billed later' else 'settled' end,
    response_code,
    holding_currency,
    holding_currency_amount,
    payout_id
from settlement_actions
