//! An error as clients read it: a status, and what is wrong as `application/problem+json` (RFC 9457).

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::error::Error;

/// The media type of a problem.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

/// What is wrong, and what it is answered with.
#[derive(Debug)]
pub(super) struct Problem {
    document: Box<Document>,
    headers: HeaderMap,
}

/// The members of a problem: those of the standard, and those that [`Error`] has besides.
#[derive(Debug, Serialize)]
struct Document {
    title: &'static str,
    status: u16,
    detail: String,
    /// The kind of [`Error`]; none where it is a matter of HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    message: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    context: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// Where in the SQL it is, both counted from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
}

impl Problem {
    /// Something that is wrong with the request as HTTP has it.
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        let message = message.into();
        let (title, detail) = (title(status), message.clone());
        let (kind, context, hint, line, column) = (None, BTreeMap::new(), None, None, None);
        let document = Document { title, status, detail, kind, message, context, hint, line, column };
        Self { document: Box::new(document), headers: HeaderMap::new() }
    }

    /// Says what can be done about it.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.document.hint = Some(hint.into());
        self
    }

    /// Answers with this header besides.
    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    #[cfg(test)]
    pub(super) fn status(&self) -> u16 {
        self.document.status
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let facts = error.kind().facts();
        let place = error.place();
        let document = Document {
            title: title(facts.http),
            status: facts.http,
            detail: error.to_string(),
            kind: Some(error.kind().name()),
            message: error.message().to_owned(),
            context: error.details().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            hint: error.advice().map(str::to_owned),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
        };
        Self { document: Box::new(document), headers: HeaderMap::new() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // Texts and numbers are always JSON.
        let body = serde_json::to_vec(&self.document).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(self.document.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.headers_mut() = self.headers;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        response
    }
}

fn title(status: u16) -> &'static str {
    StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Error")
}
