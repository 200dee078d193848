//! Settings of the lake: `[lake]` of the configuration.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;

use super::schedule::Schedules;
use super::sync;
use crate::error::{Error, ErrorKind, Result};
use crate::store::variables;

/// Days that what was replaced or taken away can still be read, when nothing is said.
const RETENTION: u64 = 90;

/// The keys of `[lake]`, as they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct LakeSettings {
    /// Where it is: a path, or a URL of a bucket.
    pub url: Option<String>,
    /// The earliest day to sync; the account's history when there is none.
    pub since: Option<String>,
    /// How far back rows are read again at each sync, such as `7 days`.
    pub again: Option<String>,
    /// The most requests of a sync, more or less, for reading older payments again by turns; 0 for none.
    pub reread: Option<u64>,
    /// How long what was replaced or taken away can still be read, in whole days, such as `90 days`.
    pub retention: Option<String>,
    /// When the tables are synced by a daemon: a cron expression in UTC, such as `*/15 * * * *`.
    pub schedule: Option<String>,
    /// The same by table, where it is another.
    pub schedules: Option<BTreeMap<String, String>>,
    /// The most that such a sync is put off, such as `30 seconds`.
    pub jitter: Option<String>,
    /// Options of the store, such as `endpoint` and `region`.
    pub storage: Option<BTreeMap<String, String>>,
}

/// A lake to open.
#[derive(Clone, PartialEq, Eq)]
pub struct LakeOptions {
    /// Where it is: a path, or a URL of a bucket.
    pub url: String,
    /// Options of its store; they hold its credentials.
    pub storage: BTreeMap<String, String>,
    /// The earliest instant to sync, in microseconds since 1970.
    pub since: Option<i64>,
    /// How far back rows are read again at each sync, in microseconds.
    pub again: i64,
    /// The most requests of a sync, more or less, for reading older rows again by turns.
    pub reread: u64,
    /// Days that what was replaced or taken away can still be read.
    pub retention: u64,
    /// When a daemon syncs.
    pub schedules: Schedules,
}

impl std::fmt::Debug for LakeOptions {
    /// Without the options of the store, which hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LakeOptions").field("since", &self.since).field("again", &self.again).finish_non_exhaustive()
    }
}

impl LakeOptions {
    /// A lake at a place, with everything else as it usually is.
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            storage: BTreeMap::new(),
            since: None,
            again: sync::Options::default().again,
            reread: sync::Options::default().reread,
            retention: RETENTION,
            schedules: Schedules::default(),
        }
    }
}

impl LakeSettings {
    /// These settings where they say something, and else the lower ones.
    #[must_use]
    pub fn over(self, lower: Self) -> Self {
        Self {
            url: self.url.or(lower.url),
            since: self.since.or(lower.since),
            again: self.again.or(lower.again),
            reread: self.reread.or(lower.reread),
            retention: self.retention.or(lower.retention),
            schedule: self.schedule.or(lower.schedule),
            schedules: self.schedules.or(lower.schedules),
            jitter: self.jitter.or(lower.jitter),
            storage: self.storage.or(lower.storage),
        }
    }

    /// The lake to open; `None` where none is configured.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when a value cannot be read.
    pub fn resolve(self, environment: &BTreeMap<String, String>) -> Result<Option<LakeOptions>> {
        let Some(url) = self.url else { return Ok(None) };
        let mut storage = variables(environment);
        storage.extend(self.storage.unwrap_or_default());
        let since = self.since.map(|text| instant(&text)).transpose()?;
        let again = self.again.map_or(Ok(sync::Options::default().again), |text| micros(&text))?;
        let reread = self.reread.unwrap_or_else(|| sync::Options::default().reread);
        let retention = self.retention.map_or(Ok(RETENTION), |text| days(&text))?;
        let own = self.schedules.unwrap_or_default();
        let schedules = Schedules::read(self.schedule.as_deref(), &own, self.jitter.as_deref())?;
        Ok(Some(LakeOptions { url, storage, since, again, reread, retention, schedules }))
    }
}

/// A day, or an instant, in microseconds since 1970.
///
/// # Errors
/// [`ErrorKind::Config`] when it is neither.
pub fn instant(text: &str) -> Result<i64> {
    let day = text.parse::<NaiveDate>().map(|day| day.and_time(chrono::NaiveTime::MIN).and_utc());
    let instant = day.or_else(|_| text.parse::<DateTime<Utc>>());
    instant.map(|instant| instant.timestamp_micros()).map_err(|error| {
        Error::new(ErrorKind::Config, "since is neither a day nor an instant")
            .hint("write 2026-01-31 or 2026-01-31T00:00:00Z")
            .caused_by(error)
    })
}

fn micros(text: &str) -> Result<i64> {
    let time: Result<Duration, _> = humantime::parse_duration(text);
    let micros = time.ok().and_then(|time| i64::try_from(time.as_micros()).ok());
    micros.ok_or_else(|| Error::new(ErrorKind::Config, "again of the lake is no length of time").hint("write it as 7 days"))
}

/// Whole days, at least one.
///
/// # Errors
/// [`ErrorKind::Config`] when the text is something else.
pub fn days(text: &str) -> Result<u64> {
    const DAY: u64 = 24 * 3600;
    let time = humantime::parse_duration(text).ok().filter(|time| time.subsec_nanos() == 0).map(|time| time.as_secs());
    let days = time.filter(|seconds| seconds % DAY == 0).map(|seconds| seconds / DAY).filter(|days| *days > 0);
    days.ok_or_else(|| {
        Error::new(ErrorKind::Config, "retention is not a number of whole days").with("given", text).hint("write it as 90 days")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_is_whole_days_and_at_least_one() {
        assert_eq!((days("90 days").unwrap(), days("2weeks").unwrap(), days("24 h").unwrap()), (90, 14, 1));
        for wrong in ["", "0 days", "12 hours", "90", "1 day 1 ns", "forever"] {
            assert!(days(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_said_is_kept_for_ninety_days() {
        let settings = |retention: Option<&str>| LakeSettings {
            url: Some("lake".to_owned()),
            retention: retention.map(str::to_owned),
            ..LakeSettings::default()
        };
        let resolved = |retention| settings(retention).resolve(&BTreeMap::new()).map(|lake| lake.map(|lake| lake.retention));
        assert_eq!((resolved(None).unwrap(), resolved(Some("400 days")).unwrap()), (Some(90), Some(400)));
        assert!(resolved(Some("soon")).is_err());
    }
}
