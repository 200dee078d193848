select close_id, made_at, who, flow, through,
    row_number() over (partition by flow order by close_id desc) = 1 as is_in_force
from kept.closes
