//! Asks: which calls of a resource answer a query, for which keys or spans, on which account.
//!
//! [`choose`] picks the call from the filters alone, before anything is asked; [`asks`] makes plain data of it, one [`Ask`]
//! for each thing to ask, and [`Ask::request`] the first request of one. Together the asks of a query cover every row it
//! wants, each row by exactly one ask.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::connection::Connection;
use super::constraints::Constraints;
use super::effort::Effort;
use super::entities::{known_entities, may_belong};
use super::search;
use super::span::{SECOND, Span, rfc3339};
use super::statement::Statement;
use super::windows;
use crate::api::request::Request;
use crate::error::{Error, ErrorKind, Result};
use crate::resources::{By, Call, Key, Narrow, Paging, Resource};

/// One call to make for a query: on which account, for which keys, in which span.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The account asked.
    pub connection: Arc<Connection>,
    /// The call.
    pub call: &'static Call,
    /// The values it is made for, by column; they fill these columns where the answer leaves them out.
    pub keys: Vec<(&'static str, String)>,
    /// The span of the resource's time column that this ask answers for; rows outside belong to another ask.
    pub span: Option<Span>,
    /// The values of a column that this ask answers for, where they are searched for in lists; rows with others belong to
    /// another ask.
    pub claim: Option<(&'static str, BTreeSet<String>)>,
    /// What it took so far.
    pub effort: Arc<Effort>,
    /// The span that its range parameters say.
    listed: Span,
    /// Query parameters that the call needs.
    needed: Vec<(&'static str, String)>,
    /// Query parameters that say a span of time.
    times: Vec<(&'static str, String)>,
    /// Query parameters made from filters that only narrow the answer.
    values: Vec<(&'static str, String)>,
    /// The search-language expression, for a search.
    terms: String,
}

/// The call that answers a query; `filtered` names the columns its filters use.
///
/// # Errors
/// [`ErrorKind::Query`] when the resource answers only by key and the query gives none, or filters by what no fitting call
/// carries.
pub fn choose(resource: &'static Resource, constraints: &Constraints, filtered: &[&str]) -> Result<&'static Call> {
    let mut lacking = None;
    for call in resource.calls {
        let lacks = call.lacks.iter().find(|column| filtered.contains(column));
        match (call.by, lacks) {
            (By::Key(key), _) if !is_given(key, call, constraints) => {}
            (_, Some(column)) => lacking = Some(*column),
            (_, None) => {
                check_moment(call, constraints, filtered)?;
                return Ok(call);
            }
        }
    }
    Err(needs_key(resource, lacking))
}

/// Refuses a filter by a moment that says neither which moments nor that it is now: there is no end of them.
fn check_moment(call: &Call, constraints: &Constraints, filtered: &[&str]) -> Result<()> {
    match call.moment().filter(|(column, _)| filtered.contains(column)) {
        Some((column, _)) if constraints.instants(column).is_none() && !constraints.is_null(column) => Err(no_moment(column)),
        _ => Ok(()),
    }
}

pub(super) fn no_moment(column: &str) -> Error {
    Error::new(ErrorKind::Query, format!("{column} must be one moment, or a list of them"))
        .hint(format!("ask for one: where {column} = timestamp '…'; or join the table itself on {column} = a column of moments"))
}

/// The asks of a call that answer a query on one of `all` accounts.
///
/// # Errors
/// [`ErrorKind::Query`] for spans and moments that cannot be asked for; [`ErrorKind::Config`] when no entity is known;
/// those of finding one.
pub async fn asks(
    resource: &'static Resource,
    call: &'static Call,
    connection: &Arc<Connection>,
    all: &[Arc<Connection>],
    constraints: &Constraints,
    statement: &Statement,
) -> Result<Vec<Ask>> {
    let mut entities = match call.by {
        By::Entity => known_entities(connection, constraints, statement).await?,
        _ => Vec::new(),
    };
    entities.retain(|entity| may_belong(entity, connection, all));
    asks_of(resource, call, connection, constraints, &entities)
}

/// The accounts that a query can have rows of.
pub fn wanted<'a>(connections: &'a [Arc<Connection>], constraints: &'a Constraints) -> impl Iterator<Item = &'a Arc<Connection>> {
    let names = constraints.values("account");
    let is_wanted = move |name: &str| !constraints.is_contradiction() && names.is_none_or(|names| names.contains(name));
    connections.iter().filter(move |connection| is_wanted(connection.name()))
}

/// The asks of a call on one account; `entities` are those it is known to have, for a call by entity.
///
/// # Errors
/// [`ErrorKind::Query`] for spans and moments that cannot be asked for.
pub fn asks_of(
    resource: &'static Resource,
    call: &'static Call,
    connection: &Arc<Connection>,
    constraints: &Constraints,
    entities: &[String],
) -> Result<Vec<Ask>> {
    let ask = Ask::new(connection, call, constraints);
    let asks = match call.by {
        By::Key(key) => by_key(resource, &ask, key, constraints)?,
        By::Entity => {
            let entities = entities.iter().filter(|entity| can_be_in_path(entity));
            entities.map(|entity| ask.clone().with_key("entity_id", entity.clone())).collect()
        }
        By::Listing | By::Files(_) => vec![ask],
        By::Windows(column) => {
            let whole = history(connection, constraints.span(column))?;
            let span = Some(whole);
            let mut lists = search::lists(call.narrow, constraints, connection.account());
            // Each list takes as many searches as the span has windows; a listing of few rows takes fewer.
            let searches = windows::fewest(whole).saturating_mul(lists.len() as u64);
            if ask.listed_pages(whole).is_some_and(|pages| pages <= searches) {
                lists.clear();
            }
            let listed = lists.into_iter().map(|(column, values)| {
                let constraints = constraints.clone().and(Constraints::one_of(column, values.clone()));
                Ask { span, claim: Some((column, values)), ..Ask::new(connection, call, &constraints) }
            });
            let listed: Vec<Ask> = listed.collect();
            if listed.is_empty() { vec![Ask { span, ..ask }] } else { listed }
        }
    };
    at_moments(asks, call, connection, constraints)
}

/// Whether the query gives values for a key, and the call can be asked for each of them.
pub(super) fn is_given(key: Key, call: &Call, constraints: &Constraints) -> bool {
    let is_askable = |value: &String| key.param.is_none() || !value.is_empty();
    constraints.values(key.column).is_some_and(|values| values.iter().all(is_askable))
        && call.needs.iter().all(|column| constraints.value(column).is_some_and(|value| !value.is_empty()))
}

/// The span a windowed listing covers: what the query says, or else the account's whole history until now.
///
/// # Errors
/// [`ErrorKind::Query`] when all that is asked for lies before the account's history: to answer with no row would be a
/// guess.
fn history(connection: &Connection, wanted: Span) -> Result<Span> {
    let now = connection.now().timestamp_micros();
    let start = connection.account().history_start.timestamp_micros();
    if wanted.from == i64::MIN && wanted.to <= start {
        let error = Error::new(ErrorKind::Query, "all that is asked for lies before the account's history_start");
        return Err(error
            .with("history_start", rfc3339(start))
            .with("account", connection.name())
            .hint("say from when: requested_on >= '…'; or set history_start of the account to an earlier day"));
    }
    let from = if wanted.from == i64::MIN { start } else { wanted.from };
    Ok(Span { from, to: wanted.to.min(now) })
}

fn by_key(resource: &'static Resource, ask: &Ask, key: Key, constraints: &Constraints) -> Result<Vec<Ask>> {
    let mut span = None;
    let mut asks = Vec::new();
    if let Some((older, newer)) = split(resource, key, &ask.connection, constraints)? {
        span = Some(newer);
        if let Some(listing) = resource.calls.iter().find(|call| matches!(call.by, By::Windows(_))) {
            asks.push(Ask { span: Some(older), ..Ask::new(&ask.connection, listing, constraints) });
        }
    }
    for value in constraints.values(key.column).into_iter().flatten() {
        if key.param.is_some() || can_be_in_path(value) {
            asks.push(Ask { span, ..ask.clone().with_key(key.column, value.clone()) });
        }
    }
    Ok(asks)
}

/// The asks once for each moment the query asks for, where the call answers for moments.
fn at_moments(asks: Vec<Ask>, call: &Call, connection: &Connection, constraints: &Constraints) -> Result<Vec<Ask>> {
    let Some((column, param)) = call.moment() else { return Ok(asks) };
    let Some(moments) = constraints.instants(column) else { return Ok(asks) };
    if moments.last().is_some_and(|last| *last > connection.now().timestamp_micros()) {
        return Err(Error::new(ErrorKind::Query, format!("{column} lies in the future"))
            .hint(format!("ask for one: where {column} = timestamp '…'")));
    }
    let at = |ask: &Ask, moment: i64| {
        let mut ask = ask.clone().with_key(column, rfc3339(moment));
        ask.needed.push((param, rfc3339(moment)));
        ask
    };
    Ok(asks.iter().flat_map(|ask| moments.iter().map(|moment| at(ask, *moment))).collect())
}

/// The part of the wanted span that a call which knows rows only since some day does not know, and the part it does.
fn split(resource: &Resource, key: Key, connection: &Connection, constraints: &Constraints) -> Result<Option<(Span, Span)>> {
    let (Some(since), Some(time)) = (key.since, resource.time) else { return Ok(None) };
    let since = since.saturating_mul(SECOND);
    let older = history(connection, constraints.span(time))?.intersect(Span { to: since, ..Span::ALWAYS });
    let newer = Span { from: since, ..Span::ALWAYS };
    Ok((!older.is_empty()).then_some((older, newer)))
}

/// No id is empty or made of dots, and as a path segment such a value would name another call.
fn can_be_in_path(value: &str) -> bool {
    !value.bytes().all(|byte| byte == b'.')
}

fn needs_key(resource: &Resource, lacking: Option<&str>) -> Error {
    let keys = |call: &Call| match call.by {
        By::Key(key) => Some([&[key.column], call.needs].concat()),
        _ => None,
    };
    let keys: Vec<Vec<&str>> = resource.calls.iter().filter_map(keys).collect();
    let message = match lacking {
        Some(column) => format!("{} asked for in this way come without {column}, which the query filters by", resource.name),
        None => {
            let keys: Vec<String> = keys.iter().map(|columns| columns.join(" with ")).collect();
            format!("{} answers only for given {}", resource.name, keys.join(" or "))
        }
    };
    let filters: Vec<String> = keys.first().into_iter().flatten().map(|column| format!("{column} = '…'")).collect();
    Error::new(ErrorKind::Query, message).hint(format!("add a filter such as: where {}", filters.join(" and ")))
}

impl Ask {
    fn new(connection: &Arc<Connection>, call: &'static Call, constraints: &Constraints) -> Self {
        let mut ask = Self {
            connection: Arc::clone(connection),
            call,
            keys: Vec::new(),
            span: None,
            claim: None,
            effort: Arc::default(),
            listed: Span::ALWAYS,
            needed: Vec::new(),
            times: Vec::new(),
            values: Vec::new(),
            terms: search::expression(call.narrow, constraints, connection.account()),
        };
        for narrow in call.narrow {
            ask.narrow_by(narrow, constraints);
        }
        ask
    }

    /// Another ask like this, for this value of a column.
    fn with_key(mut self, column: &'static str, value: String) -> Self {
        self.keys.push((column, value));
        self.effort = Arc::default();
        self
    }

    fn narrow_by(&mut self, narrow: &Narrow, constraints: &Constraints) {
        match *narrow {
            Narrow::Eq { column, param } => {
                if let Some(value) = constraints.value(column) {
                    if self.call.needs.contains(&column) {
                        self.keys.push((column, value.to_owned()));
                        self.needed.push((param, value.to_owned()));
                    } else {
                        self.values.push((param, value.to_owned()));
                    }
                }
            }
            Narrow::In { column, param } => {
                // A value with a comma would be read as two.
                let sendable = |values: &&BTreeSet<String>| !values.iter().any(|value| value.is_empty() || value.contains(','));
                if let Some(values) = constraints.values(column).filter(sendable) {
                    let values: Vec<&str> = values.iter().map(String::as_str).collect();
                    self.values.push((param, values.join(",")));
                }
            }
            Narrow::Range { column, from, to } => {
                let span = constraints.span(column);
                self.listed = span;
                let (start, end) = span.around();
                if span.from != i64::MIN {
                    self.times.push((from, start));
                }
                if span.to != i64::MAX {
                    self.times.push((to, end));
                }
            }
            // Moments make asks of their own, terms one expression together.
            Narrow::Moment { .. } | Narrow::Term { .. } => {}
        }
    }

    /// Whether it is narrowed by anything but its key and span.
    pub fn is_narrowed(&self) -> bool {
        !self.times.is_empty() || self.is_narrowed_by_value()
    }

    /// Whether it is narrowed by more than a span of time.
    pub fn is_narrowed_by_value(&self) -> bool {
        !self.values.is_empty() || self.terms != search::EVERYTHING
    }

    fn parameters(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = self.needed.iter().chain(&self.times).chain(&self.values);
        all.map(|(name, value)| (*name, value.as_str()))
    }

    /// The span that a listing is of: what its range says, or else the account's history.
    pub fn listed_span(&self) -> Span {
        let history = Span {
            from: self.connection.account().history_start.timestamp_micros(),
            to: self.connection.now().timestamp_micros(),
        };
        history.intersect(self.listed)
    }

    /// Pages of all rows in a span, where it is known how many rows there are.
    fn listed_pages(&self, span: Span) -> Option<u64> {
        let Paging::NextLink(page) = self.call.paging else { return None };
        Some(span.rows(self.rows_per_year()?) / page as u64 + windows::fewest(span))
    }

    /// Rows a year of the call's listing: as seen, or as configured for the table that the call is first of.
    pub fn rows_per_year(&self) -> Option<u64> {
        let seen = self.connection.seen_per_year(self.call.path);
        let configured = || self.connection.account().rows_per_year.get(self.call.listed_as()?).copied();
        seen.or_else(configured)
    }

    /// The same ask without what only narrows its answer, where there is such: for a call that refuses it.
    pub fn wider(&self) -> Option<Self> {
        let wider = || Self { terms: search::EVERYTHING.to_owned(), values: Vec::new(), ..self.clone() };
        self.is_narrowed_by_value().then(wider)
    }

    /// The search-language expression and the query parameters it sends, as they would be read aloud in a plan.
    pub fn filters(&self) -> String {
        let parameters = self.parameters().map(|(name, value)| format!("{name}={value}"));
        let terms = (self.terms != search::EVERYTHING).then(|| self.terms.clone());
        parameters.chain(terms).collect::<Vec<_>>().join(" & ")
    }

    /// The first request of this ask; `window` is the part of its span to search in, `page_size` the rows wanted.
    pub fn request(&self, resource: &Resource, window: Option<Span>, page_size: usize) -> Request {
        let mut query: Vec<(String, String)> =
            self.call.fixed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        query.extend(self.parameters().map(|(name, value)| (name.to_owned(), value.to_owned())));
        if let By::Key(Key { column, param: Some(param), .. }) = self.call.by {
            query
                .extend(self.keys.iter().filter(|(name, _)| *name == column).map(|(_, value)| (param.to_owned(), value.clone())));
        }
        Request {
            host: self.call.host,
            method: self.call.method,
            path: self.fill(self.call.path),
            query,
            body: window.map(|window| search::body(&self.terms, window, page_size)),
            template: self.call.path,
            table: resource.name,
            scope: self.call.scope,
            pass: 0,
        }
    }

    /// The request for the parent document of this ask's key, where the call has one.
    pub fn parent_request(&self, resource: &Resource) -> Option<Request> {
        let path = self.fill(self.call.parent?);
        let request = self.request(resource, None, 0);
        Some(Request { path, template: self.call.parent?, query: Vec::new(), body: None, ..request })
    }

    /// The path with its `{column}` replaced by the key's value.
    fn fill(&self, path: &str) -> String {
        self.keys.iter().fold(path.to_owned(), |path, (column, value)| path.replace(&format!("{{{column}}}"), &segment(value)))
    }
}

/// A value as one path segment, whatever is in it.
pub(super) fn segment(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_segment_cannot_leave_its_place() {
        assert_eq!(segment("pay_abc"), "pay_abc");
        assert_eq!(segment("a/b?c=d#e%2f é"), "a%2Fb%3Fc%3Dd%23e%252f%20%C3%A9");
        assert!(!can_be_in_path("") && !can_be_in_path("..") && can_be_in_path("..a"));
    }
}
