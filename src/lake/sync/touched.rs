//! Rows that have changed although they lie where nothing is read again: an old payment that is captured, refunded or
//! disputed keeps the time it was asked for.
//!
//! They are found in the lake itself, and asked for by their ids, some twenty in a request: payments that are not at their
//! end, and payments that a dispute, a settlement or a financial action has spoken of since they were last read.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::AsArray;
use arrow::datatypes::TimestampMicrosecondType;

use super::reading::Readings;
use super::unit::{Reading, Scope, Tally};
use super::{Stop, Synced, context, inside, quoted, stopped, timestamp};
use crate::error::{Error, Result};
use crate::lake::Lake;
use crate::lake::coverage::Coverage;
use crate::lake::scan;
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
pub(super) async fn refresh(lake: &Lake, connection: &Arc<Connection>, done: &mut [Synced], stop: &Stop) {
    for synced in done.iter_mut().filter(|synced| synced.account == connection.name() && synced.error.is_none()) {
        let (Some(table), Some(before), Some(proven)) = (lake.table(synced.table), synced.before, synced.coverage) else {
            continue;
        };
        let Some(column) = id_column(table.resource) else { continue };
        let touched = Touched { lake, connection, before, read_from: synced.read_from, stop };
        let refreshed = Coverage { as_of: synced.began, ..proven };
        let begun = Instant::now();
        match touched.refresh(table, column, proven, refreshed).await {
            Ok(tally) => (synced.tally, synced.coverage) = (synced.tally.and(tally), Some(refreshed)),
            Err(error) => synced.error = Some(error),
        }
        synced.took += begun.elapsed();
    }
}

/// Whether rows of a table that lie where nothing is read again are read anew by their ids.
pub(super) fn is_refreshed(resource: &Resource) -> bool {
    id_column(resource).is_some()
}

/// The table by which the rows of another one are known that are to be read anew; both come out of the same search.
pub(super) fn known_by<'a>(lake: &'a Lake, table: &LakeTable) -> Option<&'a Arc<LakeTable>> {
    is_refreshed(table.resource).then(|| lake.table(PAYMENTS)).flatten()
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
    stop: &'a Stop,
}

impl Touched<'_> {
    /// Reads the rows of all payments that are due, and proves at the end that it is done: who breaks it off begins it anew.
    async fn refresh(&self, table: &LakeTable, column: &'static str, proven: Coverage, refreshed: Coverage) -> Result<Tally> {
        let mut tally = Tally::default();
        let account = self.connection.name();
        for ids in self.payments(table, column).await?.chunks(IDS) {
            if self.stop.is_asked() {
                return Err(stopped());
            }
            let (Some(first), Some(last)) = (ids.first(), ids.last()) else { continue };
            let asked_for = Span { from: first.1, to: last.1.saturating_add(1) };
            let scope = Scope::Keys(column, ids.iter().map(|(id, _)| id.clone()).collect());
            let mut wanted = scope.filter(table.manner.unit);
            if let (Some(filter), Some(time)) = (wanted.take(), table.manner.column()) {
                wanted = Some(filter.and(inside(time, asked_for)));
            }
            let rows = Readings::new(self.connection).rows(table, wanted).await?;
            let reading = Reading { table, account, scope, proves: proven };
            tally = tally.and(reading.take(rows).await?);
        }
        Reading { table, account, scope: Scope::Keys(column, Vec::new()), proves: refreshed }.prove().await?;
        Ok(tally)
    }

    /// The payments whose rows in a table are to be read, with the time they were asked for, in that order: those that are not
    /// at their end, and those to which something happened after their rows were read.
    async fn payments(&self, table: &LakeTable, column: &str) -> Result<Vec<(String, i64)>> {
        let context = context();
        let mut speakers = Vec::new();
        for known in self.lake.tables() {
            let (name, told) = (known.resource.name, told(known.resource));
            let is_asked = told.is_some() || name == PAYMENTS || name == table.resource.name;
            if !is_asked || known.now().await?.is_none() {
                continue;
            }
            context.register_table(name, scan::as_it_is(known))?;
            speakers.extend(told.map(|told| self.speaker(name, told)));
        }
        if context.table_provider(PAYMENTS).await.is_err() {
            return Ok(Vec::new());
        }
        speakers.push(format!("select null as {PAYMENT_ID}, null as happened"));
        let sql = format!(
            "with old as (select id, requested_on, status from {PAYMENTS} where {ACCOUNT} = {} and requested_on < {}), \
             told as (select {PAYMENT_ID}, max(happened) as happened from ({}) group by 1), \
             read as (select told.{PAYMENT_ID}, max(known._fetched_at) as read \
             from told join {} known on known.{column} = told.{PAYMENT_ID} group by 1), \
             due as (select told.{PAYMENT_ID} from told left join read on read.{PAYMENT_ID} = told.{PAYMENT_ID} \
             where read.read is null or told.happened >= read.read - interval '1 day') \
             select id, requested_on from old where {} \
             union select old.id, old.requested_on from due join old on old.id = due.{PAYMENT_ID} \
             order by requested_on, id",
            quoted(self.connection.name()),
            timestamp(self.read_from),
            speakers.join(" union all "),
            table.resource.name,
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

    /// The payments that a table speaks of, with when something happened to them, where that was since the last sync or was
    /// not told before: a report tells of what is days old.
    fn speaker(&self, table: &str, told: &str) -> String {
        let (read, day) = (timestamp(self.before.as_of), timestamp(self.before.as_of.saturating_sub(DAY)));
        format!(
            "select {PAYMENT_ID}, coalesce({told}, _fetched_at) as happened from {table} \
             where {ACCOUNT} = {} and {PAYMENT_ID} is not null and (_fetched_at >= {read} or {told} >= {day})",
            quoted(self.connection.name()),
        )
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
