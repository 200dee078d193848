//! Settings of the privacy policy: `[policy]` of the configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::rule::{ADVICE, Key, Rule};
use super::{Assigned, Policy, needed};
use crate::api::config::SecretSource;
use crate::error::{Error, ErrorKind, Result};
use crate::resources::{RESOURCES, Resource, resource};
use crate::schema::Kind;
use crate::schema::fields::{self, RAW};

/// The variable that has the key of hashes.
pub const KEY: &str = "CKOSQL_POLICY_KEY";
/// What stands for every table that has the column.
const ANY: &str = "*";

/// The keys of `[policy]`, as they are written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PolicySettings {
    /// Columns that are left out, as `table.column`, or `*.column` for every table that has it.
    pub drop: Option<Vec<String>>,
    /// Columns of which a keyed hash is kept.
    pub hash: Option<Vec<String>>,
    /// Columns that keep their shape, and no letter or digit.
    pub mask: Option<Vec<String>>,
    /// Whether everything that says something of people is left out.
    pub no_pii: Option<bool>,
    /// The key of hashes.
    pub key: Option<SecretSource>,
}

impl PolicySettings {
    /// These settings where they say something, and else the lower ones.
    #[must_use]
    pub fn over(self, lower: Self) -> Self {
        Self {
            drop: self.drop.or(lower.drop),
            hash: self.hash.or(lower.hash),
            mask: self.mask.or(lower.mask),
            no_pii: self.no_pii.or(lower.no_pii),
            key: self.key.or(lower.key),
        }
    }

    /// The policy.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when it names a table or a column that there is not, or one that must stay as it is, or hashes
    /// without a key; [`ErrorKind::Credentials`] when the key is not where it is said to be.
    pub fn resolve(self, environment: &BTreeMap<String, String>) -> Result<Policy> {
        let mut entries = said("drop", &Rule::Drop, self.drop)?;
        entries.extend(said("mask", &Rule::Mask, self.mask)?);
        if let Some(hashed) = self.hash.filter(|hashed| !hashed.is_empty()) {
            let key = Rule::Hash(Arc::new(key(self.key, environment)?));
            entries.extend(said("hash", &key, Some(hashed))?);
        }
        let mut assigned = Assigned { is_no_pii: self.no_pii.unwrap_or_default(), ..Assigned::default() };
        // What is said of a table comes before what is said of all.
        for is_one in [true, false] {
            let mut lists: BTreeMap<(&str, &str), &str> = BTreeMap::new();
            for entry in entries.iter().filter(|entry| entry.is_one == is_one) {
                for (table, column) in &entry.columns {
                    let name = (*table, *column);
                    if let Some(list) = lists.insert(name, entry.list).filter(|list| *list != entry.list) {
                        return Err(Error::new(
                            ErrorKind::Config,
                            format!("[policy] has a column twice: under {list} and {}", entry.list),
                        )
                        .with("column", format!("{table}.{column}"))
                        .hint("leave one of them out"));
                    }
                    assigned.rules.entry(name).or_insert_with(|| entry.rule.clone());
                }
            }
        }
        Ok(assigned.resolve())
    }
}

/// The key, from the environment or else from where the configuration says.
fn key(source: Option<SecretSource>, environment: &BTreeMap<String, String>) -> Result<Key> {
    let variable = environment.get(KEY).filter(|text| !text.trim().is_empty());
    let source = variable.map(|text| SecretSource::from(text.clone())).or(source);
    let source = source.ok_or_else(|| Error::new(ErrorKind::Config, "[policy] hashes columns and has no key").hint(ADVICE))?;
    Key::try_new(&source.fetch("policy.key").map_err(|error| error.hint(ADVICE))?)
}

/// What an entry of a list says.
struct Entry {
    list: &'static str,
    rule: Rule,
    /// Whether it names one table.
    is_one: bool,
    columns: Vec<(&'static str, &'static str)>,
}

fn said(list: &'static str, rule: &Rule, names: Option<Vec<String>>) -> Result<Vec<Entry>> {
    let entry = |name: String| {
        let columns = columns(&name, rule);
        let columns = columns.map_err(|error| error.with("policy", format!("{list} {name}")))?;
        Ok(Entry { list, rule: rule.clone(), is_one: !name.starts_with(ANY), columns })
    };
    names.unwrap_or_default().into_iter().map(entry).collect()
}

/// The columns that an entry names, each by the table that it is of.
fn columns(name: &str, rule: &Rule) -> Result<Vec<(&'static str, &'static str)>> {
    let Some((table, column)) = name.split_once('.') else {
        return Err(Error::new(ErrorKind::Config, "[policy] names no column")
            .hint("write table.column, such as payments.customer_email, or *.customer_email"));
    };
    let tables: Vec<&Resource> = if table == ANY { RESOURCES.to_vec() } else { vec![named(table)?] };
    let mut columns = Vec::new();
    for resource in &tables {
        if let Some(column) = allowed(resource, column, rule)? {
            columns.push((resource.family(), column));
        }
    }
    if columns.is_empty() {
        let known = tables.iter().flat_map(|resource| resource.columns).map(|column| column.name);
        return Err(with_nearest(Error::new(ErrorKind::Config, "[policy] names a column that does not exist"), column, known));
    }
    Ok(columns)
}

/// The table of this name.
fn named(table: &str) -> Result<&'static Resource> {
    resource(table).ok_or_else(|| {
        let error = Error::new(ErrorKind::Config, "[policy] names a table that does not exist");
        with_nearest(error, table, RESOURCES.iter().map(|resource| resource.name))
    })
}

/// The column of this name, where the table has it.
fn allowed(resource: &'static Resource, name: &str, rule: &Rule) -> Result<Option<&'static str>> {
    let is_there = fields::schema(resource.columns).field_with_name(name).is_ok();
    let refuse = |why: String| Err(Error::new(ErrorKind::Config, why).with("column", format!("{}.{name}", resource.name)));
    // The second column of an amount is as little to be changed as the first.
    let declared = resource.column(name).or_else(|| resource.column(name.strip_suffix("_minor")?));
    if !is_there {
        return Ok(None);
    }
    if let Some(why) = needed(resource, declared.map_or(name, |column| column.name)) {
        return refuse(format!("[policy] cannot change a column: {why}"));
    }
    let kind = declared.map_or(Kind::Json, |column| column.kind);
    if *rule != Rule::Drop && kind != Kind::Text {
        let what = match kind {
            Kind::Json => "JSON, which would be none any more",
            Kind::Word(_) => "one of a few words, which could be told from their hashes",
            _ => "no text",
        };
        return refuse(format!("[policy] can hash and mask texts only, and this is {what}"))
            .map_err(|error| error.hint("drop it"));
    }
    Ok(Some(declared.map_or(RAW, |column| column.name)))
}

/// Adds the name that was probably meant.
fn with_nearest<'a>(error: Error, wrong: &str, names: impl Iterator<Item = &'a str>) -> Error {
    match names.chain([RAW]).min_by_key(|name| strsim::damerau_levenshtein(wrong, name)) {
        Some(nearest) => error.hint(format!("did you mean {nearest}?")),
        None => error,
    }
}
