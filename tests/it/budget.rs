//! What a statement may cost: refused before the first request when the bill is over it, ended when reality is; and what it
//! need not ask twice.

use ckosql::engine::config::Config;
use ckosql::engine::{Caller, Engine};
use ckosql::error::{Error, ErrorKind};
use ckosql::sandbox::{NextLink, SandboxOptions, SearchOrder};
use futures::TryStreamExt;

use crate::stand::Stand;

/// Runs settings and then a query, in one session.
async fn run(stand: &Stand, settings: &[&str], sql: &str) -> Result<usize, Error> {
    let session = stand.engine.session()?;
    for setting in settings {
        session.query(setting).await?;
    }
    stand.sandbox.reset_log();
    let batches: Vec<_> = session.query(sql).await?.batches.try_collect().await?;
    Ok(batches.iter().map(arrow::array::RecordBatch::num_rows).sum())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_over_its_budget_is_refused_before_the_first_request() {
    let stand = Stand::new(5_000, SandboxOptions::default());
    let error = run(&stand, &["set checkout.max_requests = 2"], "select * from payments").await.unwrap_err();
    assert_eq!((error.kind(), error.context("checkout.max_requests")), (ErrorKind::Query, Some("2")), "{error}");
    assert!(error.message().starts_with("the query would take about"), "{error}");
    assert!(stand.sandbox.requests().is_empty());
    assert_eq!(run(&stand, &["set checkout.max_requests = 2"], "select * from payments limit 10").await.unwrap(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_takes_no_more_memory_than_it_may_and_spills_before_it_fails() {
    let stand = Stand::new(2_000, SandboxOptions::default());
    let sorted = "select * from payments order by amount, id";
    let settings = |memory| ["set datafusion.execution.sort_spill_reservation_bytes = 0", memory];
    let error = run(&stand, &settings("set checkout.max_memory = '1K'"), sorted).await.unwrap_err();
    assert!(error.to_string().contains("checkout.max_memory"), "{error}");
    for enough in ["set checkout.max_memory = '8M'", "set checkout.max_memory = 'unlimited'"] {
        assert_eq!(run(&stand, &settings(enough), sorted).await.unwrap(), 2_000, "{enough}");
    }
    for wrong in ["'8 MB'", "'-1'", "'99999999999G'", "''"] {
        let error = run(&stand, &[&format!("set checkout.max_memory = {wrong}")], sorted).await.unwrap_err();
        assert!(error.to_string().contains("512M"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_takes_no_more_time_than_it_may() {
    let stand = Stand::new(50, SandboxOptions::default());
    let endless = "select sum(value) from generate_series(1, 1000000000000) as t(value)";
    let error = run(&stand, &["set checkout.max_time = '10 ms'"], endless).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
    assert!(error.message().contains("takes longer than 10ms (checkout.max_time)"), "{error}");
    assert_eq!(run(&stand, &["set checkout.max_time = '1 h'"], "select * from payments").await.unwrap(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_by_a_door_takes_no_more_than_the_server_gives() {
    let limits = [("checkout.max_memory", "1K"), ("checkout.max_time", "10 ms")];
    let sorted = "select * from generate_series(1, 1000000) as t(value) order by value desc";
    let endless = "select sum(value) from generate_series(1, 1000000000000) as t(value)";
    let stand = Stand::new(50, SandboxOptions::default());
    for ((setting, value), sql) in limits.into_iter().zip([sorted, endless]) {
        let said = [(setting, value), ("datafusion.execution.sort_spill_reservation_bytes", "0")];
        let settings = said.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let engine = Engine::try_new(Config { accounts: vec![stand.sandbox.account()], settings, ..Config::default() }).unwrap();
        let session = engine.session_for(Caller::default()).unwrap();
        session.query(&format!("set {setting} = 'unlimited'")).await.unwrap();
        let answer = async { Ok::<_, Error>(session.query(sql).await?.batches.try_collect::<Vec<_>>().await?) };
        let error = answer.await.unwrap_err();
        assert!(error.to_string().contains(setting), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_turns_out_over_its_budget_ends_with_an_error() {
    // Nothing is known of how many rows there are, so the bill says only the least.
    let options = SandboxOptions { next_link: NextLink::Absent, ..SandboxOptions::default() };
    let stand = Stand::with(8_000, options, |account| account.rows_per_year.clear());
    let error = run(&stand, &["set checkout.max_requests = 4"], "select * from payments").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Query, "{error}");
    assert!(error.message().contains("has made the 4 requests it may make"), "{error}");
    assert!(stand.sandbox.requests().len() <= 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_budget_any_number_of_requests_is_made() {
    let stand = Stand::new(3_000, SandboxOptions::default());
    let settings = ["set checkout.max_requests = 0", "set checkout.max_requests = 'unlimited'"];
    assert_eq!(run(&stand, &settings, "select id from payments").await.unwrap(), 3_000);
    let error = run(&stand, &settings[..1], "select id from payments").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Query);
    assert!(stand.sandbox.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_self_join_asks_once() {
    let stand = Stand::new(900, SandboxOptions::default());
    let alone = stand.requests("select id, amount from payments where requested_on >= '2026-06-01'").await.len();
    let joined = "select a.id from payments a join payments b on a.amount = b.amount and a.id < b.id \
                  where a.requested_on >= '2026-06-01' and b.requested_on >= '2026-06-01'";
    assert_eq!(stand.requests(joined).await.len(), alone);
    let id = stand.merchant.payment_id(7);
    let union = format!("select id from payments where id = '{id}' union all select id from payments where id = '{id}'");
    assert_eq!(stand.requests(&union).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn counting_all_disputes_is_one_request() {
    let stand = Stand::new(30_000, SandboxOptions::default());
    let truth = i64::try_from(stand.merchant.ledger().disputed()).unwrap();
    assert!(truth > 100);
    stand.sandbox.reset_log();
    assert_eq!(stand.count("select count(*) from disputes").await, truth);
    let requests = stand.sandbox.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].query.contains("limit=1"), "{requests:?}");
    // A filter makes counting a matter of rows again.
    assert_eq!(stand.count("select count(*) from disputes where amount > 0").await, truth);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_payments_are_found_in_few_requests_whatever_the_order_of_the_search() {
    for order in [SearchOrder::NewestFirst, SearchOrder::OldestFirst, SearchOrder::Scattered] {
        for next_link in [NextLink::Working, NextLink::Absent, NextLink::Broken, NextLink::Empty] {
            let stand = Stand::new(20_000, SandboxOptions { order, next_link, ..SandboxOptions::default() });
            let truth: Vec<String> = (0..25).map(|back| stand.merchant.payment_id(19_999 - back)).collect();
            stand.sandbox.reset_log();
            let batches = stand.query("select id from payments order by requested_on desc limit 25").await.unwrap();
            let ids: Vec<String> = batches.iter().flat_map(texts).collect();
            assert_eq!(ids, truth, "{order:?} {next_link:?}");
            let requests = stand.sandbox.requests().len();
            assert!(requests <= 8, "{order:?} {next_link:?}: {requests} requests");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_of_the_payments_that_satisfy_a_filter_are_found_too() {
    let stand = Stand::new(6_000, SandboxOptions { order: SearchOrder::Scattered, ..SandboxOptions::default() });
    let sql = |limit: &str| format!("select id from payments where amount_minor % 7 = 3 order by requested_on desc, id {limit}");
    let all: Vec<String> = stand.query(&sql("")).await.unwrap().iter().flat_map(texts).collect();
    let some: Vec<String> = stand.query(&sql("limit 40")).await.unwrap().iter().flat_map(texts).collect();
    assert!(all.len() > 400);
    assert_eq!(some, all[..40]);
    let later: Vec<String> = stand.query(&sql("limit 10 offset 35")).await.unwrap().iter().flat_map(texts).collect();
    assert_eq!(later, all[35..45]);
}

fn texts(batch: &arrow::array::RecordBatch) -> Vec<String> {
    use arrow::array::AsArray;
    batch.column(0).as_string::<i32>().iter().flatten().map(str::to_owned).collect()
}
