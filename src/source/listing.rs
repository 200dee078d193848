//! Listing by windows: the search asked window by window, newest first, several windows at a time.
//!
//! A window's rows are sent on only when the window is proven, by a last page that was not full, or when they are enough
//! for a limit. A full page is either continued by its next link, where links work, or its window is asked again in parts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::RecordBatch;
use tokio::task::JoinSet;

use super::ask::Ask;
use super::connection::NextLink;
use super::fetch::{Fetch, joined, manner};
use super::rows;
use super::span::Span;
use super::windows::{LONGEST_CHAIN, Windows, is_hopeless};
use crate::api::paging::Pager;
use crate::api::request::Request;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::decode::{Decoder, Page};

/// Decoded bytes that the rows of one window may take before it is proven.
const WINDOW_BYTES: usize = 16 << 20;

/// What came of a window.
enum Outcome {
    /// All its rows, with their instants.
    Complete(Vec<RecordBatch>, Vec<i64>),
    /// Rows enough for the limit; the window is not read to its end.
    Enough(Vec<RecordBatch>),
    /// More rows than could be read; the instants of those that came.
    Overflow(Vec<i64>),
}

/// Lists an ask's span in windows.
///
/// # Errors
/// The first that any window meets.
pub(super) async fn by_windows(fetch: Arc<Fetch>, ask: Arc<Ask>) -> Result<()> {
    let decoder = Arc::new(fetch.decoder(&ask)?);
    let span = ask.span.unwrap_or(Span::ALWAYS);
    let mut windows = match fetch.wants_latest() {
        true => Windows::latest(span, fetch.page_size(&ask), ask.rows_per_year()),
        false => Windows::new(&[span]),
    };
    let mut tasks = JoinSet::new();
    let mut line = Line::default();
    loop {
        let width = if fetch.wants_latest() { 1 } else { fetch.width() };
        let sizes = windows.sizes(fetch.page_size(&ask), fetch.chain(&ask), width);
        while tasks.len() < sizes.at_once && !fetch.is_satisfied() {
            let Some(window) = windows.take(sizes.rows, sizes.widest) else { break };
            line.asked(window);
            tasks.spawn(read_window(Arc::clone(&fetch), Arc::clone(&ask), Arc::clone(&decoder), window, sizes.most_pages));
        }
        let Some(done) = tasks.join_next().await else { return Ok(()) };
        let (window, outcome) = joined(done)?;
        match outcome {
            Outcome::Complete(batches, times) => {
                windows.complete(window, &times);
                if !ask.is_narrowed() {
                    ask.connection.learn_rows(ask.call.path, times.len(), window.width());
                }
                line.done(window, batches);
            }
            Outcome::Enough(batches) => line.done(window, batches),
            Outcome::Overflow(times) => {
                windows.overflowed(window, &times).map_err(|error| fetch.about(error, &ask, None))?;
                line.given_up(window);
            }
        }
        let held_back = fetch.scan.order.is_some().then(|| windows.newest()).flatten();
        for batches in line.next(fetch.scan.order.is_some(), held_back) {
            fetch.send_all(batches).await;
        }
        if fetch.is_satisfied() {
            return Ok(());
        }
    }
}

/// The windows that were asked and not yet sent on, for a query that wants the latest rows first.
#[derive(Default)]
struct Line {
    /// Windows by their end: with their rows when they have come.
    windows: BTreeMap<i64, Option<Vec<RecordBatch>>>,
}

impl Line {
    fn asked(&mut self, window: Span) {
        self.windows.insert(window.to, None);
    }

    fn done(&mut self, window: Span, batches: Vec<RecordBatch>) {
        self.windows.insert(window.to, Some(batches));
    }

    fn given_up(&mut self, window: Span) {
        self.windows.remove(&window.to);
    }

