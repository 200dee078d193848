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
    /// The rows it looks for counterparts for.
    pub left: Side,
    /// The rows they are looked for in.
    pub right: Side,
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
    Suggest,
}

/// What is done with rows that are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tie {
    /// They are left, and said to be ambiguous.
    Reject,
    /// As many of one side as of the other are one group.
    Bucket,
    /// They are left, and their candidates suggested.
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

/// What becomes of a difference of amounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Residual {
    /// There is to be none beyond the tolerance.
    None,
    /// Less than a minor unit is left.
    Dust,
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
pub const KEYS: [(&str, &str); 17] = [
    ("rule", "Its name, which no other has: `flow.what_it_goes_by`."),
    ("version", "For people; what counts is the hash of header and SELECT."),
    ("flow", "What it is a step of."),
    ("hop", "Which step of the flow; 1 when left out."),
    ("priority", "Its turn in the step, the lowest first; 100 when left out."),
    (
        "left",
        "The table it looks for counterparts for, and its key in brackets: `settlements(payout_id)`; `line_id` when left out.",
    ),
    ("right", "The table they are looked for in, likewise."),
    ("shape", "`one_to_one`, `many_to_one` or `one_to_many`."),
    ("assign", "`unique`, `mutual_best(margin=N)` or `suggest`."),
    ("tie", "What is done with rows that are alike: `reject`, `bucket` or `suggest`."),
    (
        "amount",
        "The amounts that are to be equal: `left.COLUMN = right.COLUMN`, each in the currency of the column `currency`, or of \
         another one: `left.COLUMN in left.CURRENCY = …`.",
    ),
    ("tolerance", "How far apart they may be: `N minor`, `N bps`, or `N minor or N bps`."),
    ("window", "Where the day of the right may lie: `right.COLUMN in [left.COLUMN -N .. +N days]`, or `business days`."),
    ("calendar", "Whose business days: `TARGET2`, `UK`, `US_FED`, `WEEKENDS`, or one of the configuration."),
    ("residual", "What becomes of a difference: `none`, `dust`, `fee:ACCOUNT up to N minor`, `fx:…` or `writeoff:…`."),
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
        let id = header.needed("rule")?;
        let flow = header.needed("flow")?;
        let amount = header.amount()?;
        let window = header.window()?;
        let rule = Self {
            hop: header.number("hop", 1)?,
            priority: header.number("priority", 100)?,
            left: header.side("left")?,
            right: header.side("right")?,
            shape: header.word("shape", "one_to_one", &SHAPES)?,
            assign: header.assign()?,
            tie: header.word("tie", "reject", &TIES)?,
            residual: header.residual()?,
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
        match rule.residual {
            Residual::None => Ok(rule),
            _ if rule.amount.is_some() => Ok(rule),
            _ => Err(header.wrong("residual", "a residual needs an amount to be left of", "add amount: left.… = right.…")),
        }
    }

    /// What comes first in a run.
    pub(super) fn turn(&self) -> (&str, u32, u32, &str) {
        (&self.flow, self.hop, self.priority, &self.id)
    }
}

const SHAPES: [(&str, Shape); 3] =
    [("one_to_one", Shape::OneToOne), ("many_to_one", Shape::ManyToOne), ("one_to_many", Shape::OneToMany)];
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
            match word.split_once(':').filter(|(name, _)| is_key_like(name)) {
                Some((name, rest)) if rest.is_empty() || known(name).is_some() => {
                    let Some(known) = known(name) else { return Err(self.unknown(name, number)) };
                    self.said(key, &mut value, number)?;
                    key = Some(known);
                    value.push_str(rest);
                }
                _ => {
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
                Ok(Side { table: table.trim().to_owned(), key: column.to_owned() })
            }
            _ => Err(self.wrong(key, "a table is expected", format!("such as {key}: settlements(payout_id)"))),
        }
    }

    fn assign(&self) -> Result<Assign> {
        let value = self.value("assign").unwrap_or("unique");
        let call = value.split_once('(').and_then(|(name, rest)| Some((name.trim(), rest.trim().strip_suffix(')')?)));
        let margin = |given: &str| given.split_once('=').filter(|(name, _)| name.trim() == "margin")?.1.trim().parse().ok();
        match (value, call) {
            ("unique", _) => Ok(Assign::Unique),
            ("suggest", _) => Ok(Assign::Suggest),
            ("mutual_best", _) => Ok(Assign::MutualBest { margin: 1 }),
            (_, Some(("mutual_best", given))) => match margin(given) {
                Some(margin) if margin > 0 => Ok(Assign::MutualBest { margin }),
                _ => Err(self.wrong("assign", "a margin is a whole number above 0", "such as assign: mutual_best(margin=1)")),
            },
            _ => Err(self.wrong("assign", "a word that is not known here", "it may be unique, mutual_best(margin=N), suggest")),
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
        let (mut minor, mut bps) = (0, 0);
        for part in self.value("tolerance").unwrap_or("0 minor").split(" or ") {
            let number = part.trim().split_once(' ').and_then(|(number, unit)| Some((number.parse::<u32>().ok()?, unit.trim())));
            match number {
                Some((number, "minor")) => minor = number.into(),
                Some((number, "bps")) => bps = number.into(),
                _ => return Err(self.wrong("tolerance", "a tolerance is expected", "such as 0 minor, 5 bps, 1 minor or 5 bps")),
            }
        }
        Ok(Some(Amount { left, right, tolerance_minor: minor, tolerance_bps: bps }))
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
            "dust" => return Ok(Residual::Dust),
            _ => {}
        }
        let booked = || {
            let (kind, rest) = value.split_once(':')?;
            let (account, most) = rest.split_once(" up to ")?;
            let up_to_minor = most.trim().strip_suffix("minor")?.trim().parse::<u32>().ok()?.into();
            let kind = match kind {
                "fee" => "FEE",
                "fx" => "FX",
                "writeoff" => "WRITE_OFF",
                _ => return None,
            };
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
    let (left, from) = match from.trim().split_once(' ') {
        Some((left, from)) => (left, days(from)?),
        None => (from.trim(), 0),
    };
    let to = to.trim();
    let (to, is_business) = match (to.strip_suffix("business days"), to.strip_suffix("days")) {
        (Some(to), _) => (to, true),
        (None, Some(to)) => (to, false),
        (None, None) => return None,
    };
    Some((of("left", left)?, of("right", right)?, from, days(to)?, is_business))
}

/// A number of days with its sign.
fn days(text: &str) -> Option<i32> {
    let text = text.trim().trim_end_matches("business days").trim_end_matches("days").trim();
    text.starts_with(['+', '-', '0']).then(|| text.parse().ok()).flatten().filter(|days: &i32| days.abs() <= 366)
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
