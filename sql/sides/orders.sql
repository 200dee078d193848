-- side: orders
-- about: Orders of all shops that something is to be paid for. Which orders are in the books at all is for the source's `where` to say.
-- grain: order
-- keys: line_id
-- day: ordered_on
-- money: major units of currency, exact
-- needs: orders
select
    line_id,
    source,
    reference,
    currency,
    amount,
    cast(ordered_at as date) as ordered_on,
    status,
    customer_reference
from books.orders
where amount <> 0
