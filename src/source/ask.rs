//! Asks: which calls of a resource answer a query, for which keys or spans, on which account.
//!
//! An [`Ask`] is plain data made from a [`Resource`] and [`Constraints`]; [`Ask::request`] turns it into the first
//! request of a call. Together the asks of a query cover every row it wants, each row by exactly one ask.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::connection::Connection;
use super::constraints::Constraints;
use super::search;
use super::span::{SECOND, Span, rfc3339};
use crate::api::request::Request;
use crate::error::{Error, ErrorKind, Result};
use crate::resources::{By, Call, Key, Narrow, Resource};

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
    /// Query parameters made from filters.
    narrow: Vec<(&'static str, String)>,
    /// The search-language expression, for a search.
    terms: String,
}

/// The asks that answer a query on all accounts; `filtered` names the columns its filters use.
///
/// # Errors
/// [`ErrorKind::Query`] when the resource answers only by key and the query gives none, or filters by what no fitting call
/// carries; [`ErrorKind::Config`] when no entity is known; those of getting a token that names one.
pub async fn asks(
    resource: &'static Resource,
    connections: &[Arc<Connection>],
    constraints: &Constraints,
    filtered: &[&str],
) -> Result<Vec<Ask>> {
    let mut asks = Vec::new();
    if constraints.is_contradiction() {
        return Ok(asks);
    }
    for connection in connections {
        let wanted = constraints.values("account").is_none_or(|names| names.contains(connection.name()));
        if wanted {
            asks.extend(asks_of(resource, connection, constraints, filtered).await?);
        }
    }
    Ok(asks)
}

async fn asks_of(
    resource: &'static Resource,
    connection: &Arc<Connection>,
    constraints: &Constraints,
    filtered: &[&str],
) -> Result<Vec<Ask>> {
    let mut lacking = None;
    for call in resource.calls {
        let lacks = call.lacks.iter().find(|column| filtered.contains(column));
        match (call.by, lacks) {
            (By::Key(key), _) if !is_given(key, call, constraints) => {}
            (_, Some(column)) => lacking = Some(*column),
            (By::Key(key), None) => return by_key(resource, call, key, connection, constraints),
            (By::Entity, None) => return by_entity(call, connection, constraints).await,
            (By::Listing, None) => return Ok(vec![Ask::new(connection, call, constraints)?]),
            (By::Windows(column), None) => {
                let span = history(connection, constraints.span(column))?;
                return Ok(vec![Ask { span: Some(span), ..Ask::new(connection, call, constraints)? }]);
            }
        }
    }
    Err(needs_key(resource, lacking))
}

