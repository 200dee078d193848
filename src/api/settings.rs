//! What a user writes about an account, in the file or the environment, and how it becomes an [`Account`].
//!
//! Every setting may be left out. How single values are spelled is [`super::spelling`]'s business; no message repeats a
//! secret.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;

use super::config::{Account, Credential, Environment, Hosts, Limits, try_url};
use super::key;
use super::spelling::{Seconds, SecretSource, text_or_date};
use crate::error::{Error, ErrorKind, Result};
use crate::money::Exponents;
use crate::schema::decode::AssumedUnit;
use crate::schema::time;

/// The start of history where none is configured: the current platform has no older payments.
const HISTORY_START: &str = "2020-01-01";
const ZONES: &str = "write Europe/London, UTC or +02:00";

/// An account as configured; every setting is optional.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountSettings {
    /// Secret key, `sk_…`.
    pub secret_key: Option<SecretSource>,
    /// Id of an access key, `ack_…`.
    pub client_id: Option<String>,
    /// Secret of the access key.
    pub client_secret: Option<SecretSource>,
    /// Scopes to ask a token for; none asks for all the access key has.
    pub scopes: Option<Vec<String>>,
    /// `production` or `sandbox`; a secret key says it itself.
    pub environment: Option<String>,
    /// Prefix of the account's own hosts.
    pub prefix: Option<String>,
    /// Its entities, `ent_…`.
    pub entity_ids: Option<Vec<String>>,
    /// Date or RFC 3339 instant before which nothing is asked for.
    #[serde(deserialize_with = "text_or_date")]
    pub history_start: Option<String>,
    /// Instead of `https://{prefix}.api.checkout.com`.
    pub api_url: Option<String>,
    /// Instead of `https://balances.checkout.com`.
    pub balances_url: Option<String>,
    /// Instead of `https://transfers.checkout.com`.
    pub transfers_url: Option<String>,
    /// Instead of `https://files.checkout.com`.
    pub files_url: Option<String>,
    /// Instead of `https://{prefix}.access.checkout.com`.
    pub token_url: Option<String>,
    /// Requests a second.
    pub requests_per_second: Option<u32>,
    /// Requests under way at once.
    pub in_flight: Option<usize>,
    /// Time for one attempt at a request.
    pub timeout: Option<Seconds>,
    /// Time for one request over all attempts.
    pub deadline: Option<Seconds>,
    /// Decimals per currency, where they differ from Checkout.com's list.
    pub exponents: Option<BTreeMap<String, u32>>,
    /// Folder of report files that are read instead of those the API has.
    pub reports_dir: Option<PathBuf>,
    /// The zone that report files print times in: `Europe/London`, `+02:00`.
    pub settlement_zone: Option<String>,
    /// The same by entity, where they differ: `{ "ent_…" = "Asia/Dubai" }`.
    pub settlement_zones: Option<BTreeMap<String, String>>,
    /// Unit of the balances API: `minor` or `major`.
    pub balances_unit: Option<String>,
    /// Rows a year of tables, for estimates: `{ payments = 500000, disputes = 900 }`.
    pub rows_per_year: Option<BTreeMap<String, u64>>,
    /// Fields of the payment search that are not to be relied on.
    pub search_without: Option<Vec<String>>,
}

