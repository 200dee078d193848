//! `COPY (…) TO STDOUT`: rows in PostgreSQL's text, csv or binary manner.

use bytes::{BufMut, BytesMut};

use super::failure::Failure;
use super::frontend::Format;
use super::rows::{Cells, put_length, write_value};
use super::types::Column;
use crate::error::Result;

/// The signature, no flags, and no extension.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// How rows are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Manner {
    /// Fields with tabs between them, and backslashes before what would be read otherwise.
    Text(Separated),
    /// Fields with commas between them, in quotes where needed.
    Csv(Separated),
    Binary,
}

/// What stands between fields, for nothing, and above the first row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Separated {
    delimiter: u8,
    null: String,
    has_header: bool,
}

impl Manner {
    pub(super) fn text() -> Self {
        Self::Text(Separated { delimiter: b'\t', null: "\\N".to_owned(), has_header: false })
    }

    pub(super) fn csv() -> Self {
        Self::Csv(Separated { delimiter: b',', null: String::new(), has_header: false })
    }

    /// Puts this between fields.
    ///
    /// # Errors
    /// A failure when it cannot stand there.
    pub(super) fn delimit(&mut self, delimiter: char) -> Result<(), Failure> {
        let wrong = || Failure::new("22023", "COPY delimiter cannot be that");
        let byte = u8::try_from(delimiter)
            .ok()
            .filter(|byte| byte.is_ascii() && !b"\\\r\n\".".contains(byte) && !byte.is_ascii_alphanumeric());
        self.separated()?.delimiter = byte.ok_or_else(wrong)?;
        Ok(())
    }

    /// Writes this for nothing.
    ///
    /// # Errors
    /// A failure in binary, or when it would be read as a line's end.
    pub(super) fn show_null(&mut self, null: &str) -> Result<(), Failure> {
        if null.contains(['\r', '\n']) {
            return Err(Failure::new("22023", "COPY null cannot have line ends"));
        }
        null.clone_into(&mut self.separated()?.null);
        Ok(())
    }

    /// Writes the names of the columns first, or not.
    ///
    /// # Errors
    /// A failure in binary.
    pub(super) fn head(&mut self, has_header: bool) -> Result<(), Failure> {
        self.separated()?.has_header = has_header;
        Ok(())
    }

    fn separated(&mut self) -> Result<&mut Separated, Failure> {
        match self {
            Self::Text(separated) | Self::Csv(separated) => Ok(separated),
            Self::Binary => Err(Failure::new("42601", "COPY in binary has neither delimiter, null nor header")),
        }
    }

    pub(super) fn format(&self) -> Format {
        if *self == Self::Binary { Format::Binary } else { Format::Text }
    }

    /// Whether a byte in a field does not stand for itself.
    fn is_special(&self, byte: u8) -> bool {
        match self {
            Self::Text(separated) => escaped(separated, byte).is_some(),
            Self::Csv(separated) => matches!(byte, b'"' | b'\n' | b'\r') || byte == separated.delimiter,
            Self::Binary => false,
        }
    }

    /// Writes a field of which not all stands for itself.
    fn put_field(&self, separated: &Separated, field: &[u8], out: &mut BytesMut) {
        match self {
            Self::Csv(_) => put_csv(field, out),
            _ => put_text(separated, field, out),
        }
    }
}

/// Rows on their way, in a manner.
pub(super) struct Copy<'a> {
    manner: &'a Manner,
    columns: &'a [Column],
    is_begun: bool,
    /// Which bytes do not stand for themselves.
    special: [bool; 256],
}

impl<'a> Copy<'a> {
    pub(super) fn new(manner: &'a Manner, columns: &'a [Column]) -> Self {
        let mut special = [false; 256];
        (0..=u8::MAX).zip(&mut special).for_each(|(byte, special)| *special = manner.is_special(byte));
        Self { manner, columns, is_begun: false, special }
    }

