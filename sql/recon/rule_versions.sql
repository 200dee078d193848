select rule_id, rule_version, flow, hop, priority, left_table, right_table, shape, amount_test, window_test, residual, sql_text, run as first_run, loaded_at
from kept.rule_versions
where run_id in (select run_id from kept.runs)
