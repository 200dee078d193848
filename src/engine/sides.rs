//! The sides of the shipped matching rules: every file of `sql/sides`, a view each in the schema `sides`.
//!
//! Some of them read the other side, which not everybody has, and which may have to read files to tell its columns. So each
//! is planned when it is asked for, and one whose sources are not configured is not there, and says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::Result as DataFusionResult;
use datafusion::datasource::ViewTable;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::TableType;
use include_dir::{Dir, include_dir};
use tracing::warn;

use super::views::header;
use super::{BOOKS, Engine, Planner, SIDES};
use crate::books::Books;
use crate::error::{Error, ErrorKind, Result};
use crate::matching::rule::Rule;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sql/sides");

/// A side: its header, and its one SELECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Side {
    /// Name in SQL.
    pub(super) name: &'static str,
    /// What its rows are.
    pub(super) about: &'static str,
    /// The shapes that sources must have for it, with commas between them.
    needs: &'static str,
    /// The column of the day that a row is of, where it is of one: which period it lies in.
    day: Option<&'static str>,
    sql: &'static str,
}

impl Side {
    fn needs(&self) -> impl Iterator<Item = &'static str> {
        self.needs.split(',').map(str::trim).filter(|shape| !shape.is_empty())
    }

    /// What the header says under a key.
    pub(super) fn header(&self, key: &str) -> Option<&'static str> {
        header(self.sql, key)
    }
}

/// The sides, by name.
///
/// # Errors
/// [`ErrorKind::Bug`] when one has not all of a header.
pub(super) fn all() -> Result<Vec<Side>> {
    let mut sides: Vec<Side> = FILES.files().map(read).collect::<Result<_>>()?;
    sides.sort_by_key(|side| side.name);
    Ok(sides)
}

impl Engine {
    /// The rules of flows whose sides are there. That others are left out is told in the log.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when that leaves none.
    pub fn with_sides(&self, rules: Vec<Rule>) -> Result<Vec<Rule>> {
        let sides = self.shared.catalog.schema(SIDES);
        let is_there = |table: &str| match table.strip_prefix(SIDES).and_then(|name| name.strip_prefix('.')) {
            Some(name) => sides.as_ref().is_some_and(|sides| sides.table_exist(name)),
            None => true,
        };
        let mut missing: BTreeMap<String, String> = BTreeMap::new();
        for rule in &rules {
            if let Some(side) = rule.sides.iter().map(|(_, side)| side).find(|side| !is_there(&side.table)) {
                missing.insert(rule.flow.clone(), side.table.clone());
            }
        }
        let (kept, left_out): (Vec<Rule>, Vec<Rule>) = rules.into_iter().partition(|rule| !missing.contains_key(&rule.flow));
        if kept.is_empty() && !left_out.is_empty() {
            return Err(Error::new(
                ErrorKind::Config,
                "there is nothing to match with: no source of the other side is configured",
            )
            .hint("add [books.NAME] to ckosql.toml, as ckosql docs says under The other side, or try --demo"));
        }
        for (flow, side) in &missing {
            warn!(flow, side, "the flow {flow} is left out: no source is configured that {side} needs");
        }
        Ok(kept)
    }
}

/// Rules with the days of the sides that they match rows of, where they do not say them.
///
/// # Errors
/// [`ErrorKind::Bug`] when a side has not all of a header.
pub(super) fn with_days(rules: &[Rule]) -> Result<Vec<Rule>> {
    let days: BTreeMap<String, &str> =
        all()?.iter().filter_map(|side| Some((format!("{SIDES}.{}", side.name), side.day?))).collect();
    let mut rules = rules.to_vec();
    for (_, side) in rules.iter_mut().flat_map(|rule| rule.sides.iter_mut()) {
        if side.day.is_none() {
            side.day = days.get(&side.table.to_lowercase()).map(|day| (*day).to_owned());
        }
    }
    Ok(rules)
}

/// The schema of the sides.
#[derive(Debug)]
pub(super) struct Sides {
    sides: BTreeMap<&'static str, Side>,
    books: Arc<Books>,
    /// What they are planned by.
    planner: Planner,
}

impl Sides {
    /// The sides over this other side, to be planned by this.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] when one has not all of a header.
    pub(super) fn try_new(planner: Planner, books: &Arc<Books>) -> Result<Self> {
        let sides = all()?.into_iter().map(|side| (side.name, side)).collect();
        Ok(Self { sides, books: Arc::clone(books), planner })
    }

    fn is_there(&self, side: &Side) -> bool {
        side.needs().all(|shape| self.books.has_all(shape) == Some(true))
    }

    /// A side, planned.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when there is no source for it, or the table of all sources is hidden by one of them.
    async fn plan(&self, side: &Side) -> Result<ViewTable> {
        let Side { name, sql, .. } = side;
        for shape in side.needs() {
            let lacks = |what: &'static str| Error::new(ErrorKind::Config, what).with("side", name).with("shape", shape);
            match self.books.has_all(shape) {
                Some(true) => {}
                Some(false) => {
                    return Err(lacks("one source of several bears the name of their shape, and hides the others")
                        .hint(format!("give the source of {BOOKS}.{shape} another name")));
                }
                None => {
                    let hint = format!("add [{BOOKS}.NAME] with the shape {shape} to ckosql.toml, or try --demo");
                    return Err(lacks("no source of the other side has the shape that is needed").hint(hint));
                }
            }
        }
        let plan = self.planner.state()?.create_logical_plan(sql).await?;
        Ok(ViewTable::new(plan, Some((*sql).to_owned())))
    }
}

#[async_trait]
impl SchemaProvider for Sides {
    fn table_names(&self) -> Vec<String> {
        self.sides.values().filter(|side| self.is_there(side)).map(|side| side.name.to_owned()).collect()
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        let Some(side) = self.sides.get(name) else { return Ok(None) };
        match self.plan(side).await {
            Ok(table) => Ok(Some(Arc::new(table))),
            Err(_) if self.planner.is_a_role_s() => Ok(None),
            Err(error) => Err(DataFusionError::from(error)),
        }
    }

    async fn table_type(&self, name: &str) -> DataFusionResult<Option<TableType>> {
        // Asked of all tables, and no reason to plan one.
        Ok(self.sides.contains_key(name).then_some(TableType::View))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.sides.get(name).is_some_and(|side| self.is_there(side))
    }
}

fn read(file: &'static include_dir::File<'static>) -> Result<Side> {
    let wrong = |what: &'static str| Error::bug(what).with("file", file.path().display());
    let sql = file.contents_utf8().ok_or_else(|| wrong("a side is not text"))?;
    let said = |key| header(sql, key).ok_or_else(|| wrong("a side has not all of its header").with("missing", key));
    let day = Some(said("day")?).filter(|day| *day != "none");
    Ok(Side { name: said("side")?, about: said("about")?, needs: said("needs")?, day, sql })
}
