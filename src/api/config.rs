//! Whom to ask, and as whom: an account's hosts, credential and limits.
//!
//! An [`Account`] is complete and checked; [`AccountSettings`] is what a user writes, and becomes one. Nothing here
//! reads a file or the environment.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use url::{Host as UrlHost, Url};

pub use super::settings::AccountSettings;
pub use super::spelling::{Seconds, SecretSource};

use super::request::Host;
use crate::error::{Error, ErrorKind, Result};
use crate::money::Exponents;
use crate::schema::decode::AssumedUnit;
use crate::secret::{Secret, redact_url};

/// How an account proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A secret key, `sk_…`, sent as the bearer.
    SecretKey(Secret),
    /// OAuth 2.0 client credentials, swapped for a bearer.
    ClientCredentials {
        /// `ack_…`
        id: String,
        /// The access key's secret.
        secret: Secret,
        /// Scopes to ask for; none asks for all the key has.
        scopes: Vec<String>,
    },
    /// None: only report files in a folder are read.
    Absent,
}

/// Live money or test money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// `checkout.com`.
    Production,
    /// `sandbox.checkout.com`.
    Sandbox,
}

/// Where each host is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    /// [`super::request::Host::Main`].
    pub main: Url,
    /// [`super::request::Host::Balances`].
    pub balances: Url,
    /// [`super::request::Host::Transfers`].
    pub transfers: Url,
    /// [`super::request::Host::Files`].
    pub files: Url,
    /// [`super::request::Host::Token`].
    pub token: Url,
}

/// Pace and patience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Requests a second, over everything this process does with the credential.
    pub requests_per_second: u32,
    /// Requests under way at once.
    pub in_flight: usize,
    /// Attempts at one request, the first included.
    pub attempts: usize,
    /// Time for one attempt, from connecting to the last byte.
    pub attempt_timeout: Duration,
    /// Time for one request over all attempts.
    pub deadline: Duration,
    /// Wait before the second attempt; it doubles from there.
    pub first_wait: Duration,
    /// Longest single wait between attempts, also when `Retry-After` says more.
    pub longest_wait: Duration,
    /// Largest body accepted.
    pub body_bytes: usize,
}

impl Default for Limits {
    /// Checkout.com's documented 100 reads a second, and patience for a bad minute.
    fn default() -> Self {
        Self {
            requests_per_second: 100,
            in_flight: 16,
            attempts: 6,
            attempt_timeout: Duration::from_secs(60),
            deadline: Duration::from_secs(300),
            first_wait: Duration::from_millis(250),
            longest_wait: Duration::from_secs(60),
            body_bytes: 64 << 20,
        }
    }
}

impl Hosts {
    /// Checkout.com's own hosts. The prefix belongs to the main and the token host only, as in the vendor's SDKs.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the prefix is not one.
    pub fn try_new(environment: Environment, prefix: Option<&str>) -> Result<Self> {
        if let Some(prefix) = prefix.filter(|prefix| !is_prefix(prefix)) {
            return Err(Error::new(ErrorKind::Config, "the prefix of the account's hosts must be letters a to z and digits")
                .with("prefix", prefix)
                .hint("copy it from Dashboard > Developers > Overview: the first 8 characters of the client id after cli_"));
        }
        let domain = match environment {
            Environment::Production => "checkout.com",
            Environment::Sandbox => "sandbox.checkout.com",
        };
        let own = prefix.map(|prefix| format!("{prefix}.")).unwrap_or_default();
        Ok(Self {
            main: try_url(&format!("https://{own}api.{domain}"), "api_url")?,
            balances: try_url(&format!("https://balances.{domain}"), "balances_url")?,
            transfers: try_url(&format!("https://transfers.{domain}"), "transfers_url")?,
            files: try_url(&format!("https://files.{domain}"), "files_url")?,
            token: try_url(&format!("https://{own}access.{domain}"), "token_url")?,
        })
    }

    /// The base URL of a host.
    pub fn base(&self, host: Host) -> &Url {
        match host {
            Host::Main => &self.main,
            Host::Balances => &self.balances,
            Host::Transfers => &self.transfers,
            Host::Files => &self.files,
            Host::Token => &self.token,
        }
    }

    /// Whether all of them are this machine: the stand-in.
    pub(super) fn are_loopback(&self) -> bool {
        [&self.main, &self.balances, &self.transfers, &self.files, &self.token].into_iter().all(is_loopback)
    }
}

