--- rule: order_to_payment.amount       version: 1
--- flow: order_to_payment              hop: 1                    priority: 30
--- left: sides.orders                  right: sides.payments(payment_id)
--- shape: one_to_one                   assign: unique            tie: reject
--- amount: left.amount = right.amount  tolerance: 0 minor
--- window: right.paid_on in [left.ordered_on .. +1 days]
-- The only order and the only payment of an amount on a day and the next, where the payment has no reference.
select
  orders.line_id as left_id,
  payments.payment_id as right_id,
  'the only one of its amount on two days' as why
from sides.orders as orders
join sides.payments as payments
  on payments.currency = orders.currency
  and payments.amount = orders.amount
where payments.reference is null
