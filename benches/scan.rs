//! Live scans over the stand-in, end to end: HTTP, paging, decoding, SQL. Every figure comes with its answer checked
//! against the merchant's ledger.
//!
//! First, once: requests per 1,000 rows of a million payments in 90 days, with and without next links, against the
//! halving of full windows that connectors without a cursor do; and the share of a permitted rate that is used. Then,
//! by criterion: small questions.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::float_arithmetic, clippy::cast_precision_loss, reason = "a bench")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use ckosql::clock::Clock;
use ckosql::engine::Engine;
use ckosql::engine::config::Config;
use ckosql::sandbox::{Merchant, MerchantOptions, NextLink, Sandbox, SandboxOptions};
use criterion::{Criterion, criterion_group};
use futures::TryStreamExt;
use tokio::runtime::Runtime;

const MILLION: u64 = 1_000_000;
/// Windows of 90 days and a bit less than the API's limit of 90.
const DAYS: u32 = 89;

struct Stand {
    merchant: Arc<Merchant>,
    sandbox: Sandbox,
    engine: Engine,
}

fn stand(merchant: &Arc<Merchant>, next_link: NextLink, requests_per_second: Option<u32>) -> Stand {
    let options = SandboxOptions { next_link, ..SandboxOptions::default() };
    let sandbox = Sandbox::start(Arc::clone(merchant), options).unwrap();
    let mut account = sandbox.account();
    if let Some(rate) = requests_per_second {
        account.limits.requests_per_second = rate;
    }
    let settings = [("checkout.max_requests".to_owned(), "unlimited".to_owned())].into();
    let config = Config { accounts: vec![account], settings, clock: Clock::Fixed(merchant.end()), ..Config::default() };
    Stand { merchant: Arc::clone(merchant), engine: Engine::try_new(config).unwrap(), sandbox }
}

impl Stand {
    async fn count(&self, sql: &str) -> i64 {
        let answer = self.engine.session().unwrap().query(sql).await.unwrap();
        let batches: Vec<_> = answer.batches.try_collect().await.unwrap();
        batches.first().unwrap().column(0).as_primitive::<Int64Type>().value(0)
    }

    /// Lists everything once; gives requests and time.
    async fn list(&self) -> (u64, Duration) {
        let before = self.engine.activity().requests;
        let start = Instant::now();
        let rows = self.count("select count(*) from payments").await;
        assert_eq!(u64::try_from(rows).unwrap(), self.merchant.ledger().payments());
        (self.engine.activity().requests - before, start.elapsed())
    }
}

/// Requests that halving every full window takes for the same payments.
fn bisected(times: &[i64]) -> u64 {
    fn ask(times: &[i64], from: i64, to: i64) -> u64 {
        let inside = times.partition_point(|time| *time < to) - times.partition_point(|time| *time < from);
        if inside < 1000 || to - from <= 1_000_000 {
            return 1;
        }
        let middle = i64::midpoint(from, to);
        1 + ask(times, from, middle) + ask(times, middle, to)
    }
    let (first, last) = (times.first().copied().unwrap(), times.last().copied().unwrap());
    ask(times, first, last + 1)
}

fn figures(runtime: &Runtime) {
    let merchant = Arc::new(Merchant::new(MerchantOptions { payments: MILLION, days: DAYS, ..MerchantOptions::default() }));
    let mut times: Vec<i64> = merchant.all_payments().map(|payment| payment.requested_on().timestamp_micros()).collect();
    times.sort_unstable();
    println!("requests per 1,000 rows, 1 M payments over {DAYS} days:");
    println!("  {:<28}{:.3}", "halving full windows", bisected(&times) as f64 / 1000.0);
    for (name, next_link) in [("ckosql, no next link", NextLink::Absent), ("ckosql, next link", NextLink::Working)] {
        let (requests, time) = runtime.block_on(async {
            let stand = stand(&merchant, next_link, None);
            let figures = stand.list().await;
            stand.sandbox.stop();
            figures
        });
        let rows = MILLION as f64 / time.as_secs_f64();
        println!("  {name:<28}{:.3}   ({rows:.0} rows/s, stand-in and engine on the same cores)", requests as f64 / 1000.0);
    }
    let (requests, time) = runtime.block_on(async {
        let stand = stand(&merchant, NextLink::Absent, Some(100));
        let figures = stand.list().await;
        stand.sandbox.stop();
        figures
    });
    let share = requests as f64 / time.as_secs_f64();
    println!("  share of 100 requests/s used: {share:.1} % ({requests} requests in {:.1} s)", time.as_secs_f64());
}

fn small_questions(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let merchant = Arc::new(Merchant::new(MerchantOptions::default()));
    let stand = stand(&merchant, NextLink::Working, None);
    let id = merchant.payment_id(77);
    let by_id = format!("select count(*) from payments where id = '{id}'");
    let mut group = criterion.benchmark_group("scan");
    for (name, sql, answer) in [
        ("limit_10", "select count(*) from (select * from live.payments limit 10)", 10),
        ("by_id", by_id.as_str(), 1),
        ("10000_rows", "select count(distinct id) from payments", 10_000),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| assert_eq!(runtime.block_on(stand.count(sql)), answer));
        });
    }
    group.finish();
    stand.sandbox.stop();
}

criterion_group!(benches, small_questions);

fn main() {
    figures(&Runtime::new().unwrap());
    benches();
    Criterion::default().configure_from_args().final_summary();
}
