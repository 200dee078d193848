//! A rule: a header that promises, and one SELECT that proposes pairs.
//!
//! ```text
//! --- rule: payout_to_bank.reference     flow: payout_to_bank   hop: 3   priority: 10
//! --- left: settlements(payout_id)       right: bank_lines
//! --- shape: one_to_one                  assign: unique         tie: reject
//! --- amount: left.payout_amount = right.amount                 tolerance: 0 minor
//! --- window: right.value_date in [left.payout_date .. +5 business days]   calendar: TARGET2
//! select …                               as left_id, … as right_id
//! ```
//!
//! What SQL cannot promise stands in the header: that no row is claimed twice, what is done with rows that are alike, how far
//! apart amounts and days may be. This file knows how it is written, and nothing of tables.

use sha2::{Digest, Sha256};

use super::reasons::REASONS;
use super::sided::Sided;
use crate::api::spelling::nearest;
use crate::error::{Error, ErrorKind, Result};

/// What begins a line of a header.
const MARK: &str = "---";
/// What a rule may make of one row of the left side before it is refused.
const MOST_CANDIDATES: u32 = 50;

/// A rule as its file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name, such as `payout_to_bank.reference`.
    pub id: String,
    /// What it is a step of.
    pub flow: String,
    /// Which step.
    pub hop: u32,
    /// Its turn in the step, the lowest first.
    pub priority: u32,
    /// The rows it looks for counterparts for, and those that they are looked for in.
    pub sides: Sided<Side>,
    /// How many of one go with how many of the other.
    pub shape: Shape,
    /// How rows are assigned to each other.
    pub assign: Assign,
    /// What is done with rows that are alike.
    pub tie: Tie,
    /// The amounts that are to be equal.
    pub amount: Option<Amount>,
    /// The days that are to be near each other.
    pub window: Option<Window>,
    /// What becomes of a difference.
    pub residual: Residual,
    /// Why rows that are proposed are refused, or out of scope.
    pub reason: Option<&'static str>,
    /// The days that the right side is known of.
    pub covered: Option<Covered>,
    /// Whether rows that an earlier rule found ambiguous are looked at.
    pub is_after_ambiguous: bool,
    /// Most candidates of a row.
    pub max_candidates: u32,
    /// The SELECT.
    pub sql: String,
    /// The line of the file at which it begins, from 1.
    pub sql_line: usize,
    /// Hash of header and SELECT: what a match was made by.
    pub version: String,
}

/// The rows of one side: a table, and the column that tells one row of it from the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// The table, as in SQL.
    pub table: String,
    /// The column.
    pub key: String,
    /// The column of the day that a row is of, where it is said.
    pub day: Option<String>,
}

/// How many of one side go with how many of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One with one.
    OneToOne,
    /// Several of the left with one of the right.
    ManyToOne,
    /// One of the left with several of the right.
    OneToMany,
    /// Rows of the left, which are out of scope, or refused.
    OneSided,
}

/// How rows are assigned to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assign {
    /// Each is the other's only candidate.
    Unique,
    /// Each is the other's best candidate, by so much of a score.
    MutualBest {
        /// By how much it is better than the next.
        margin: i64,
    },
    /// Rows are never matched, only suggested.
    Suggest {
        /// Whether those that are told of are kept from later rules.
        is_kept: bool,
    },
    /// Rows that are proposed are kept from later rules, for the rule's reason.
    Refuse,
}

impl Assign {
    /// Whether rows that a rule tells of are kept from later ones.
    pub(super) fn keeps(self) -> bool {
        matches!(self, Self::Refuse | Self::Suggest { is_kept: true })
    }
}

/// What is done with rows that are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tie {
    /// They are left, and said to be ambiguous.
    Reject,
    /// As many of one side as of the other are one group.
    Bucket,
    /// They are left, and the nearest by date are suggested.
    Suggest,
}

/// A column of amounts, and the one that says of which currency they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    /// The amounts.
    pub amount: String,
    /// Their currencies.
    pub currency: String,
}

/// Amounts that are to be equal, and how far apart they may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount {
    /// Of the left side.
    pub left: Money,
    /// Of the right side.
    pub right: Money,
    /// Minor units that they may differ by.
    pub tolerance_minor: i64,
    /// Hundredths of a percent of the larger that they may differ by.
    pub tolerance_bps: i64,
}

