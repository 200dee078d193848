//! Fetching: the asks of a scan carried out, several at a time, their rows sent on as they are proven.
//!
//! Listings by window are in [`super::listing`]; everything else is pages one after the other, here.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::error::DataFusionError;
use tokio::sync::mpsc::Sender;
use tokio::task::{JoinError, JoinSet};
use tracing::warn;

use super::ask::{self, Ask};
use super::connection::Connection;
use super::coverage::Covered;
use super::effort::Effort;
use super::options::OnIncomplete;
use super::rows::{self, Remaining};
use super::scan::{Path, Scan};
use super::span::{Span, rfc3339};
use crate::api::paging::{Manner, Pager};
use crate::api::reply::Reply;
use crate::api::request::Request;
use crate::error::{Error, ErrorKind, Result};
use crate::resources::{By, Paging};
use crate::schema::decode::{Decoder, Given, Page};

/// A scan under way.
#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) scan: Arc<Scan>,
    pub(super) remaining: Remaining,
    /// Pages read so far; with a limit, concurrency grows with it.
    pub(super) pages: AtomicUsize,
    /// Most memory that the kept rows of a page took so far.
    pub(super) page_bytes: AtomicUsize,
    /// Rows that wait to be sorted: where they are wanted in order, and do not come from the windows of a single ask.
    unsorted: OnceLock<Mutex<Vec<RecordBatch>>>,
    rows: Sender<Result<RecordBatch, DataFusionError>>,
}

/// What a part of a scan tried to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempted<'a> {
    pub(super) connection: &'a Connection,
    pub(super) path: &'static str,
    pub(super) file: Option<&'a str>,
    pub(super) span: Option<Span>,
    pub(super) effort: &'a Effort,
}

impl<'a> Attempted<'a> {
    /// All that an ask is for.
    pub(super) fn of(ask: &'a Ask) -> Self {
        Self { connection: &ask.connection, path: ask.call.path, file: None, span: ask.span, effort: &ask.effort }
    }
}

/// Carries out a scan, sending rows as they are proven; `is_joined` says whether a join tells it keys, and `note` is told
/// what each ask took.
///
/// # Errors
/// The first that any ask meets; what was sent before it is no answer.
pub async fn run(
    scan: Arc<Scan>,
    rows: Sender<Result<RecordBatch, DataFusionError>>,
    is_joined: bool,
    note: impl Fn(&Effort) + Send,
) -> Result<()> {
    let path = scan.path(is_joined)?;
    let scan = scan.by(path.call).knowing(&path.constraints);
    let remaining = Remaining::new(scan.limit);
    let fetch = Arc::new(Fetch {
        scan,
        remaining,
        pages: AtomicUsize::new(0),
        page_bytes: AtomicUsize::new(0),
        unsorted: OnceLock::new(),
        rows,
    });
    let asks = fetch.asks(&path).await?;
    let come_in_order = matches!(asks.as_slice(), [ask] if matches!(ask.call.by, By::Windows(_)));
    if fetch.scan.order.is_some() && !come_in_order {
        fetch.unsorted.get_or_init(Mutex::default);
    }
    let outcome = match fetch.carry_out(&asks).await {
        Ok(()) => fetch.send_sorted().await,
        Err(error) => Err(error),
    };
    asks.iter().for_each(|ask| note(&ask.effort));
    outcome
}

/// The result of a task that nobody cancels.
pub(super) fn joined<T>(done: Result<Result<T>, JoinError>) -> Result<T> {
    done.map_err(|error| Error::bug("a task of a scan broke off").caused_by(error))?
}

impl Fetch {
    /// Whether enough rows were sent, or nobody takes them any more.
    pub(super) fn is_satisfied(&self) -> bool {
        self.remaining.is_zero() || self.rows.is_closed()
    }

    /// How many requests may be under way: with a limit, one at first and more as pages do not satisfy it.
    pub(super) fn width(&self) -> usize {
        let limits = self.scan.connections.iter().map(|connection| connection.account().limits.in_flight);
        let most = limits.max().unwrap_or(1).max(1);
        match self.remaining.get() {
            Some(_) => most.min(1 + self.pages.load(Ordering::Relaxed)),
            None => most,
        }
    }

