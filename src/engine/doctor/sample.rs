//! The request of a trial call: as small as it can be, about a thing that is not there.
//!
//! Ids are made up from the column's own description, where its prefix stands (`dsp_…`), so a new table needs nothing
//! here.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use crate::api::request::Request;
use crate::resources::{By, Call, Narrow, Paging, Resource};
use crate::schema::Kind;

/// Stands for the part of an id after its prefix: 26 characters of base32, as the vendor's are.
const NOBODY: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaa";

/// What a trial call asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample<'a> {
    /// The entity, where the call is one about entities.
    pub(super) entity: Option<&'a str>,
    /// Rows at the most, where the answer comes in pages.
    pub(super) rows: usize,
    /// The end of what is searched.
    pub(super) now: DateTime<Utc>,
}

/// The request that tries a call.
pub(super) fn request(resource: &Resource, call: &Call, sample: Sample<'_>) -> Request {
    let mut query: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: &str| query.push((name.to_owned(), value.to_owned()));
    call.fixed.iter().for_each(|(name, value)| add(name, value));
    let mut path = call.path.to_owned();
    match call.by {
        By::Key(key) => match key.param {
            Some(param) => add(param, &value(resource, key.column)),
            None => path = path.replace(&format!("{{{}}}", key.column), &value(resource, key.column)),
        },
        By::Entity => path = path.replace("{entity_id}", sample.entity.unwrap_or(&format!("ent_{NOBODY}"))),
        By::Files(_) => {
            for column in ["report_id", "file_id"] {
                path = path.replace(&format!("{{{column}}}"), &value(resource, column));
            }
        }
        By::Listing | By::Windows(_) => {}
    }
    for narrow in call.narrow {
        if let Narrow::Eq { column, param } = *narrow
            && call.needs.contains(&column)
        {
            add(param, &value(resource, column));
        }
    }
    let mut body = None;
    match call.paging {
        Paging::Single => {}
        Paging::SkipLimit(_) | Paging::Token(_) => add("limit", &sample.rows.to_string()),
        Paging::NextLink(_) => body = Some(search(sample)),
    }
    Request {
        host: call.host,
        method: call.method,
        path,
        query,
        body,
        table: resource.name,
        scope: call.scope,
        template: call.path,
        pass: 0,
    }
}

/// The search for payments of the last day.
fn search(Sample { rows, now, .. }: Sample<'_>) -> String {
    let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let day = (text(now - TimeDelta::days(1)), text(now));
    serde_json::json!({ "query": "amount:>=0", "limit": rows, "from": day.0, "to": day.1 }).to_string()
}

/// A well-formed value of a column that stands for nothing: the example of its description, with the rest of an id.
fn value(resource: &Resource, column: &str) -> String {
    let Some(column) = resource.column(column) else { return NOBODY.to_owned() };
    if let Kind::Word([word, ..]) = column.kind {
        return (*word).to_owned();
    }
    match column.about.split('`').nth(1) {
        Some(example) => example.replace('…', NOBODY),
        None => NOBODY.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::{RESOURCES, resource};

    const SAMPLE: Sample<'_> = Sample { entity: None, rows: 1, now: DateTime::UNIX_EPOCH };

    fn shown(table: &str, at: usize) -> String {
        let resource = resource(table).unwrap();
        let request = request(resource, &resource.calls[at], SAMPLE);
        let query: Vec<String> = request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{:?} {}?{} {}", request.method, request.path, query.join("&"), request.body.unwrap_or_default())
    }

    #[test]
    fn trial_calls_are_small_and_well_formed() {
        insta::assert_snapshot!(shown("disputes", 0), @"Get /disputes/dsp_aaaaaaaaaaaaaaaaaaaaaaaaaa? ");
        insta::assert_snapshot!(shown("disputes", 1), @"Get /disputes?limit=1 ");
        insta::assert_snapshot!(shown("balances", 0), @"Get /balances/ent_aaaaaaaaaaaaaaaaaaaaaaaaaa?withCurrencyAccountId=true ");
        insta::assert_snapshot!(shown("financial_actions", 0), @"Get /financial-actions?payment_id=pay_aaaaaaaaaaaaaaaaaaaaaaaaaa&limit=1 ");
        insta::assert_snapshot!(shown("payments", 2), @r#"Post /payments/search? {"from":"1969-12-31T00:00:00.000Z","limit":1,"query":"amount:>=0","to":"1970-01-01T00:00:00.000Z"}"#);
    }

    #[test]
    fn no_path_keeps_a_placeholder() {
        for resource in RESOURCES {
            for call in resource.calls {
                let path = request(resource, call, SAMPLE).path;
                assert!(!path.contains(['{', '}', '…', ' ']), "{path}");
            }
        }
    }
}
