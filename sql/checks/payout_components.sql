-- check: payout_components
-- identity: I7
-- flow: actions_to_payout
-- says: a settlement's amount is the sum of the other columns of its own report
-- exactness: exact
-- day: the settlement was made, settlement zone
-- needs: payout_components
select
    payout_date as day,
    entity_id,
    payout_id,
    currency_account_id as subject,
    holding_currency as currency,
    payout_amount as expected,
    components as found,
    components - payout_amount as difference,
    file_id
from payout_components
where components is distinct from payout_amount