    /// The asks of all accounts.
    async fn asks(&self, path: &Path) -> Result<Vec<Ask>> {
        let Scan { resource, connections, statement, .. } = &*self.scan;
        let mut asks = Vec::new();
        for connection in ask::wanted(connections, &path.constraints) {
            let found = ask::asks(resource, path.call, connection, connections, &path.constraints, statement).await;
            match found.map_err(|error| error.with_missing("account", connection.name())) {
                Ok(found) => asks.extend(found),
                Err(error) => {
                    let effort = Effort::default();
                    self.forgive(
                        &Attempted { connection, path: path.call.path, file: None, span: None, effort: &effort },
                        error,
                    )?;
                }
            }
        }
        Ok(asks)
    }

    async fn carry_out(self: &Arc<Self>, asks: &[Ask]) -> Result<()> {
        let mut asks = asks.iter();
        let mut tasks: JoinSet<Result<()>> = JoinSet::new();
        loop {
            while tasks.len() < self.width() && !self.is_satisfied() {
                let Some(ask) = asks.next() else { break };
                tasks.spawn(Arc::clone(self).answer(Arc::new(ask.clone())));
            }
            match tasks.join_next().await {
                Some(done) => joined(done)?,
                None => return Ok(()),
            }
            if self.is_satisfied() {
                return Ok(());
            }
        }
    }

    async fn answer(self: Arc<Self>, ask: Arc<Ask>) -> Result<()> {
        let mut outcome = Arc::clone(&self).fetch(Arc::clone(&ask)).await;
        if let (Err(error), Some(wider)) = (&outcome, ask.wider())
            && error.kind() == ErrorKind::Rejected
            && ask.effort.rows() == 0
        {
            // A call that refuses a value still answers without it, and the scan filters.
            outcome = Arc::clone(&self).fetch(Arc::new(wider)).await;
        }
        let what = Attempted::of(&ask);
        match outcome {
            // Each file was noted by itself, or that there was none to read.
            Ok(()) if matches!(ask.call.by, By::Files(_)) => Ok(()),
            Ok(()) => {
                self.cover(&what, None);
                Ok(())
            }
            Err(error) => self.forgive(&what, error),
        }
    }

    async fn fetch(self: Arc<Self>, ask: Arc<Ask>) -> Result<()> {
        match ask.call.by {
            By::Windows(_) => super::listing::by_windows(self, ask).await,
            By::Files(files) => super::reports::by_files(&self, &ask, files).await.map_err(|error| self.about(error, &ask, None)),
            _ => self.by_pages(&ask).await.map_err(|error| self.about(error, &ask, None)),
        }
    }

    /// Goes on without what could not be read, where the session allows that.
    pub(super) fn forgive(&self, what: &Attempted<'_>, error: Error) -> Result<()> {
        self.cover(what, Some(error.to_string()));
        let is_forgivable = matches!(
            error.kind(),
            ErrorKind::Unavailable
                | ErrorKind::Incomplete
                | ErrorKind::Credentials
                | ErrorKind::Scope
                | ErrorKind::Rejected
                | ErrorKind::Config
        );
        if self.scan.on_incomplete == OnIncomplete::Error || !is_forgivable {
            return Err(error);
        }
        warn!(table = self.scan.resource.name, account = what.connection.name(), "the answer is not complete: {error}");
        Ok(())
    }

    /// Notes what was read, for `system.coverage`.
    pub(super) fn cover(&self, what: &Attempted<'_>, error: Option<String>) {
        what.connection.coverage.add(Covered {
            table: self.scan.resource.name,
            path: what.path,
            file: what.file.map(str::to_owned),
            span: what.span,
            rows: what.effort.rows(),
            requests: what.effort.activity().requests,
            is_proven: error.is_none() && !self.is_satisfied(),
            at: what.connection.now(),
            error,
        });
    }

