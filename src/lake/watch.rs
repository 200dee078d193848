//! Sync without end: tables are brought up to now whenever their schedule says so, until somebody asks it to stop.
//!
//! ```text
//!  sleep until a table is due ─▶ sync all that are due ─▶ note what came of it ─┐
//!   ▲                                                                           │
//!   └───────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! One sync at a time: what falls due meanwhile is due when it ends, once. What goes wrong with a table is noted, and tried
//! again when it is due next.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tracing::{error, warn};

use super::Lake;
use super::schedule::{Agenda, Schedules};
use super::sync::{self, Options, Step, Synced, wanted};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::source::connection::Connection;

/// How long what is being read may take to come to its end, once a stop is asked for.
pub const GRACE: TimeDelta = TimeDelta::seconds(10);
/// The longest sleep before the clock is looked at again: it may have been set, or the machine may have slept too.
const LOOK: Duration = Duration::from_secs(30);

/// The time that a watch lives by.
#[async_trait]
pub trait Time: Send + Sync {
    /// The current instant.
    fn now(&self) -> DateTime<Utc>;

    /// Returns at that instant, or at once where it is past.
    async fn sleep_until(&self, instant: DateTime<Utc>);
}

/// The time of a clock; one that stands still goes on from where it stands.
#[derive(Debug)]
pub struct Running {
    clock: Clock,
    begun: Instant,
}

impl Running {
    /// From now on.
    pub fn new(clock: Clock) -> Self {
        Self { clock, begun: Instant::now() }
    }
}

#[async_trait]
impl Time for Running {
    fn now(&self) -> DateTime<Utc> {
        match self.clock {
            Clock::System => self.clock.now(),
            Clock::Fixed(instant) => instant + self.begun.elapsed(),
        }
    }

    async fn sleep_until(&self, instant: DateTime<Utc>) {
        while let Ok(left) = (instant - self.now()).to_std() {
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LOOK)).await;
        }
    }
}

/// What a watch tells.
#[derive(Debug)]
pub enum Told<'a> {
    /// How a sync goes on.
    Step(Step),
    /// A sync is over.
    Round {
        /// When it began.
        began: DateTime<Utc>,
        /// How each table went.
        done: &'a [Synced],
        /// When the next is due.
        next: Option<DateTime<Utc>>,
    },
    /// It was asked to stop, and does.
    Stopped {
        /// Whether the sync under way came to an end of its own.
        is_clean: bool,
    },
}

/// What to watch.
pub struct Watch<'a> {
    /// Where it is synced to.
    pub lake: &'a Lake,
    /// The accounts.
    pub connections: &'a [Arc<Connection>],
    /// Which tables, and how.
    pub options: Options,
    /// When.
    pub schedules: &'a Schedules,
    /// The time it lives by.
    pub time: &'a dyn Time,
    /// What the delays of the schedules are drawn from.
    pub seed: u64,
}

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Watch<'_> {
    /// Syncs, and syncs again, until a stop is asked for.
    ///
    /// # Errors
    /// Those of [`sync::run`]; and where all that was due broke off for what no waiting mends (a wrong configuration, a
    /// credential that Checkout.com does not know), the first of these.
    pub async fn run(&self, tell: &(dyn Fn(Told<'_>) + Sync)) -> Result<()> {
        let tables = wanted(self.lake, &self.options.tables)?;
        let names: Vec<&'static str> = tables.iter().map(|table| table.resource.name).collect();
        let mut agenda = Agenda::new(self.schedules, names.iter().copied(), self.seed, self.time.now());
        let ended = self.rounds(&mut agenda, tell).await;
        for connection in self.connections {
            self.lake.tries().forget_next(connection.name(), &names).await;
        }
        tell(Told::Stopped { is_clean: ended? });
        Ok(())
    }

    /// One sync after the other; whether the last came to an end of its own.
    async fn rounds(&self, agenda: &mut Agenda<'_>, tell: &(dyn Fn(Told<'_>) + Sync)) -> Result<bool> {
        let stop = &self.options.stop;
        while let Some(next) = agenda.next() {
            tokio::select! {
                biased;
                () = stop.asked() => return Ok(true),
                () = self.time.sleep_until(next) => {}
            }
            let began = self.time.now();
            let due: Vec<String> = agenda.take(began)?.into_iter().map(str::to_owned).collect();
            let options = Options { tables: due, ..self.options.clone() };
            let step = |step| tell(Told::Step(step));
            let done = tokio::select! {
                done = sync::run(self.lake, self.connections, &options, &step) => done?,
                () = self.grace() => {
                    warn!(tables = options.tables.join(", "), "stopped in the middle of a sync: the next goes on from its last commit");
                    return Ok(false);
                }
            };
            self.lake.tries().note(&done, began, &|table| agenda.due(table)).await;
            tell(Told::Round { began, done: &done, next: agenda.next() });
            if stop.is_asked() {
                return Ok(true);
            }
            for (synced, wrong) in done.iter().filter_map(|synced| Some((synced, synced.error.as_ref()?))) {
                let hint = wrong.advice().unwrap_or_default();
                error!(table = synced.table, account = synced.account, hint, "{} was not synced: {wrong}", synced.table);
            }
            if let Some(error) = hopeless(&done) {
                return Err(error);
            }
        }
        Ok(true)
    }

    /// Ends when a stop was asked for and its time is up.
    async fn grace(&self) {
        self.options.stop.asked().await;
        self.time.sleep_until(self.time.now() + GRACE).await;
    }
}

/// Why there is no sense in going on, where there is none: nothing was synced, and nothing that went wrong mends itself.
fn hopeless(done: &[Synced]) -> Option<Error> {
    let stays =
        |error: &Error| matches!(error.kind(), ErrorKind::Config | ErrorKind::Credentials | ErrorKind::Usage | ErrorKind::Bug);
    let is_hopeless = done.iter().all(|synced| synced.error.as_ref().is_some_and(stays));
    done.first().filter(|_| is_hopeless)?.error.as_ref().map(Error::copy)
}
