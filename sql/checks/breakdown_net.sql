-- check: breakdown_net
-- identity: I5
-- flow: actions_to_payout
-- says: the net amount of each line of a settlement breakdown is its gross amount and its deduction together
-- exactness: exact
-- day: the movement was booked, settlement zone
-- needs: settlement_breakdown
select
    cast(processed_on_local as date) as day,
    entity_id,
    report_payout_id as payout_id,
    coalesce(payment_id, type) || ', row ' || cast(row_number as text) as subject,
    holding_currency as currency,
    gross_in_holding_currency + deduction_in_holding_currency as expected,
    net_in_holding_currency as found,
    net_in_holding_currency - (gross_in_holding_currency + deduction_in_holding_currency) as difference,
    file_id
from settlement_breakdown
where net_in_holding_currency is distinct from gross_in_holding_currency + deduction_in_holding_currency
