-- check: payable_balance
-- identity: I11
-- flow: balance_rollforward
-- says: what is payable at the end of a day is what was taken out of the available that day
-- exactness: exact, where money leaves for the bank within a day of its payout; only statements of one day
-- day: the statement begins, settlement zone
-- needs: balance_statements
select
    cast(reporting_start_date_local as date) as day,
    entity_id,
    cast(null as text) as payout_id,
    currency_account_id as subject,
    holding_currency as currency,
    -payouts as expected,
    closing_payable_balance as found,
    closing_payable_balance + payouts as difference,
    file_id
from balance_statements
where description = 'Balances & Payouts'
    and reporting_end_date_local <= reporting_start_date_local + interval '1 day'
    and closing_payable_balance is distinct from -payouts
