//! `system.coverage`: what each scan has read lately, and whether that is all there was.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, StringArray, TimestampMicrosecondArray};

use super::{SystemTable, count, flag, number, text};
use crate::schema::fields::instant;
use crate::source::connection::Connection;
use crate::source::coverage::Covered;

pub(super) const TABLE: SystemTable = SystemTable {
    name: "coverage",
    columns: &[
        ("account", text, "The account that was read."),
        ("table_name", text, "The table."),
        ("path", text, "Path of the call, with its keys unsaid."),
        ("file", text, "Name of the report file, where it was one."),
        ("from", instant, "Start of the span asked for, UTC; none for calls that are not by time."),
        ("to", instant, "First instant after the span, UTC."),
        ("rows", number, "Rows decoded, before any filter; pages that were read in vain count too."),
        ("requests", number, "Requests made."),
        ("is_proven", flag, "Whether all rows there are were read; a limit that was met leaves the rest unread."),
        ("fetched_at", instant, "When it ended, UTC."),
        ("error", text, "Why it is not whole, where it failed."),
    ],
    rows,
};

fn rows(connections: &[Arc<Connection>]) -> Vec<ArrayRef> {
    let of_one = |connection: &Arc<Connection>| {
        let name = connection.name().to_owned();
        connection.coverage.read().into_iter().map(move |covered| (name.clone(), covered))
    };
    let entries: Vec<(String, Covered)> = connections.iter().flat_map(of_one).collect();
    let texts = |text: fn(&(String, Covered)) -> Option<String>| -> ArrayRef {
        Arc::new(StringArray::from_iter(entries.iter().map(text)))
    };
    let numbers = |number: fn(&Covered) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(entries.iter().map(|(_, covered)| count(number(covered)))))
    };
    let instants = |instant: fn(&Covered) -> Option<i64>| -> ArrayRef {
        let instants = entries.iter().map(|(_, covered)| instant(covered));
        Arc::new(TimestampMicrosecondArray::from_iter(instants).with_timezone("UTC"))
    };
    vec![
        texts(|(account, _)| Some(account.clone())),
        texts(|(_, covered)| Some(covered.table.to_owned())),
        texts(|(_, covered)| Some(covered.path.to_owned())),
        texts(|(_, covered)| covered.file.clone()),
        instants(|covered| covered.span.map(|span| span.from)),
        instants(|covered| covered.span.map(|span| span.to)),
        numbers(|covered| covered.rows),
        numbers(|covered| covered.requests),
        Arc::new(BooleanArray::from_iter(entries.iter().map(|(_, covered)| Some(covered.is_proven)))),
        instants(|covered| Some(covered.at.timestamp_micros())),
        texts(|(_, covered)| covered.error.clone()),
    ]
}