/// Days of the right side, counted from one of the left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Column of the left side.
    pub left: String,
    /// Column of the right side.
    pub right: String,
    /// The first day.
    pub from: i32,
    /// The last day.
    pub to: i32,
    /// Whose days are counted; all days where there is none.
    pub calendar: Option<String>,
}

/// A table of the days that the right side is known of: a counterpart that is not there on other days is not missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// The table, as in SQL.
    pub table: String,
    /// Column of the first day of a span.
    pub from: String,
    /// Column of its last day.
    pub to: String,
    /// Column of the currency that it is of, where spans are not of all.
    pub currency: Option<String>,
}

/// How a sum was rounded to what the other side has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Down to whole minor units.
    Floor,
    /// To the nearest minor unit, of two the even one.
    HalfEven,
}

/// What becomes of a difference of amounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Residual {
    /// There is to be none beyond the tolerance.
    None,
    /// What rounding leaves.
    Dust(Rounding),
    /// It is booked to an account, as far as it is allowed.
    Booked {
        /// What it is: `FEE`, `FX` or `WRITE_OFF`.
        kind: &'static str,
        /// Where to.
        account: String,
        /// Most minor units.
        up_to_minor: i64,
    },
}

/// Every key of a header, and what it means.
pub const KEYS: [(&str, &str); 20] = [
    ("rule", "Its name, which no other has: `flow.what_it_goes_by`."),
    ("version", "For people; what counts is the hash of header and SELECT."),
    ("flow", "What it is a step of."),
    ("hop", "Which step of the flow; 1 when left out."),
    ("priority", "Its turn in the step, the lowest first; 100 when left out."),
    (
        "left",
        "The table it looks for counterparts for, and its key in brackets: `settlements(payout_id)`; `line_id` when left out.",
    ),
    ("right", "The table they are looked for in, likewise; none where the shape is `one_sided`."),
    (
        "days",
        "The columns of the days that rows are of: `left.COLUMN, right.COLUMN`. Which period a match lies in goes by them; those of \
         the window when left out.",
    ),
    (
        "shape",
        "`one_to_one`, `many_to_one` or `one_to_many`; `one_sided`, whose SELECT gives `left_id` alone, of rows that nothing is \
         expected for: they are out of scope.",
    ),
    (
        "assign",
        "`unique`, `mutual_best(margin=N)`; `suggest`, which matches nothing; `suggest(keep)`, which also keeps the \
         rows that it tells of from all later rules; `refuse`, which only keeps those that are proposed.",
    ),
    ("reason", "Why rows are refused, or out of scope: a reason code such as `REFERENCE_CONFLICT` or `CARRIED_FORWARD`."),
    (
        "tie",
        "What is done with rows that are alike: `reject`; `bucket`, which groups as many as there are on the other side; \
         `suggest`, which suggests the nearest of a window by date.",
    ),
    (
        "amount",
        "The amounts that are to be equal: `left.COLUMN = right.COLUMN`, each in the currency of the column `currency`, or of \
         another one: `left.COLUMN in left.CURRENCY = …`.",
    ),
    ("tolerance", "How far apart they may be: `N minor`, `N bps`, or `N minor or N bps`."),
    ("window", "Where the day of the right may lie: `right.COLUMN in [left.COLUMN -N .. +N days]`, or `business days`."),
    (
        "covered",
        "The days that the right side is known of: `right by TABLE(FROM, TO)`, or `right by TABLE(FROM, TO, CURRENCY)`. A row \
         without counterpart is then not due yet, overdue, or its days are not all known.",
    ),
    ("calendar", "Whose business days: `TARGET2`, `UK`, `US_FED`, `WEEKENDS`, or one of the configuration."),
    (
        "residual",
        "What becomes of a difference: `none`; `dust`, which a sum leaves that is cut to minor units, or `dust(half_even)`; \
         `fee:ACCOUNT up to N minor`, by which less came; `fx:…` or `writeoff:…`, by which more or less came.",
    ),
    ("after_ambiguous", "`allow`: rows that an earlier rule found ambiguous are looked at too."),
    ("max_candidates", "Most candidates of a row where pairs have to be looked at one by one; 50 when left out."),
];

