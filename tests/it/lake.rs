//! The lake: what is synced is what the API has, before and after the merchant's books change, and whatever breaks off.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use ckosql::clock::Clock;
use ckosql::engine::Engine;
use ckosql::engine::config::Config;
use ckosql::error::{Error, Result};
use ckosql::lake::settings::LakeOptions;
use ckosql::lake::sync::Synced;
use ckosql::sandbox::{Merchant, MerchantOptions, Sandbox, SandboxOptions};
use futures::TryStreamExt;
use tempfile::TempDir;

/// Tables that are synced and whose rows can be listed again.
const TABLES: [&str; 16] = [
    "payments",
    "payment_actions",
    "disputes",
    "settlements",
    "settlements_history",
    "settlement_breakdown",
    "settlement_breakdown_history",
    "settlement_actions",
    "settlement_actions_history",
    "financial_actions",
    "financial_actions_history",
    "balance_statements",
    "balance_statements_history",
    "report_rows",
    "reports",
    "report_files",
];

/// A merchant, a lake, and an engine over both.
struct Copy {
    sandbox: Sandbox,
    engine: Engine,
}

fn copy(merchant: Merchant, lake: &TempDir) -> Copy {
    let merchant = Arc::new(merchant);
    let sandbox = Sandbox::start(Arc::clone(&merchant), SandboxOptions::default()).unwrap();
    let mut account = sandbox.account();
    account.limits.requests_per_second = 10_000;
    let config = Config {
        accounts: vec![account],
        clock: Clock::Fixed(merchant.end()),
        lake: Some(LakeOptions::at(lake.path().to_str().unwrap())),
        ..Config::default()
    };
    Copy { engine: Engine::try_new(config).unwrap(), sandbox }
}

impl Copy {
    async fn query(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        let session = self.engine.session()?;
        session
            .query("set checkout.max_requests = unlimited")
            .await?
            .batches
            .try_collect::<Vec<_>>()
            .await
            .map_err(Error::from)?;
        session.query(sql).await?.batches.try_collect().await.map_err(Error::from)
    }

