//! `ckosql init`: what it finds out, what it writes, and what it never writes.

use std::path::Path;
use std::process::{Command, Output};

use ckosql::api::config::{Account, Credential};
use ckosql::engine::config::{Config, Sources};
use ckosql::sandbox::SandboxOptions;

use crate::stand::Stand;

const KEY: &str = "sk_sbox_markermarkermarkermarkerma2";

fn init(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ckosql"));
    command.arg("init").args(arguments).current_dir(folder).env_clear().envs(environment.iter().copied());
    command.output().unwrap()
}

fn shown(output: &Output) -> String {
    String::from_utf8([output.stdout.as_slice(), output.stderr.as_slice()].concat()).unwrap()
}

fn written(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("ckosql.toml")).unwrap()
}

/// The account that the file in a folder makes, with this environment.
fn loaded(folder: &Path, environment: &[(&str, &str)]) -> Account {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let sources = Sources { directory: folder.to_owned(), environment, ..Sources::default() };
    Config::load(&sources).unwrap().accounts.remove(0)
}

/// The environment that leads to a stand-in, without a credential.
fn hosts(stand: &Stand) -> Vec<(&'static str, String)> {
    let hosts = stand.sandbox.hosts();
    let urls = [
        ("CKOSQL_API_URL", hosts.main),
        ("CKOSQL_BALANCES_URL", hosts.balances),
        ("CKOSQL_TRANSFERS_URL", hosts.transfers),
        ("CKOSQL_FILES_URL", hosts.files),
        ("CKOSQL_TOKEN_URL", hosts.token),
    ];
    urls.map(|(name, url)| (name, url.to_string())).to_vec()
}

fn borrowed<'a>(environment: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    environment.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[test]
fn without_anything_the_file_is_written_and_makes_an_account_once_there_is_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let output = init(folder.path(), &[], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("init_without_anything", written(folder.path()));
        let said = shown(&output).replace(&folder.path().display().to_string(), "DIR");
        insta::assert_snapshot!("init_says_how_to_make_a_key", said);
    });
    let account = loaded(folder.path(), &[("CHECKOUT_SECRET_KEY", KEY)]);
    assert_eq!(account.hosts.main.as_str(), "https://api.sandbox.checkout.com/");
}

#[test]
fn a_file_that_is_there_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ckosql.toml"), "# mine\n").unwrap();
    let output = init(folder.path(), &[], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(shown(&output).contains("ckosql.toml is there already, and is left as it is"), "{}", shown(&output));
    assert_eq!(written(folder.path()), "# mine\n");
    let output = init(folder.path(), &["--config", "other.toml"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert!(folder.path().join("other.toml").is_file());
}

#[test]
fn a_key_says_its_environment_and_the_reports_their_entities_and_no_secret_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::new(50, SandboxOptions::default());
    let mut environment = hosts(&stand);
    environment.push(("CHECKOUT_SECRET_KEY", stand.sandbox.secret_key().to_owned()));
    let output = init(folder.path(), &[], &borrowed(&environment));
    let (text, mut ids) = (written(folder.path()), stand.sandbox.entity_ids());
    assert!(!format!("{text}{}", shown(&output)).contains(stand.sandbox.secret_key()));
    let mut account = loaded(folder.path(), &borrowed(&environment));
    ids.sort_unstable();
    account.entity_ids.sort_unstable();
    assert_eq!(account.entity_ids, ids);
    assert!(text.contains("\nenvironment = \"sandbox\"\n"), "{text}");
}

#[test]
fn an_access_key_is_written_by_its_id_and_its_token_names_prefix_and_entity() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::new(50, SandboxOptions::default());
    let mut environment = hosts(&stand);
    environment.push(("CHECKOUT_CLIENT_ID", stand.sandbox.client_id().to_owned()));
    environment.push(("CHECKOUT_CLIENT_SECRET", stand.sandbox.client_secret().to_owned()));
    let output = init(folder.path(), &[], &borrowed(&environment));
    let text = written(folder.path());
    assert!(!format!("{text}{}", shown(&output)).contains(stand.sandbox.client_secret()));
    let account = loaded(folder.path(), &borrowed(&environment));
    assert!(matches!(&account.credential, Credential::ClientCredentials { id, .. } if id == stand.sandbox.client_id()));
    assert_eq!(account.entity_ids.first(), stand.sandbox.entity_ids().first());
    assert!(text.lines().any(|line| line.starts_with("prefix = \"") && line.len() == "prefix = \"\"".len() + 8), "{text}");
}

#[test]
fn what_stands_in_the_way_is_said_and_the_file_is_written() {
    for (key, url, said) in [(KEY, "http://127.0.0.1:1/", "cannot connect"), ("sk_sbox_marker", "", "mistyped")] {
        let folder = tempfile::tempdir().unwrap();
        let output = init(folder.path(), &[], &[("CHECKOUT_SECRET_KEY", key), ("CKOSQL_API_URL", url)]);
        assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
        assert!(shown(&output).contains(said) && !shown(&output).contains("marker"), "{}", shown(&output));
        assert!(written(folder.path()).contains("\nsecret_key = { env = \"CHECKOUT_SECRET_KEY\" }\n"));
    }
}

#[test]
fn the_demo_merchant_s_file_is_shown_and_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let output = init(folder.path(), &["--demo"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert!(shown(&output).contains("\nentity_ids = [\"ent_"), "{}", shown(&output));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
