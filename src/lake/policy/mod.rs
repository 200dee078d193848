//! What the lake may know of people: columns that are dropped, hashed or masked before anything of them is written.
//!
//! ```text
//!  [policy] ─▶ settings ─▶ Policy ─┬▶ sync: every row that is read from the API, before it is stamped
//!             (key)                └▶ shown: the same of live rows in public, so that a column means one thing
//! ```
//!
//! A policy is resolved once against the declared tables ([`places`] finds where else a value stands) and then is, for each
//! table, what becomes of its columns. It is recorded with the table: rows of two policies do not compare.

mod places;
mod rule;
pub mod settings;
mod shown;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::error::{Error, ErrorKind, Result};
use crate::lake::manner::{Identity, Manner};
use crate::resources::{RESOURCES, Resource};
use crate::schema::fields::{ACCOUNT, FETCHED_AT, RAW};
use crate::schema::{Column, Kind, Role};
use rule::{Rule, Treatment};
pub use shown::shown;

/// The property of a table of the lake that says what it was made under.
pub(super) const PROPERTY: &str = "ckosql.policy";
/// What is recorded of a policy that leaves out all that says something of people.
const NO_PII: &str = "no_pii";

/// What becomes of the columns of all tables.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    tables: BTreeMap<&'static str, Arc<TablePolicy>>,
}

impl Policy {
    /// What becomes of the columns of a table; `None` where all stay as they are.
    pub fn of(&self, table: &str) -> Option<&Arc<TablePolicy>> {
        self.tables.get(table)
    }
}

/// What becomes of the columns of a table.
#[derive(Debug)]
pub struct TablePolicy {
    columns: BTreeMap<&'static str, Treatment>,
    text: String,
}

impl TablePolicy {
    /// The policy in words, without its key: two tables with the same words compare.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a column stays as it is.
    pub fn keeps(&self, column: &str) -> bool {
        !self.columns.contains_key(column)
    }

    /// The rows as they may be kept.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] when they are not of this table.
    pub fn apply(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let schema: SchemaRef = rows.schema();
        let column = |(field, values): (&arrow::datatypes::FieldRef, _)| match self.columns.get(field.name().as_str()) {
            Some(treatment) => treatment.apply(values),
            None => Ok(Arc::clone(values)),
        };
        let columns = schema.fields().iter().zip(rows.columns()).map(column).collect::<Result<_>>()?;
        RecordBatch::try_new(Arc::clone(&schema), columns)
            .map_err(|error| Error::bug("a policy does not fit the rows").caused_by(error))
    }
}

/// What is said of columns, by the table that has them and the column.
#[derive(Debug, Default)]
struct Assigned {
    rules: BTreeMap<(&'static str, &'static str), Rule>,
    /// Whether everything else that says something of people is dropped.
    is_no_pii: bool,
}

impl Assigned {
    /// What becomes of a column of a table, where something is said of it.
    fn rule(&self, resource: &Resource, column: &'static str) -> Option<&Rule> {
        let said = self.rules.get(&(resource.family(), column));
        let is_personal = column == RAW || resource.column(column).is_some_and(|column| column.is_personal);
        said.or_else(|| (self.is_no_pii && is_personal).then_some(&Rule::Drop))
    }

    fn resolve(&self) -> Policy {
        let tables = RESOURCES.iter().filter_map(|resource| Some((resource.name, Arc::new(self.table(resource)?))));
        Policy { tables: tables.collect() }
    }

    fn table(&self, resource: &Resource) -> Option<TablePolicy> {
        let found = places::find(resource, self);
        let mut columns: BTreeMap<&'static str, Treatment> = found.columns.into_iter().collect();
        columns.extend(found.raw.map(|treatment| (RAW, treatment)));
        for name in resource.columns.iter().map(|column| column.name).chain([RAW]) {
            if let Some(rule) = self.rule(resource, name) {
                columns.insert(name, Treatment::Whole(rule.clone()));
            }
        }
        (!columns.is_empty()).then(|| TablePolicy { columns, text: self.text(resource, &found.others) })
    }

