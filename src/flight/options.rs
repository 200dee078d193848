//! The options of a session, as Flight has them: the settings that `set checkout.… = …` changes.
//!
//! `arrow-flight` has no messages for them yet; these are Flight's own, by its numbers.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;

use super::Server;
use super::visitor::Visitor;

/// A request to change options.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SetSessionOptions {
    #[prost(map = "string, message", tag = "1")]
    options: HashMap<String, Value>,
}

/// What could not be changed.
#[derive(Clone, PartialEq, Message)]
struct SetSessionOptionsResult {
    #[prost(map = "string, message", tag = "1")]
    errors: HashMap<String, Refused>,
}

/// The options there are.
#[derive(Clone, PartialEq, Message)]
struct GetSessionOptionsResult {
    #[prost(map = "string, message", tag = "1")]
    options: HashMap<String, Value>,
}

/// What came of closing a session.
#[derive(Clone, PartialEq, Message)]
struct CloseSessionResult {
    #[prost(enumeration = "Closed", tag = "1")]
    status: i32,
}

/// The value of an option; without one, it is set back.
#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Kind {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Flag(bool),
    #[prost(sfixed64, tag = "3")]
    Whole(i64),
    #[prost(double, tag = "4")]
    Number(f64),
    #[prost(message, tag = "5")]
    Texts(Texts),
}

/// Texts, which are the value of no option here.
#[derive(Clone, PartialEq, Message)]
struct Texts {
    #[prost(string, repeated, tag = "1")]
    texts: Vec<String>,
}

/// Why an option was not changed.
#[derive(Clone, PartialEq, Message)]
struct Refused {
    #[prost(enumeration = "Reason", tag = "1")]
    reason: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
enum Reason {
    Unspecified = 0,
    Name = 1,
    Value = 2,
    Error = 3,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
enum Closed {
    Unspecified = 0,
    Done = 1,
    UnderWay = 2,
    Impossible = 3,
}

/// Changes options, and tells which could not be.
pub(super) async fn set(visitor: &Visitor, asked: SetSessionOptions) -> Bytes {
    let mut errors = HashMap::new();
    let mut options: Vec<_> = asked.options.into_iter().collect();
    options.sort_by(|(name, _), (other, _)| name.cmp(other));
    for (name, value) in options {
        if let Err(reason) = set_one(visitor, &name, value).await {
            errors.insert(name, Refused { reason: reason.into() });
        }
    }
    SetSessionOptionsResult { errors }.encode_to_vec().into()
}

async fn set_one(visitor: &Visitor, name: &str, value: Value) -> Result<(), Reason> {
    let text = match value.kind {
        None => None,
        Some(Kind::Text(text)) => Some(text),
        Some(Kind::Flag(flag)) => Some(flag.to_string()),
        Some(Kind::Whole(whole)) => Some(whole.to_string()),
        Some(Kind::Number(number)) => Some(number.to_string()),
        Some(Kind::Texts(_)) => return Err(Reason::Value),
    };
    if visitor.session().settings().iter().all(|(known, ..)| *known != name) {
        return Err(Reason::Name);
    }
    visitor.session().set(name, text.as_deref()).await.map_err(|_refused| Reason::Value)
}

/// The options there are.
pub(super) fn get(visitor: &Visitor) -> Bytes {
    let settings = visitor.session().settings().into_iter();
    let options = settings.map(|(name, value, _)| (name, Value { kind: Some(Kind::Text(value)) })).collect();
    GetSessionOptionsResult { options }.encode_to_vec().into()
}

/// Ends a session: its token opens nothing any more, and what was prepared in it is forgotten.
pub(super) fn close(server: &Server, visitor: &Arc<Visitor>) -> Bytes {
    server.tokens.retain(|other| !Arc::ptr_eq(other, visitor));
    server.prepared.retain(|prepared| !prepared.is_of(visitor));
    server.statements.retain(|(statement, _)| !statement.is_of(visitor));
    CloseSessionResult { status: Closed::Done.into() }.encode_to_vec().into()
}
