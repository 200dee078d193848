//! What a server does, as Prometheus reads it (text format 0.0.4).
//!
//! Counts are at hand. What stands in the lake is read at most once a minute, and Checkout.com is never asked.

use std::fmt::{Display, Write};
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::warn;

use crate::engine::journal::{Count, SPANS};
use crate::engine::{Activity, Engine};
use crate::error::{Error, Result};

/// The media type of the text.
pub(super) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How long what was read in the lake is told.
const KEPT: Duration = Duration::from_secs(60);

/// A number of each account.
struct OfAccount {
    name: &'static str,
    about: &'static str,
    get: fn(&Activity) -> u64,
}

const OF_ACCOUNTS: &[OfAccount] = &[
    OfAccount {
        name: "ckosql_requests_total",
        about: "Requests sent to Checkout.com, retries included.",
        get: |activity| activity.requests,
    },
    OfAccount { name: "ckosql_retries_total", about: "Requests that had to be repeated.", get: |activity| activity.retries },
    OfAccount { name: "ckosql_throttled_total", about: "Answers of 429 from Checkout.com.", get: |activity| activity.throttled },
    OfAccount { name: "ckosql_rows_total", about: "Rows read from Checkout.com.", get: |activity| activity.rows },
    OfAccount { name: "ckosql_bytes_total", about: "Bytes received from Checkout.com.", get: |activity| activity.bytes },
];

/// A number of each door and outcome.
struct OfStatements {
    name: &'static str,
    about: &'static str,
    get: fn(&Count) -> u64,
}

const OF_STATEMENTS: &[OfStatements] = &[
    OfStatements { name: "ckosql_statements_total", about: "Statements that ended.", get: |count| count.statements },
    OfStatements { name: "ckosql_statement_rows_total", about: "Rows they were answered with.", get: |count| count.rows },
    OfStatements {
        name: "ckosql_statement_requests_total",
        about: "Requests they took off their budgets.",
        get: |count| count.requests,
    },
];

/// Numbers that are asked for in SQL: some texts, and a number of each.
struct Asked {
    name: &'static str,
    about: &'static str,
    labels: &'static [&'static str],
    sql: &'static str,
}

const OF_THE_LAKE: &[Asked] = &[
    Asked {
        name: "ckosql_lake_lag_seconds",
        about: "Time since the last sync that came to its end began.",
        labels: &["account", "table"],
        sql: "select account, \"table\", cast(to_unixtime(now()) - to_unixtime(as_of) as bigint) from system.sync_state \
              where as_of is not null order by 1, 2",
    },
    Asked {
        name: "ckosql_lake_sync_failures",
        about: "Syncs that broke off so far.",
        labels: &["account", "table"],
        sql: "select account, \"table\", failures from system.sync_state where failures is not null order by 1, 2",
    },
    Asked {
        name: "ckosql_matches",
        about: "Matches there are, by what is thought of them.",
        labels: &["flow", "status"],
        sql: "select flow, status, count(*) from recon.matches group by 1, 2 order by 1, 2",
    },
    Asked {
        name: "ckosql_exceptions",
        about: "Rows that matching has left, by why.",
        labels: &["flow", "reason"],
        sql: "select flow, reason_code, count(*) from recon.exceptions group by 1, 2 order by 1, 2",
    },
];

/// What was read in the lake, and when.
#[derive(Debug, Default)]
pub(super) struct Gathered(Mutex<Option<(Instant, String)>>);

impl Gathered {
    /// Everything there is to tell.
    pub(super) async fn text(&self, engine: &Engine) -> String {
        let mut text = Text::default();
        text.accounts(engine);
        text.statements(engine);
        text.0.push_str(&self.of_the_lake(engine).await);
        text.0
    }

    /// What stands in the lake. Who asks while it is read waits for it instead of reading it too.
    async fn of_the_lake(&self, engine: &Engine) -> String {
        let mut kept = self.0.lock().await;
        if let Some((at, text)) = kept.as_ref()
            && at.elapsed() < KEPT
        {
            return text.clone();
        }
        let mut text = Text::default();
        if engine.lake().is_some() {
            for asked in OF_THE_LAKE {
                match ask(engine, asked).await {
                    Ok(rows) => text.family(asked.name, "gauge", asked.about, rows),
                    Err(error) => warn!(%error, metric = asked.name, "a metric cannot be told"),
                }
            }
        }
        *kept = Some((Instant::now(), text.0.clone()));
        text.0
    }
}

/// The requests that a statement may make where nothing is set; none when it is any number.
fn budget(engine: &Engine) -> Option<u64> {
    let settings = engine.session().ok()?.settings();
    settings.into_iter().find(|(name, ..)| name == "checkout.max_requests").and_then(|(_, most, _)| most.parse().ok())
}

