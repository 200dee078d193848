select match_id, flow, residual_kind as kind, residual_amount as amount, residual_currency as currency, residual_account as account
from newest.matches
where residual_kind is not null and status <> 'withdrawn'
