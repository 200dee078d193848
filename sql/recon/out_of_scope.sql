select "table", line_id, flow, hop, reason_code, rule_id, detail, amount, currency, day, first_run
from newest.exceptions
where scope = 'out_of_scope'
