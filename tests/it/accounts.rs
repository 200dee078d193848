//! Several accounts are one table; one that does not answer is an error, or where that is wished a warning; entities are
//! found where they are not configured; a search that refuses a field is asked without it.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use ckosql::api::config::{Account, Credential};
use ckosql::clock::Clock;
use ckosql::engine::config::Config;
use ckosql::engine::{Engine, Session};
use ckosql::error::{Error, ErrorKind, Result};
use ckosql::sandbox::{Merchant, MerchantOptions, Sandbox, SandboxOptions};
use ckosql::secret::Secret;
use futures::TryStreamExt;

use crate::stand::Stand;

/// Two merchants, the second with whatever is wrong with it.
struct Two {
    first: Sandbox,
    second: Sandbox,
    engine: Engine,
}

impl Two {
    fn new(options: SandboxOptions) -> Self {
        let start = |seed, options| {
            let merchant = MerchantOptions { seed, payments: 300, ..MerchantOptions::default() };
            Sandbox::start(Arc::new(Merchant::new(merchant)), options).unwrap()
        };
        let (first, second) = (start(1, SandboxOptions::default()), start(2, options));
        let named = |name: &str, sandbox: &Sandbox| Account { name: name.to_owned(), ..sandbox.account() };
        let accounts = vec![named("shop", &first), named("club", &second)];
        let clock = Clock::Fixed(first.merchant().end());
        let engine = Engine::try_new(Config { accounts, clock, ..Config::default() }).unwrap();
        Self { first, second, engine }
    }

    fn broken() -> Self {
        Self::new(SandboxOptions { scopes: BTreeSet::new(), ..SandboxOptions::default() })
    }
}

async fn counts(session: &Session, sql: &str) -> Result<Vec<(String, i64)>> {
    let batches: Vec<RecordBatch> = session.query(sql).await?.batches.try_collect().await.map_err(Error::from)?;
    let rows = |batch: &RecordBatch| {
        let (names, counts) = (batch.column(0).as_string::<i32>().clone(), batch.column(1).as_primitive::<Int64Type>().clone());
        (0..batch.num_rows()).map(move |row| (names.value(row).to_owned(), counts.value(row))).collect::<Vec<_>>()
    };
    Ok(batches.iter().flat_map(rows).collect())
}

const BY_ACCOUNT: &str = "select account, count(*) from payments group by account order by account";

