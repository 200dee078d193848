-- check: breakdown_deduction
-- identity: I6
-- flow: actions_to_payout
-- says: the deduction of each line of a settlement breakdown is the sum of its fees, tax and reserve
-- exactness: exact; the fee of the payout itself has no parts
-- day: the movement was booked, settlement zone
-- needs: settlement_breakdown
with lines as (
    select
        *,
        coalesce(processing_fee_in_holding_currency, 0)
        + coalesce(scheme_fee_in_holding_currency, 0)
        + coalesce(interchange_in_holding_currency, 0)
        + coalesce(tax_in_holding_currency, 0)
        + coalesce(reserve_in_holding_currency, 0) as parts
    from settlement_breakdown
    where type is distinct from 'Merchant Payout'
)
select
    cast(processed_on_local as date) as day,
    entity_id,
    report_payout_id as payout_id,
    coalesce(payment_id, type) || ', row ' || cast(row_number as text) as subject,
    holding_currency as currency,
    deduction_in_holding_currency as expected,
    parts as found,
    parts - deduction_in_holding_currency as difference,
    file_id
from lines
where deduction_in_holding_currency is distinct from parts
