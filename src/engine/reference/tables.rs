//! A live table's section: what a row is, which calls answer for it, and its columns.

use std::fmt::Write as _;

use super::{COLUMNS, cell, column};
use crate::api::request::{Host, Method};
use crate::lake::manner::{Manner, Unit};
use crate::resources::{By, Call, Narrow, Paging, Resource};
use crate::schema::Role;
use crate::schema::fields::{Filler, fields};

/// What is true of all of them.
pub(super) const HEAD: &str = "\
In schema `live`, and in `public`, which is searched when none is named. Of a table's calls, the first is made whose \
columns the query gives (`=` or `in (…)`); its other filters are sent where the call understands them, and applied to the \
rows in any case. Columns marked as personal are, or may be, about people: `no_pii` under `[policy]` keeps them out of the lake.
";

/// The section of a table.
pub(super) fn section(resource: &Resource) -> String {
    let mut text = format!("### {}\n\n{}\n\n", resource.name, resource.about);
    if let Some(time) = resource.time {
        // Writing to a String cannot fail.
        let _written = writeln!(text, "A row happened at `{time}`.\n");
    }
    text.push_str(&kept(resource));
    text.push_str("| Given | Call | Scope | Answer | Filters sent | Columns left out |\n|---|---|---|---|---|---|\n");
    resource.calls.iter().for_each(|call| text.push_str(&line(call)));
    text.push('\n');
    text.push_str(COLUMNS);
    for (field, filler) in fields(resource.columns) {
        text.push_str(&column(&field, mark(resource, filler)));
    }
    text.push('\n');
    text
}

/// How the lake keeps it.
fn kept(resource: &Resource) -> String {
    let how = match Manner::of(resource).map(|manner| manner.unit) {
        Some(Unit::Spans(column)) => format!("In the lake: what lies in a span of `{column}` is what the API had of it."),
        Some(Unit::Changes(column)) => format!("In the lake: each row as it was last told, by `{column}`."),
        Some(Unit::Whole) => "In the lake: all rows, as they were at the last sync.".to_owned(),
        Some(Unit::Snapshots) => "In the lake: the rows of each sync beside those of earlier ones.".to_owned(),
        None => "Not in the lake: nothing lists its rows or tells when one changes, so they are live.".to_owned(),
    };
    format!("{how}\n\n")
}

/// Whether a field is part of the row's identity, or says something of a person.
fn mark(resource: &Resource, filler: Filler) -> &'static str {
    match filler {
        Filler::Column(index) => match resource.columns.get(index) {
            Some(column) if column.role == Role::Key => "key",
            Some(column) if column.is_personal => "personal",
            _ => "",
        },
        Filler::Raw => "personal",
        Filler::Major(_) | Filler::Minor(_) | Filler::Account | Filler::FetchedAt => "",
    }
}

fn line(call: &Call) -> String {
    let filters: Vec<String> = call.narrow.iter().filter(|narrow| !is_needed(call, narrow)).map(filter).collect();
    let lacks: Vec<String> = call.lacks.iter().map(|column| format!("`{column}`")).collect();
    format!(
        "| {} | `{} {}{}` | `{}` | {} | {} | {} |\n",
        given(call),
        method(call.method),
        host(call.host),
        cell(&path(call)),
        call.scope,
        paging(call.paging),
        filters.join(", "),
        lacks.join(", ")
    )
}

/// What a query must give.
fn given(call: &Call) -> String {
    let first = match call.by {
        By::Listing => "nothing".to_owned(),
        By::Key(key) => format!("`{}`", key.column),
        By::Entity => "`entity_id`, or else each configured entity".to_owned(),
        By::Windows(column) => format!("nothing; in windows of `{column}`"),
        By::Files(files) => format!("nothing; the files of each report `{}`", files.kind.title),
    };
    call.needs.iter().fold(first, |given, column| format!("{given} and `{column}`"))
}

fn is_needed(call: &Call, narrow: &Narrow) -> bool {
    matches!(narrow, Narrow::Eq { column, .. } if call.needs.contains(column))
}

fn filter(narrow: &Narrow) -> String {
    match narrow {
        Narrow::Eq { column, .. } => format!("`{column} = …`"),
        Narrow::In { column, .. } => format!("`{column} in (…)`"),
        Narrow::Moment { column, .. } => format!("`{column} = timestamp …`"),
        Narrow::Range { column, .. } => format!("`{column}` from … to …"),
        Narrow::Term { column, .. } => format!("`{column} = …` as a search term"),
    }
}

fn path(call: &Call) -> String {
    match call.by {
        By::Key(key) => match key.param {
            Some(param) => format!("{}?{param}=…", call.path),
            None => call.path.to_owned(),
        },
        By::Listing | By::Entity | By::Windows(_) | By::Files(_) => call.path.to_owned(),
    }
}

fn paging(paging: Paging) -> String {
    match paging {
        Paging::Single => "whole".to_owned(),
        Paging::SkipLimit(rows) => format!("pages of {rows}, counted"),
        Paging::Token(rows) => format!("pages of {rows}, by token"),
        Paging::NextLink(rows) => format!("pages of {rows}"),
    }
}

fn method(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
    }
}

/// The host, where it is not the main one.
fn host(host: Host) -> &'static str {
    match host {
        Host::Main => "",
        Host::Balances => "balances.checkout.com",
        Host::Transfers => "transfers.checkout.com",
        Host::Files => "files.checkout.com",
        Host::Token => "access.checkout.com",
    }
}
