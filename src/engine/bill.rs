//! The bill of a statement: what its live tables will ask for, before the first request, and whether that may be.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use datafusion::physical_plan::ExecutionPlan;

use crate::error::{Error, Result};
use crate::secret::redact_emails;
use crate::source::estimate::{Basis, Bill, bills};
use crate::source::statement::too_many;

/// The bill of a statement: one entry a live table.
#[derive(Debug, Clone, Default)]
pub struct Bills(Vec<(&'static str, Bill)>);

impl Bills {
    /// The bill of a plan.
    pub(super) fn of(plan: &Arc<dyn ExecutionPlan>) -> Self {
        Self(bills(plan))
    }

    /// Requests in all, and how sure that is.
    pub fn total(&self) -> (u64, Basis) {
        let requests = self.0.iter().map(|(_, bill)| bill.requests).fold(0, u64::saturating_add);
        (requests, self.0.iter().map(|(_, bill)| bill.basis).max().unwrap_or(Basis::Exact))
    }

    /// Refuses what is expected to take more requests than allowed.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Query`], naming the setting.
    pub(super) fn check(&self, most: Option<u64>) -> Result<()> {
        let expected = self.0.iter().filter(|(_, bill)| bill.is_expected());
        let requests = expected.map(|(_, bill)| bill.requests).fold(0, u64::saturating_add);
        match most {
            Some(most) if requests > most => Err(too_many(most, Some(requests))),
            _ => Ok(()),
        }
    }

    /// As a row of the answer to `explain`: how it is asked, how often, how long that takes.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the answer has other columns than two texts.
    pub(super) fn row(&self, schema: &SchemaRef, most: Option<u64>) -> Result<RecordBatch> {
        let columns: Vec<ArrayRef> =
            vec![Arc::new(StringArray::from(vec!["requests"])), Arc::new(StringArray::from(vec![self.text(most)]))];
        RecordBatch::try_new(Arc::clone(schema), columns)
            .map_err(|error| Error::bug("the answer to explain has other columns than expected").caused_by(error))
    }

    fn text(&self, most: Option<u64>) -> String {
        let mut lines = Vec::new();
        for (table, bill) in &self.0 {
            let calls = if bill.calls.is_empty() { "nothing to ask".to_owned() } else { bill.calls.join(", ") };
            lines.push(format!("{table}: {} by {calls}", requests(bill.requests, bill.basis)));
            lines.extend(bill.cheaper.iter().map(|cheaper| format!("  cheaper: {cheaper}")));
        }
        let (total, basis) = self.total();
        let milliseconds = self.0.iter().map(|(_, bill)| bill.milliseconds()).fold(0, u64::saturating_add);
        let allowed = most.map_or_else(|| "any number is".to_owned(), |most| format!("{most} are"));
        lines.push(format!(
            "in all: {}, {}.{:01} s at the present pace; {allowed} allowed (checkout.max_requests)",
            requests(total, basis),
            milliseconds / 1000,
            milliseconds % 1000 / 100
        ));
        lines.join("\n")
    }
}

/// A plan without the e-mail addresses that its filters may name.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when the plan is no text.
pub(super) fn without_emails(plan: &RecordBatch) -> Result<RecordBatch> {
    let hidden = |column: &ArrayRef| match column.as_string_opt::<i32>() {
        Some(texts) => Arc::new(StringArray::from_iter(texts.iter().map(|text| text.map(redact_emails)))),
        None => Arc::clone(column),
    };
    RecordBatch::try_new(plan.schema(), plan.columns().iter().map(hidden).collect())
        .map_err(|error| Error::bug("a plan lost its columns").caused_by(error))
}

fn requests(requests: u64, basis: Basis) -> String {
    let about = match basis {
        Basis::Exact => "",
        Basis::About => "about ",
        Basis::AtMost => "at most ",
        Basis::AtLeast => "at least ",
    };
    format!("{about}{requests} request{}", if requests == 1 { "" } else { "s" })
}
