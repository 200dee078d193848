//! One attempt: a turn at the limiter, a request, and the whole answer within its time and size.
//!
//! Redirects are never followed, so a bearer reaches no host but the one it was meant for. This file judges no status;
//! it only tells an answer from none.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, Response, StatusCode};
use tokio::time::{Instant, timeout};
use tracing::debug;

use super::config::{Account, Limits};
use super::journal::Entry;
use super::limit::{Limiter, Urgency};
use super::recent::Recent;
use super::reply::Answer;
use super::request::{Host, Method};
use super::retry::{Again, Failure, Patience};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::secret::{Secret, redact_url};

/// What a client has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Activity {
    /// Requests sent, retries included.
    pub requests: u64,
    /// Attempts that had to be repeated.
    pub retries: u64,
    /// Answers of 429.
    pub throttled: u64,
    /// Bytes of bodies received, decompressed.
    pub bytes: u64,
    /// Time spent waiting for a turn at the limiter, over all requests.
    pub waited: Duration,
}

/// The running totals of [`Activity`]: of a client, or of one reader of it.
#[derive(Debug, Default)]
pub struct Tally {
    pub(super) requests: AtomicU64,
    pub(super) retries: AtomicU64,
    pub(super) throttled: AtomicU64,
    pub(super) bytes: AtomicU64,
    waited: AtomicU64,
}

impl Tally {
    /// Adds what was counted elsewhere.
    pub fn add(&self, activity: Activity) {
        let add = |total: &AtomicU64, more: u64| total.fetch_add(more, Ordering::Relaxed);
        add(&self.requests, activity.requests);
        add(&self.retries, activity.retries);
        add(&self.throttled, activity.throttled);
        add(&self.bytes, activity.bytes);
        add(&self.waited, u64::try_from(activity.waited.as_millis()).unwrap_or(u64::MAX));
    }

    /// The totals so far.
    pub fn read(&self) -> Activity {
        Activity {
            requests: self.requests.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            throttled: self.throttled.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            waited: Duration::from_millis(self.waited.load(Ordering::Relaxed)),
        }
    }
}

/// What an attempt is made for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Errand<'a> {
    /// Begins the message of an error: `cannot read payments`.
    pub(super) attempted: &'a str,
    pub(super) table: Option<&'static str>,
    pub(super) host: Host,
    pub(super) method: Method,
    pub(super) template: &'static str,
    pub(super) urgency: Urgency,
    /// Who is to know the effort, beside the client.
    pub(super) tally: &'a Tally,
}

/// The connections of one client, and its share of the limiter.
#[derive(Debug)]
pub(super) struct Transport {
    pub(super) http: reqwest::Client,
    /// For storage hosts; set up by the first file.
    storage: OnceLock<reqwest::Client>,
    /// Whether all hosts are this machine.
    is_local: bool,
    pub(super) tally: Tally,
    /// Requests by the table they were made for.
    by_table: Mutex<BTreeMap<&'static str, u64>>,
    pub(super) journal: Recent<Entry>,
    clock: Clock,
    limiter: Arc<Limiter>,
    body_bytes: usize,
}

impl Transport {
    /// The transport for an account.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when TLS cannot be set up, as on a machine without root certificates.
    pub(super) fn try_new(account: &Account, clock: Clock) -> Result<Self> {
        let is_local = account.hosts.are_loopback();
        let http = set_up(builder(is_local))?;
        let Limits { body_bytes, .. } = account.limits;
        let (tally, journal, limiter) = (Tally::default(), Recent::default(), Limiter::of(account));
        let (storage, by_table) = (OnceLock::new(), Mutex::default());
        Ok(Self { http, storage, is_local, tally, by_table, journal, clock, limiter, body_bytes })
    }

    /// The connections to storage hosts. What they give comes as it is stored: length and checksum are those of the
    /// packed bytes, and a file says itself whether it is packed.
    ///
    /// # Errors
    /// Those of [`Transport::try_new`].
    pub(super) fn storage(&self) -> Result<&reqwest::Client> {
        if let Some(http) = self.storage.get() {
            return Ok(http);
        }
        let http = set_up(builder(self.is_local).no_gzip())?;
        Ok(self.storage.get_or_init(|| http))
    }

