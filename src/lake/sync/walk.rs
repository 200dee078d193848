//! A walk through time: the spans that tables of one account are read in, one after the other.
//!
//! Tables that come out of the same calls walk together, so that a page is asked for once for all of them.

use std::sync::Arc;
use std::time::Instant;

use futures::future::join_all;

use super::limit::Limit;
use super::reading::Readings;
use super::unit::{Reading, Scope, Tally};
use super::{Options, Step, Synced, stopped, touched};
use crate::error::Error;
use crate::lake::coverage::{Coverage, LAG};
use crate::lake::manner::Manner;
use crate::lake::table::LakeTable;
use crate::resources::By;
use crate::source::connection::Connection;
use crate::source::span::{DAY, HOUR, Span};

/// The first span of a walk through what was never read.
pub(super) const FIRST: i64 = 7 * DAY;
/// How late a report, or a change of a dispute, may be listed with the time it was made at.
const LISTED_LATE: i64 = DAY;
/// The shortest and the longest span that is read in one piece.
pub(super) const SHORTEST: i64 = HOUR;
pub(super) const LONGEST: i64 = 366 * DAY;
/// Rows of a span at which the next is made shorter, so that little is lost when a sync is stopped.
const MANY: u64 = 100_000;
/// Rows of a span at which it is given up.
const TOO_MANY: u64 = 2 * MANY;

/// The tables of one account that share requests.
pub(super) struct Walk<'a> {
    pub(super) connection: Arc<Connection>,
    pub(super) tables: Vec<Arc<LakeTable>>,
    pub(super) options: &'a Options,
    pub(super) tell: &'a (dyn Fn(Step) + Sync),
}

/// How wide spans may be up to an instant: what was read before it was too much for a wider one.
struct Narrow {
    width: i64,
    until: i64,
}

impl Default for Narrow {
    fn default() -> Self {
        Self { width: LONGEST, until: i64::MIN }
    }
}

impl Narrow {
    /// The widest span that may be read from an instant on.
    fn widest(&self, from: i64) -> i64 {
        if from < self.until { self.width } else { LONGEST }
    }
}

/// A table on its way.
pub(super) struct Walker {
    table: Arc<LakeTable>,
    /// From where it is to be read.
    from: i64,
    /// From where it was begun.
    pub(super) read_from: i64,
    /// What was proven before.
    before: Option<Coverage>,
    /// What is proven so far.
    proven: Option<Coverage>,
    pub(super) since: i64,
    /// Whether what was proven before is to be refreshed by keys after the walk.
    pub(super) is_refreshed: bool,
    /// Up to where old rows were read by turns.
    pub(super) turn: i64,
    tally: Tally,
    pub(super) error: Option<Error>,
}

