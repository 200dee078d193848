-- name: settlement_lines
-- about: What each settlement is made of: one line per movement, its fees by category; nothing that is billed later.
-- grain: settlement and action
-- keys: payout_id, action_id
-- money: major units of holding_currency, exact; fees are negative; unknown is what ref.breakdown_types does not know
-- needs: settlement_actions
select
    a.report_payout_id as payout_id,
    a.entity_id,
    a.currency_account_id,
    a.action_id,
    a.action_type,
    a.payment_id,
    a.reference,
    a.payment_method,
    a.processed_on_local,
    a.holding_currency,
    sum(case when t.roll_up = 'gross' then a.holding_currency_amount else 0 end) as gross,
    sum(case when t.roll_up = 'chargeback' then a.holding_currency_amount else 0 end) as chargeback,
    sum(case when t.roll_up = 'interchange' then a.holding_currency_amount else 0 end) as interchange,
    sum(case when t.roll_up = 'scheme' then a.holding_currency_amount else 0 end) as scheme,
    sum(case when t.roll_up = 'processor_fee' then a.holding_currency_amount else 0 end) as processor_fee,
    sum(case when t.roll_up = 'tax' then a.holding_currency_amount else 0 end) as tax,
    sum(case when t.roll_up = 'reserve' then a.holding_currency_amount else 0 end) as reserve,
    sum(case when t.roll_up = 'account' then a.holding_currency_amount else 0 end) as account_movement,
    sum(case when t.roll_up is null then a.holding_currency_amount else 0 end) as unknown,
    sum(a.holding_currency_amount) as net
from settlement_actions as a
left join ref.breakdown_types as t on t.breakdown_type = a.breakdown_type
where a.payout_id is not null
group by
    a.report_payout_id,
    a.entity_id,
    a.currency_account_id,
    a.action_id,
    a.action_type,
    a.payment_id,
    a.reference,
    a.payment_method,
    a.processed_on_local,
    a.holding_currency
