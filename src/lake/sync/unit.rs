//! One reading, compared with what the lake has, and committed with what it proves.

use std::collections::HashSet;

use arrow::array::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, ident, lit};
use datafusion::prelude::SessionContext;
use deltalake_core::DeltaTable;
use deltalake_core::writer::DeltaWriter;
use futures::StreamExt;
use serde_json::json;

use super::reading::inside;
use crate::error::Result;
use crate::lake::coverage::Coverage;
use crate::lake::delta::Note;
use crate::lake::failed;
use crate::lake::known::{Known, text};
use crate::lake::manner::{Identity, Manner, Unit};
use crate::lake::stamp::{KEY, Stamper};
use crate::lake::table::{Change, LakeTable};
use crate::schema::fields::ACCOUNT;
use crate::source::span::{Span, rfc3339};

/// Bytes of changed rows that are held before they are committed.
const HELD: usize = 64 << 20;
/// Bytes of rows whose keys are looked up in the lake in one go.
const PIECE: usize = 48 << 20;

/// What was read, and what came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows read.
    pub read: u64,
    /// Rows that came in.
    pub added: u64,
    /// Rows that changed.
    pub changed: u64,
    /// Rows that are there no more.
    pub gone: u64,
}

impl Tally {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            read: self.read + other.read,
            added: self.added + other.added,
            changed: self.changed + other.changed,
            gone: self.gone + other.gone,
        }
    }
}

/// What a reading is of.
#[derive(Debug, Clone)]
pub(super) enum Scope {
    /// All rows.
    All,
    /// The rows of a span of the table's column.
    Span(Span),
    /// The rows that have one of these values in a column.
    Keys(&'static str, Vec<String>),
}

/// A reading of a table, and what it will prove.
pub(super) struct Reading<'a> {
    pub(super) table: &'a LakeTable,
    pub(super) account: &'a str,
    pub(super) scope: Scope,
    /// What is proven when it is done.
    pub(super) proves: Coverage,
}

impl Scope {
    /// That a row is of it; `None` where every row is.
    pub(super) fn filter(&self, unit: Unit) -> Option<Expr> {
        match (self, unit) {
            (Self::Span(span), Unit::Spans(column) | Unit::Changes(column)) => Some(inside(column, *span)),
            (Self::Keys(column, values), _) => Some(ident(*column).in_list(values.iter().map(lit).collect(), false)),
            _ => None,
        }
    }
}

