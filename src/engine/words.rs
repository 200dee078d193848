//! Words compared without case: `status = 'captured'` finds `Captured`.
//!
//! This holds for literals in `=`, `<>`, `in (…)` and `case status when …`; what is computed, or comes from another table, is
//! compared as it is.
//!
//! Columns of the vendor's words are stored in one spelling; a literal that such a column is compared with is given that
//! spelling when the query is planned. The list travels in the field's metadata, so this holds through joins and views.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, ExprSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{Case, InList};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, LogicalPlan, Operator};
use datafusion::optimizer::AnalyzerRule;

use crate::schema::fields;

/// Spells the literals that columns of words are compared with.
#[derive(Debug)]
pub(super) struct SpellWords;

impl AnalyzerRule for SpellWords {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            let mut schema = DFSchema::empty();
            for input in plan.inputs() {
                schema.merge(input.schema());
            }
            if let LogicalPlan::TableScan(scan) = &plan {
                // A filter may use what the projection leaves out.
                schema.merge(&DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?);
            }
            // What is spelled otherwise must not be named otherwise.
            let names = NamePreserver::new(&plan);
            let spelled = plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let spelled = expr.transform(|expr| Ok(spell(expr, &schema)))?;
                Ok(spelled.update_data(|expr| name.restore(expr)))
            })?;
            spelled.map_data(LogicalPlan::recompute_schema)
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "spell_words"
    }
}

fn spell(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) => {
            let (left, right) = match (words(&left, schema), words(&right, schema)) {
                (Some(words), None) => (left, Box::new(respell(*right, &words))),
                (None, Some(words)) => (Box::new(respell(*left, &words)), right),
                _ => (left, right),
            };
            Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
        }
        Expr::InList(InList { expr, list, negated }) => match words(&expr, schema) {
            Some(words) => {
                let list = list.into_iter().map(|item| respell(item, &words)).collect();
                Transformed::yes(Expr::InList(InList { expr, list, negated }))
            }
            None => Transformed::no(Expr::InList(InList { expr, list, negated })),
        },
        Expr::Case(Case { expr: Some(base), when_then_expr, else_expr }) => {
            let spelled = words(&base, schema).unwrap_or_default();
            let respelled = |(when, then): (Box<Expr>, Box<Expr>)| (Box::new(respell(*when, &spelled)), then);
            let when_then_expr = when_then_expr.into_iter().map(respelled).collect();
            Transformed::yes(Expr::Case(Case { expr: Some(base), when_then_expr, else_expr }))
        }
        other => Transformed::no(other),
    }
}

fn is_comparison(op: Operator) -> bool {
    matches!(op, Operator::Eq | Operator::NotEq | Operator::IsDistinctFrom | Operator::IsNotDistinctFrom)
}

/// The words of the column that an expression is; `None` when it is none of words.
fn words(expr: &Expr, schema: &DFSchema) -> Option<Vec<String>> {
    match expr {
        Expr::Column(column) => fields::words(schema.field_from_column(column).ok()?),
        Expr::Cast(Cast { expr, field }) if field.data_type().is_string() => words(expr, schema),
        _ => None,
    }
}

fn respell(expr: Expr, words: &[String]) -> Expr {
    let Expr::Literal(value, metadata) = expr else { return expr };
    let spelled = value.try_as_str().flatten().and_then(|text| words.iter().find(|word| fields::is_word(text, word)));
    let value = match (&value, spelled) {
        (_, None) => value,
        (ScalarValue::Utf8View(_), Some(word)) => ScalarValue::Utf8View(Some(word.clone())),
        (ScalarValue::LargeUtf8(_), Some(word)) => ScalarValue::LargeUtf8(Some(word.clone())),
        (_, Some(word)) => ScalarValue::Utf8(Some(word.clone())),
    };
    Expr::Literal(value, metadata)
}

/// The rule, as sessions take it.
pub(super) fn rule() -> Arc<dyn AnalyzerRule + Send + Sync> {
    Arc::new(SpellWords)
}
