//! What a sync shows while it runs: a bar a table on a terminal, and a line now and then elsewhere.
//!
//! ```text
//!  payments                     ███████████░░░░░  67 %  6700 rows, 7 requests, 1200 rows/s, 3.1 s left, 2020-01-01 to 2026-06-30
//! ```

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write, stderr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinSet;

use super::Global;
use crate::engine::Engine;
use crate::lake::sync::{Step, Tally};
use crate::source::span::Span;

/// The unit of a bar's length: a minute, so that a span of years fits.
const MINUTE: i64 = 60_000_000;
/// How often bars are drawn anew.
const FRAME: Duration = Duration::from_millis(100);
/// How often a table says how far it is where there are no bars.
const PATIENCE: Duration = Duration::from_secs(10);
const BAR: &str = "{prefix:28} {bar:16} {percent:>3} %  {wide_msg}";

/// What to say of tables that have nothing new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quiet {
    /// A line each.
    Nothing,
    /// Nothing: there is a line for all of them.
    WhatIsAsItWas,
}

/// How a sync is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Bars,
    Lines,
    Not,
}

/// What a sync shows while it runs.
pub(super) struct Progress {
    shown: Arc<Shown>,
    ticker: JoinSet<()>,
    manner: Manner,
    quiet: Quiet,
}

struct Shown {
    bars: MultiProgress,
    engine: Engine,
    tables: Mutex<BTreeMap<(String, &'static str), Table>>,
}

/// A table under way.
struct Table {
    bar: ProgressBar,
    span: Option<Span>,
    begun: Instant,
    said: Instant,
    asked_before: u64,
    rows: u64,
    /// Minutes of the span that are read.
    minutes: u64,
}

impl Progress {
    /// Shows what the engine syncs.
    pub(super) fn new(global: &Global, engine: &Engine, quiet: Quiet) -> Self {
        let manner = match (global.quiet, stderr().is_terminal()) {
            (true, _) => Manner::Not,
            (false, true) => Manner::Bars,
            (false, false) => Manner::Lines,
        };
        let target = if manner == Manner::Bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bars = MultiProgress::with_draw_target(target);
        let shown = Arc::new(Shown { bars, engine: engine.clone(), tables: Mutex::default() });
        let mut ticker = JoinSet::new();
        if manner == Manner::Bars {
            ticker.spawn(tick(Arc::clone(&shown)));
        }
        Self { shown, ticker, manner, quiet }
    }

    /// Shows a step.
    pub(super) fn show(&self, step: &Step) {
        match step {
            Step::Started { table, account, span } => self.begin(table, account, *span),
            Step::Done { table, account, span, tally } => {
                tracing::info!(table, account, read = tally.read, added = tally.added, changed = tally.changed, "committed");
                self.go_on(table, account, *span, tally);
            }
            Step::Ended { table, account, tally, took, error } => {
                if let Some(ended) = self.shown.tables().remove(&(account.clone(), *table)) {
                    self.shown.bars.remove(&ended.bar);
                }
                let is_news = error.is_some() || tally.added + tally.changed + tally.gone > 0;
                if self.manner != Manner::Bars && (is_news || self.quiet == Quiet::Nothing) {
                    let failed = error.as_ref().map(|error| format!(", broke off: {error}")).unwrap_or_default();
                    self.say(&format!("{table} of {account}: {} in {}{failed}", came(tally), seconds(*took)));
                }
            }
        }
    }

    /// Says something on a line of its own, unless nothing is to be said.
    pub(super) fn say(&self, line: &str) {
        match self.manner {
            Manner::Not => {}
            // Where nobody reads, nobody misses it.
            Manner::Bars => self.shown.bars.suspend(|| drop(writeln!(stderr(), "{line}"))),
            Manner::Lines => drop(writeln!(stderr(), "{line}")),
        }
    }

    /// Shows nothing more.
    pub(super) async fn end(mut self) {
        self.ticker.shutdown().await;
        // Nothing is left to draw on when the terminal is gone.
        let _cleared = self.shown.bars.clear();
    }

