-- What the header of a rule has compared of a match, told from its rows: sums, currencies, days. And what people had set apart from
-- them, so that it was no candidate.
with versions as (
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
    from newest.matches as changes
    join sides on sides.flow = changes.flow and sides.match_id = changes.match_id and sides.run_id = changes.lines_run_id
    left join versions
        on versions.flow = changes.flow and versions.rule_id = changes.rule_id and versions.rule_version = changes.rule_version
    where changes.status <> 'withdrawn'
),
decided as (
    select overrides.flow, override_id, side, "table", line_id,
        concat(who, ' has set them apart on ', cast(cast(made_at as date) as varchar), ', override ', cast(override_id as varchar), ': ', why) as said
    from kept.overrides as overrides
    join (select flow, max(started) as started from kept.runs group by flow) as latest on latest.flow = overrides.flow
    where action = 'unmatch' and made_at <= latest.started
        and override_id not in (select retracts from kept.overrides where retracts is not null)
),
-- Of one and one, each with the other: a group that is set apart leaves its rows candidates.
pairs as (
    select own.flow, own.override_id, own.said, own."table", own.line_id, other."table" as other_table, other.line_id as other_id
    from decided as own
    join decided as other on other.override_id = own.override_id and other.side <> own.side
    where own.override_id in (select override_id from decided group by override_id having count(*) = 2)
),
apart as (
    select told.match_id, told.flow, pairs.override_id, pairs.said,
        case when lines.side = 'right' then pairs.other_id end as left_id, case when lines.side = 'left' then pairs.other_id end as right_id
    from told
    join kept.match_lines as lines on lines.flow = told.flow and lines.match_id = told.match_id and lines.run_id = told.run_id
    join pairs on pairs.flow = lines.flow and pairs."table" = lines."table" and pairs.line_id = lines.line_id
    left join kept.match_lines as own
        on own.flow = told.flow and own.match_id = told.match_id and own.run_id = told.run_id
            and own."table" = pairs.other_table and own.line_id = pairs.other_id
    where own.line_id is null
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
union all
select match_id, flow, 'set apart', string_agg(left_id, ' ' order by override_id), string_agg(right_id, ' ' order by override_id),
    string_agg(said, '; ' order by override_id), true
from apart
group by match_id, flow
