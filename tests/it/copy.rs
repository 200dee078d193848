//! A merchant, a lake, and an engine over both.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use arrow::util::display::array_value_to_string;
use arrow::util::pretty::pretty_format_batches;
use ckosql::api::config::Account;
use ckosql::clock::Clock;
use ckosql::engine::Engine;
use ckosql::engine::config::Config;
use ckosql::error::{Error, Result};
use ckosql::lake::policy::Policy;
use ckosql::lake::settings::LakeOptions;
use ckosql::lake::sync::Synced;
use ckosql::sandbox::{Merchant, MerchantOptions, Sandbox, SandboxOptions};
use futures::TryStreamExt;

/// The merchant that most tests sync, so many days before its story ends.
pub(crate) fn merchant(days: i64) -> Merchant {
    before(MerchantOptions { payments: 700, days: 60, ..MerchantOptions::default() }, days)
}

/// A merchant so many days before its story ends.
pub(crate) fn before(options: MerchantOptions, days: i64) -> Merchant {
    Merchant::before(options, options.end - chrono::Duration::days(days))
}

pub(crate) struct Copy {
    pub(crate) engine: Engine,
    pub(crate) sandbox: Sandbox,
}

impl Copy {
    pub(crate) fn of(merchant: Merchant, lake: &Path) -> Self {
        Self::with(merchant, LakeOptions::at(lake.to_str().unwrap()))
    }

    pub(crate) fn with(merchant: Merchant, lake: LakeOptions) -> Self {
        Self::made(merchant, Some(lake), SandboxOptions::default(), |_| {}, Policy::default()).unwrap()
    }

    pub(crate) fn under(merchant: Merchant, lake: Option<LakeOptions>, policy: Policy) -> Self {
        Self::made(merchant, lake, SandboxOptions::default(), |_| {}, policy).unwrap()
    }

    /// The same, over a stand-in that behaves otherwise and an account that is configured otherwise.
    pub(crate) fn made(
        merchant: Merchant,
        lake: Option<LakeOptions>,
        options: SandboxOptions,
        change: impl FnOnce(&mut Account),
        policy: Policy,
    ) -> Result<Self> {
        let merchant = Arc::new(merchant);
        let sandbox = Sandbox::start(Arc::clone(&merchant), options)?;
        let mut account = sandbox.account();
        account.limits.requests_per_second = 10_000;
        change(&mut account);
        let config = Config { accounts: vec![account], clock: Clock::Fixed(merchant.end()), lake, policy, ..Config::default() };
        Ok(Self { engine: Engine::try_new(config)?, sandbox })
    }

    pub(crate) async fn query(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        let session = self.engine.session()?;
        let unlimited = session.query("set checkout.max_requests = unlimited").await?;
        unlimited.batches.try_collect::<Vec<_>>().await.map_err(Error::from)?;
        session.query(sql).await?.batches.try_collect().await.map_err(Error::from)
    }

    /// The answer to the last of some statements.
    pub(crate) async fn text(&self, sql: &str) -> String {
        self.try_text(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// The same, or why there is none.
    pub(crate) async fn try_text(&self, sql: &str) -> Result<String> {
        let session = self.engine.session()?;
        let mut text = String::new();
        for statement in ["set checkout.max_requests = unlimited"].into_iter().chain(sql.split(';')) {
            let batches: Vec<RecordBatch> = session.query(statement).await?.batches.try_collect().await.map_err(Error::from)?;
            text = pretty_format_batches(&batches).unwrap().to_string();
        }
        Ok(text)
    }

    /// The one whole number that is the answer.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let batches = self.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        batches[0].column(0).as_primitive::<Int64Type>().value(0)
    }

    /// Syncs these tables, or all; panics where one of them fails.
    pub(crate) async fn sync(&self, tables: &[&str]) -> Vec<Synced> {
        let tables: Vec<String> = tables.iter().map(|table| (*table).to_owned()).collect();
        let synced = self.engine.sync(&tables, None, false, &|_| {}).await.unwrap();
        for one in &synced {
            if let Some(error) = &one.error {
                panic!("{}: {error:?}", one.table);
            }
        }
        synced
    }

    /// Panics where two queries have other rows.
    pub(crate) async fn assert_alike(&self, one: &str, other: &str, about: &str) {
        // Not by a join: that would ask a live table otherwise than a listing does.
        let (left, right) = (self.rows(one).await, self.rows(other).await);
        if let Some((left, right)) = left.iter().zip(&right).find(|(left, right)| left != right) {
            panic!("{about}: {one}\n{left}\n{other}\n{right}");
        }
        assert_eq!(left.len(), right.len(), "{about}: {one}\n{other}");
    }

    /// The rows of an answer, in order.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<String> {
        rows_of(&self.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")))
    }

    /// The columns of a table in the lake, but for when its rows were read.
    pub(crate) async fn columns(&self, table: &str) -> String {
        let answer = self.engine.session().unwrap().query(&format!("select * from lake.{table} limit 0")).await.unwrap();
        let names = answer.schema.fields().iter().map(|field| field.name().as_str()).filter(|name| *name != "_fetched_at");
        names.map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
    }
}

/// Rows as texts, in order.
pub(crate) fn rows_of(batches: &[RecordBatch]) -> Vec<String> {
    let mut rows = Vec::new();
    for batch in batches {
        let cell = |column: &ArrayRef, row| array_value_to_string(column, row).unwrap();
        let row = |row| batch.columns().iter().map(|column| cell(column, row)).collect::<Vec<_>>().join("|");
        rows.extend((0..batch.num_rows()).map(row));
    }
    rows.sort_unstable();
    rows
}
