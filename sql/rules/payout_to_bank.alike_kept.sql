--- rule: payout_to_bank.alike_kept     version: 1
--- flow: payout_to_bank                hop: 3                    priority: 55
--- left: sides.payouts(payout_id)      right: sides.bank_lines
--- assign: refuse                      reason: SUGGESTED
--- window: right.value_date in [left.payout_date .. +5 business days]   calendar: WEEKENDS
-- What the next rule suggests, kept from those below: another line of its amount may be the payout's only if this one is not, and
-- that is for people to say.
select
  payouts.payout_id as left_id,
  lines.line_id as right_id,
  'a line of its amount is suggested' as why
from sides.payouts as payouts
join sides.bank_lines as lines
  on ref_fold(ref_extract(lines.text, 'cko_payout')) = ref_fold(payouts.payout_id)
  and lines.currency = payouts.currency
  and lines.amount = payouts.amount
where ref_extract(lines.text, 'cko_payout') <> payouts.payout_id
