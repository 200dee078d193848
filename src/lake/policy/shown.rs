//! A table as a policy lets it be seen: a live one for `public`, as the lake has it, and any one for a role.
//!
//! What becomes of a column is an expression over it, so a filter on the column is one on what became of it: it is applied to
//! the rows, and never sent.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::common::{Result as DataFusionResult, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    ident, lit,
};

use super::TablePolicy;
use super::rule::{Rule, Treatment};
use crate::error::{Error, Result};
use crate::lake::planned::{Planned, PlannedTable};

/// A table as its policy, where it has one, lets it be seen.
pub fn shown(name: &'static str, table: Arc<dyn TableProvider>, policy: Option<&Arc<TablePolicy>>) -> Arc<dyn TableProvider> {
    match policy {
        Some(policy) => Arc::new(PlannedTable(Shown { name, table, policy: Arc::clone(policy) })),
        None => table,
    }
}

#[derive(Debug)]
struct Shown {
    name: &'static str,
    table: Arc<dyn TableProvider>,
    policy: Arc<TablePolicy>,
}

impl Shown {
    /// What is seen of each column.
    fn seen(&self) -> Result<Vec<Expr>> {
        let column = |field: &arrow::datatypes::FieldRef| {
            let name = field.name();
            Ok(match self.policy.columns.get(name.as_str()) {
                None => ident(name).alias(name),
                Some(Treatment::Whole(Rule::Drop)) => lit(ScalarValue::try_from(field.data_type())?).alias(name),
                Some(treatment) => ScalarUDF::from(Treated::new(treatment.clone())).call(vec![ident(name)]).alias(name),
            })
        };
        self.table.schema().fields().iter().map(column).collect()
    }
}

#[async_trait]
impl Planned for Shown {
    fn columns(&self) -> SchemaRef {
        self.table.schema()
    }

    async fn rows(&self, _state: &SessionState, _filters: &[Expr]) -> Result<LogicalPlan> {
        let source = provider_as_source(Arc::clone(&self.table));
        Ok(LogicalPlanBuilder::scan(self.name, source, None)?.project(self.seen()?)?.build()?)
    }
}

/// What becomes of a column, as a function over it.
struct Treated {
    treatment: Treatment,
    signature: Signature,
}

impl Treated {
    fn new(treatment: Treatment) -> Self {
        Self { treatment, signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl fmt::Debug for Treated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Treated").field("treatment", &self.treatment).finish_non_exhaustive()
    }
}

impl PartialEq for Treated {
    fn eq(&self, other: &Self) -> bool {
        self.treatment == other.treatment
    }
}

impl Eq for Treated {}

impl Hash for Treated {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.treatment.hash(state);
    }
}

impl ScalarUDFImpl for Treated {
    fn name(&self) -> &'static str {
        match self.treatment {
            Treatment::Whole(Rule::Hash(_)) => "hashed",
            Treatment::Whole(Rule::Mask) => "masked",
            Treatment::Whole(Rule::Drop) => "dropped",
            Treatment::Within(_) => "cleaned",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> DataFusionResult<DataType> {
        Ok(types.first().cloned().unwrap_or(DataType::Utf8))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let values = ColumnarValue::values_to_arrays(&args.args)?;
        let values = values.first().ok_or_else(|| Error::bug("a policy is for one column"))?;
        let treated = self.treatment.apply(values)?;
        Ok(match args.args.first() {
            Some(ColumnarValue::Scalar(_)) => ColumnarValue::Scalar(ScalarValue::try_from_array(&treated, 0)?),
            _ => ColumnarValue::Array(treated),
        })
    }
}
