-- The last change of each match that a complete run has made. What was created takes the place of nothing: only what else happens does,
-- which is little, and so no million of changes is put in order.
select *
from kept.matches as changes
where run_id in (select run_id from kept.runs)
    and not exists (
        select 1
        from kept.matches as later
        where (later.event is distinct from 'created') and later.run_id in (select run_id from kept.runs)
            and later.flow = changes.flow and later.match_id = changes.match_id and later.run > changes.run
    )
