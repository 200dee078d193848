//! The doctor: what each configured account may read, told before a query finds out.
//!
//! ```text
//!  hosts, token ──► scopes (one cheap call each) ──► entities, reports        account by account, side by side inside
//! ```
//!
//! What to try is derived from the tables' declarations. The outcome is data, a [`Check`] a line; how it is printed is a
//! face's business. No check holds a secret.

mod ask;
mod credential;
mod entities;
mod hosts;
mod reports;
mod sample;
mod scopes;
mod writing;

use std::time::Duration;

use futures::future::join_all;
use serde::Serialize;

use super::Engine;
use crate::api::Client;
use crate::api::claims::Claims;
use crate::api::config::{Account, Credential, Limits};
use crate::api::probe::Probe;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};

pub use entities::{Discovery, discover};
pub use scopes::{scopes, ticked};

/// What the main job, reconciling payments with settlements, reads with; other scopes open tables beside it.
pub const NEEDED: [&str; 5] = ["reports:view", "disputes:view", "balances:view", "payments:search", "gateway:payment-details"];

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The account.
    pub account: String,
    /// What kind of thing.
    pub subject: Subject,
    /// Which one of its kind; empty where there is but one.
    pub name: String,
    /// How it is.
    pub outcome: Outcome,
    /// Whether the main job fails without it.
    pub needed: bool,
    /// What was found.
    pub found: String,
    /// The one thing to do.
    pub remedy: Option<String>,
}

/// What a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// The key or access key, by its form or by Checkout.com's answer to it.
    Credential,
    /// The prefix of the account's own hosts.
    Prefix,
    /// One of the hosts.
    Host,
    /// The access token.
    Token,
    /// A scope, by a call that takes it.
    Scope,
    /// An entity.
    Entity,
    /// This machine's clock.
    Clock,
    /// The reports that are made.
    Reports,
    /// Whether the credential can change something.
    Writing,
}

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// It works, and should not be so.
    Warning,
    /// It does not work.
    Refused,
    /// It cannot be told.
    Unknown,
}

/// Tries everything, for every account, in the order of the configuration.
///
/// # Errors
/// [`ErrorKind::Config`] when the HTTP stack cannot be set up. What goes wrong outside is a check, not an error.
pub async fn examine(engine: &Engine) -> Result<Vec<Check>> {
    let config = &engine.shared.config;
    let checks = join_all(config.accounts.iter().map(|account| examine_account(account, config.clock))).await;
    Ok(checks.into_iter().collect::<Result<Vec<_>>>()?.concat())
}

/// The check that a configuration fails, where the error is about one account's credential or hosts.
pub fn misconfigured(error: &Error) -> Option<Check> {
    let account = error.context("account")?;
    let check = Check::new(Subject::Credential, "", Outcome::Refused, error.to_string()).needed();
    let check = match error.advice() {
        Some(advice) => check.with_remedy(advice),
        None => check,
    };
    Some(Check { account: account.to_owned(), ..check })
}

/// The error that checks amount to: what the main job needs and does not get.
///
/// # Errors
/// [`ErrorKind::Scope`] or [`ErrorKind::Credentials`] when something needed is refused, [`ErrorKind::Unavailable`] when a
/// needed host cannot be reached or something needed cannot be told.
pub fn verdict(checks: &[Check]) -> Result<()> {
    let failed = |wanted: &dyn Fn(&Check) -> bool| -> Vec<String> {
        checks.iter().filter(|check| check.needed && wanted(check)).map(Check::title).collect()
    };
    let refused = failed(&|check| check.outcome == Outcome::Refused && check.subject != Subject::Host);
    if !refused.is_empty() {
        let is_key = |check: &Check| check.needed && check.outcome == Outcome::Refused && check.subject == Subject::Credential;
        let kind = if checks.iter().any(is_key) { ErrorKind::Credentials } else { ErrorKind::Scope };
        return Err(Error::new(kind, format!("something needed is refused: {}", refused.join(", "))));
    }
    let untold = failed(&|check| matches!(check.outcome, Outcome::Refused | Outcome::Unknown));
    if !untold.is_empty() {
        return Err(Error::new(ErrorKind::Unavailable, format!("something needed does not answer: {}", untold.join(", "))));
    }
    Ok(())
}

