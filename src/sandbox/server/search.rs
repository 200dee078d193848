//! `POST /payments/search` and the pages after it, `GET /payments/search/{id}?token=…`.
//!
//! A search holds nothing between its pages: the token carries the window, the query, and the place in the order of
//! rows where the next page starts.

use std::ops::Range;

use serde::Deserialize;

use super::answer::{Answer, Asked, Routed};
use super::paging::{open, seal};
use super::shared::{NextLink, SearchOrder, Shared};
use crate::sandbox::dice::mix;
use crate::sandbox::id::Shuffle;
use crate::sandbox::json::{Json, write_search_row};
use crate::sandbox::query::Query;
use crate::sandbox::schedule::{DAY, Micros};

const LONGEST_WINDOW: Micros = 90 * DAY;
const LONGEST_QUERY: usize = 1024;
const MOST: i64 = 1000;
const DEFAULT: i64 = 10;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    query: Option<String>,
    limit: Option<i64>,
    from: Option<String>,
    to: Option<String>,
}

/// Where a page of a search starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    from: Micros,
    to: Micros,
    limit: usize,
    /// Place of its first row in the order of the window.
    start: u64,
    /// Place of the first row of the page before.
    previous: u64,
    query: String,
}

/// Opens a search: the first page.
pub(super) fn open_search(shared: &Shared, asked: &Asked) -> Routed {
    let body: Option<Body> = serde_json::from_str(&asked.body).ok();
    let body = body.ok_or_else(|| Answer::error(400, "request_malformed", "body_invalid"))?;
    let query = body.query.clone().filter(|query| !query.trim().is_empty());
    let query = query.ok_or_else(|| Answer::invalid("query_required"))?;
    if query.chars().count() > LONGEST_QUERY {
        return Err(Answer::invalid("query_too_long"));
    }
    let limit = body.limit.unwrap_or(DEFAULT);
    if !(1..=MOST).contains(&limit) {
        return Err(Answer::invalid("paging_limit_invalid"));
    }
    let (from, to) = window(shared, &body)?;
    let limit = usize::try_from(limit).unwrap_or(1).min(shared.options.page_cap);
    page(shared, &Cursor { from, to, limit, start: 0, previous: 0, query })
}

/// A later page.
pub(super) fn follow(shared: &Shared, asked: &Asked) -> Routed {
    let cursor = asked.parameter("token").and_then(Cursor::open).ok_or(Answer::not_found())?;
    if shared.options.next_link == NextLink::Empty {
        return Ok(Answer::json(r#"{"data":[]}"#.to_owned()));
    }
    if shared.options.next_link != NextLink::Working || asked.segments().last() != Some(&cursor.search_id().as_str()) {
        return Err(Answer::not_found());
    }
    page(shared, &cursor)
}

/// Both ends or none; without any, the last 90 days.
fn window(shared: &Shared, body: &Body) -> Result<(Micros, Micros), Answer> {
    let instant = |text: &str, code| {
        let parsed = chrono::DateTime::parse_from_rfc3339(text).map(|at| at.timestamp_micros());
        parsed.ok().ok_or_else(|| Answer::invalid(code))
    };
    let (from, to) = match (&body.from, &body.to) {
        (None, None) => (shared.merchant.now() - LONGEST_WINDOW, shared.merchant.now()),
        (Some(from), Some(to)) => (instant(from, "from_invalid")?, instant(to, "to_invalid")?),
        (Some(_), None) => return Err(Answer::invalid("to_required")),
        (None, Some(_)) => return Err(Answer::invalid("from_required")),
    };
    match to.saturating_sub(from) {
        0..=LONGEST_WINDOW => Ok((from, to)),
        _ => Err(Answer::invalid("date_range_invalid")),
    }
}

fn page(shared: &Shared, cursor: &Cursor) -> Routed {
    let merchant = &shared.merchant;
    let query = Query::parse(&cursor.query).map_err(Answer::invalid)?;
    if shared.options.refused_fields.iter().any(|field| query.names(field)) {
        return Err(Answer::invalid("query_field_invalid"));
    }
    let order = Order::of(shared, merchant.window(cursor.from, cursor.to));
    let (mut rows, mut next) = (0, None);
    let body = Json::document(|json| {
        json.list("data", |json| {
            for place in cursor.start..order.length() {
                let payment = merchant.payment(order.at(place));
                if !query.admits(merchant, &payment) {
                    continue;
                }
                if rows == cursor.limit {
                    next = Some(Cursor { start: place, previous: cursor.start, ..cursor.clone() });
                    break;
                }
                write_search_row(json, merchant, &payment);
                rows += 1;
            }
        });
        if let Some(next) = next.filter(|_| shared.options.next_link != NextLink::Absent) {
            let href = format!("{}payments/search/{}?token={}", shared.hosts.main, next.search_id(), next.seal());
            json.member("_links", |json| json.member("next", |json| json.text("href", &href)));
        }
    });
    Ok(Answer::json(body))
}

/// The order in which the rows of a window come.
#[derive(Debug)]
struct Order {
    window: Range<u64>,
    order: SearchOrder,
    shuffle: Shuffle,
}

impl Order {
    fn of(shared: &Shared, window: Range<u64>) -> Self {
        let key = mix(shared.merchant.seed() ^ window.start);
        let shuffle = Shuffle::new(key, window.end - window.start);
        Self { window, order: shared.options.order, shuffle }
    }

    fn length(&self) -> u64 {
        self.window.end - self.window.start
    }

    fn at(&self, place: u64) -> u64 {
        match self.order {
            SearchOrder::NewestFirst => self.window.end - 1 - place,
            SearchOrder::OldestFirst => self.window.start + place,
            SearchOrder::Scattered => self.window.start + self.shuffle.at(place),
        }
    }
}

impl Cursor {
    /// The page before this one.
    pub(super) fn before(&self) -> Self {
        Self { start: self.previous, ..self.clone() }
    }

    /// As the token of a link.
    pub(super) fn seal(&self) -> String {
        let Self { from, to, limit, start, previous, query } = self;
        seal(&format!("{from},{to},{limit},{start},{previous},{query}"))
    }

    /// From the token of a link.
    pub(super) fn open(token: &str) -> Option<Self> {
        let text = open(token)?;
        let mut parts = text.splitn(6, ',');
        Some(Self {
            from: parts.next()?.parse().ok()?,
            to: parts.next()?.parse().ok()?,
            limit: parts.next()?.parse().ok()?,
            start: parts.next()?.parse().ok()?,
            previous: parts.next()?.parse().ok()?,
            query: parts.next()?.to_owned(),
        })
    }

    /// What the pages of one search have in common.
    fn search_id(&self) -> String {
        let query = self.query.bytes().fold(0, |hash, byte| mix(hash ^ u64::from(byte)));
        let hash = mix(query ^ self.from.unsigned_abs()) ^ mix(self.to.unsigned_abs());
        format!("{hash:016x}{:06x}", mix(hash) & 0xff_ffff)
    }
}
