//! A statement between its being read and its being run: planned, found to read only, its parameters known.
//!
//! Faces that prepare statements hold on to one, tell what its parameters and columns are, and run it as often as they
//! are asked to, with other values each time.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::Array;
use arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, ParamValues, Result as DataFusionResult, ScalarValue};
use datafusion::logical_expr::expr::{Placeholder, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, ResetVariable, SetVariable, Statement, lit};
use datafusion::sql::parser::Statement as Parsed;

use super::{access, number};
use crate::error::{Error, ErrorKind, Result};

/// A statement that was planned, and reads only.
#[derive(Debug, Clone)]
pub struct Planned {
    pub(super) plan: LogicalPlan,
    /// As it was read.
    pub(super) statement: Arc<Parsed>,
}

impl Planned {
    /// A plan, unless it would change something.
    ///
    /// # Errors
    /// [`ErrorKind::ReadOnly`], naming the statement.
    pub(super) fn try_new(plan: LogicalPlan, statement: Arc<Parsed>) -> Result<Self> {
        access::check(&plan)?;
        Ok(Self { plan, statement })
    }

    /// Its parameters by number, counted from one, and what is known of each: from how it is used, or said by
    /// [`Planned::with_parameters`]. Those of PREPARE are none of its own: EXECUTE gives their values.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when a parameter is not a number, or is used as two types.
    pub fn parameters(&self) -> Result<BTreeMap<usize, Option<FieldRef>>> {
        if self.is_prepare() {
            return Ok(BTreeMap::new());
        }
        let fields = self.plan.get_parameter_fields()?;
        let number = |name: &str| name.strip_prefix('$').and_then(|number| number.parse().ok()).filter(|number| *number > 0);
        let mut parameters = BTreeMap::new();
        #[expect(clippy::iter_over_hash_type, reason = "they are sorted here")]
        for (name, field) in fields {
            let number = number(&name).ok_or_else(|| {
                Error::new(ErrorKind::Query, "parameters are numbers, as in $1").with("parameter", name.clone())
            })?;
            parameters.insert(number, field.or_else(|| by_place(&self.plan, &name)));
        }
        Ok(parameters)
    }

    /// The statement with what its parameters are, where that is known of them only by being said.
    ///
    /// # Errors
    /// Those of planning.
    pub fn with_parameters(self, said: &BTreeMap<usize, FieldRef>) -> Result<Self> {
        if said.is_empty() {
            return Ok(self);
        }
        let say = |expr: Expr| match expr {
            Expr::Placeholder(Placeholder { id, field: None }) => {
                let field =
                    id.strip_prefix('$').and_then(|number| number.parse().ok()).and_then(|number: usize| said.get(&number));
                let is_said = field.is_some();
                let expr = Expr::Placeholder(Placeholder { id, field: field.cloned() });
                Ok(if is_said { Transformed::yes(expr) } else { Transformed::no(expr) })
            }
            expr => Ok(Transformed::no(expr)),
        };
        let plan = self.plan.transform_up_with_subqueries(|node| {
            let node = node.map_expressions(|expr| expr.transform_up(say))?;
            node.map_data(LogicalPlan::recompute_schema)
        });
        Ok(Self { plan: plan.data()?, ..self })
    }

    /// The statement with values for its parameters, in their order. A float in the place of a decimal is the decimal that
    /// prints the same.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when there are fewer values than parameters, or they do not fit.
    pub fn bind(self, values: Vec<ScalarValue>) -> Result<Self> {
        if self.is_prepare() {
            return Ok(self);
        }
        let parameters = self.parameters()?;
        let is_decimal =
            |number: usize| parameters.get(&number).and_then(Option::as_ref).is_some_and(|field| field.data_type().is_decimal());
        let values = (1..).zip(values).map(|(number, value)| if is_decimal(number) { exact(value) } else { Ok(value) });
        let values = values.collect::<Result<Vec<_>>>()?;
        let plan = listed(self.plan, &values)?;
        Ok(Self { plan: plan.replace_params_with_values(&ParamValues::from(values))?, ..self })
    }

    /// The setting of the session that it changes, when that is what it does.
    pub fn setting(&self) -> Option<&str> {
        match &self.plan {
            LogicalPlan::Statement(
                Statement::SetVariable(SetVariable { variable, .. }) | Statement::ResetVariable(ResetVariable { variable }),
            ) => Some(variable),
            _ => None,
        }
    }

    fn is_prepare(&self) -> bool {
        matches!(self.plan, LogicalPlan::Statement(Statement::Prepare(_)))
    }

