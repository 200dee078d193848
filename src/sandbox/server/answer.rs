//! What was asked and what is answered, as plain data: the routes know nothing of HTTP libraries.

use super::shared::Site;
use crate::sandbox::json::Json;

/// A request, read whole.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub site: Site,
    /// `GET`, `POST` …
    pub method: String,
    pub path: String,
    /// Decoded, in the order given.
    pub query: Vec<(String, String)>,
    pub body: String,
    /// The header, as sent.
    pub authorization: Option<String>,
    /// Its number since the start.
    pub number: u64,
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// A page of a listing, or why it is refused.
pub(super) type Routed = Result<Answer, Answer>;

impl Asked {
    /// The first value of a parameter; an empty one counts as none.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The path, cut at its slashes.
    pub(super) fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|segment| !segment.is_empty()).collect()
    }
}

impl Answer {
    /// 200 with JSON.
    pub(super) fn json(body: String) -> Self {
        Self { status: 200, headers: vec![("content-type", "application/json".to_owned())], body: body.into_bytes() }
    }

    /// A status without a body.
    pub(super) const fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// 404 without a body, as most of the vendor's.
    pub(super) const fn not_found() -> Self {
        Self::empty(404)
    }

    /// 422 with one error code.
    pub(super) fn invalid(code: &str) -> Self {
        Self::error(422, "request_invalid", code)
    }

    /// A refusal in the vendor's words.
    pub(super) fn error(status: u16, error_type: &str, code: &str) -> Self {
        let body = Json::document(|json| {
            json.text("request_id", REQUEST_ID);
            json.text("error_type", error_type);
            json.list("error_codes", |json| json.element(code));
        });
        Self { status, ..Self::json(body) }
    }

    /// The answer to the request of this id, which refusals repeat in their body.
    pub(super) fn for_request(mut self, id: String) -> Self {
        if self.status >= 400 {
            self.body = String::from_utf8_lossy(&self.body).replace(REQUEST_ID, &id).into_bytes();
        }
        self.headers.push(("cko-request-id", id));
        self.headers.push(("cko-version", "sandbox".to_owned()));
        self
    }
}

/// Stands for the request's id until it is known.
const REQUEST_ID: &str = "{request_id}";
