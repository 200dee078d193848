//! Which entities an account has: those a query names, those configured, or else the one its token names and those its
//! reports are for. No call lists them.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::AsArray;

use super::connection::Connection;
use super::constraints::Constraints;
use super::effort::Effort;
use super::statement::Statement;
use crate::api::paging::{Manner, Pager};
use crate::api::request::Request;
use crate::error::{Error, ErrorKind, Result};
use crate::resources::{By, Paging, resource};
use crate::schema::decode::{Decoder, Given, OnMalformed};
use crate::schema::fields;

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

/// Whether an entity may be an account's: any may, unless it is configured for others and not for this one.
pub(super) fn may_belong(entity: &str, connection: &Connection, all: &[Arc<Connection>]) -> bool {
    let is_own = |connection: &Connection| connection.account().entity_ids.iter().any(|own| own == entity);
    is_own(connection) || !all.iter().any(|other| is_own(other))
}

/// The entity that the token names, and those that reports are for. A key that may not read reports tells none of these.
async fn find(connection: &Connection, statement: &Statement) -> Result<Vec<String>> {
    let mut entities: BTreeSet<String> = connection.client.entity_id().await?.into_iter().collect();
    match of_reports(connection, statement).await {
        Ok(found) => entities.extend(found),
        Err(error) if matches!(error.kind(), ErrorKind::Credentials | ErrorKind::Scope | ErrorKind::Rejected) => {}
        Err(error) => return Err(error),
    }
    Ok(entities.into_iter().collect())
}

/// The entities of all reports there are: one without a report yet is not among them.
async fn of_reports(connection: &Connection, statement: &Statement) -> Result<BTreeSet<String>> {
    let reports = resource("reports").ok_or_else(|| Error::bug("there is no table of reports"))?;
    let listing = reports.calls.iter().find(|call| call.by == By::Listing);
    let call = listing.ok_or_else(|| Error::bug("reports cannot be listed"))?;
    let Paging::Token(page_size) = call.paging else { return Err(Error::bug("reports are not paged by token")) };
    let entity = fields::schema(reports.columns).index_of("entity_id").map_err(|_absent| Error::bug("reports name no entity"))?;
    let decoder = Decoder::try_new(reports.columns, reports.shape(call), &[entity], connection.settings(OnMalformed::Null))?;
    let first = Request {
        host: call.host,
        method: call.method,
        path: call.path.to_owned(),
        template: call.path,
        query: Vec::new(),
        body: None,
        table: reports.name,
        scope: call.scope,
        pass: 0,
    };
    let mut pager = Pager::new(first, Manner::Token, page_size);
    let mut entities = BTreeSet::new();
    while let Some(request) = pager.next_request() {
        let decode = |reply: &crate::api::reply::Reply| {
            let given = Given { account: connection.name(), fetched_at: reply.fetched_at, keys: &[], parent: None };
            decoder.decode(&reply.body, &given)
        };
        let Some((_, page)) = statement.read(connection, &request, &Effort::default(), decode).await? else { break };
        pager.accept(&page.facts)?;
        let column = page.batch.columns().first();
        entities.extend(column.into_iter().flat_map(|column| column.as_string::<i32>().iter().flatten().map(str::to_owned)));
    }
    Ok(entities)
}