impl AccountSettings {
    /// These settings where they say something, else those `below`. A credential is taken whole: a key here hides the
    /// access key below, and the other way round.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        let own_credential = self.secret_key.is_some() || self.client_id.is_some();
        let below = if own_credential { Self { secret_key: None, client_id: None, client_secret: None, ..below } } else { below };
        Self {
            secret_key: self.secret_key.or(below.secret_key),
            client_id: self.client_id.or(below.client_id),
            client_secret: self.client_secret.or(below.client_secret),
            scopes: self.scopes.or(below.scopes),
            environment: self.environment.or(below.environment),
            prefix: self.prefix.or(below.prefix),
            entity_ids: self.entity_ids.or(below.entity_ids),
            history_start: self.history_start.or(below.history_start),
            api_url: self.api_url.or(below.api_url),
            balances_url: self.balances_url.or(below.balances_url),
            transfers_url: self.transfers_url.or(below.transfers_url),
            files_url: self.files_url.or(below.files_url),
            token_url: self.token_url.or(below.token_url),
            requests_per_second: self.requests_per_second.or(below.requests_per_second),
            in_flight: self.in_flight.or(below.in_flight),
            timeout: self.timeout.or(below.timeout),
            deadline: self.deadline.or(below.deadline),
            exponents: self.exponents.or(below.exponents),
            reports_dir: self.reports_dir.or(below.reports_dir),
            settlement_zone: self.settlement_zone.or(below.settlement_zone),
            settlement_zones: self.settlement_zones.or(below.settlement_zones),
            balances_unit: self.balances_unit.or(below.balances_unit),
            rows_per_year: self.rows_per_year.or(below.rows_per_year),
            search_without: self.search_without.or(below.search_without),
        }
    }

    /// The account these settings describe, checked; secrets are fetched from where they are.
    ///
    /// # Errors
    /// [`ErrorKind::Credentials`] when there is no credential or it is malformed, [`ErrorKind::Config`] when any other
    /// setting is wrong; never repeating a secret.
    pub fn resolve(self, name: &str) -> Result<Account> {
        self.try_into_account(name).map_err(|error| error.with("account", name))
    }

    fn try_into_account(self, name: &str) -> Result<Account> {
        let stated = self.environment.as_deref().map(environment).transpose()?;
        let has_files = self.reports_dir.is_some();
        let none = self.secret_key.is_none() && self.client_id.is_none();
        let credential = match none && has_files {
            true => Credential::Absent,
            false => credential(self.secret_key, self.client_id, self.client_secret, self.scopes.unwrap_or_default())?,
        };
        let environment = match &credential {
            Credential::SecretKey(secret) => agreed(stated, key::environment(secret.expose())?)?,
            Credential::ClientCredentials { .. } | Credential::Absent => stated.unwrap_or(Environment::Production),
        };
        let mut hosts = Hosts::try_new(environment, self.prefix.as_deref())?;
        for (host, url, setting) in [
            (&mut hosts.main, self.api_url, "api_url"),
            (&mut hosts.balances, self.balances_url, "balances_url"),
            (&mut hosts.transfers, self.transfers_url, "transfers_url"),
            (&mut hosts.files, self.files_url, "files_url"),
            (&mut hosts.token, self.token_url, "token_url"),
        ] {
            if let Some(url) = url {
                *host = try_url(&url, setting)?;
            }
        }
        let usual = Limits::default();
        let limits = Limits {
            requests_per_second: at_least_one(self.requests_per_second, usual.requests_per_second, "requests_per_second")?,
            in_flight: at_least_one(self.in_flight, usual.in_flight, "in_flight")?,
            attempt_timeout: seconds(self.timeout, usual.attempt_timeout, "timeout")?,
            deadline: seconds(self.deadline, usual.deadline, "deadline")?,
            ..usual
        };
        Ok(Account {
            name: name.to_owned(),
            credential,
            hosts,
            entity_ids: self.entity_ids.unwrap_or_default(),
            history_start: instant(self.history_start.as_deref().unwrap_or(HISTORY_START))?,
            limits,
            exponents: Arc::new(Exponents::try_new(self.exponents.unwrap_or_default())?),
            reports_dir: self.reports_dir,
            settlement_zone: self.settlement_zone.map(zone).transpose()?,
            settlement_zones: zones(self.settlement_zones.unwrap_or_default())?,
            balances_unit: self.balances_unit.as_deref().map(unit).transpose()?.unwrap_or_default(),
            rows_per_year: self.rows_per_year.unwrap_or_default(),
            search_without: self.search_without.unwrap_or_default(),
        })
    }
}

