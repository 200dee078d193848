-- name: payout_tie_out
-- about: Settlements held against their financial actions, their breakdown, and the columns of their own report.
-- grain: settlement and currency account
-- keys: payout_id
-- money: major units of holding_currency, exact; floor is the sum down to whole minor units, dust what is left
-- needs: payout_components, settlement_actions, settlement_breakdown
with parts as (
    select
        p.payout_date,
        p.payout_id,
        p.entity_id,
        p.currency_account_id,
        p.holding_currency,
        coalesce(c.minor_unit, 0.01) as minor_unit,
        p.payout_amount,
        p.components,
        cast(null as decimal(38, 8)) as acted,
        cast(null as decimal(38, 8)) as net
    from payout_components as p
    left join ref.currencies as c on c.currency = p.holding_currency
    union all
    select
        p.payout_date,
        p.payout_id,
        p.entity_id,
        p.currency_account_id,
        a.holding_currency,
        null,
        null,
        null,
        a.holding_currency_amount,
        null
    from payout_components as p
    join settlement_actions as a on a.report_payout_id = p.payout_id
    where a.payout_id is not null
    union all
    select
        p.payout_date,
        p.payout_id,
        p.entity_id,
        p.currency_account_id,
        b.holding_currency,
        null,
        null,
        null,
        null,
        b.net_in_holding_currency
    from payout_components as p
    join settlement_breakdown as b on b.report_payout_id = p.payout_id
),
sums as (
    select
        payout_date,
        payout_id,
        entity_id,
        currency_account_id,
        holding_currency,
        sum(payout_amount) as payout_amount,
        sum(components) as components,
        sum(acted) as actions,
        cast(floor(sum(acted) / max(minor_unit)) * max(minor_unit) as decimal(38, 8)) as floor,
        sum(net) as breakdown_net
    from parts
    group by payout_date, payout_id, entity_id, currency_account_id, holding_currency
)
select
    payout_date,
    payout_id,
    entity_id,
    currency_account_id,
    holding_currency,
    payout_amount,
    actions,
    floor,
    actions - floor as dust,
    floor - payout_amount as actions_difference,
    breakdown_net,
    breakdown_net - payout_amount as breakdown_difference,
    components,
    components - payout_amount as components_difference
from sums
