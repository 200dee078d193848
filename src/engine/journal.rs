//! What is asked, by whom, and what comes of it.
//!
//! Every statement that is run or refused passes here once, whatever door it came by: it is counted, told of in the log, and
//! written to the audit file where there is one. So does everybody who is not let in.
//!
//! What is written down is the statement as it was read, with its literals taken out: they may be of people.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use chrono::{SecondsFormat, Utc};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{Statement as Written, Value, ValueWithSpan, VisitMut, VisitorMut};
use futures::{StreamExt, stream};
use serde::Serialize;
use tracing::{error, info, warn};

use super::{Answer, access};
use crate::error::{Error, ErrorKind, Result};
use crate::source::statement::Statement as Budget;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The door: `pg`, `http` …
    pub door: &'static str,
    /// Their name, where they were asked for one.
    pub user: Option<String>,
    /// Where they are.
    pub address: Option<SocketAddr>,
}

impl Default for Caller {
    /// The one who started this process.
    fn default() -> Self {
        Self { door: "local", user: None, address: None }
    }
}

/// How a statement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// With its last row.
    Done,
    /// Before that: who asked did not want any more, or was out of time.
    Left,
    /// With an error.
    Failed(ErrorKind),
}

impl Outcome {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "ok",
            Self::Left => "left",
            Self::Failed(kind) => kind.name(),
        }
    }
}

/// Upper ends of the spans of time that statements are counted by, in milliseconds.
pub const SPANS: [u32; 12] = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 60_000];

/// The statements of a door that ended in a way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// How many there were.
    pub statements: u64,
    /// Their rows.
    pub rows: u64,
    /// Their requests to Checkout.com, as far as none that another made was shared.
    pub requests: u64,
    /// Their time, to the last row.
    pub time: Duration,
    /// How many took at most each of [`SPANS`].
    pub within: [u64; SPANS.len()],
}

impl Count {
    fn add(&mut self, running: &Running, requests: u64, time: Duration) {
        self.statements += 1;
        self.rows += running.rows;
        self.requests += requests;
        self.time += time;
        for (within, most) in self.within.iter_mut().zip(SPANS) {
            *within += u64::from(time <= Duration::from_millis(most.into()));
        }
    }
}

/// Statements by door and outcome.
pub type Counts = BTreeMap<(&'static str, Outcome), Count>;

/// What is counted and written down of statements.
#[derive(Debug, Default)]
pub(super) struct Journal {
    counts: Mutex<Counts>,
    /// Logins that failed, by door.
    strangers: Mutex<BTreeMap<&'static str, u64>>,
    audit: OnceLock<Mutex<File>>,
    slow: OnceLock<Duration>,
}

/// A line of the audit file.
#[derive(Serialize)]
struct Line<'a> {
    at: String,
    door: &'a str,
    user: Option<&'a str>,
    address: Option<SocketAddr>,
    statement: &'a str,
    outcome: &'a str,
    rows: u64,
    requests: u64,
    ms: u128,
}

/// A line of the audit file, of a login that failed.
#[derive(Serialize)]
struct Stranger<'a> {
    at: String,
    door: &'a str,
    user: Option<&'a str>,
    address: Option<SocketAddr>,
    outcome: &'a str,
}

