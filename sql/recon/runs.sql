select run_id, flow, run, as_of, started, ended, unchanged_since, matched, suggested, exceptions, out_of_scope, created, withdrawn, rules,
    inputs, decisions, engine, goes_by
from kept.runs
