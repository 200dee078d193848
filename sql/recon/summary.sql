-- What `ckosql reconcile` tells: how many matches and rows there are of each kind and age, and their amounts by currency.
select flow, hop, case status when 'confirmed' then 'matched' else 'suggested' end as what, rule_id as rule,
    cast(null as varchar) as "table", cast(null as varchar) as ageing, currency, count(*) as count, sum(amount) as amount
from recon.matches
where status <> 'withdrawn'
group by flow, hop, status, rule_id, currency
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
