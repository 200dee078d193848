//! A scan: what a query wants of one table, and which way to it is taken.
//!
//! The way is chosen twice: when the query is planned, from its filters, and when the scan starts, when a join may have
//! told the values it looks for. The second choice never changes the answer: it takes no call that leaves out rows, and
//! where only a call by key has a wanted column, it is that call or an error.

use std::sync::Arc;

use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::expressions::{Column, PhysicalSortExpr};

use super::ask::{Ask, choose, is_given};
use super::connection::Connection;
use super::constraints::Constraints;
use super::dynamic;
use super::estimate::{self, Basis};
use super::options::OnIncomplete;
use super::rows::Sieve;
use super::statement::{Statement, too_many};
use crate::error::{Error, ErrorKind, Result};
use crate::resources::{By, Call, Narrow, Paging, Resource};
use crate::schema::decode::OnMalformed;

/// Answers by key that a page of a listing is worth.
const KEYS_A_PAGE: u64 = 3;

/// What a query wants of one table.
#[derive(Debug, Clone)]
pub struct Scan {
    /// The table.
    pub resource: &'static Resource,
    /// The accounts it has rows of.
    pub connections: Arc<[Arc<Connection>]>,
    /// What the filters say about single columns.
    pub constraints: Constraints,
    /// The columns that the filters use.
    pub filtered: Vec<String>,
    /// The fields to decode, as indices of the table's schema: first those the query wants, then those only the
    /// filters and windows need.
    pub decoded: Vec<usize>,
    /// Where the table's time column stands among the decoded fields, when it is decoded.
    pub time: Option<usize>,
    /// Whether that is the last of them, and there for windows only.
    pub time_is_extra: bool,
    /// What is kept of decoded rows.
    pub sieve: Sieve,
    /// How many rows are wanted.
    pub limit: Option<usize>,
    /// The order in which rows are wanted: by the table's time, the latest first, and then as it says.
    pub order: Option<Vec<PhysicalSortExpr>>,
    /// Filters that joins make while the query runs, over the wanted fields.
    pub dynamic: Vec<Arc<dyn PhysicalExpr>>,
    /// What to do with unreadable values.
    pub on_malformed: OnMalformed,
    /// What to do when not all can be read.
    pub on_incomplete: OnIncomplete,
    /// The statement it belongs to.
    pub statement: Arc<Statement>,
}

/// The way to a scan's rows.
#[derive(Debug, Clone)]
pub struct Path {
    /// The call that is made.
    pub call: &'static Call,
    /// What is known of the wanted rows.
    pub constraints: Constraints,
}

