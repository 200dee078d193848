//! The grammar of JSON: functions from where something begins in a text to where it ends, behind its last byte.
//!
//! They check all that they pass over and keep nothing of it. Where a text is not JSON is an error at the byte that
//! cannot be, or at its end when it is cut. A hot path: the place is handed on by value, so that it stays in a register.

use wide::u8x16;

use super::block::find;
use crate::error::{Error, ErrorKind, Result};

/// Deepest nesting that is followed; the API's own is below ten.
pub(super) const DEPTH: u32 = 128;

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

/// The byte at a place, 0 at the end.
#[inline]
pub(super) fn byte(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

/// The end of white space.
#[inline]
pub(super) fn blank(text: &[u8], mut at: usize) -> usize {
    while matches!(byte(text, at), b' ' | b'\n' | b'\r' | b'\t') {
        at += 1;
    }
    at
}

/// The end of this very byte.
#[inline]
pub(super) fn exactly(text: &[u8], at: usize, wanted: u8) -> Result<usize> {
    if byte(text, at) == wanted { Ok(at + 1) } else { Err(broken(at)) }
}

/// The end of a value that may hold others so many levels deep, and what it is.
// Most values are strings: unless this is part of its callers, the two results of each go through memory.
#[inline(always)]
pub(super) fn value(text: &[u8], at: usize, depth: u32) -> Result<(usize, Form)> {
    match byte(text, at) {
        b'"' => string(text, at),
        b'{' => Ok((members(text, at, depth)?, Form::Object)),
        b'[' => Ok((elements(text, at, depth)?, Form::Array)),
        b'n' => Ok((literal(text, at, b"null")?, Form::Null)),
        b't' => Ok((literal(text, at, b"true")?, Form::Bool)),
        b'f' => Ok((literal(text, at, b"false")?, Form::Bool)),
        _ => Ok((number(text, at)?, Form::Number)),
    }
}

/// The end of a string, and whether it has escapes.
#[inline(always)]
pub(super) fn string(text: &[u8], at: usize) -> Result<(usize, Form)> {
    let mut at = exactly(text, at, b'"')?;
    let mut form = Form::Plain;
    loop {
        at = find(text, at, end_run);
        match byte(text, at) {
            b'"' => return Ok((at + 1, form)),
            b'\\' => at = escape(text, at + 1)?,
            _ => return Err(broken(at)),
        }
        form = Form::Escaped;
    }
}

/// The bytes of a string that do not stand for themselves.
#[inline]
fn end_run(block: u8x16) -> u8x16 {
    block.simd_eq(b'"') | block.simd_eq(b'\\') | block.simd_lt(b' ')
}

fn escape(text: &[u8], mut at: usize) -> Result<usize> {
    match byte(text, at) {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 1),
        b'u' => {
            for _ in 0..4 {
                at += 1;
                if !byte(text, at).is_ascii_hexdigit() {
                    return Err(broken(at));
                }
            }
            Ok(at + 1)
        }
        _ => Err(broken(at)),
    }
}

fn members(text: &[u8], at: usize, depth: u32) -> Result<usize> {
    let depth = deeper(depth, at)?;
    let mut at = blank(text, at + 1);
    if byte(text, at) == b'}' {
        return Ok(at + 1);
    }
    loop {
        (at, _) = string(text, at)?;
        at = exactly(text, blank(text, at), b':')?;
        (at, _) = value(text, blank(text, at), depth)?;
        at = blank(text, at);
        match byte(text, at) {
            b',' => at = blank(text, at + 1),
            b'}' => return Ok(at + 1),
            _ => return Err(broken(at)),
        }
    }
}

fn elements(text: &[u8], at: usize, depth: u32) -> Result<usize> {
    let depth = deeper(depth, at)?;
    let mut at = blank(text, at + 1);
    if byte(text, at) == b']' {
        return Ok(at + 1);
    }
    loop {
        (at, _) = value(text, at, depth)?;
        at = blank(text, at);
        match byte(text, at) {
            b',' => at = blank(text, at + 1),
            b']' => return Ok(at + 1),
            _ => return Err(broken(at)),
        }
    }
}

fn deeper(depth: u32, at: usize) -> Result<u32> {
    depth
        .checked_sub(1)
        .ok_or_else(|| Error::new(ErrorKind::Decode, format!("the answer is nested deeper than {DEPTH} levels")).with("byte", at))
}

fn literal(text: &[u8], at: usize, word: &[u8]) -> Result<usize> {
    let here = text.get(at..).is_some_and(|rest| rest.starts_with(word));
    if here { Ok(at + word.len()) } else { Err(broken(at)) }
}

fn number(text: &[u8], mut at: usize) -> Result<usize> {
    if byte(text, at) == b'-' {
        at += 1;
    }
    at = match byte(text, at) {
        b'0' => at + 1,
        _ => digits(text, at)?,
    };
    if byte(text, at) == b'.' {
        at = digits(text, at + 1)?;
    }
    if matches!(byte(text, at), b'e' | b'E') {
        at += 1;
        if matches!(byte(text, at), b'+' | b'-') {
            at += 1;
        }
        at = digits(text, at)?;
    }
    Ok(at)
}

fn digits(text: &[u8], start: usize) -> Result<usize> {
    let mut at = start;
    while byte(text, at).is_ascii_digit() {
        at += 1;
    }
    if at == start { Err(broken(at)) } else { Ok(at) }
}

/// What is said of a text that is not JSON at this byte.
#[cold]
pub(super) fn broken(at: usize) -> Error {
    Error::new(ErrorKind::Unavailable, "the answer is cut short or not JSON").with("byte", at)
}