impl Rule {
    /// Reads a rule; `file` is what errors name it by.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] that says in which line what is wrong.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        let header = Header::read(text, file)?;
        let (id, flow) = (header.name("rule")?, header.name("flow")?);
        let amount = header.amount()?;
        let window = header.window()?;
        let shape = header.word("shape", "one_to_one", &SHAPES)?;
        let rule = Self {
            hop: header.number("hop", 1)?,
            priority: header.number("priority", 100)?,
            sides: header.sides(shape)?,
            shape,
            assign: header.assign()?,
            tie: header.word("tie", "reject", &TIES)?,
            residual: header.residual()?,
            reason: header.reason()?,
            covered: header.covered()?,
            is_after_ambiguous: header.word("after_ambiguous", "refuse", &[("allow", true), ("refuse", false)])?,
            max_candidates: header.number("max_candidates", MOST_CANDIDATES)?,
            id,
            flow,
            amount,
            window,
            sql: header.sql.clone(),
            sql_line: header.sql_line,
            version: version(text),
        };
        // For people; what counts is the hash.
        header.number("version", 1)?;
        rule.fits(&header)?;
        Ok(rule)
    }

    /// That its keys go together.
    fn fits(&self, header: &Header<'_>) -> Result<()> {
        if self.residual != Residual::None && self.amount.is_none() {
            return Err(header.wrong("residual", "a residual needs an amount to be left of", "add amount: left.… = right.…"));
        }
        if self.shape == Shape::OneSided {
            return self.fits_one_side(header);
        }
        if matches!(self.assign, Assign::MutualBest { .. }) && self.shape != Shape::OneToOne {
            return Err(header.wrong("assign", "mutual_best pairs one with one", "leave the shape out, or write assign: unique"));
        }
        match self.tie {
            Tie::Bucket if self.assign != Assign::Unique || self.shape != Shape::OneToOne => {
                Err(header.wrong("tie", "rows are grouped where they are assigned one to one", "leave assign and shape out"))
            }
            Tie::Bucket if self.amount.is_none() || self.window.is_some() => Err(header.wrong(
                "tie",
                "rows are grouped that are alike in an amount and have no window",
                "add amount: left.… = right.…, and join by the day instead of a window",
            )),
            Tie::Suggest if self.assign != Assign::Unique || self.shape != Shape::OneToOne || self.window.is_none() => Err(
                header.wrong("tie", "the nearest is suggested where rows are assigned one to one in a window", "add window: …"),
            ),
            _ => Ok(()),
        }?;
        match (self.assign, self.reason) {
            (Assign::Refuse, None) => {
                Err(header.wrong("assign", "rows are refused for no reason", "add reason: REFERENCE_CONFLICT"))
            }
            (Assign::Refuse, Some(_)) if self.amount.is_some() => {
                Err(header.wrong("amount", "a rule that refuses rows compares no amounts", "compare them in the SELECT"))
            }
            (Assign::Refuse, Some(_)) | (_, None) => Ok(()),
            (_, Some(_)) => Err(header.wrong("reason", "a reason of a rule that refuses nothing", "add assign: refuse")),
        }?;
        match &self.covered {
            Some(_) if self.assign.keeps() => Err(header.wrong(
                "covered",
                "a rule that keeps rows says of others whether they are due, and would keep these too",
                "say it of a later rule",
            )),
            Some(_) if self.window.is_none() => {
                Err(header.wrong("covered", "days are covered of no window", "add window: right.… in [left.… .. +5 days]"))
            }
            Some(Covered { currency: Some(_), .. }) if self.amount.is_none() => {
                Err(header.wrong("covered", "a currency of no amount", "add amount: left.… = right.…"))
            }
            _ => Ok(()),
        }
    }

    fn fits_one_side(&self, header: &Header<'_>) -> Result<()> {
        for key in ["amount", "window", "covered", "after_ambiguous", "max_candidates"] {
            if header.value(key).is_some() {
                return Err(header.wrong(key, "a rule of one side compares nothing", "leave it out"));
            }
        }
        match (self.assign, self.tie) {
            (Assign::Unique | Assign::Refuse, Tie::Reject) => Ok(()),
            _ => Err(header.wrong(
                "shape",
                "a rule of one side assigns nothing",
                "leave assign and tie out, or write assign: refuse",
            )),
        }?;
        match (self.assign, self.reason) {
            (Assign::Refuse, None) => Err(header.wrong("assign", "rows are refused for no reason", "add reason: …")),
            _ => Ok(()),
        }
    }

    /// That another rule has its name.
    pub(super) fn is_twin(&self) -> Error {
        Error::new(ErrorKind::Query, "two rules have one name").with("rule", &self.id).hint("rename one of them")
    }

    /// What comes first in a run.
    pub(super) fn turn(&self) -> (&str, u32, u32, &str) {
        (&self.flow, self.hop, self.priority, &self.id)
    }
}

