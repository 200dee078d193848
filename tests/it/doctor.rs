//! The doctor: what it says of a stand-in that misses one thing at a time.

use std::process::{Command, Output};

use ckosql::api::config::{Account, Credential};
use ckosql::clock::Clock;
use ckosql::engine::Engine;
use ckosql::engine::config::Config;
use ckosql::engine::doctor::{Check, NEEDED, Outcome, Subject, examine, scopes, verdict};
use ckosql::error::ErrorKind;
use ckosql::sandbox::SandboxOptions;
use ckosql::secret::Secret;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::stand::Stand;

const NOWHERE: &str = "http://127.0.0.1:1/";

async fn checks(stand: &Stand) -> Vec<Check> {
    examine(&stand.engine).await.unwrap()
}

/// The account as an OAuth client that asks for these scopes; for all it has, when there are none.
fn oauth(stand: &Stand, scopes: &[&str]) -> Account {
    let credential = Credential::ClientCredentials {
        id: stand.sandbox.client_id().to_owned(),
        secret: Secret::new(stand.sandbox.client_secret()),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
    };
    Account { credential, ..stand.sandbox.account() }
}

async fn checks_of(stand: &Stand, account: Account) -> Vec<Check> {
    examine(&stand.engine_with(account)).await.unwrap()
}

/// What is refused, as titles.
fn refused(checks: &[Check]) -> Vec<String> {
    checks.iter().filter(|check| check.outcome == Outcome::Refused).map(Check::title).collect()
}

fn one<'a>(checks: &'a [Check], title: &str) -> &'a Check {
    let mut found = checks.iter().filter(|check| check.title() == title);
    let first = found.next().unwrap_or_else(|| panic!("no {title} in {checks:#?}"));
    assert!(found.next().is_none(), "{title} twice");
    first
}

fn without(scope: &str) -> SandboxOptions {
    let mut options = SandboxOptions::default();
    assert!(options.scopes.remove(scope), "{scope} is no scope of the stand-in");
    // A scope's parent, such as `disputes`, includes it.
    options.scopes.remove(scope.split(':').next().unwrap());
    options
}

