select override_id, made_at, who, action, flow, side, "table", line_id, why, account, retracts,
    override_id in (select retracts from kept.overrides where retracts is not null) as is_retracted
from kept.overrides