/// Words of a header for differences that are booked, and what they are called.
const BOOKED: [(&str, &str); 3] = [("fee", "FEE"), ("fx", "FX"), ("writeoff", "WRITE_OFF")];
const SHAPES: [(&str, Shape); 4] = [
    ("one_to_one", Shape::OneToOne),
    ("many_to_one", Shape::ManyToOne),
    ("one_to_many", Shape::OneToMany),
    ("one_sided", Shape::OneSided),
];
const TIES: [(&str, Tie); 3] = [("reject", Tie::Reject), ("bucket", Tie::Bucket), ("suggest", Tie::Suggest)];

/// The hash of a rule, which no change of blanks at the end of a line or of line ends changes.
fn version(text: &str) -> String {
    let mut hash = Sha256::new();
    for line in text.lines() {
        hash.update(line.trim_end());
        hash.update("\n");
    }
    hex::encode(hash.finalize().first_chunk::<8>().unwrap_or(&[0; 8]))
}

/// A header while it is read.
struct Header<'a> {
    file: &'a str,
    /// Key, value, and the line it is in.
    said: Vec<(&'static str, String, usize)>,
    sql: String,
    sql_line: usize,
}

impl<'a> Header<'a> {
    fn read(text: &str, file: &'a str) -> Result<Self> {
        let mut header = Self { file, said: Vec::new(), sql: String::new(), sql_line: 0 };
        for (index, line) in text.lines().enumerate() {
            match line.trim_start().strip_prefix(MARK) {
                Some(said) if header.sql.trim().is_empty() => header.line(said, index + 1)?,
                Some(_) => {
                    let error = header.at(index + 1, "a line of the header stands behind the SELECT");
                    return Err(error.hint("put all lines that begin with --- first"));
                }
                None => {
                    if header.sql.trim().is_empty() {
                        header.sql_line = index + 1;
                        header.sql.clear();
                    }
                    header.sql.push_str(line);
                    header.sql.push('\n');
                }
            }
        }
        if header.sql.trim().is_empty() {
            return Err(header.at(header.sql_line, "a rule without a SELECT").hint("add select … as left_id, … as right_id"));
        }
        Ok(header)
    }

    /// Takes over the keys of a line: each goes to the next.
    fn line(&mut self, line: &str, number: usize) -> Result<()> {
        let line = line.split(" #").next().unwrap_or_default();
        let mut key: Option<&'static str> = None;
        let mut value = String::new();
        for word in line.split_whitespace() {
            // An account of a residual is written as a key is.
            let is_account = |name: &str| key == Some("residual") && BOOKED.iter().any(|(booked, _)| *booked == name);
            match word.split_once(':').filter(|(name, _)| is_key_like(name) && !is_account(name)) {
                Some((name, rest)) => {
                    let Some(known) = known(name) else { return Err(self.unknown(name, number)) };
                    self.said(key, &mut value, number)?;
                    key = Some(known);
                    value.push_str(rest);
                }
                None => {
                    if !value.is_empty() {
                        value.push(' ');
                    }
                    value.push_str(word);
                }
            }
        }
        self.said(key, &mut value, number)
    }

    fn said(&mut self, key: Option<&'static str>, value: &mut String, line: usize) -> Result<()> {
        let value = std::mem::take(value);
        match key {
            None if value.is_empty() => Ok(()),
            None => Err(self.at(line, "words without a key").with("words", value).hint("write key: value")),
            Some(key) if self.said.iter().any(|(other, ..)| *other == key) => {
                Err(self.at(line, "a key is said twice").with("key", key).hint("leave one of them out"))
            }
            Some(key) if value.is_empty() => Err(self.at(line, "a key without a value").with("key", key)),
            Some(key) => {
                self.said.push((key, value, line));
                Ok(())
            }
        }
    }