#[tokio::test(flavor = "multi_thread")]
async fn a_table_has_the_rows_of_all_accounts() {
    let two = Two::new(SandboxOptions::default());
    let session = two.engine.session().unwrap();
    assert_eq!(counts(&session, BY_ACCOUNT).await.unwrap(), [("club".to_owned(), 300), ("shop".to_owned(), 300)]);
    let latest = "select account, row_number() over (order by requested_on desc)::bigint from \
                  (select * from payments order by requested_on desc limit 20) order by 2";
    let whole = "select account, row_number() over (order by requested_on desc)::bigint from payments order by 2 limit 20";
    assert_eq!(counts(&session, latest).await.unwrap(), counts(&session, whole).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_by_account_asks_that_account_only() {
    let two = Two::broken();
    let session = two.engine.session().unwrap();
    for filter in ["account = 'shop'", "account in ('shop', 'x')", "account = 'shop' and status = 'captured'"] {
        let sql = format!("select account, count(*) from payments where {filter} group by account");
        assert_eq!(counts(&session, &sql).await.unwrap().len(), 1, "{filter}");
    }
    assert!(two.second.requests().is_empty());
    two.first.reset_log();
    assert!(counts(&session, "select account, count(*) from payments where account = 'x' group by 1").await.unwrap().is_empty());
    assert!(two.first.requests().is_empty() && two.second.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_broken_account_is_an_error_that_names_it() {
    let two = Two::broken();
    let error = counts(&two.engine.session().unwrap(), BY_ACCOUNT).await.unwrap_err();
    assert_eq!((error.kind(), error.context("account")), (ErrorKind::Scope, Some("club")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_warning_the_other_accounts_rows_come_and_coverage_says_what_is_missing() {
    let two = Two::broken();
    let session = two.engine.session().unwrap();
    session.query("set checkout.on_incomplete = 'warn'").await.unwrap();
    assert_eq!(counts(&session, BY_ACCOUNT).await.unwrap(), [("shop".to_owned(), 300)]);
    let covered = "select account, count(*) from system.coverage where not is_proven and error is not null group by account";
    assert_eq!(counts(&session, covered).await.unwrap(), [("club".to_owned(), 1)]);
}

/// An engine whose account has no entities configured.
fn without_entities(stand: &Stand, change: impl FnOnce(&mut Account)) -> Engine {
    let mut account = Account { entity_ids: Vec::new(), ..stand.sandbox.account() };
    change(&mut account);
    stand.engine_with(account)
}

const ENTITIES: &str = "select entity_id, count(*) from balances group by entity_id order by entity_id";

#[tokio::test(flavor = "multi_thread")]
async fn entities_are_found_from_reports() {
    let stand = Stand::new(300, SandboxOptions::default());
    let found = counts(&without_entities(&stand, |_| {}).session().unwrap(), ENTITIES).await.unwrap();
    let mut entities = stand.sandbox.entity_ids();
    entities.sort_unstable();
    assert_eq!(found.into_iter().map(|(entity, _)| entity).collect::<Vec<_>>(), entities);
    assert!(stand.sandbox.requests().iter().any(|request| request.path == "/reports"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_entity_that_a_token_names_is_taken_where_reports_tell_none() {
    let scopes = ["balances:view".to_owned()].into();
    let stand = Stand::new(300, SandboxOptions { scopes, ..SandboxOptions::default() });
    let credential = Credential::ClientCredentials {
        id: stand.sandbox.client_id().to_owned(),
        secret: Secret::new(stand.sandbox.client_secret()),
        scopes: Vec::new(),
    };
    let engine = without_entities(&stand, |account| account.credential = credential);
    stand.sandbox.reset_log();
    let found = counts(&engine.session().unwrap(), ENTITIES).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(stand.sandbox.entity_ids().contains(&found[0].0));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_entities_anywhere_the_error_says_what_to_set() {
    let scopes = ["balances:view".to_owned()].into();
    let stand = Stand::new(300, SandboxOptions { scopes, ..SandboxOptions::default() });
    let error = counts(&without_entities(&stand, |_| {}).session().unwrap(), ENTITIES).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.advice().is_some_and(|advice| advice.contains("entity_ids")), "{error:?}");
}

const CAPTURED: &str = "select status, count(*) from payments where status = 'captured' and currency = 'EUR' group by status";

fn searched(stand: &Stand) -> Vec<(u16, String)> {
    let query = |body: &str| serde_json::from_str::<serde_json::Value>(body).unwrap()["query"].as_str().unwrap().to_owned();
    stand.sandbox.requests().iter().map(|request| (request.status, query(&request.body))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_refuses_a_field_is_asked_for_everything() {
    let plain = Stand::new(300, SandboxOptions::default());
    let truth = counts(&plain.engine.session().unwrap(), CAPTURED).await.unwrap();
    assert!(searched(&plain).iter().all(|(_, query)| query == "status:'Captured' AND currency:'EUR'"));
    let refused_fields = vec!["status".to_owned()];
    let stand = Stand::new(300, SandboxOptions { refused_fields, ..SandboxOptions::default() });
    assert_eq!(counts(&stand.engine.session().unwrap(), CAPTURED).await.unwrap(), truth);
    let (refused, answered): (Vec<_>, Vec<_>) = searched(&stand).into_iter().partition(|(status, _)| *status == 422);
    assert!(!refused.is_empty());
    assert!(answered.iter().all(|(status, query)| *status == 200 && query == "amount:>=0"), "{answered:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_of_disputes_that_is_refused_is_applied_here() {
    let sql = "select count(*) from disputes where status = 'won' and last_update >= '2026-01-01'";
    let truth = Stand::new(2_000, SandboxOptions::default()).count(sql).await;
    let refused_fields = vec!["statuses".to_owned()];
    let stand = Stand::new(2_000, SandboxOptions { refused_fields, ..SandboxOptions::default() });
    assert_eq!(stand.count(sql).await, truth);
    let statuses: Vec<u16> = stand.sandbox.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [422, 200]);
    assert!(truth > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_not_to_be_relied_on_is_not_sent() {
    let stand = Stand::with(300, SandboxOptions::default(), |account| account.search_without = vec!["status".to_owned()]);
    let truth = Stand::new(300, SandboxOptions::default());
    let truth = counts(&truth.engine.session().unwrap(), CAPTURED).await.unwrap();
    assert_eq!(counts(&stand.engine.session().unwrap(), CAPTURED).await.unwrap(), truth);
    assert!(searched(&stand).iter().all(|(_, query)| query == "currency:'EUR'"), "{:?}", searched(&stand));
}
