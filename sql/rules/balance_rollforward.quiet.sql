--- rule: balance_rollforward.quiet
--- version: 1
--- flow: balance_rollforward            hop: 2                    priority: 40
--- left: sides.balance_days             shape: one_sided
-- Days on which nothing changed: no financial action is expected for them.
select
  line_id as left_id,
  'nothing moved' as why
from sides.balance_days
where amount = 0
