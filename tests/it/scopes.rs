//! A key that may not read something: what the error says, table by table.

use ckosql::api::config::{Account, Credential};
use ckosql::error::{Error, ErrorKind};
use ckosql::sandbox::SandboxOptions;
use ckosql::secret::Secret;

use crate::stand::Stand;

async fn without(scope: &str, sql: &str) -> Error {
    let mut options = SandboxOptions::default();
    assert!(options.scopes.remove(scope), "{scope} is no scope of the stand-in");
    // A scope's parent, such as `disputes`, includes it.
    options.scopes.remove(scope.split(':').next().unwrap());
    Stand::new(200, options).query(sql).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_scope_is_named_for_each_table() {
    for (scope, table) in [("payments:search", "payments"), ("disputes:view", "disputes"), ("balances:view", "balances")] {
        let error = without(scope, &format!("select * from {table}")).await;
        assert_eq!(error.kind(), ErrorKind::Scope, "{error}");
        assert_eq!(error.context("scope"), Some(scope), "{error}");
        assert_eq!(error.kind().facts().exit_code, 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_answer_401_for_a_missing_scope_and_the_error_says_both_reasons() {
    let error = without("reports:view", "select * from reports").await;
    assert_eq!(error.kind().facts().exit_code, 3, "{error}");
    let said = format!("{error} {}", error.advice().unwrap_or_default());
    assert!(said.contains("reports:view"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn client_credentials_read_like_a_key_and_a_wrong_secret_is_a_credentials_error() {
    let stand = Stand::new(200, SandboxOptions::default());
    let client = |secret: String| Credential::ClientCredentials {
        id: stand.sandbox.client_id().to_owned(),
        secret: Secret::new(secret),
        scopes: Vec::new(),
    };
    let good = client(stand.sandbox.client_secret().to_owned());
    let bad = client("wrong".to_owned());
    let with = |credential: Credential| {
        let account = Account { credential, ..stand.sandbox.account() };
        stand.engine_with(account)
    };
    let answer = with(good).session().unwrap().query("select count(*) from disputes").await;
    assert!(answer.is_ok(), "{answer:?}");
    let mut answer = with(bad).session().unwrap().query("select count(*) from disputes").await.unwrap();
    let error = Error::from(futures::StreamExt::next(&mut answer.batches).await.unwrap().unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Credentials, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_with_no_payments_has_empty_tables() {
    let stand = Stand::new(0, SandboxOptions::default());
    for table in ["payments", "payment_actions", "disputes"] {
        assert_eq!(stand.count(&format!("select count(*) from {table}")).await, 0, "{table}");
    }
    assert_eq!(stand.count("select count(*) from payments where id = 'pay_aaaaaaaaaaaaaaaaaaaaaaaaaa'").await, 0);
}
