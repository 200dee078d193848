-- side: settlements
-- about: Settlements, whatever they come to: one of nothing, or below it, is made of rows as well.
-- grain: settlement and currency account
-- keys: payout_id
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
