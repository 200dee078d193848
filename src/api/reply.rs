//! What came back: status, body, and Checkout.com's own words about an error.
//!
//! The one table from HTTP status to kind of error and to whether asking again may help. Bodies of errors may hold
//! personal data; only their `error_type`, `error_codes` and request id are taken over.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use serde::Deserialize;

use super::config::Credential;
use super::request::Request;
use super::retry::{Again, Failure};
use crate::error::{Error, ErrorKind};
use crate::secret::Secret;

/// A successful answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The whole body; its length was checked.
    pub body: Bytes,
    /// When it was received.
    pub fetched_at: DateTime<Utc>,
    /// `Cko-Request-Id`, for support.
    pub request_id: Option<String>,
}

/// Any answer, its body whole as far as HTTP can tell.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    pub(super) request_id: Option<String>,
    /// `Retry-After` as it came.
    pub(super) retry_after: Option<String>,
    /// `Location` of a redirect; may be a signed link, so it is never shown.
    pub(super) location: Option<Secret>,
}

/// The body of an error. The token host has an `error` instead.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    request_id: Option<String>,
    error_type: Option<String>,
    error_codes: Vec<String>,
    error: Option<String>,
}

impl Answer {
    /// The reply, or `None` when there is no such thing (404).
    ///
    /// # Errors
    /// For every other status, what it means for this request and credential, and whether to ask again.
    pub(super) fn judge(self, request: &Request, credential: &Credential, now: DateTime<Utc>) -> Result<Option<Reply>, Failure> {
        match self.status {
            status if status.is_success() => Ok(Some(Reply { body: self.body, fetched_at: now, request_id: self.request_id })),
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::UNAUTHORIZED => Err(self.unauthorized(request, credential).into()),
            StatusCode::FORBIDDEN => Err(self
                .error(
                    ErrorKind::Scope,
                    &format!("cannot read {}: the key lacks the scope, or the product is off", request.table),
                )
                .with("scope", request.scope)
                .hint("give the key the scope in Dashboard > Developers > Keys")
                .into()),
            _ => Err(self.failure(&format!("cannot read {}", request.table), now)),
        }
    }

    /// Reports answer 401, not 403, to a key without their scope. A token that was just minted is known, so it must be
    /// the scope; a secret key may be either.
    fn unauthorized(&self, request: &Request, credential: &Credential) -> Error {
        let (kind, message, hint) = match credential {
            Credential::ClientCredentials { .. } => (
                ErrorKind::Scope,
                format!("cannot read {}: Checkout.com refused a fresh token, so the access key lacks the scope", request.table),
                "give the access key the scope in Dashboard > Developers > Keys, and list it in scopes where those are set",
            ),
            Credential::SecretKey(_) | Credential::Absent => (
                ErrorKind::Credentials,
                format!(
                    "cannot read {}: Checkout.com refused the key: it does not know it, or the key lacks the scope",
                    request.table
                ),
                "check CHECKOUT_SECRET_KEY and the prefix, and the key's scopes in Dashboard > Developers > Keys",
            ),
        };
        self.error(kind, &message).with("scope", request.scope).hint(hint)
    }

    /// What any status that is no success means, whoever asked.
    pub(super) fn failure(&self, attempted: &str, now: DateTime<Utc>) -> Failure {
        let later = || match self.retry_after.as_deref().and_then(|text| wait(text, now)) {
            Some(wait) => Again::After(wait),
            None => Again::Later,
        };
        let (kind, happened, again) = match self.status.as_u16() {
            429 => (ErrorKind::Unavailable, "Checkout.com says there are too many requests", later()),
            500 | 502 | 503 | 504 => (ErrorKind::Unavailable, "Checkout.com is in trouble", later()),
            501 | 505.. => (ErrorKind::Unavailable, "Checkout.com is in trouble", Again::Never),
            300..400 => (ErrorKind::Rejected, "the answer is a redirect, and redirects are not followed", Again::Never),
            _ => (ErrorKind::Rejected, "Checkout.com refused the request", Again::Never),
        };
        Failure { error: self.error(kind, &format!("{attempted}: {happened}")), again }
    }

    /// An error with everything the answer says about it.
    pub(super) fn error(&self, kind: ErrorKind, message: &str) -> Error {
        let body = self.error_body();
        let mut error = Error::new(kind, message.to_owned()).with("status", self.status.as_u16());
        if let Some(word) = body.error_type.or(body.error).filter(|word| is_word(word)) {
            error = error.with("error_type", word);
        }
        let codes: Vec<String> = body.error_codes.into_iter().filter(|code| is_word(code)).collect();
        if !codes.is_empty() {
            error = error.with("error_codes", codes.join(" "));
        }
        match self.request_id.clone().or(body.request_id).filter(|id| is_word(id)) {
            Some(id) => error.with("request id", id),
            None => error,
        }
    }

