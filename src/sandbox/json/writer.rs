//! A writer of JSON text: objects and arrays filled by closures, numbers written as they are.
//!
//! The stand-in writes its answers by hand because it must be free to leave keys out, to print an amount of eight
//! decimals exactly, and to vary the spelling of a value from row to row as the vendor does.

use std::fmt::{Display, Write as _};

/// JSON being written.
#[derive(Debug, Default)]
pub(crate) struct Json {
    text: String,
}

impl Json {
    /// An object, filled by `fill`, as a whole document.
    pub(crate) fn document(fill: impl FnOnce(&mut Self)) -> String {
        let mut json = Self { text: String::with_capacity(1024) };
        json.object(fill);
        json.text
    }

    /// An array, filled by `fill`, as a whole document.
    pub(crate) fn bare_array(fill: impl FnOnce(&mut Self)) -> String {
        let mut json = Self::default();
        json.between('[', ']', fill);
        json.text
    }

    /// An object as an element.
    pub(crate) fn object(&mut self, fill: impl FnOnce(&mut Self)) {
        self.separate();
        self.between('{', '}', fill);
    }

    /// A text as an element.
    pub(crate) fn element(&mut self, value: &str) {
        self.separate();
        self.quote(value);
    }

    /// An object as a member.
    pub(crate) fn member(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        self.name(name);
        self.between('{', '}', fill);
    }

    /// An array as a member.
    pub(crate) fn list(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        self.name(name);
        self.between('[', ']', fill);
    }

    /// A text as a member.
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        self.quote(value);
    }

    /// A text as a member, left out when there is none.
    pub(crate) fn some_text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// A whole number, a boolean or digits as a member, written as they are.
    pub(crate) fn plain(&mut self, name: &str, value: impl Display) {
        self.name(name);
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{value}");
    }

    /// A null as a member.
    pub(crate) fn null(&mut self, name: &str) {
        self.name(name);
        self.text.push_str("null");
    }

    /// Names are the vendor's, and need no escaping.
    fn name(&mut self, name: &str) {
        self.separate();
        self.text.push('"');
        self.text.push_str(name);
        self.text.push_str("\":");
    }

    fn between(&mut self, open: char, close: char, fill: impl FnOnce(&mut Self)) {
        self.text.push(open);
        fill(self);
        self.text.push(close);
    }

    fn separate(&mut self) {
        if !matches!(self.text.as_bytes().last(), None | Some(b'{' | b'[' | b':')) {
            self.text.push(',');
        }
    }

    fn quote(&mut self, value: &str) {
        self.text.push('"');
        let mut rest = value;
        while let Some(at) = rest.find(|letter| matches!(letter, '"' | '\\' | '\0'..='\u{1f}')) {
            let (plain, special) = rest.split_at(at);
            self.text.push_str(plain);
            let mut letters = special.chars();
            match letters.next() {
                Some(quoted @ ('"' | '\\')) => self.text.extend(['\\', quoted]),
                Some(control) => {
                    let _ = write!(self.text, "\\u{:04x}", u32::from(control));
                }
                None => {}
            }
            rest = letters.as_str();
        }
        self.text.push_str(rest);
        self.text.push('"');
    }
}

/// Digits of a decimal with this many places, without trailing zeros, as the vendor prints them.
pub(crate) fn decimal(mantissa: i128, places: u32) -> String {
    let (sign, digits) = if mantissa < 0 { ("-", mantissa.unsigned_abs()) } else { ("", mantissa.unsigned_abs()) };
    let unit = 10_u128.pow(places);
    let width = usize::try_from(places).unwrap_or(0);
    let fraction = format!("{:0width$}", digits % unit);
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{}", digits / unit),
        fraction => format!("{sign}{}.{fraction}", digits / unit),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::money::parse_decimal;

    #[test]
    fn objects_arrays_and_separators_stand_where_they_should() {
        let text = Json::document(|json| {
            json.plain("a", 1);
            json.member("b", |_| {});
            json.list("c", |json| {
                json.element("x");
                json.object(|json| json.null("y"));
            });
            json.some_text("d", None);
        });
        assert_eq!(text, r#"{"a":1,"b":{},"c":["x",{"y":null}]}"#);
        assert_eq!(Json::bare_array(|_| {}), "[]");
    }

    proptest! {
        #[test]
        fn any_text_survives(value: String) {
            let text = Json::document(|json| json.text("a", &value));
            let read: serde_json::Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(read, serde_json::json!({ "a": value }));
        }

        #[test]
        fn decimals_are_printed_exactly(mantissa in -1_000_000_000_000_000_i128..1_000_000_000_000_000) {
            prop_assert_eq!(parse_decimal(&decimal(mantissa, 8), 38, 8).unwrap(), mantissa);
        }
    }
}
