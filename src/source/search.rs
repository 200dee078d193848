//! The search language of `POST /payments/search`: expressions that cannot change a query's meaning, and the body.
//!
//! Only what is documented without doubt is sent: `field:'value'`, bounds of amounts, and either `AND` or `OR` between
//! terms, never both, because neither their precedence nor brackets are documented. How a quote is escaped is not
//! either, so a value with anything but harmless characters is not sent at all: the search then gives more rows than
//! wanted, and the scan filters them.

use std::collections::BTreeSet;

use super::constraints::{Constraints, Numbers};
use super::span::Span;
use crate::api::config::Account;
use crate::resources::{Narrow, TermKind};

/// The term that every payment satisfies; the search refuses a request without one.
pub(super) const EVERYTHING: &str = "amount:>=0";

/// Most lists that a search is made for one by one.
const MOST_LISTS: usize = 40;
/// Longest expression the search takes.
const LONGEST: usize = 1024;

/// The narrowest expression for the constraints that surely leaves out no wanted row.
pub(super) fn expression(narrow: &[Narrow], constraints: &Constraints, account: &Account) -> String {
    let mut all: Vec<String> = Vec::new();
    let mut any: Vec<Vec<String>> = Vec::new();
    for narrow in narrow {
        let Narrow::Term { column, field, kind } = *narrow else { continue };
        if account.search_without.iter().any(|without| without == field) {
            continue;
        }
        if kind == TermKind::Amount {
            all.extend(amounts(column, field, constraints, account));
            continue;
        }
        let values: Option<Vec<String>> =
            constraints.values(column).and_then(|values| values.iter().map(|value| term(field, value)).collect());
        match values {
            Some(terms) if terms.len() == 1 => all.extend(terms),
            Some(terms) => any.push(terms),
            None => {
                let excluded = constraints.excluded(column).filter(|value| is_own_spelling(kind, value));
                all.extend(excluded.filter_map(|value| Some(format!("NOT {}", term(field, value)?))));
            }
        }
    }
    let fewest = any.into_iter().map(|terms| terms.join(" OR ")).filter(|terms| terms.len() <= LONGEST).min_by_key(String::len);
    match (joined(&all), fewest) {
        (Some(all), _) => all,
        (None, Some(any)) => any,
        (None, None) => EVERYTHING.to_owned(),
    }
}

/// Whether rows that the search takes for having a value have just this value. It compares without case: `NOT` of another
/// spelling would leave out rows that SQL wants.
fn is_own_spelling(kind: TermKind, value: &str) -> bool {
    match kind {
        TermKind::Word(words) => words.contains(&value),
        TermKind::Code => value.bytes().all(|byte| byte.is_ascii_uppercase()),
        TermKind::Text | TermKind::Amount => false,
    }
}

/// The values of a column in lists that fit into one expression each, where one for all of them does not: nothing else
/// narrows the search, and so many searches are worth it. Empty otherwise.
pub(super) fn lists(narrow: &[Narrow], constraints: &Constraints, account: &Account) -> Vec<(&'static str, BTreeSet<String>)> {
    if expression(narrow, constraints, account) != EVERYTHING {
        return Vec::new();
    }
    let lists = narrow.iter().filter_map(|narrow| match *narrow {
        Narrow::Term { column, field, .. } if !account.search_without.iter().any(|without| without == field) => {
            Some((column, split(field, constraints.values(column)?)?))
        }
        _ => None,
    });
    let fewest = lists.min_by_key(|(_, lists)| lists.len()).filter(|(_, lists)| lists.len() <= MOST_LISTS);
    fewest.into_iter().flat_map(|(column, lists)| lists.into_iter().map(move |list| (column, list))).collect()
}

/// The values in lists that fit into one expression each; `None` when one of them cannot be sent.
fn split(field: &str, values: &BTreeSet<String>) -> Option<Vec<BTreeSet<String>>> {
    let mut lists = vec![BTreeSet::new()];
    let mut length = 0;
    for value in values {
        length += term(field, value)?.len() + " OR ".len();
        if length > LONGEST {
            length = term(field, value)?.len() + " OR ".len();
            lists.push(BTreeSet::new());
        }
        lists.last_mut()?.insert(value.clone());
    }
    Some(lists)
}

