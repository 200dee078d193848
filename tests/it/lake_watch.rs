//! Sync without end: what falls due is synced, what goes wrong is tried again, and who stops it finds all in order.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use ckosql::api::config::{Account, Credential};
use ckosql::error::ErrorKind;
use ckosql::lake::policy::Policy;
use ckosql::lake::schedule::Schedules;
use ckosql::lake::settings::LakeOptions;
use ckosql::lake::sync::{Step, Stop};
use ckosql::lake::watch::{GRACE, Time, Told};
use ckosql::sandbox::{Faults, Merchant, MerchantOptions, Sandbox, SandboxOptions};
use ckosql::secret::Secret;
use tempfile::TempDir;

use crate::copy::Copy;
use crate::lake::program;

fn merchant() -> Merchant {
    Merchant::new(MerchantOptions { payments: 300, days: 30, ..MerchantOptions::default() })
}

fn schedules(own: &[(&str, &str)]) -> Schedules {
    let own: BTreeMap<_, _> = own.iter().map(|(table, text)| ((*table).to_owned(), (*text).to_owned())).collect();
    Schedules::read(None, &own, Some("0s")).unwrap()
}

fn options(lake: &TempDir, schedules: Schedules) -> LakeOptions {
    LakeOptions { schedules, ..LakeOptions::at(lake.path().to_str().unwrap()) }
}

fn copy(lake: &TempDir, schedules: Schedules) -> Copy {
    Copy::with(merchant(), options(lake, schedules))
}

fn at(text: &str) -> DateTime<Utc> {
    format!("2026-07-01T{text}Z").parse().unwrap()
}

/// A time that goes on when somebody sleeps, and at once; at a sleep past its end it stops what it is the time of.
struct ByHand<'a> {
    now: Mutex<DateTime<Utc>>,
    end: DateTime<Utc>,
    stop: Stop,
    /// What happens in between.
    at: &'a (dyn Fn(DateTime<Utc>) + Sync),
}

impl<'a> ByHand<'a> {
    fn new(from: &str, end: &str, at_each: &'a (dyn Fn(DateTime<Utc>) + Sync)) -> Self {
        Self { now: Mutex::new(at(from)), end: at(end), stop: Stop::default(), at: at_each }
    }
}

#[async_trait]
impl Time for ByHand<'_> {
    fn now(&self) -> DateTime<Utc> {
        *self.now.lock().unwrap()
    }

    async fn sleep_until(&self, instant: DateTime<Utc>) {
        if instant > self.end {
            self.stop.ask();
            std::future::pending::<()>().await;
        }
        let mut now = self.now.lock().unwrap();
        *now = instant.max(*now);
        (self.at)(*now);
    }
}

/// Watches until the time is at its end: what was synced when, and which of it failed.
async fn watched(copy: &Copy, tables: &[&str], time: &ByHand<'_>) -> (Vec<String>, ckosql::error::Result<()>) {
    let seen = Mutex::new(Vec::new());
    let tell = |told: Told<'_>| {
        if let Told::Round { began, done, .. } = told {
            let of = |one: &ckosql::lake::sync::Synced| match &one.error {
                None => one.table.to_owned(),
                Some(error) => format!("{} ({:?})", one.table, error.kind()),
            };
            let done: Vec<String> = done.iter().map(of).collect();
            seen.lock().unwrap().push(format!("{} {}", began.format("%H:%M"), done.join(" ")));
        }
    };
    let tables: Vec<String> = tables.iter().map(|table| (*table).to_owned()).collect();
    let ended = copy.engine.watch(&tables, None, &time.stop, time, &tell).await;
    (seen.into_inner().unwrap(), ended)
}

