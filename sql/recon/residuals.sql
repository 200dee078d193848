with changes as (
    select *, row_number() over (partition by flow, match_id order by run desc) as newest
    from kept.matches
    where run_id in (select run_id from kept.runs)
)
select match_id, flow, residual_kind as kind, residual_amount as amount, residual_currency as currency, residual_account as account
from changes
where newest = 1 and residual_kind is not null and status <> 'withdrawn'