impl Reading<'_> {
    /// Takes over what was read.
    ///
    /// # Errors
    /// Those of the rows; [`crate::error::ErrorKind::File`] and [`crate::error::ErrorKind::Conflict`] of the lake.
    pub(super) async fn take(&self, mut rows: SendableRecordBatchStream) -> Result<Tally> {
        let Manner { unit, identity } = self.table.manner;
        let before = self.table.ensure().await?;
        let mut known = Known::new(identity);
        if let Some(scope) = self.compared() {
            self.learn(&mut known, &before, scope, None).await?;
        }
        let stamper = Stamper::try_new(self.table.resource, self.table.manner)?;
        let mut writer = self.table.writer(&before)?;
        let mut lake = before.clone();
        let (mut tally, mut change, mut held) = (Tally::default(), Change::default(), 0);
        loop {
            let piece = self.piece(&mut rows, &stamper, &mut known).await?;
            if piece.is_empty() {
                break;
            }
            if matches!(unit, Unit::Changes(_)) {
                // A row that moved is known by its key, wherever it was.
                known.forget();
                self.learn(&mut known, &before, None, Some(&keys(&piece)?)).await?;
            }
            for batch in piece {
                tally.read += count(&batch);
                let sifted = known.sift(&batch)?;
                if sifted.new.num_rows() > 0 {
                    tally.added += count(&sifted.new);
                    writer.write(sifted.new).await.map_err(failed)?;
                }
                if sifted.changed.num_rows() > 0 {
                    tally.changed += count(&sifted.changed);
                    held += sifted.changed.get_array_memory_size();
                    change.months.extend(months(&known, text(&sifted.changed, KEY)?.iter().flatten()));
                    change.changed.push(sifted.changed);
                }
            }
            // All rows of a key that has several are to be changed in one commit.
            if held > HELD && !matches!(identity, Identity::Restated(_)) {
                lake = self.change(lake, std::mem::take(&mut change), None, tally).await?;
                held = 0;
            }
        }
        if matches!(unit, Unit::Spans(_) | Unit::Whole) {
            change.gone = known.gone().into_iter().map(str::to_owned).collect();
            change.months.extend(months(&known, change.gone.iter().map(String::as_str)));
            tally.gone += u64::try_from(change.gone.len()).unwrap_or_default();
        }
        let is_more = tally.added > 0;
        let proves = Some((self.account, self.proves));
        if !change.changed.is_empty() || !change.gone.is_empty() {
            lake = self.change(lake, change, proves.filter(|_| !is_more), tally).await?;
            if !is_more {
                return Ok(tally);
            }
        }
        let own = Tally { changed: 0, gone: 0, ..tally };
        self.table.append(&lake, writer, proves, self.note(own)).await?;
        Ok(tally)
    }

    /// Commits what is proven, where nothing is left to read for it.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::File`] and [`crate::error::ErrorKind::Conflict`] of the lake.
    pub(super) async fn prove(&self) -> Result<()> {
        let lake = self.table.ensure().await?;
        let writer = self.table.writer(&lake)?;
        self.table.append(&lake, writer, Some((self.account, self.proves)), self.note(Tally::default())).await
    }

    /// The next rows that are compared in one go, stamped: where they are known by their keys, so many that the lake is not
    /// read for a few.
    async fn piece(
        &self,
        rows: &mut SendableRecordBatchStream,
        stamper: &Stamper,
        known: &mut Known,
    ) -> Result<Vec<RecordBatch>> {
        let wanted = if matches!(self.table.manner.unit, Unit::Changes(_)) { PIECE } else { 0 };
        let (mut piece, mut bytes) = (Vec::new(), 0);
        while let Some(batch) = rows.next().await {
            let batch = known.numbered(stamper.stamp(&batch?)?)?;
            bytes += batch.get_array_memory_size();
            piece.push(batch);
            if bytes > wanted {
                break;
            }
        }
        Ok(piece)
    }

    /// The rows of the lake that a reading is compared with as a whole; `None` where it is compared by keys, or not at all.
    fn compared(&self) -> Option<Option<Expr>> {
        match self.table.manner.unit {
            Unit::Snapshots | Unit::Changes(_) => None,
            unit => Some(self.scope.filter(unit)),
        }
    }

    /// Learns what the lake has, of a scope and of these keys.
    async fn learn(
        &self,
        known: &mut Known,
        lake: &DeltaTable,
        scope: Option<Expr>,
        keys: Option<&HashSet<Box<str>>>,
    ) -> Result<()> {
        let mine = ident(ACCOUNT).eq(lit(self.account));
        let filter: Expr = match scope {
            Some(scope) => mine.and(scope),
            None => mine,
        };
        let context = SessionContext::new();
        lake.update_datafusion_session(&context.state()).map_err(failed)?;
        let rows = context.read_table(lake.table_provider().await?)?.filter(filter)?;
        let mut rows = rows.select(known.columns().iter().copied().map(ident).collect::<Vec<_>>())?.execute_stream().await?;
        while let Some(batch) = rows.next().await {
            known.add(&batch?, keys)?;
        }
        Ok(())
    }

    async fn change(
        &self,
        lake: DeltaTable,
        change: Change,
        proves: Option<(&str, Coverage)>,
        tally: Tally,
    ) -> Result<DeltaTable> {
        let gone = u64::try_from(change.gone.len()).unwrap_or_default();
        let own = Tally { read: tally.read, added: 0, changed: change.changed.iter().map(count).sum(), gone };
        self.table.change(lake, change, proves, self.note(own)).await
    }

    /// What its commits say of themselves.
    fn note(&self, tally: Tally) -> Note {
        let span = match &self.scope {
            Scope::All => json!(null),
            Scope::Span(span) => json!({"from": rfc3339(span.from), "to": rfc3339(span.to)}),
            Scope::Keys(column, values) => json!({"column": column, "values": values.len()}),
        };
        let rows = json!({"read": tally.read, "added": tally.added, "changed": tally.changed, "gone": tally.gone});
        Note::from([("ckosql".to_owned(), json!({"account": self.account, "read": span, "rows": rows}))])
    }
}

/// The keys of stamped rows.
fn keys(piece: &[RecordBatch]) -> Result<HashSet<Box<str>>> {
    let mut keys = HashSet::new();
    for batch in piece {
        keys.extend(text(batch, KEY)?.iter().flatten().map(Box::from));
    }
    Ok(keys)
}

/// The months in which the lake has rows of these keys.
fn months<'a>(known: &Known, keys: impl IntoIterator<Item = &'a str>) -> Vec<Option<String>> {
    known.months(keys).into_iter().map(|month| month.map(str::to_owned)).collect()
}

fn count(batch: &RecordBatch) -> u64 {
    u64::try_from(batch.num_rows()).unwrap_or_default()
}