/// What an examination of one account holds on to.
struct Patient {
    account: Account,
    probe: Probe,
    client: Client,
    clock: Clock,
}

impl Patient {
    /// An account, with less patience than a query has: a doctor who waits five minutes for each host is none.
    fn try_new(account: &Account, clock: Clock) -> Result<Self> {
        let usual = &account.limits;
        let limits = Limits {
            attempts: usual.attempts.min(3),
            attempt_timeout: usual.attempt_timeout.min(Duration::from_secs(10)),
            deadline: usual.deadline.min(Duration::from_secs(20)),
            longest_wait: usual.longest_wait.min(Duration::from_secs(5)),
            ..usual.clone()
        };
        let account = Account { limits, ..account.clone() };
        let probe = Probe::try_new(account.clone(), clock)?;
        let client = Client::try_new(account.clone(), clock)?;
        Ok(Self { account, probe, client, clock })
    }

    fn is_oauth(&self) -> bool {
        matches!(self.account.credential, Credential::ClientCredentials { .. })
    }

    /// Where to give the credential something it lacks.
    fn recipe(&self, tick: &str) -> String {
        let what = if self.is_oauth() { "access key" } else { "secret key" };
        format!(
            "Dashboard > Developers > Keys > new {what}: read-only, customised scopes, tick {tick}; all processing channels, \
             every entity"
        )
    }
}

async fn examine_account(account: &Account, clock: Clock) -> Result<Vec<Check>> {
    let patient = Patient::try_new(account, clock)?;
    let (hosts, token) = futures::join!(hosts::reach(&patient.probe), patient.probe.claims());
    let claims = token.as_ref().ok().cloned().flatten();
    let mut checks = vec![credential::form(&patient), credential::prefix(&patient, claims.as_ref())];
    checks.extend(hosts::checks(&patient, &hosts));
    checks.extend(credential::token(&patient, &token));
    if token.is_ok() {
        checks.extend(permissions(&patient, &hosts, claims.as_ref()).await);
    }
    checks.push(hosts::clock(&patient, &hosts));
    checks.push(writing::check(&patient, claims.as_ref()));
    Ok(checks.into_iter().map(|check| Check { account: account.name.clone(), ..check }).collect())
}

/// What the credential may read: scopes, entities, reports; or that it is refused altogether.
async fn permissions(patient: &Patient, hosts: &hosts::Hosts, claims: Option<&Claims>) -> Vec<Check> {
    let answers = scopes::ask_without_entity(patient, hosts).await;
    if !patient.is_oauth() && scopes::all_unauthorized(&answers) {
        return vec![credential::refused(patient)];
    }
    let seen = if scopes::is_let_in(&answers, reports::SCOPE) { reports::last(patient).await } else { Ok(Vec::new()) };
    let known = entities::known(&patient.account, claims, seen.as_deref().unwrap_or_default());
    let by_entity = entities::ask_each(patient, hosts, &known).await;
    let mut checks = scopes::checks(patient, &answers, &by_entity);
    checks.extend(entities::checks(patient, &known, &by_entity));
    checks.extend(reports::checks(&answers, &seen));
    checks
}

impl Check {
    fn new(subject: Subject, name: impl Into<String>, outcome: Outcome, found: impl Into<String>) -> Self {
        let (account, name, found) = (String::new(), name.into(), found.into());
        Self { account, subject, name, outcome, needed: false, found, remedy: None }
    }

    fn needed(self) -> Self {
        Self { needed: true, ..self }
    }

    fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// What it is about, in words: `scope disputes:view`.
    pub fn title(&self) -> String {
        if self.name.is_empty() { self.subject.word().to_owned() } else { format!("{} {}", self.subject.word(), self.name) }
    }
}

impl Subject {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::Prefix => "prefix",
            Self::Host => "host",
            Self::Token => "token",
            Self::Scope => "scope",
            Self::Entity => "entity",
            Self::Clock => "clock",
            Self::Reports => "reports",
            Self::Writing => "writing",
        }
    }
}

impl Outcome {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}