    fn unknown(&self, name: &str, line: usize) -> Error {
        let error = self.at(line, "a key that no rule has").with("key", name);
        match nearest(name, KEYS.iter().map(|(key, _)| *key)) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error.hint("ckosql docs lists the keys of a rule"),
        }
    }

    fn at(&self, line: usize, what: &'static str) -> Error {
        Error::new(ErrorKind::Query, what).with("file", self.file).with("line", line)
    }

    /// That the value of a key is wrong.
    fn wrong(&self, key: &str, what: &'static str, remedy: impl Into<std::borrow::Cow<'static, str>>) -> Error {
        let said = self.said.iter().find(|(said, ..)| *said == key);
        let error = self.at(said.map_or(1, |(_, _, line)| *line), what).with("key", key).hint(remedy);
        match said {
            Some((_, value, _)) => error.with("value", value),
            None => error,
        }
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.said.iter().find(|(said, ..)| *said == key).map(|(_, value, _)| value.as_str())
    }

    fn needed(&self, key: &'static str) -> Result<String> {
        let missing = || self.at(1, "a rule lacks a key").with("key", key).hint(format!("add {MARK} {key}: …"));
        self.value(key).map(str::to_owned).ok_or_else(missing)
    }

    /// A name of words with dots between them.
    fn name(&self, key: &'static str) -> Result<String> {
        let name = self.needed(key)?;
        if name.split('.').all(is_name) {
            return Ok(name);
        }
        Err(self.wrong(key, "a name is expected", format!("letters, digits, _ and dots: {key}: payout_to_bank.reference")))
    }

    fn number(&self, key: &str, otherwise: u32) -> Result<u32> {
        let wrong = |_| self.wrong(key, "a whole number is expected", format!("such as {key}: {otherwise}"));
        self.value(key).map_or(Ok(otherwise), |value| value.parse().map_err(wrong))
    }

    fn word<T: Copy>(&self, key: &str, otherwise: &str, words: &[(&str, T)]) -> Result<T> {
        let value = self.value(key).unwrap_or(otherwise);
        let known = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(value)).map(|(_, meant)| *meant);
        known.ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let what = if key == "tie" && value.eq_ignore_ascii_case("pick") {
                "no row is picked out of several that are alike"
            } else {
                "a word that is not known here"
            };
            self.wrong(key, what, format!("it may be {}", words.join(", ")))
        })
    }

    fn side(&self, key: &'static str) -> Result<Side> {
        let value = self.needed(key)?;
        let (table, column) = match value.split_once('(') {
            Some((table, rest)) => (table, rest.trim_end().strip_suffix(')')),
            None => (value.as_str(), Some("line_id")),
        };
        match column.map(str::trim) {
            Some(column) if is_name(column) && table.trim().split('.').all(is_name) => {
                Ok(Side { table: table.trim().to_owned(), key: column.to_owned(), day: self.day(key)? })
            }
            _ => Err(self.wrong(key, "a table is expected", format!("such as {key}: settlements(payout_id)"))),
        }
    }

    fn sides(&self, shape: Shape) -> Result<Sided<Side>> {
        let left = self.side("left")?;
        match (shape, self.value("right")) {
            (Shape::OneSided, None) if self.day("right")?.is_some() => {
                Err(self.wrong("days", "a rule of one side has a right side", "leave right.… out"))
            }
            (Shape::OneSided, None) => Ok(Sided::One(left)),
            (Shape::OneSided, Some(_)) => Err(self.wrong("right", "a rule of one side has a right side", "leave it out")),
            _ => Ok(Sided::Two(left, self.side("right")?)),
        }
    }

    /// The column of the day that rows of a side are of.
    fn day(&self, side: &str) -> Result<Option<String>> {
        let Some(value) = self.value("days") else { return Ok(None) };
        let said: Vec<(&str, Option<String>)> = value
            .split(',')
            .map(|part| if part.trim().starts_with("right.") { ("right", of("right", part)) } else { ("left", of("left", part)) })
            .collect();
        let is_twice = matches!(said.as_slice(), [(one, _), (other, _)] if one == other) || said.len() > 2;
        if is_twice || said.iter().any(|(_, column)| column.is_none()) {
            return Err(self.wrong(
                "days",
                "a column of each side is expected",
                "such as days: left.payout_date, right.value_date",
            ));
        }
        Ok(said.into_iter().find(|(of, _)| *of == side).and_then(|(_, column)| column))
    }

    fn assign(&self) -> Result<Assign> {
        let value = self.value("assign").unwrap_or("unique");
        let call = value.split_once('(').and_then(|(name, rest)| Some((name.trim(), rest.trim().strip_suffix(')')?)));
        let margin = |given: &str| given.split_once('=').filter(|(name, _)| name.trim() == "margin")?.1.trim().parse().ok();
        match (value, call) {
            ("unique", _) => Ok(Assign::Unique),
            ("suggest", _) => Ok(Assign::Suggest { is_kept: false }),
            (_, Some(("suggest", "keep"))) => Ok(Assign::Suggest { is_kept: true }),
            ("refuse", _) => Ok(Assign::Refuse),
            ("mutual_best", _) => Ok(Assign::MutualBest { margin: 1 }),
            (_, Some(("mutual_best", given))) => match margin(given) {
                Some(margin) if margin > 0 => Ok(Assign::MutualBest { margin }),
                _ => Err(self.wrong("assign", "a margin is a whole number above 0", "such as assign: mutual_best(margin=1)")),
            },
            _ => Err(self.wrong(
                "assign",
                "a word that is not known here",
                "it may be unique, mutual_best(margin=N), suggest, suggest(keep), refuse",
            )),
        }
    }

    fn amount(&self) -> Result<Option<Amount>> {
        let Some(value) = self.value("amount") else {
            return match self.value("tolerance") {
                Some(_) => Err(self.wrong("tolerance", "a tolerance without an amount", "add amount: left.… = right.…")),
                None => Ok(None),
            };
        };
        let sides = value.split_once('=').and_then(|(left, right)| Some((money("left", left)?, money("right", right)?)));
        let Some((left, right)) = sides else {
            return Err(self.wrong("amount", "two columns are expected", "such as amount: left.payout_amount = right.amount"));
        };
        let (mut minor, mut bps) = (None, None);
        for part in self.value("tolerance").unwrap_or("0 minor").split(" or ") {
            let number = part.trim().split_once(' ').and_then(|(number, unit)| Some((number.parse::<u32>().ok()?, unit.trim())));
            let before = match number {
                Some((number, "minor")) => minor.replace(number.into()),
                Some((number, "bps")) => bps.replace(number.into()),
                _ => return Err(self.wrong("tolerance", "a tolerance is expected", "such as 0 minor, 5 bps, 1 minor or 5 bps")),
            };
            if before.is_some() {
                return Err(self.wrong("tolerance", "a tolerance is said twice in one unit", "leave one of them out"));
            }
        }
        Ok(Some(Amount { left, right, tolerance_minor: minor.unwrap_or(0), tolerance_bps: bps.unwrap_or(0) }))
    }

    fn reason(&self) -> Result<Option<&'static str>> {
        let Some(value) = self.value("reason") else { return Ok(None) };
        match REASONS.iter().find(|(reason, _)| *reason == value) {
            Some((reason, _)) => Ok(Some(reason)),
            None => {
                let near = nearest(value, REASONS.iter().map(|(reason, _)| *reason));
                let hint =
                    near.map_or_else(|| "ckosql docs lists the reason codes".to_owned(), |near| format!("did you mean {near}?"));
                Err(self.wrong("reason", "a reason code that is not known", hint))
            }
        }
    }

    fn covered(&self) -> Result<Option<Covered>> {
        let Some(value) = self.value("covered") else { return Ok(None) };
        let read = || {
            let (table, columns) = value.strip_prefix("right by ")?.trim().strip_suffix(')')?.split_once('(')?;
            let mut columns = columns.split(',').map(|column| column.trim().to_owned());
            let covered =
                Covered { table: table.to_owned(), from: columns.next()?, to: columns.next()?, currency: columns.next() };
            let names = [Some(&covered.from), Some(&covered.to), covered.currency.as_ref()];
            let is_right = table.split('.').all(is_name) && names.into_iter().flatten().all(|name| is_name(name));
            (is_right && columns.next().is_none()).then_some(covered)
        };
        let usage = "such as covered: right by books.bank_statements(from_date, to_date, currency)";
        read().map(Some).ok_or_else(|| self.wrong("covered", "a table of days is expected", usage))
    }

    fn window(&self) -> Result<Option<Window>> {
        let Some(value) = self.value("window") else {
            return match self.value("calendar") {
                Some(_) => {
                    Err(self.wrong("calendar", "a calendar without a window", "add window: right.… in [left.… .. +5 days]"))
                }
                None => Ok(None),
            };
        };
        let calendar = self.value("calendar").map(str::to_owned);
        let usage = "such as right.value_date in [left.payout_date .. +5 business days]";
        let read = read_window(value).ok_or_else(|| self.wrong("window", "a span of days is expected", usage))?;
        let (left, right, from, to, is_business) = read;
        if from > to {
            return Err(self.wrong("window", "the window ends before it begins", usage));
        }
        match (is_business, calendar) {
            (true, None) => Err(self.wrong("window", "business days of no calendar", "add calendar: TARGET2, or another one")),
            (false, Some(_)) => Err(self.wrong("calendar", "a calendar for days that are not business days", usage)),
            (_, calendar) => Ok(Some(Window { left, right, from, to, calendar })),
        }
    }

    fn residual(&self) -> Result<Residual> {
        let value = self.value("residual").unwrap_or("none");
        let usage = "it may be none, dust, or fee:ACCOUNT up to N minor (fee, fx or writeoff)";
        match value {
            "none" => return Ok(Residual::None),
            "dust" => return Ok(Residual::Dust(Rounding::Floor)),
            "dust(half_even)" => return Ok(Residual::Dust(Rounding::HalfEven)),
            _ => {}
        }
        let booked = || {
            let (kind, rest) = value.split_once(':')?;
            let (account, most) = rest.split_once(" up to ")?;
            let up_to_minor = most.trim().strip_suffix("minor")?.trim().parse::<u32>().ok()?.into();
            let (_, kind) = *BOOKED.iter().find(|(booked, _)| *booked == kind)?;
            Some(Residual::Booked { kind, account: account.trim().to_owned(), up_to_minor })
        };
        booked().ok_or_else(|| self.wrong("residual", "a residual that is not known here", usage))
    }
}

