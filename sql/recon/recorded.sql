-- What is kept of each row and match, in words: `ckosql rules explain` tells it beside what the rules find now.
select matches.flow, matches.match_id, lines.line_id,
    concat('recorded: ', matches.match_id, ' is ', matches.status, ' by ',
        case when matches.override_id is null then matches.rule_id else concat('hand, override ', cast(matches.override_id as varchar)) end,
        ', hop ', cast(matches.hop as varchar), ' of ', matches.flow, ', since run ', cast(matches.first_run as varchar),
        case when matches.is_kept then '; its closed period keeps it' else '' end) as told
from recon.matches as matches
join recon.match_lines as lines on lines.match_id = matches.match_id and lines.flow = matches.flow
where matches.status <> 'withdrawn'
union all
select flow, null, line_id, concat('recorded: ', "table", ' ', line_id, ' is left, hop ', cast(hop as varchar), ' of ', flow, ': ', reason_code,
    ', since run ', cast(first_run as varchar), coalesce(concat('; ', detail), ''))
from recon.exceptions
union all
select flow, null, line_id, concat('recorded: ', "table", ' ', line_id, ' is out of scope, hop ', cast(hop as varchar), ' of ', flow, ': ',
    reason_code, ', since run ', cast(first_run as varchar))
from recon.out_of_scope
