//! Tables that have each row as the newest report tells it, made of those that have all reports: nothing is asked for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use datafusion::prelude::SessionContext;

use super::unit::{Reading, Scope, Tally};
use super::{Options, Step, Stop, Synced, context, quoted, stopped, timestamp};
use crate::error::{Error, Result};
use crate::lake::Lake;
use crate::lake::coverage::Coverage;
use crate::lake::manner::Identity;
use crate::lake::scan;
use crate::lake::table::LakeTable;
use crate::schema::fields::{self, ACCOUNT};
use crate::source::connection::Connection;
use crate::source::span::Span;

/// Rows of reports that are put together in one piece, as far as whole days allow.
const ROWS: i64 = 100_000;

/// Whether a table of an account is made of another one. Files of one's own do not say which of them belong together, so
/// their newest are found while they are read.
pub(super) fn is_derived(table: &LakeTable, connection: &Connection) -> bool {
    table.manner.is_restated() && connection.account().reports_dir.is_none()
}

/// The table that has all reports of a table that has the newest.
pub(super) fn made_of<'a>(lake: &'a Lake, table: &LakeTable) -> Option<&'a Arc<LakeTable>> {
    table.manner.is_restated().then(|| lake.table(&format!("{}_history", table.resource.name))).flatten()
}

/// Brings a table up to what is known of all reports.
pub(super) async fn derive(
    lake: &Lake,
    table: &Arc<LakeTable>,
    connection: &Connection,
    done: &[Synced],
    options: &Options,
    tell: &(dyn Fn(Step) + Sync),
) -> Synced {
    let (account, begun) = (connection.name(), Instant::now());
    let mut synced = Synced {
        table: table.resource.name,
        account: account.to_owned(),
        tally: Tally::default(),
        coverage: None,
        before: None,
        began: connection.now().timestamp_micros(),
        read_from: i64::MIN,
        took: Duration::ZERO,
        requests: 0,
        error: None,
    };
    let outcome = match made_of(lake, table) {
        Some(history) => Derivation { table, history, account, stop: &options.stop, tell }.run(&mut synced).await,
        None => Err(Error::bug("a table of the newest reports has none of all reports").with("table", table.resource.name)),
    };
    let unread = done.iter().find(|one| one.account == account && one.error.is_some() && is_source(table, one.table));
    synced.error = match (outcome, unread) {
        (Err(error), _) => Some(error),
        (Ok(()), Some(unread)) => unread.error.as_ref().map(Error::copy),
        (Ok(()), None) => None,
    };
    synced.took = begun.elapsed();
    tell(synced.ended());
    synced
}

fn is_source(table: &LakeTable, name: &str) -> bool {
    name.strip_suffix("_history") == Some(table.resource.name)
}

struct Derivation<'a> {
    table: &'a Arc<LakeTable>,
    history: &'a Arc<LakeTable>,
    account: &'a str,
    stop: &'a Stop,
    tell: &'a (dyn Fn(Step) + Sync),
}

