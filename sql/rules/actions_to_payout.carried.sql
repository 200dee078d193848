--- rule: actions_to_payout.carried      version: 1
--- flow: actions_to_payout              hop: 2                    priority: 10
--- left: sides.settlement_rows          right: sides.payouts(payout_id)
--- assign: refuse                       reason: CARRIED_FORWARD
-- A settlement all of whose rows are in a later one of its account again: it was carried forward, or the bank sent it back, and
-- the later one has its money. Its rows count there.
with told as (
  select
    rows.line_id,
    rows.payout_id,
    settlements.payout_date,
    concat_ws(
      ' ',
      rows.currency_account_id,
      rows.action_id,
      rows.breakdown_type,
      cast(rows.amount as text),
      rows.fee_detail
    ) as told
  from sides.settlement_rows as rows
  join sides.payouts as settlements
    on settlements.payout_id = rows.payout_id
),
counted as (
  select
    *,
    count(*) over (partition by payout_id, told) as times,
    max(payout_date) over (partition by told) as last_date
  from told
),
last as (
  select
    *,
    max(case when payout_date = last_date then times end) over (partition by told) as last_times
  from counted
),
judged as (
  select
    line_id,
    payout_id,
    min(case when last_date > payout_date and last_times >= times then 1 else 0 end) over (partition by payout_id) as is_again
  from last
)
select
  line_id as left_id,
  payout_id as right_id,
  'a later settlement has all of its rows' as why
from judged
where is_again = 1