    /// Pages one after the other, until the call says there are no more.
    async fn by_pages(&self, ask: &Ask) -> Result<()> {
        let decoder = self.decoder(ask)?;
        if self.scan.only_counts(ask) && self.count(ask, &decoder).await? {
            return Ok(());
        }
        let parent = match self.parent(ask, &decoder).await? {
            Parent::NotWanted => None,
            Parent::Document(reply) => Some(reply),
            Parent::Missing => return Ok(()),
        };
        let page_size = self.page_size(ask);
        let mut pager = Pager::new(ask.request(self.scan.resource, None, page_size), manner(ask.call.paging), page_size);
        while let Some(request) = pager.next_request() {
            let Some(page) = self.read(ask, &request, &decoder, parent.as_ref()).await? else { return self.no_such(ask) };
            let accepted = pager.accept(&page.facts)?;
            let mut batch = page.batch;
            if let Some(fresh) = accepted.fresh {
                batch = rows::select(&batch, &rows::spread(fresh, page.exploded_into.as_deref()))?;
            }
            if let (Some(span), Some(time)) = (ask.span, self.scan.time) {
                batch = rows::inside(&batch, time, span)?.0;
            }
            self.send(self.scan.sieve.keep(batch)?).await;
            if self.is_satisfied() {
                break;
            }
        }
        Ok(())
    }