#[tokio::test(flavor = "multi_thread")]
async fn each_scope_that_is_missing_is_named_and_no_other() {
    let whole = refused(&checks(&Stand::new(50, SandboxOptions::default())).await);
    for scope in scopes() {
        let stand = Stand::new(50, without(scope));
        let title = format!("scope {scope}");
        let of_token = checks_of(&stand, oauth(&stand, &[])).await;
        assert_eq!(refused(&of_token), [title.as_str()], "access key without {scope}");
        let of_key = checks(&stand).await;
        let mut newly = refused(&of_key);
        // What no secret key is let in to is refused either way.
        newly.retain(|refused| *refused == title || !whole.contains(refused));
        assert_eq!(newly, [title.as_str()], "secret key without {scope}");
        let verdict = verdict(&of_key);
        assert_eq!(verdict.is_err(), NEEDED.contains(&scope), "{scope}: {verdict:?}");
        assert!(one(&of_token, &title).remedy.as_ref().unwrap().contains(scope));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_without_a_needed_scope_says_what_to_tick_and_ends_with_3() {
    let checks = checks(&Stand::new(50, without("disputes:view"))).await;
    let check = one(&checks, "scope disputes:view");
    insta::assert_snapshot!(check.remedy.as_deref().unwrap(), @"Dashboard > Developers > Keys > new secret key: read-only, customised scopes, tick disputes:view; all processing channels, every entity");
    let error = verdict(&checks).unwrap_err();
    insta::assert_snapshot!(error.to_string(), @"something needed is refused: scope disputes:view");
    assert_eq!((error.kind(), error.kind().facts().exit_code), (ErrorKind::Scope, 3));
    // What is needed and cannot be told is no good news either.
    let untold = Check { outcome: Outcome::Unknown, ..check.clone() };
    assert_eq!(verdict(&[untold]).unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_said_once_and_not_for_every_scope() {
    let stand = Stand::with(50, SandboxOptions::default(), |account| {
        account.credential = Credential::SecretKey(Secret::new("sk_sbox_markermarkermarkermarkerma2"));
    });
    let checks = checks(&stand).await;
    assert_eq!(refused(&checks), ["credential key"]);
    assert!(checks.iter().all(|check| check.subject != Subject::Scope && check.subject != Subject::Entity));
    assert_eq!(verdict(&checks).unwrap_err().kind(), ErrorKind::Credentials);
    assert!(!format!("{checks:?}{}", serde_json::to_string(&checks).unwrap()).contains("marker"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_client_secret_is_said_once() {
    let stand = Stand::new(50, SandboxOptions::default());
    let credential = Credential::ClientCredentials {
        id: stand.sandbox.client_id().to_owned(),
        secret: Secret::new("marker"),
        scopes: Vec::new(),
    };
    let checks = checks_of(&stand, Account { credential, ..stand.sandbox.account() }).await;
    assert_eq!(refused(&checks), ["token"]);
    assert_eq!(verdict(&checks).unwrap_err().kind().facts().exit_code, 3);
    assert!(!format!("{checks:?}").contains("marker"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_the_access_key_does_not_have_is_the_token_s_refusal() {
    let stand = Stand::new(50, without("disputes:view"));
    let checks = checks_of(&stand, oauth(&stand, &["reports:view", "disputes:view"])).await;
    assert_eq!(refused(&checks), ["token"]);
    assert!(one(&checks, "token").found.contains("invalid_scope"), "{checks:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_needed_host_that_cannot_be_reached_ends_with_4_and_its_scopes_are_unknown() {
    let stand = Stand::new(50, SandboxOptions::default());
    let mut account = oauth(&stand, &[]);
    account.hosts.balances = NOWHERE.parse().unwrap();
    let checks = checks_of(&stand, account).await;
    assert_eq!(refused(&checks), ["host balances"]);
    assert_eq!(one(&checks, "scope balances:view").outcome, Outcome::Unknown);
    assert_eq!(one(&checks, "scope disputes:view").outcome, Outcome::Ok);
    assert_eq!(verdict(&checks).unwrap_err().kind().facts().exit_code, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_only_optional_tables_need_changes_no_verdict() {
    let stand = Stand::new(50, SandboxOptions::default());
    let mut account = oauth(&stand, &[]);
    account.hosts.files = NOWHERE.parse().unwrap();
    let checks = checks_of(&stand, account).await;
    assert_eq!(refused(&checks), ["host files"]);
    verdict(&checks).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_that_is_none_is_named_beside_one_that_is() {
    let wrong = "ent_aaaaaaaaaaaaaaaaaaaaaaaaaa";
    let stand = Stand::new(50, SandboxOptions::default());
    let mut account = oauth(&stand, &[]);
    account.entity_ids[0] = wrong.to_owned();
    let checks = checks_of(&stand, account).await;
    let good = &stand.sandbox.entity_ids()[1];
    assert_eq!(one(&checks, &format!("entity {good}")).outcome, Outcome::Ok);
    assert_eq!(refused(&checks), [format!("entity {wrong}")]);
    assert_eq!(one(&checks, "scope balances:view").outcome, Outcome::Ok);
    assert_eq!(verdict(&checks).unwrap_err().kind().facts().exit_code, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn entities_that_nobody_configured_are_found_in_token_and_reports() {
    let stand = Stand::new(50, SandboxOptions::default());
    let ids = stand.sandbox.entity_ids();
    for account in [stand.sandbox.account(), oauth(&stand, &[])] {
        let checks = checks_of(&stand, Account { entity_ids: Vec::new(), ..account }).await;
        for id in &ids {
            let check = one(&checks, &format!("entity {id}"));
            assert_eq!((check.outcome, check.remedy.clone()), (Outcome::Ok, Some(format!("add \"{id}\" to entity_ids"))));
        }
    }
    let stand = Stand::with(50, without("reports:view"), |account| account.entity_ids = Vec::new());
    assert_eq!(one(&checks(&stand).await, "entity").outcome, Outcome::Unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_is_a_warning() {
    let server = MockServer::start().await;
    let answer =
        ResponseTemplate::new(200).insert_header("date", "Sun, 06 Nov 1994 08:49:37 GMT").set_body_string(r#"{"data":[]}"#);
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let stand = Stand::new(50, SandboxOptions::default());
    let mut account = stand.sandbox.account();
    let hosts = &mut account.hosts;
    for host in [&mut hosts.main, &mut hosts.balances, &mut hosts.transfers, &mut hosts.files, &mut hosts.token] {
        *host = server.uri().parse().unwrap();
    }
    let config = Config { accounts: vec![account], clock: Clock::System, ..Config::default() };
    let checks = examine(&Engine::try_new(config).unwrap()).await.unwrap();
    let clock = one(&checks, "clock");
    assert!(clock.outcome == Outcome::Warning && clock.found.ends_with(" s ahead of Checkout.com's"), "{clock:?}");
    verdict(&checks).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_can_write_is_warned_of_and_one_that_only_reads_is_not() {
    let stand = Stand::new(50, SandboxOptions::default());
    let whole = checks_of(&stand, oauth(&stand, &[])).await;
    let writing = one(&whole, "writing");
    assert!(writing.outcome == Outcome::Warning && writing.found.contains("gateway,"), "{writing:?}");
    assert!(!writing.found.contains("payments:search") && !writing.found.contains("reports:view"), "{writing:?}");
    let reading = checks_of(&stand, oauth(&stand, &NEEDED)).await;
    assert_eq!(one(&reading, "writing").outcome, Outcome::Ok);
    verdict(&reading).unwrap();
    assert_eq!(one(&checks(&stand).await, "writing").outcome, Outcome::Unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_only_reads_and_asks_little() {
    let stand = Stand::new(50, SandboxOptions::default());
    checks(&stand).await;
    let requests = stand.sandbox.requests();
    assert!(requests.iter().all(|request| request.method == "GET" || request.path == "/payments/search"), "{requests:?}");
    // A front page a host, a call a scope, the last reports, and each further entity.
    let by_entity = requests.iter().filter(|request| request.path.contains("/ent_")).count();
    assert!(requests.len() <= 5 + scopes().len() + 1 + by_entity, "{requests:#?}");
}

fn doctor(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ckosql"));
    command.arg("doctor").args(arguments).current_dir(folder.path()).env_clear().envs(environment.iter().copied());
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_demo_merchant_is_well() {
    let output = doctor(&["--demo"], &[]);
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(text(&output.stdout).lines().map(without_port).collect::<Vec<_>>().join("\n"));
    });
}

/// The line, where its ports, which are others each time, are cut off.
fn without_port(line: &str) -> &str {
    line.split("127.0.0.1:").next().unwrap()
}

#[test]
fn as_json_the_same_checks_are_an_array_of_objects() {
    let output = doctor(&["--demo", "--format", "json"], &[]);
    let checks: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let lines =
        text(&doctor(&["--demo"], &[]).stdout).lines().filter(|line| line.starts_with("  ") && !line.contains('→')).count();
    assert_eq!(checks.len(), lines);
    let scope = checks.iter().find(|check| check["name"] == "reports:view").unwrap();
    let expected = serde_json::json!({
        "account": "sandbox", "subject": "scope", "name": "reports:view", "outcome": "ok", "needed": true,
        "found": "opens settlements, settlement_breakdown, settlement_actions, financial_actions, balance_statements, \
                  report_rows, reports, report_files", "remedy": null,
    });
    assert_eq!(scope, &expected);
}

#[test]
fn a_credential_that_is_none_is_a_line_too_and_is_not_repeated() {
    let output = doctor(&[], &[("CHECKOUT_SECRET_KEY", "sk_sbox_marker")]);
    assert_eq!(output.status.code(), Some(3));
    insta::assert_snapshot!(text(&output.stdout), @"
    account default
      refused  credential  the configured key is mistyped: after sk_ or sk_sbox_ come 27 characters, a to z and 2 to 7 (account default)
               → copy the key again, whole, without quotes or spaces
    ");
    let key = ("CHECKOUT_SECRET_KEY", "sk_sbox_markermarkermarkermarkerma2");
    let output = doctor(&[], &[key, ("CHECKOUT_ENVIRONMENT", "production")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("  refused  credential  the environment is production"), "{}", text(&output.stdout));
}
