with latest as (
    select flow, as_of from (select flow, as_of, row_number() over (partition by flow order by run desc) as newest from kept.runs)
    where newest = 1
),
aged as (
    select changes.*, latest.as_of,
        cast(latest.as_of as integer) - cast(coalesce(changes.day, changes.first_seen) as integer) as age_days
    from newest.exceptions as changes
    join latest on latest.flow = changes.flow
    where scope = 'exception'
),
-- Whom people have last assigned a row to.
owners as (
    select flow, "table", line_id, owner, row_number() over (partition by flow, "table", line_id order by override_id desc) as newest
    from kept.overrides
    where action = 'assign' and override_id not in (select retracts from kept.overrides where retracts is not null)
)
select aged."table", aged.line_id, aged.flow, hop, reason_code, rule_id, detail, candidate_table, candidate_count, candidate_ids, amount, currency, day,
    first_run, first_seen, age_days,
    case
        when age_days <= 1 then '0-1'
        when age_days <= 3 then '2-3'
        when age_days <= 7 then '4-7'
        when age_days <= 30 then '8-30'
        when age_days <= 90 then '31-90'
        else '90+'
    end as ageing,
    due, owners.owner
from aged
left join owners on owners.flow = aged.flow and owners."table" = aged."table" and owners.line_id = aged.line_id and owners.newest = 1