    fn begin(&self, table: &'static str, account: &str, span: Option<Span>) {
        let minutes = span.map_or(1, |span| span.width() / MINUTE).unsigned_abs().max(1);
        let bar = ProgressBar::new(minutes).with_prefix(table);
        let bar = self.shown.bars.add(match ProgressStyle::with_template(BAR) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        });
        let (now, asked_before) = (Instant::now(), self.shown.engine.requests_for(account, table));
        let shown = Table { bar, span, begun: now, said: now, asked_before, rows: 0, minutes: 0 };
        self.shown.tables().insert((account.to_owned(), table), shown);
    }

    fn go_on(&self, table: &'static str, account: &str, done: Option<Span>, tally: &Tally) {
        let mut line = None;
        if let Some(shown) = self.shown.tables().get_mut(&(account.to_owned(), table)) {
            shown.rows += tally.read;
            if let (Some(whole), Some(done)) = (shown.span, done) {
                shown.minutes = ((done.to - whole.from) / MINUTE).unsigned_abs();
            }
            shown.draw(&self.shown.engine, account, table);
            if self.manner == Manner::Lines && shown.said.elapsed() >= PATIENCE {
                shown.said = Instant::now();
                let until = done.map(|done| format!(", read up to {}", day(done.to))).unwrap_or_default();
                line = Some(format!("{table} of {account}{until}: {}", shown.told(&self.shown.engine, account, table)));
            }
        }
        if let Some(line) = line {
            self.say(&line);
        }
    }
}

impl Shown {
    fn tables(&self) -> MutexGuard<'_, BTreeMap<(String, &'static str), Table>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn draw(&self, engine: &Engine, account: &str, table: &str) {
        let window = self.span.map(|span| format!(", {} to {}", day(span.from), day(span.to))).unwrap_or_default();
        self.bar.set_message(format!("{}{window}", self.told(engine, account, table)));
        self.bar.set_position(self.minutes);
    }

    /// Rows, requests, rate and what is left of the time.
    fn told(&self, engine: &Engine, account: &str, table: &str) -> String {
        let requests = engine.requests_for(account, table).saturating_sub(self.asked_before);
        let taken = self.begun.elapsed();
        let milliseconds = u64::try_from(taken.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = self.rows.saturating_mul(1000) / milliseconds;
        let whole = self.bar.length().unwrap_or_default();
        let left = match whole.saturating_sub(self.minutes) {
            left if left > 0 && self.minutes > 0 => {
                let left = milliseconds.saturating_mul(left) / self.minutes;
                format!(", {} left", seconds(Duration::from_millis(left)))
            }
            _ => String::new(),
        };
        format!("{} rows, {requests} requests, {rate} rows/s{left}", self.rows)
    }
}

async fn tick(shown: Arc<Shown>) {
    let mut frames = tokio::time::interval(FRAME);
    loop {
        frames.tick().await;
        for ((account, table), one) in shown.tables().iter() {
            one.draw(&shown.engine, account, table);
        }
    }
}

/// What came of it, in words.
pub(super) fn came(tally: &Tally) -> String {
    format!("{} rows read, {} added, {} changed, {} gone", tally.read, tally.added, tally.changed, tally.gone)
}

/// A length of time for people.
pub(super) fn seconds(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds < 60 => format!("{seconds}.{} s", time.subsec_millis() / 100),
        seconds if seconds < 3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

fn day(micros: i64) -> String {
    DateTime::<Utc>::from_timestamp_micros(micros).map_or_else(|| "…".to_owned(), |time| time.format("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_do() {
        let told = [40, 59_950, 61_000, 7_500_000].map(|millis| seconds(Duration::from_millis(millis)));
        assert_eq!(told, ["0.0 s", "59.9 s", "1 min 1 s", "2 h 5 min"]);
    }

    #[test]
    fn a_day_before_all_time_is_left_open() {
        assert_eq!((day(i64::MIN).as_str(), day(0).as_str()), ("…", "1970-01-01"));
    }
}