impl Derivation<'_> {
    async fn run(&self, synced: &mut Synced) -> Result<()> {
        let before = self.table.coverage(self.account).await?;
        (synced.before, synced.coverage) = (before, before);
        let Some(all) = self.history.coverage(self.account).await? else { return Ok(()) };
        // Reports that came in late, or that were read for an earlier time, may lie before what is put together by now.
        let is_whole = before.is_some_and(|before| before.since <= all.since);
        let (late, last_read) = self.come_since(before).await?;
        let from =
            before.filter(|_| is_whole).map_or(all.since, |before| late.map_or(before.until, |late| late.min(before.until)));
        synced.read_from = from;
        (self.tell)(Step::Started {
            table: synced.table,
            account: synced.account.clone(),
            span: Some(Span { from, to: all.until }),
        });
        for piece in self.pieces(Span { from, to: all.until }).await? {
            let is_last = piece.to >= all.until;
            let until = before.map_or(piece.to, |before| before.until.max(piece.to));
            let since = before.filter(|_| !is_last && !is_whole).map_or(all.since, |before| before.since);
            let as_of = before.filter(|_| !is_last).map_or(all.as_of, |before| before.as_of);
            let taken_up = if is_last { last_read } else { before.map_or(i64::MIN, |before| before.taken_up) };
            let proves = Coverage { since, until, as_of, taken_up };
            let reading = Reading { table: self.table, account: self.account, scope: Scope::Span(piece), proves };
            let tally = reading.take(self.newest(piece).await?).await?;
            (synced.coverage, synced.tally) = (Some(proves), synced.tally.and(tally));
            (self.tell)(Step::Done { table: synced.table, account: synced.account.clone(), span: Some(piece), tally });
        }
        Ok(())
    }

    /// A span of reports, in pieces of so many rows.
    async fn pieces(&self, span: Span) -> Result<Vec<Span>> {
        let sql = format!(
            "select date_trunc('day', report_created_on), count(*) from history where {} group by 1 order by 1",
            self.is_in(span),
        );
        let mut pieces = Vec::new();
        let (mut piece, mut rows) = (Span { from: span.from, to: span.from }, 0);
        for batch in self.context()?.sql(&sql).await?.collect().await? {
            let [days, counts] = batch.columns() else { return Err(Error::bug("two columns were asked for")) };
            let (days, counts) = (days.as_primitive::<TimestampMicrosecondType>(), counts.as_primitive::<Int64Type>());
            for (day, count) in days.values().iter().zip(counts.values()) {
                if rows > 0 && rows + count > ROWS {
                    piece.to = *day;
                    pieces.push(piece);
                    (piece, rows) = (Span { from: *day, to: *day }, 0);
                }
                rows += count;
            }
            if self.stop.is_asked() {
                return Err(stopped());
            }
        }
        pieces.push(Span { from: piece.from, to: span.to });
        Ok(pieces)
    }

    /// That a row of all reports is one of the account's in a span.
    fn is_in(&self, span: Span) -> String {
        format!(
            "history.{ACCOUNT} = {} and history.report_created_on >= {} and history.report_created_on < {}",
            quoted(self.account),
            timestamp(span.from),
            timestamp(span.to),
        )
    }

    /// When the earliest report was made whose rows came in after this table was last put together, and when the last of all
    /// rows was read.
    async fn come_since(&self, before: Option<Coverage>) -> Result<(Option<i64>, i64)> {
        let since = before.map_or(0, |before| before.taken_up.max(0));
        let sql = format!(
            "select min(report_created_on) filter (where _fetched_at > {}), max(_fetched_at) from history \
             where {ACCOUNT} = {}",
            timestamp(since),
            quoted(self.account),
        );
        let batches = self.context()?.sql(&sql).await?.collect().await?;
        let time = |column: usize| {
            let times = batches.first()?.columns().get(column)?.as_primitive_opt::<TimestampMicrosecondType>()?;
            times.iter().next().flatten()
        };
        Ok((time(0), time(1).unwrap_or(i64::MIN)))
    }

    /// The rows of a span of reports, each as the newest of them tells it.
    async fn newest(&self, span: Span) -> Result<datafusion::execution::SendableRecordBatchStream> {
        let Identity::Restated(keys) = self.table.manner.identity else {
            return Err(Error::bug("a table that nothing is told anew in").with("table", self.table.resource.name));
        };
        let schema = fields::schema(self.table.resource.columns);
        let columns: Vec<String> = schema.fields().iter().map(|field| format!("history.\"{}\"", field.name())).collect();
        let is_same: Vec<String> =
            keys.iter().chain(&["report_id"]).map(|key| format!("(newest.{key} is not distinct from history.{key})")).collect();
        let (columns, span) = (columns.join(", "), self.is_in(span));
        // Only keys are held; the rows pass by, once: a second reading beside it would hold as many pages of files again.
        let sql = format!(
            "select {columns} from (select {keys}, first_value(report_id order by report_created_on desc, report_id desc) as \
             report_id from history where {span} and {first} is not null group by {keys} \
             union all select distinct {keys}, report_id from history where {span} and {first} is null) newest \
             join history on {is_same} where {span}",
            keys = keys.join(", "),
            first = keys.first().unwrap_or(&ACCOUNT),
            is_same = is_same.join(" and "),
        );
        Ok(self.context()?.sql(&sql).await?.execute_stream().await?)
    }

    fn context(&self) -> Result<SessionContext> {
        let context = context();
        context.register_table("history", scan::as_it_is(self.history))?;
        Ok(context)
    }
}