const STATE: &str = "select \"table\", is_whole, last_try, last_success, error is not null failed, syncs, failures, next_try, \
                     requests > 0 asked from system.sync_state";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_synced_and_what_fails_is_tried_again_when_it_is_due_again() {
    let lake = TempDir::new().unwrap();
    let copy = copy(&lake, schedules(&[("payments", "*/5 * * * *")]));
    let other = Copy::of(merchant(), lake.path());
    let fails = |now: DateTime<Utc>| {
        let faults = if now == at("12:05:00") { "500=100%" } else { "" };
        copy.sandbox.set_faults(Faults::parse(faults).unwrap());
    };
    let time = ByHand::new("12:01:00", "12:16:00", &fails);
    let (seen, ended) = watched(&copy, &["payments", "disputes"], &time).await;
    ended.unwrap();
    let expected = ["12:01 disputes payments", "12:05 payments (Unavailable)", "12:10 payments", "12:15 disputes payments"]
        .map(str::to_owned);
    assert_eq!(seen, expected);
    // Another process sees it too, and no promise that nobody keeps any more.
    let told = other.rows(STATE).await;
    assert_eq!(
        told,
        [
            "disputes|true|2026-07-01T12:15:00Z|2026-07-01T12:15:00Z|false|2|0||true",
            "payments|true|2026-07-01T12:15:00Z|2026-07-01T12:15:00Z|false|4|1||true",
        ]
    );
    assert_eq!(copy.number("select count(*) from lake.payments").await, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_table_was_not_synced_and_when_it_will_be_is_seen_from_elsewhere() {
    let lake = TempDir::new().unwrap();
    let copy = copy(&lake, schedules(&[]));
    let other = Copy::of(merchant(), lake.path());
    let time = ByHand::new("12:01:00", "12:16:00", &|_| {});
    copy.sandbox.set_faults(Faults::parse("500=100%").unwrap());
    let tables = ["disputes".to_owned()];
    // Given up between two syncs, as a process is that is killed.
    let noted = tokio::sync::Notify::new();
    let tell = |told: Told<'_>| {
        if matches!(told, Told::Round { .. }) {
            noted.notify_one();
        }
    };
    tokio::select! {
        biased;
        () = noted.notified() => {}
        ended = copy.engine.watch(&tables, None, &time.stop, &time, &tell) => panic!("{ended:?}"),
    }
    let told = other.rows(STATE).await;
    assert_eq!(told, ["disputes||2026-07-01T12:01:00Z||true|1|1|2026-07-01T12:15:00Z|true"]);
    let why = other.rows("select error from system.sync_state").await.concat();
    assert!(why.starts_with("cannot read disputes: ") && !why.contains(copy.sandbox.secret_key()), "{why}");
    let kept = std::fs::read_to_string(lake.path().join("_sync/sandbox.json")).unwrap();
    assert!(!kept.contains(copy.sandbox.secret_key()), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_waiting_mends_ends_it() {
    let lake = TempDir::new().unwrap();
    let mut limited = SandboxOptions::default();
    limited.scopes.retain(|scope| !scope.starts_with("disputes"));
    let of = |change: fn(&mut Account)| {
        Copy::made(merchant(), Some(options(&lake, schedules(&[]))), limited.clone(), change, Policy::default()).unwrap()
    };
    // A scope may be given at any moment, and what else there is goes on.
    let time = ByHand::new("12:01:00", "12:16:00", &|_| {});
    let (seen, ended) = watched(&of(|_| {}), &["disputes"], &time).await;
    ended.unwrap();
    assert_eq!(seen, ["12:01 disputes (Scope)", "12:15 disputes (Scope)"]);
    let wrong = |account: &mut Account| {
        account.credential = Credential::SecretKey(Secret::new("sk_sbox_aaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    };
    let time = ByHand::new("12:01:00", "12:16:00", &|_| {});
    let (seen, ended) = watched(&of(wrong), &["payments", "disputes"], &time).await;
    assert_eq!(seen, ["12:01 disputes (Credentials) payments (Credentials)"]);
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::Credentials);
    let told = of(|_| {}).rows("select \"table\", error is not null, next_try from system.sync_state").await;
    assert_eq!(told, ["disputes|true|", "payments|true|"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_a_stop_gets_what_is_being_read_and_nothing_more() {
    let lake = TempDir::new().unwrap();
    let copy = copy(&lake, schedules(&[]));
    let time = ByHand::new("12:01:00", "12:01:00", &|_| {});
    let seen = Mutex::new(Vec::new());
    let tell = |told: Told<'_>| match told {
        Told::Step(Step::Done { .. }) => time.stop.ask(),
        Told::Round { done, .. } => {
            seen.lock().unwrap().extend(done.iter().map(|one| (one.error.as_ref().map(|e| e.kind()), one.coverage)))
        }
        Told::Stopped { is_clean } => assert!(is_clean),
        Told::Step(_) => {}
    };
    copy.engine.watch(&["payments".to_owned()], None, &time.stop, &time, &tell).await.unwrap();
    let seen = seen.into_inner().unwrap();
    let [(kind, Some(coverage))] = seen[..] else { panic!("{seen:?}") };
    assert!(kind == Some(ErrorKind::Cancelled) && !coverage.is_whole(), "{seen:?}");
    // The one span that was being read is there, and the next sync goes on from it.
    copy.sync(&["payments"]).await;
    assert_eq!(copy.number("select count(*) from lake.payments").await, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_too_long_after_a_stop_is_given_up() {
    let lake = TempDir::new().unwrap();
    let faults = Faults::parse("slow=100%").unwrap();
    let slow = SandboxOptions { slow: Duration::from_secs(3600), faults, ..SandboxOptions::default() };
    let copy = Copy::made(merchant(), Some(options(&lake, schedules(&[]))), slow, |_| {}, Policy::default()).unwrap();
    let time = ByHand::new("12:01:00", "12:02:00", &|_| {});
    let ended = Mutex::new(None);
    let tell = |told: Told<'_>| {
        if let Told::Stopped { is_clean } = told {
            *ended.lock().unwrap() = Some(is_clean);
        }
    };
    let ask = async {
        while copy.engine.activity().requests == 0 {
            tokio::task::yield_now().await;
        }
        time.stop.ask();
    };
    let tables = ["payments".to_owned()];
    let (watched, ()) = tokio::join!(copy.engine.watch(&tables, None, &time.stop, &time, &tell), ask);
    watched.unwrap();
    assert_eq!(ended.into_inner().unwrap(), Some(false));
    assert_eq!(time.now(), at("12:01:00") + GRACE);
    assert_eq!(GRACE, TimeDelta::seconds(10));
}

#[test]
fn a_schedule_of_no_table_names_the_nearest() {
    let lake = TempDir::new().unwrap();
    let options = options(&lake, schedules(&[("paymnts", "* * * * *")]));
    let error = Copy::made(merchant(), Some(options), SandboxOptions::default(), |_| {}, Policy::default()).err().unwrap();
    assert_eq!((error.kind(), error.advice()), (ErrorKind::Config, Some("did you mean payments?")));
    assert_eq!(error.to_string(), "the lake has no such table (table paymnts, in [lake.schedules])");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_program_that_is_terminated_in_the_middle_ends_well_and_leaves_a_lake() {
    let lake = TempDir::new().unwrap();
    let sandbox = Sandbox::start(Arc::new(merchant()), SandboxOptions::default()).unwrap();
    let mut command = program(&sandbox, &lake, &["payments", "disputes", "--watch"]);
    let running = command.stderr(Stdio::piped()).spawn().unwrap();
    while sandbox.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    let told = std::process::Command::new("kill").args(["-TERM", &running.id().to_string()]).status().unwrap();
    assert!(told.success());
    let ended = running.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{said}");
    assert!(said.ends_with("stopped; what was read is committed\n"), "{said}");
    let copy = Copy::of(merchant(), lake.path());
    copy.sync(&["payments", "disputes"]).await;
    let synced = "select id, status from lake.payments where account = 'sandbox'";
    copy.assert_alike(synced, "select id, status from live.payments", "payments").await;
}
