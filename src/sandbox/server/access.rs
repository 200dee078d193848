//! Who may ask what: the secret key, live tokens, scopes, and the pace.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::answer::{Answer, Asked};
use crate::sandbox::merchant::Merchant;
use crate::secret::Secret;

/// Every scope a reader of Checkout.com can have.
pub(super) const SCOPES: [&str; 22] = [
    "accounts",
    "balances",
    "balances:view",
    "disputes",
    "disputes:scheme-files",
    "disputes:view",
    "files",
    "financial-actions",
    "financial-actions:view",
    "flow",
    "flow:events",
    "fx",
    "gateway",
    "gateway:payment-details",
    "payments:search",
    "reports",
    "reports:view",
    "transfers",
    "transfers:view",
    "vault",
    "vault:customers",
    "vault:instruments",
];
/// Scopes that only tokens have.
const NEVER_OF_KEYS: [&str; 1] = ["fx"];

/// The merchant's credentials.
#[derive(Debug)]
pub(super) struct Credentials {
    pub secret_key: Secret,
    pub client_id: String,
    pub client_secret: Secret,
}

impl Credentials {
    pub(super) fn of(merchant: &Merchant) -> Self {
        let ids = merchant.ids();
        Self {
            secret_key: Secret::new(format!("{}q", ids.make("sk_sbox_", 0, 0))),
            client_id: ids.make("ack_", 0, 0),
            client_secret: Secret::new(ids.make("", 0, 1)),
        }
    }
}

/// Tokens that are alive, and what each may do.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    alive: Mutex<BTreeMap<String, (Instant, BTreeSet<String>)>>,
}

impl Tokens {
    pub(super) fn add(&self, token: String, life: Duration, scopes: BTreeSet<String>) {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner).insert(token, (Instant::now() + life, scopes));
    }

    /// Refuses a token from now on; whether it was alive.
    pub(super) fn revoke(&self, asked: &Asked) -> bool {
        let mut alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        bearer(asked).is_some_and(|token| alive.remove(token).is_some())
    }

    fn scopes(&self, token: &str) -> Option<BTreeSet<String>> {
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        alive.get(token).filter(|(until, _)| Instant::now() < *until).map(|(_, scopes)| scopes.clone())
    }
}

/// Lets a request pass, or refuses it as the vendor does: 401 without a body for an unknown bearer, 403 for a missing
/// scope, but 401 again when it is the scope of reports, or one that no key has.
pub(super) fn check(asked: &Asked, scope: &str, key: &Secret, granted: &BTreeSet<String>, tokens: &Tokens) -> Result<(), Answer> {
    let bearer = bearer(asked).ok_or(Answer::empty(401))?;
    if bearer == key.expose() && NEVER_OF_KEYS.contains(&scope) {
        return Err(Answer::empty(401));
    }
    let scopes = if bearer == key.expose() { granted.clone() } else { tokens.scopes(bearer).ok_or(Answer::empty(401))? };
    let parent = scope.split(':').next().unwrap_or(scope);
    match scopes.contains(scope) || scopes.contains(parent) {
        true => Ok(()),
        false if parent == "reports" => Err(Answer::empty(401)),
        false => Err(Answer::empty(403)),
    }
}

fn bearer(asked: &Asked) -> Option<&str> {
    asked.authorization.as_deref()?.strip_prefix("Bearer ")
}

/// How many requests are let through in any second.
#[derive(Debug, Default)]
pub(super) struct Pace {
    lately: Mutex<VecDeque<Instant>>,
}

impl Pace {
    /// Whether one more request fits into the second before `now`; it is counted if it does.
    pub(super) fn admits(&self, per_second: u32, now: Instant) -> bool {
        let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        while lately.front().is_some_and(|first| now.duration_since(*first) >= Duration::from_secs(1)) {
            lately.pop_front();
        }
        let fits = lately.len() < usize::try_from(per_second).unwrap_or(usize::MAX);
        if fits {
            lately.push_back(now);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_counts_the_last_second() {
        let (pace, start) = (Pace::default(), Instant::now());
        let at = |ms| pace.admits(2, start + Duration::from_millis(ms));
        assert_eq!(
            [at(0), at(10), at(20), at(999), at(1_000), at(1_001), at(1_010)],
            [true, true, false, false, true, false, true]
        );
    }
}
