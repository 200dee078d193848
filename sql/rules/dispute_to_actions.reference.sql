--- rule: dispute_to_actions.reference   version: 1
--- flow: dispute_to_actions             hop: 2                    priority: 30
--- left: sides.disputes(dispute_id)     right: sides.chargebacks
--- shape: one_to_one                    assign: unique            tie: reject
--- amount: left.amount = right.amount   tolerance: 0 minor
--- window: right.booked_on in [left.received_on -1 .. +5 days]
--- covered: right by sides.report_days(day, day)
-- A row that names no payment goes by the reference, the amount and the day. It is the last rule, so it tells of disputes that
-- no report has whether they are due.
select
  disputes.dispute_id as left_id,
  chargebacks.line_id as right_id,
  'the reference is the same' as why
from sides.disputes as disputes
join sides.chargebacks as chargebacks
  on ref_norm(chargebacks.reference) = ref_norm(disputes.payment_reference)
  and chargebacks.currency = disputes.currency
  and chargebacks.amount = disputes.amount
where chargebacks.payment_id is null
