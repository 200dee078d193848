-- check: payout_amount
-- identity: I4
-- flow: actions_to_payout
-- says: a settlement's amount is the sum of its financial actions, down to whole minor units
-- exactness: exact; less than one minor unit may be left, and rows without a payout id are not part of it
-- day: the settlement was made, settlement zone
-- needs: settlements, settlement_actions
with parts as (
    select
        s.payout_date as day,
        s.entity_id,
        upper(s.payout_id) as payout_id,
        s.currency_account_id,
        s.holding_currency,
        coalesce(c.minor_unit, 0.01) as minor_unit,
        s.payout_amount as paid,
        cast(null as decimal(38, 8)) as acted,
        s.file_id
    from settlements as s
    left join ref.currencies as c on c.currency = s.holding_currency
    union all
    select
        s.payout_date,
        s.entity_id,
        upper(s.payout_id),
        s.currency_account_id,
        a.holding_currency,
        null,
        null,
        a.holding_currency_amount,
        s.file_id
    from settlements as s
    join settlement_actions as a on a.report_payout_id = upper(s.payout_id)
    where a.payout_id is not null
),
sums as (
    select
        day,
        entity_id,
        payout_id,
        currency_account_id,
        holding_currency,
        file_id,
        sum(paid) as paid,
        cast(floor(sum(acted) / max(minor_unit)) * max(minor_unit) as decimal(38, 8)) as floored
    from parts
    group by day, entity_id, payout_id, currency_account_id, holding_currency, file_id
)
select
    day,
    entity_id,
    payout_id,
    currency_account_id as subject,
    holding_currency as currency,
    paid as expected,
    floored as found,
    floored - paid as difference,
    file_id
from sums
where floored is distinct from paid
