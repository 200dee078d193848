-- What `ckosql reconcile` tells: how many matches and rows there are of each kind and age, and their amounts by currency.
with found as (
    select matches.match_id, matches.flow, matches.hop, matches.status, matches.rule_id, max(upper(lines.currency)) as currency,
        sum(lines.allocated_amount) filter (where lines.side = 'left') as amount
    from recon.matches as matches
    left join recon.match_lines as lines on lines.match_id = matches.match_id and lines.flow = matches.flow
    where matches.status <> 'withdrawn'
    group by 1, 2, 3, 4, 5
)
select flow, hop, case status when 'confirmed' then 'matched' else 'suggested' end as what, rule_id as rule,
    cast(null as varchar) as "table", cast(null as varchar) as ageing, currency, count(*) as count, sum(amount) as amount
from found
group by 1, 2, 3, 4, 7
union all
select flow, hop, 'out_of_scope', rule_id, "table", null, upper(currency), count(*), sum(amount)
from recon.out_of_scope
group by flow, hop, rule_id, "table", upper(currency)
union all
select flow, hop, reason_code, rule_id, "table", ageing, upper(currency), count(*), sum(amount)
from recon.exceptions
group by flow, hop, reason_code, rule_id, "table", ageing, upper(currency)
union all
select told.flow, null, case identity when 'none' then 'broken' else concat(identity, ' broken') end, scope, null, null, upper(currency),
    count(*), sum(difference)
from recon.assertions as told
join (select flow, max(run) as run from recon.runs group by flow) as latest on latest.flow = told.flow and latest.run = told.run
where not passed
group by told.flow, identity, scope, upper(currency)