    /// The token host's word for what is wrong.
    pub(super) fn token_error(&self) -> Option<String> {
        self.error_body().error
    }

    /// Checkout.com's own words; none where the body has another shape (a proxy's page, or nothing at all).
    fn error_body(&self) -> ErrorBody {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Whether a text is one of the vendor's words or ids, and not a sentence, which may hold anything.
fn is_word(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b':' | b'.' | b'[' | b']');
    (1..=80).contains(&text.len()) && text.bytes().all(allowed)
}

/// `Retry-After` is a number of seconds or a date; nonsense, and a date that is over, asks for no wait.
fn wait(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let wait = match text.trim().parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => (DateTime::parse_from_rfc2822(text.trim()).ok()?.to_utc() - now).to_std().ok()?,
    };
    (!wait.is_zero()).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::super::request::{Host, Method};
    use super::*;
    use crate::secret::Secret;

    fn request() -> Request {
        Request {
            host: Host::Main,
            method: Method::Get,
            path: "/reports".into(),
            template: "/reports",
            query: Vec::new(),
            body: None,
            table: "reports",
            scope: "reports:view",
            pass: 0,
        }
    }

    fn key() -> Credential {
        Credential::SecretKey(Secret::new("sk_marker"))
    }

    fn answer(status: u16, body: &'static str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            body: Bytes::from_static(body.as_bytes()),
            request_id: None,
            retry_after: None,
            location: None,
        }
    }

    fn judged(status: u16, body: &'static str) -> Failure {
        answer(status, body).judge(&request(), &key(), DateTime::UNIX_EPOCH).unwrap_err()
    }

    #[test]
    fn the_status_says_the_kind_and_whether_to_ask_again() {
        use Again::{Later, Never};
        use ErrorKind::{Credentials, Rejected, Scope, Unavailable};
        let table = [
            (302, Rejected, Never),
            (400, Rejected, Never),
            (401, Credentials, Never),
            (403, Scope, Never),
            (409, Rejected, Never),
            (422, Rejected, Never),
            (429, Unavailable, Later),
            (500, Unavailable, Later),
            (501, Unavailable, Never),
            (502, Unavailable, Later),
            (503, Unavailable, Later),
            (504, Unavailable, Later),
        ];
        for (status, kind, again) in table {
            let failure = judged(status, "");
            assert_eq!((failure.error.kind(), failure.again), (kind, again), "{status}");
            assert_eq!(failure.error.context("status"), Some(status.to_string().as_str()));
        }
        assert!(answer(404, "").judge(&request(), &key(), DateTime::UNIX_EPOCH).unwrap().is_none());
    }

    #[test]
    fn checkout_s_own_words_reach_the_error() {
        let body =
            r#"{"request_id":"0HLUQS5FNKDTF:00000001","error_type":"request_invalid","error_codes":["paging_limit_invalid"]}"#;
        assert_eq!(
            judged(422, body).error.to_string(),
            "cannot read reports: Checkout.com refused the request (status 422, error_type request_invalid, \
             error_codes paging_limit_invalid, request id 0HLUQS5FNKDTF:00000001)"
        );
    }

    #[test]
    fn a_body_s_sentences_stay_out_of_the_error() {
        let body = r#"{"error_type":"no such customer: a@b.c","error_codes":["call +44 1234","ok_code"],"x":1}"#;
        assert_eq!(
            judged(422, body).error.to_string(),
            "cannot read reports: Checkout.com refused the request (status 422, error_codes ok_code)"
        );
    }

    #[test]
    fn a_401_names_what_it_can_mean() {
        let error = judged(401, "").error;
        assert_eq!(
            error.to_string(),
            "cannot read reports: Checkout.com refused the key: it does not know it, or the key lacks the scope \
             (status 401, scope reports:view)"
        );
        let access = Credential::ClientCredentials { id: "ack_1".into(), secret: Secret::new("x"), scopes: Vec::new() };
        let error = answer(401, "").judge(&request(), &access, DateTime::UNIX_EPOCH).unwrap_err().error;
        assert_eq!((error.kind(), error.context("scope")), (ErrorKind::Scope, Some("reports:view")));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = DateTime::parse_from_rfc3339("1994-11-06T08:49:30Z").unwrap().to_utc();
        assert_eq!(wait("7", now), Some(Duration::from_secs(7)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(Duration::from_secs(7)));
        for none in ["Sun, 06 Nov 1994 08:49:00 GMT", "0", "-1", "soon", ""] {
            assert_eq!(wait(none, now), None, "{none}");
        }
        let answer = Answer { retry_after: Some("7".into()), ..answer(503, "") };
        assert_eq!(answer.failure("cannot read x", now).again, Again::After(Duration::from_secs(7)));
    }
}