fn credential(
    key: Option<SecretSource>,
    id: Option<String>,
    secret: Option<SecretSource>,
    scopes: Vec<String>,
) -> Result<Credential> {
    match (key, id, secret) {
        (Some(_), Some(_), _) => {
            Err(Error::new(ErrorKind::Config, "both a secret key and a client id are configured; keep one of them"))
        }
        (Some(key), None, _) => Ok(Credential::SecretKey(key.fetch("secret_key")?)),
        (None, Some(id), Some(secret)) => {
            Ok(Credential::ClientCredentials { id, secret: secret.fetch("client_secret")?, scopes })
        }
        (None, Some(_), None) => Err(Error::new(ErrorKind::Credentials, "a client id is configured, and no client secret")
            .hint("set CHECKOUT_CLIENT_SECRET, or client_secret beside client_id")),
        (None, None, _) => Err(Error::new(ErrorKind::Credentials, "there is no key to read Checkout.com with").hint(key::ADVICE)),
    }
}

/// The environment of the key, unless the settings say another.
fn agreed(stated: Option<Environment>, of_key: Environment) -> Result<Environment> {
    match (stated, of_key) {
        (Some(Environment::Production), Environment::Sandbox) => {
            Err(Error::new(ErrorKind::Config, "the environment is production, and the key is one of the sandbox (sk_sbox_)")
                .hint("leave the environment out, or use the production key"))
        }
        (Some(Environment::Sandbox), Environment::Production) => {
            Err(Error::new(ErrorKind::Config, "the environment is sandbox, and the key is one of production (sk_)")
                .hint("leave the environment out, or use the sandbox key (sk_sbox_)"))
        }
        _ => Ok(of_key),
    }
}

fn environment(word: &str) -> Result<Environment> {
    match word {
        "production" => Ok(Environment::Production),
        "sandbox" => Ok(Environment::Sandbox),
        _ => Err(Error::new(ErrorKind::Config, "the environment must be production or sandbox").with("environment", word)),
    }
}

fn unit(word: &str) -> Result<AssumedUnit> {
    match word {
        "minor" => Ok(AssumedUnit::Minor),
        "major" => Ok(AssumedUnit::Major),
        _ => Err(Error::new(ErrorKind::Config, "balances_unit must be minor or major").with("balances_unit", word)),
    }
}

/// A zone, as it is written.
fn zone(name: String) -> Result<String> {
    match time::zone(&name) {
        Some(_) => Ok(name),
        None => Err(Error::new(ErrorKind::Config, "settlement_zone is no time zone").with("settlement_zone", name).hint(ZONES)),
    }
}

/// Zones by entity, as they are written.
fn zones(zones: BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    for (entity, name) in &zones {
        if !entity.starts_with("ent_") {
            return Err(Error::new(ErrorKind::Config, "settlement_zones has a key that is no entity")
                .with("key", entity)
                .hint("write settlement_zones = { \"ent_…\" = \"Asia/Dubai\" }"));
        }
        if time::zone(name).is_none() {
            return Err(Error::new(ErrorKind::Config, "settlement_zones gives an entity what is no time zone")
                .with("entity", entity)
                .with("settlement_zone", name)
                .hint(ZONES));
        }
    }
    Ok(zones)
}

/// A date, meaning its start in UTC, or an RFC 3339 instant.
fn instant(text: &str) -> Result<DateTime<Utc>> {
    if let Ok(date) = text.parse::<NaiveDate>() {
        return Ok(date.and_time(chrono::NaiveTime::MIN).and_utc());
    }
    DateTime::parse_from_rfc3339(text).map(|instant| instant.to_utc()).map_err(|error| {
        Error::new(ErrorKind::Config, "history_start must be a date such as 2024-01-31, or an RFC 3339 instant")
            .with("history_start", text)
            .caused_by(error)
    })
}

fn at_least_one<T: PartialEq + From<u8>>(given: Option<T>, usual: T, setting: &'static str) -> Result<T> {
    match given {
        Some(number) if number == T::from(0) => Err(Error::new(ErrorKind::Config, format!("{setting} must be at least 1"))),
        given => Ok(given.unwrap_or(usual)),
    }
}

