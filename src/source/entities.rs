//! Which entities an account has: those a query names, those configured, or else the one its token names and those its
//! reports are for. No call lists them.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::AsArray;

use super::connection::Connection;
use super::constraints::Constraints;
use super::effort::Effort;
use super::pages::listed;
use super::statement::Statement;
use crate::error::{Error, ErrorKind, Result};

/// The entities of an account that a query wants.
///
/// # Errors
/// [`ErrorKind::Config`] when none is known; those of getting a token that names one.
pub(super) async fn known_entities(
    connection: &Arc<Connection>,
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
async fn find(connection: &Arc<Connection>, statement: &Statement) -> Result<Vec<String>> {
    let mut entities: BTreeSet<String> = connection.client.entity_id().await?.into_iter().collect();
    match of_reports(connection, statement).await {
        Ok(found) => entities.extend(found),
        Err(error) if matches!(error.kind(), ErrorKind::Credentials | ErrorKind::Scope | ErrorKind::Rejected) => {}
        Err(error) => return Err(error),
    }
    Ok(entities.into_iter().collect())
}

/// The entities of all reports there are: one without a report yet is not among them.
async fn of_reports(connection: &Arc<Connection>, statement: &Statement) -> Result<BTreeSet<String>> {
    let everything = Constraints::default();
    let pages = listed(connection, "reports", &["entity_id"], &everything, statement, &Effort::default()).await?;
    let texts = pages.iter().filter_map(|page| page.columns().first()).flat_map(|column| column.as_string::<i32>().iter());
    Ok(texts.flatten().map(str::to_owned).collect())
}
