//! When tables are synced by themselves: a cron expression each, in UTC, and which of them are due at a moment.
//!
//! Nothing here waits or reads a clock: what is due follows from what was due and from the moment it is told.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use croner::parser::{CronParser, Seconds, Year};

use super::Lake;
use crate::error::{Error, ErrorKind, Result};

/// The expression of tables that have none of their own, when nothing is said.
pub const USUAL: &str = "*/15 * * * *";
/// The most that a sync is put off, when nothing is said.
const JITTER: TimeDelta = TimeDelta::seconds(30);

/// When the tables of a lake are synced by themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedules {
    /// Of all others.
    usual: String,
    /// Of tables that have one of their own.
    own: BTreeMap<String, String>,
    /// The most that a tick is put off, so that not everybody asks at the full minute.
    jitter: TimeDelta,
}

impl Default for Schedules {
    fn default() -> Self {
        Self { usual: USUAL.to_owned(), own: BTreeMap::new(), jitter: JITTER }
    }
}

impl Schedules {
    /// The schedules that such texts say.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when one of them is no cron expression or comes never, or the jitter is no length of time.
    pub fn read(usual: Option<&str>, own: &BTreeMap<String, String>, jitter: Option<&str>) -> Result<Self> {
        let usual = usual.unwrap_or(USUAL);
        check(usual).map_err(|error| error.with("key", "schedule"))?;
        for (table, text) in own {
            check(text).map_err(|error| error.with("table", table))?;
        }
        let jitter = jitter.map_or(Ok(JITTER), length)?;
        Ok(Self { usual: usual.to_owned(), own: own.clone(), jitter })
    }

    /// Refuses schedules of tables that the lake has not.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with the nearest table there is.
    pub fn check(&self, lake: &Lake) -> Result<()> {
        for table in self.own.keys() {
            lake.named(table, ErrorKind::Config).map_err(|error| error.with("in", "[lake.schedules]"))?;
        }
        Ok(())
    }

    /// The first tick of a table after a moment.
    fn after(&self, table: &str, moment: DateTime<Utc>) -> Result<DateTime<Utc>> {
        let text = self.own.get(table).unwrap_or(&self.usual);
        parser()
            .parse(text)
            .and_then(|cron| cron.find_next_occurrence(&moment, false))
            .map_err(|error| Error::bug("a schedule has no next time").with("table", table).caused_by(error))
    }

    /// How much a tick is put off: the same for all tables that have it, so that they are synced together.
    fn delay(&self, seed: u64, tick: DateTime<Utc>) -> TimeDelta {
        let mut hasher = DefaultHasher::new();
        (seed, tick.timestamp()).hash(&mut hasher);
        let most = u64::try_from(self.jitter.num_milliseconds()).unwrap_or_default();
        let delay = hasher.finish() % most.saturating_add(1);
        i64::try_from(delay).map_or(TimeDelta::zero(), TimeDelta::milliseconds)
    }
}

/// Which tables are due, and when.
#[derive(Debug)]
pub struct Agenda<'a> {
    schedules: &'a Schedules,
    /// What the delays are drawn from.
    seed: u64,
    due: BTreeMap<&'static str, DateTime<Utc>>,
}

impl<'a> Agenda<'a> {
    /// These tables, all due at once.
    pub fn new(schedules: &'a Schedules, tables: impl IntoIterator<Item = &'static str>, seed: u64, now: DateTime<Utc>) -> Self {
        Self { schedules, seed, due: tables.into_iter().map(|table| (table, now)).collect() }
    }

    /// When the next of them is due; `None` where there is no table.
    pub fn next(&self) -> Option<DateTime<Utc>> {
        self.due.values().min().copied()
    }

    /// When a table is due.
    pub fn due(&self, table: &str) -> Option<DateTime<Utc>> {
        self.due.get(table).copied()
    }

    /// The tables that are due by now, which are synced now: each is due again at its first tick after now, whatever ticks
    /// it has missed.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] when there is no such tick.
    pub fn take(&mut self, now: DateTime<Utc>) -> Result<Vec<&'static str>> {
        let mut taken = Vec::new();
        for (table, due) in self.due.iter_mut().filter(|(_, due)| **due <= now) {
            let tick = self.schedules.after(table, now)?;
            *due = tick + self.schedules.delay(self.seed, tick);
            taken.push(*table);
        }
        Ok(taken)
    }
}

/// Five fields, as cron has them.
fn parser() -> CronParser {
    CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build()
}

/// Refuses what is no expression, or never comes.
fn check(text: &str) -> Result<()> {
    let wrong = |what| {
        Error::new(ErrorKind::Config, what)
            .with("given", text)
            .hint("write minute, hour, day, month and weekday in UTC: \"*/15 * * * *\" is every quarter of an hour")
    };
    let cron = parser().parse(text).map_err(|error| wrong("a schedule is no cron expression").caused_by(error))?;
    match cron.find_next_occurrence(&DateTime::UNIX_EPOCH, false) {
        Ok(_) => Ok(()),
        Err(_) => Err(wrong("a schedule names a day that never comes")),
    }
}