/// `^(?:pl-)?[a-z0-9]+$`, as in the vendor's SDKs; they drop a bad prefix in silence, we do not.
fn is_prefix(prefix: &str) -> bool {
    let name = prefix.strip_prefix("pl-").unwrap_or(prefix);
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// The base URL of a host, fit to be sent a bearer.
///
/// # Errors
/// [`ErrorKind::Config`], naming the setting, when it is no URL, carries more than scheme, host, port and path, or
/// would carry the bearer in the clear over a network.
pub(super) fn try_url(text: &str, setting: &'static str) -> Result<Url> {
    let refuse = |message: &'static str| Error::new(ErrorKind::Config, message).with("setting", setting);
    let url = Url::parse(text).map_err(|error| refuse("the host's address is not a URL").caused_by(error))?;
    if url.scheme() != "https" && url.scheme() != "http" || url.host().is_none() {
        return Err(refuse("the host's address must start with https://"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("the host's address must be scheme, host, port and path only"));
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(refuse("http:// would send the key in the clear; only this machine may be asked that way")
            .with("url", redact_url(&url))
            .hint("use https://"));
    }
    Ok(url)
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(UrlHost::Domain(name)) => name == "localhost",
        Some(UrlHost::Ipv4(address)) => address.is_loopback(),
        Some(UrlHost::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A configured connection to Checkout.com.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name in the configuration, and in the `account` column.
    pub name: String,
    /// Who it is.
    pub credential: Credential,
    /// Where its hosts are.
    pub hosts: Hosts,
    /// Its entities, `ent_…`.
    pub entity_ids: Vec<String>,
    /// Start of its history: nothing older is asked for.
    pub history_start: DateTime<Utc>,
    /// Pace and patience.
    pub limits: Limits,
    /// Decimals per currency.
    pub exponents: Arc<Exponents>,
    /// A folder of report files that are read instead of those the API has.
    pub reports_dir: Option<PathBuf>,
    /// The zone that report files print times in, for entities that have none of their own.
    pub settlement_zone: Option<String>,
    /// The same by entity.
    pub settlement_zones: BTreeMap<String, String>,
    /// Unit of the balances API, which the vendor does not state.
    pub balances_unit: AssumedUnit,
    /// Rows a year of tables, as far as they were said, for estimates.
    pub rows_per_year: BTreeMap<String, u64>,
    /// Fields of the payment search that are not to be relied on: what the vendor does not document may differ.
    pub search_without: Vec<String>,
}

impl Account {
    /// The zone that report files of an entity print times in, if it is known.
    pub fn settlement_zone_of(&self, entity: Option<&str>) -> Option<&str> {
        let own = entity.and_then(|entity| self.settlement_zones.get(entity));
        own.or(self.settlement_zone.as_ref()).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_stands_before_the_main_and_the_token_host_only() {
        let hosts = Hosts::try_new(Environment::Sandbox, Some("vkuhvk4v")).unwrap();
        assert_eq!(hosts.base(Host::Main).as_str(), "https://vkuhvk4v.api.sandbox.checkout.com/");
        assert_eq!(hosts.base(Host::Token).as_str(), "https://vkuhvk4v.access.sandbox.checkout.com/");
        assert_eq!(hosts.base(Host::Balances).as_str(), "https://balances.sandbox.checkout.com/");
        let hosts = Hosts::try_new(Environment::Production, None).unwrap();
        assert_eq!(hosts.base(Host::Main).as_str(), "https://api.checkout.com/");
        assert_eq!(hosts.base(Host::Files).as_str(), "https://files.checkout.com/");
    }

    #[test]
    fn a_prefix_that_is_none_is_refused() {
        for prefix in ["", "pl-", "Abc", "a.b", "evil.example/", "a-b", "a b"] {
            let error = Hosts::try_new(Environment::Production, Some(prefix)).unwrap_err();
            assert_eq!((error.kind(), error.context("prefix")), (ErrorKind::Config, Some(prefix)));
        }
        assert!(Hosts::try_new(Environment::Production, Some("pl-abc1")).is_ok());
    }

    #[test]
    fn a_key_never_travels_in_the_clear() {
        for url in ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1/base", "https://proxy.example"] {
            assert!(try_url(url, "api_url").is_ok(), "{url}");
        }
        for url in ["http://api.checkout.com", "http://localhost.example", "ftp://127.0.0.1", "x", "https://a:b@c", "https://c?a"]
        {
            let error = try_url(url, "api_url").unwrap_err();
            assert_eq!((error.kind(), error.context("setting")), (ErrorKind::Config, Some("api_url")), "{url}");
        }
    }
}