    /// The statement with nothing for each parameter.
    pub(super) fn without_parameters(&self) -> Result<Self> {
        let count = self.parameters()?.keys().last().copied().unwrap_or(0);
        if count == 0 { Ok(self.clone()) } else { self.clone().bind(vec![ScalarValue::Null; count]) }
    }

    /// The columns of its answer, as far as they are known before it is run.
    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(self.plan.schema().inner())
    }
}

/// What a parameter is by its place: what it is cast to, or a number of rows.
fn by_place(plan: &LogicalPlan, name: &str) -> Option<FieldRef> {
    let mut found = None;
    let is_it = |expr: &Expr| matches!(expr, Expr::Placeholder(placeholder) if placeholder.id == name);
    let looked: DataFusionResult<_> = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            if matches!(node, LogicalPlan::Limit(_)) && is_it(expr) {
                found = Some(Arc::new(Field::new(name, DataType::Int64, true)));
            }
            expr.apply(|expr| {
                match expr {
                    // `sought = any($1)`
                    Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "array_has" => {
                        if let [list, sought] = args.as_slice()
                            && is_it(list)
                        {
                            found = list_of(sought, node, name);
                        }
                    }
                    Expr::Cast(cast) if is_it(&cast.expr) => found = Some(Arc::clone(&cast.field)),
                    _ => {}
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    looked.ok().and(found)
}

/// `sought = any($1)` as `sought in (…)` of the items that the parameter is given: they need not be of one type with it.
fn listed(plan: LogicalPlan, values: &[ScalarValue]) -> DataFusionResult<LogicalPlan> {
    let given = |list: &Expr| match list {
        Expr::Placeholder(Placeholder { id, .. }) => {
            let number: usize = id.strip_prefix('$')?.parse().ok()?;
            match values.get(number.checked_sub(1)?)? {
                ScalarValue::List(list) => Some(list),
                _ => None,
            }
        }
        _ => None,
    };
    let spelled_out = |expr: Expr| {
        let Expr::ScalarFunction(ScalarFunction { func, args }) = &expr else { return Ok(Transformed::no(expr)) };
        let [list, sought] = args.as_slice() else { return Ok(Transformed::no(expr)) };
        let Some(list) = given(list).filter(|_| func.name() == "array_has") else { return Ok(Transformed::no(expr)) };
        if list.is_null(0) {
            return Ok(Transformed::yes(lit(ScalarValue::Boolean(None))));
        }
        let items = list.value(0);
        let items = (0..items.len()).map(|index| ScalarValue::try_from_array(&items, index).map(lit));
        let items = items.collect::<DataFusionResult<Vec<_>>>()?;
        Ok(Transformed::yes(if items.is_empty() { lit(false) } else { sought.clone().in_list(items, false) }))
    };
    let plan = plan.transform_up_with_subqueries(|node| {
        let names = NamePreserver::new(&node);
        let node = node.map_expressions(|expr| {
            let name = names.save(&expr);
            Ok(expr.transform_up(spelled_out)?.update_data(|expr| name.restore(expr)))
        })?;
        node.map_data(LogicalPlan::recompute_schema)
    });
    plan.data()
}

/// A list of what an expression of a node is.
fn list_of(sought: &Expr, node: &LogicalPlan, name: &str) -> Option<FieldRef> {
    let mut schema = DFSchema::empty();
    node.inputs().iter().for_each(|input| schema.merge(input.schema()));
    let item = sought.get_type(&schema).ok()?;
    Some(Arc::new(Field::new(name, DataType::new_list(item, true), true)))
}

/// A float as the decimal that prints the same; any other value as it is.
fn exact(value: ScalarValue) -> Result<ScalarValue> {
    match value {
        ScalarValue::Float32(Some(value)) if value.is_finite() => Ok(number::decimal(&value.to_string())?),
        ScalarValue::Float64(Some(value)) if value.is_finite() => Ok(number::decimal(&value.to_string())?),
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_float_that_meets_an_amount_is_what_it_prints() {
        let of = |value: f64| exact(ScalarValue::from(value)).unwrap();
        assert_eq!(of(0.1), ScalarValue::Decimal128(Some(1), 1, 1));
        assert_eq!(of(-12.345), ScalarValue::Decimal128(Some(-12_345), 5, 3));
        assert_eq!(of(0.0), ScalarValue::Decimal128(Some(0), 1, 0));
        assert_eq!(of(1e21), ScalarValue::Decimal128(Some(10_i128.pow(21)), 22, 0));
        assert_eq!(of(1e50).data_type(), DataType::Decimal256(51, 0));
        assert_eq!(exact(ScalarValue::from(1e90)).unwrap_err().kind(), ErrorKind::Query);
        assert_eq!(exact(ScalarValue::from(f64::INFINITY)).unwrap(), ScalarValue::from(f64::INFINITY));
    }
}
