select "table", line_id, flow, run, hop, scope, reason_code, rule_id, detail, candidate_ids, amount, currency, day, event
from kept.exceptions
where run_id in (select run_id from kept.runs)
