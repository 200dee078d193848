--- rule: order_to_payment.twice        version: 1
--- flow: order_to_payment              hop: 1                    priority: 10
--- left: sides.orders                  right: sides.payments(payment_id)
--- assign: refuse                      reason: DUPLICATE_LEFT
-- An order that is in the books twice, word for word, and its payments. Which of the two is right is for people to say, so it
-- claims nothing and keeps all of them from the rules below.
with twice as (
  select
    reference,
    currency,
    amount,
    ordered_on,
    coalesce(customer_reference, '') as customer_reference
  from sides.orders
  where reference is not null
  group by reference, currency, amount, ordered_on, coalesce(customer_reference, '')
  having count(*) > 1
)
select
  orders.line_id as left_id,
  payments.payment_id as right_id,
  'the order is there twice' as why
from sides.orders as orders
join twice
  on twice.reference = orders.reference
  and twice.currency = orders.currency
  and twice.amount = orders.amount
  and twice.ordered_on = orders.ordered_on
  and twice.customer_reference = coalesce(orders.customer_reference, '')
join sides.payments as payments
  on ref_norm(payments.reference) = ref_norm(orders.reference)
