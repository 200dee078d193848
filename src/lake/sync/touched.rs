//! Rows that have changed although they lie where nothing is read again: an old payment that is captured, refunded or
//! disputed keeps the time it was asked for.
//!
//! They are found in the lake itself, and asked for by their ids, some twenty in a request: payments that are not at their
//! end, and payments that a dispute, a settlement or a financial action has spoken of since they were last read.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::TimestampMicrosecondType;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::reading::Readings;
use super::unit::{Reading, Scope, Tally};
use super::{Synced, inside, quoted, timestamp};
use crate::error::{Error, Result};
use crate::lake::Lake;
use crate::lake::coverage::Coverage;
use crate::lake::scan::LakeScan;
use crate::lake::table::LakeTable;
use crate::resources::{By, Narrow, Resource};
use crate::schema::fields::ACCOUNT;
use crate::source::connection::Connection;
use crate::source::span::{DAY, Span};

/// Ids in one request: as many as the search language takes.
const IDS: usize = 24;
/// How long a payment may still be captured, voided or declined.
const OPEN_FOR: i64 = 60 * DAY;
/// The column that other tables speak of payments by.
const PAYMENT_ID: &str = "payment_id";
/// The table that ids of payments are looked up in.
const PAYMENTS: &str = "payments";

/// Reads anew what is known to have changed, in the tables that were synced; what goes wrong is said of them.
pub(super) async fn refresh(lake: &Lake, connection: &Arc<Connection>, done: &mut [Synced]) {
    for synced in done.iter_mut().filter(|synced| synced.account == connection.name() && synced.error.is_none()) {
        let (Some(table), Some(before), Some(proven)) = (lake.table(synced.table), synced.before, synced.coverage) else {
            continue;
        };
        let Some(column) = id_column(table.resource) else { continue };
        let touched = Touched { lake, connection, before, read_from: synced.read_from };
        match touched.refresh(table, column, proven).await {
            Ok(tally) => synced.tally = synced.tally.and(tally),
            Err(error) => synced.error = Some(error),
        }
    }
}

/// The column by which the search for payments finds rows of a table.
fn id_column(resource: &Resource) -> Option<&'static str> {
    let call = resource.calls.last().filter(|call| matches!(call.by, By::Windows(_)))?;
    call.narrow.iter().find_map(|narrow| match *narrow {
        Narrow::Term { column, field: "id", .. } => Some(column),
        _ => None,
    })
}

struct Touched<'a> {
    lake: &'a Lake,
    connection: &'a Arc<Connection>,
    before: Coverage,
    /// All later rows were read by this sync.
    read_from: i64,
}

impl Touched<'_> {
    async fn refresh(&self, table: &LakeTable, column: &'static str, proven: Coverage) -> Result<Tally> {
        let mut tally = Tally::default();
        for ids in self.payments().await?.chunks(IDS) {
            let (Some(first), Some(last)) = (ids.first(), ids.last()) else { continue };
            let asked_for = Span { from: first.1, to: last.1.saturating_add(1) };
            let scope = Scope::Keys(column, ids.iter().map(|(id, _)| id.clone()).collect());
            let mut wanted = scope.filter(table.manner.unit);
            if let (Some(filter), Some(time)) = (wanted.take(), table.manner.column()) {
                wanted = Some(filter.and(inside(time, asked_for)));
            }
            let rows = Readings::new(self.connection).rows(table, wanted).await?;
            let reading = Reading { table, account: self.connection.name(), scope, proves: proven };
            tally = tally.and(reading.take(rows).await?);
        }
        Ok(tally)
    }

    /// The payments to read, with the time they were asked for, in that order.
    async fn payments(&self) -> Result<Vec<(String, i64)>> {
        let context = SessionContext::new_with_config(SessionConfig::new());
        let mut speakers = Vec::new();
        for table in self.lake.tables() {
            if table.now().await?.is_none() {
                continue;
            }
            context.register_table(table.resource.name, Arc::new(LakeScan::as_it_is(table)))?;
            if let Some(told) = told(table.resource) {
                speakers.push(format!("select {PAYMENT_ID} from {} where {}", table.resource.name, self.is_told(told)));
            }
        }
        if context.table_provider(PAYMENTS).await.is_err() {
            return Ok(Vec::new());
        }
        speakers.push(format!("select null as {PAYMENT_ID}"));
        let sql = format!(
            "with old as (select id, requested_on, status from {PAYMENTS} where {ACCOUNT} = {} and requested_on < {}), \
             told as (select distinct {PAYMENT_ID} from ({})) \
             select id, requested_on from old where {} \
             union select old.id, old.requested_on from old join told on old.id = told.{PAYMENT_ID} \
             order by requested_on, id",
            quoted(self.connection.name()),
            timestamp(self.read_from),
            speakers.join(" union all "),
            self.is_open(),
        );
        let mut payments = Vec::new();
        for batch in context.sql(&sql).await?.collect().await? {
            let [ids, times] = batch.columns() else { return Err(Error::bug("two columns were asked for")) };
            let (ids, times) = (ids.as_string::<i32>(), times.as_primitive::<TimestampMicrosecondType>());
            payments.extend((0..batch.num_rows()).map(|row| (ids.value(row).to_owned(), times.value(row))));
        }
        Ok(payments)
    }

    /// That a payment is not at its end.
    fn is_open(&self) -> String {
        let from = self.before.until.saturating_sub(OPEN_FOR);
        let statuses = OPEN.map(quoted).join(", ");
        format!("requested_on >= {} and status in ({statuses})", timestamp(from))
    }

    /// That something happened after payments were last read; of what does not say when, all counts that came in since.
    fn is_told(&self, told: &str) -> String {
        let (since, account) = (timestamp(self.before.as_of.saturating_sub(DAY)), quoted(self.connection.name()));
        format!("{ACCOUNT} = {account} and {PAYMENT_ID} is not null and coalesce({told}, _fetched_at) >= {since}")
    }
}

/// States of a payment from which it goes on by itself or by the merchant's doing.
const OPEN: [&str; 7] =
    ["Active", "Requested", "Pending", "Authorized", "Partially Captured", "Authentication Requested", "Retry Scheduled"];

/// The column that says when something happened to the payment that a row speaks of.
fn told(resource: &Resource) -> Option<&'static str> {
    resource.column(PAYMENT_ID)?;
    if id_column(resource).is_some() || resource.is_history() {
        return None;
    }
    let moves = resource.cursor.filter(|cursor| resource.time.is_some() && *cursor != "report_created_on");
    moves.or(resource.time).or_else(|| resource.column("processed_on").map(|column| column.name))
}
