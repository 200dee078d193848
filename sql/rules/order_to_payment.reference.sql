--- rule: order_to_payment.reference    version: 1
--- flow: order_to_payment              hop: 1                    priority: 10
--- left: orders                        right: paid(payment_id)
--- shape: one_to_many                  assign: unique            tie: reject
--- amount: left.amount = right.amount  tolerance: 0 minor
-- An order and the payments that were approved under its reference: what was captured less what was refunded is its total.
select
  orders.line_id as left_id,
  paid.payment_id as right_id,
  'the reference is the same' as why
from orders
join paid
  on ref_norm(paid.reference) = ref_norm(orders.reference)
