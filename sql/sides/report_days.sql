-- side: report_days
-- about: The days that financial actions are known of: every entity that has reports of them has one of that day.
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
days as (
    select
        entity_id,
        unnest(generate_series(from_date, to_date, interval '1 day')) as day
    from spans
    where from_date <= to_date
),
counted as (
    select
        cast(day as date) as day,
        count(distinct entity_id) as entities
    from days
    group by cast(day as date)
),
known as (
    select
        day,
        entities,
        max(entities) over () as most
    from counted
)
select day
from known
where entities = most
