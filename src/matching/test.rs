//! How a rule is tried: given rows, expected matches and exceptions, in a file beside it.
//!
//! ```text
//! --- rules: by_reference.sql, by_amount.sql        # beside the file; left out: the rule of the file's own name
//! --- case: two of one amount are not paired
//! --- as_of: 2026-03-10                             # the day that what is due is told by; left out: long after
//! --- given: payments
//! id text,currency text,amount decimal,day date
//! pay_1,USD,9.99,2026-03-01
//! --- given: bank_lines
//! …
//! --- overrides:                                    # what people have decided; several ids with blanks between them
//! action,left,right
//! unmatch,pay_1,line_8
//! --- expect: matches                               # left ids, right ids, what is left; several ids by +
//! pay_1,line_7,FEE 15.00
//! --- expect: exceptions                            # all of them: table, id, reason, candidates, what else is told
//! payments,pay_2,AMBIGUOUS_KEY,line_8+line_9
//! payments,pay_3,AMOUNT_MISMATCH,line_5,9.99 against 9.90 USD, 0.09 apart
//! --- expect: suggestions                           # as matches
//! --- expect: out_of_scope                          # table, id, and the reason or what the rule says
//! --- expect: error                                 # words of it
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::csv::ReaderBuilder;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::error::ArrowError;
use chrono::DateTime;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::conventions::Conventions;
use super::functions;
use super::outcome::{Difference, Exception, Match, Outcome, Step, decimal};
use super::overrides::{Decision, Overrides};
use super::results::{Asked, Entered, numbered};
use super::rule::Rule;
use super::run::run_under;
use super::sides::keys;
use crate::error::{Error, ErrorKind, Result};
use crate::money::DECIMAL_PRECISION;
use crate::schema::time::parse_date;

/// Who has decided what a case says, where it does not say who.
const WHO: &str = "somebody";

/// What begins a line that is no row.
const MARK: &str = "---";

/// The cases of a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cases {
    /// The rules' files that it names.
    pub rules: Vec<String>,
    /// The cases, as they stand.
    pub cases: Vec<Case>,
}

/// A case: tables, and what is to come of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// Its line in the file, from 1.
    pub line: usize,
    given: Vec<(String, RecordBatch)>,
    /// What people have decided, as CSV.
    overrides: Option<String>,
    as_of: Option<i32>,
    matches: Option<Vec<String>>,
    suggestions: Option<Vec<String>>,
    exceptions: Option<Vec<String>>,
    out_of_scope: Option<Vec<String>>,
    error: Option<String>,
}

/// A part of a file: what its first line says, and its rows.
struct Part<'a> {
    key: &'a str,
    value: &'a str,
    line: usize,
    rows: Vec<&'a str>,
}

impl Cases {
    /// Reads a file; `file` is what errors name it by.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] that says in which line what is wrong.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        let mut cases = Self::default();
        for part in parts(text, file)? {
            let wrong = |what: &'static str| Error::new(ErrorKind::Query, what).with("file", file).with("line", part.line);
            match (part.key, cases.cases.last_mut()) {
                ("rules", None) => cases.rules = part.value.split(',').map(|rule| rule.trim().to_owned()).collect(),
                ("case", _) => cases.cases.push(Case { name: part.value.to_owned(), line: part.line, ..Case::default() }),
                ("given", Some(case)) => {
                    let table = table(&part.rows).map_err(|error| error.with("file", file).with("line", part.line))?;
                    case.given.push((part.value.to_owned(), table));
                }
                ("expect", Some(case)) => {
                    let mut rows: Vec<String> = part.rows.iter().map(|row| (*row).to_owned()).collect();
                    match part.value {
                        "error" => case.error = Some(rows.join(" ")),
                        "matches" | "suggestions" | "exceptions" | "out_of_scope" => {
                            rows.sort_unstable();
                            let expected = match part.value {
                                "matches" => &mut case.matches,
                                "suggestions" => &mut case.suggestions,
                                "out_of_scope" => &mut case.out_of_scope,
                                _ => &mut case.exceptions,
                            };
                            *expected = Some(rows);
                        }
                        _ => {
                            return Err(wrong("something is expected that is not known")
                                .hint("expect matches, suggestions, exceptions, out_of_scope or error"));
                        }
                    }
                }
                ("as_of", Some(case)) => {
                    case.as_of = Some(
                        parse_date(&format!("{} 00:00:00", part.value))
                            .ok_or_else(|| wrong("a date is expected").hint("such as 2026-03-10"))?,
                    );
                }
                ("overrides", Some(case)) => case.overrides = Some(part.rows.join("\n")),
                ("given" | "overrides" | "expect" | "as_of", None) => {
                    return Err(wrong("rows before the first case").hint("begin with --- case: what it shows"));
                }
                _ => {
                    return Err(
                        wrong("a line that is not known").hint("write rules, case, as_of, given, overrides or expect behind ---")
                    );
                }
            }
        }
        match cases.cases.iter().find(|case| case.expects_nothing()) {
            Some(case) => Err(Error::new(ErrorKind::Query, "a case expects nothing")
                .with("file", file)
                .with("line", case.line)
                .hint("add --- expect: matches, suggestions, exceptions, out_of_scope or error")),
            None => Ok(cases),
        }
    }
}

