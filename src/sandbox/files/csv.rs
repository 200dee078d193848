//! Comma-separated rows as the vendor writes them, as far as a file has a part in them.

use std::ops::Range;

use super::options::{FileOptions, LineEnd};
use crate::sandbox::currency::MOVEMENT_DECIMALS;
use crate::sandbox::json::decimal;
use crate::sandbox::payment::instant;
use crate::sandbox::schedule::Micros;
use crate::sandbox::zone::Zone;

/// A file being written: its header, and those of the rows that are its own.
#[derive(Debug)]
pub(super) struct Csv {
    text: String,
    options: FileOptions,
    zone: Zone,
    part: Range<usize>,
    rows: usize,
}

/// A row being written.
#[derive(Debug)]
pub(super) struct Row<'a> {
    text: &'a mut String,
    zone: Zone,
    is_first: bool,
}

/// Every so many rows one ends with a separator too many, where that is wanted.
const RAGGED: usize = 3;

impl Csv {
    /// A file of the rows whose places are in `part`, with a header of names between commas and times of a zone.
    pub(super) fn new(options: FileOptions, zone: Zone, part: Range<usize>, columns: &str) -> Self {
        let mut csv = Self { text: columns.to_owned(), options, zone, part, rows: 0 };
        csv.end_line();
        csv
    }

    /// The next row, filled by `fill` if it is the file's own.
    pub(super) fn row(&mut self, fill: impl FnOnce(&mut Row<'_>)) {
        let place = self.rows;
        self.rows += 1;
        if !self.part.contains(&place) {
            return;
        }
        fill(&mut Row { text: &mut self.text, zone: self.zone, is_first: true });
        if self.options.trailing_separators && place.is_multiple_of(RAGGED) {
            self.text.push(',');
        }
        self.end_line();
    }

    /// The rows of all parts.
    pub(super) const fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.text.into_bytes()
    }

    fn end_line(&mut self) {
        self.text.push_str(match self.options.line_end {
            LineEnd::CrLf => "\r\n",
            LineEnd::Lf => "\n",
        });
    }
}

impl Row<'_> {
    /// A field, quoted where it must be.
    pub(super) fn text(&mut self, value: &str) {
        if !self.is_first {
            self.text.push(',');
        }
        self.is_first = false;
        if value.contains([',', '"', '\r', '\n']) {
            self.text.push('"');
            self.text.push_str(&value.replace('"', "\"\""));
            self.text.push('"');
        } else {
            self.text.push_str(value);
        }
    }

    /// Several fields.
    pub(super) fn texts<const N: usize>(&mut self, values: [&str; N]) {
        values.iter().for_each(|value| self.text(value));
    }

    /// Major units of eight decimals, without trailing zeros.
    pub(super) fn amount(&mut self, value: i128) {
        self.text(&decimal(value, MOVEMENT_DECIMALS));
    }

    /// An instant to the millisecond as the zone's clocks show it, which is not said.
    pub(super) fn time(&mut self, at: Micros) {
        self.text(&printed(self.zone.local(at)));
    }

    /// An instant to the millisecond, UTC, which is not said.
    pub(super) fn time_utc(&mut self, at: Micros) {
        self.text(&printed(at));
    }
}

fn printed(at: Micros) -> String {
    instant(at).format("%Y-%m-%dT%H:%M:%S%.3f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(options: FileOptions, part: Range<usize>) -> String {
        let mut csv = Csv::new(options, Zone::UTC, part, "a,b");
        for value in ["1", "x,\"y\"", "2\n3"] {
            csv.row(|row| row.texts([value, ""]));
        }
        assert_eq!(csv.rows(), 3);
        String::from_utf8(csv.into_bytes()).unwrap()
    }

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        assert_eq!(written(FileOptions::default(), 0..9), "a,b\r\n1,\r\n\"x,\"\"y\"\"\",\r\n\"2\n3\",\r\n");
    }

    #[test]
    fn a_part_has_the_header_and_its_own_rows() {
        let options = FileOptions { line_end: LineEnd::Lf, trailing_separators: true, ..FileOptions::default() };
        assert_eq!(written(options, 0..1), "a,b\n1,,\n");
        assert_eq!(written(options, 2..3), "a,b\n\"2\n3\",\n");
    }
}
