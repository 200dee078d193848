//! The credential: what it looks like, which hosts belong to it, and what its token says.

use super::{Check, NEEDED, Outcome, Patient, Subject, scopes};
use crate::api::claims::Claims;
use crate::api::config::{Credential, Environment};
use crate::api::probe::{environment_of_key, vendor_host};
use crate::error::{Error, Result};

/// Its form, and whether its environment is that of the host.
pub(super) fn form(patient: &Patient) -> Check {
    let of_host = vendor_host(&patient.account.hosts.main).map(|(environment, _)| environment);
    let check = match (&patient.account.credential, environment_of_key(&patient.account), of_host) {
        (Credential::SecretKey(_), Some(key), Some(host)) if key != host => {
            let found = format!("a secret key of {}, and the main host is of {}", word(key), word(host));
            Check::new(Subject::Credential, "", Outcome::Refused, found)
                .with_remedy("leave api_url out: the key says where to ask")
        }
        (Credential::SecretKey(_), key, _) => {
            let found = format!("a secret key of {}, by its form", key.map_or("an unknown environment", word));
            Check::new(Subject::Credential, "", Outcome::Ok, found)
        }
        (Credential::Absent, ..) => {
            Check::new(Subject::Credential, "", Outcome::Refused, "none: only report files in a folder are read")
                .with_remedy("make a key, where more than the files is wanted")
        }
        (Credential::ClientCredentials { id, .. }, ..) if !id.starts_with("ack_") => {
            Check::new(Subject::Credential, "", Outcome::Unknown, "a client id that does not start with ack_, as they do")
                .with_remedy("copy the client id again from Dashboard > Developers > Keys")
        }
        (Credential::ClientCredentials { .. }, _, host) => {
            let found = format!("an access key, asked for in {}", host.map_or("an environment of your own", word));
            return Check::new(Subject::Credential, "", Outcome::Ok, found).needed();
        }
    };
    if check.outcome == Outcome::Unknown { check } else { check.needed() }
}

fn word(environment: Environment) -> &'static str {
    match environment {
        Environment::Production => "production",
        Environment::Sandbox => "the sandbox",
    }
}

/// The prefix of the main host, against the one that the token's client has.
pub(super) fn prefix(patient: &Patient, claims: Option<&Claims>) -> Check {
    let check = |outcome, found: String| Check::new(Subject::Prefix, "", outcome, found);
    let Some((_, used)) = vendor_host(&patient.account.hosts.main) else {
        return check(Outcome::Ok, "not used: api_url names the host".to_owned());
    };
    match (used, claims.and_then(Claims::prefix)) {
        (Some(used), Some(own)) if used.trim_start_matches("pl-") == own => {
            check(Outcome::Ok, format!("{used}, as the token says"))
        }
        (Some(used), Some(own)) => check(Outcome::Refused, format!("{used}, and the token's client is {own}"))
            .needed()
            .with_remedy(format!("set prefix = \"{own}\"")),
        (None, Some(own)) => check(Outcome::Warning, format!("none, and the token's client is {own}"))
            .with_remedy(format!("set prefix = \"{own}\": Checkout.com wants each client on its own hosts")),
        (Some(used), None) => check(Outcome::Unknown, format!("{used}; a secret key does not say its own")),
        (None, None) => check(Outcome::Unknown, "none; a secret key does not say its own".to_owned()).with_remedy(
            "set prefix to the first 8 characters of the client id after cli_, in Dashboard > Developers > Overview",
        ),
    }
}

/// The token of client credentials; secret keys have none.
pub(super) fn token(patient: &Patient, token: &Result<Option<Claims>>) -> Option<Check> {
    if !patient.is_oauth() {
        return None;
    }
    Some(match token {
        Ok(claims) => Check::new(Subject::Token, "", Outcome::Ok, claims.as_ref().map(said).unwrap_or_default()).needed(),
        Err(error) => not_minted(error),
    })
}

fn said(claims: &Claims) -> String {
    let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "not named".to_owned());
    let scopes = if claims.scope.is_empty() { "not named".to_owned() } else { claims.scope.join(" ") };
    let (client, entity) = (or_none(&claims.cko_client_id), or_none(&claims.cko_entity_id));
    format!("minted; client {client}, entity {entity}, scopes {scopes}")
}

