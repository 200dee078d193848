//! The bill: how many requests a scan will take, before the first is made.
//!
//! What follows from the declaration alone is exact (a request for each key). Listings depend on how many rows there are:
//! that was learnt by earlier scans, or is configured (`rows_per_year`), or else only the least is known.

use std::fmt;
use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;

use super::ask::{Ask, asks_of, wanted};
use super::connection::Connection;
use super::constraints::Constraints;
use super::entities::may_belong;
use super::exec::LiveScanExec;
use super::lookup::LookupJoinExec;
use super::scan::Scan;
use super::span::{DAY, Span};
use super::windows::{self, Outlook};
use crate::resources::{By, Call, Paging};
use crate::schema::decode::Decoder;

/// Rows that a listing is taken to have where nothing is known: many, so that a join asks for keys.
pub(super) const MANY: u64 = 1_000_000;

/// What a scan will cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// The calls that are made, as method and path, with what narrows them.
    pub calls: Vec<String>,
    /// Requests.
    pub requests: u64,
    /// How sure that is.
    pub basis: Basis,
    /// Rows that come, before filters.
    pub rows: u64,
    /// Requests a second that may be made now.
    pub pace: u32,
    /// Another way to the same rows, where it takes fewer requests.
    pub cheaper: Option<String>,
}

/// How sure a number of requests is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// It follows from the query.
    Exact,
    /// It follows from how many rows there are, as far as that is known.
    About,
    /// No more than that: a limit or a filter may end it earlier.
    AtMost,
    /// No fewer than that: how many rows there are is not known.
    AtLeast,
}

impl Bill {
    /// Whether it surely takes that many requests, or that is the best that is known.
    pub fn is_expected(&self) -> bool {
        self.basis != Basis::AtMost
    }

    /// Milliseconds at the present pace.
    pub fn milliseconds(&self) -> u64 {
        self.requests.saturating_mul(1000) / u64::from(self.pace.max(1))
    }
}

impl fmt::Display for Bill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "requests={}{}", self.basis.sign(), self.requests)?;
        self.calls.iter().try_for_each(|call| write!(f, ", {call}"))
    }
}

impl Basis {
    /// As a sign before the number.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Exact => "",
            Self::About => "~",
            Self::AtMost => "<=",
            Self::AtLeast => ">=",
        }
    }
}

/// What the live tables of a plan will cost, by table.
pub fn bills(plan: &Arc<dyn ExecutionPlan>) -> Vec<(&'static str, Bill)> {
    let mut bills: Vec<(&str, Bill)> = plan.children().into_iter().flat_map(bills).collect();
    if let Some(scan) = plan.downcast_ref::<LiveScanExec>() {
        bills.push((scan.scan().resource.name, scan.bill()));
    }
    if let Some(join) = plan.downcast_ref::<LookupJoinExec>() {
        bills.extend(join.bill());
    }
    bills
}

/// What a scan will cost by its filters alone.
pub(super) fn bill(scan: &Scan) -> Bill {
    let connections: Vec<&Arc<Connection>> = wanted(&scan.connections, &scan.constraints).collect();
    let pace = connections.iter().map(|connection| connection.client.pace()).max().unwrap_or(1);
    let mut bill = Bill { calls: Vec::new(), requests: 0, basis: Basis::Exact, rows: 0, pace, cheaper: None };
    let Ok(chosen) = scan.call() else { return Bill { basis: Basis::AtLeast, rows: MANY, ..bill } };
    for connection in &connections {
        // What cannot be asked for is an error once it is tried.
        let asks = asks_of(scan.resource, chosen, connection, &scan.constraints, &entities(scan, connection)).unwrap_or_default();
        for ask in &asks {
            bill.add(ask_bill(scan, ask));
            let shown = shown(scan, ask);
            if !bill.calls.contains(&shown) {
                bill.calls.push(shown);
            }
        }
        bill.cheaper = bill.cheaper.take().or_else(|| cheaper(scan, chosen, connection, asks.len()));
    }
    bill
}