impl Journal {
    /// Writes a line of each statement and of each login that fails to the end of a file from now on.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when it cannot be written to.
    pub(super) fn audit(&self, path: &Path) -> Result<()> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| {
            Error::new(ErrorKind::Config, "the audit file cannot be written").with("path", path.display()).caused_by(error)
        })?;
        self.audit.set(Mutex::new(file)).map_err(|_second| Error::new(ErrorKind::Usage, "there is one audit file only"))
    }

    /// Warns of statements that take longer from now on.
    pub(super) fn warn_of_slow(&self, slow: Duration) {
        // The first who says it decides.
        let _first = self.slow.set(slow);
    }

    pub(super) fn counts(&self) -> Counts {
        lock(&self.counts).clone()
    }

    /// The logins that failed, by door.
    pub(super) fn strangers(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.strangers).clone()
    }

    /// Notes that somebody is not let in: who it says it is, and from where, and nothing of what it shows.
    pub(super) fn turn_away(&self, caller: &Caller) {
        let Caller { door, user, address } = caller;
        *lock(&self.strangers).entry(door).or_default() += 1;
        info!(door, user, ?address, "a login fails");
        self.write(&Stranger { at: now(), door, user: user.as_deref(), address: *address, outcome: "unauthenticated" });
    }

    fn note(&self, running: &Running) {
        let time = running.began.elapsed();
        let requests = running.budget.as_ref().map_or(0, |budget| budget.requests());
        let Caller { door, user, address } = running.caller.as_ref();
        lock(&self.counts).entry((door, running.outcome)).or_default().add(running, requests, time);
        let is_slow = self.slow.get().is_some_and(|slow| time > *slow);
        if !is_slow && self.audit.get().is_none() && !tracing::enabled!(tracing::Level::INFO) {
            return;
        }
        let line = Line {
            at: now(),
            door,
            user: user.as_deref(),
            address: *address,
            statement: &running.statement.as_deref().map_or_else(|| "(not read)".to_owned(), without_literals),
            outcome: running.outcome.name(),
            rows: running.rows,
            requests,
            ms: time.as_millis(),
        };
        line.log(is_slow);
        self.write(&line);
    }

    /// Adds a line to the audit file, where there is one.
    fn write(&self, line: &impl Serialize) {
        let Some(file) = self.audit.get() else { return };
        // In one write, so that lines of several processes do not mix.
        let written = serde_json::to_vec(line).map_err(std::io::Error::other).and_then(|mut bytes| {
            bytes.push(b'\n');
            lock(file).write_all(&bytes)
        });
        if let Err(error) = written {
            error!(%error, "the audit file cannot be written");
        }
    }
}

/// The time that lines are written at.
fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl Line<'_> {
    fn log(&self, is_slow: bool) {
        let Self { door, user, statement, outcome, rows, requests, ms, .. } = self;
        if is_slow {
            warn!(door, user, outcome, rows, requests, ms, statement, "a slow statement");
        } else {
            info!(door, user, outcome, rows, requests, ms, statement, "a statement");
        }
    }
}

/// A statement that is being run. What came of it is noted when nobody has it any more.
pub(super) struct Running {
    journal: Arc<Journal>,
    caller: Arc<Caller>,
    statement: Option<Arc<Parsed>>,
    budget: Option<Arc<Budget>>,
    began: Instant,
    rows: u64,
    outcome: Outcome,
}

impl Running {
    /// Begins a statement; none is known where it could not even be read.
    pub(super) fn begin(journal: &Arc<Journal>, caller: &Arc<Caller>, statement: Option<Arc<Parsed>>) -> Self {
        let (journal, caller) = (Arc::clone(journal), Arc::clone(caller));
        Self { journal, caller, statement, budget: None, began: Instant::now(), rows: 0, outcome: Outcome::Left }
    }

    /// Ends it with an error.
    pub(super) fn fail(mut self, error: &Error) {
        self.outcome = Outcome::Failed(error.kind());
    }

