--- rule: fee_audit.unknown
--- version: 1
--- flow: fee_audit                      hop: 2                    priority: 20
--- left: sides.captured_fees            shape: one_sided
--- assign: refuse                       reason: UNKNOWN_BREAKDOWN_TYPE
-- Captures with a row of a type that is not known: what it counts as is not guessed.
select
  line_id as left_id,
  'a breakdown type is not known' as why
from sides.captured_fees
where unknown_types > 0