    /// Sends as many rows without columns as the listing says it has; false when it does not say.
    async fn count(&self, ask: &Ask, decoder: &Decoder) -> Result<bool> {
        let pager = Pager::new(ask.request(self.scan.resource, None, 1), Manner::SkipLimit, 1);
        let Some(request) = pager.next_request() else { return Ok(false) };
        let page = self.read(ask, &request, decoder, None).await?;
        let Some(total) = page.and_then(|page| page.facts.total_count) else { return Ok(false) };
        let rows = RecordBatchOptions::new().with_row_count(Some(usize::try_from(total).unwrap_or(usize::MAX)));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.scan.sieve.schema), Vec::new(), &rows);
        self.send(batch.map_err(|error| Error::bug("cannot make rows without columns").caused_by(error))?).await;
        Ok(true)
    }

    /// The reader of an ask's pages.
    pub(super) fn decoder(&self, ask: &Ask) -> Result<Decoder> {
        let resource = self.scan.resource;
        let settings = ask.connection.settings(self.scan.on_malformed);
        Decoder::try_new(resource.columns, resource.shape(ask.call), &self.scan.decoded, settings)
    }

    /// Rows to ask for in one page: no more than wanted, when every row that comes is a wanted one.
    pub(super) fn page_size(&self, ask: &Ask) -> usize {
        let most = match ask.call.paging {
            Paging::Single => 1,
            Paging::SkipLimit(most) | Paging::Token(most) => most,
            Paging::NextLink(most) => most.min(ask.connection.page_cap()),
        };
        let every_row_counts = self.scan.sieve.predicate.is_none() && ask.call.explode.is_none() && self.scan.order.is_none();
        match self.remaining.get() {
            Some(wanted) if every_row_counts => most.min(wanted.max(1)),
            _ => most,
        }
    }

    /// One page, read and decoded; `None` when there is no such thing.
    pub(super) async fn read(
        &self,
        ask: &Ask,
        request: &Request,
        decoder: &Decoder,
        parent: Option<&Reply>,
    ) -> Result<Option<Page>> {
        let decode = |reply: &Reply| {
            decoder.decode(
                &reply.body,
                &Given {
                    account: ask.connection.name(),
                    fetched_at: reply.fetched_at,
                    keys: &ask.keys,
                    parent: parent.map(|parent| parent.body.as_ref()),
                },
            )
        };
        let read = self.scan.statement.read(&ask.connection, request, &ask.effort, decode).await?;
        let page = read.map(|(_, page)| page);
        let rows = page.as_ref().map_or(0, |page| page.batch.num_rows());
        self.pages.fetch_add(1, Ordering::Relaxed);
        ask.effort.add_rows(rows);
        ask.connection.count_rows(rows);
        Ok(page)
    }

    /// The document that gives the parent columns, when one of them is wanted and the keys do not give it.
    async fn parent(&self, ask: &Ask, decoder: &Decoder) -> Result<Parent> {
        if !decoder.needs_parent(&ask.keys) {
            return Ok(Parent::NotWanted);
        }
        let Some(request) = ask.parent_request(self.scan.resource) else { return Ok(Parent::NotWanted) };
        let whole = |reply: &Reply| check_json(&reply.body);
        let read = self.scan.statement.read(&ask.connection, &request, &ask.effort, whole).await?;
        Ok(read.map_or(Parent::Missing, |(reply, ())| Parent::Document(reply)))
    }

    /// The error with what it was asked for: table, account, and the window or keys. E-mail addresses stay unsaid.
    pub(super) fn about(&self, error: Error, ask: &Ask, window: Option<Span>) -> Error {
        let mut error = error.with_missing("table", self.scan.resource.name).with_missing("account", ask.connection.name());
        if let Some(window) = window {
            error = error.with_missing("window", format!("{} to {}", rfc3339(window.from), rfc3339(window.to)));
        }
        for (column, value) in ask.keys.iter().filter(|(_, value)| !value.contains('@')) {
            error = error.with_missing(column, value);
        }
        error
    }

    /// What it means that a call answered 404: no such row, unless the call was no question about one.
    fn no_such(&self, ask: &Ask) -> Result<()> {
        match ask.call.by {
            By::Key(_) => Ok(()),
            By::Entity if ask.call.may_have_none => Ok(()),
            By::Entity => {
                let is_configured = |(_, value): &(&str, String)| ask.connection.account().entity_ids.contains(value);
                // With several accounts it may be another one's.
                if self.scan.connections.len() > 1 && !ask.keys.iter().any(is_configured) {
                    return Ok(());
                }
                let kind = if ask.keys.iter().any(is_configured) { ErrorKind::Config } else { ErrorKind::Query };
                Err(Error::new(kind, "Checkout.com knows no such entity for this key")
                    .hint("entity ids start with ent_; check the filter, or entity_ids in the configuration"))
            }
            By::Listing | By::Windows(_) | By::Files(_) => {
                Err(Error::new(ErrorKind::Rejected, "Checkout.com has no such listing").with("path", ask.call.path))
            }
        }
    }

    /// Sends rows on; a receiver that is gone is noticed by [`Fetch::is_satisfied`].
    pub(super) async fn send(&self, batch: RecordBatch) {
        match self.unsorted.get() {
            Some(unsorted) => lock(unsorted).push(batch),
            None => self.send_now(batch).await,
        }
    }

    /// Sends the rows that waited to be sorted.
    async fn send_sorted(&self) -> Result<()> {
        let (Some(unsorted), Some(order)) = (self.unsorted.get(), &self.scan.order) else { return Ok(()) };
        let batches = std::mem::take(&mut *lock(unsorted));
        self.send_now(rows::sorted(&batches, &self.scan.sieve.schema, order)?).await;
        Ok(())
    }

    async fn send_now(&self, batch: RecordBatch) {
        let batch = self.remaining.take(batch);
        if batch.num_rows() > 0 {
            drop(self.rows.send(Ok(batch)).await);
        }
    }
}

/// Whether a body is one whole JSON document.
fn check_json(body: &[u8]) -> Result<()> {
    serde_json::from_slice::<serde::de::IgnoredAny>(body)
        .map(|_| ())
        .map_err(|error| Error::new(ErrorKind::Unavailable, "the answer is cut short or not JSON").caused_by(error))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

enum Parent {
    NotWanted,
    Document(Reply),
    Missing,
}

pub(super) fn manner(paging: Paging) -> Manner {
    match paging {
        Paging::Single => Manner::Single,
        Paging::SkipLimit(_) => Manner::SkipLimit,
        Paging::Token(_) => Manner::Token,
        Paging::NextLink(_) => Manner::NextLink,
    }
}
