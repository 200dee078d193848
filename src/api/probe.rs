//! A look at an account's hosts and credential, for those who ask why something does not work.
//!
//! Beside the [`Client`](super::Client), which answers requests, this asks what no request can: whether a host answers at
//! all, what its clock says, and what a token says about itself. The bearer never goes to a host here, only the client
//! credentials to the token host.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use reqwest::header::DATE;
use url::Url;

use super::auth::Auth;
use super::claims::{Claims, claims};
use super::config::{Account, Credential, Environment};
use super::key;
use super::limit::{Limiter, Urgency};
use super::request::Host;
use super::transport::{Transport, root_cause};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::secret::redact_url;

/// Looks at one account.
#[derive(Debug)]
pub struct Probe {
    account: Account,
    clock: Clock,
    transport: Transport,
    limiter: Arc<Limiter>,
    auth: Auth,
}

/// A host that answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// What its clock said, to the second.
    pub date: Option<DateTime<Utc>>,
    /// What ours said then.
    pub at: DateTime<Utc>,
}

impl Probe {
    /// A look at an account.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the HTTP stack cannot be set up.
    pub fn try_new(account: Account, clock: Clock) -> Result<Self> {
        let (transport, limiter) = (Transport::try_new(&account, clock)?, Limiter::of(&account));
        Ok(Self { account, clock, transport, limiter, auth: Auth::default() })
    }

    /// Asks a host for its front page, without a credential. Any answer will do.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when none comes in the time of one attempt.
    pub async fn reach(&self, host: Host) -> Result<Reached> {
        let url = self.account.hosts.base(host);
        let _permit = self.limiter.permit(Urgency::Interactive).await?;
        let asked = self.transport.http.get(url.clone()).timeout(self.account.limits.attempt_timeout).send().await;
        let response = asked.map_err(|error| {
            let what = if error.is_timeout() { "no answer in time" } else { "cannot connect" };
            Error::new(ErrorKind::Unavailable, format!("{}: {what}", redact_url(url))).caused_by(root_cause(&error))
        })?;
        let date = response.headers().get(DATE).and_then(|date| DateTime::parse_from_rfc2822(date.to_str().ok()?).ok());
        Ok(Reached { date: date.map(|date| date.to_utc()), at: self.clock.now() })
    }

    /// What the account's access token says, freshly minted where there is none; secret keys say nothing.
    ///
    /// # Errors
    /// Those of getting a token: [`ErrorKind::Credentials`], [`ErrorKind::Scope`] or [`ErrorKind::Unavailable`].
    pub async fn claims(&self) -> Result<Option<Claims>> {
        let bearer = self.auth.bearer(&self.account, &self.transport, self.clock).await?;
        Ok(match &self.account.credential {
            Credential::SecretKey(_) | Credential::Absent => None,
            Credential::ClientCredentials { .. } => Some(claims(bearer.secret.expose()).unwrap_or_default()),
        })
    }
}

/// The environment the account's secret key belongs to; access keys do not say it.
pub fn environment_of_key(account: &Account) -> Option<Environment> {
    match &account.credential {
        Credential::SecretKey(secret) => key::environment(secret.expose()).ok(),
        Credential::ClientCredentials { .. } | Credential::Absent => None,
    }
}

/// The environment one of Checkout.com's own hosts belongs to, and the prefix before it where it has one; `None` for any
/// other host.
pub fn vendor_host(url: &Url) -> Option<(Environment, Option<&str>)> {
    let host = url.host_str()?;
    let (environment, name) = match (host.strip_suffix(".sandbox.checkout.com"), host.strip_suffix(".checkout.com")) {
        (Some(name), _) => (Environment::Sandbox, name),
        (None, Some(name)) => (Environment::Production, name),
        (None, None) => return None,
    };
    Some((environment, name.split_once('.').map(|(prefix, _)| prefix)))
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::super::client::tests::{account, with_key};
    use super::*;

    #[tokio::test]
    async fn any_answer_is_an_answer_and_tells_the_host_s_time() {
        let server = MockServer::start().await;
        let template = ResponseTemplate::new(404).insert_header("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        Mock::given(any()).respond_with(template).mount(&server).await;
        let now = DateTime::UNIX_EPOCH;
        let probe = Probe::try_new(account(with_key(), &server.uri()), Clock::Fixed(now)).unwrap();
        let reached = probe.reach(Host::Main).await.unwrap();
        assert_eq!((reached.date.map(|date| date.timestamp()), reached.at), (Some(784_111_777), now));
        let seen = server.received_requests().await.unwrap();
        assert!(seen.iter().all(|request| !request.headers.contains_key("authorization")), "{seen:?}");
    }

    #[tokio::test]
    async fn a_host_that_is_not_there_is_named() {
        let probe = Probe::try_new(account(with_key(), "http://127.0.0.1:1"), Clock::System).unwrap();
        let error = probe.reach(Host::Main).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.message().starts_with("http://127.0.0.1:1/: cannot connect"), "{error}");
    }

    #[test]
    fn the_vendor_s_hosts_say_environment_and_prefix() {
        let read =
            |url: &str| vendor_host(&url.parse().unwrap()).map(|(environment, prefix)| (environment, prefix.map(str::to_owned)));
        assert_eq!(read("https://api.checkout.com"), Some((Environment::Production, None)));
        assert_eq!(read("https://abc.api.sandbox.checkout.com/"), Some((Environment::Sandbox, Some("abc".to_owned()))));
        assert_eq!(read("https://checkout.com.example/"), None);
        assert_eq!(read("http://127.0.0.1:1/"), None);
    }
}
