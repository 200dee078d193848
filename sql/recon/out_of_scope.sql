with changes as (
    select *, row_number() over (partition by flow, hop, "table", line_id order by run desc) as newest
    from kept.exceptions
    where run_id in (select run_id from kept.runs)
)
select "table", line_id, flow, hop, reason_code, rule_id, detail, amount, currency, day, first_run
from changes
where newest = 1 and scope = 'out_of_scope'
