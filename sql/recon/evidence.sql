-- What the header of a rule has compared of a match, told from its rows: sums, currencies, days.
with changes as (
    select *, row_number() over (partition by flow, match_id order by run desc) as newest
    from kept.matches
    where run_id in (select run_id from kept.runs)
),
versions as (
    select flow, rule_id, rule_version, amount_test, window_test
    from kept.rule_versions
    where run_id in (select run_id from kept.runs)
),
sides as (
    select
        lines.flow, lines.match_id, lines.run_id,
        sum(allocated_amount) filter (where side = 'left') as left_amount,
        sum(allocated_amount) filter (where side = 'right') as right_amount,
        min(currency) filter (where side = 'left') as left_currency,
        min(currency) filter (where side = 'right') as right_currency,
        count(distinct upper(currency)) as currencies,
        min(compared_day) filter (where side = 'left') as left_from,
        max(compared_day) filter (where side = 'left') as left_to,
        min(compared_day) filter (where side = 'right') as right_from,
        max(compared_day) filter (where side = 'right') as right_to
    from kept.match_lines as lines
    group by lines.flow, lines.match_id, lines.run_id
),
told as (
    select sides.*, changes.residual_amount, versions.amount_test, versions.window_test, versions.rule_id is null as is_by_hand
    from changes
    join sides on sides.flow = changes.flow and sides.match_id = changes.match_id and sides.run_id = changes.lines_run_id
    left join versions
        on versions.flow = changes.flow and versions.rule_id = changes.rule_id and versions.rule_version = changes.rule_version
    where changes.newest = 1 and changes.status <> 'withdrawn'
)
select match_id, flow, 'amount' as field, cast(left_amount as varchar) as left_value, cast(right_amount as varchar) as right_value,
    coalesce(amount_test, 'decided by a person') as test,
    coalesce(left_amount, cast(0 as decimal(38, 8))) - coalesce(right_amount, cast(0 as decimal(38, 8)))
        = coalesce(residual_amount, cast(0 as decimal(38, 8))) as passed
from told
where amount_test is not null or (is_by_hand and coalesce(left_amount, right_amount) is not null)
union all
select match_id, flow, 'currency', left_currency, right_currency, 'the same', currencies = 1
from told
where amount_test is not null or (is_by_hand and coalesce(left_currency, right_currency) is not null)
union all
select match_id, flow, 'day',
    case when left_from = left_to then cast(left_from as varchar) else concat(cast(left_from as varchar), ' .. ', cast(left_to as varchar)) end,
    case when right_from = right_to then cast(right_from as varchar) else concat(cast(right_from as varchar), ' .. ', cast(right_to as varchar)) end,
    window_test, true
from told
where window_test is not null
