--- rule: actions_to_payout.billed       version: 1
--- flow: actions_to_payout              hop: 2                    priority: 20
--- left: sides.settlement_rows          shape: one_sided
-- Rows of no settlement that a settlement has as well, as many times as a file has them: a fee that was told with its capture,
-- and billed on another day or account. They count there.
with told as (
  select
    line_id,
    payout_id,
    file_id,
    concat_ws(' ', action_id, breakdown_type, currency, cast(amount as text), fee_detail) as told
  from sides.settlement_rows
),
counted as (
  select
    line_id,
    payout_id,
    count(payout_id) over (partition by told) as paid,
    count(*) over (partition by told, file_id, payout_id) as times
  from told
)
select
  line_id as left_id,
  'another settlement has it' as why
from counted
where payout_id is null
  and paid >= times