impl Case {
    fn expects_nothing(&self) -> bool {
        [&self.matches, &self.suggestions, &self.exceptions, &self.out_of_scope].iter().all(|expected| expected.is_none())
            && self.error.is_none()
    }

    /// Runs rules under what people have decided.
    async fn run(&self, rules: &[Rule], context: &SessionContext, conventions: &Conventions) -> Result<Outcome> {
        let overrides = self.decided(rules, context)?;
        run_under(rules, &overrides, context, conventions, self.as_of.unwrap_or(i32::MAX)).await
    }

    /// What people have decided.
    fn decided(&self, rules: &[Rule], context: &SessionContext) -> Result<Overrides> {
        let (Some(csv), Some(first)) = (&self.overrides, rules.first()) else { return Ok(Overrides::default()) };
        let by = Entered { at: DateTime::UNIX_EPOCH, who: WHO.to_owned() };
        let mut decisions = Vec::new();
        for asked in Asked::of_case(csv.as_bytes(), &first.flow)? {
            let tables = keys(rules, &asked.flow, context)?.map(|side| side.into_keys().collect::<BTreeSet<String>>());
            let known =
                decisions.iter().map(|decision: &Decision| (decision.number, decision.clone())).collect::<BTreeMap<_, _>>();
            let last = i64::try_from(known.len()).unwrap_or(i64::MAX);
            let mut decided = [asked.decision(tables.each_ref(), &by)?];
            numbered(&mut decided, last, &known)?;
            decisions.extend(decided);
        }
        Ok(Overrides::new(decisions))
    }

    /// Runs rules over the rows, and says how what came of it differs from what is expected; nothing where it does not.
    ///
    /// # Errors
    /// Those of the rules, where none is expected.
    pub async fn differs(&self, rules: &[Rule], conventions: &Arc<Conventions>) -> Result<Vec<String>> {
        let context = session(conventions);
        for (name, rows) in &self.given {
            if let Some((schema, _)) = name.split_once('.') {
                context.sql(&format!("create schema if not exists {schema}")).await?;
            }
            context.register_batch(name, rows.clone())?;
        }
        let outcome = match (self.run(rules, &context, conventions).await, &self.error) {
            (Ok(outcome), None) => outcome,
            (Ok(_), Some(expected)) => return Ok(vec![format!("- error: {expected}")]),
            (Err(error), Some(expected)) if error.to_string().contains(expected.as_str()) => return Ok(Vec::new()),
            (Err(error), Some(expected)) => return Ok(vec![format!("- error: {expected}"), format!("+ error: {error}")]),
            (Err(error), None) => return Err(error),
        };
        let (mut matches, mut suggestions, mut exceptions, mut out_of_scope) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for step in &outcome.steps {
            for (found, shown) in [(&step.matches, &mut matches), (&step.suggestions, &mut suggestions)] {
                for found in found {
                    shown.push(shown_match(step, found)?);
                }
            }
            for out in &step.out_of_scope {
                let (table, reason) = (step.table(out.table)?, step.rules.get(out.rule).and_then(|rule| rule.reason));
                let why = reason.or(out.why.as_deref()).unwrap_or_default();
                out_of_scope.push(format!("{},{},{why}", table.name(), table.id(out.row)?));
            }
            for exception in &step.exceptions {
                exceptions.push(shown(step, exception)?);
            }
        }
        let mut differs = Vec::new();
        for (what, expected, got) in [
            ("match", &self.matches, matches),
            ("suggestion", &self.suggestions, suggestions),
            ("out of scope", &self.out_of_scope, out_of_scope),
        ] {
            if let Some(expected) = expected {
                differs.extend(difference(what, expected, got));
            }
        }
        if let Some(expected) = &self.exceptions {
            // As much of an exception is compared as is expected of it.
            let told = |[short, more, whole]: [String; 3]| {
                [whole, more].into_iter().find(|told| expected.contains(told)).unwrap_or(short)
            };
            differs.extend(difference("exception", expected, exceptions.into_iter().map(told).collect()));
        }
        Ok(differs)
    }
}