fn not_minted(error: &Error) -> Check {
    // No answer says nothing about the credential.
    let outcome = if error.is_retryable() { Outcome::Unknown } else { Outcome::Refused };
    let check = Check::new(Subject::Token, "", outcome, error.to_string()).needed();
    match error.advice() {
        Some(advice) => check.with_remedy(advice),
        None => check,
    }
}

/// A key that was answered 401 wherever it went: once, and not for every scope.
pub(super) fn refused(patient: &Patient) -> Check {
    let host = patient.account.hosts.main.host_str().unwrap_or_default();
    let recipe = patient.recipe(&NEEDED.map(scopes::ticked).join(", "));
    Check::new(Subject::Credential, "key", Outcome::Refused, "Checkout.com answers 401 to every call: it does not know the key")
        .needed()
        .with_remedy(format!("check that the key is whole, active, and of the client {host} belongs to; or make one: {recipe}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::config::AccountSettings;
    use crate::clock::Clock;
    use crate::error::ErrorKind;
    use crate::secret::Secret;

    /// An account with a secret key of the sandbox, changed.
    fn patient(change: impl FnOnce(&mut crate::api::config::Account)) -> Patient {
        let key = "sk_sbox_markermarkermarkermarkeraa2".to_owned();
        let settings = AccountSettings { secret_key: Some(key.into()), ..AccountSettings::default() };
        let mut account = settings.resolve("main").unwrap();
        change(&mut account);
        Patient::try_new(&account, Clock::System).unwrap()
    }

    fn access_key(id: &str) -> Credential {
        Credential::ClientCredentials { id: id.to_owned(), secret: Secret::new("marker"), scopes: Vec::new() }
    }

    #[test]
    fn the_form_of_a_credential_says_what_it_can() {
        let told = |patient: &Patient| {
            let check = form(patient);
            (check.outcome, check.needed, check.found)
        };
        let found = |outcome, needed, found: &str| (outcome, needed, found.to_owned());
        assert_eq!(told(&patient(|_| {})), found(Outcome::Ok, true, "a secret key of the sandbox, by its form"));
        let elsewhere = patient(|account| account.hosts.main = "https://api.checkout.com/".parse().unwrap());
        let wrong = "a secret key of the sandbox, and the main host is of production";
        assert_eq!(told(&elsewhere), found(Outcome::Refused, true, wrong));
        let access = patient(|account| account.credential = access_key("ack_a"));
        assert_eq!(told(&access), found(Outcome::Ok, true, "an access key, asked for in the sandbox"));
        let odd = patient(|account| account.credential = access_key("key_a"));
        assert_eq!(told(&odd), found(Outcome::Unknown, false, "a client id that does not start with ack_, as they do"));
    }

    #[test]
    fn a_prefix_is_held_against_the_client_of_the_token() {
        let host = |host: &str| patient(|account| account.hosts.main = host.parse().unwrap());
        let (own, none) = (host("https://abcdefgh.api.sandbox.checkout.com/"), patient(|_| {}));
        let claims = |id: &str| Claims { cko_client_id: Some(format!("cli_{id}")), ..Claims::default() };
        let outcome = |patient: &Patient, claims: Option<&Claims>| {
            let check = prefix(patient, claims);
            (check.outcome, check.remedy)
        };
        assert_eq!(outcome(&own, Some(&claims("abcdefghijkl"))), (Outcome::Ok, None));
        let remedy = Some("set prefix = \"zbcdefgh\"".to_owned());
        assert_eq!(outcome(&own, Some(&claims("zbcdefghijkl"))), (Outcome::Refused, remedy));
        assert_eq!(outcome(&none, Some(&claims("abcdefghijkl"))).0, Outcome::Warning);
        assert_eq!([outcome(&own, None).0, outcome(&none, None).0], [Outcome::Unknown; 2]);
    }

    #[test]
    fn a_token_that_was_not_answered_is_unknown_and_one_that_was_refused_is_refused() {
        let patient = patient(|account| account.credential = access_key("ack_a"));
        let outcome = |kind| token(&patient, &Err(Error::new(kind, "no"))).unwrap().outcome;
        assert_eq!(outcome(ErrorKind::Unavailable), Outcome::Unknown);
        assert_eq!(outcome(ErrorKind::Credentials), Outcome::Refused);
    }

    #[test]
    fn a_doctor_has_less_patience_than_a_query() {
        let patient = patient(|account| account.limits.attempts = 9);
        assert_eq!(patient.account.limits.attempts, 3);
    }
}
