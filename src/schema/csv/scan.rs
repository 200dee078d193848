//! The rows of a CSV text, found from left to right: where each cell begins and ends, and nothing copied.
//!
//! The text may end anywhere and go on later: a scan stands still where it ends, and a byte is looked at once. Rows end
//! in LF, CRLF or CR; a cell in quotes holds separators and line ends as they are and quotes doubled. A quote inside a
//! cell that does not begin with one is a character like any other.
//!
//! Written by hand because it is the hot path, and because csv-core takes text behind a closing quote as more of the
//! cell and the end of the file as the end of a quoted cell: both would be silent losses here.

use std::borrow::Cow;

use crate::schema::block::find;

const SEPARATOR: u8 = b',';

/// A scan of the row that begins where the text given to [`Scan::row`] does.
#[derive(Debug, Default)]
pub(super) struct Scan {
    state: State,
    /// How far the row is read.
    at: usize,
    /// Where the cell at hand begins.
    start: usize,
    /// Whether the cell at hand has doubled quotes in it.
    doubled: bool,
    /// Whether the row before ended in CR: LF right behind it belongs to that.
    after_return: bool,
    cells: Vec<Span>,
    /// Line breaks inside the row.
    breaks: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Before,
    Plain,
    Quoted,
    /// Behind a quote in a quoted cell: its end, or half of a doubled one.
    Behind,
}

/// Where a cell is in its row.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
    quotes: Quotes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quotes {
    None,
    Around,
    AroundAndDoubled,
}

/// A row: its cells in order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    text: &'a str,
    cells: &'a [Span],
}

impl Scan {
    /// Goes on with the row that `text` begins with; the row's length when it is whole, `None` when the text ends first.
    ///
    /// # Errors
    /// The index of a cell that has text behind its closing quote.
    #[inline]
    pub(super) fn row(&mut self, text: &str) -> Result<Option<usize>, usize> {
        let text = text.as_bytes();
        if self.after_return && !text.is_empty() {
            self.after_return = false;
            self.at = usize::from(text.starts_with(b"\n"));
            self.start = self.at;
        }
        loop {
            match self.state {
                State::Before => match text.get(self.at) {
                    None => return Ok(None),
                    Some(b'"') => {
                        self.at += 1;
                        (self.start, self.state) = (self.at, State::Quoted);
                    }
                    Some(_) => self.state = State::Plain,
                },
                State::Plain => {
                    self.at = stop(text, self.at);
                    let Some(byte) = text.get(self.at) else { return Ok(None) };
                    self.end_cell(self.at, Quotes::None);
                    if *byte != SEPARATOR {
                        return Ok(Some(self.end_row(*byte, text)));
                    }
                }
                State::Quoted => {
                    let Some(length) = text.get(self.at..).and_then(|rest| rest.iter().position(|byte| *byte == b'"')) else {
                        self.at = text.len();
                        return Ok(None);
                    };
                    self.at += length + 1;
                    self.state = State::Behind;
                }
                State::Behind => {
                    let Some(byte) = text.get(self.at) else { return Ok(None) };
                    match *byte {
                        b'"' => {
                            self.at += 1;
                            (self.doubled, self.state) = (true, State::Quoted);
                        }
                        SEPARATOR | b'\n' | b'\r' => {
                            self.end_quoted(text);
                            if *byte != SEPARATOR {
                                return Ok(Some(self.end_row(*byte, text)));
                            }
                        }
                        _ => return Err(self.cells.len()),
                    }
                }
            }
        }
    }

    /// The whole row that [`Scan::row`] just passed, and how many lines it takes.
    pub(super) fn found<'a>(&'a self, text: &'a str) -> (Row<'a>, usize) {
        (Row { text, cells: &self.cells }, self.breaks + 1)
    }

    /// Begins the next row.
    pub(super) fn begin(&mut self) {
        self.cells.clear();
        (self.at, self.start, self.breaks) = (0, 0, 0);
    }

    /// Whether the text ended inside a row.
    pub(super) fn is_inside(&self) -> bool {
        self.state != State::Before || !self.cells.is_empty()
    }

    #[inline]
    fn end_cell(&mut self, end: usize, quotes: Quotes) {
        self.cells.push(Span { start: self.start, end, quotes });
        // Over the separator; at the end of a row both are set anew.
        self.at += 1;
        self.start = self.at;
        self.state = State::Before;
    }

    fn end_quoted(&mut self, text: &[u8]) {
        let quotes = if std::mem::take(&mut self.doubled) { Quotes::AroundAndDoubled } else { Quotes::Around };
        let end = self.at - 1;
        self.breaks += breaks(text.get(self.start..end).unwrap_or_default());
        self.end_cell(end, quotes);
    }

    /// The row's length, with its line end.
    fn end_row(&mut self, byte: u8, text: &[u8]) -> usize {
        if byte == b'\n' {
            return self.at;
        }
        match text.get(self.at) {
            Some(b'\n') => self.at += 1,
            Some(_) => {}
            None => self.after_return = true,
        }
        self.at
    }
}

impl<'a> Row<'a> {
    /// How many cells it has.
    pub(super) fn len(self) -> usize {
        self.cells.len()
    }

    /// Whether it is an empty line.
    pub(super) fn is_blank(self) -> bool {
        self.cells.len() == 1 && self.ends_in_nothing()
    }

    /// Whether nothing, not even quotes, is behind the last separator.
    pub(super) fn ends_in_nothing(self) -> bool {
        self.cells.last().is_some_and(|cell| cell.start == cell.end && cell.quotes == Quotes::None)
    }

    /// The text of a cell; a cell that is not there is empty.
    #[inline(always)]
    pub(super) fn cell(self, index: usize) -> Cow<'a, str> {
        let Some(span) = self.cells.get(index) else { return Cow::Borrowed("") };
        let text = self.text.get(span.start..span.end).unwrap_or_default();
        if span.quotes == Quotes::AroundAndDoubled { undoubled(text) } else { Cow::Borrowed(text) }
    }

    /// The texts of the first cells.
    pub(super) fn cells(self, count: usize) -> impl Iterator<Item = Cow<'a, str>> {
        (0..count).map(move |index| self.cell(index))
    }
}

#[cold]
fn undoubled(text: &str) -> Cow<'_, str> {
    Cow::Owned(text.replace("\"\"", "\""))
}

/// Where the cell ends that goes on at `at`: at a separator, a line end, or the end of the text.
#[inline]
fn stop(text: &[u8], at: usize) -> usize {
    find(text, at, |block| block.simd_eq(SEPARATOR) | block.simd_eq(b'\n') | block.simd_eq(b'\r'))
}

/// Line breaks in a text: LF, CRLF or CR.
fn breaks(text: &[u8]) -> usize {
    let feeds = text.iter().filter(|byte| **byte == b'\n').count();
    let bare = |pair: &&[u8]| matches!(pair, [b'\r', next] if *next != b'\n');
    feeds + text.windows(2).filter(bare).count() + usize::from(text.ends_with(b"\r"))
}