    /// The rows that may be sent on, latest window first: all that have come, or, in order, those of windows with no
    /// later one under way or still to be asked for (`held_back` is the end of the latest of these).
    fn next(&mut self, in_order: bool, held_back: Option<i64>) -> Vec<Vec<RecordBatch>> {
        let mut ready = Vec::new();
        let ends: Vec<i64> = self.windows.keys().rev().copied().collect();
        for end in ends {
            let is_blocked = in_order && held_back.is_some_and(|held_back| held_back > end);
            match self.windows.remove(&end) {
                Some(Some(batches)) if !is_blocked => ready.push(batches),
                Some(rows) => {
                    self.windows.insert(end, rows);
                    if in_order {
                        break;
                    }
                }
                None => {}
            }
        }
        ready
    }
}

async fn read_window(
    fetch: Arc<Fetch>,
    ask: Arc<Ask>,
    decoder: Arc<Decoder>,
    window: Span,
    most_pages: usize,
) -> Result<(Span, Outcome)> {
    let outcome = fetch.read_window(&ask, &decoder, window, most_pages).await;
    Ok((window, outcome.map_err(|error| fetch.about(error, &ask, Some(window)))?))
}

fn no_listing(ask: &Ask) -> Error {
    Error::new(ErrorKind::Rejected, "Checkout.com has no such listing").with("path", ask.call.path)
}

impl Fetch {
    /// Whether only some of the latest rows are wanted.
    fn wants_latest(&self) -> bool {
        self.scan.order.is_some() && self.remaining.get().is_some()
    }

    /// Pages to aim at in a window: as many as fit into its memory where next links work, else one.
    fn chain(&self, ask: &Ask) -> usize {
        match ask.connection.next_link() {
            NextLink::Works => (WINDOW_BYTES / self.page_bytes.load(Ordering::Relaxed).max(1)).clamp(1, LONGEST_CHAIN),
            NextLink::Unknown | NextLink::Broken => 1,
        }
    }

    async fn read_window(&self, ask: &Ask, decoder: &Decoder, window: Span, most_pages: usize) -> Result<Outcome> {
        let page_size = self.page_size(ask);
        let request = ask.request(self.scan.resource, Some(window), page_size);
        let mut pager = Pager::new(request, manner(ask.call.paging), page_size);
        let (mut kept, mut kept_rows, mut times) = (Vec::new(), 0_usize, Vec::new());
        let mut pages = 0_usize;
        while let Some(request) = pager.next_request() {
            let cannot_go_on = pages > 0 && ask.connection.next_link() == NextLink::Broken;
            if cannot_go_on || pages >= most_pages || pages == 1 && is_hopeless(window, &times, most_pages) {
                return Ok(Outcome::Overflow(times));
            }
            let page = if pages == 0 {
                let first = self.read(ask, &request, decoder, None).await?.ok_or_else(|| no_listing(ask))?;
                self.check_window(&first, window)?;
                if self.is_capped(ask, &request, page_size, &first, decoder).await? {
                    return Ok(Outcome::Overflow(times));
                }
                pager.accept(&first.facts)?;
                first
            } else {
                // Whatever is wrong with a link, the window can be asked in parts.
                match self.linked(ask, &request, decoder, &mut pager, window).await? {
                    Some(page) => page,
                    None => return Ok(Outcome::Overflow(times)),
                }
            };
            pages += 1;
            let batch = self.keep_inside(ask, &page, window, &mut times)?;
            self.page_bytes.fetch_max(batch.get_array_memory_size(), Ordering::Relaxed);
            kept_rows += batch.num_rows();
            kept.push(batch);
            if self.scan.order.is_none() && self.remaining.get().is_some_and(|wanted| kept_rows >= wanted) {
                return Ok(Outcome::Enough(kept));
            }
        }
        if pager.is_full() {
            return Ok(Outcome::Overflow(times));
        }
        Ok(Outcome::Complete(self.in_order(kept)?, times))
    }

