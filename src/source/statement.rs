//! What one statement may ask for and has asked: its budget of requests, and the replies its scans share.
//!
//! A page is read once for a statement, however many scans of it want the page: a self-join sees the same rows on both
//! sides. The statement travels as an extension of the session's configuration.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::prelude::SessionConfig;

use super::connection::Connection;
use super::effort::Effort;
use crate::api::download::Download;
use crate::api::flight::Flight;
use crate::api::reply::Reply;
use crate::api::request::Request;
use crate::error::{Error, ErrorKind, Result};

/// Most bytes of replies kept for the other scans of a statement.
const KEPT_BYTES: usize = 64 << 20;

/// One statement's budget and replies.
#[derive(Debug, Default)]
pub struct Statement {
    most_requests: Option<u64>,
    requests: AtomicU64,
    scans: AtomicUsize,
    replies: Mutex<HashMap<(String, Request), Flight>>,
    bytes: AtomicUsize,
}

impl Statement {
    /// A statement that may make so many requests; any number when none is given.
    pub fn new(most_requests: Option<u64>) -> Self {
        Self { most_requests, ..Self::default() }
    }

    /// The statement a session's configuration is of; one without limits when it is of none.
    pub fn of(config: &SessionConfig) -> Arc<Self> {
        config.get_extension::<Self>().unwrap_or_default()
    }

    /// The requests it may make.
    pub fn most_requests(&self) -> Option<u64> {
        self.most_requests
    }

    /// Tells that one more scan is planned; a single one has nobody to share replies with.
    pub fn expect_scan(&self) {
        self.scans.fetch_add(1, Ordering::Relaxed);
    }

    /// Reads a page, or takes it over from another scan of the statement; `None` when there is no such thing.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when the statement has made all the requests it may; those of
    /// [`Client::read`](crate::api::Client::read).
    pub async fn read<T: Send>(
        &self,
        connection: &Connection,
        request: &Request,
        effort: &Effort,
        decode: impl Fn(&Reply) -> Result<T> + Send + Sync,
    ) -> Result<Option<(Reply, T)>> {
        let key = (connection.name().to_owned(), request.clone());
        let flight = Arc::clone(self.replies().entry(key.clone()).or_default());
        let mut own = None;
        let reply: Result<Option<Reply>> = flight
            .get_or_try_init(|| async {
                self.spend()?;
                let read = connection.client.read(request, &effort.tally, &decode).await?;
                Ok::<_, Error>(read.map(|(reply, decoded)| {
                    own = Some(decoded);
                    reply
                }))
            })
            .await
            .cloned();
        let reply = reply?;
        match (reply, own) {
            (None, _) => Ok(None),
            (Some(reply), Some(decoded)) => {
                self.keep(&key, &reply);
                Ok(Some((reply, decoded)))
            }
            (Some(reply), None) => {
                effort.add_shared();
                let decoded = decode(&reply)?;
                Ok(Some((reply, decoded)))
            }
        }
    }

    /// Opens a file; `None` when there is no such thing.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when the statement has made all the requests it may; those of
    /// [`Client::open`](crate::api::Client::open).
    pub async fn open(&self, connection: &Connection, request: &Request, effort: &Effort) -> Result<Option<Download>> {
        self.spend()?;
        connection.client.open(request, &effort.tally).await
    }

    /// Takes one request off the budget.
    fn spend(&self) -> Result<()> {
        let made = self.requests.fetch_add(1, Ordering::Relaxed);
        match self.most_requests {
            Some(most) if made >= most => Err(too_many(most, None)),
            _ => Ok(()),
        }
    }

    /// Keeps a reply for the other scans, unless they are too many.
    fn keep(&self, key: &(String, Request), reply: &Reply) {
        let is_full = self.bytes.fetch_add(reply.body.len(), Ordering::Relaxed) > KEPT_BYTES;
        if is_full || self.scans.load(Ordering::Relaxed) < 2 {
            self.bytes.fetch_sub(reply.body.len(), Ordering::Relaxed);
            self.replies().remove(key);
        }
    }

    fn replies(&self) -> std::sync::MutexGuard<'_, HashMap<(String, Request), Flight>> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error of a statement that wants more requests than it may make; `wanted` says how many, where that is known.
pub fn too_many(most: u64, wanted: Option<u64>) -> Error {
    let message = match wanted {
        Some(wanted) => format!("the query would take about {wanted} requests, and may make {most}"),
        None => format!("the query has made the {most} requests it may make, and is not done"),
    };
    Error::new(ErrorKind::Query, message)
        .with("checkout.max_requests", most)
        .hint("ask for less (explain shows what it asks), or allow more: set checkout.max_requests = …")
}
