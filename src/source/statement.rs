//! What one statement may ask for and has asked: its budget of requests, and the replies its scans share.
//!
//! A page is read once for a statement, however many scans of it want the page: a self-join sees the same rows on both
//! sides. The statement travels as an extension of the session's configuration.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use datafusion::prelude::SessionConfig;
use tokio::sync::OnceCell;

use super::connection::Connection;
use super::effort::Effort;
use crate::api::download::Download;
use crate::api::flight::Flight;
use crate::api::reply::Reply;
use crate::api::request::Request;
use crate::error::{Error, ErrorKind, Result};

/// Largest file kept for the other scans of a statement.
const KEPT_FILE: usize = 4 << 20;
/// Most bytes of replies and files kept for the other scans of a statement.
const KEPT_BYTES: usize = 32 << 20;

/// What an account is asked.
type Question = (String, Request);

/// Files by account and path.
type Files = HashMap<(String, String), Arc<OnceCell<Shared>>>;

/// One statement's budget and replies.
#[derive(Debug, Default)]
pub struct Statement {
    most_requests: Option<u64>,
    requests: AtomicU64,
    scans: AtomicUsize,
    replies: Mutex<HashMap<Question, Flight>>,
    /// The replies that are kept, oldest first, with their bytes.
    kept: Mutex<VecDeque<(Question, usize)>>,
    files: Mutex<Files>,
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

    /// The requests it has made so far.
    pub fn requests(&self) -> u64 {
        let made = self.requests.load(Ordering::Relaxed);
        self.most_requests.map_or(made, |most| made.min(most))
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
                self.keep(key, &reply);
                Ok(Some((reply, decoded)))
            }
            (Some(reply), None) => {
                effort.add_shared();
                let decoded = decode(&reply)?;
                Ok(Some((reply, decoded)))
            }
        }
    }

    /// Opens a file, or takes it over from another scan of the statement; `None` when there is no such thing.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when the statement has made all the requests it may; those of
    /// [`Client::open`](crate::api::Client::open).
    pub async fn open(&self, connection: &Connection, request: &Request, effort: &Effort) -> Result<Option<Opened>> {
        if self.scans.load(Ordering::Relaxed) < 2 {
            return Ok(self.download(connection, request, effort).await?.map(Opened::Download));
        }
        let key = (connection.name().to_owned(), request.path.clone());
        let cell = Arc::clone(lock(&self.files).entry(key).or_default());
        let mut own = None;
        let is_first = !cell.initialized();
        let shared = cell.get_or_try_init(|| async {
            let mut attempts = connection.account().limits.attempts.max(1);
            loop {
                attempts -= 1;
                let Some(download) = self.download(connection, request, effort).await? else { return Ok(Shared::Absent) };
                let Some(room) = self.room(&download) else {
                    own = Some(download);
                    return Ok(Shared::TooLarge);
                };
                match whole(download).await {
                    Err(error) if error.kind() == ErrorKind::Unavailable && attempts > 0 => {
                        self.bytes.fetch_sub(room, Ordering::Relaxed);
                    }
                    outcome => return outcome,
                }
            }
        });
        let shared: Result<Shared> = shared.await.cloned();
        match (shared?, own) {
            (Shared::Absent, _) => Ok(None),
            (Shared::TooLarge, Some(own)) => Ok(Some(Opened::Download(own))),
            (Shared::TooLarge, None) => Ok(self.download(connection, request, effort).await?.map(Opened::Download)),
            (Shared::Whole(bytes, is_end_proven), _) => {
                if !is_first {
                    effort.add_shared();
                }
                Ok(Some(Opened::Whole { bytes, is_end_proven }))
            }
        }
    }

    async fn download(&self, connection: &Connection, request: &Request, effort: &Effort) -> Result<Option<Download>> {
        self.spend()?;
        connection.client.open(request, &effort.tally).await
    }

    /// The bytes of a file that may be kept for the other scans, counted as kept.
    fn room(&self, download: &Download) -> Option<usize> {
        let length = download.length().and_then(|length| usize::try_from(length).ok()).filter(|length| *length <= KEPT_FILE)?;
        if self.bytes.fetch_add(length, Ordering::Relaxed) + length <= KEPT_BYTES {
            return Some(length);
        }
        self.bytes.fetch_sub(length, Ordering::Relaxed);
        None
    }

    /// Takes one request off the budget.
    fn spend(&self) -> Result<()> {
        let made = self.requests.fetch_add(1, Ordering::Relaxed);
        match self.most_requests {
            Some(most) if made >= most => Err(too_many(most, None)),
            _ => Ok(()),
        }
    }

    /// Keeps a reply for the other scans, which are not far behind: the oldest are forgotten when there are too many.
    fn keep(&self, question: Question, reply: &Reply) {
        if self.scans.load(Ordering::Relaxed) < 2 {
            self.replies().remove(&question);
            return;
        }
        let size = reply.body.len();
        let mut bytes = self.bytes.fetch_add(size, Ordering::Relaxed) + size;
        let mut kept = lock(&self.kept);
        kept.push_back((question, size));
        while bytes > KEPT_BYTES {
            let Some((oldest, size)) = kept.pop_front() else { break };
            self.replies().remove(&oldest);
            bytes = self.bytes.fetch_sub(size, Ordering::Relaxed) - size;
        }
    }

    fn replies(&self) -> MutexGuard<'_, HashMap<Question, Flight>> {
        lock(&self.replies)
    }
}

/// A file that was opened.
#[derive(Debug)]
pub enum Opened {
    /// On its way.
    Download(Download),
    /// Read by a scan of the statement.
    Whole {
        /// All of it.
        bytes: Bytes,
        /// As for [`Download::is_end_proven`].
        is_end_proven: bool,
    },
}

/// What is known of a file that several scans may want.
#[derive(Debug, Clone)]
enum Shared {
    Absent,
    Whole(Bytes, bool),
    /// Each scan reads it for itself.
    TooLarge,
}

async fn whole(mut download: Download) -> Result<Shared> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = download.piece().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(Shared::Whole(bytes.freeze(), download.is_end_proven()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