    /// The page a next link leads to: other rows of the same window; `None` when it leads to anything else.
    async fn linked(
        &self,
        ask: &Ask,
        link: &Request,
        decoder: &Decoder,
        pager: &mut Pager,
        window: Span,
    ) -> Result<Option<Page>> {
        let is_more = |page: &Page, pager: &mut Pager| {
            page.facts.rows > 0 && self.check_window(page, window).is_ok() && pager.accept(&page.facts).is_ok()
        };
        match self.read(ask, link, decoder, None).await {
            Ok(Some(page)) if is_more(&page, pager) => {
                ask.connection.learn_next_link(NextLink::Works);
                Ok(Some(page))
            }
            Err(error) if matches!(error.kind(), ErrorKind::Bug | ErrorKind::Cancelled | ErrorKind::Query) => Err(error),
            // A link that has worked does not stop to because the server is in trouble now.
            Err(error) if error.kind() == ErrorKind::Unavailable && ask.connection.next_link() == NextLink::Works => Ok(None),
            Ok(_) | Err(_) => {
                ask.connection.learn_next_link(NextLink::Broken);
                Ok(None)
            }
        }
    }

    /// The rows of a whole window in the order that is wanted.
    fn in_order(&self, batches: Vec<RecordBatch>) -> Result<Vec<RecordBatch>> {
        match &self.scan.order {
            Some(order) => Ok(vec![rows::sorted(&batches, &self.scan.sieve.schema, order)?]),
            None => Ok(batches),
        }
    }

    fn check_window(&self, page: &Page, window: Span) -> Result<()> {
        let Some(time) = self.scan.time else { return Err(Error::bug("the time column of a window is not decoded")) };
        rows::check_window(&page.batch, time, window)
    }

    /// Whether the server gives fewer rows a page than asked for, so that a short page proves nothing.
    ///
    /// Nobody documents what a next link on a short page means. The link of an account's longest short page so far is
    /// followed: if it leads to other rows, pages are capped, and count as full from that many rows on.
    async fn is_capped(&self, ask: &Ask, request: &Request, page_size: usize, page: &Page, decoder: &Decoder) -> Result<bool> {
        let rows = page.facts.rows;
        if rows >= page_size || page.facts.next.is_none() || rows <= ask.connection.whole_page() {
            return Ok(false);
        }
        // Another window may have found the cap since this one was asked.
        if rows >= ask.connection.page_cap() {
            return Ok(true);
        }
        // To a pager of pages this small the page is full, and the link is to be followed.
        let mut pager = Pager::new(request.clone(), manner(ask.call.paging), rows);
        pager.accept(&page.facts)?;
        let Some(link) = pager.next_request() else { return Ok(false) };
        let is_capped = match self.read(ask, &link, decoder, None).await {
            Ok(Some(next)) => next.facts.ids.iter().any(|id| !page.facts.ids.contains(id)),
            Ok(None) => false,
            Err(error) if matches!(error.kind(), ErrorKind::Rejected | ErrorKind::Credentials | ErrorKind::Scope) => false,
            Err(error) => return Err(error),
        };
        if is_capped {
            ask.connection.learn_page_cap(rows);
        } else {
            ask.connection.learn_whole_page(rows);
        }
        Ok(is_capped)
    }

    /// The wanted rows of a page that lie in the window; adds the instants of all that lie in it.
    fn keep_inside(&self, ask: &Ask, page: &Page, window: Span, times: &mut Vec<i64>) -> Result<RecordBatch> {
        let Some(time) = self.scan.time else { return Err(Error::bug("the time column of a window is not decoded")) };
        let (batch, instants) = rows::inside(&page.batch, time, window)?;
        times.extend(instants);
        let batch = match &ask.claim {
            Some((column, values)) => rows::claimed(&batch, column, values)?,
            None => batch,
        };
        self.scan.sieve.keep(batch)
    }

    async fn send_all(&self, batches: Vec<RecordBatch>) {
        for batch in batches {
            self.send(batch).await;
        }
    }
}
