--- rule: payout_to_bank.carried        version: 2
--- flow: payout_to_bank                hop: 3                    priority: 10
--- left: sides.payouts(payout_id)
--- shape: one_sided                    reason: CARRIED_FORWARD
-- A payout of nothing, or below it, that no bank line names, alone or with others: nothing was sent, and a later payout has what
-- is left. One below nothing that is taken from the account by direct debit has its line, and is matched by that.
with named as (
  select unnest(ref_extract_all(text, 'cko_payout')) as payout_id
  from sides.bank_lines
)
select
  payouts.payout_id as left_id,
  'nothing was paid out' as why
from sides.payouts as payouts
where payouts.amount <= 0
  and not exists (
    select 1
    from named
    where named.payout_id = payouts.payout_id
  )
