with retracted as (
    select distinct retracts as number from kept.overrides where retracts is not null
)
select override_id, made_at, who, action, flow, side, "table", line_id, why, account, retracts, owner, retracted.number is not null as is_retracted
from kept.overrides
left join retracted on retracted.number = override_id