/// Whether the query gives values for a key, and the call can be asked for each of them.
fn is_given(key: Key, call: &Call, constraints: &Constraints) -> bool {
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

fn by_key(
    resource: &'static Resource,
    call: &'static Call,
    key: Key,
    connection: &Arc<Connection>,
    constraints: &Constraints,
) -> Result<Vec<Ask>> {
    let mut span = None;
    let mut asks = Vec::new();
    if let Some((older, newer)) = split(resource, key, connection, constraints)? {
        span = Some(newer);
        if let Some(listing) = resource.calls.iter().find(|call| matches!(call.by, By::Windows(_))) {
            asks.push(Ask { span: Some(older), ..Ask::new(connection, listing, constraints)? });
        }
    }
    for value in constraints.values(key.column).into_iter().flatten() {
        if key.param.is_some() || can_be_in_path(value) {
            let ask = Ask::new(connection, call, constraints)?;
            asks.push(Ask { span, ..ask.with_key(key.column, value.clone()) });
        }
    }
    Ok(asks)
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

async fn by_entity(call: &'static Call, connection: &Arc<Connection>, constraints: &Constraints) -> Result<Vec<Ask>> {
    let entities = match constraints.values("entity_id") {
        Some(wanted) => wanted.iter().cloned().collect(),
        None => known_entities(connection).await?,
    };
    let entities = entities.into_iter().filter(|entity| can_be_in_path(entity));
    entities.map(|entity| Ok(Ask::new(connection, call, constraints)?.with_key("entity_id", entity))).collect()
}

/// The entities of an account: those configured, or else the one its token names.
async fn known_entities(connection: &Connection) -> Result<Vec<String>> {
    let configured = &connection.account().entity_ids;
    if !configured.is_empty() {
        return Ok(configured.clone());
    }
    match connection.client.entity_id().await? {
        Some(entity) => Ok(vec![entity]),
        None => Err(Error::new(ErrorKind::Config, "no entity is known for the account").with("account", connection.name()).hint(
            "set entity_ids = [\"ent_…\"] for the account (or CHECKOUT_ENTITY_IDS), or ask for one: where entity_id = 'ent_…'",
        )),
    }
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
    fn new(connection: &Arc<Connection>, call: &'static Call, constraints: &Constraints) -> Result<Self> {
        let mut ask = Self {
            connection: Arc::clone(connection),
            call,
            keys: Vec::new(),
            span: None,
            narrow: Vec::new(),
            terms: search::EVERYTHING.to_owned(),
        };
        for narrow in call.narrow {
            ask.narrow_by(narrow, constraints)?;
        }
        Ok(ask)
    }

    fn with_key(mut self, column: &'static str, value: String) -> Self {
        self.keys.push((column, value));
        self
    }

    fn narrow_by(&mut self, narrow: &Narrow, constraints: &Constraints) -> Result<()> {
        match *narrow {
            Narrow::Eq { column, param } => {
                if let Some(value) = constraints.value(column) {
                    self.narrow.push((param, value.to_owned()));
                    if self.call.needs.contains(&column) {
                        self.keys.push((column, value.to_owned()));
                    }
                }
            }
            Narrow::In { column, param } => {
                // A value with a comma would be read as two.
                let sendable = |values: &&BTreeSet<String>| !values.iter().any(|value| value.is_empty() || value.contains(','));
                if let Some(values) = constraints.values(column).filter(sendable) {
                    let values: Vec<&str> = values.iter().map(String::as_str).collect();
                    self.narrow.push((param, values.join(",")));
                }
            }
            Narrow::Moment { column, param } => {
                if constraints.span(column) != Span::ALWAYS {
                    let moment = rfc3339(self.one_moment(column, constraints.span(column))?);
                    self.narrow.push((param, moment.clone()));
                    self.keys.push((column, moment));
                }
            }
            Narrow::Range { column, from, to } => {
                let span = constraints.span(column);
                let (start, end) = span.around();
                if span.from != i64::MIN {
                    self.narrow.push((from, start));
                }
                if span.to != i64::MAX {
                    self.narrow.push((to, end));
                }
            }
            Narrow::Term { column, field } => {
                if let Some(term) = constraints.value(column).and_then(|value| search::term(field, value)) {
                    self.terms = term;
                }
            }
        }
        Ok(())
    }

    /// The past instant that a span is.
    fn one_moment(&self, column: &str, span: Span) -> Result<i64> {
        let error =
            |message| Err(Error::new(ErrorKind::Query, message).hint(format!("ask for one: where {column} = timestamp '…'")));
        match span.width() {
            1 if span.from > self.connection.now().timestamp_micros() => error(format!("{column} lies in the future")),
            1 => Ok(span.from),
            _ => error(format!("{column} must be one moment")),
        }
    }

    /// The first request of this ask; `window` is the part of its span to search in, `page_size` the rows wanted.
    pub fn request(&self, resource: &Resource, window: Option<Span>, page_size: usize) -> Request {
        let mut query: Vec<(String, String)> =
            self.call.fixed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        query.extend(self.narrow.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
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
            table: resource.name,
            scope: self.call.scope,
        }
    }

    /// The request for the parent document of this ask's key, where the call has one.
    pub fn parent_request(&self, resource: &Resource) -> Option<Request> {
        let path = self.fill(self.call.parent?);
        let request = self.request(resource, None, 0);
        Some(Request { path, query: Vec::new(), body: None, ..request })
    }

    /// The path with its `{column}` replaced by the key's value.
    fn fill(&self, path: &str) -> String {
        self.keys.iter().fold(path.to_owned(), |path, (column, value)| path.replace(&format!("{{{column}}}"), &segment(value)))
    }
}

/// A value as one path segment, whatever is in it.
fn segment(value: &str) -> String {
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
