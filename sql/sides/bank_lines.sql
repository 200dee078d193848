-- side: bank_lines
-- about: Lines of all bank accounts that are Checkout.com's: they name a payout, or Checkout.com. payout_id is the only payout that is named. text is all that was written along, with a stroke between its parts, so that no reference is made of two of them.
-- grain: line of a bank account
-- keys: line_id
-- day: value_date
-- money: major units of currency, exact; credit positive
-- needs: bank_lines
with lines as (
    select
        line_id,
        source,
        bank_account,
        currency,
        amount,
        coalesce(value_date, booking_date) as value_date,
        counterparty,
        concat_ws(' / ', reference, end_to_end_id, remittance) as text
    from books.bank_lines
)
select
    line_id,
    source,
    bank_account,
    currency,
    amount,
    value_date,
    counterparty,
    text,
    ref_extract(text, 'cko_payout') as payout_id
from lines
where cardinality(ref_extract_all(text, 'cko_payout')) > 0
   or counterparty ilike '%checkout%'
   or text ilike '%checkout%'
