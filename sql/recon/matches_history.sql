select match_id, flow, run, hop, shape, rule_id, rule_version, status, score, why, override_id, residual_kind, residual_amount,
    residual_currency, is_kept, superseded_by, event, cause
from kept.matches
where run_id in (select run_id from kept.runs)
