//! The lake: what is synced is what the API has, before and after the merchant's books change, and whatever breaks off.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;

use ckosql::api::config::Account;
use ckosql::lake::policy::Policy;
use ckosql::lake::settings::LakeOptions;
use ckosql::lake::sync::{Step, Synced};
use ckosql::sandbox::{FileOptions, Merchant, MerchantOptions, Sandbox, SandboxOptions};
use tempfile::TempDir;

use crate::copy::{Copy, before, merchant};

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

fn copy(merchant: Merchant, lake: &TempDir) -> Copy {
    Copy::of(merchant, lake.path())
}

/// The same, where so many requests of a sync are for old payments.
fn rereading(merchant: Merchant, lake: &TempDir, reread: u64) -> Copy {
    Copy::with(merchant, LakeOptions { reread, ..LakeOptions::at(lake.path().to_str().unwrap()) })
}

/// Panics where two schemas have other rows of a table.
async fn assert_same(copy: &Copy, one: &str, other: &str) {
    assert_same_of(copy, &TABLES, one, other).await;
}

async fn assert_same_of(copy: &Copy, tables: &[&str], one: &str, other: &str) {
    let mut wrong = Vec::new();
    for table in tables {
        let columns = columns(copy, table).await;
        let (expected, got) = (rows(copy, one, table, &columns).await, rows(copy, other, table, &columns).await);
        if expected != got {
            let differs = expected.iter().zip(&got).find(|(expected, got)| expected != got);
            wrong.push(format!("{table}: {} {} {differs:#?}", expected.len(), got.len()));
        }
    }
    assert!(wrong.is_empty(), "{one} and {other} differ\n{}", wrong.join("\n"));
}

async fn rows(copy: &Copy, schema: &str, table: &str, columns: &str) -> Vec<String> {
    copy.rows(&format!("select {columns} from {schema}.{table}")).await
}

