//! `system.tables` and `system.columns`: the declarations of the live tables, with how they are asked, and of the other
//! side's, and of what matching has found.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, StringArray};
use async_trait::async_trait;

use super::{Rows, SystemColumn, flag, text};
use crate::books::Books;
use crate::books::shapes::Shape;
use crate::engine::{BOOKS, RECON};
use crate::error::Result;
use crate::matching::results::tables::{VIEWS, View};
use crate::resources::{By, Call, Narrow, RESOURCES, Resource, TermKind};
use crate::schema::Role;
use crate::schema::fields;

/// A table of declarations: its name, its columns, and how its rows are made.
pub(super) struct Declarations {
    pub(super) name: &'static str,
    columns: &'static [SystemColumn],
    rows: fn(&Books, &[View]) -> Vec<ArrayRef>,
}

/// Both tables.
pub(super) const ALL: [&Declarations; 2] = [&TABLES, &COLUMNS];

/// Such a table, over the sources that are configured.
pub(super) struct Declared {
    pub(super) table: &'static Declarations,
    pub(super) books: Arc<Books>,
    /// Whether there is a lake, which keeps what matching finds.
    pub(super) is_kept: bool,
}

#[async_trait]
impl Rows for Declared {
    fn columns(&self) -> &'static [SystemColumn] {
        self.table.columns
    }

    async fn rows(&self) -> Result<Vec<ArrayRef>> {
        Ok((self.table.rows)(&self.books, if self.is_kept { &VIEWS } else { &[] }))
    }
}

const TABLES: Declarations = Declarations {
    name: "tables",
    columns: &[
        ("table_name", text, "Name of the table in live and public, or with its schema."),
        ("about", text, "What one row is."),
        ("calls", text, "The calls it is read by, best first."),
        ("scopes", text, "The scopes that these calls need."),
        ("is_listable", flag, "Whether it can be read without keys."),
        ("time_column", text, "The column that says when a row happened."),
        ("cursor_column", text, "The column that moves when a row changes."),
    ],
    rows: tables,
};

const COLUMNS: Declarations = Declarations {
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
    rows: columns,
};

fn tables(books: &Books, kept: &[View]) -> Vec<ArrayRef> {
    let other: Vec<&String> = books.names().collect();
    let others = other.len() + kept.len();
    let texts_and = |text: fn(&Resource) -> Option<String>, others: Vec<Option<String>>| -> ArrayRef {
        Arc::new(StringArray::from_iter(RESOURCES.iter().map(|resource| text(resource)).chain(others)))
    };
    let texts = |text: fn(&Resource) -> Option<String>| texts_and(text, vec![None; others]);
    let about = |name: &&String| {
        let of_all = if books.is_union(name) { " Of all sources of the shape." } else { "" };
        Some(format!("{}{of_all}", books.shape(name).map_or(OWN, |shape| shape.about)))
    };
    vec![
        texts_and(
            |resource| Some(resource.name.to_owned()),
            other.iter().map(|name| of_books(name)).chain(kept.iter().map(of_recon)).map(Some).collect(),
        ),
        texts_and(
            |resource| Some(resource.about.to_owned()),
            other.iter().map(about).chain(kept.iter().map(|view| Some(view.about.to_owned()))).collect(),
        ),
        texts(|resource| Some(resource.calls.iter().map(Call::title).collect::<Vec<_>>().join(", "))),
        texts(|resource| {
            let mut scopes: Vec<&str> = resource.calls.iter().map(|call| call.scope).collect();
            scopes.dedup();
            Some(scopes.join(", "))
        }),
        Arc::new(BooleanArray::from_iter(
            RESOURCES.iter().map(|resource| is_listable(resource)).chain(std::iter::repeat_n(true, others)).map(Some),
        )),
        texts(|resource| resource.time.map(str::to_owned)),
        texts(|resource| resource.cursor.map(str::to_owned)),
    ]
}

/// What a table is of which only the files know the columns.
const OWN: &str = "One row per record of the files.";

/// The name of a table of the other side.
fn of_books(name: &str) -> String {
    format!("{BOOKS}.{name}")
}

/// The name of what matching has found.
fn of_recon(view: &View) -> String {
    format!("{RECON}.{}", view.name)
}

fn is_listable(resource: &Resource) -> bool {
    resource.calls.iter().any(|call| !matches!(call.by, By::Key(_)))
}

fn columns(books: &Books, kept: &[View]) -> Vec<ArrayRef> {
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
    for name in books.names() {
        for field in books.shape(name).map(Shape::schema).iter().flat_map(|schema| schema.fields()) {
            keys.push(Some(field.name() == "line_id"));
            personal.push(None);
            let about = field.metadata().get(fields::COMMENT).cloned();
            rows.push([Some(of_books(name)), Some(field.name().clone()), Some(field.data_type().to_string()), about, None]);
        }
    }
    for view in kept {
        for (place, field) in view.schema().fields().iter().enumerate() {
            keys.push(Some(place < view.keys));
            personal.push(None);
            let about = field.metadata().get(fields::COMMENT).cloned();
            rows.push([Some(of_recon(view)), Some(field.name().clone()), Some(field.data_type().to_string()), about, None]);
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
