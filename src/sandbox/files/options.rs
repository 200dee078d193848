//! How report files are written; the vendor's differ from account to account.

/// How a merchant's report files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileOptions {
    /// What ends a line.
    pub line_end: LineEnd,
    /// Whether every third row ends with a separator too many.
    pub trailing_separators: bool,
    /// Whether settlement breakdowns are `.csv.gz`.
    pub gzip: bool,
    /// Rows of a file at the most; a report with more has several files.
    pub rows_per_file: Option<usize>,
    /// Whether financial actions of some days are told wrongly at first, and again, rightly, two days later.
    pub restatements: bool,
    /// Whether the second entity has optional columns at the end of its financial actions.
    pub more_columns: bool,
}

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineEnd {
    /// Carriage return and line feed, as the vendor does.
    #[default]
    CrLf,
    /// Line feed.
    Lf,
}