    /// What is said of a table, in words.
    fn text(&self, resource: &Resource, others: &[(&'static str, &'static str)]) -> String {
        let (mut dropped, mut hashed, mut masked, mut key) = (Vec::new(), Vec::new(), Vec::new(), None);
        let own = self.rules.keys().filter(|(family, _)| *family == resource.family());
        for name in own.chain(others) {
            let said = format!("{}.{}", name.0, name.1);
            match self.rules.get(name) {
                Some(Rule::Hash(with)) => {
                    key = Some(&with.print);
                    hashed.push(said);
                }
                Some(Rule::Mask) => masked.push(said),
                Some(Rule::Drop) if !self.is_no_pii || !is_personal(name) => dropped.push(said),
                Some(Rule::Drop) | None => {}
            }
        }
        let list = |what: &str, mut names: Vec<String>| {
            names.sort_unstable();
            (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
        };
        let parts = [
            self.is_no_pii.then(|| NO_PII.to_owned()),
            list("drop", dropped),
            list("hash", hashed),
            list("mask", masked),
            key.map(|print| format!("key {print}")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

/// Whether a column goes where nothing may be kept that says something of people.
fn is_personal((table, column): &(&'static str, &'static str)) -> bool {
    let declared = crate::resources::resource(table).and_then(|resource| resource.column(column));
    *column == RAW || declared.is_some_and(|column| column.is_personal)
}

/// Why a column must stay as it is; `None` where it need not.
fn needed(resource: &Resource, column: &str) -> Option<&'static str> {
    /// Ids that rows of other tables are joined by, and the state that says which payments may still change.
    const JOINED: [&str; 10] = [
        "id",
        "status",
        "payment_id",
        "payment_action_id",
        "action_id",
        "payout_id",
        "report_payout_id",
        "report_id",
        "entity_id",
        "currency_account_id",
    ];
    if column == ACCOUNT || column == FETCHED_AT {
        return Some("every row is kept by it");
    }
    let declared = resource.column(column)?;
    let manner = Manner::of(resource);
    let restated = match manner.map(|manner| manner.identity) {
        Some(Identity::Restated(columns)) => columns,
        _ => &[],
    };
    let is_currency =
        |other: &Column| matches!(other.kind, Kind::Minor(currency) | Kind::AssumedMinor(currency) if currency == column);
    match declared.kind {
        _ if declared.role == Role::Key || restated.contains(&column) => Some("it says which row a row is"),
        _ if JOINED.contains(&column) => Some("rows of other tables are found by it"),
        Kind::Time | Kind::LocalTime | Kind::Date => Some("it is a time, and rows are kept by their times"),
        Kind::Minor(_) | Kind::AssumedMinor(_) | Kind::Decimal => Some("it is an amount or a rate"),
        _ if column.ends_with("currency") || resource.columns.iter().any(is_currency) => Some("amounts are counted in it"),
        _ => None,
    }
}

/// That a table of the lake was made under this policy.
///
/// # Errors
/// [`ErrorKind::Config`] when it was made under another one.
pub(super) fn check(recorded: Option<&str>, policy: Option<&Arc<TablePolicy>>) -> Result<()> {
    let (made, now) = (recorded.unwrap_or_default(), policy.map_or("", |policy| policy.text()));
    if made == now {
        return Ok(());
    }
    let told = |text: &str| if text.is_empty() { "none".to_owned() } else { format!("[{text}]") };
    let hint = if made.starts_with(NO_PII) && !now.starts_with(NO_PII) {
        "say --no-pii, or no_pii = true under [policy] in ckosql.toml, or sync into another folder"
    } else {
        "rows of two policies do not compare: configure the one it was made under, or sync into another folder"
    };
    Err(Error::new(ErrorKind::Config, "the table of the lake was made under another privacy policy")
        .with("made under", told(made))
        .with("configured", told(now))
        .hint(hint))
}
