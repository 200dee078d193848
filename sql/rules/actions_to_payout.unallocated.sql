--- rule: actions_to_payout.unallocated  version: 1
--- flow: actions_to_payout              hop: 2                    priority: 30
--- left: sides.settlement_rows          shape: one_sided
--- assign: refuse                       reason: UNALLOCATED_TO_PAYOUT
-- Rows of a settlement's file that are in no settlement, as far as is known: fees that are billed later, or on another account.
select
  line_id as left_id,
  'no settlement has it' as why
from sides.settlement_rows
where payout_id is null
