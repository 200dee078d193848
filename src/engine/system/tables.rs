//! `system.tables` and `system.columns`: the declarations of the live tables, with how they are asked.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, StringArray};

use super::{SystemTable, flag, text};
use crate::resources::{By, Call, Narrow, RESOURCES, Resource, TermKind};
use crate::schema::Role;
use crate::schema::fields;
use crate::source::connection::Connection;

pub(super) const TABLES: SystemTable = SystemTable {
    name: "tables",
    columns: &[
        ("table_name", text, "Name of the table in live and public."),
        ("about", text, "What one row is."),
        ("calls", text, "The calls it is read by, best first."),
        ("scopes", text, "The scopes that these calls need."),
        ("is_listable", flag, "Whether it can be read without keys."),
        ("time_column", text, "The column that says when a row happened."),
        ("cursor_column", text, "The column that moves when a row changes."),
    ],
    rows: |_| tables(),
};

pub(super) const COLUMNS: SystemTable = SystemTable {
    name: "columns",
    columns: &[
        ("table_name", text, "The table."),
        ("column_name", text, "The column."),
        ("data_type", text, "Its type, as Arrow names it."),
        ("about", text, "What it means, and its unit."),
        ("is_key", flag, "Whether it is part of the row's identity."),
        ("is_personal", flag, "Whether it is personal, or may be: `no_pii` keeps it out of the lake."),
        ("pushdown", text, "Which filters on it are sent to Checkout.com."),
    ],
    rows: columns_rows,
};

fn tables() -> Vec<ArrayRef> {
    let texts = |text: fn(&Resource) -> Option<String>| -> ArrayRef {
        Arc::new(StringArray::from_iter(RESOURCES.iter().map(|resource| text(resource))))
    };
    vec![
        texts(|resource| Some(resource.name.to_owned())),
        texts(|resource| Some(resource.about.to_owned())),
        texts(|resource| Some(resource.calls.iter().map(Call::title).collect::<Vec<_>>().join(", "))),
        texts(|resource| {
            let mut scopes: Vec<&str> = resource.calls.iter().map(|call| call.scope).collect();
            scopes.dedup();
            Some(scopes.join(", "))
        }),
        Arc::new(BooleanArray::from_iter(RESOURCES.iter().map(|resource| Some(is_listable(resource))))),
        texts(|resource| resource.time.map(str::to_owned)),
        texts(|resource| resource.cursor.map(str::to_owned)),
    ]
}

fn is_listable(resource: &Resource) -> bool {
    resource.calls.iter().any(|call| !matches!(call.by, By::Key(_)))
}

fn columns_rows(_: &[Arc<Connection>]) -> Vec<ArrayRef> {
    let mut rows: Vec<[Option<String>; 5]> = Vec::new();
    let (mut keys, mut personal) = (Vec::new(), Vec::new());
    for resource in RESOURCES {
        for field in fields::schema(resource.columns).fields() {
            let declared = resource.column(field.name());
            keys.push(declared.map(|column| column.role == Role::Key));
            personal.push(declared.map(|column| column.is_personal).or_else(|| (field.name() == fields::RAW).then_some(true)));
            rows.push([
                Some(resource.name.to_owned()),
                Some(field.name().clone()),
                Some(field.data_type().to_string()),
                field.metadata().get(fields::COMMENT).cloned(),
                pushdown(resource, field.name()),
            ]);
        }
    }
    let column =
        |index: usize| -> ArrayRef { Arc::new(StringArray::from_iter(rows.iter().map(|row| row.get(index).cloned().flatten()))) };
    let flags = |flags: Vec<Option<bool>>| -> ArrayRef {
        Arc::new(BooleanArray::from_iter(flags.into_iter().map(|flag| Some(flag.unwrap_or(false)))))
    };
    vec![column(0), column(1), column(2), column(3), flags(keys), flags(personal), column(4)]
}

/// Which filters on a column are sent, in words; `None` when none is.
fn pushdown(resource: &Resource, column: &str) -> Option<String> {
    let mut sent: Vec<&str> = resource.calls.iter().flat_map(|call| sent_by(call, column)).collect();
    sent.sort_unstable();
    sent.dedup();
    (!sent.is_empty()).then(|| sent.join(", "))
}

fn sent_by(call: &Call, name: &str) -> Vec<&'static str> {
    let mut sent = match call.by {
        By::Key(key) if key.column == name => vec!["key"],
        By::Entity if name == "entity_id" => vec!["key"],
        By::Windows(column) if column == name => vec!["range"],
        By::Files(files) if files.kind.tells(name) => vec!["files"],
        _ => Vec::new(),
    };
    sent.extend(call.narrow.iter().filter_map(|narrow| match *narrow {
        Narrow::Eq { column, .. } if column == name => Some("="),
        Narrow::In { column, .. } if column == name => Some("in"),
        Narrow::Moment { column, .. } if column == name => Some("in"),
        Narrow::Range { column, .. } if column == name => Some("range"),
        Narrow::Term { column, kind: TermKind::Amount, .. } if column == name => Some("range"),
        Narrow::Term { column, kind: TermKind::Amount, .. } if name.strip_suffix("_minor") == Some(column) => Some("range"),
        Narrow::Term { column, kind: TermKind::Word(_) | TermKind::Code, .. } if column == name => Some("in, not in"),
        Narrow::Term { column, kind: TermKind::Text, .. } if column == name => Some("in"),
        _ => None,
    }));
    sent
}
