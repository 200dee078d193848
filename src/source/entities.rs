//! Which entities an account has: those a query names, those configured, the one its token names, or those its reports
//! are for. No call lists them.

use serde::Deserialize;

use super::connection::Connection;
use super::constraints::Constraints;
use super::effort::Effort;
use super::statement::Statement;
use crate::api::reply::Reply;
use crate::api::request::{Host, Method, Request};
use crate::error::{Error, ErrorKind, Result};

/// Where reports are listed; each names its entity.
const REPORTS: Request = Request {
    host: Host::Main,
    method: Method::Get,
    path: String::new(),
    template: "/reports",
    query: Vec::new(),
    body: None,
    table: "reports",
    scope: "reports:view",
    pass: 0,
};

/// The part of a page of reports that is of use.
#[derive(Deserialize)]
struct Reports {
    data: Vec<Report>,
}

#[derive(Deserialize)]
struct Report {
    account: Option<Owner>,
}

#[derive(Deserialize)]
struct Owner {
    entity_id: Option<String>,
}

/// The entities of an account that a query wants.
///
/// # Errors
/// [`ErrorKind::Config`] when none is known; those of getting a token that names one.
pub(super) async fn known_entities(
    connection: &Connection,
    constraints: &Constraints,
    statement: &Statement,
) -> Result<Vec<String>> {
    if let Some(wanted) = constraints.values("entity_id") {
        return Ok(wanted.iter().cloned().collect());
    }
    let configured = &connection.account().entity_ids;
    if !configured.is_empty() {
        return Ok(configured.clone());
    }
    let found = connection.entities.get_or_try_init(|| find(connection, statement)).await?;
    if found.is_empty() {
        return Err(Error::new(ErrorKind::Config, "no entity is known for the account").with("account", connection.name()).hint(
            "set entity_ids = [\"ent_…\"] for the account (or CHECKOUT_ENTITY_IDS), or ask for one: where entity_id = 'ent_…'",
        ));
    }
    Ok(found.clone())
}

async fn find(connection: &Connection, statement: &Statement) -> Result<Vec<String>> {
    if let Some(entity) = connection.client.entity_id().await? {
        return Ok(vec![entity]);
    }
    let request = Request { path: REPORTS.template.to_owned(), query: vec![("limit".into(), "100".into())], ..REPORTS };
    let decode = |reply: &Reply| {
        serde_json::from_slice::<Reports>(&reply.body)
            .map_err(|error| Error::new(ErrorKind::Unavailable, "a page of reports cannot be read").caused_by(error))
    };
    // A key that may not read reports tells no entity; the advice is the same as when there are none.
    let reports = match statement.read(connection, &request, &Effort::default(), decode).await {
        Ok(found) => found.map(|(_, reports)| reports.data).unwrap_or_default(),
        Err(error) if matches!(error.kind(), ErrorKind::Credentials | ErrorKind::Scope | ErrorKind::Rejected) => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut entities: Vec<String> = reports.into_iter().filter_map(|report| report.account?.entity_id).collect();
    entities.sort_unstable();
    entities.dedup();
    Ok(entities)
}