/// A session that knows what rules compare with, and no tables.
pub fn session(conventions: &Arc<Conventions>) -> SessionContext {
    let mut config = SessionConfig::new();
    config.options_mut().sql_parser.parse_float_as_decimal = true;
    let context = SessionContext::new_with_config(config);
    functions::all(conventions).for_each(|function| context.register_udf(function));
    context
}

fn parts<'a>(text: &'a str, file: &str) -> Result<Vec<Part<'a>>> {
    let mut parts: Vec<Part<'a>> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end();
        match (line.strip_prefix(MARK), parts.last_mut()) {
            (Some(said), _) => {
                let said = said.split(" #").next().unwrap_or_default();
                let (key, value) = said.split_once(':').unwrap_or((said, ""));
                parts.push(Part { key: key.trim(), value: value.trim(), line: index + 1, rows: Vec::new() });
            }
            (None, _) if line.is_empty() => {}
            (None, Some(part)) => part.rows.push(line),
            (None, None) => {
                let error = Error::new(ErrorKind::Query, "a row before the first part").with("file", file);
                return Err(error.with("line", index + 1).hint("begin with --- case: what it shows"));
            }
        }
    }
    Ok(parts)
}

/// A table of rows whose first line says names and types.
fn table(rows: &[&str]) -> Result<RecordBatch> {
    let wrong = |what: &'static str| Error::new(ErrorKind::Query, what);
    let (columns, rows) =
        rows.split_first().ok_or_else(|| wrong("a table without columns").hint("name them: id text,amount decimal"))?;
    let field = |column: &str| {
        let (name, kind) = column.trim().split_once(' ').unwrap_or_else(|| (column.trim(), "text"));
        let kind = match kind.trim() {
            "text" => DataType::Utf8,
            "decimal" => DataType::Decimal128(DECIMAL_PRECISION, 8),
            "date" => DataType::Date32,
            "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            "bigint" => DataType::Int64,
            "boolean" => DataType::Boolean,
            "float" => DataType::Float64,
            other => {
                let error = wrong("a type that is not known").with("column", name).with("type", other);
                return Err(error.hint("it may be text, decimal, date, timestamp, bigint, boolean, float"));
            }
        };
        Ok(Field::new(name, kind, true))
    };
    let schema = Arc::new(Schema::new(columns.split(',').map(field).collect::<Result<Vec<Field>>>()?));
    let unread = |error: ArrowError| wrong("a row cannot be read").caused_by(error);
    let text = rows.join("\n");
    let mut batches =
        ReaderBuilder::new(Arc::clone(&schema)).with_batch_size(rows.len().max(1)).build(Cursor::new(text)).map_err(unread)?;
    match batches.next() {
        Some(batch) => batch.map_err(unread),
        None => Ok(RecordBatch::new_empty(schema)),
    }
}

fn shown_match(step: &Step, found: &Match) -> Result<String> {
    let [left, right] = step.ids(found)?;
    let ids = format!("{},{}", left.join("+"), right.join("+"));
    Ok(match found.residual.as_deref() {
        Some(Difference { kind, amount, .. }) => format!("{ids},{kind} {}", decimal(*amount)),
        None => ids,
    })
}

/// An exception; with its candidates; and with what else there is to say of it.
fn shown(step: &Step, exception: &Exception) -> Result<[String; 3]> {
    let table = step.table(exception.table)?;
    let short = format!("{},{},{}", table.name(), table.id(exception.row)?, exception.reason);
    let more = format!("{short},{}", step.candidates(exception)?.join("+"));
    let whole = format!("{more},{}", exception.detail.as_deref().unwrap_or_default());
    Ok([short, more, whole])
}

/// Lines that one of both has, or has more often than the other.
fn difference(what: &str, expected: &[String], mut got: Vec<String>) -> Vec<String> {
    got.sort_unstable();
    let mut differs = Vec::new();
    for line in expected {
        match got.iter().position(|other| other == line) {
            Some(place) => drop(got.remove(place)),
            None => differs.push(format!("- {what}: {line}")),
        }
    }
    differs.extend(got.iter().map(|line| format!("+ {what}: {line}")));
    differs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_more_often_than_expected_differs_and_so_does_what_is_there_less_often() {
        let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(difference("match", &lines("a b b"), lines("b a b")), [""; 0]);
        assert_eq!(difference("match", &lines("a b"), lines("b c a b")), ["+ match: b", "+ match: c"]);
        assert_eq!(difference("match", &lines("a b b"), lines("b a")), ["- match: b"]);
    }
}