    /// Makes one attempt.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] to be tried again when no whole answer came in time; [`ErrorKind::Incomplete`] when it
    /// is larger than allowed.
    pub(super) async fn exchange(
        &self,
        request: reqwest::Request,
        patience: &mut Patience<'_>,
        errand: &Errand<'_>,
    ) -> Result<Answer, Failure> {
        let Errand { attempted, .. } = errand;
        let shown = format!("{} {}", request.method(), redact_url(request.url()));
        let asked = Instant::now();
        let _permit = self.limiter.permit(errand.urgency).await?;
        let waited = milliseconds(asked);
        let allowed = patience.begin();
        let (start, at) = (Instant::now(), self.clock.now());
        self.count(errand, |tally| &tally.waited, waited);
        self.count(errand, |tally| &tally.requests, 1);
        if let Some(table) = errand.table {
            *self.by_table.lock().unwrap_or_else(PoisonError::into_inner).entry(table).or_default() += 1;
        }
        let outcome = match timeout(allowed, self.answer(request, errand)).await {
            Ok(outcome) => outcome,
            Err(elapsed) => Err(Error::new(ErrorKind::Unavailable, format!("{attempted}: no whole answer in time"))
                .with("timeout_ms", allowed.as_millis())
                .caused_by(elapsed)
                .into()),
        };
        let entry = Entry {
            at,
            table: errand.table,
            host: errand.host,
            method: errand.method,
            path: errand.template,
            status: outcome.as_ref().ok().map(|answer| answer.status.as_u16()),
            milliseconds: milliseconds(start),
            waited_milliseconds: waited,
            bytes: outcome.as_ref().map_or(0, |answer| answer.body.len() as u64),
            request_id: outcome.as_ref().ok().and_then(|answer| answer.request_id.clone()),
        };
        let (status, ms) = (entry.status.unwrap_or_default(), entry.milliseconds);
        let request_id = entry.request_id.as_deref().unwrap_or_default();
        debug!(request = shown, status, duration_ms = ms, request_id, "{shown}: {status} in {ms} ms");
        self.journal.add(entry);
        if status == StatusCode::TOO_MANY_REQUESTS.as_u16() {
            self.count(errand, |tally| &tally.throttled, 1);
            self.limiter.throttled();
        }
        outcome
    }

    /// Counts for the client, and for who sent the errand.
    pub(super) fn count(&self, errand: &Errand<'_>, field: impl Fn(&Tally) -> &AtomicU64, more: u64) {
        for tally in [&self.tally, errand.tally] {
            field(tally).fetch_add(more, Ordering::Relaxed);
        }
    }

    /// Requests made for a table so far, retries included.
    pub(super) fn requests_for(&self, table: &str) -> u64 {
        self.by_table.lock().unwrap_or_else(PoisonError::into_inner).get(table).copied().unwrap_or_default()
    }

    /// Requests a second that the limiter lets through now.
    pub(super) fn pace(&self) -> u32 {
        self.limiter.per_second()
    }

    async fn answer(&self, request: reqwest::Request, errand: &Errand<'_>) -> Result<Answer, Failure> {
        let Errand { attempted, .. } = errand;
        let no_answer = |error: reqwest::Error| {
            let what = if error.is_connect() { "cannot connect" } else { "the connection broke" };
            Error::new(ErrorKind::Unavailable, format!("{attempted}: {what}")).caused_by(root_cause(&error))
        };
        let response = self.http.execute(request).await.map_err(no_answer)?;
        let status = response.status();
        let request_id = header(response.headers(), "cko-request-id");
        let retry_after = header(response.headers(), RETRY_AFTER.as_str());
        let location = header(response.headers(), LOCATION.as_str()).map(Secret::new);
        let body = self.body(response, errand).await?;
        Ok(Answer { status, body, request_id, retry_after, location })
    }

    /// The whole body. A body cut short of its `Content-Length` or of its last chunk is an error of hyper's; one that is
    /// cut behind a lying proxy is found by the decoder.
    async fn body(&self, mut response: Response, errand: &Errand<'_>) -> Result<Bytes, Failure> {
        let Errand { attempted, .. } = errand;
        let cut = |error: reqwest::Error| {
            Error::new(ErrorKind::Unavailable, format!("{attempted}: the answer was cut short")).caused_by(root_cause(&error))
        };
        // Only a promise: with compression it counts other bytes, so it sizes the buffer and decides nothing.
        let promised = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
        let mut body = BytesMut::with_capacity(promised.min(self.body_bytes));
        while let Some(chunk) = response.chunk().await.map_err(cut)? {
            if body.len().saturating_add(chunk.len()) > self.body_bytes {
                let error = Error::new(ErrorKind::Incomplete, format!("{attempted}: the answer is larger than allowed"))
                    .with("limit_bytes", self.body_bytes)
                    .hint("ask for less at once: smaller pages, or a narrower time span");
                return Err(Failure { error, again: Again::Never });
            }
            self.count(errand, |tally| &tally.bytes, chunk.len() as u64);
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

/// A client that follows no redirect and repeats nothing.
fn builder(is_local: bool) -> ClientBuilder {
    // An error only says that a provider is there already: all of the process uses one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .user_agent(concat!("ckosql/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .retry(reqwest::retry::never());
    // The stand-in needs no certificates and must not be asked through a proxy.
    if is_local { builder.tls_certs_only([]).no_proxy() } else { builder }
}

fn set_up(builder: ClientBuilder) -> Result<reqwest::Client> {
    builder.build().map_err(|error| Error::new(ErrorKind::Config, "cannot set up HTTPS").caused_by(root_cause(&error)))
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// The innermost cause, as text. The outer ones name the URL, whose query may be personal data.
pub(super) fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn StdError = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match cause.downcast_ref::<reqwest::Error>() {
        Some(_) => "the HTTP client gave no reason".to_owned(),
        None => cause.to_string(),
    }
}
