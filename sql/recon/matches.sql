with latest as (
    select flow, max(run) as run from kept.runs group by flow
)
select match_id, changes.flow, hop, shape, rule_id, rule_version, status, score, margin, why, override_id, first_run,
    coalesce(last_run, latest.run) as last_run, first_seen, is_kept, superseded_by,
    amount, currency
from newest.matches as changes
join latest on latest.flow = changes.flow