    /// Writes a row, and before the first what stands above it.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Decode`] when it is longer than a message may be.
    pub(super) fn write_row(&mut self, cells: &[Cells<'_>], row: usize, out: &mut BytesMut) -> Result<()> {
        self.write_header(out)?;
        let signature = self.signature();
        data(out, |out| match self.manner {
            Manner::Binary => {
                out.put_slice(signature);
                out.put_u16(u16::try_from(cells.len()).unwrap_or(u16::MAX));
                cells.iter().try_for_each(|cells| write_value(cells, row, out))
            }
            Manner::Text(separated) | Manner::Csv(separated) => {
                for (index, cells) in cells.iter().enumerate() {
                    if index > 0 {
                        out.put_u8(separated.delimiter);
                    }
                    if cells.is_null(row) {
                        out.put_slice(separated.null.as_bytes());
                        continue;
                    }
                    let begin = out.len();
                    cells.write(row, out)?;
                    self.end_field(separated, begin, out);
                }
                out.put_u8(b'\n');
                Ok(())
            }
        })
    }

    /// Writes a field in the manner that was written from here on as it is. Nearly all fields stand for themselves, and stay.
    fn end_field(&self, separated: &Separated, begin: usize, out: &mut BytesMut) {
        let field = out.get(begin..).unwrap_or_default();
        // What reads as nothing, or as the end of all, is not that.
        let is_word = matches!(self.manner, Manner::Csv(_)) && (field == separated.null.as_bytes() || field == b"\\.");
        if is_word || field.iter().any(|byte| self.special.get(usize::from(*byte)).copied().unwrap_or_default()) {
            let field = field.to_vec();
            out.truncate(begin);
            self.manner.put_field(separated, &field, out);
        }
    }

    /// Writes what stands after the last row.
    ///
    /// # Errors
    /// As [`write_row`](Self::write_row).
    pub(super) fn write_end(&mut self, out: &mut BytesMut) -> Result<()> {
        self.write_header(out)?;
        let signature = self.signature();
        match self.manner {
            Manner::Binary => data(out, |out| {
                out.put_slice(signature);
                out.put_i16(-1);
                Ok(())
            }),
            _ => Ok(()),
        }
    }

    /// What binary begins with, in one message with what comes first: clients look for it there.
    fn signature(&mut self) -> &'static [u8] {
        let is_begun = std::mem::replace(&mut self.is_begun, true);
        if is_begun { &[] } else { SIGNATURE }
    }

    /// Writes the names of the columns, where they are wanted and not yet written.
    fn write_header(&mut self, out: &mut BytesMut) -> Result<()> {
        match self.manner {
            Manner::Text(separated) | Manner::Csv(separated) if separated.has_header && !self.is_begun => data(out, |out| {
                for (index, column) in self.columns.iter().enumerate() {
                    if index > 0 {
                        out.put_u8(separated.delimiter);
                    }
                    let begin = out.len();
                    out.put_slice(column.name.as_bytes());
                    self.end_field(separated, begin, out);
                }
                out.put_u8(b'\n');
                Ok(())
            }),
            _ => Ok(()),
        }
    }
}

/// Writes a `CopyData` message.
fn data(out: &mut BytesMut, write: impl FnOnce(&mut BytesMut) -> Result<()>) -> Result<()> {
    out.put_u8(b'd');
    let length_at = out.len();
    out.put_i32(0);
    write(out)?;
    put_length(out, length_at, 0)
}

/// What a byte is written as after a backslash, where it does not stand for itself.
fn escaped(separated: &Separated, byte: u8) -> Option<u8> {
    match byte {
        b'\\' => Some(b'\\'),
        b'\n' => Some(b'n'),
        b'\r' => Some(b'r'),
        b'\t' => Some(b't'),
        0x08 => Some(b'b'),
        0x0b => Some(b'v'),
        0x0c => Some(b'f'),
        byte => (byte == separated.delimiter).then_some(byte),
    }
}

fn put_text(separated: &Separated, field: &[u8], out: &mut BytesMut) {
    for part in field.split_inclusive(|byte| escaped(separated, *byte).is_some()) {
        match part.split_last().and_then(|(last, before)| Some((escaped(separated, *last)?, before))) {
            None => out.put_slice(part),
            Some((escaped, before)) => {
                out.put_slice(before);
                out.put_slice(&[b'\\', escaped]);
            }
        }
    }
}

/// Writes a field in quotes.
fn put_csv(field: &[u8], out: &mut BytesMut) {
    out.put_u8(b'"');
    for byte in field {
        if *byte == b'"' {
            out.put_u8(b'"');
        }
        out.put_u8(*byte);
    }
    out.put_u8(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(manner: &Manner, text: &str) -> String {
        let mut out = BytesMut::from(&b"before "[..]);
        let (Manner::Text(separated) | Manner::Csv(separated)) = manner else { panic!("no fields in binary") };
        let begin = out.len();
        out.put_slice(text.as_bytes());
        Copy::new(manner, &[]).end_field(separated, begin, &mut out);
        String::from_utf8(out.to_vec()).unwrap().strip_prefix("before ").unwrap().to_owned()
    }

    #[test]
    fn text_escapes_what_would_be_read_otherwise() {
        assert_eq!(field(&Manner::text(), "a\tb\\c\nd"), "a\\tb\\\\c\\nd");
        let mut bars = Manner::text();
        bars.delimit('|').unwrap();
        assert_eq!(field(&bars, "a|b"), "a\\|b");
    }

    #[test]
    fn csv_quotes_what_would_be_read_otherwise() {
        assert_eq!(field(&Manner::csv(), "plain"), "plain");
        assert_eq!(field(&Manner::csv(), "a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
        // Nothing is an empty field, so that an empty text cannot be one.
        assert_eq!(field(&Manner::csv(), ""), "\"\"");
        assert_eq!(field(&Manner::csv(), "\\."), "\"\\.\"");
    }

    #[test]
    fn binary_has_no_words() {
        assert!(Manner::Binary.delimit(',').is_err());
        assert!(Manner::csv().delimit('"').is_err());
        assert!(Manner::csv().show_null("\n").is_err());
    }
}