fn seconds(given: Option<Seconds>, usual: Duration, setting: &'static str) -> Result<Duration> {
    let usual = Seconds(usual.as_secs());
    at_least_one(Some(given.unwrap_or(usual).0), usual.0, setting).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    const KEY: &str = "sk_sbox_markermarkermarkermarkeraa2";

    fn read(toml: &str) -> Result<AccountSettings, toml::de::Error> {
        toml::from_str(toml)
    }

    fn resolve(toml: &str) -> Result<Account> {
        read(toml).unwrap().resolve("main")
    }

    #[test]
    fn a_key_alone_is_an_account() {
        let account = resolve(&format!("secret_key = '{KEY}'")).unwrap();
        assert_eq!(account.name, "main");
        assert_eq!(account.credential, Credential::SecretKey(Secret::new(KEY)));
        assert_eq!(account.hosts, Hosts::try_new(Environment::Sandbox, None).unwrap());
        assert_eq!(account.limits, Limits::default());
        assert_eq!(account.history_start.to_rfc3339(), "2020-01-01T00:00:00+00:00");
        assert_eq!(account.balances_unit, AssumedUnit::Minor);
    }

    #[test]
    fn every_setting_is_heard() {
        let account = resolve(
            "client_id = 'ack_1'\nclient_secret = 's3'\nscopes = ['reports:view']\nenvironment = 'sandbox'\nprefix = 'abc'\n\
             entity_ids = ['ent_1']\nhistory_start = 2024-02-03\nbalances_url = 'http://127.0.0.1:9/b'\nin_flight = 3\n\
             requests_per_second = 7\ntimeout = 5\ndeadline = '2m'\nbalances_unit = 'major'\n[exponents]\nclp = 0",
        )
        .unwrap();
        let Credential::ClientCredentials { id, secret, scopes } = &account.credential else { panic!("{account:?}") };
        assert_eq!((id.as_str(), secret.expose(), scopes.as_slice()), ("ack_1", "s3", ["reports:view".to_owned()].as_slice()));
        assert_eq!(account.hosts.main.as_str(), "https://abc.api.sandbox.checkout.com/");
        assert_eq!(account.hosts.balances.as_str(), "http://127.0.0.1:9/b");
        assert_eq!(account.entity_ids, ["ent_1"]);
        assert_eq!(account.history_start.to_rfc3339(), "2024-02-03T00:00:00+00:00");
        assert_eq!((account.limits.requests_per_second, account.limits.in_flight), (7, 3));
        assert_eq!((account.limits.attempt_timeout.as_secs(), account.limits.deadline.as_secs()), (5, 120));
        assert_eq!((account.exponents.of("CLP"), account.balances_unit), (0, AssumedUnit::Major));
    }

    #[test]
    fn secrets_come_from_files_and_lose_their_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, format!("{KEY}\n")).unwrap();
        let account = resolve(&format!("secret_key = {{ file = '{}' }}", path.display())).unwrap();
        assert_eq!(account.credential, Credential::SecretKey(Secret::new(KEY)));
    }

    #[test]
    fn a_secret_source_that_is_not_there_is_named() {
        let error = resolve("secret_key = { env = 'CKOSQL_TEST_NOT_SET' }").unwrap_err();
        assert_eq!((error.kind(), error.context("env")), (ErrorKind::Credentials, Some("CKOSQL_TEST_NOT_SET")));
        let error = resolve("secret_key = { file = '/nowhere/key' }").unwrap_err();
        assert_eq!((error.kind(), error.context("file")), (ErrorKind::Credentials, Some("/nowhere/key")));
    }

    #[test]
    fn a_zone_is_that_of_the_entity_or_else_of_the_account() {
        let zones = "settlement_zones = { ent_1 = 'Asia/Dubai', ent_2 = '+02:00' }";
        let account = resolve(&format!("secret_key = '{KEY}'\nsettlement_zone = 'UTC'\n{zones}")).unwrap();
        assert_eq!(account.settlement_zone_of(Some("ent_1")), Some("Asia/Dubai"));
        assert_eq!(account.settlement_zone_of(Some("ent_2")), Some("+02:00"));
        assert_eq!((account.settlement_zone_of(Some("ent_3")), account.settlement_zone_of(None)), (Some("UTC"), Some("UTC")));
        let account = resolve(&format!("secret_key = '{KEY}'\n{zones}")).unwrap();
        assert_eq!((account.settlement_zone_of(Some("ent_3")), account.settlement_zone_of(None)), (None, None));
    }

    #[test]
    fn a_zone_that_is_none_is_named_with_its_entity() {
        let error =
            resolve(&format!("secret_key = '{KEY}'\nsettlement_zones = {{ ent_1 = 'UTC', ent_2 = 'Dubai' }}")).unwrap_err();
        assert_eq!((error.kind(), error.context("entity")), (ErrorKind::Config, Some("ent_2")));
        assert_eq!(error.context("settlement_zone"), Some("Dubai"));
        let error = resolve(&format!("secret_key = '{KEY}'\nsettlement_zones = {{ shop = 'UTC' }}")).unwrap_err();
        assert_eq!((error.kind(), error.context("key")), (ErrorKind::Config, Some("shop")));
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        assert!(read("secretkey = 'x'").unwrap_err().message().contains("unknown field `secretkey`"));
    }

    #[test]
    fn wrong_settings_are_each_their_own_error() {
        let key = format!("secret_key = '{KEY}'\n");
        let wrong = [
            (String::new(), ErrorKind::Credentials, "there is no key to read Checkout.com with"),
            ("client_id = 'ack_1'".into(), ErrorKind::Credentials, "a client id is configured, and no client secret"),
            ("secret_key = ' '".into(), ErrorKind::Credentials, "the configured secret is empty"),
            (
                format!("{key}client_id = 'ack_1'"),
                ErrorKind::Config,
                "both a secret key and a client id are configured; keep one of them",
            ),
            (
                format!("{key}environment = 'production'"),
                ErrorKind::Config,
                "the environment is production, and the key is one of the sandbox (sk_sbox_)",
            ),
            (
                format!("environment = 'sandbox'\nsecret_key = '{}'", KEY.replace("sbox_", "")),
                ErrorKind::Config,
                "the environment is sandbox, and the key is one of production (sk_)",
            ),
            (format!("{key}environment = 'live'"), ErrorKind::Config, "the environment must be production or sandbox"),
            (format!("{key}balances_unit = 'cents'"), ErrorKind::Config, "balances_unit must be minor or major"),
            (format!("{key}in_flight = 0"), ErrorKind::Config, "in_flight must be at least 1"),
            (format!("{key}timeout = 0"), ErrorKind::Config, "timeout must be at least 1"),
            (
                format!("{key}history_start = 'May'"),
                ErrorKind::Config,
                "history_start must be a date such as 2024-01-31, or an RFC 3339 instant",
            ),
        ];
        for (toml, kind, message) in wrong {
            let error = resolve(&toml).unwrap_err();
            assert_eq!((error.kind(), error.message()), (kind, message));
            assert_eq!(error.context("account"), Some("main"));
            assert!(!format!("{error:?}{:?}", error.advice()).contains(KEY));
        }
    }

    #[test]
    fn a_key_in_the_environment_hides_the_access_key_in_the_file() {
        let file = read("client_id = 'ack_1'\nclient_secret = 's3'\nprefix = 'abc'").unwrap();
        let above = AccountSettings { secret_key: Some(KEY.to_owned().into()), ..AccountSettings::default() };
        let account = above.over(file).resolve("main").unwrap();
        assert_eq!(account.credential, Credential::SecretKey(Secret::new(KEY)));
        assert_eq!(account.hosts.main.as_str(), "https://abc.api.sandbox.checkout.com/");
    }
}
