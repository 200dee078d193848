-- name: latest_reports
-- about: The latest reports that Checkout.com has made.
-- grain: report
-- keys: id
-- money: none
-- params: none
select
    id,
    created_on,
    type,
    entity_id
from reports
order by created_on desc, id
limit 5
