//! A stand-in merchant with an engine over it, and how to ask it.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Decimal128Type, Int64Type};
use ckosql::api::config::Account;
use ckosql::clock::Clock;
use ckosql::engine::Engine;
use ckosql::engine::config::Config;
use ckosql::error::{Error, Result};
use ckosql::sandbox::{Merchant, MerchantOptions, Sandbox, SandboxOptions};
use futures::TryStreamExt;

pub(crate) struct Stand {
    pub(crate) merchant: Arc<Merchant>,
    pub(crate) sandbox: Sandbox,
    pub(crate) engine: Engine,
}

impl Stand {
    pub(crate) fn new(payments: u64, options: SandboxOptions) -> Self {
        Self::with(payments, options, |_| {})
    }

    pub(crate) fn of(merchant: MerchantOptions, options: SandboxOptions) -> Self {
        Self::made(merchant, options, |_| {})
    }

    pub(crate) fn with(payments: u64, options: SandboxOptions, change: impl FnOnce(&mut Account)) -> Self {
        Self::made(MerchantOptions { payments, ..MerchantOptions::default() }, options, change)
    }

    fn made(merchant: MerchantOptions, options: SandboxOptions, change: impl FnOnce(&mut Account)) -> Self {
        let merchant = Arc::new(Merchant::new(merchant));
        let sandbox = Sandbox::start(Arc::clone(&merchant), options).unwrap();
        let mut account = sandbox.account();
        change(&mut account);
        let config = Config { accounts: vec![account], clock: Clock::Fixed(merchant.end()), ..Config::default() };
        Self { engine: Engine::try_new(config).unwrap(), merchant, sandbox }
    }

    /// Another engine over the same merchant.
    pub(crate) fn engine_with(&self, account: Account) -> Engine {
        let clock = Clock::Fixed(self.merchant.end());
        Engine::try_new(Config { accounts: vec![account], clock, ..Config::default() }).unwrap()
    }

    pub(crate) async fn query(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        let answer = self.engine.session()?.query(sql).await?;
        answer.batches.try_collect().await.map_err(Error::from)
    }

    /// The requests a query makes, as `METHOD /path`, in order.
    pub(crate) async fn requests(&self, sql: &str) -> Vec<String> {
        self.sandbox.reset_log();
        self.query(sql).await.unwrap();
        self.sandbox.requests().into_iter().map(|request| format!("{} {}", request.method, request.path)).collect()
    }

    pub(crate) async fn count(&self, sql: &str) -> i64 {
        let batches = self.query(sql).await.unwrap();
        batches[0].column(0).as_primitive::<Int64Type>().value(0)
    }
}

/// `currency, count, sum(amount)` of the whole table, as text, amounts with the column's three decimals.
pub(crate) const BY_CURRENCY: &str = "select currency, count(*), sum(amount) from payments group by currency order by 1";

pub(crate) fn by_currency(batches: &[RecordBatch]) -> Vec<(String, i64, i128)> {
    let mut rows = Vec::new();
    for batch in batches {
        let currencies = batch.column(0).as_string::<i32>();
        let counts = batch.column(1).as_primitive::<Int64Type>();
        let sums = batch.column(2).as_primitive::<Decimal128Type>();
        rows.extend((0..batch.num_rows()).map(|row| (currencies.value(row).to_owned(), counts.value(row), sums.value(row))));
    }
    rows
}
