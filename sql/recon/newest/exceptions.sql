-- Why each row is left, where it is, by the last change that a complete run has made. A row that is left for the first time, or again,
-- takes the place of nothing: what was said of it before has ended with a change that has no scope.
select *
from kept.exceptions as changes
where scope is not null and run_id in (select run_id from kept.runs)
    and not exists (
        select 1
        from kept.exceptions as later
        where (later.scope is null or later.first_run < later.run) and later.run_id in (select run_id from kept.runs)
            and later.flow = changes.flow and later.hop = changes.hop and later."table" = changes."table"
            and later.line_id = changes.line_id and later.run > changes.run
    )
