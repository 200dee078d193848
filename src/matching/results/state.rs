//! What is known of a flow after a run: its matches, also those that were withdrawn, and the rows that are left.

use std::collections::BTreeMap;

use crate::matching::assign::Side;

/// What is known of a flow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    /// The matches by id.
    pub(super) matches: BTreeMap<String, Known>,
    /// The rows that are left.
    pub(super) exceptions: BTreeMap<Place, Left>,
}

/// What is known of a flow once something has changed.
#[derive(Debug, Default)]
pub(super) struct After<'a> {
    /// The matches by id.
    pub(super) matches: BTreeMap<&'a str, &'a Known>,
    /// The rows that are left.
    pub(super) exceptions: BTreeMap<&'a Place, &'a Left>,
}

/// A row of a table, in a hop of a flow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) hop: u32,
    pub(super) table: String,
    pub(super) id: String,
}

/// What a rule compares of a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Values {
    /// Mantissa of decimal(38,8).
    pub(super) amount: Option<i128>,
    pub(super) currency: Option<String>,
    /// The day that the row is of, counted since 1970.
    pub(super) day: Option<i32>,
}

/// A row of a match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) side: Side,
    pub(super) table: String,
    pub(super) id: String,
    pub(super) values: Values,
    /// The day that the window of the rule compared, counted since 1970.
    pub(super) compared_day: Option<i32>,
}

/// How far a match can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// It is one.
    Confirmed,
    /// It may be one; its rows are exceptions all the same.
    Suggested,
    /// It was one.
    Withdrawn,
}

/// What is left of the amounts of a match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rest {
    pub(super) kind: String,
    /// Mantissa of decimal(38,8).
    pub(super) amount: i128,
    pub(super) currency: String,
    pub(super) account: Option<String>,
}

/// A match as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) hop: u32,
    pub(super) rule: String,
    pub(super) version: String,
    pub(super) status: Status,
    pub(super) score: Option<i64>,
    pub(super) margin: Option<i64>,
    pub(super) why: Option<String>,
    pub(super) rest: Option<Rest>,
    /// The decision of a person that it is.
    pub(super) decision: Option<i64>,
    /// Its rows: the left side, then the right, each by id.
    pub(super) lines: Vec<Line>,
}

/// A match as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) entry: Entry,
    pub(super) first_run: i64,
    /// The day of the first run, counted since 1970.
    pub(super) first_seen: i32,
    /// The last run that had it, where it was withdrawn since.
    pub(super) last_run: Option<i64>,
    /// Whether it is there only because its period is closed.
    pub(super) is_kept: bool,
    /// The match of the same rows that took its place.
    pub(super) superseded_by: Option<String>,
    /// The run that wrote its rows, by its id.
    pub(super) lines_run: String,
    /// Whether it is kept with its fingerprint: a run of an older version has not told it.
    pub(super) has_fingerprint: bool,
}

/// A row that is left, as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) why: Why,
    pub(super) first_run: i64,
    /// The day of the first run, counted since 1970.
    pub(super) first_seen: i32,
    /// Whether it is kept with its fingerprint: a run of an older version has not told it.
    pub(super) has_fingerprint: bool,
}

/// Why a row is left, or of no concern.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Why {
    /// Whether nothing is expected for it.
    pub(super) is_out_of_scope: bool,
    pub(super) reason: String,
    pub(super) rule: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) candidate_table: Option<String>,
    pub(super) candidate_count: i64,
    /// Some of their ids, with blanks between them.
    pub(super) candidates: Option<String>,
    /// The last day that its counterpart is looked for on, counted since 1970.
    pub(super) due: Option<i32>,
    pub(super) values: Values,
}

impl Status {
    const WORDS: [(&'static str, Self); 3] =
        [("confirmed", Self::Confirmed), ("suggested", Self::Suggested), ("withdrawn", Self::Withdrawn)];

    pub(super) fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, status)| *status == self).map_or("", |(word, _)| word)
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, status)| *status)
    }
}

impl Entry {
    /// Its rows, whichever side they are on.
    pub(super) fn rows(&self) -> Vec<(&str, &str)> {
        let mut rows: Vec<(&str, &str)> = self.lines.iter().map(Line::row).collect();
        rows.sort_unstable();
        rows
    }

    /// The sum of its left side, mantissa of decimal(38,8); nothing where no row of it has an amount.
    pub(super) fn amount(&self) -> Option<i128> {
        let left = self.lines.iter().filter(|line| line.side == Side::Left);
        left.filter_map(|line| line.values.amount).reduce(i128::saturating_add)
    }

    /// Its currency, in capitals.
    pub(super) fn currency(&self) -> Option<String> {
        self.lines.iter().find_map(|line| line.values.currency.as_ref()).map(|currency| currency.to_uppercase())
    }

    /// How many of one side go with how many of the other.
    pub(super) fn shape(&self) -> &'static str {
        let lefts = self.lines.iter().filter(|line| line.side == Side::Left).count();
        match (lefts, self.lines.len() - lefts) {
            (0, _) | (_, 0) => "one_sided",
            (1, 1) => "one_to_one",
            (_, 1) => "many_to_one",
            (1, _) => "one_to_many",
            _ => "bucket",
        }
    }

    /// Whether it lies in a period that ended with a day: all its rows do that have a day. Without any it is in no period.
    pub(super) fn is_closed(&self, through: i32) -> bool {
        self.lines.iter().filter_map(|line| line.values.day).max().is_some_and(|last| last <= through)
    }

    /// The ids of a side, in order.
    pub(super) fn ids(&self, side: Side) -> Vec<&str> {
        self.lines.iter().filter(|line| line.side == side).map(|line| line.id.as_str()).collect()
    }

    /// The table of a side; nothing where it has no rows.
    pub(super) fn table(&self, side: Side) -> &str {
        self.lines.iter().find(|line| line.side == side).map_or("", |line| line.table.as_str())
    }
}

impl Line {
    /// Table and id.
    pub(super) fn row(&self) -> (&str, &str) {
        (&self.table, &self.id)
    }
}

impl Known {
    /// Whether it stands.
    pub(super) fn is_live(&self) -> bool {
        self.entry.status != Status::Withdrawn
    }
}