    /// Follows its answer to the end; what it asks for is taken off this budget.
    pub(super) fn follow(mut self, answer: Answer, budget: Arc<Budget>) -> Answer {
        self.budget = Some(budget);
        let Answer { schema, batches } = answer;
        let followed = stream::unfold(Some((batches, self)), async |under_way| {
            let (mut batches, mut running) = under_way?;
            match batches.next().await {
                Some(Ok(batch)) => {
                    running.rows = running.rows.saturating_add(batch.num_rows().try_into().unwrap_or(u64::MAX));
                    Some((Ok(batch), Some((batches, running))))
                }
                Some(Err(error)) => {
                    let error = Error::from(error);
                    running.fail(&error);
                    Some((Err(error.into()), None))
                }
                None => {
                    running.outcome = Outcome::Done;
                    None
                }
            }
        });
        Answer { schema: Arc::clone(&schema), batches: Box::pin(RecordBatchStreamAdapter::new(schema, followed)) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.journal.note(self);
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("caller", &self.caller).field("outcome", &self.outcome).finish_non_exhaustive()
    }
}

/// A statement as it was read, a question mark in the place of each literal.
fn without_literals(statement: &Parsed) -> String {
    let mut statement = statement.clone();
    let mut inside = &mut statement;
    while let Parsed::Explain(explain) = inside {
        inside = &mut explain.statement;
    }
    match inside {
        Parsed::Statement(written) => {
            if written.visit(&mut Literals).is_break() {
                return access::leading_words(&written.to_string());
            }
        }
        Parsed::Reset(_) | Parsed::Explain(_) => {}
        // Neither is ever run, and both name places and keys.
        Parsed::CreateExternalTable(_) => return "CREATE EXTERNAL TABLE".to_owned(),
        Parsed::CopyTo(_) => return "COPY".to_owned(),
    }
    statement.to_string()
}

/// Takes literals out, unless a statement may have some that are not written as values, such as a comment, a path or rows.
struct Literals;

impl VisitorMut for Literals {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &mut Written) -> ControlFlow<()> {
        match statement {
            Written::Query(_) | Written::Explain { .. } | Written::Set(_) | Written::ShowVariable { .. } => {
                ControlFlow::Continue(())
            }
            Written::Prepare { .. } | Written::Execute { .. } | Written::Deallocate { .. } => ControlFlow::Continue(()),
            Written::Insert(_) | Written::Update(_) | Written::Delete(_) => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    }

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        if !matches!(value.value, Value::Null | Value::Boolean(_) | Value::Placeholder(_)) {
            value.value = Value::Placeholder("?".to_owned());
        }
        ControlFlow::Continue(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use datafusion::config::Dialect;
    use datafusion::prelude::SessionContext;

    use super::*;

    fn parsed(sql: &str) -> Parsed {
        SessionContext::new().state().sql_to_statement(sql, &Dialect::PostgreSQL).unwrap()
    }

    #[test]
    fn what_is_written_down_has_no_literals() {
        for (sql, expected) in [
            (
                "select id, 'x' || name from payments where email = 'a@b.example' and amount > 12.5 and id in ('a', $1) limit 7",
                "SELECT id, ? || name FROM payments WHERE email = ? AND amount > ? AND id IN (?, $1) LIMIT ?",
            ),
            ("select date '2026-01-02', interval '1 day', null, true -- a@b.example", "SELECT DATE ?, INTERVAL ?, NULL, true"),
            ("select * from lake_at('payments', '2026-01-02')", "SELECT * FROM lake_at(?, ?)"),
            ("explain analyze select 'a'", "EXPLAIN ANALYZE SELECT ?"),
            ("set checkout.max_requests = 5", "SET checkout.max_requests = ?"),
            ("select e'a', $$b$$, x'00', U&'c'", "SELECT ?, ?, ?, ?"),
            ("delete from payments where email = 'a@b.example'", "DELETE FROM payments WHERE email = ?"),
            ("insert into payments (id) values ('a')", "INSERT INTO payments (id) VALUES (?)"),
            ("prepare p as select 'a'", "PREPARE p AS SELECT ?"),
            ("comment on table payments is 'a@b.example'", "COMMENT"),
            ("explain comment on table payments is 'a@b.example'", "COMMENT"),
            ("prepare p as comment on table payments is 'a@b.example'", "PREPARE"),
            ("show tables like 'a@b.example'", "SHOW"),
            ("create role anna password 'secret'", "CREATE ROLE"),
        ] {
            assert_eq!(without_literals(&parsed(sql)), expected);
        }
    }

    #[test]
    fn statements_are_counted_by_door_outcome_and_time() {
        let journal = Arc::new(Journal::default());
        let caller = Arc::new(Caller { door: "http", ..Caller::default() });
        drop(Running::begin(&journal, &caller, None));
        Running::begin(&journal, &caller, None).fail(&Error::new(ErrorKind::Query, "no"));
        let mut earlier = Running::begin(&journal, &caller, None);
        earlier.began = Instant::now().checked_sub(Duration::from_millis(300)).unwrap();
        drop(earlier);
        let counts = journal.counts();
        assert_eq!(counts.keys().map(|(_, outcome)| outcome.name()).collect::<Vec<_>>(), ["left", "query"]);
        let left = counts[&("http", Outcome::Left)];
        assert_eq!((left.statements, left.within[5], left.within[8]), (2, 1, 2));
    }
}