/// The columns of a table, but for `_raw` and `files`: links in them hold the port of the stand-in, and another one has another.
async fn columns(copy: &Copy, table: &str) -> String {
    copy.columns(table).await.replace(", \"_raw\"", "").replace(", \"files\"", "")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_synced_is_what_the_api_has() {
    let lake = TempDir::new().unwrap();
    let copy = copy(merchant(0), &lake);
    copy.sync(&[]).await;
    assert_same(&copy, "live", "public").await;
    copy.sandbox.reset_log();
    let again = copy.sync(&[]).await;
    let come = |one: &&Synced| one.table != "balances" && one.tally.added + one.tally.changed + one.tally.gone > 0;
    assert_eq!(again.iter().find(come).map(|one| (one.table, one.tally)), None, "nothing is new");
    let requests = copy.sandbox.requests().len();
    assert!(requests < 60, "{requests} requests for nothing new");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_meanwhile_is_in_the_lake_after_the_next_sync() {
    let lake = TempDir::new().unwrap();
    copy(merchant(20), &lake).sync(&[]).await;
    let later = copy(merchant(0), &lake);
    later.sandbox.reset_log();
    let synced = later.sync(&[]).await;
    let changed: u64 = synced.iter().map(|one| one.tally.changed).sum();
    assert!(changed > 20, "{changed} rows changed");
    assert_same(&later, "live", "public").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_is_broken_off_before_old_payments_are_read_anew_leaves_that_to_the_next() {
    let lake = TempDir::new().unwrap();
    let tables = ["payments", "payment_actions", "disputes", "financial_actions"];
    rereading(merchant(20), &lake, 0).sync(&tables).await;
    let names = tables.map(str::to_owned);
    // Twice, some days apart: what the first of them came to know of is not new to the second.
    for days in [3, 0] {
        let later = rereading(merchant(days), &lake, 0);
        let is_told = tokio::sync::Notify::new();
        let tell = |step: Step| {
            // Put together last of all, after everything was read that is read by spans.
            if matches!(step, Step::Done { table: "financial_actions", .. }) {
                is_told.notify_one();
            }
        };
        tokio::select! {
            biased;
            () = is_told.notified() => {}
            _ = later.engine.sync(&names, None, false, &tell) => panic!("the sync came to its end"),
        }
    }
    let later = rereading(merchant(0), &lake, 0);
    assert_ne!(
        later.rows("select id, status from payments").await,
        later.rows("select id, status from live.payments").await,
        "old payments were not read anew"
    );
    later.sync(&tables).await;
    assert_same_of(&later, &tables, "live", "public").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_report_tells_late_of_an_old_payment_is_looked_for() {
    let lake = TempDir::new().unwrap();
    // Nothing speaks of what happens to old payments until the third sync, and what it speaks of was before the second.
    for days in [20, 9] {
        rereading(merchant(days), &lake, 0).sync(&["payments"]).await;
    }
    let later = rereading(merchant(0), &lake, 0);
    later.sync(&["payments", "financial_actions"]).await;
    assert_same_of(&later, &["payments"], "live", "public").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_tells_of_is_seen_when_its_turn_comes() {
    let options = MerchantOptions { payments: 4_000, days: 60, ..MerchantOptions::default() };
    let lake = TempDir::new().unwrap();
    rereading(before(options, 20), &lake, 1).sync(&["payments"]).await;
    let later = rereading(before(options, 0), &lake, 1);
    let columns = columns(&later, "payments").await;
    let live = rows(&later, "live", "payments", &columns).await;
    let mut syncs = 1;
    later.sync(&["payments"]).await;
    while rows(&later, "public", "payments", &columns).await != live {
        assert!(syncs < 8, "some payments are never read again");
        later.sync(&["payments"]).await;
        syncs += 1;
    }
    assert!(syncs > 1, "a request is enough for a part of them");
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_that_are_synced_alone_are_kept_true_too() {
    let lake = TempDir::new().unwrap();
    for days in [20, 0] {
        copy(merchant(days), &lake).sync(&["payment_actions", "financial_actions"]).await;
    }
    assert_same_of(&copy(merchant(0), &lake), &["payments", "payment_actions"], "live", "public").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_come_out_of_one_search_are_searched_for_once() {
    let mut searches = Vec::new();
    for tables in [&["payments"][..], &["payments", "payment_actions"]] {
        let lake = TempDir::new().unwrap();
        let copy = copy(merchant(0), &lake);
        copy.sync(tables).await;
        searches.push(copy.sandbox.requests().iter().filter(|request| request.path == "/payments/search").count());
    }
    assert_eq!(searches[0], searches[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_report_tells_anew_takes_the_place_of_what_an_older_one_told() {
    let files = FileOptions { restatements: true, ..FileOptions::default() };
    let options = MerchantOptions { payments: 700, days: 60, files, ..MerchantOptions::default() };
    let lake = TempDir::new().unwrap();
    // The actions of every seventh day are told anew three days after it: those of the 49th after this, others before.
    let first = copy(before(options, 9), &lake);
    let synced = first.sync(&["financial_actions"]).await;
    let told = |synced: &[Synced]| synced.iter().find(|one| one.table == "financial_actions").map(|one| one.tally);
    assert!(told(&synced).is_some_and(|tally| tally.added > 0), "{synced:?}");
    assert_same_of(&first, &["financial_actions", "financial_actions_history"], "live", "public").await;
    let later = copy(before(options, 0), &lake);
    let synced = later.sync(&["financial_actions"]).await;
    assert!(told(&synced).is_some_and(|tally| tally.changed > 0), "{synced:?}");
    assert_same_of(&later, &["financial_actions", "financial_actions_history"], "live", "public").await;
    let sum = "select count(*) n, count(distinct action_id) actions, sum(holding_currency_amount) total from";
    assert_ne!(
        later.text(&format!("{sum} lake.financial_actions")).await,
        later.text(&format!("{sum} lake.financial_actions_history")).await,
        "some rows are told twice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_has_no_more_goes_from_the_lake() {
    let tables = ["payments", "payment_actions", "settlement_breakdown_history", "entities"];
    let lake = TempDir::new().unwrap();
    let first = copy(merchant(0), &lake);
    first.sync(&tables).await;
    // All that can be listed is another's by now, and of what is asked for by its entity only one is left.
    let options = MerchantOptions { seed: 2, payments: 500, days: 60, ..MerchantOptions::default() };
    let one_entity = |account: &mut Account| account.entity_ids.truncate(1);
    let options = (before(options, 0), Some(LakeOptions::at(lake.path().to_str().unwrap())), SandboxOptions::default());
    let later = Copy::made(options.0, options.1, options.2, one_entity, Policy::default()).unwrap();
    let synced = later.engine.sync(&tables.map(str::to_owned), None, true, &|_| {}).await.unwrap();
    for table in tables {
        let one = synced.iter().find(|one| one.table == table).unwrap();
        assert!(one.error.is_none() && one.tally.gone > 0, "{one:?}");
        let columns = columns(&later, table).await;
        assert!(rows(&later, "live", table, &columns).await == rows(&later, "lake", table, &columns).await, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn between_syncs_the_answer_is_the_lake_and_what_came_since() {
    let lake = TempDir::new().unwrap();
    copy(merchant(20), &lake).sync(&[]).await;
    let later = copy(merchant(0), &lake);
    let sql = "select count(*) n, count(distinct id) ids, min(requested_on) since, max(requested_on) until from";
    let [live, public, synced] = ["live", "public", "lake"].map(|schema| format!("{sql} {schema}.payments"));
    assert_eq!(later.text(&public).await, later.text(&live).await);
    assert_ne!(later.text(&synced).await, later.text(&live).await);
    // A table whose rows move has its newer rows instead of those of the lake, whatever is asked of it.
    for sql in ["select * from disputes", "select count(*) from disputes", "select * from settlements where payout_amount > 0"] {
        let live = sql.replace("from ", "from live.");
        assert_eq!(
            later.query(sql).await.unwrap().iter().map(|batch| batch.num_rows()).sum::<usize>(),
            later.query(&live).await.unwrap().iter().map(|batch| batch.num_rows()).sum::<usize>(),
            "{sql}"
        );
    }
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
pub(crate) fn program(sandbox: &Sandbox, lake: &TempDir, tables: &[&str]) -> Command {
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

/// Reads the tables of a lake that a sync may be writing, and says how many there were: each is read from its first commit on,
/// and has no row twice.
async fn read(copy: &Copy, lake: &TempDir, about: &str) -> usize {
    let mut reads = 0;
    for (table, key) in [
        ("payments", "id"),
        ("payment_actions", "concat_ws('/', id, status, cast(processed_on as varchar))"),
        ("disputes", "id"),
        ("settlements", "concat_ws('/', payout_id, currency_account_id)"),
        ("settlements_history", "concat_ws('/', report_id, file_id, cast(row_number as varchar))"),
        ("reports", "id"),
    ] {
        let is_there = lake.path().join(table).join("_delta_log/00000000000000000000.json").exists();
        let twice = format!("select account, count(*) > count(distinct {key}) is_twice from lake.{table} group by 1");
        match copy.try_text(&format!("set checkout.on_incomplete = 'warn'; {twice}")).await {
            Ok(text) => {
                assert!(!text.contains("| true "), "{table} twice after {about}: {text}");
                reads += 1;
            }
            Err(error) => {
                let told = (error.kind(), error.to_string());
                let expected = (ckosql::error::ErrorKind::Query, format!("{table} was never synced"));
                assert!(!is_there && told == expected, "{table} cannot be read after {about}: {error:?}");
            }
        }
    }
    reads
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_is_killed_leaves_a_lake_that_the_next_one_completes() {
    // Many more by hand: CKOSQL_KILLS=300.
    let kills: u64 = std::env::var("CKOSQL_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(5);
    let tables = ["payments", "payment_actions", "disputes", "settlements", "reports"];
    let (story, lake) = (Arc::new(merchant(0)), TempDir::new().unwrap());
    let sandbox = Sandbox::start(story, SandboxOptions::default()).unwrap();
    let requests = |sandbox: &Sandbox| u64::try_from(sandbox.requests().len()).unwrap();
    let (mut whole, mut reads) = (250, 0);
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
        let is_due = async {
            while requests(&sandbox) < until && running.try_wait().unwrap().is_none() {
                tokio::task::yield_now().await;
            }
        };
        // While it writes, and once it is dead.
        let about = format!("kill {kill}");
        tokio::select! {
            biased;
            () = is_due => {}
            () = async { loop { reads += read(&copy, &lake, &about).await } } => {}
        }
        running.kill().unwrap();
        running.wait().unwrap();
        whole = requests(&sandbox).max(40);
        reads += read(&copy, &lake, &about).await;
    }
    assert!(reads > 0, "no table was there to be read");
    let done = program(&sandbox, &lake, &tables).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    // The account of the program is called otherwise than that of the engine.
    let told = |table: &'static str| {
        let copy = &copy;
        async move { columns(copy, table).await.replace("\"account\", ", "").replace(", \"account\"", "") }
    };
    for table in ["payments", "payment_actions", "disputes", "settlements", "settlements_history", "reports"] {
        let columns = told(table).await;
        let synced = copy.rows(&format!("select {columns} from lake.{table} where account = 'default'")).await;
        let (expected, got) = (rows(&copy, "live", table, &columns).await, synced);
        assert!(expected == got, "{table}: {} rows in live, {} in the lake", expected.len(), got.len());
    }
}

/// Syncs a table, and breaks off at its first commit.
async fn break_off(copy: &Copy, table: &str) {
    let is_committed = tokio::sync::Notify::new();
    let tell = |step: Step| {
        if matches!(step, Step::Done { .. }) {
            is_committed.notify_one();
        }
    };
    let tables = [table.to_owned()];
    tokio::select! {
        biased;
        () = is_committed.notified() => {}
        _ = copy.engine.sync(&tables, None, false, &tell) => panic!("the sync came to its end"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_synced_to_its_end_is_an_answer_while_the_next_sync_is_under_way() {
    let lake = TempDir::new().unwrap();
    copy(merchant(20), &lake).sync(&["disputes"]).await;
    let later = copy(merchant(0), &lake);
    break_off(&later, "disputes").await;
    let proven =
        "select is_whole, as_of < timestamp '2026-06-12T00:00:00Z' is_old from system.sync_state where \"table\" = 'disputes'";
    assert!(later.text(proven).await.contains("| true     | true   |"), "{}", later.text(proven).await);
    later.text("select count(*) from lake.disputes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_synced_to_its_end_is_no_answer() {
    let lake = TempDir::new().unwrap();
    let copy = copy(merchant(0), &lake);
    break_off(&copy, "payments").await;
    let all = copy.text("select count(*) n from live.payments").await;
    let offline = "set checkout.offline = true; select count(*) n from payments";
    for sql in ["select count(*) n from lake.payments", "select count(*) n from lake_at('payments', 1)", offline] {
        let error = copy.try_text(sql).await.expect_err(sql);
        assert_eq!(error.kind(), ckosql::error::ErrorKind::Incomplete, "{sql}: {error:?}");
        assert!(error.to_string().contains("was not synced to its end"), "{error}");
        let warned = copy.text(&format!("set checkout.on_incomplete = 'warn'; {sql}")).await;
        assert_ne!(warned, all, "{sql}");
    }
    assert_eq!(copy.text("select count(*) n from payments").await, all, "the API has the rest");
    let never = copy.try_text("select * from lake.disputes").await.expect_err("never synced");
    assert_eq!(never.to_string(), "disputes was never synced");
    copy.sync(&["payments"]).await;
    assert_eq!(copy.text(&format!("{offline} where requested_on < timestamp '2026-06-01T00:00:00Z'")).await, {
        copy.text("select count(*) n from live.payments where requested_on < timestamp '2026-06-01T00:00:00Z'").await
    });
    let other = copy.try_text("select * from lake.payments where account = 'another'").await;
    assert!(other.is_ok(), "no account of that name is asked for: {other:?}");
}
