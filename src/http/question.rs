//! What is asked: a statement, its parameters and settings, from the body of a request.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use datafusion::common::ScalarValue;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::parameters;
use super::problem::Problem;

/// A statement as it is to be run.
#[derive(Debug, Default)]
pub(super) struct Question {
    pub(super) sql: String,
    pub(super) parameters: Vec<ScalarValue>,
    /// Settings that hold for this statement.
    pub(super) settings: BTreeMap<String, String>,
    /// Time it may take, to the last row.
    pub(super) timeout: Option<Duration>,
}

/// A question as JSON has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked<'a> {
    sql: String,
    #[serde(borrow, default)]
    parameters: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    settings: BTreeMap<String, &'a RawValue>,
    timeout: Option<String>,
}

/// The ways a question can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Json,
    Text,
}

/// How much of a body is read, and how long for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) bytes: usize,
    pub(super) time: Duration,
}

/// Reads what is asked.
///
/// # Errors
/// 415, 413, 408 and 400, when the body is of another kind, too long, too late, or not what it should be.
pub(super) async fn read(headers: &HeaderMap, body: Body, patience: Patience) -> Result<Question, Problem> {
    let written = written(headers)?;
    let body = whole(headers, body, patience).await?;
    match written {
        Written::Json => of_json(&body),
        Written::Text => {
            let sql = String::from_utf8(body.into()).map_err(|_invalid| Problem::new(400, "the body is not UTF-8"))?;
            Ok(Question { sql, ..Question::default() })
        }
    }
}

fn written(headers: &HeaderMap) -> Result<Written, Problem> {
    let refused = |what| Problem::new(415, what).hint("send application/json, or SQL alone as text/plain");
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(refused("a compressed body is not taken"));
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let (kind, rest) = kind.split_once(';').unwrap_or((kind, ""));
    let charset =
        rest.split(';').filter_map(|part| part.split_once('=')).find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    if charset.is_some_and(|(_, charset)| !charset.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")) {
        return Err(refused("a body is UTF-8"));
    }
    match kind.trim().to_ascii_lowercase().as_str() {
        "application/json" => Ok(Written::Json),
        "text/plain" | "application/sql" => Ok(Written::Text),
        _ => Err(refused("the body is of no kind that is read here")),
    }
}

/// The body, unless it is longer or later than it may be.
async fn whole(headers: &HeaderMap, body: Body, patience: Patience) -> Result<Bytes, Problem> {
    let too_long = || Problem::new(413, format!("the body is longer than {} bytes", patience.bytes));
    let told =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()).and_then(|length| length.parse::<usize>().ok());
    if told.is_some_and(|told| told > patience.bytes) {
        return Err(too_long());
    }
    match tokio::time::timeout(patience.time, to_bytes(body, patience.bytes)).await {
        Ok(Ok(body)) => Ok(body),
        // Of what can go wrong with a body that was not told to be too long, this is what leaves somebody to tell it to.
        Ok(Err(_error)) => Err(too_long()),
        Err(_elapsed) => Err(Problem::new(408, "the body did not come in time")),
    }
}

fn of_json(body: &[u8]) -> Result<Question, Problem> {
    let asked: Asked<'_> = serde_json::from_slice(body).map_err(|error| {
        Problem::new(400, format!("the body is not what is asked here: {error}")).hint(
            r#"send {"sql": "...", "parameters": [...], "settings": {...}, "timeout": "30 s"}; all but sql may be left out"#,
        )
    })?;
    let timeout = asked.timeout.map(|timeout| {
        humantime::parse_duration(&timeout)
            .map_err(|_invalid| Problem::new(400, "the timeout is no time").hint("write a number with its unit, as in 30 s"))
    });
    let settings = asked.settings.into_iter().map(|(name, value)| match parameters::text(value) {
        Some(value) => Ok((name, value)),
        None => Err(Problem::new(400, "a setting is a text, a number, true or false").hint(format!("look at {name}"))),
    });
    Ok(Question {
        sql: asked.sql,
        parameters: parameters::read(&asked.parameters)?,
        settings: settings.collect::<Result<_, _>>()?,
        timeout: timeout.transpose()?,
    })
}
