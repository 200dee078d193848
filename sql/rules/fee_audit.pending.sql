--- rule: fee_audit.pending
--- version: 1
--- flow: fee_audit                      hop: 2                    priority: 50
--- left: sides.captured_fees            shape: one_sided
--- assign: refuse                       reason: FEE_PENDING
-- Captures without interchange, where others of the account and the payment method have it: it is billed days later.
select
  line_id as left_id,
  'its interchange is not told yet' as why
from sides.captured_fees
where is_pending
