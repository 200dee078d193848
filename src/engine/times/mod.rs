//! Times as PostgreSQL's users write them: templates beside DataFusion's formats, and clocks of other places.
//!
//! A template or format is DataFusion's when it has a `%`, as in `%Y-%m-%d`, and else PostgreSQL's, as in `YYYY-MM-DD`.

mod age;
mod clock;
mod read;
mod shown;
mod span;
mod template;
mod templated;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::planner::ExprPlanner;

use templated::{Kind, Templated};

/// The function behind `at time zone`.
pub(super) const TIMEZONE: &str = "timezone";

/// The functions of a session.
pub(super) fn functions() -> impl Iterator<Item = ScalarUDF> {
    let templated = [Kind::ToChar, Kind::ToDate, Kind::ToTimestamp].map(|kind| ScalarUDF::from(Templated::new(kind)));
    templated.into_iter().chain([ScalarUDF::from(clock::Timezone::default()), ScalarUDF::from(age::Age::default())])
}

/// What plans their arithmetic.
pub(super) fn planner() -> Arc<dyn ExprPlanner> {
    Arc::new(span::Spans)
}

/// Whether a format is one of DataFusion's.
fn is_datafusions(format: &str) -> bool {
    format.contains('%')
}
