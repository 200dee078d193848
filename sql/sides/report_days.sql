-- side: report_days
-- about: The days that financial actions are known of: every entity that had reports of them by then has one of that day. An entity none of whose reports is of the month before the newest day of all is taken to be closed, and counts until its last.
-- grain: day of the settlement zone
-- keys: day
-- day: none
-- money: none
-- needs:
with spans as (
    select
        entity_id,
        -- Midnights of a zone that is less than twelve hours from UTC.
        cast("from" + interval '12 hours' as date) as from_date,
        cast("to" - interval '12 hours' as date) as to_date
    from report_files
    where lower(replace(report_type, ' ', '')) in ('financialactions', 'financialactionsbydaterange')
),
told as (
    select
        entity_id,
        cast(unnest(generate_series(from_date, to_date, interval '1 day')) as date) as day
    from spans
    where from_date <= to_date
),
known as (
    select
        day,
        entity_id
    from told
    group by day, entity_id
),
lives as (
    select
        entity_id,
        min(day) as first_day,
        max(day) as last_day,
        max(max(day)) over () as newest
    from known
    group by entity_id
),
expected as (
    select
        entity_id,
        cast(
            unnest(
                generate_series(
                    first_day,
                    case when last_day < newest - interval '31 days' then last_day else newest end,
                    interval '1 day'
                )
            ) as date
        ) as day
    from lives
)
select expected.day
from expected
left join known
    on known.day = expected.day
    and known.entity_id = expected.entity_id
group by expected.day
having count(*) = count(known.day)
