//! The search language of `POST /payments/search`: terms that cannot change a query's meaning, and the body.
//!
//! How a quote is escaped is not documented, so a value with anything but harmless characters is not sent at all: the
//! search then gives more rows than wanted, and the scan filters them.

use super::span::Span;

/// The term that every payment satisfies; the search refuses a request without one.
pub(super) const EVERYTHING: &str = "amount:>=0";

/// Longest expression the search takes.
const LONGEST: usize = 1024;

/// `field:'value'`, or `None` when the value cannot be sent.
pub(super) fn term(field: &str, value: &str) -> Option<String> {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b" -_.:/#@+".contains(&byte);
    let term = format!("{field}:'{value}'");
    (!value.is_empty() && value.trim() == value && value.bytes().all(harmless) && term.len() <= LONGEST).then_some(term)
}

/// The body of a search in a window.
pub(super) fn body(terms: &str, window: Span, limit: usize) -> String {
    let (from, to) = window.around();
    serde_json::json!({ "query": terms, "limit": limit, "from": from, "to": to }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_could_mean_more_is_not_sent() {
        assert_eq!(term("reference", "ORD-5023-4E89").as_deref(), Some("reference:'ORD-5023-4E89'"));
        for value in ["", " a", "a'b", "a\\", "a\"", "x' OR amount:'1", "a\nb", "é", &"a".repeat(1024)] {
            assert_eq!(term("reference", value), None, "{value}");
        }
    }

    #[test]
    fn the_body_names_the_window_a_millisecond_wider() {
        let window = Span { from: 1_600_000_000_000_000, to: 1_600_000_060_000_000 };
        insta::assert_snapshot!(body(EVERYTHING, window, 10), @r#"{"from":"2020-09-13T12:26:39.999Z","limit":10,"query":"amount:>=0","to":"2020-09-13T12:27:40.001Z"}"#);
    }
}
