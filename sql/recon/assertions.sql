select flow, run, hop, identity, scope, currency, left_value, right_value, left_value - right_value as difference, rows, passed, tolerance, subject
from kept.assertions
where run_id in (select run_id from kept.runs)