/// As many of the terms as fit; to leave one out asks for more rows, not fewer.
fn joined(terms: &[String]) -> Option<String> {
    let mut expression = String::new();
    for term in terms {
        let and = if expression.is_empty() { "" } else { " AND " };
        if expression.len() + and.len() + term.len() <= LONGEST {
            expression.push_str(and);
            expression.push_str(term);
        }
    }
    (!expression.is_empty()).then_some(expression)
}

/// `field:'value'`, or `None` when the value cannot be sent.
fn term(field: &str, value: &str) -> Option<String> {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b" -_.:/#@+".contains(&byte);
    let term = format!("{field}:'{value}'");
    (!value.is_empty() && value.trim() == value && value.bytes().all(harmless) && term.len() <= LONGEST).then_some(term)
}

/// Bounds of an amount in minor units.
fn amounts(column: &str, field: &str, constraints: &Constraints, account: &Account) -> Vec<String> {
    let minor = constraints.numbers(&format!("{column}_minor"));
    let major = constraints.numbers(column).zip(constraints.value("currency"));
    let scaled = major.and_then(|(numbers, currency)| scale(numbers, account.exponents.of(currency)));
    let bounds: Vec<Numbers> = [minor, scaled].into_iter().flatten().collect();
    // In thousandths of a minor unit: a bound in between is rounded inwards, as amounts are whole.
    let least = bounds.iter().map(|numbers| numbers.least.saturating_add(999).div_euclid(1000)).max();
    let most = bounds.iter().map(|numbers| numbers.most.div_euclid(1000)).min();
    let least = least.filter(|least| (1..=i128::from(i64::MAX)).contains(least));
    let most = most.filter(|most| (0..i128::from(i64::MAX) / 1000).contains(most));
    match (least, most) {
        (Some(least), Some(most)) if least == most => vec![format!("{field}:{least}")],
        (least, most) => {
            let least = least.map(|least| format!("{field}:>={least}"));
            least.into_iter().chain(most.map(|most| format!("{field}:<={most}"))).collect()
        }
    }
}

/// Thousandths of major units as thousandths of minor ones; `None` where they are too large to be an amount.
fn scale(numbers: Numbers, exponent: u32) -> Option<Numbers> {
    let factor = 10_i128.checked_pow(exponent)?;
    let times = |number: i128, open: i128| if number == open { Some(open) } else { number.checked_mul(factor) };
    Some(Numbers { least: times(numbers.least, i128::MIN)?, most: times(numbers.most, i128::MAX)? })
}

/// The body of a search in a window.
pub(super) fn body(terms: &str, window: Span, limit: usize) -> String {
    let (from, to) = window.around();
    serde_json::json!({ "query": terms, "limit": limit, "from": from, "to": to }).to_string()
}

#[cfg(test)]
mod tests {
    use datafusion::common::ScalarValue;
    use datafusion::logical_expr::{Expr, col, lit};

    use super::*;
    use crate::api::config::AccountSettings;

    #[test]
    fn a_value_that_could_mean_more_is_not_sent() {
        assert_eq!(term("reference", "ORD-5023-4E89").as_deref(), Some("reference:'ORD-5023-4E89'"));
        for value in ["", " a", "a'b", "a\\", "a\"", "x' OR amount:'1", "a\nb", "é", &"a".repeat(1024)] {
            assert_eq!(term("reference", value), None, "{value}");
        }
    }

    const EVERY_KIND: &[Narrow] = &[
        Narrow::Term { column: "reference", field: "reference", kind: TermKind::Text },
        Narrow::Term { column: "status", field: "status", kind: TermKind::Word(&["Captured", "Partially Captured"]) },
        Narrow::Term { column: "currency", field: "currency", kind: TermKind::Code },
        Narrow::Term { column: "amount", field: "amount", kind: TermKind::Amount },
    ];

    fn sent(filters: &[Expr], without: &[&str]) -> String {
        let key = AccountSettings {
            secret_key: Some("sk_sbox_markermarkermarkermarkeraa2".to_owned().into()),
            search_without: Some(without.iter().map(|field| (*field).to_owned()).collect()),
            ..AccountSettings::default()
        };
        expression(EVERY_KIND, &Constraints::of(filters), &key.resolve("main").unwrap())
    }

