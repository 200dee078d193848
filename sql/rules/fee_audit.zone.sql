--- rule: fee_audit.zone
--- version: 1
--- flow: fee_audit                      hop: 2                    priority: 40
--- left: sides.captured_fees            shape: one_sided
--- assign: refuse                       reason: ZONE_UNRESOLVED
-- Captures whose printed time the clock shows twice, or never, and of which no column tells the instant. None is invented.
select
  line_id as left_id,
  'its time is there twice' as why
from sides.captured_fees
where is_unresolved
