-- What `ckosql reconcile --show matches` tells of what is kept.
select matches.match_id, matches.flow, matches.rule_id as rule,
    string_agg(lines.line_id, ' ' order by lines.line_id) filter (where lines.side = 'left') as "left",
    string_agg(lines.line_id, ' ' order by lines.line_id) filter (where lines.side = 'right') as "right",
    residuals.kind as residual, residuals.amount as residual_amount, residuals.currency, matches.why
from recon.matches as matches
left join recon.match_lines as lines on lines.match_id = matches.match_id and lines.flow = matches.flow
left join recon.residuals as residuals on residuals.match_id = matches.match_id and residuals.flow = matches.flow
where matches.status = 'confirmed'
group by matches.match_id, matches.flow, matches.rule_id, residuals.kind, residuals.amount, residuals.currency, matches.why
