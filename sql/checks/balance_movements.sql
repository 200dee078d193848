-- check: balance_movements
-- identity: I9
-- flow: balance_rollforward
-- says: available at the end of a statement is available at its start, what moved by payment method, and what was paid out
-- exactness: exact
-- day: the statement begins, settlement zone
-- needs: balance_statements
with parts as (
    select
        cast(reporting_start_date_local as date) as day,
        reporting_end_date_local,
        entity_id,
        currency_account_id,
        holding_currency,
        closing_available_balance - opening_available_balance as change,
        coalesce(payouts, 0) as moved,
        file_id
    from balance_statements
    where description = 'Balances & Payouts'
    union all
    select
        cast(reporting_start_date_local as date),
        reporting_end_date_local,
        entity_id,
        currency_account_id,
        holding_currency,
        cast(null as decimal(38, 8)),
        coalesce(merchant_payout_fees, 0)
        + coalesce(payments, 0)
        + coalesce(refunds, 0)
        + coalesce(chargebacks, 0)
        + coalesce(pay_to_cards, 0)
        + coalesce(card_payment_interchange_fees, 0)
        + coalesce(card_payment_scheme_fees, 0)
        + coalesce(acquiring_premiums, 0)
        + coalesce(card_payment_gateway_fees, 0)
        + coalesce(card_payment_blended_fees, 0)
        + coalesce(refunded_interchange_fees, 0)
        + coalesce(refund_scheme_fees, 0)
        + coalesce(refund_gateway_fees, 0)
        + coalesce(chargeback_fees, 0)
        + coalesce(retrieval_fees, 0)
        + coalesce(representment_fees, 0)
        + coalesce(pay_to_card_interchange_fees, 0)
        + coalesce(pay_to_card_scheme_fees, 0)
        + coalesce(pay_to_card_fees, 0)
        + coalesce(alternative_payment_method_fees, 0)
        + coalesce(adjustments, 0)
        + coalesce(tax, 0)
        + coalesce(account_updater_fees, 0)
        + coalesce(transfers_in, 0)
        + coalesce(transfers_out, 0)
        + coalesce(authentication_fees, 0)
        + coalesce(authentication_scheme_fees, 0)
        + coalesce(risk_engine_fees, 0)
        + coalesce(intelligent_acceptance_fees, 0)
        + coalesce(network_token_fees, 0),
        file_id
    from balance_statements
    where description = 'Breakdown'
),
sums as (
    select
        day,
        reporting_end_date_local,
        entity_id,
        currency_account_id,
        holding_currency,
        file_id,
        sum(change) as change,
        sum(moved) as moved
    from parts
    group by day, reporting_end_date_local, entity_id, currency_account_id, holding_currency, file_id
)
select
    day,
    entity_id,
    cast(null as text) as payout_id,
    currency_account_id as subject,
    holding_currency as currency,
    change as expected,
    moved as found,
    moved - change as difference,
    file_id
from sums
where change is distinct from moved
