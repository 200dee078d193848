//! The query language of `POST /payments/search`, as far as the vendor's documentation tells it.
//!
//! ```text
//! amount:>=100 AND (status:'Captured' OR NOT currency:'GBP')
//! ```
//!
//! A query is read into a tree and asked of one core row at a time; nothing is indexed.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::vec::IntoIter;

use super::card::Card;
use super::json::payment_type;
use super::merchant::Merchant;
use super::payment::Payment;
use super::vault::customer_email;

/// Why a query is refused: the vendor's error code.
pub(super) type Refused = &'static str;

const UNKNOWN_FIELD: Refused = "query_field_invalid";
const MALFORMED: Refused = "query_invalid";

/// A query, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Query {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Is(Field, Comparison, String),
}

/// A field of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Amount,
    Bin,
    Currency,
    Email,
    Id,
    Issuer,
    IssuingCountry,
    Last4,
    PaymentMethod,
    PaymentType,
    Reference,
    Scheme,
    Status,
}

const FIELDS: [(&str, Field); 13] = [
    ("amount", Field::Amount),
    ("bin", Field::Bin),
    ("currency", Field::Currency),
    ("email", Field::Email),
    ("id", Field::Id),
    ("issuer", Field::Issuer),
    ("issuing_country", Field::IssuingCountry),
    ("last4", Field::Last4),
    ("payment_method", Field::PaymentMethod),
    ("payment_type", Field::PaymentType),
    ("reference", Field::Reference),
    ("scheme", Field::Scheme),
    ("status", Field::Status),
];

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Colon,
    Comparison(Comparison),
    Word(String),
    Quoted(String),
}

impl Query {
    /// Reads a query.
    pub(super) fn parse(text: &str) -> Result<Self, Refused> {
        let mut tokens = tokens_of(text)?.into_iter().peekable();
        let query = any_of(&mut tokens)?;
        if tokens.next().is_some() { Err(MALFORMED) } else { Ok(query) }
    }

    /// Whether it says anything of a field.
    pub(super) fn names(&self, name: &str) -> bool {
        match self {
            Self::And(queries) | Self::Or(queries) => queries.iter().any(|query| query.names(name)),
            Self::Not(query) => query.names(name),
            Self::Is(field, ..) => FIELDS.contains(&(name, *field)),
        }
    }

    /// Whether a payment is meant.
    pub(super) fn admits(&self, merchant: &Merchant, payment: &Payment) -> bool {
        match self {
            Self::And(all) => all.iter().all(|query| query.admits(merchant, payment)),
            Self::Or(any) => any.iter().any(|query| query.admits(merchant, payment)),
            Self::Not(query) => !query.admits(merchant, payment),
            Self::Is(Field::Amount, comparison, value) => {
                value.parse::<i64>().is_ok_and(|value| comparison.holds(payment.amount.cmp(&value)))
            }
            Self::Is(field, _, value) => field.equals(merchant, payment, value),
        }
    }
}

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Field {
    /// Whether the field has this value; ids and references by letter, words without case.
    fn equals(self, merchant: &Merchant, payment: &Payment, value: &str) -> bool {
        let card = || (!payment.is_payout()).then(|| Card::of(merchant.seed(), payment));
        let same = |word: &str| word.eq_ignore_ascii_case(value);
        match self {
            Self::Id => merchant.payment_id(payment.index) == value,
            Self::Reference => merchant.reference(payment).as_deref() == Some(value),
            Self::Amount => value.parse() == Ok(payment.amount),
            Self::Currency => same(payment.currency.code),
            Self::Status => same(payment.status.word()),
            Self::PaymentType => same(payment_type(payment)),
            Self::PaymentMethod => same(if payment.is_payout() { "currency_account" } else { "card" }),
            Self::Email => !payment.is_payout() && same(&customer_email(payment.customer)),
            Self::Bin => card().is_some_and(|card| card.product.bin == value),
            Self::Issuer => card().is_some_and(|card| same(card.product.issuer)),
            Self::Scheme => card().is_some_and(|card| same(card.product.scheme)),
            Self::Last4 => card().is_some_and(|card| card.last4 == value),
            Self::IssuingCountry => card().is_some_and(|card| same(card.issuer_country)),
        }
    }
}

