//! The lake over a store that fails now and then, and under queries while it is written: exact, or an error.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ckosql::api::client::Client;
use ckosql::error::{ErrorKind, Result};
use ckosql::lake::Lake;
use ckosql::lake::policy::Policy;
use ckosql::lake::scan;
use ckosql::lake::sync::{self, Options, Synced};
use ckosql::source::connection::Connection;
use ckosql::store::Location;
use datafusion::prelude::SessionContext;
use tempfile::TempDir;

use crate::copy::{Copy, merchant, rows_of};
use crate::faulty_store::{FaultyStore, Operation};

const TABLES: [&str; 4] = ["payments", "disputes", "settlements", "financial_actions"];

/// Says of so many operations in a thousand, by chance that is the same every time, that they fail.
fn now_and_then(seed: u64, in_a_thousand: u64) -> impl FnMut() -> bool + Send {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % 1_000 < in_a_thousand
    }
}

async fn sync(lake: &Lake, connection: &Arc<Connection>) -> Result<Vec<Synced>> {
    let options = Options { tables: TABLES.map(str::to_owned).to_vec(), ..Options::default() };
    sync::run(lake, &[Arc::clone(connection)], &options, &|_| {}).await
}

/// The rows of a table as the lake has them; nothing where it was never written.
async fn synced(lake: &Lake, table: &str, columns: &str) -> Option<Vec<String>> {
    let table = lake.table(table).unwrap();
    table.now().await.unwrap()?;
    let context = SessionContext::new();
    context.register_table("synced", scan::table(Arc::clone(table), Arc::from([]))).unwrap();
    let rows = context.sql(&format!("select {columns} from synced")).await.unwrap();
    Some(rows_of(&rows.collect().await.unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_store_that_fails_now_and_then_a_sync_is_exact_or_an_error() {
    let store = FaultyStore::new();
    let location = Location::parse("memory:///some/lake", &BTreeMap::new()).unwrap().through(Arc::clone(&store) as _);
    let lake = Lake::new(location, 90, &Policy::default()).unwrap();
    let (mut failed, mut seed) = (0, 1);
    for days in [20, 0] {
        let elsewhere = TempDir::new().unwrap();
        let copy = Copy::of(merchant(days), elsewhere.path());
        copy.sync(&TABLES).await;
        let account = copy.engine.accounts()[0].clone();
        let connection = Connection::new(Client::try_new(account, copy.engine.clock()).unwrap(), copy.engine.clock());
        loop {
            let mut fails = now_and_then(seed, 7);
            store.fail_when(move |_| fails());
            let outcome = sync(&lake, &connection).await;
            store.mend();
            let errors: Vec<_> = match &outcome {
                Ok(synced) => synced.iter().filter_map(|one| one.error.as_ref()).collect(),
                Err(error) => vec![error],
            };
            for error in &errors {
                assert!(matches!(error.kind(), ErrorKind::File | ErrorKind::Conflict), "{error:?}");
                assert!(format!("{error:?}").contains("503 slow down"), "{error:?}");
            }
            // Whatever was written is whole: no row is there twice.
            for (table, key) in [("payments", "id"), ("disputes", "id")] {
                let count = format!("count(*) = count(distinct {key})");
                let is_once = synced(&lake, table, &count).await;
                assert!(is_once.is_none_or(|rows| rows == ["true"]), "{table} after failure {failed}");
            }
            if errors.is_empty() {
                break;
            }
            (failed, seed) = (failed + 1, seed + 1);
            assert!(failed < 200, "the sync comes to no end: {errors:?}");
        }
        for table in TABLES {
            let columns = copy.columns(table).await.replace(", \"_raw\"", "");
            let live = copy.rows(&format!("select {columns} from live.{table}")).await;
            assert!(synced(&lake, table, &columns).await.as_ref() == Some(&live), "{table} {days} days before the end");
        }
    }
    assert!(failed > 4, "{failed} syncs failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_proven_is_read_from_the_newest_commit_of_a_long_log() {
    let (store, elsewhere) = (FaultyStore::new(), TempDir::new().unwrap());
    let location = Location::parse("memory:///some/lake", &BTreeMap::new()).unwrap().through(Arc::clone(&store) as _);
    let copy = Copy::of(merchant(0), elsewhere.path());
    let account = copy.engine.accounts()[0].clone();
    let connection = Connection::new(Client::try_new(account, copy.engine.clock()).unwrap(), copy.engine.clock());
    let options = Options { tables: vec!["disputes".to_owned()], ..Options::default() };
    let lake = Lake::new(location, 90, &Policy::default()).unwrap();
    for _ in 0..12 {
        let done = sync::run(&lake, &[Arc::clone(&connection)], &options, &|_| {}).await.unwrap();
        assert!(done.iter().all(|one| one.error.is_none()), "{done:?}");
    }
    let table = lake.table("disputes").unwrap();
    assert!(table.now().await.unwrap().unwrap().version() >= Some(12));
    let gets = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&gets);
    store.fail_when(move |operation| {
        counted.fetch_add(usize::from(operation == Operation::Get), Ordering::Relaxed);
        false
    });
    assert!(table.coverage(connection.name()).await.unwrap().is_some_and(|coverage| coverage.is_whole()));
    let gets = gets.load(Ordering::Relaxed);
    assert!(gets <= 4, "{gets} files were read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_while_a_sync_is_under_way_is_exact() {
    let folder = TempDir::new().unwrap();
    // What becomes of old payments is told by disputes and financial actions.
    let tables = ["payments", "disputes", "financial_actions"];
    Copy::of(merchant(20), folder.path()).sync(&tables).await;
    let copy = Copy::of(merchant(0), folder.path());
    let sums = [
        "select count(*), count(distinct id), sum(amount_minor), count(*) filter (where status = 'Refunded') from {}.payments",
        "select count(*), count(distinct id), sum(amount_minor), max(last_update) from {}.disputes",
    ];
    let mut live = Vec::new();
    for sql in sums {
        live.push(copy.rows(&sql.replace("{}", "live")).await);
    }
    let is_done = AtomicBool::new(false);
    let syncing = async {
        for _ in 0..3 {
            copy.sync(&tables).await;
        }
        is_done.store(true, Ordering::SeqCst);
    };
    let asking = async {
        let mut asked = 0;
        while !is_done.load(Ordering::SeqCst) {
            // What changed since and lies before the cut is the one thing that only a sync brings.
            for (sql, live) in sums.iter().zip(&live) {
                let sql = sql.replace("{}", "public");
                let fresh = format!("set checkout.max_staleness = '15 minutes'; {sql}");
                assert!(copy.try_text(&fresh).await.is_ok());
                let rows = copy.rows(&sql).await;
                let counts = |rows: &[String]| rows[0].split('|').take(3).map(str::to_owned).collect::<Vec<_>>();
                assert_eq!(counts(&rows), counts(live), "{sql}");
            }
            asked += 1;
        }
        asked
    };
    let ((), asked) = tokio::join!(syncing, asking);
    assert!(asked > 1, "asked {asked} times");
    for (sql, live) in sums.iter().zip(&live) {
        assert_eq!(&copy.rows(&sql.replace("{}", "public")).await, live);
    }
}