/// The labels and number of each row.
async fn ask(engine: &Engine, asked: &Asked) -> Result<Vec<(String, i64)>> {
    let session = engine.session_of_part("metrics")?;
    let batches: Vec<_> = session.query(asked.sql).await?.batches.try_collect().await.map_err(Error::from)?;
    let mut rows = Vec::new();
    for batch in &batches {
        let (texts, numbers) = batch.columns().split_at(asked.labels.len());
        let numbers = numbers.iter().find_map(|column| column.as_primitive_opt::<Int64Type>());
        let numbers = numbers.ok_or_else(|| Error::bug("a metric is no whole number").with("metric", asked.name))?;
        let texts: Vec<_> = texts.iter().map(|column| arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8)).collect();
        let texts =
            texts.into_iter().collect::<Result<Vec<_>, _>>().map_err(|error| Error::bug("a label is text").caused_by(error))?;
        for row in 0..batch.num_rows() {
            let labels = asked.labels.iter().zip(&texts).map(|(label, texts)| (*label, texts.as_string::<i32>().value(row)));
            rows.push((labelled(labels), numbers.value(row)));
        }
    }
    Ok(rows)
}

/// The text, family by family.
#[derive(Default)]
struct Text(String);

impl Text {
    fn accounts(&mut self, engine: &Engine) {
        for of in OF_ACCOUNTS {
            let numbers = engine.activities().map(|(account, activity)| (labelled([("account", account)]), (of.get)(&activity)));
            self.family(of.name, "counter", of.about, numbers);
        }
        let paces = engine.paces().map(|(account, pace)| (labelled([("account", account)]), pace));
        self.family("ckosql_pace_requests_per_second", "gauge", "Requests a second that may be sent now.", paces);
        let allowed = engine
            .accounts()
            .iter()
            .map(|account| (labelled([("account", account.name.as_str())]), account.limits.requests_per_second));
        self.family("ckosql_most_requests_per_second", "gauge", "Requests a second that may be sent at most.", allowed);
        let budget = budget(engine).map(|most| (String::new(), most));
        self.family("ckosql_statement_budget_requests", "gauge", "Requests that a statement may make unless it is set.", budget);
    }

    fn statements(&mut self, engine: &Engine) {
        let counts = engine.statements();
        for of in OF_STATEMENTS {
            let numbers = counts
                .iter()
                .map(|((door, outcome), count)| (labelled([("door", *door), ("outcome", outcome.name())]), (of.get)(count)));
            self.family(of.name, "counter", of.about, numbers);
        }
        let strangers = engine.strangers().into_iter().map(|(door, count)| (labelled([("door", door)]), count));
        self.family("ckosql_logins_failed_total", "counter", "Logins that failed.", strangers);
        let name = "ckosql_statement_seconds";
        self.head(name, "histogram", "Time that statements took, to their last row.");
        for ((door, outcome), count) in &counts {
            let labels = [("door", *door), ("outcome", outcome.name())];
            for (most, within) in SPANS.iter().zip(count.within) {
                let most = seconds(Duration::from_millis((*most).into()));
                self.line(&format!("{name}_bucket"), &labelled(labels.into_iter().chain([("le", most.as_str())])), within);
            }
            self.line(&format!("{name}_bucket"), &labelled(labels.into_iter().chain([("le", "+Inf")])), count.statements);
            self.line(&format!("{name}_sum"), &labelled(labels), seconds(count.time));
            self.line(&format!("{name}_count"), &labelled(labels), count.statements);
        }
    }

    /// A metric, and its number for each of its labels; nothing where there is none.
    fn family(&mut self, name: &str, kind: &str, about: &str, numbers: impl IntoIterator<Item = (String, impl Display)>) {
        let mut numbers = numbers.into_iter().peekable();
        if numbers.peek().is_some() {
            self.head(name, kind, about);
        }
        numbers.for_each(|(labels, number)| self.line(name, &labels, number));
    }

    fn head(&mut self, name: &str, kind: &str, about: &str) {
        // Writing to a String cannot fail.
        let _written = write!(self.0, "# HELP {name} {about}\n# TYPE {name} {kind}\n");
    }

    fn line(&mut self, name: &str, labels: &str, number: impl Display) {
        let _written = writeln!(self.0, "{name}{labels} {number}");
    }
}

/// `{door="http",outcome="ok"}`.
fn labelled<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let labels: Vec<String> = labels.into_iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", labels.join(","))
}

/// Seconds with as many places as they need.
fn seconds(time: Duration) -> String {
    let text = format!("{}.{:06}", time.as_secs(), time.subsec_micros());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_end_themselves() {
        assert_eq!(labelled([("a", "x\"} 1\n\\")]), r#"{a="x\"} 1\n\\"}"#);
    }

    #[test]
    fn seconds_are_written_without_floats() {
        let texts = [5, 2_500, 60_000, 0].map(|millis| seconds(Duration::from_millis(millis)));
        assert_eq!(texts, ["0.005", "2.5", "60", "0"]);
        assert_eq!(seconds(Duration::new(100, 7_000)), "100.000007");
    }
}
