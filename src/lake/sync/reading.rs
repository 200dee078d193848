//! Reading live rows for a sync: everything of a span, or the sync of it fails.

use std::sync::Arc;

use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, ident, lit};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::StreamExt;

use crate::error::{Error, Result};
use crate::lake::public::instant;
use crate::lake::table::LakeTable;
use crate::resources::listed;
use crate::schema::fields::ACCOUNT;
use crate::source::connection::Connection;
use crate::source::span::Span;
use crate::source::statement::Statement;
use crate::source::{CheckoutOptions, LiveTable};

/// Readings that share their requests.
pub(super) struct Readings {
    context: SessionContext,
    connection: Arc<Connection>,
}

impl Readings {
    /// Of an account.
    pub(super) fn new(connection: &Arc<Connection>) -> Self {
        let options = CheckoutOptions { max_requests: None, ..CheckoutOptions::default() };
        let config = SessionConfig::new().with_option_extension(options).with_extension(Arc::new(Statement::new(None)));
        Self { context: SessionContext::new_with_config(config), connection: Arc::clone(connection) }
    }

    /// The rows of a table that are wanted, as its policy lets them be kept: nothing else comes from the API into the lake. All
    /// readings are to be asked for before the first of them is read.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when there is no such table.
    pub(super) async fn rows(&self, table: &LakeTable, wanted: Option<Expr>) -> Result<SendableRecordBatchStream> {
        let name = table.resource.name;
        let resource = listed(name).ok_or_else(|| Error::bug("a table that is not there is read").with("table", name))?;
        let live = LiveTable::new(resource, Arc::from([Arc::clone(&self.connection)]));
        let mut filter = ident(ACCOUNT).eq(lit(self.connection.name()));
        if let Some(wanted) = wanted {
            filter = filter.and(wanted);
        }
        let rows = self.context.read_table(Arc::new(live))?.filter(filter)?.execute_stream().await?;
        let Some(policy) = table.policy.clone() else { return Ok(rows) };
        let schema = rows.schema();
        let kept = rows.map(move |batch| Ok(policy.apply(&batch?)?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, kept)))
    }
}

/// That a column lies in a span.
pub(super) fn inside(column: &str, span: Span) -> Expr {
    ident(column).gt_eq(instant(span.from)).and(ident(column).lt(instant(span.to)))
}
