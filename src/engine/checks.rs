//! The shipped checks: every file of `sql/checks`, a view each in the schema `checks`, and two over all of them.
//!
//! A check is a query that has no row while the books tie out. All have the same columns, so `checks.broken` is every row
//! of every check, and `checks.summary` counts them over the last days. Adding a check is adding a file.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::Result as DataFusionResult;
use datafusion::datasource::ViewTable;
use datafusion::error::DataFusionError;
use include_dir::{Dir, include_dir};

use super::Planner;
use super::views::{header, plan};
use crate::error::{Error, Result};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sql/checks");

/// View of all rows of all checks.
pub(super) const BROKEN: &str = "broken";
/// View of how the checks went.
pub(super) const SUMMARY: &str = "summary";
/// Days that the summary looks at.
pub(super) const DAYS: u32 = 7;

/// A shipped check: its header, and its one SELECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Check {
    /// Name in SQL.
    pub(super) name: &'static str,
    /// Which identity of the books it checks.
    pub(super) identity: &'static str,
    /// The flow of matching that it is told with.
    pub(super) flow: &'static str,
    /// What is so while it has no row.
    pub(super) says: &'static str,
    /// How exactly.
    pub(super) exactness: &'static str,
    /// What its `day` is the day of.
    pub(super) day: &'static str,
    sql: &'static str,
}

/// The shipped checks, by identity.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when one has not all of a header.
pub(super) fn all() -> Result<Vec<Check>> {
    let mut checks: Vec<Check> = FILES.files().map(read).collect::<Result<_>>()?;
    checks.sort_by_key(|check| (check.number(), check.name));
    Ok(checks)
}

/// Those that are told with a flow of matching, by identity.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when one has not all of a header.
pub(super) fn of_flow(flow: &str) -> Result<Vec<Check>> {
    Ok(all()?.into_iter().filter(|check| check.flow == flow).collect())
}

/// The schema of the checks. Each is planned when it is first asked for: most sessions never do.
#[derive(Debug)]
pub(super) struct Checks {
    sql: BTreeMap<String, String>,
    planned: Mutex<HashMap<String, Arc<dyn TableProvider>>>,
    /// What they are planned by.
    planner: Planner,
}

impl Checks {
    /// The checks, to be planned by this.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when one has no header.
    pub(super) fn try_new(planner: Planner) -> Result<Self> {
        let checks = all()?;
        let over_all = [(BROKEN, broken(&checks)), (SUMMARY, summary(&checks))];
        let over_all = over_all.into_iter().map(|(name, sql)| (name.to_owned(), sql));
        let each = checks.iter().map(|check| (check.name.to_owned(), check.sql.to_owned()));
        Ok(Self { sql: each.chain(over_all).collect(), planned: Mutex::default(), planner })
    }

    fn plan(&self, name: &str, sql: &str) -> Result<ViewTable> {
        plan(&self.planner.state()?, name, sql)
    }

    fn planned(&self) -> MutexGuard<'_, HashMap<String, Arc<dyn TableProvider>>> {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SchemaProvider for Checks {
    fn table_names(&self) -> Vec<String> {
        self.sql.keys().cloned().collect()
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        let Some(sql) = self.sql.get(name) else { return Ok(None) };
        if let Some(planned) = self.planned().get(name) {
            return Ok(Some(Arc::clone(planned)));
        }
        let table: Arc<dyn TableProvider> = match self.plan(name, sql) {
            Ok(table) => Arc::new(table),
            Err(_) if self.planner.is_a_role_s() => return Ok(None),
            Err(error) => return Err(DataFusionError::from(error)),
        };
        self.planned().insert(name.to_owned(), Arc::clone(&table));
        Ok(Some(table))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.sql.contains_key(name)
    }
}

/// Every row of every check.
fn broken(checks: &[Check]) -> String {
    let one = |check: &Check| {
        let Check { name, identity, .. } = check;
        format!(
            "select '{name}' as check, '{identity}' as identity, day, entity_id, payout_id, subject, currency, expected, found, \
             difference, file_id from checks.{name}"
        )
    };
    checks.iter().map(one).collect::<Vec<_>>().join("\nunion all\n")
}

/// How each check went in the last days. The days are said to each check by itself, so that it reads no more than them.
fn summary(checks: &[Check]) -> String {
    let one = |check: &Check| {
        let Check { name, identity, says, .. } = check;
        let says = says.replace('\'', "''");
        format!(
            "select '{name}' as check, '{identity}' as identity, '{says}' as says, \
             current_date - {DAYS} as since, count(*) as broken, count(*) = 0 as passed \
             from checks.{name} where day >= current_date - {DAYS}"
        )
    };
    checks.iter().map(one).collect::<Vec<_>>().join("\nunion all\n")
}

fn read(file: &'static include_dir::File<'static>) -> Result<Check> {
    let wrong = |what: &'static str| Error::bug(what).with("file", file.path().display());
    let sql = file.contents_utf8().ok_or_else(|| wrong("a check is not text"))?;
    let said = |key| header(sql, key).ok_or_else(|| wrong("a check has not all of its header").with("missing", key));
    let (name, identity, flow, says) = (said("check")?, said("identity")?, said("flow")?, said("says")?);
    Ok(Check { name, identity, flow, says, exactness: said("exactness")?, day: said("day")?, sql })
}

impl Check {
    /// The SELECT of what it is broken for, with what is expected and what is found.
    pub(super) fn broken(&self) -> String {
        format!(
            "select concat_ws(' ', cast(day as varchar), entity_id, payout_id, subject) as subject, currency, \
             cast(expected as decimal(38, 8)) as expected, cast(found as decimal(38, 8)) as found from checks.{} order by 1, 2, 3, 4",
            self.name
        )
    }

    /// The number of its identity; those without one come last.
    fn number(&self) -> u32 {
        self.identity.trim_start_matches('I').parse().unwrap_or(u32::MAX)
    }
}
