//! JSON text, scanned once from left to right: every value is given back as the slice it is written in.
//!
//! Nothing is converted here, so an amount keeps its digits; everything that is passed over is checked against the
//! grammar, so a body that is cut anywhere is noticed. Relies on the text being UTF-8; knows nothing of tables.
//!
//! Written by hand because it is the hot path: a checked skip with sonic-rs runs at half its speed, and gives no
//! offsets, which is what makes `_raw` and the explode free.

use super::grammar::{DEPTH, Form, blank, broken, byte, exactly, string, value};
use crate::error::{Error, ErrorKind, Result};

/// A JSON value as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Raw<'a> {
    /// The source text, quotes included.
    pub(super) text: &'a str,
    /// What it is.
    pub(super) form: Form,
}

/// A place in a JSON text.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    /// The start of a body.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] when it is not UTF-8; [`ErrorKind::Unavailable`] when it ends inside a character.
    pub(super) fn new(body: &'a [u8]) -> Result<Self> {
        match std::str::from_utf8(body) {
            Ok(text) => Ok(Self { text, at: 0 }),
            Err(error) if error.error_len().is_none() => Err(broken(error.valid_up_to())),
            Err(error) => {
                Err(Error::new(ErrorKind::Decode, "the answer is not UTF-8").with("byte", error.valid_up_to()).caused_by(error))
            }
        }
    }

    /// Passes white space and gives the first byte of what follows, 0 at the end.
    #[inline]
    pub(super) fn token(&mut self) -> u8 {
        self.at = blank(self.bytes(), self.at);
        byte(self.bytes(), self.at)
    }

    /// Where the scan stands.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Enters the object or array whose first byte [`Scan::token`] just gave.
    pub(super) fn open(&mut self) {
        self.at += 1;
    }

    /// Whether another member or element follows; passes the comma before it, or the closing byte.
    #[inline]
    pub(super) fn more(&mut self, close: u8, first: &mut bool) -> Result<bool> {
        if self.token() == close {
            self.at += 1;
            return Ok(false);
        }
        if !std::mem::take(first) {
            self.at = exactly(self.bytes(), self.at, b',')?;
        }
        Ok(true)
    }

    /// Passes exactly this text, if it is what comes next.
    #[inline]
    pub(super) fn pass_text(&mut self, text: &str) -> bool {
        let here = self.bytes().get(self.at..).is_some_and(|rest| rest.starts_with(text.as_bytes()));
        if here {
            self.at += text.len();
        }
        here
    }

    /// The next member's name, quotes included; passes the colon.
    #[inline]
    pub(super) fn name(&mut self) -> Result<Raw<'a>> {
        self.token();
        let (end, form) = string(self.bytes(), self.at)?;
        let name = self.pass(end, form);
        self.token();
        self.at = exactly(self.bytes(), self.at, b':')?;
        Ok(name)
    }

    /// The next value, whatever it is.
    #[inline]
    pub(super) fn value(&mut self) -> Result<Raw<'a>> {
        self.token();
        let (end, form) = value(self.bytes(), self.at, DEPTH)?;
        Ok(self.pass(end, form))
    }

    /// The text from `start` to here.
    #[inline]
    pub(super) fn since(&self, start: usize, form: Form) -> Raw<'a> {
        Raw { text: self.text.get(start..self.at).unwrap_or_default(), form }
    }

    /// Checks that nothing follows.
    pub(super) fn end(&mut self) -> Result<()> {
        self.token();
        if self.at == self.text.len() { Ok(()) } else { Err(broken(self.at)) }
    }

    #[inline]
    fn pass(&mut self, end: usize, form: Form) -> Raw<'a> {
        let start = std::mem::replace(&mut self.at, end);
        self.since(start, form)
    }

    #[inline]
    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn whole(text: &str) -> Result<Raw<'_>> {
        let mut scan = Scan::new(text.as_bytes())?;
        let raw = scan.value()?;
        scan.end()?;
        Ok(raw)
    }

    #[test]
    fn a_value_is_given_back_as_it_is_written() {
        for (text, form) in [
            ("null", Form::Null),
            ("false", Form::Bool),
            ("-0.19526938E+2", Form::Number),
            ("\"plain text, longer than eight\"", Form::Plain),
            ("\"with \\u00e9scape and é\"", Form::Escaped),
            ("[1, [2], {\"a\": []}]", Form::Array),
            ("{ \"a\" : 1 , \"b\" : [ ] }", Form::Object),
        ] {
            assert_eq!(whole(&format!(" {text}\n")).unwrap(), Raw { text, form });
        }
    }

    #[test]
    fn what_serde_json_refuses_is_refused() {
        for text in [
            "",
            " ",
            "nul",
            "tru",
            "01",
            "1.",
            ".5",
            "+1",
            "-",
            "1e",
            "\"",
            "\"\t\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\":1 \"b\":2}",
            "[1]]",
            "1 2",
            "{}x",
            "\u{feff}1",
        ] {
            assert_eq!(whole(text).map_err(|error| error.kind()), Err(ErrorKind::Unavailable), "{text}");
            assert!(serde_json::from_str::<IgnoredAny>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_hostile_nesting_is_an_error_not_a_crash() {
        let deep = "[".repeat(1_000_000);
        assert_eq!(whole(&deep).map_err(|error| error.kind()), Err(ErrorKind::Decode));
    }

    #[test]
    fn a_body_that_is_not_utf8_is_told_from_one_cut_inside_a_character() {
        let kind = |body| Scan::new(body).map(|_| ()).map_err(|error| error.kind());
        assert_eq!(kind(b"\"\xff\""), Err(ErrorKind::Decode));
        assert_eq!(kind(b"\"\xc3"), Err(ErrorKind::Unavailable));
    }

    proptest! {
        /// Documents made by rules, then one byte of them replaced: the verdict is serde_json's.
        #[test]
        fn the_grammar_is_that_of_serde_json(text in document(), at in any::<prop::sample::Index>(), byte in "[ -~\t]") {
            prop_assert!(whole(&text).is_ok(), "{}", text);
            let mut broken = text.clone();
            let at = at.index(text.len());
            if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
                broken.replace_range(at..=at, &byte);
            }
            prop_assert_eq!(whole(&broken).is_ok(), serde_json::from_str::<IgnoredAny>(&broken).is_ok(), "{}", broken);
        }
    }

    fn document() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            any::<bool>().prop_map(|flag| flag.to_string()),
            any::<i64>().prop_map(|number| number.to_string()),
            "-?(0|[1-9][0-9]{0,5})(\\.[0-9]{1,8})?(e[+-]?[0-9])?",
            ".*".prop_map(|text| serde_json::to_string(&text).unwrap()),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            let pair = ("[a-z\\\\\"]{0,12}", inner.clone());
            prop_oneof![
                prop::collection::vec(inner, 0..6).prop_map(|all| format!("[{}]", all.join(", "))),
                prop::collection::vec(pair, 0..6).prop_map(|all| {
                    let members =
                        all.into_iter().map(|(name, value)| format!("{}:{value}", serde_json::to_string(&name).unwrap()));
                    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
                }),
            ]
        })
    }
}