/// What a scan will cost that a join tells keys: `keys` of them at the most, where that is known.
pub(super) fn joined_bill(scan: &Scan, keys: Option<usize>) -> Bill {
    let listing = bill(scan);
    let Some((call, column)) = scan.joined_call() else {
        return if scan.is_searched_for() { Bill { basis: listing.basis.max(Basis::AtMost), ..listing } } else { listing };
    };
    let keys = keys.map(|keys| keys as u64);
    let most = scan.statement.most_requests().unwrap_or(u64::MAX);
    if keys.is_some_and(|keys| !scan.lacks(scan.call().unwrap_or(call)) && (keys > most || scan.is_dearer(keys))) {
        return listing;
    }
    let scan = Arc::new(scan.clone()).by(call);
    let one = scan.constraints.clone().and(Constraints::one_of(column, ["key".to_owned()].into()));
    let (mut each, mut once) = (0_u64, 0_u64);
    for connection in wanted(&scan.connections, &scan.constraints) {
        for ask in asks_of(scan.resource, call, connection, &one, &[]).unwrap_or_default() {
            let cost = ask_bill(&scan, &ask).requests;
            // What the call by key does not know is listed beside it, once for all keys.
            if ask.keys.is_empty() { once += cost } else { each += cost }
        }
    }
    let title = format!("{} for each {column} of the join", call.title());
    Bill {
        calls: vec![title],
        requests: keys.unwrap_or(1).saturating_mul(each).saturating_add(once),
        // Rows may have the same key.
        basis: if keys.is_some() { Basis::AtMost } else { Basis::AtLeast },
        rows: keys.unwrap_or(MANY),
        ..listing
    }
}

/// What an ask will cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    pub(super) requests: u64,
    pub(super) basis: Basis,
    pub(super) rows: u64,
}

impl Bill {
    fn add(&mut self, cost: Cost) {
        self.requests = self.requests.saturating_add(cost.requests);
        self.rows = self.rows.saturating_add(cost.rows);
        self.basis = self.basis.max(cost.basis);
    }
}

fn ask_bill(scan: &Scan, ask: &Ask) -> Cost {
    let limit = scan.limit.map(|limit| limit as u64);
    match (ask.call.by, ask.rows_per_year()) {
        (By::Key(_) | By::Entity, _) => {
            let parent = u64::from(reads_parent(scan, ask.call, &ask.connection, &ask.keys));
            let basis = if ask.call.paging == Paging::Single { Basis::Exact } else { Basis::About };
            Cost { requests: 1 + parent, basis, rows: 1 }
        }
        (By::Listing, _) if scan.only_counts(ask) => Cost { requests: 1, basis: Basis::Exact, rows: 1 },
        (By::Listing, None) if limit.is_some_and(|limit| limit <= page(ask)) && scan.sieve.predicate.is_none() => {
            Cost { requests: 1, basis: Basis::About, rows: MANY }
        }
        (By::Listing, None) => Cost { requests: 1, basis: Basis::AtLeast, rows: MANY },
        (By::Listing, Some(per_year)) => {
            let all = ask.listed_span().rows(per_year);
            let rows = limit.filter(|_| scan.sieve.predicate.is_none()).map_or(all, |limit| limit.min(all));
            let basis = if ask.is_narrowed_by_value() || limit.is_some() { Basis::AtMost } else { Basis::About };
            let basis = if rows < page(ask) { Basis::About } else { basis };
            Cost { requests: rows.div_ceil(page(ask)).max(1), basis, rows: all }
        }
        (By::Files(_), _) => super::reports::cost(ask),
        (By::Windows(_), per_year) => windows_bill(scan, ask, per_year),
    }
}

