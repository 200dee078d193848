//! No secret leaves: a marker key is looked for in everything a process prints.

use std::process::Command;

use arrow::util::pretty::pretty_format_batches;
use ckosql::api::config::{Account, Credential};
use ckosql::sandbox::SandboxOptions;
use ckosql::secret::Secret;

use crate::stand::Stand;

const MARKER: &str = "sk_sbox_markermarkermarkermarkerma2";

#[tokio::test]
async fn no_config_error_or_plan_shows_the_key() {
    let key = |account: &mut Account| account.credential = Credential::SecretKey(Secret::new(MARKER));
    let stand = Stand::with(100, SandboxOptions::default(), key);
    let error = stand.query("select * from payments").await.unwrap_err();
    assert_eq!(error.kind().facts().exit_code, 3, "{error}");
    let plan = stand.query("explain verbose select * from payments where id = 'x'").await.unwrap();
    let settings = stand.query("show all").await.unwrap();
    let shown = format!(
        "{error} {error:?} {:?} {:?} {:?} {} {}",
        error.advice(),
        stand.engine,
        stand.engine.session().unwrap(),
        pretty_format_batches(&plan).unwrap(),
        pretty_format_batches(&settings).unwrap(),
    );
    assert!(!shown.contains("marker"), "{shown}");
}

#[tokio::test]
async fn no_plan_shows_an_e_mail_address() {
    let stand = Stand::new(100, SandboxOptions::default());
    for sql in ["explain select id from payments where", "explain analyze select id from customers where"] {
        let column = if sql.contains("payments") { "customer_email" } else { "email" };
        let plan = stand.query(&format!("{sql} {column} = 'marker@example.com'")).await.unwrap();
        let shown = pretty_format_batches(&plan).unwrap().to_string();
        assert!(shown.contains(column) && !shown.contains("marker"), "{shown}");
    }
}

#[tokio::test]
async fn no_log_shows_the_key() {
    let stand = Stand::new(100, SandboxOptions::default());
    let hosts = stand.sandbox.hosts();
    let output = Command::new(env!("CARGO_BIN_EXE_ckosql"))
        .args(["-vvv", "query", "select * from payments limit 1"])
        .env("RUST_LOG", "trace")
        .env("CHECKOUT_SECRET_KEY", MARKER)
        .env("CKOSQL_API_URL", hosts.main.as_str())
        .output()
        .unwrap();
    let shown = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(3), "{shown}");
    assert!(shown.contains("/payments/search"), "requests are logged: {shown}");
    assert!(!shown.contains("marker"), "{shown}");
}
