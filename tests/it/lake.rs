//! The lake: what is synced is what the API has, before and after the merchant's books change, and whatever breaks off.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
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

fn copy(merchant: MerchantOptions, lake: &TempDir) -> Copy {
    let merchant = Arc::new(Merchant::new(merchant));
    let sandbox = Sandbox::start(Arc::clone(&merchant), SandboxOptions::default()).unwrap();
    let config = Config {
        accounts: vec![sandbox.account()],
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

    async fn text(&self, sql: &str) -> String {
        let batches = self.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        pretty_format_batches(&batches).unwrap().to_string()
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
    async fn assert_same(&self, one: &str, other: &str, until: &str) {
        for table in TABLES {
            let columns = self.columns(table).await;
            let rows = |schema: &str| format!("select {columns} from {schema}.{table} {until}");
            let missing = format!("select count(*) from ({} except all {})", rows(one), rows(other));
            let surplus = format!("select count(*) from ({} except all {})", rows(other), rows(one));
            let none = "+----------+\n| count(*) |\n+----------+\n| 0        |\n+----------+";
            assert_eq!(self.text(&missing).await, none, "{table}: {other} lacks rows of {one}");
            assert_eq!(self.text(&surplus).await, none, "{table}: {other} has rows that {one} has not");
        }
    }

    async fn columns(&self, table: &str) -> String {
        let batches = self.query(&format!("select * from lake.{table} limit 0")).await.unwrap();
        let _ = batches;
        let answer = self.engine.session().unwrap().query(&format!("select * from lake.{table} limit 0")).await.unwrap();
        let names = answer.schema.fields().iter().map(|field| field.name().as_str()).filter(|name| *name != "_fetched_at");
        names.map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
    }
}

fn small() -> MerchantOptions {
    MerchantOptions { payments: 2_000, ..MerchantOptions::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_synced_is_what_the_api_has() {
    let lake = TempDir::new().unwrap();
    let copy = copy(small(), &lake);
    let synced = copy.sync().await;
    for one in &synced {
        eprintln!("{} {:?} {:?}", one.table, one.tally, one.coverage);
    }
    eprintln!("requests {}", copy.sandbox.requests().len());
    copy.assert_same("live", "public", "").await;
    copy.sandbox.reset_log();
    let again = copy.sync().await;
    for one in &again {
        eprintln!("{} {:?}", one.table, one.tally);
    }
    eprintln!("requests {}", copy.sandbox.requests().len());
}
