//! Settings of roles: `[roles.NAME]` of the configuration.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::pattern::{ANY, ColumnPattern, TablePattern};
use super::{Limits, Role};
use crate::engine::PUBLIC;
use crate::error::{Error, ErrorKind, Result};
use crate::lake::policy::settings::PolicySettings;
use crate::resources::{RESOURCES, Resource, resource};
use crate::schema::fields::{self, RAW};

/// The keys of `[roles.NAME]`, as they are written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RoleSettings {
    /// Who has it; `*` is everybody who has no other.
    pub users: Option<Vec<String>>,
    /// The tables that may be named, as `table`, `schema.table`, `schema.*` or `*`.
    pub tables: Option<Vec<String>>,
    /// Columns that are not there, as `table.column` or `*.column`.
    pub hide: Option<Vec<String>>,
    /// Columns that keep their shape, and no letter or digit.
    pub mask: Option<Vec<String>>,
    /// A condition that rows meet, by the tables that it is of.
    pub rows: Option<BTreeMap<String, String>>,
    /// Whether Checkout.com may be asked.
    pub live: Option<bool>,
    /// Requests that a statement may make at most.
    pub max_requests: Option<u64>,
}

impl RoleSettings {
    /// These settings where they say something, and else the lower ones.
    #[must_use]
    pub fn over(self, lower: Self) -> Self {
        Self {
            users: self.users.or(lower.users),
            tables: self.tables.or(lower.tables),
            hide: self.hide.or(lower.hide),
            mask: self.mask.or(lower.mask),
            rows: self.rows.or(lower.rows),
            live: self.live.or(lower.live),
            max_requests: self.max_requests.or(lower.max_requests),
        }
    }

    /// The role.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when it is nobody's, of no table, or names a column that cannot be hidden or masked.
    pub fn resolve(self, name: &str) -> Result<Role> {
        self.role(name).map_err(|error| error.with_missing("role", name))
    }

    fn role(self, name: &str) -> Result<Role> {
        let users = said(self.users, "users", "the role is nobody's")?;
        let tables = said(self.tables, "tables", "the role may see no table")?;
        let (mut hidden, mut dropped) = (Vec::new(), Vec::new());
        for column in self.hide.unwrap_or_default() {
            hidden.push(ColumnPattern::parse(&column)?);
            if is_dropped(&column)? {
                dropped.push(column);
            } else if let Some((table, _)) = column.rsplit_once('.') {
                // It is in there as well, and nothing tells where.
                hidden.push(ColumnPattern::parse(&format!("{table}.{RAW}"))?);
            }
        }
        let policy = PolicySettings { drop: Some(dropped), mask: self.mask, ..PolicySettings::default() };
        let rows = self.rows.unwrap_or_default();
        let limits =
            Limits { max_requests: self.max_requests, is_offline: !self.live.unwrap_or(true), leaves_rows_out: !rows.is_empty() };
        let rows = rows.into_iter().map(|(tables, condition)| Ok((TablePattern::parse(&tables, PUBLIC)?, condition)));
        Ok(Role {
            name: name.to_owned(),
            users,
            tables: tables.iter().map(|table| TablePattern::parse(table, PUBLIC)).collect::<Result<_>>()?,
            hidden,
            policy: policy.resolve(&BTreeMap::new())?,
            rows: rows.collect::<Result<_>>()?,
            limits,
        })
    }
}

/// A list that must say something.
fn said(list: Option<Vec<String>>, key: &'static str, lacks: &'static str) -> Result<Vec<String>> {
    list.filter(|list| !list.is_empty()).ok_or_else(|| Error::new(ErrorKind::Config, lacks).hint(format!("say it with {key}")))
}

/// Whether a column that is hidden is one that the policy can drop: then it is known where else its values stand.
///
/// # Errors
/// [`ErrorKind::Config`] when the table is one of Checkout.com's and has no such column.
fn is_dropped(column: &str) -> Result<bool> {
    let (table, name) = match column.split('.').collect::<Vec<_>>().as_slice() {
        [table, name] => (*table, *name),
        _ => return Ok(false),
    };
    let has = |resource: &&Resource| fields::schema(resource.columns).field_with_name(name).is_ok();
    let is_there = match resource(table) {
        Some(resource) => has(&resource),
        None => table == ANY && RESOURCES.iter().any(has),
    };
    let drop = PolicySettings { drop: Some(vec![column.to_owned()]), ..PolicySettings::default() };
    match drop.resolve(&BTreeMap::new()) {
        Ok(_) => Ok(true),
        Err(error) if resource(table).is_some() && !is_there => Err(error),
        Err(_) => Ok(false),
    }
}
