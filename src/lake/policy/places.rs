//! Where the value of a column stands besides in the column: in `_raw`, in columns of JSON around it, and in what other tables
//! keep of the same answers.
//!
//! Derived from the declarations of tables and calls. A place is a path from a row of an answer on: a payment of the search,
//! whose `actions` are rows of another table.

use super::Assigned;
use super::rule::{Rule, Treatment};
use crate::resources::{By, Call, RESOURCES, Resource};
use crate::schema::splice::{Path, is_same_name, path};
use crate::schema::{Column, Kind, Origin, Rows};

/// What a policy makes of a table.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What becomes of columns that nothing is said of: they have a value that something is said of.
    pub(super) columns: Vec<(&'static str, Treatment)>,
    /// What becomes of `_raw`.
    pub(super) raw: Option<Treatment>,
    /// Columns of other tables that stand in this one.
    pub(super) others: Vec<(&'static str, &'static str)>,
}

/// A place and what becomes of what stands there.
type Place = (Path, Rule);

/// Finds what else of a table has values that something is said of.
pub(super) fn find(resource: &Resource, assigned: &Assigned) -> Found {
    let mut found = Found::default();
    let (mut own, mut others) = (Vec::new(), Vec::new());
    let mut is_lost = false;
    for call in resource.calls {
        let mine = own_places(resource, call, assigned);
        let (theirs, names) = foreign_places(resource, call, assigned);
        found.others.extend(names);
        for (column, at) in declared(resource, call) {
            if assigned.rule(resource, column.name).is_none()
                && let Some(treatment) = treatment(column, &at, &mine, &theirs)
            {
                join(&mut found.columns, column.name, treatment);
            }
        }
        let Some(base) = raw_base(resource, call) else {
            is_lost |= !mine.is_empty() || !theirs.is_empty();
            continue;
        };
        // What holds all of `_raw` leaves nothing of it.
        is_lost |= mine.iter().any(|(place, _)| behind(&base, place).is_some());
        own.extend(mine.iter().filter_map(|place| inside(place, &base)));
        others.extend(theirs.iter().filter_map(|place| inside(place, &base)));
    }
    let mut places: Vec<Place> = Vec::new();
    // Of two that say something of the same place, the table's own comes first.
    for place in own.into_iter().chain(others) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    found.raw = match places {
        _ if is_lost => Some(Treatment::Whole(Rule::Drop)),
        places if places.is_empty() => None,
        places => Some(Treatment::Within(places)),
    };
    found.others.sort_unstable();
    found.others.dedup();
    found
}

/// The places of the columns that something is said of.
fn own_places(resource: &Resource, call: &Call, assigned: &Assigned) -> Vec<Place> {
    let rule = |(column, at): (&Column, Path)| Some((at, assigned.rule(resource, column.name)?.clone()));
    declared(resource, call).into_iter().filter_map(rule).collect()
}

/// The places of columns of other tables in the rows of a call, and their names. Where the table has a column of its own, that
/// one says what becomes of the value.
fn foreign_places(resource: &Resource, call: &Call, assigned: &Assigned) -> (Vec<Place>, Vec<(&'static str, &'static str)>) {
    let (mut places, mut names) = (Vec::new(), Vec::new());
    let mine = declared(resource, call);
    for other in RESOURCES.iter().filter(|other| other.family() != resource.family()) {
        for theirs in other.calls.iter().filter(|theirs| has_same_rows(call, theirs)) {
            for (column, at) in declared(other, theirs) {
                let Some(rule) = assigned.rule(other, column.name) else { continue };
                if !mine.iter().any(|(_, own)| is_same(own, &at)) && is_seen(resource, call, &mine, &at) {
                    names.push((other.family(), column.name));
                    places.push((at, rule.clone()));
                }
            }
        }
    }
    (places, names)
}

/// Whether a table keeps anything around this place.
fn is_seen(resource: &Resource, call: &Call, columns: &[(&Column, Path)], at: &Path) -> bool {
    let is_in_raw = raw_base(resource, call).is_none_or(|base| behind(at, &base).is_some_and(|rest| !rest.is_empty()));
    is_in_raw || columns.iter().any(|(column, own)| is_text(column) && behind(at, own).is_some())
}

