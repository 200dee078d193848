--- rule: balance_rollforward.chain
--- version: 1
--- flow: balance_rollforward            hop: 2                    priority: 10
--- left: sides.balance_days             shape: one_sided
--- assign: refuse                       reason: IDENTITY_BROKEN
-- Days that open with another balance than the statement before closed with, whichever of the four it is.
select
  line_id as left_id,
  'it opens with another balance than the day before closed with' as why
from sides.balance_days
where is_unchained
