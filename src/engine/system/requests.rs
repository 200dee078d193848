//! `system.requests`: the last requests of each account, without parameters and keys.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};

use super::{SystemTable, count, number, text};
use crate::api::journal::Entry;
use crate::api::request::Method;
use crate::schema::fields::instant;
use crate::source::connection::Connection;

pub(super) const TABLE: SystemTable = SystemTable {
    name: "requests",
    columns: &[
        ("at", instant, "When it was sent, UTC."),
        ("account", text, "The account it was sent for."),
        ("table_name", text, "The table it was made for; none for access tokens."),
        ("host", text, "main, balances, transfers, files or token."),
        ("method", text, "HTTP method."),
        ("path", text, "Path, with its keys unsaid."),
        ("status", number, "HTTP status; none when no whole answer came."),
        ("duration_ms", number, "From sending to the last byte."),
        ("waited_ms", number, "Time spent waiting for a turn at the limiter."),
        ("bytes", number, "Bytes of the body, decompressed."),
        ("request_id", text, "Cko-Request-Id, for Checkout.com's support."),
    ],
    rows,
};

fn rows(connections: &[Arc<Connection>]) -> Vec<ArrayRef> {
    let of_one = |connection: &Arc<Connection>| {
        let name = connection.name().to_owned();
        connection.client.journal().into_iter().map(move |entry| (name.clone(), entry))
    };
    let mut entries: Vec<(String, Entry)> = connections.iter().flat_map(of_one).collect();
    entries.sort_by_key(|(_, entry)| entry.at);
    let texts =
        |text: fn(&(String, Entry)) -> Option<String>| -> ArrayRef { Arc::new(StringArray::from_iter(entries.iter().map(text))) };
    let numbers = |number: fn(&Entry) -> Option<i64>| -> ArrayRef {
        Arc::new(Int64Array::from_iter(entries.iter().map(|(_, entry)| number(entry))))
    };
    let at = TimestampMicrosecondArray::from_iter_values(entries.iter().map(|(_, entry)| entry.at.timestamp_micros()));
    vec![
        Arc::new(at.with_timezone("UTC")),
        texts(|(account, _)| Some(account.clone())),
        texts(|(_, entry)| entry.table.map(str::to_owned)),
        texts(|(_, entry)| Some(format!("{:?}", entry.host).to_lowercase())),
        texts(|(_, entry)| Some(if entry.method == Method::Get { "GET" } else { "POST" }.to_owned())),
        texts(|(_, entry)| Some(entry.path.to_owned())),
        numbers(|entry| entry.status.map(i64::from)),
        numbers(|entry| Some(count(entry.milliseconds))),
        numbers(|entry| Some(count(entry.waited_milliseconds))),
        numbers(|entry| Some(count(entry.bytes))),
        texts(|(_, entry)| entry.request_id.clone()),
    ]
}
