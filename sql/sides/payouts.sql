-- side: payouts
-- about: Settlements, whatever they pay: one of nothing, or below it, is carried forward to a later one.
-- grain: settlement and currency account
-- keys: payout_id
-- day: payout_date
-- money: major units of currency, exact
-- needs:
select
    upper(payout_id) as payout_id,
    account,
    entity_id,
    currency_account_id,
    holding_currency as currency,
    payout_amount as amount,
    payout_date
from settlements
