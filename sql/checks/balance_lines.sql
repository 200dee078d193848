-- check: balance_lines
-- identity: I16
-- flow: fee_audit
-- says: each line of a day's balance statement is the sum of the day's financial actions of its breakdown types
-- exactness: exact; by line of ref.breakdown_types, and only statements of one day
-- day: the statement begins, settlement zone
-- needs: balance_statements, financial_actions
with lines as (
    select column1 as line
    from (
        values
            ('payments'),
            ('refunds'),
            ('chargebacks'),
            ('pay_to_cards'),
            ('transfers'),
            ('interchange'),
            ('scheme'),
            ('fees'),
            ('tax'),
            ('adjustments')
    )
),
-- Each row of a statement once for every line.
stated as (
    select
        cast(b.reporting_start_date_local as date) as day,
        b.entity_id,
        b.currency_account_id,
        b.holding_currency,
        l.line,
        case l.line
            when 'payments' then coalesce(payments, 0)
            when 'refunds' then coalesce(refunds, 0)
            when 'chargebacks' then coalesce(chargebacks, 0)
            when 'pay_to_cards' then coalesce(pay_to_cards, 0)
            when 'transfers' then coalesce(transfers_in, 0)
                + coalesce(transfers_out, 0)
            when 'interchange' then coalesce(card_payment_interchange_fees, 0)
                + coalesce(refunded_interchange_fees, 0)
                + coalesce(pay_to_card_interchange_fees, 0)
            when 'scheme' then coalesce(card_payment_scheme_fees, 0)
                + coalesce(refund_scheme_fees, 0)
                + coalesce(pay_to_card_scheme_fees, 0)
                + coalesce(authentication_scheme_fees, 0)
            when 'fees' then coalesce(merchant_payout_fees, 0)
                + coalesce(acquiring_premiums, 0)
                + coalesce(card_payment_gateway_fees, 0)
                + coalesce(card_payment_blended_fees, 0)
                + coalesce(refund_gateway_fees, 0)
                + coalesce(chargeback_fees, 0)
                + coalesce(retrieval_fees, 0)
                + coalesce(representment_fees, 0)
                + coalesce(pay_to_card_fees, 0)
                + coalesce(alternative_payment_method_fees, 0)
                + coalesce(account_updater_fees, 0)
                + coalesce(authentication_fees, 0)
                + coalesce(risk_engine_fees, 0)
                + coalesce(intelligent_acceptance_fees, 0)
                + coalesce(network_token_fees, 0)
            when 'tax' then coalesce(tax, 0)
            when 'adjustments' then coalesce(adjustments, 0)
        end as stated,
        b.file_id
    from balance_statements as b
    cross join lines as l
    where b.description = 'Breakdown'
        and b.reporting_end_date_local <= b.reporting_start_date_local + interval '1 day'
),
parts as (
    select day, entity_id, currency_account_id, holding_currency, line, stated, cast(0 as decimal(38, 8)) as acted, file_id
    from stated
    union all
    select
        cast(f.processed_on_local as date),
        f.entity_id,
        f.currency_account_id,
        f.holding_currency,
        t.balance_line,
        cast(0 as decimal(38, 8)),
        f.holding_currency_amount,
        null
    from financial_actions as f
    join ref.breakdown_types as t on t.breakdown_type = f.breakdown_type
    where t.balance_line <> 'payouts'
),
sums as (
    select
        day,
        entity_id,
        currency_account_id,
        holding_currency,
        line,
        sum(stated) as stated,
        sum(acted) as acted,
        min(file_id) as file_id
    from parts
    group by day, entity_id, currency_account_id, holding_currency, line
)
select
    day,
    entity_id,
    cast(null as text) as payout_id,
    line || ' of ' || currency_account_id as subject,
    holding_currency as currency,
    stated as expected,
    acted as found,
    acted - stated as difference,
    file_id
from sums
where stated <> acted
