--- rule: order_to_payment.reference    version: 1
--- flow: order_to_payment              hop: 1                    priority: 20
--- left: sides.orders                  right: sides.payments(payment_id)
--- shape: one_to_many                  assign: unique            tie: reject
--- amount: left.amount = right.amount  tolerance: 0 minor
-- An order and the payments under its reference: what was captured less what was refunded is its total. It claims no payment
-- twice, as a reference that several orders have is left.
select
  orders.line_id as left_id,
  payments.payment_id as right_id,
  'the reference is the same' as why
from sides.orders as orders
join sides.payments as payments
  on ref_norm(payments.reference) = ref_norm(orders.reference)
