//! No value changes what is asked: each hostile value, in each filter that is sent, gives just the rows that have it, by
//! the calls that are declared.
//!
//! The merchant's own references are hostile too, so that there are rows to find.

use std::collections::BTreeSet;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use ckosql::api::config::{Account, Credential};
use ckosql::api::request::{Host, Method};
use ckosql::error::ErrorKind;
use ckosql::resources::{By, Call, Narrow, RESOURCES, Resource, TermKind};
use ckosql::sandbox::{LoggedRequest, MerchantOptions, SandboxOptions, Site};
use ckosql::secret::Secret;
use futures::TryStreamExt;

use crate::grammar::Dice;
use crate::stand::Stand;

const PIECES: [&str; 34] = [
    "'",
    "''",
    "\"",
    "\\",
    "\\'",
    "' OR amount:>=0 OR id:'",
    "') OR (amount:>=0",
    " AND ",
    "NOT ",
    "*",
    "%",
    "%00",
    "%2e%2e%2f",
    "\n",
    "\r\n",
    "\0",
    "\t",
    "../",
    "..",
    "/",
    "?a=b",
    "&limit=1",
    "#",
    " ",
    ",",
    ";",
    "+",
    "é",
    "😀",
    "\u{202e}",
    "\u{200f}",
    "{id}",
    "pay_",
    "eUr",
];

/// So many values that mean something to somebody, all different.
fn hostile(count: usize) -> Vec<String> {
    let mut dice = Dice(5);
    let mut values: BTreeSet<String> = PIECES.iter().map(|piece| (*piece).to_owned()).collect();
    values.extend(["a".repeat(1_025), "'".repeat(1_100), "😀".repeat(300)]);
    while values.len() < count {
        values.insert((0..=dice.below(5)).map(|_| dice.pick(&PIECES)).collect());
    }
    values.into_iter().collect()
}

fn quote(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// A merchant with hostile references, asked with the credential that may ask for most. Each column asks its own: a request of
/// a query that was given up may be logged late, and then it is not laid to another column.
fn odd() -> Stand {
    let merchant = MerchantOptions { payments: 40, odd_references: true, ..MerchantOptions::default() };
    let mut stand = Stand::of(merchant, SandboxOptions::default());
    let credential = Credential::ClientCredentials {
        id: stand.sandbox.client_id().to_owned(),
        secret: Secret::new(stand.sandbox.client_secret()),
        scopes: Vec::new(),
    };
    stand.engine = stand.engine_with(Account { credential, ..stand.sandbox.account() });
    stand
}

/// The text columns whose values a call is told, and those it needs beside them.
fn sent(call: &Call) -> Vec<&'static str> {
    let narrowed = call.narrow.iter().filter_map(|narrow| match *narrow {
        Narrow::Eq { column, .. } | Narrow::In { column, .. } => Some(column),
        Narrow::Term { column, kind, .. } => (kind != TermKind::Amount).then_some(column),
        Narrow::Moment { .. } | Narrow::Range { .. } => None,
    });
    let key = match call.by {
        By::Key(key) => Some(key.column),
        By::Entity => Some("entity_id"),
        By::Listing | By::Windows(_) | By::Files(_) => None,
    };
    narrowed.chain(key).collect()
}

/// Whether a request is one of a table's declared ones: a path of as many parts, the known parameters, a body of the known
/// members.
fn is_declared(request: &LoggedRequest, resource: &Resource) -> bool {
    let parameters = || url::form_urlencoded::parse(request.query.as_bytes()).map(|(name, _)| name.into_owned());
    let fits = |call: &&Call, template: &str| {
        let parts = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
        let (template, path) = (parts(template), parts(&request.path));
        let same = template.iter().zip(&path).all(|(one, other)| one.starts_with('{') || one == other);
        template.len() == path.len() && same && parameters().all(|name| is_parameter(call, &name))
    };
    let is_known = resource.calls.iter().any(|call| fits(&call, call.path) || call.parent.is_some_and(|path| fits(&call, path)));
    let is_by_link = request.path.starts_with("/payments/search/");
    (is_known || is_by_link) && (request.body.is_empty() || is_search(&request.body))
}

fn is_parameter(call: &Call, name: &str) -> bool {
    let paging = ["limit", "skip", "pagination_token"];
    let narrowed = call.narrow.iter().any(|narrow| match narrow {
        Narrow::Eq { param, .. } | Narrow::In { param, .. } | Narrow::Moment { param, .. } => *param == name,
        Narrow::Range { from, to, .. } => *from == name || *to == name,
        Narrow::Term { .. } => false,
    });
    let is_key = matches!(call.by, By::Key(key) if key.param == Some(name));
    narrowed || is_key || paging.contains(&name) || call.fixed.iter().any(|(fixed, _)| *fixed == name)
}

