-- name: fees_by_day
-- about: Fees and taxes by day and kind, with how often they were charged; kinds that are not known have no roll-up.
-- grain: day, currency account, action type, breakdown type and fee detail
-- keys: day, currency_account_id, action_type, breakdown_type, fee_detail
-- money: major units of holding_currency, exact; negative when charged
-- needs: financial_actions
select
    cast(f.processed_on_local as date) as day,
    f.entity_id,
    f.currency_account_id,
    f.holding_currency,
    t.roll_up,
    f.action_type,
    f.breakdown_type,
    f.fee_detail,
    count(*) as charged,
    sum(f.holding_currency_amount) as amount
from financial_actions as f
left join ref.breakdown_types as t on t.breakdown_type = f.breakdown_type
where t.roll_up is null
    or t.roll_up in ('interchange', 'scheme', 'processor_fee', 'tax')
group by 1, 2, 3, 4, 5, 6, 7, 8
