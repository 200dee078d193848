select runs.started as at, changes.flow, changes.run, changes.event, changes.cause, changes.match_id, cast(null as varchar) as "table",
    cast(null as varchar) as line_id, changes.rule_id, coalesce(changes.event_detail, changes.superseded_by) as detail
from kept.matches as changes
join kept.runs as runs on runs.run_id = changes.run_id
union all
select runs.started, changes.flow, changes.run, changes.event, coalesce(changes.cause, 'restatement'), null, changes."table", changes.line_id, changes.rule_id,
    case when changes.event <> 'restated' then changes.detail end
from kept.exceptions as changes
join kept.runs as runs on runs.run_id = changes.run_id
where changes.event is not null