/// What becomes of a column that nothing is said of.
fn treatment(column: &Column, at: &Path, own: &[Place], others: &[Place]) -> Option<Treatment> {
    for (place, rule) in own {
        if is_same(place, at) && column.kind == Kind::Text {
            return Some(Treatment::Whole(rule.clone()));
        }
        if behind(at, place).is_some() {
            return Some(Treatment::Whole(Rule::Drop));
        }
    }
    let within: Vec<Place> = own.iter().chain(others).filter_map(|place| inside(place, at)).collect();
    (is_text(column) && !within.is_empty()).then_some(Treatment::Within(within))
}

/// Adds what becomes of a column in the answers of another call.
fn join(columns: &mut Vec<(&'static str, Treatment)>, name: &'static str, treatment: Treatment) {
    match columns.iter_mut().find(|(known, _)| *known == name) {
        None => columns.push((name, treatment)),
        Some((_, known)) => match (known, treatment) {
            (Treatment::Within(known), Treatment::Within(more)) => {
                for place in more {
                    if !known.contains(&place) {
                        known.push(place);
                    }
                }
            }
            (Treatment::Whole(_), _) => {}
            (known, whole) => *known = whole,
        },
    }
}

/// Whether the values of a column may be JSON with others in it.
fn is_text(column: &Column) -> bool {
    matches!(column.kind, Kind::Text | Kind::Json)
}

/// The columns of a table with their places in the rows of a call, as far as they stand there.
fn declared(resource: &Resource, call: &Call) -> Vec<(&'static Column, Path)> {
    let paths = |column: &'static Column| in_row(resource, call, column).into_iter().map(move |at| (column, at));
    resource.columns.iter().flat_map(paths).filter(|(_, at)| !at.is_empty()).collect()
}

fn in_row(resource: &Resource, call: &Call, column: &Column) -> Vec<Path> {
    let pointer = resource.shape(call).pointer(column);
    if matches!(call.by, By::Files(_)) {
        let header = if pointer.starts_with('/') { column.name } else { pointer.as_ref() };
        let other = Some(column.other_path).filter(|other| !other.is_empty() && !other.starts_with('/'));
        return [Some(header), other].into_iter().flatten().map(|header| vec![header.to_owned()]).collect();
    }
    let before = match (call.explode, column.origin) {
        (Some(explode), Origin::Row) => path(explode.path),
        // In a document of its own.
        (None, Origin::Parent) => return Vec::new(),
        _ => Path::new(),
    };
    let below = |pointer: &str| [before.clone(), path(pointer)].concat();
    [below(&pointer), below(column.other_path)].into_iter().filter(|at| at.len() > before.len()).collect()
}

/// Where `_raw` begins in a row of a call; `None` where it is not of the row.
fn raw_base(resource: &Resource, call: &Call) -> Option<Path> {
    match (call.rows, call.explode, resource.raw) {
        _ if matches!(call.by, By::Files(_)) => Some(Path::new()),
        (Rows::Members, ..) => Some(vec!["value".to_owned()]),
        (_, Some(explode), Origin::Row) => Some(path(explode.path)),
        (_, None, Origin::Parent) => None,
        _ => Some(Path::new()),
    }
}

/// Whether two calls answer with the same rows, whatever becomes of them.
fn has_same_rows(one: &Call, other: &Call) -> bool {
    let is_file = |call: &Call| matches!(call.by, By::Files(_));
    let is_alike = |one: &str, other: &str| one == other || (one.starts_with('{') && other.starts_with('{'));
    let (parts, others) = (one.path.split('/'), other.path.split('/'));
    let is_same_path =
        parts.clone().count() == others.clone().count() && parts.zip(others).all(|(one, other)| is_alike(one, other));
    !is_file(one) && !is_file(other) && (one.host, one.method, one.rows) == (other.host, other.method, other.rows) && is_same_path
}

/// A place as seen from within another that holds it.
fn inside((at, rule): &Place, base: &Path) -> Option<Place> {
    let rest = behind(at, base).filter(|rest| !rest.is_empty())?;
    Some((rest.to_vec(), rule.clone()))
}

/// What is left of a path behind another that it begins with.
fn behind<'a>(path: &'a Path, base: &Path) -> Option<&'a [String]> {
    let (start, rest) = path.split_at_checked(base.len())?;
    start.iter().zip(base).all(|(one, other)| is_same_name(one, other)).then_some(rest)
}

fn is_same(one: &Path, other: &Path) -> bool {
    one.len() == other.len() && behind(one, other).is_some()
}