type Tokens = Peekable<IntoIter<Token>>;

fn any_of(tokens: &mut Tokens) -> Result<Query, Refused> {
    let mut queries = vec![all_of(tokens)?];
    while tokens.next_if(|token| is_word(token, "OR")).is_some() {
        queries.push(all_of(tokens)?);
    }
    Ok(if queries.len() == 1 { queries.remove(0) } else { Query::Or(queries) })
}

fn all_of(tokens: &mut Tokens) -> Result<Query, Refused> {
    let mut queries = vec![one(tokens)?];
    while tokens.next_if(|token| is_word(token, "AND")).is_some() {
        queries.push(one(tokens)?);
    }
    Ok(if queries.len() == 1 { queries.remove(0) } else { Query::And(queries) })
}

fn one(tokens: &mut Tokens) -> Result<Query, Refused> {
    match tokens.next().ok_or(MALFORMED)? {
        token if is_word(&token, "NOT") => Ok(Query::Not(Box::new(one(tokens)?))),
        Token::Open => {
            let query = any_of(tokens)?;
            tokens.next_if_eq(&Token::Close).ok_or(MALFORMED)?;
            Ok(query)
        }
        Token::Word(name) => {
            let (_, field) = FIELDS.iter().find(|(known, _)| *known == name).ok_or(UNKNOWN_FIELD)?;
            tokens.next_if_eq(&Token::Colon).ok_or(MALFORMED)?;
            comparison(*field, tokens)
        }
        _ => Err(MALFORMED),
    }
}

fn comparison(field: Field, tokens: &mut Tokens) -> Result<Query, Refused> {
    let mut how = Comparison::Equal;
    if let Some(Token::Comparison(comparison)) = tokens.next_if(|token| matches!(token, Token::Comparison(_))) {
        how = comparison;
    }
    let (Token::Word(value) | Token::Quoted(value)) = tokens.next().ok_or(MALFORMED)? else {
        return Err(MALFORMED);
    };
    let is_number = field == Field::Amount;
    if is_number && value.parse::<i64>().is_err() || !is_number && how != Comparison::Equal {
        return Err(MALFORMED);
    }
    Ok(Query::Is(field, how, value))
}

fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(found) if found == word)
}

fn tokens_of(text: &str) -> Result<Vec<Token>, Refused> {
    let mut letters = text.chars().peekable();
    let mut tokens = Vec::new();
    while let Some(letter) = letters.next() {
        let token = match letter {
            _ if letter.is_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            ':' => Token::Colon,
            '<' if letters.next_if_eq(&'=').is_some() => Token::Comparison(Comparison::LessOrEqual),
            '>' if letters.next_if_eq(&'=').is_some() => Token::Comparison(Comparison::GreaterOrEqual),
            '<' => Token::Comparison(Comparison::Less),
            '>' => Token::Comparison(Comparison::Greater),
            '\'' => Token::Quoted(quoted(&mut letters)?),
            first => {
                let mut word = String::from(first);
                while let Some(next) = letters.next_if(|next| !next.is_whitespace() && !"():<>'".contains(*next)) {
                    word.push(next);
                }
                Token::Word(word)
            }
        };
        tokens.push(token);
    }
    Ok(tokens)
}