/// Left and right column, first and last day, and whether they are business days.
type Read = (String, String, i32, i32, bool);

/// `right.COLUMN in [left.COLUMN -1 .. +5 business days]`.
fn read_window(value: &str) -> Option<Read> {
    let (right, span) = value.split_once(" in ")?;
    let span = span.trim().strip_prefix('[')?.strip_suffix(']')?;
    let (from, to) = span.split_once("..")?;
    let from = from.trim();
    let (left, from) = from.split_once(' ').unwrap_or((from, "0"));
    let ((from, from_unit), (to, to_unit)) = (days(from)?, days(to)?);
    // The unit may be said once, at the end.
    if to_unit == Unit::Unsaid || (from_unit != Unit::Unsaid && from_unit != to_unit) {
        return None;
    }
    Some((of("left", left)?, of("right", right)?, from, to, to_unit == Unit::BusinessDays))
}

/// What a number of days counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Days,
    BusinessDays,
    Unsaid,
}

/// A number of days with its sign, and what it counts.
fn days(text: &str) -> Option<(i32, Unit)> {
    let text = text.trim();
    let (number, unit) = match (text.strip_suffix("business days"), text.strip_suffix("days")) {
        (Some(number), _) => (number, Unit::BusinessDays),
        (None, Some(number)) => (number, Unit::Days),
        (None, None) => (text, Unit::Unsaid),
    };
    let number = number.trim();
    let days = number.starts_with(['+', '-', '0']).then(|| number.parse().ok()).flatten();
    days.filter(|days: &i32| days.abs() <= 366).map(|days| (days, unit))
}

/// `left.COLUMN in left.CURRENCY`.
fn money(side: &str, text: &str) -> Option<Money> {
    let (amount, currency) = match text.split_once(" in ") {
        Some((amount, currency)) => (amount, of(side, currency)?),
        None => (text, "currency".to_owned()),
    };
    Some(Money { amount: of(side, amount)?, currency })
}

/// The column in `left.COLUMN`.
fn of(side: &str, text: &str) -> Option<String> {
    let column = text.trim().strip_prefix(side)?.strip_prefix('.')?.trim();
    is_name(column).then(|| column.to_owned())
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

fn is_key_like(text: &str) -> bool {
    is_name(text) && text.chars().all(|c| c.is_lowercase() || c == '_')
}

fn known(name: &str) -> Option<&'static str> {
    KEYS.iter().map(|(key, _)| *key).find(|key| *key == name)
}
