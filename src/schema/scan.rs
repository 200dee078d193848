//! JSON text, scanned once from left to right: every value is given back as the slice it is written in.
//!
//! Nothing is converted here, so an amount keeps its digits; everything that is passed over is checked against the
//! grammar, so a body that is cut anywhere is noticed. Relies on the text being UTF-8; knows nothing of tables.
//!
//! Written by hand because it is the hot path: a checked skip with sonic-rs runs at half its speed, and gives no
//! offsets, which is what makes `_raw` and the explode free.

use super::block::{HIGH, ONES, clear_bytes};
use crate::error::{Error, ErrorKind, Result};

/// Deepest nesting that is followed; the API's own is below ten.
const DEPTH: u32 = 128;

/// A JSON value as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Raw<'a> {
    /// The source text, quotes included.
    pub(super) text: &'a str,
    /// What it is.
    pub(super) form: Form,
}

/// What a JSON value is.
// A word wide: a byte would leave padding in every `Raw`, which is copied in overlapping pieces, and such copies stall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Form {
    Null,
    Bool,
    Number,
    /// A string without escapes: what is between the quotes is the text.
    Plain,
    /// A string with escapes.
    Escaped,
    Array,
    Object,
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
        loop {
            match self.peek() {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return byte,
            }
        }
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
        let byte = self.token();
        if byte == close {
            self.at += 1;
            return Ok(false);
        }
        if !std::mem::take(first) {
            self.pass(byte, b',')?;
        }
        Ok(true)
    }

    /// Passes exactly this text, if it is what comes next.
    #[inline]
    pub(super) fn pass_text(&mut self, text: &str) -> bool {
        let here = self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(text.as_bytes()));
        if here {
            self.at += text.len();
        }
        here
    }

    /// The next member's name, quotes included; passes the colon.
    #[inline]
    pub(super) fn name(&mut self) -> Result<Raw<'a>> {
        let byte = self.token();
        let start = self.at;
        self.pass(byte, b'"')?;
        let form = self.string()?;
        let name = self.since(start, form);
        let byte = self.token();
        self.pass(byte, b':')?;
        Ok(name)
    }

    /// The next value, whatever it is.
    #[inline]
    pub(super) fn value(&mut self) -> Result<Raw<'a>> {
        self.token();
        let start = self.at;
        let form = self.any(DEPTH)?;
        Ok(self.since(start, form))
    }

    /// The text from `start` to here.
    #[inline]
    pub(super) fn since(&self, start: usize, form: Form) -> Raw<'a> {
        Raw { text: self.text.get(start..self.at).unwrap_or_default(), form }
    }

    /// Checks that nothing follows.
    pub(super) fn end(&mut self) -> Result<()> {
        self.token();
        if self.at == self.text.len() { Ok(()) } else { Err(self.broken()) }
    }

    fn any(&mut self, depth: u32) -> Result<Form> {
        match self.token() {
            b'"' => {
                self.at += 1;
                self.string()
            }
            b'{' => self.members(depth),
            b'[' => self.elements(depth),
            b'n' => self.literal("null", Form::Null),
            b't' => self.literal("true", Form::Bool),
            b'f' => self.literal("false", Form::Bool),
            _ => self.number(),
        }
    }

    fn members(&mut self, depth: u32) -> Result<Form> {
        let depth = self.deeper(depth)?;
        self.open();
        let mut first = true;
        while self.more(b'}', &mut first)? {
            self.name()?;
            self.any(depth)?;
        }
        Ok(Form::Object)
    }

    fn elements(&mut self, depth: u32) -> Result<Form> {
        let depth = self.deeper(depth)?;
        self.open();
        let mut first = true;
        while self.more(b']', &mut first)? {
            self.any(depth)?;
        }
        Ok(Form::Array)
    }

    fn deeper(&self, depth: u32) -> Result<u32> {
        depth.checked_sub(1).ok_or_else(|| {
            Error::new(ErrorKind::Decode, format!("the answer is nested deeper than {DEPTH} levels")).with("byte", self.at)
        })
    }

    /// The rest of a string, after its opening quote.
    #[inline]
    fn string(&mut self) -> Result<Form> {
        let mut form = Form::Plain;
        loop {
            if let Some((block, _)) = self.text.as_bytes().get(self.at..).and_then(|rest| rest.split_first_chunk()) {
                let clear = clear_bytes(block, stops);
                self.at += clear;
                if clear == 16 {
                    continue;
                }
            }
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    return Ok(form);
                }
                b'\\' => {
                    self.escape()?;
                    form = Form::Escaped;
                }
                0..=0x1f => return Err(self.broken()),
                _ => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<()> {
        self.at += 1;
        match self.peek() {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_ascii_hexdigit() {
                        return Err(self.broken());
                    }
                    self.at += 1;
                }
            }
            _ => return Err(self.broken()),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Form> {
        if self.peek() == b'-' {
            self.at += 1;
        }
        match self.peek() {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Form::Number)
    }

    fn digits(&mut self) -> Result<()> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start { Err(self.broken()) } else { Ok(()) }
    }

    fn literal(&mut self, word: &str, form: Form) -> Result<Form> {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.broken());
        }
        self.at += word.len();
        Ok(form)
    }

    #[inline]
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    fn pass(&mut self, byte: u8, wanted: u8) -> Result<()> {
        if byte != wanted {
            return Err(self.broken());
        }
        self.at += 1;
        Ok(())
    }

    #[cold]
    fn broken(&self) -> Error {
        broken(self.at)
    }
}

fn broken(at: usize) -> Error {
    Error::new(ErrorKind::Unavailable, "the answer is cut short or not JSON").with("byte", at)
}

/// The high bit of the first of eight bytes that is a quote, backslash or control character; what stands above it has
/// no meaning.
#[inline]
fn stops(word: u64) -> u64 {
    // Subtracting sets a byte's high bit where it was smaller; a borrow reaches only bytes above a true hit, so the
    // lowest hit, the one that counts, is always true. Bytes that had the bit before are part of longer characters.
    // Flipping 0x02 puts the quote right above the control characters, and nothing else there.
    let quote_or_control = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let backslash = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
    (quote_or_control | backslash) & !word & HIGH
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