impl Walk<'_> {
    /// Reads all that is due.
    pub(super) async fn run(self) -> Vec<Synced> {
        let (begun, now) = (Instant::now(), self.connection.now().timestamp_micros());
        let mut walkers = Vec::with_capacity(self.tables.len());
        for table in &self.tables {
            let (proven, error) = match table.coverage(self.connection.name()).await {
                Ok(proven) => (proven, None),
                Err(error) => (None, Some(error)),
            };
            let since = self.since(proven);
            let from = proven.map_or(since, |proven| self.again_from(table, proven)).max(since);
            let is_refreshed = proven.is_some() && touched::is_refreshed(table.resource);
            let turn = proven.map_or(i64::MIN, |proven| proven.taken_up);
            let (table, tally) = (Arc::clone(table), Tally::default());
            walkers.push(Walker {
                table,
                from,
                read_from: from,
                before: proven,
                proven,
                since,
                is_refreshed,
                turn,
                tally,
                error,
            });
        }
        let (mut spanned, mut others): (Vec<Walker>, Vec<Walker>) =
            walkers.into_iter().partition(|walker| walker.table.manner.column().is_some());
        let asked = self.requests();
        self.through_time(&mut spanned, now).await;
        self.by_turns(&mut spanned, now, self.requests().saturating_sub(asked)).await;
        for walker in &mut others {
            self.whole(walker, now).await;
        }
        spanned.into_iter().chain(others).map(|walker| self.synced(walker, now, begun)).collect()
    }

    /// The earliest instant that the lake is to hold.
    fn since(&self, proven: Option<Coverage>) -> i64 {
        let start = || self.connection.account().history_start.timestamp_micros();
        match (proven, self.options.since) {
            (Some(proven), Some(since)) => proven.since.min(since),
            (Some(proven), None) => proven.since,
            (None, since) => since.unwrap_or_else(start),
        }
    }

    /// From where a table is read that was read before.
    fn again_from(&self, table: &LakeTable, proven: Coverage) -> i64 {
        let is_earlier = self.options.since.is_some_and(|since| since < proven.since);
        if self.options.is_full || is_earlier {
            return i64::MIN;
        }
        let calls = table.resource.calls;
        proven.until.saturating_sub(match calls.last().map(|call| call.by) {
            Some(By::Windows(_)) => self.options.again,
            _ => LISTED_LATE,
        })
    }

    async fn through_time(&self, walkers: &mut [Walker], now: i64) {
        let end = now.saturating_sub(LAG);
        for walker in walkers.iter() {
            let span = Span { from: walker.from, to: end };
            (self.tell)(Step::Started { table: walker.table.resource.name, account: self.account(), span: Some(span) });
        }
        let (mut width, mut narrow) = (FIRST, Narrow::default());
        loop {
            if self.options.stop.is_asked() {
                walkers.iter_mut().filter(|walker| walker.from < end).for_each(Walker::stop);
                return;
            }
            let waiting = |walker: &&mut Walker| walker.error.is_none() && walker.from < end;
            let Some(from) = walkers.iter_mut().filter(|walker| waiting(walker)).map(|walker| walker.from).min() else { return };
            let next = walkers.iter().map(|walker| walker.from).filter(|other| *other > from).min();
            width = width.min(narrow.widest(from));
            let to = from.saturating_add(width).min(next.unwrap_or(end)).min(end);
            let span = Span { from, to };
            let mut due: Vec<&mut Walker> = walkers.iter_mut().filter(|walker| waiting(walker) && walker.from == from).collect();
            let limit = Limit::of(span, TOO_MANY);
            let rows = self.read(&mut due, span, to >= end, now, &limit).await;
            if let Some(narrower) = limit.exceeded() {
                narrow = Narrow { width: narrower, until: to };
            }
            width = match rows {
                rows if rows > MANY => (width / 2).max(SHORTEST),
                rows if rows < MANY / 4 => width.saturating_mul(2).min(LONGEST),
                _ => width,
            };
        }
    }

    /// Reads a span of tables that are due, and says how many rows the fullest of them has. Where it has more than the limit
    /// allows it is left as it was, for shorter ones.
    pub(super) async fn read(&self, due: &mut [&mut Walker], span: Span, is_last: bool, started: i64, limit: &Arc<Limit>) -> u64 {
        let readings = Readings::new(&self.connection);
        let mut streams = Vec::with_capacity(due.len());
        for walker in due.iter() {
            let Manner { unit, .. } = walker.table.manner;
            let rows = readings.rows(&walker.table, Scope::Span(span).filter(unit)).await;
            streams.push(rows.map(|rows| limit.on(rows, walker.table.manner.column())));
        }
        let units = due.iter_mut().zip(streams).map(|(walker, rows)| async move {
            let proves = walker.proves(span, is_last, started);
            let reading = Reading { table: &walker.table, account: self.connection.name(), scope: Scope::Span(span), proves };
            let taken = match rows {
                Ok(rows) => reading.take(rows).await,
                Err(error) => Err(error),
            };
            match taken {
                Ok(tally) => {
                    walker.tally = walker.tally.and(tally);
                    (walker.from, walker.proven) = (span.to, Some(proves));
                    (self.tell)(Step::Done {
                        table: walker.table.resource.name,
                        account: self.account(),
                        span: Some(span),
                        tally,
                    });
                    tally.read
                }
                Err(_) if limit.exceeded().is_some() => 0,
                Err(error) => {
                    walker.error = Some(error);
                    0
                }
            }
        });
        join_all(units).await.into_iter().max().unwrap_or_default()
    }

    /// Reads all rows of a table that has no spans.
    async fn whole(&self, walker: &mut Walker, now: i64) {
        if self.options.stop.is_asked() {
            walker.stop();
        }
        if walker.error.is_some() {
            return;
        }
        (self.tell)(Step::Started { table: walker.table.resource.name, account: self.account(), span: None });
        let proves = Coverage { since: i64::MIN, until: now, as_of: now, taken_up: i64::MIN };
        let reading = Reading { table: &walker.table, account: self.connection.name(), scope: Scope::All, proves };
        let taken = match Readings::new(&self.connection).rows(&walker.table, None).await {
            Ok(rows) => reading.take(rows).await,
            Err(error) => Err(error),
        };
        match taken {
            Ok(tally) => {
                walker.tally = tally;
                walker.proven = Some(proves);
                (self.tell)(Step::Done { table: walker.table.resource.name, account: self.account(), span: None, tally });
            }
            Err(error) => walker.error = Some(error),
        }
    }

    fn synced(&self, walker: Walker, began: i64, begun: Instant) -> Synced {
        let synced = Synced {
            table: walker.table.resource.name,
            account: self.account(),
            tally: walker.tally,
            coverage: walker.proven,
            before: walker.before,
            began,
            read_from: walker.read_from,
            took: begun.elapsed(),
            requests: 0,
            error: walker.error,
        };
        (self.tell)(synced.ended());
        synced
    }

    /// The requests that were made for its tables so far.
    pub(super) fn requests(&self) -> u64 {
        self.tables.iter().map(|table| self.connection.client.requests_for(table.resource.name)).sum()
    }

    fn account(&self) -> String {
        self.connection.name().to_owned()
    }
}

impl Walker {
    /// Goes no further.
    fn stop(&mut self) {
        self.error.get_or_insert_with(stopped);
    }

    /// What is proven once a span was read: the walk has no gaps, so all up to its end. What was proven before stays proven as
    /// of when it was, until the walk is at its end, and what is refreshed by keys thereafter is.
    fn proves(&self, span: Span, is_last: bool, started: i64) -> Coverage {
        let before = self.proven.unwrap_or(Coverage { since: self.since, until: self.since, as_of: started, taken_up: i64::MIN });
        let is_apart = span.to < before.since;
        Coverage {
            since: if is_apart { before.since } else { before.since.min(self.since) },
            until: before.until.max(span.to),
            as_of: if is_last && !self.is_refreshed { started } else { before.as_of },
            taken_up: self.turn,
        }
    }
}