/// Whether a search says one thing: `field:'value'` terms of harmless letters, all with AND or all with OR.
fn is_search(body: &str) -> bool {
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let members: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    let query = body["query"].as_str().unwrap();
    let terms: Vec<&str> = query.split(" OR ").collect();
    let is_term = |term: &&str| {
        let Some((field, value)) = term.split_once(':') else { return false };
        let inner = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\''));
        let is_quiet = inner.is_some_and(|inner| !inner.contains(['\'', '\\', '"', '(', ')', '*']));
        field.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            && (is_quiet || value == ">=0")
    };
    query.len() <= 1024 && terms.iter().all(is_term) && members == ["from", "limit", "query", "to"]
}

/// Asks for rows that have one of some values; checks that they are those of the copy, and how they were asked for.
async fn ask(stand: &Stand, resource: &Resource, call: &Call, column: &str, values: &[String]) -> Option<i64> {
    let list: Vec<String> = values.iter().map(|value| quote(value)).collect();
    let needs: String = call.needs.iter().filter(|need| **need != column).map(|need| format!(" and {need} = 'x'")).collect();
    let sql = format!("select count(*) from live.{} where {column} in ({}){needs}", resource.name, list.join(", "));
    stand.sandbox.reset_log();
    let answer = async {
        let batches: Vec<_> = stand.engine.session()?.query(&sql).await?.batches.try_collect().await?;
        Ok::<_, ckosql::error::Error>(batches[0].column(0).as_primitive::<Int64Type>().value(0))
    };
    let rows = match answer.await {
        Ok(rows) => Some(rows),
        Err(error) => {
            // A value that cannot be is refused by us, or by the stand-in, and then the error names it.
            let is_named = values.iter().any(|value| error.context(column) == Some(value));
            let is_refused = error.kind() == ErrorKind::Query || error.kind() == ErrorKind::Rejected && is_named;
            assert!(is_refused, "{}.{column}: {error:?}\n{sql}", resource.name);
            None
        }
    };
    for request in stand.sandbox.requests().into_iter().filter(|request| request.site != Site::Api(Host::Token)) {
        assert!(is_declared(&request, resource), "{}.{column}: {request:?}", resource.name);
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_hostile_values_in_every_filter_that_is_sent_find_no_row_that_has_another() {
    let values = hostile(1_000);
    for resource in RESOURCES {
        for call in resource.calls {
            for column in sent(call) {
                let stand = odd();
                // An unknown entity is an error, and so is a list where one value is needed.
                let may_refuse = call.by == By::Entity || !call.needs.is_empty();
                for values in values.chunks(50) {
                    let rows = Box::pin(ask(&stand, resource, call, column, values)).await;
                    assert!(rows == Some(0) || rows.is_none() && may_refuse, "{}.{column}: {rows:?} rows", resource.name);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_values_one_at_a_time_are_asked_for_as_declared() {
    let values = hostile(100);
    for resource in RESOURCES {
        for call in resource.calls {
            for column in sent(call) {
                let stand = odd();
                for value in values.iter().step_by(if call.method == Method::Post { 5 } else { 4 }) {
                    let rows = Box::pin(ask(&stand, resource, call, column, std::slice::from_ref(value))).await;
                    assert!(rows.unwrap_or(0) == 0, "{}.{column} = {value:?}: {rows:?} rows", resource.name);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_references_find_just_their_payments() {
    let stand = odd();
    let mut references: Vec<String> =
        stand.merchant.all_payments().filter_map(|payment| stand.merchant.reference(&payment)).collect();
    references.sort_unstable();
    references.dedup();
    assert!(references.len() > 30);
    for reference in &references {
        let truth = i64::try_from(stand.merchant.find_reference(reference).len()).unwrap();
        for (table, column) in [("payments", "reference"), ("payment_actions", "payment_reference")] {
            let is_same = format!("count(distinct {})", if table == "payments" { "id" } else { "payment_id" });
            let sql = format!("select {is_same} from live.{table} where {column} = {}", quote(reference));
            assert_eq!(stand.count(&sql).await, truth, "{sql}");
        }
    }
    let list: Vec<String> = references.iter().map(|reference| quote(reference)).collect();
    let sql = format!("select count(*) from payments where reference in ({})", list.join(", "));
    let with_reference = stand.merchant.all_payments().filter(|payment| stand.merchant.reference(payment).is_some()).count();
    assert_eq!(stand.count(&sql).await, i64::try_from(with_reference).unwrap());
}
