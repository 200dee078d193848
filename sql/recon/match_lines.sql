-- Rows are written once, by the run that found the match or saw them change, and stand for all later changes of it.
select lines.match_id, lines.flow, changes.hop, lines.side, lines."table", lines.line_id, lines.allocated_amount, lines.currency, lines.day,
    changes.status
from kept.match_lines as lines
join newest.matches as changes on changes.flow = lines.flow and changes.match_id = lines.match_id and changes.lines_run_id = lines.run_id