fn length(text: &str) -> Result<TimeDelta> {
    let time: Option<Duration> = humantime::parse_duration(text).ok();
    time.and_then(|time| TimeDelta::from_std(time).ok()).ok_or_else(|| {
        Error::new(ErrorKind::Config, "jitter of the lake is no length of time")
            .with("given", text)
            .hint("write it as 30 seconds")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn schedules(usual: Option<&str>, own: &[(&str, &str)], jitter: &str) -> Result<Schedules> {
        let own = own.iter().map(|(table, text)| ((*table).to_owned(), (*text).to_owned())).collect();
        Schedules::read(usual, &own, Some(jitter))
    }

    #[test]
    fn everything_is_due_at_once_and_then_by_its_own_expression() {
        let schedules = schedules(None, &[("payments", "*/5 * * * *")], "0s").unwrap();
        let mut agenda = Agenda::new(&schedules, ["disputes", "payments"], 0, at("2026-01-01T12:01:00Z"));
        assert_eq!(agenda.take(agenda.next().unwrap()).unwrap(), ["disputes", "payments"]);
        let mut seen = Vec::new();
        for _ in 0..4 {
            let now = agenda.next().unwrap();
            seen.push((now.format("%H:%M").to_string(), agenda.take(now).unwrap()));
        }
        let expected: [(&str, &[&str]); 4] =
            [("12:05", &["payments"]), ("12:10", &["payments"]), ("12:15", &["disputes", "payments"]), ("12:20", &["payments"])];
        assert_eq!(seen, expected.map(|(time, tables)| (time.to_owned(), tables.to_vec())));
    }

    #[test]
    fn expressions_are_in_utc_and_have_five_fields_or_a_name() {
        let next = |text: &str| {
            let schedules = schedules(Some(text), &[], "0s").unwrap();
            schedules.after("payments", at("2026-01-01T12:00:00Z")).unwrap().to_rfc3339()
        };
        assert_eq!(next("30 6 * * 1-5"), "2026-01-02T06:30:00+00:00");
        assert_eq!(next("0 3 1 * *"), "2026-02-01T03:00:00+00:00");
        assert_eq!(next("0 0 29 2 *"), "2028-02-29T00:00:00+00:00");
        assert_eq!(next("0 9 * * MON"), "2026-01-05T09:00:00+00:00");
        assert_eq!(next("@hourly"), "2026-01-01T13:00:00+00:00");
        assert_eq!(Schedules::default().after("payments", at("2026-01-01T12:00:00Z")).unwrap(), at("2026-01-01T12:15:00Z"));
    }

    #[test]
    fn what_is_no_expression_is_named_with_its_table() {
        for wrong in ["", "15", "* * * *", "61 * * * *", "* * * * * *", "every day", "0 0 30 2 *"] {
            let error = schedules(None, &[("payments", wrong)], "0s").unwrap_err();
            let facts = (error.kind(), error.context("table"), error.context("given"), error.advice().is_some());
            assert_eq!(facts, (ErrorKind::Config, Some("payments"), Some(wrong), true), "{error}");
            assert_eq!(schedules(Some(wrong), &[], "0s").unwrap_err().context("key"), Some("schedule"));
        }
        assert_eq!(schedules(None, &[], "soon").unwrap_err().context("given"), Some("soon"));
    }

    const TABLES: [&str; 3] = ["payments", "payment_actions", "disputes"];
    const EXPRESSIONS: [&str; 7] =
        ["* * * * *", "*/5 * * * *", "*/15 * * * *", "7 * * * *", "0 */6 * * *", "30 4 * * *", "0 9 * * 1"];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_tick_is_forgotten_none_is_made_up_and_what_is_alike_stays_together(
            expressions in prop::array::uniform3(0..EXPRESSIONS.len()),
            jitter in 0..400_i64,
            seed in any::<u64>(),
            start in 1_767_225_600_i64..1_798_761_600,
            took in prop::collection::vec(0..4_000_i64, 1..20),
        ) {
            let own: Vec<_> = TABLES.iter().zip(expressions).map(|(table, index)| (*table, EXPRESSIONS[index])).collect();
            let schedules = schedules(None, &own, &format!("{jitter}s")).unwrap();
            let jitter = TimeDelta::seconds(jitter);
            let start = DateTime::from_timestamp(start, 0).unwrap();
            let mut agenda = Agenda::new(&schedules, TABLES, seed, start);
            // Syncs, one after the other: when each began and ended, and what it was of.
            let mut syncs: Vec<(DateTime<Utc>, DateTime<Utc>, Vec<&str>)> = Vec::new();
            for took in took {
                let free = syncs.last().map_or(start, |(_, end, _)| *end);
                let begun = agenda.next().unwrap().max(free);
                let taken = agenda.take(begun).unwrap();
                prop_assert!(!taken.is_empty());
                syncs.push((begun, begun + TimeDelta::seconds(took), taken));
            }
            let (_, end, _) = syncs.last().unwrap().clone();
            for table in TABLES {
                let begun: Vec<_> = syncs.iter().filter(|(_, _, taken)| taken.contains(&table)).map(|(begun, ..)| *begun).collect();
                prop_assert_eq!(begun.first(), Some(&start));
                let mut tick = schedules.after(table, start).unwrap();
                while tick + jitter < end {
                    // By then it is begun, unless another sync is under way: then as soon as that ends.
                    let by = tick + jitter;
                    let by = syncs.iter().filter(|(from, to, _)| *from <= by && by < *to).map(|(_, to, _)| *to).max().unwrap_or(by);
                    let is_kept = begun.iter().any(|begun| tick <= *begun && *begun <= by) || by >= end;
                    prop_assert!(is_kept, "{} of {} by {} in {:?}", table, tick, by, begun);
                    tick = schedules.after(table, tick).unwrap();
                }
                for pair in begun.windows(2) {
                    let tick = schedules.after(table, pair[0]).unwrap();
                    prop_assert!(tick <= pair[1], "{} at {} for nothing", table, pair[1]);
                }
            }
            for (one, other) in [(0, 1), (1, 2), (0, 2)] {
                if expressions[one] == expressions[other] {
                    for (_, _, taken) in &syncs {
                        prop_assert_eq!(taken.contains(&TABLES[one]), taken.contains(&TABLES[other]));
                    }
                }
            }
        }
    }
}
