--- rule: actions_to_payout.billed       version: 2
--- flow: actions_to_payout              hop: 2                    priority: 20
--- left: sides.settlement_rows          shape: one_sided
-- Rows of no settlement that another settlement of that day or later has, as many times: a fee that was told with its capture,
-- and billed on another day or account. It counts there. What a file has with its settlement and without is two fees, and one
-- that was billed before is another: these are left.
with told as (
  select
    rows.line_id,
    rows.payout_id,
    rows.report_payout_id,
    settlements.payout_date,
    concat_ws(' ', rows.action_id, rows.breakdown_type, rows.currency, cast(rows.amount as text), rows.fee_detail) as told
  from sides.settlement_rows as rows
  join sides.payouts as settlements
    on settlements.payout_id = rows.report_payout_id
),
counted as (
  select
    told,
    report_payout_id,
    payout_date,
    count(payout_id) as paid,
    count(*) - count(payout_id) as unpaid
  from told
  group by told, report_payout_id, payout_date
),
billed as (
  select
    here.told,
    here.report_payout_id
  from counted as here
  join counted as later
    on later.told = here.told
    and later.report_payout_id <> here.report_payout_id
    and later.payout_date >= here.payout_date
  where here.paid = 0
  group by here.told, here.report_payout_id, here.unpaid
  having sum(later.paid) >= here.unpaid
)
select
  told.line_id as left_id,
  'another settlement has it' as why
from told
join billed
  on billed.told = told.told
  and billed.report_payout_id = told.report_payout_id
where told.payout_id is null
