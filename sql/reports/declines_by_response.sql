-- name: declines_by_response
-- about: Declined authorisations, by the reason that was given.
-- grain: response_code
-- keys: response_code, response_summary
-- money: none
-- params: none
select
    response_code,
    response_summary,
    count(*) as declines,
    count(distinct payment_id) as payments
from payment_actions
where type = 'Authorization'
    and status = 'Declined'
group by response_code, response_summary
order by declines desc, response_code
