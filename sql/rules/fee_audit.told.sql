--- rule: fee_audit.told
--- version: 1
--- flow: fee_audit                      hop: 2                    priority: 60
--- left: sides.captured_fees            shape: one_sided
-- Captures that nothing was found of.
select
  line_id as left_id,
  'its fees are told as they should be' as why
from sides.captured_fees
