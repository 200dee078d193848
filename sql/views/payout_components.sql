-- name: payout_components
-- about: Settlements with the sum of the columns that their own report says they are made of.
-- grain: settlement and currency account
-- keys: payout_id
-- money: major units of holding_currency, exact
-- needs: settlements
select
    payout_date,
    upper(payout_id) as payout_id,
    entity_id,
    currency_account_id,
    holding_currency,
    payout_amount,
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
    + coalesce(network_token_fees, 0) as components,
    file_id
from settlements
