//! A listing read whole, page after page: what other parts need to know of an account before they ask.

use std::sync::Arc;

use arrow::array::RecordBatch;

use super::ask::asks_of;
use super::connection::Connection;
use super::constraints::Constraints;
use super::effort::Effort;
use super::fetch::manner;
use super::rows;
use super::statement::Statement;
use crate::api::paging::Pager;
use crate::api::reply::Reply;
use crate::error::{Error, Result};
use crate::resources::{By, Paging, resource};
use crate::schema::decode::{Decoder, Given, OnMalformed};
use crate::schema::fields;

/// All rows of a table that is one listing, with these columns; what cannot be read is null.
///
/// # Errors
/// Those of reading the pages.
pub(super) async fn listed(
    connection: &Arc<Connection>,
    table: &str,
    columns: &[&str],
    constraints: &Constraints,
    statement: &Statement,
    effort: &Effort,
) -> Result<Vec<RecordBatch>> {
    let absent = || Error::bug("there is no such listing").with("table", table);
    let resource = resource(table).ok_or_else(absent)?;
    let call = resource.calls.iter().find(|call| call.by == By::Listing).ok_or_else(absent)?;
    let Paging::Token(page_size) = call.paging else { return Err(absent()) };
    let schema = fields::schema(resource.columns);
    let projection = columns.iter().map(|column| schema.index_of(column));
    let projection: Vec<usize> = projection.collect::<Result<_, _>>().map_err(|error| absent().caused_by(error))?;
    let settings = connection.settings(OnMalformed::Null);
    let decoder = Decoder::try_new(resource.columns, resource.shape(call), &projection, settings)?;
    let ask = asks_of(resource, call, connection, constraints, &[])?.pop().ok_or_else(absent)?;
    let mut pager = Pager::new(ask.request(resource, None, page_size), manner(call.paging), page_size);
    let mut batches = Vec::new();
    while let Some(request) = pager.next_request() {
        let decode = |reply: &Reply| {
            let given = Given { account: connection.name(), fetched_at: reply.fetched_at, keys: &[], parent: None };
            decoder.decode(&reply.body, &given)
        };
        let Some((_, page)) = statement.read(connection, &request, effort, decode).await? else { break };
        let fresh = pager.accept(&page.facts)?.fresh;
        batches.push(match fresh {
            Some(fresh) => rows::select(&page.batch, &rows::spread(fresh, page.exploded_into.as_deref()))?,
            None => page.batch,
        });
    }
    Ok(batches)
}
