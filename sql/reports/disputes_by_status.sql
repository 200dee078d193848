-- name: disputes_by_status
-- about: Disputes by state, and when one last moved.
-- grain: status
-- keys: status
-- money: none
-- params: none
select
    status,
    count(*) as disputes,
    max(last_update) as last_update
from disputes
group by status
order by status
