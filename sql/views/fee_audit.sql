-- name: fee_audit
-- about: What each capture cost, by category and in percent of it; interchange may be billed days after the capture.
-- grain: captured action
-- keys: action_id
-- money: major units of holding_currency, exact; percentages are rounded once, here, to four decimals
-- needs: financial_actions
with actions as (
    select
        f.payment_id,
        f.action_id,
        f.entity_id,
        f.currency_account_id,
        f.requested_on_local,
        f.payment_method,
        f.card_type,
        f.card_category,
        f.region,
        f.issuer_country,
        f.processing_currency <> f.holding_currency as is_exchanged,
        f.holding_currency,
        t.roll_up,
        f.holding_currency_amount as amount
    from financial_actions as f
    left join ref.breakdown_types as t on t.breakdown_type = f.breakdown_type
    where f.action_type in ('Capture', 'Partial Capture')
),
sums as (
    select
        payment_id,
        action_id,
        entity_id,
        currency_account_id,
        requested_on_local,
        holding_currency,
        max(payment_method) as payment_method,
        max(card_type) as card_type,
        max(card_category) as card_category,
        max(region) as region,
        max(issuer_country) as issuer_country,
        bool_or(is_exchanged) as is_exchanged,
        sum(case when roll_up = 'gross' then amount end) as gross,
        sum(case when roll_up = 'interchange' then amount end) as interchange,
        sum(case when roll_up = 'scheme' then amount end) as scheme,
        sum(case when roll_up = 'processor_fee' then amount end) as processor_fee,
        sum(case when roll_up = 'tax' then amount end) as tax,
        sum(case when roll_up is null then amount end) as unknown
    from actions
    group by 1, 2, 3, 4, 5, 6
)
select
    *,
    round(-100 * interchange / nullif(gross, 0), 4) as interchange_percent,
    round(-100 * scheme / nullif(gross, 0), 4) as scheme_percent,
    round(-100 * processor_fee / nullif(gross, 0), 4) as processor_percent,
    interchange is null as is_interchange_pending
from sums
