-- What `ckosql reconcile --show exceptions` tells of what is kept.
select flow, hop, "table", line_id, reason_code as reason, rule_id as rule, detail, candidate_ids as candidates
from recon.exceptions
