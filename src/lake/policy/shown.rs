//! A live table as the policy lets it be seen, for `public`: what the lake has of it is the same.
//!
//! What becomes of a column is an expression over it, so a filter on the column is one on what became of it: it is applied to
//! the rows, and never sent.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result as DataFusionResult, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TableProviderFilterPushDown, TableType, Volatility, ident, lit,
};
use datafusion::physical_plan::ExecutionPlan;

use super::TablePolicy;
use super::rule::{Rule, Treatment};
use crate::error::{Error, Result};
use crate::lake::scan::{answer, session};
use crate::source::LiveTable;

/// A live table as its policy, where it has one, lets it be seen.
pub fn shown(name: &'static str, live: Arc<LiveTable>, policy: Option<&Arc<TablePolicy>>) -> Arc<dyn TableProvider> {
    match policy {
        Some(policy) => Arc::new(Shown { name, live, policy: Arc::clone(policy) }),
        None => live,
    }
}

#[derive(Debug)]
struct Shown {
    name: &'static str,
    live: Arc<LiveTable>,
    policy: Arc<TablePolicy>,
}

impl Shown {
    /// What is seen of each column.
    fn columns(&self) -> Result<Vec<Expr>> {
        let column = |field: &arrow::datatypes::FieldRef| {
            let name = field.name();
            Ok(match self.policy.columns.get(name.as_str()) {
                None => ident(name).alias(name),
                Some(Treatment::Whole(Rule::Drop)) => lit(ScalarValue::try_from(field.data_type())?).alias(name),
                Some(treatment) => ScalarUDF::from(Treated::new(treatment.clone())).call(vec![ident(name)]).alias(name),
            })
        };
        self.live.schema().fields().iter().map(column).collect()
    }
}

#[async_trait]
impl TableProvider for Shown {
    fn schema(&self) -> SchemaRef {
        self.live.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let source = provider_as_source(Arc::clone(&self.live) as Arc<dyn TableProvider>);
        let rows = LogicalPlanBuilder::scan(self.name, source, None)?.project(self.columns()?)?.build()?;
        answer(session(state)?, rows, projection, filters, limit).await
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Exact; filters.len()])
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
