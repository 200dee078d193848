--- rule: fee_audit.variance
--- version: 1
--- flow: fee_audit                      hop: 2                    priority: 30
--- left: sides.captured_fees            shape: one_sided
--- assign: refuse                       reason: FEE_VARIANCE
-- Captures that were charged the gateway's fixed fee more than once. Where more is agreed, copy this rule and say what.
select
  line_id as left_id,
  'the fixed fee of the gateway is there more than once' as why
from sides.captured_fees
where gateway_fees > 1
