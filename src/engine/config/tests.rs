//! What wins over what, what is refused and where, and that nothing secret is repeated.

use insta::assert_snapshot;

use super::*;
use crate::api::config::Credential;

const KEY: &str = "sk_sbox_abcdefghijklmnopqrstuvwxyz2";
const OTHER_KEY: &str = "sk_sbox_zyxwvutsrqponmlkjihgfedcba2";

struct Case {
    folder: tempfile::TempDir,
    sources: Sources,
}

fn case(file: &str) -> Case {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ckosql.toml"), file).unwrap();
    let sources = Sources { directory: folder.path().to_owned(), ..Sources::default() };
    Case { folder, sources }
}

impl Case {
    fn environment(mut self, variables: &[(&str, &str)]) -> Self {
        self.sources.environment.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self
    }

    fn flags(mut self, flags: &[&str]) -> Self {
        self.sources.flags.extend(flags.iter().map(|flag| (*flag).to_owned()));
        self
    }

    fn profile(mut self, name: &str) -> Self {
        self.sources.profile = Some(name.to_owned());
        self
    }

    fn load(&self) -> Config {
        Config::load(&self.sources).unwrap()
    }

    fn refused(&self) -> String {
        let error = Config::load(&self.sources).unwrap_err();
        let text = format!("{:?}\nhint: {}", error, error.advice().unwrap_or_default());
        text.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

fn key_of(account: &Account) -> &str {
    match &account.credential {
        Credential::SecretKey(key) => key.expose(),
        Credential::ClientCredentials { id, .. } => id,
        Credential::Absent => "",
    }
}

#[test]
fn the_environment_wins_over_the_file_and_flags_over_both() {
    let case = case(&format!("secret_key = '{KEY}'\nrequests_per_second = 10\nin_flight = 3\nentity_ids = ['ent_file']"))
        .environment(&[("CHECKOUT_ENTITY_IDS", "ent_a, ent_b"), ("CHECKOUT_SECRET_KEY", OTHER_KEY)])
        .flags(&["requests_per_second=50"]);
    let accounts = case.load().accounts;
    assert_eq!(accounts.len(), 1);
    assert_eq!((accounts[0].name.as_str(), key_of(&accounts[0])), ("default", OTHER_KEY));
    assert_eq!((accounts[0].limits.requests_per_second, accounts[0].limits.in_flight), (50, 3));
    assert_eq!(accounts[0].entity_ids, ["ent_a", "ent_b"]);
}

#[test]
fn a_profile_is_laid_over_the_file() {
    let text = format!(
        "secret_key = '{KEY}'\nin_flight = 3\nsettings.checkout.on_incomplete = 'warn'\n\
         [profiles.test]\nin_flight = 5\n[profiles.test.settings]\n'datafusion.execution.batch_size' = 100\n"
    );
    let plain = case(&text).load();
    assert_eq!((plain.accounts[0].limits.in_flight, plain.settings.len()), (3, 1));
    let profiled = case(&text).profile("test").load();
    assert_eq!(profiled.accounts[0].limits.in_flight, 5);
    let settings: Vec<(&str, &str)> = profiled.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(settings, [("checkout.on_incomplete", "warn"), ("datafusion.execution.batch_size", "100")]);
}

#[test]
fn a_credential_takes_the_place_of_one_of_the_other_kind() {
    let case = case("client_id = 'ack_abcdefghijklmnopqrstuvwxyz'\nclient_secret = 'whatever'\n")
        .environment(&[("CHECKOUT_SECRET_KEY", KEY)]);
    assert_eq!(key_of(&case.load().accounts[0]), KEY);
}

#[test]
fn several_accounts_keep_their_own_keys() {
    let text = format!("[accounts.eu]\nsecret_key = '{KEY}'\n[accounts.us]\nsecret_key = '{OTHER_KEY}'\n");
    let accounts = case(&text).flags(&["accounts.us.in_flight=2"]).load().accounts;
    let seen: Vec<(&str, &str, usize)> =
        accounts.iter().map(|account| (account.name.as_str(), key_of(account), account.limits.in_flight)).collect();
    assert_eq!(seen, [("eu", KEY, 16), ("us", OTHER_KEY, 2)]);
    assert_snapshot!(case(&text).environment(&[("CHECKOUT_PREFIX", "abc12345")]).refused(), @"
    Config: CHECKOUT_PREFIX speaks of one account, and the file has several (accounts eu, us)
    hint: unset it, or say --set accounts.NAME.KEY=VALUE
    ");
}

#[test]
fn a_file_in_the_configuration_folder_is_found() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("ckosql")).unwrap();
    std::fs::write(folder.path().join("ckosql/ckosql.toml"), format!("secret_key = '{KEY}'")).unwrap();
    let home = folder.path().display().to_string();
    let environment = [("XDG_CONFIG_HOME".to_owned(), home)].into();
    let sources = Sources { environment, directory: folder.path().to_owned(), ..Sources::default() };
    assert_eq!(Config::load(&sources).unwrap().accounts.len(), 1);
}

#[test]
fn an_unknown_key_names_its_place_and_the_nearest() {
    assert_snapshot!(case("prefix = 'abc'\n  secert_key = 'sk_MARKER'").refused(), @"
    Config: unknown key secert_key (file ckosql.toml, line 2, column 3)
    hint: did you mean secret_key?
    ");
    assert_snapshot!(case("[acounts.eu]\n").refused(), @"
    Config: unknown key acounts (file ckosql.toml, line 1, column 2)
    hint: did you mean accounts?
    ");
    assert_snapshot!(case("[accounts.eu]\nentity_id = 'ent_1'\n").refused(), @"
    Config: unknown key entity_id (file ckosql.toml, line 2, column 1)
    hint: did you mean entity_ids?
    ");
    assert_snapshot!(case("").flags(&["request_per_second=5"]).refused(), @"
    Config: unknown key request_per_second in --set
    hint: did you mean requests_per_second?
    ");
    assert_snapshot!(case("[profiles.live]\n").profile("life").refused(), @"
    Config: ckosql.toml has no profile life
    hint: did you mean live?
    ");
}

#[test]
fn a_value_of_the_wrong_kind_names_its_place() {
    assert_snapshot!(case("\nrequests_per_second = 'many'").refused(), @"
    Config: requests_per_second cannot be read: expected a whole number (file ckosql.toml, line 2, column 23)
    hint:
    ");
    assert_snapshot!(case("[accounts]\neu = 'sk_MARKER'").refused(), @"
    Config: eu must be a table (file ckosql.toml, line 2, column 6)
    hint:
    ");
    assert_snapshot!(case("").environment(&[("CHECKOUT_SECRET_KEY", KEY)]).flags(&["in_flight=x"]).refused(), @"
    Config: --set in_flight cannot be read: expected a whole number
    hint:
    ");
}

#[test]
fn without_a_credential_the_error_says_how_to_get_one() {
    let error = Config::load(&case("").sources).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials);
    let advice = error.advice().unwrap();
    assert!(advice.contains("CHECKOUT_SECRET_KEY") && advice.contains("--demo"), "{advice}");
}

#[test]
fn no_error_repeats_a_secret() {
    let files = [
        "secret_key = 'sk_MARKER",
        "secret_key = sk_MARKER",
        "secret_key = 'sk_MARKER'\nsecret_key = 'sk_MARKER'",
        "secret_key = 'sk_MARKER' 'sk_MARKER'",
        "secret_key = ['sk_MARKER']",
        "secret_key = { text = 'sk_MARKER' }",
        "secret_key = { keyring = 'sk_MARKER' }",
        "secret_key = 'sk_MARKER'",
        "secret_key = 'pk_MARKER'",
        "client_secret = 'sk_MARKER'\nclient_id = 'sk_MARKER'\nsecret_key = 'sk_MARKER'",
        "in_flight = 'sk_MARKER'",
        "exponents = 'sk_MARKER'",
        "timeout = ['sk_MARKER']",
        "settings = 'sk_MARKER'",
        "settings.x = ['sk_MARKER']",
        "accounts.eu = 'sk_MARKER'",
        "profiles = 'sk_MARKER'",
        "acounts.eu.secret_key = 'sk_MARKER'",
    ];
    for file in files {
        let refused = case(file).refused();
        assert!(!refused.contains("MARKER"), "{file}: {refused}");
    }
    for flag in ["secret_key=sk_MARKER", "in_flight=sk_MARKER", "client_secret=sk_MARKER"] {
        let refused = case("").flags(&[flag]).refused();
        assert!(!refused.contains("MARKER"), "{flag}: {refused}");
    }
    let refused = case("").environment(&[("CHECKOUT_SECRET_KEY", "sk_MARKER")]).refused();
    assert!(!refused.contains("MARKER"), "{refused}");
}