    fn money(thousandths: i128) -> Expr {
        lit(ScalarValue::Decimal128(Some(thousandths), 18, 3))
    }

    #[test]
    fn major_units_are_sent_as_minor_ones_of_the_currency_that_is_asked_for() {
        let from = |currency: &str| sent(&[col("amount").gt_eq(money(12_345)), col("currency").eq(lit(currency))], &[]);
        assert_eq!(from("GBP"), "currency:'GBP' AND amount:>=1235");
        assert_eq!(from("JPY"), "currency:'JPY' AND amount:>=13");
        assert_eq!(from("KWD"), "currency:'KWD' AND amount:>=12345");
        let to = |currency: &str| sent(&[col("amount").lt(money(12_345)), col("currency").eq(lit(currency))], &[]);
        assert_eq!(to("GBP"), "currency:'GBP' AND amount:<=1234");
        assert_eq!(to("JPY"), "currency:'JPY' AND amount:<=12");
        assert_eq!(to("KWD"), "currency:'KWD' AND amount:<=12345");
        assert_eq!(sent(&[col("amount").gt_eq(money(12_345))], &[]), EVERYTHING);
    }

    #[test]
    fn bounds_in_major_and_minor_units_meet() {
        let minor = |op: fn(Expr, Expr) -> Expr, value: i64| op(col("amount_minor"), lit(value));
        assert_eq!(sent(&[minor(Expr::gt, 99), minor(Expr::lt_eq, 200)], &[]), "amount:>=99 AND amount:<=200");
        assert_eq!(sent(&[minor(Expr::eq, 100)], &[]), "amount:100");
        assert_eq!(sent(&[minor(Expr::gt_eq, -5)], &[]), EVERYTHING);
        let both = [minor(Expr::gt_eq, 500), col("amount").lt_eq(money(7_000)), col("currency").eq(lit("EUR"))];
        assert_eq!(sent(&both, &[]), "currency:'EUR' AND amount:>=500 AND amount:<=700");
    }

    #[test]
    fn only_own_spellings_are_excluded() {
        let not = |column: &str, value: &str| sent(&[col(column).not_eq(lit(value))], &[]);
        assert_eq!(not("status", "Partially Captured"), "NOT status:'Partially Captured'");
        assert_eq!(not("currency", "EUR"), "NOT currency:'EUR'");
        for (column, value) in
            [("status", "captured"), ("status", "Other"), ("currency", "eur"), ("reference", "A"), ("currency", "")]
        {
            assert_eq!(not(column, value), EVERYTHING, "{column} {value}");
        }
    }

    #[test]
    fn and_and_or_are_never_mixed_and_what_does_not_fit_is_left_out() {
        let list = |column: &str, values: &[&str]| col(column).in_list(values.iter().map(|value| lit(*value)).collect(), false);
        let two = list("currency", &["EUR", "GBP"]);
        assert_eq!(sent(std::slice::from_ref(&two), &[]), "currency:'EUR' OR currency:'GBP'");
        assert_eq!(sent(&[two, col("reference").eq(lit("A"))], &[]), "reference:'A'");
        let many: Vec<String> = (0..100).map(|number| format!("ORDER-{number:04}")).collect();
        assert_eq!(sent(&[list("reference", &many.iter().map(String::as_str).collect::<Vec<_>>())], &[]), EVERYTHING);
        assert_eq!(sent(&[list("reference", &["A", "it's"])], &[]), EVERYTHING);
    }

    #[test]
    fn a_field_that_is_not_relied_on_is_not_sent() {
        let filters = [col("status").eq(lit("Captured")), col("currency").eq(lit("EUR"))];
        assert_eq!(sent(&filters, &["status"]), "currency:'EUR'");
        assert_eq!(sent(&filters, &["status", "currency"]), EVERYTHING);
    }

    #[test]
    fn the_body_names_the_window_a_millisecond_wider() {
        let window = Span { from: 1_600_000_000_000_000, to: 1_600_000_060_000_000 };
        insta::assert_snapshot!(body(EVERYTHING, window, 10), @r#"{"from":"2020-09-13T12:26:39.999Z","limit":10,"query":"amount:>=0","to":"2020-09-13T12:27:40.001Z"}"#);
    }
}
