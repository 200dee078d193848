--- rule: dispute_to_actions.payment     version: 1
--- flow: dispute_to_actions             hop: 2                    priority: 20
--- left: sides.disputes(dispute_id)     right: sides.chargebacks
--- shape: one_to_many                   assign: unique            tie: reject
--- amount: left.amount = right.amount   tolerance: 0 minor
-- A dispute and all that was taken and given back of its payment, in whichever settlements: what was lost, or nothing. Which
-- row is of which dispute is not told, so several disputes of a payment are left.
select
  disputes.dispute_id as left_id,
  chargebacks.line_id as right_id,
  'the payment is the same' as why
from sides.disputes as disputes
join sides.chargebacks as chargebacks
  on chargebacks.payment_id = disputes.payment_id