fn windows_bill(scan: &Scan, ask: &Ask, per_year: Option<u64>) -> Cost {
    let span = ask.span.unwrap_or(Span::ALWAYS);
    let limit = scan.limit.map(|limit| limit as u64);
    let counts = limit.filter(|_| scan.sieve.predicate.is_none());
    if let Some(limit) = counts.filter(|_| scan.order.is_none() && ask.call.explode.is_none()) {
        return Cost { requests: limit.div_ceil(page(ask)).max(1), basis: Basis::About, rows: limit };
    }
    let Some(per_year) = per_year else {
        let least = if limit.is_some() { 1 } else { windows::fewest(span) };
        return Cost { requests: least, basis: Basis::AtLeast, rows: MANY };
    };
    let wanted = counts.filter(|_| scan.order.is_some());
    let outlook = Outlook {
        per_year,
        page: usize::try_from(page(ask)).unwrap_or(1),
        next_link: ask.connection.next_link(),
        in_flight: ask.connection.account().limits.in_flight,
        wanted,
    };
    let requests = windows::foresee(span, outlook);
    let is_bounded = ask.is_narrowed() || (limit.is_some() && wanted.is_none());
    let basis = if is_bounded { Basis::AtMost } else { Basis::About };
    Cost { requests, basis, rows: span.rows(per_year) }
}

/// Rows a page holds.
fn page(ask: &Ask) -> u64 {
    let page = match ask.call.paging {
        Paging::Single => 1,
        Paging::SkipLimit(most) | Paging::Token(most) => most,
        Paging::NextLink(most) => most.min(ask.connection.page_cap()),
    };
    page as u64
}

/// Whether a call reads the parent document first, for rows of these keys.
fn reads_parent(scan: &Scan, call: &Call, connection: &Connection, keys: &[(&'static str, String)]) -> bool {
    let settings = connection.settings(scan.on_malformed);
    let decoder = Decoder::try_new(scan.resource.columns, scan.resource.shape(call), &scan.decoded, settings);
    call.parent.is_some() && decoder.is_ok_and(|decoder| decoder.needs_parent(keys))
}

/// The entities asked for; one where they are still to be found out.
fn entities(scan: &Scan, connection: &Connection) -> Vec<String> {
    let asked = scan.constraints.values("entity_id").map(|values| values.iter().cloned().collect());
    let known = || connection.known_entities().to_vec();
    let mut entities: Vec<String> = asked.unwrap_or_else(known);
    entities.retain(|entity| may_belong(entity, connection, &scan.connections));
    let is_unknown = scan.constraints.values("entity_id").is_none() && connection.known_entities().is_empty();
    if is_unknown { vec!["ent_".to_owned()] } else { entities }
}

/// The call as a template, with what narrows it.
fn shown(scan: &Scan, ask: &Ask) -> String {
    if let (By::Files(_), Some(folder)) = (ask.call.by, &ask.connection.account().reports_dir) {
        return format!("the files below {}", folder.display());
    }
    let mut shown = ask.call.title();
    let filters = ask.filters();
    if !filters.is_empty() {
        shown.push_str(&format!(" [{filters}]"));
    }
    if let Some(span) = ask.span.filter(|_| matches!(ask.call.by, By::Windows(_))) {
        let days = span.width() / DAY;
        shown.push_str(&format!(" over {days} days of {}", scan.resource.time.unwrap_or_default()));
    }
    shown
}

/// Fewer keys than this are not worth a thought about a listing.
const FEW: usize = 10;

/// A listing of the same rows, where it takes fewer requests than the keys.
fn cheaper(scan: &Scan, call: &Call, connection: &Arc<Connection>, keys: usize) -> Option<String> {
    if keys < FEW || !matches!(call.by, By::Key(_)) {
        return None;
    }
    let listing = scan.resource.calls.iter().find(|call| matches!(call.by, By::Windows(_) | By::Listing))?;
    let asks = asks_of(scan.resource, listing, connection, &scan.constraints, &[]).ok()?;
    let cost = asks.iter().map(|ask| ask_bill(scan, ask)).find(|cost| cost.basis == Basis::About)?;
    (cost.requests < keys as u64).then(|| format!("all of {} takes about {}", listing.title(), cost.requests))
}