impl Scan {
    /// The call that the filters alone allow.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Query`] when the table answers only by key and the filters give none.
    pub fn call(&self) -> Result<&'static Call> {
        let filtered: Vec<&str> = self.filtered.iter().map(String::as_str).collect();
        choose(self.resource, &self.constraints, &filtered)
    }

    /// The way that is taken, now that a join has said what it looks for, where it `is_joined`.
    ///
    /// # Errors
    /// Those of [`Scan::call`]; [`crate::error::ErrorKind::Query`] when the way that fits takes too many requests.
    pub fn path(&self, is_joined: bool) -> Result<Path> {
        let call = self.call()?;
        if self.dynamic.is_empty() {
            return Ok(Path { call, constraints: self.constraints.clone() });
        }
        let joined = dynamic::constraints(&self.dynamic, &self.sieve.schema);
        let constraints = self.constraints.clone().and(joined);
        let Some((by_key, keys)) = self.by_key(call, &constraints) else {
            return match self.joined_call().filter(|_| is_joined && self.lacks(call) && !constraints.is_contradiction()) {
                Some((_, key)) => Err(no_list(self.resource, key)),
                None => Ok(Path { call, constraints }),
            };
        };
        let most = self.statement.most_requests().unwrap_or(u64::MAX);
        match self.lacks(call) {
            true if keys > most => Err(too_many(most, Some(keys))),
            false if keys > most || self.is_dearer(keys) => Ok(Path { call, constraints }),
            _ => Ok(Path { call: by_key, constraints }),
        }
    }

    /// The scan as this call carries it out: a time that only windows need is not decoded without them.
    #[must_use]
    pub fn by(self: Arc<Self>, call: &Call) -> Arc<Self> {
        if !self.time_is_extra || call.claims_by_time() {
            return self;
        }
        let mut scan = Self::clone(&self);
        scan.decoded.pop();
        Arc::new(Self { time: None, time_is_extra: false, ..scan })
    }

    /// The scan with what joins have told by now, which also tells report files apart.
    #[must_use]
    pub fn knowing(self: Arc<Self>, constraints: &Constraints) -> Arc<Self> {
        match self.dynamic.is_empty() {
            true => self,
            false => Arc::new(Self { constraints: constraints.clone(), ..Self::clone(&self) }),
        }
    }

    /// A better call than the one chosen, for keys, and how many there are.
    fn by_key(&self, chosen: &'static Call, constraints: &Constraints) -> Option<(&'static Call, u64)> {
        self.better(chosen).find_map(|call| match call.by {
            By::Key(key) if is_given(key, call, constraints) => {
                let keys = constraints.values(key.column)?.len();
                Some((call, u64::try_from(keys).unwrap_or(u64::MAX)))
            }
            _ => None,
        })
    }

    /// Whether it asks for now, as the filters say nothing of this column of moments.
    pub fn is_now(&self, column: &str) -> bool {
        self.constraints.instants(column).is_none() && !self.constraints.is_null(column)
    }

    /// Whether the filters give all that a call needs beside its key.
    pub fn gives_all(&self, call: &Call) -> bool {
        call.needs.iter().all(|column| self.constraints.value(column).is_some_and(|value| !value.is_empty()))
    }

    /// The call by key that a join will tell keys for, and the column it does it by.
    pub fn joined_call(&self) -> Option<(&'static Call, &'static str)> {
        let chosen = self.call().ok()?;
        let columns = self.told_columns();
        self.better(chosen).find_map(|call| match call.by {
            By::Key(key) if columns.contains(&key.column) && call.needs.is_empty() => Some((call, key.column)),
            _ => None,
        })
    }

    /// Whether a join will tell values that the search can be narrowed by.
    pub fn is_searched_for(&self) -> bool {
        let columns = self.told_columns();
        let is_term = |narrow: &Narrow| matches!(narrow, Narrow::Term { column, .. } if columns.contains(column));
        self.call().is_ok_and(|call| call.narrow.iter().any(is_term))
    }

    /// The columns that joins will tell values of.
    fn told_columns(&self) -> Vec<&str> {
        self.dynamic.iter().flat_map(|filter| filter.children()).filter_map(name_of).collect()
    }

    /// Whether only the number of rows is wanted, of a listing whose answers say how many there are.
    pub fn only_counts(&self, ask: &Ask) -> bool {
        let is_counted =
            matches!(ask.call.paging, Paging::SkipLimit(_)) && ask.call.by == By::Listing && ask.call.explode.is_none();
        let wants_all = self.sieve.predicate.is_none() && self.limit.is_none() && !ask.is_narrowed();
        is_counted && wants_all && self.decoded.is_empty()
    }

    /// The calls that stand before the chosen one and give as much: whether a join told its keys must not change an answer.
    fn better(&self, chosen: &'static Call) -> impl Iterator<Item = &'static Call> {
        let better = self.resource.calls.iter().take_while(move |call| !std::ptr::eq(*call, chosen));
        better.filter(move |call| !call.is_partial && self.carries(call, chosen))
    }

    /// Whether a call carries every wanted column that the chosen one carries.
    fn carries(&self, call: &Call, chosen: &Call) -> bool {
        let lost = call.lacks.iter().filter(|column| !chosen.lacks.contains(column));
        !lost.into_iter().any(|column| self.uses(column))
    }

    /// Whether so many keys cost more than the call that the filters alone allow. A page of a listing is worth a few
    /// answers by key: it is longer, and most of it is not wanted.
    pub fn is_dearer(&self, keys: u64) -> bool {
        let listing = estimate::bill(self);
        listing.basis <= Basis::AtMost && keys > listing.requests.saturating_mul(KEYS_A_PAGE)
    }

    /// Whether a call leaves out a column that the query uses.
    pub fn lacks(&self, call: &Call) -> bool {
        call.lacks.iter().any(|column| self.uses(column))
    }

    fn uses(&self, column: &str) -> bool {
        self.filtered.iter().any(|filtered| filtered == column) || self.sieve.schema.index_of(column).is_ok()
    }
}

/// The error of a join that gives no list of keys, where only the call by key has what is wanted.
fn no_list(resource: &Resource, key: &str) -> Error {
    let message = format!("{} come with all that the query wants only by {key}, and the join gives no list of it", resource.name);
    Error::new(ErrorKind::Query, message)
        .with("datafusion.optimizer.hash_join_inlist_pushdown_max_distinct_values", "its longest list")
        .hint(format!("leave out the columns that only a call by {key} has, or join with fewer keys"))
}

/// The column that an expression is.
fn name_of(expr: &Arc<dyn PhysicalExpr>) -> Option<&str> {
    expr.downcast_ref::<Column>().map(Column::name)
}
