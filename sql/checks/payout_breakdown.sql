-- check: payout_breakdown
-- identity: I5
-- flow: actions_to_payout
-- says: a settlement's amount is the sum of the net amounts of its breakdown
-- exactness: exact
-- day: the settlement was made, settlement zone
-- needs: settlements, settlement_breakdown
with parts as (
    select
        payout_date as day,
        entity_id,
        upper(payout_id) as payout_id,
        currency_account_id,
        holding_currency,
        payout_amount as paid,
        cast(null as decimal(38, 8)) as net,
        file_id
    from settlements
    union all
    select
        s.payout_date,
        s.entity_id,
        upper(s.payout_id),
        s.currency_account_id,
        b.holding_currency,
        null,
        b.net_in_holding_currency,
        s.file_id
    from settlements as s
    join settlement_breakdown as b on b.report_payout_id = upper(s.payout_id)
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
        sum(net) as net
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
    net as found,
    net - paid as difference,
    file_id
from sums
where net is distinct from paid
