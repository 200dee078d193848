//! `system.scopes`: which scope opens which tables, and what each account's key was seen to have.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};

use super::{SystemTable, text};
use crate::resources::RESOURCES;
use crate::source::connection::Connection;

pub(super) const TABLE: SystemTable = SystemTable {
    name: "scopes",
    columns: &[
        ("account", text, "The account."),
        ("scope", text, "OAuth scope, as it is ticked for the key."),
        ("tables", text, "The tables it opens, or ways to them."),
        ("state", text, "ok or refused, as the last answers said; unknown before any."),
    ],
    rows,
};

fn rows(connections: &[Arc<Connection>]) -> Vec<ArrayRef> {
    let scopes = scopes();
    let mut rows: Vec<[String; 4]> = Vec::new();
    for connection in connections {
        let states = states(connection);
        for (scope, tables) in &scopes {
            let state = states.get(scope).copied().unwrap_or("unknown");
            rows.push([connection.name().to_owned(), (*scope).to_owned(), tables.join(", "), state.to_owned()]);
        }
    }
    let column = |index: usize| -> ArrayRef { Arc::new(StringArray::from_iter(rows.iter().map(|row| row.get(index)))) };
    vec![column(0), column(1), column(2), column(3)]
}

/// Every scope that some call needs, with the tables of these calls.
fn scopes() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut scopes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for resource in RESOURCES {
        for call in resource.calls {
            let tables = scopes.entry(call.scope).or_default();
            if !tables.contains(&resource.name) {
                tables.push(resource.name);
            }
        }
    }
    scopes
}

/// What the last answers said of each scope. A 401 may also mean that the key is unknown, so a later answer counts more.
fn states(connection: &Connection) -> BTreeMap<&'static str, &'static str> {
    let mut states = BTreeMap::new();
    for entry in connection.client.journal() {
        let calls = RESOURCES.iter().flat_map(|resource| resource.calls);
        let Some(call) = calls.into_iter().find(|call| call.path == entry.path) else { continue };
        match entry.status {
            Some(401 | 403) => states.insert(call.scope, "refused"),
            Some(200..300 | 404 | 422) => states.insert(call.scope, "ok"),
            _ => continue,
        };
    }
    states
}