/// The rest of a quoted text, whose quotes and backslashes are escaped by a backslash.
fn quoted(letters: &mut impl Iterator<Item = char>) -> Result<String, Refused> {
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => return Ok(text),
            '\\' => text.push(letters.next().ok_or(MALFORMED)?),
            _ => text.push(letter),
        }
    }
    Err(MALFORMED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::MerchantOptions;

    fn count(text: &str, wanted: impl Fn(&Payment) -> bool) -> usize {
        let merchant = Merchant::new(MerchantOptions { payments: 400, ..MerchantOptions::default() });
        let query = Query::parse(text).unwrap();
        let admitted: Vec<u64> = merchant.all_payments().filter(|p| query.admits(&merchant, p)).map(|p| p.index).collect();
        let expected: Vec<u64> = merchant.all_payments().filter(wanted).map(|p| p.index).collect();
        assert_eq!(admitted, expected, "{text}");
        admitted.len()
    }

    #[test]
    fn operators_bind_as_usual() {
        assert_eq!(count("amount:>=0", |_| true), 400);
        let some = count("amount:>2000 AND amount:<=9000", |p| p.amount > 2000 && p.amount <= 9000);
        assert!((1..400).contains(&some));
        count("currency:'EUR' OR currency:'gbp' AND NOT status:'captured'", |p| {
            p.currency.code == "EUR" || p.currency.code == "GBP" && p.status.word() != "Captured"
        });
        count("(currency:'EUR' OR currency:'GBP') AND payment_method:card", |p| {
            (p.currency.code == "EUR" || p.currency.code == "GBP") && !p.is_payout()
        });
    }

    #[test]
    fn every_field_is_known_and_words_are_compared_without_case() {
        let merchant = Merchant::new(MerchantOptions { payments: 400, ..MerchantOptions::default() });
        let sale = |p: &Payment| !p.is_payout();
        let payment = merchant.all_payments().find(sale).unwrap();
        let card = |p: &Payment| Card::of(merchant.seed(), p);
        let own = card(&payment);
        let is = |field: &str, value: &str, wanted: &dyn Fn(&Payment) -> bool| {
            assert!(count(&format!("{field}:'{value}'"), wanted) > 0);
        };
        let id = merchant.payment_id(payment.index);
        is("id", &id, &|p| p.index == payment.index);
        let reference = merchant.reference(&payment).unwrap();
        is("reference", &reference, &|p| merchant.reference(p).as_deref() == Some(&reference));
        is("bin", own.product.bin, &|p| sale(p) && card(p).product.bin == own.product.bin);
        is("last4", &own.last4, &|p| sale(p) && card(p).last4 == own.last4);
        is("scheme", "VISA", &|p| sale(p) && card(p).product.scheme == "Visa");
        is("issuer", "sample bank one", &|p| sale(p) && card(p).product.issuer == "SAMPLE BANK ONE");
        is("issuing_country", "gb", &|p| sale(p) && card(p).issuer_country == "GB");
        is("email", &customer_email(payment.customer), &|p| sale(p) && p.customer == payment.customer);
        is("payment_type", "recurring", &|p| payment_type(p) == "Recurring");
        is("payment_method", "currency_account", &Payment::is_payout);
        is("status", "card verified", &|p| p.status.word() == "Card Verified");
        is("currency", "eur", &|p| p.currency.code == "EUR");
        count(&format!("amount:{}", payment.amount), |p| p.amount == payment.amount);
        count(&format!("amount:<{0} OR amount:>{0}", payment.amount), |p| p.amount != payment.amount);
        assert_eq!(count(&format!("id:'{}'", id.to_uppercase()), |_| false), 0);
    }

    #[test]
    fn quotes_are_escaped_by_a_backslash() {
        let query = Query::parse(r"reference:'it\'s a \\'").unwrap();
        assert_eq!(query, Query::Is(Field::Reference, Comparison::Equal, r"it's a \".to_owned()));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        assert_eq!(Query::parse("shoe_size:43"), Err(UNKNOWN_FIELD));
        for text in [
            "",
            "amount",
            "amount:",
            "amount:x",
            "currency:>'EUR'",
            "(amount:1",
            "amount:1)",
            "amount:1 amount:2",
            "id:'x",
            "AND",
            "amount:1 and amount:2",
            "amount:=1",
            "amount:1.5",
            "Currency:'EUR'",
            "currency:('EUR','GBP')",
            "currency:>='EUR'",
            "NOT",
        ] {
            assert!(Query::parse(text).is_err(), "{text}");
        }
    }
}
