-- name: payment_effects
-- about: What one payment did to the balance, fee by fee.
-- grain: financial action, breakdown
-- keys: action_id, breakdown_type
-- money: major units of the holding currency, all decimals
-- params: payment_id
select
    processed_on,
    action_type,
    breakdown_type,
    holding_currency_amount,
    holding_currency
from financial_actions
where payment_id = $payment_id
order by processed_on, action_id, breakdown_type, holding_currency_amount