    /// The answer to the last of some statements.
    async fn text(&self, sql: &str) -> String {
        let session = self.engine.session().unwrap();
        let mut text = String::new();
        for statement in ["set checkout.max_requests = unlimited"].into_iter().chain(sql.split(';')) {
            let answer = session.query(statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
            let batches: Vec<RecordBatch> =
                answer.batches.try_collect().await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
            text = arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
        }
        text
    }

    async fn sync(&self) -> Vec<Synced> {
        let synced = self.engine.sync(&[], None, false, &|_| {}).await.unwrap();
        for one in &synced {
            if let Some(error) = &one.error {
                panic!("{}: {error:?}", one.table);
            }
        }
        synced
    }

    /// Panics where two schemas have other rows of a table.
    async fn assert_same(&self, one: &str, other: &str) {
        let mut wrong = Vec::new();
        for table in TABLES {
            let columns = self.columns(table).await;
            let (expected, got) = (self.rows(one, table, &columns).await, self.rows(other, table, &columns).await);
            let differs = expected.iter().zip(&got).find(|(expected, got)| expected != got);
            if differs.is_some() || expected.len() != got.len() {
                wrong.push(format!("{table}: {} {} {differs:#?}", expected.len(), got.len()));
            }
        }
        assert!(wrong.is_empty(), "{one} and {other} differ\n{}", wrong.join("\n"));
    }

    /// The rows of a table as text, in an order of their own.
    async fn rows(&self, schema: &str, table: &str, columns: &str) -> Vec<String> {
        let sql = format!("select {columns} from {schema}.{table}");
        let batches = self.query(&sql).await.unwrap_or_else(|error| panic!("{schema}.{table}: {error:?}"));
        let mut text = Vec::new();
        {
            let mut writer = arrow::csv::WriterBuilder::new().with_header(false).build(&mut text);
            batches.iter().for_each(|batch| writer.write(batch).unwrap());
        }
        let mut rows: Vec<String> = String::from_utf8(text).unwrap().lines().map(str::to_owned).collect();
        rows.sort_unstable();
        rows
    }

    async fn columns(&self, table: &str) -> String {
        let answer = self.engine.session().unwrap().query(&format!("select * from lake.{table} limit 0")).await.unwrap();
        // Links in `_raw` and `files` hold the port of the stand-in, and another one has another.
        let names = answer.schema.fields().iter().map(|field| field.name().as_str());
        let names = names.filter(|name| !["_fetched_at", "_raw", "files"].contains(name));
        names.map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
    }
}

fn options() -> MerchantOptions {
    MerchantOptions { payments: 700, days: 60, ..MerchantOptions::default() }
}

/// The merchant so many days before its story ends.
fn merchant(days: i64) -> Merchant {
    Merchant::before(options(), options().end - chrono::Duration::days(days))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_synced_is_what_the_api_has() {
    let lake = TempDir::new().unwrap();
    let copy = copy(merchant(0), &lake);
    let synced = copy.sync().await;
    for one in &synced {
        eprintln!("{} {:?} {:?}", one.table, one.tally, one.coverage);
    }
    eprintln!("requests {}", copy.sandbox.requests().len());
    copy.assert_same("live", "public").await;
    copy.sandbox.reset_log();
    let again = copy.sync().await;
    for one in &again {
        eprintln!("{} {:?}", one.table, one.tally);
    }
    eprintln!("requests {}", copy.sandbox.requests().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_meanwhile_is_in_the_lake_after_the_next_sync() {
    let lake = TempDir::new().unwrap();
    copy(merchant(20), &lake).sync().await;
    let later = copy(merchant(0), &lake);
    later.sandbox.reset_log();
    let synced = later.sync().await;
    let changed: u64 = synced.iter().map(|one| one.tally.changed).sum();
    assert!(changed > 20, "{changed} rows changed");
    for one in &synced {
        eprintln!("{} {:?}", one.table, one.tally);
    }
    eprintln!("requests {}", later.sandbox.requests().len());
    later.assert_same("live", "public").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn between_syncs_the_answer_is_the_lake_and_what_came_since() {
    let lake = TempDir::new().unwrap();
    copy(merchant(20), &lake).sync().await;
    let later = copy(merchant(0), &lake);
    let sql = "select count(*) n, count(distinct id) ids, min(requested_on) since, max(requested_on) until from";
    let [live, public, synced] = ["live", "public", "lake"].map(|schema| format!("{sql} {schema}.payments"));
    assert_eq!(later.text(&public).await, later.text(&live).await);
    assert_ne!(later.text(&synced).await, later.text(&live).await);
    later.sandbox.reset_log();
    later.text("select sum(amount) from payments where requested_on < timestamp '2026-06-01T00:00:00Z'").await;
    assert_eq!(later.sandbox.requests().len(), 0, "what is proven is not asked for");
    let same = "select id, status, last_update, amount_minor from {}.disputes order by id";
    let [live, public] = ["live", "public"].map(|schema| same.replace("{}", schema));
    assert_eq!(later.text(&public).await, later.text(&live).await);
    let same = "select payout_id, currency_account_id, payout_amount from {}.settlements order by 1, 2";
    let [live, public] = ["live", "public"].map(|schema| same.replace("{}", schema));
    assert_eq!(later.text(&public).await, later.text(&live).await);
    // What is older than allowed is asked for, and what is offline is not.
    let fresh = "set checkout.max_staleness = '15 minutes'; select id, status from payments order by id";
    assert_eq!(later.text(fresh).await, later.text("select id, status from live.payments order by id").await);
    later.sandbox.reset_log();
    let offline = "set checkout.offline = true; select count(*) from payments";
    assert_eq!(later.text(offline).await, later.text("select count(*) from lake.payments").await);
    assert_eq!(later.sandbox.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_syncs_at_once_leave_each_row_once() {
    let lake = TempDir::new().unwrap();
    let (one, other) = (copy(merchant(0), &lake), copy(merchant(0), &lake));
    let tables = ["disputes", "payments"].map(str::to_owned);
    let sync = |copy: &Copy| {
        let engine = copy.engine.clone();
        let tables = tables.clone();
        async move { engine.sync(&tables, None, false, &|_| {}).await.unwrap() }
    };
    let (first, second) = tokio::join!(sync(&one), sync(&other));
    let errors = first.iter().chain(&second).filter_map(|synced| synced.error.as_ref());
    for error in errors {
        assert_eq!(error.kind(), ckosql::error::ErrorKind::Conflict, "{error:?}");
    }
    // Whoever found the other in his way goes on from what is there.
    sync(&one).await;
    for table in ["payments", "disputes"] {
        let counts = "select count(*) n, count(distinct id) ids from";
        assert_eq!(one.text(&format!("{counts} lake.{table}")).await, one.text(&format!("{counts} live.{table}")).await);
    }
}

/// A sync of the program itself over a stand-in, on a merchant whose credentials are in the environment.
fn program(sandbox: &Sandbox, lake: &TempDir, tables: &[&str]) -> Command {
    let hosts = sandbox.hosts();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ckosql"));
    command.arg("sync").args(tables).arg("--lake").arg(lake.path()).env_clear().current_dir(lake.path());
    command.args(["--set", "requests_per_second=10000", "--set", "history_start=2026-04-01"]);
    for (variable, value) in [
        ("CHECKOUT_SECRET_KEY", sandbox.secret_key().to_owned()),
        ("CHECKOUT_ENTITY_IDS", sandbox.entity_ids().join(",")),
        ("CKOSQL_API_URL", hosts.main.to_string()),
        ("CKOSQL_BALANCES_URL", hosts.balances.to_string()),
        ("CKOSQL_TRANSFERS_URL", hosts.transfers.to_string()),
        ("CKOSQL_FILES_URL", hosts.files.to_string()),
    ] {
        command.env(variable, value);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_is_killed_leaves_a_lake_that_the_next_one_completes() {
    // Many more by hand: CKOSQL_KILLS=300.
    let kills: u64 = std::env::var("CKOSQL_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(5);
    let tables = ["payments", "payment_actions", "disputes", "settlements", "reports"];
    let (story, lake) = (Arc::new(merchant(0)), TempDir::new().unwrap());
    let sandbox = Sandbox::start(story, SandboxOptions::default()).unwrap();
    let requests = |sandbox: &Sandbox| u64::try_from(sandbox.requests().len()).unwrap();
    let mut whole = 250;
    let mut copy = copy(merchant(0), &lake);
    for kill in 0..kills {
        // Every tenth begins anew, so that the first sync is killed too, and not only later ones.
        if kill % 10 == 0 {
            for table in fs::read_dir(lake.path()).unwrap() {
                fs::remove_dir_all(table.unwrap().path()).unwrap();
            }
            copy = self::copy(merchant(0), &lake);
            whole = 250;
        }
        sandbox.reset_log();
        let mut running = program(&sandbox, &lake, &tables).spawn().unwrap();
        let until = (kill * 2_654_435_761 + 7) % whole;
        while requests(&sandbox) < until && running.try_wait().unwrap().is_none() {
            tokio::task::yield_now().await;
        }
        running.kill().unwrap();
        running.wait().unwrap();
        whole = requests(&sandbox).max(40);
        for table in ["payments", "disputes"] {
            let Ok(batches) = copy.query(&format!("select count(*) - count(distinct id) from lake.{table}")).await else {
                continue;
            };
            assert_eq!(batches[0].column(0).as_primitive::<Int64Type>().value(0), 0, "{table} twice after kill {kill}");
        }
    }
    let done = program(&sandbox, &lake, &tables).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    // The account of the program is called otherwise than that of the engine.
    let columns = |table: &'static str| {
        let copy = &copy;
        async move { copy.columns(table).await.replace("\"account\", ", "").replace(", \"account\"", "") }
    };
    for table in ["payments", "payment_actions", "disputes", "settlements", "settlements_history", "reports"] {
        let columns = columns(table).await;
        let (expected, got) = (copy.rows("live", table, &columns).await, copy.rows("lake", table, &columns).await);
        assert!(expected == got, "{table}: {} rows in live, {} in the lake", expected.len(), got.len());
    }
}
