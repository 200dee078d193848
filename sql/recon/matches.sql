-- The last change of each match that a complete run has made.
with latest as (
    select flow, max(run) as run from kept.runs group by flow
),
changes as (
    select *, row_number() over (partition by flow, match_id order by run desc) as newest
    from kept.matches
    where run_id in (select run_id from kept.runs)
)
select match_id, changes.flow, hop, shape, rule_id, rule_version, status, score, margin, why, override_id, first_run,
    coalesce(last_run, latest.run) as last_run, first_seen, is_kept, superseded_by
from changes
join latest on latest.flow = changes.flow
where newest = 1
