//! What the users of doors may see: roles, each a catalogue of its own.
//!
//! ```text
//!  [roles.NAME] ─▶ settings ─▶ Role ─▶ universe: every table as the role sees it, and every view planned over these
//!                                        └▶ allowed: those of them that it may name ─▶ Session
//! ```
//!
//! Nothing is checked when a statement is run: what a role may not see is not in the catalogue that its statements are planned
//! over, so that no view, join, listing, hint of an error or plan can have it. Where rows are left out, what is asked of a table
//! is kept apart from how they are left out, by [`fence`].

mod catalog;
mod fence;
mod pattern;
mod seen;
pub mod settings;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use datafusion::catalog::CatalogProvider;
use datafusion::execution::SessionState;

use super::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::lake::policy::Policy;
pub(super) use catalog::{Allowed, SeenSchema};
use pattern::{ColumnPattern, TablePattern};

/// The user that stands for all who are not named.
const EVERYBODY: &str = "*";

/// What some users may see and do.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its name in the configuration.
    name: String,
    users: Vec<String>,
    tables: Vec<TablePattern>,
    /// Columns that are not there.
    hidden: Vec<ColumnPattern>,
    /// What becomes of the columns of Checkout.com's tables, and of the same values elsewhere.
    policy: Policy,
    /// Conditions that rows meet, each of the tables that a pattern names.
    rows: Vec<(TablePattern, String)>,
    pub(super) limits: Limits,
}

/// How much of Checkout.com a session may ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Limits {
    /// Requests that a statement may make at most, whatever its settings say.
    pub(super) max_requests: Option<u64>,
    /// Whether nothing is asked.
    pub(super) is_offline: bool,
    /// Whether there are rows that are not seen.
    pub(super) leaves_rows_out: bool,
}

impl Role {
    /// The condition of the rows of a table that are seen: that of the closest pattern.
    fn rows_of(&self, schema: &str, table: &str) -> Option<&str> {
        let fitting = self.rows.iter().filter(|(pattern, _)| pattern.fits(schema, table));
        fitting.max_by_key(|(pattern, _)| pattern.closeness()).map(|(_, condition)| condition.as_str())
    }

    fn may_name(&self, schema: &str, table: &str) -> bool {
        self.tables.iter().any(|pattern| pattern.fits(schema, table))
    }
}

/// A role with the catalogue of what it may see.
pub(super) struct Admitted {
    pub(super) role: Arc<Role>,
    /// Every table as the role sees it, those included that it may not name: what its views are planned over.
    pub(super) universe: Arc<dyn CatalogProvider>,
    /// Where the conditions of rows are planned.
    pub(super) state: Arc<SessionState>,
}

impl fmt::Debug for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted").field("role", &self.role.name).finish_non_exhaustive()
    }
}

/// The roles of an engine; without any, whoever comes in sees everything.
#[derive(Debug, Default)]
pub(super) struct Roles {
    by_name: BTreeMap<String, Arc<Admitted>>,
    by_user: BTreeMap<String, String>,
}

impl Roles {
    /// No roles.
    pub(super) const NONE: Self = Self { by_name: BTreeMap::new(), by_user: BTreeMap::new() };

    /// The roles of a configuration, over an engine's tables.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when a user has two roles, or a role is of nothing that is there.
    pub(super) fn try_new(engine: &Engine, roles: &[Role]) -> Result<Self> {
        let mut all = Self::default();
        for role in roles {
            for user in &role.users {
                if let Some(other) = all.by_user.insert(user.clone(), role.name.clone()) {
                    return Err(Error::new(ErrorKind::Config, "a user has two roles")
                        .with("user", user)
                        .with("roles", format!("{other}, {}", role.name)));
                }
            }
            let admitted = catalog::admit(engine, Arc::new(role.clone())).map_err(|error| error.with("role", &role.name))?;
            all.by_name.insert(role.name.clone(), Arc::new(admitted));
        }
        Ok(all)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The role of a name.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] when there is none.
    pub(super) fn named(&self, name: &str) -> Result<&Admitted> {
        let admitted = self.by_name.get(name).map(AsRef::as_ref);
        admitted.ok_or_else(|| Error::bug("a catalogue is of a role that does not exist").with("role", name))
    }

    /// The role of a user.
    ///
    /// # Errors
    /// [`ErrorKind::Scope`] when there is none.
    pub(super) fn of(&self, user: &str) -> Result<&Arc<Admitted>> {
        let name = self.by_user.get(user).or_else(|| self.by_user.get(EVERYBODY));
        name.and_then(|name| self.by_name.get(name)).ok_or_else(|| {
            Error::new(ErrorKind::Scope, "no role lets this user see anything")
                .with("user", user)
                .hint("name the user, or \"*\", under users of a role in ckosql.toml")
        })
    }
}
