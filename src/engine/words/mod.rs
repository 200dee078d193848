//! Words compared without case: `status = 'captured'` finds `Captured`.
//!
//! Columns of the vendor's words are stored in one spelling. What such a column, or an expression made of one, is compared
//! with is given that spelling when the query is planned: in `=`, `<>`, `in`, `= any`, `case status when …`, `nullif` and
//! joins, by literals, other columns and subqueries alike. Patterns and orders (`like`, `<`) go by the text as it is, and so
//! do set operations, grouping and lists that are gathered from rows.

mod spelled;

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{Case, InList, InSubquery, ScalarFunction, SetComparison};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    BinaryExpr, Cast, Expr, ExprSchemable, Join, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, TryCast,
};
use datafusion::optimizer::AnalyzerRule;

use crate::schema::fields::Words;
use crate::source::lineage::{Origin, of_expr, origins};
pub(super) use spelled::function;
use spelled::{spell_literal, spelled};

/// Functions whose value is that of one of their arguments.
const CHOOSING: [&str; 12] =
    ["coalesce", "nvl", "nvl2", "ifnull", "nullif", "min", "max", "first_value", "last_value", "nth_value", "lag", "lead"];

/// The rule, as sessions take it.
pub(super) fn rule() -> Arc<dyn AnalyzerRule + Send + Sync> {
    Arc::new(SpellWords)
}

/// Spells what columns of words are compared with.
#[derive(Debug)]
struct SpellWords;

impl AnalyzerRule for SpellWords {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            let seen = Seen::by(&plan)?;
            let plan = match plan {
                LogicalPlan::Join(join) => LogicalPlan::Join(seen.spell_join(join)?),
                plan => plan,
            };
            // What is spelled otherwise must not be named otherwise.
            let names = NamePreserver::new(&plan);
            let spelled = plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let spelled = expr.transform(|expr| seen.spell(expr))?;
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

/// The words that an expression's values may be.
#[derive(Debug, Clone)]
struct Known {
    words: Words,
    /// Whether they surely have that spelling: they are a column's own.
    is_spelled: bool,
}

/// What the expressions of a plan node can see.
struct Seen {
    inputs: Vec<LogicalPlan>,
    schema: DFSchema,
}

impl Seen {
    fn by(plan: &LogicalPlan) -> Result<Self> {
        let mut inputs: Vec<LogicalPlan> = plan.inputs().into_iter().cloned().collect();
        if let LogicalPlan::TableScan(scan) = plan {
            // A filter may use what the projection leaves out.
            inputs = vec![LogicalPlanBuilder::scan(scan.table_name.clone(), Arc::clone(&scan.source), None)?.build()?];
        }
        let mut schema = DFSchema::empty();
        inputs.iter().for_each(|input| schema.merge(input.schema()));
        Ok(Self { inputs, schema })
    }

    fn spell(&self, expr: Expr) -> Result<Transformed<Expr>> {
        let spelled = match expr {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(op) => {
                let (left, right) = self.pair(*left, *right)?;
                Expr::BinaryExpr(BinaryExpr { left: Box::new(left), op, right: Box::new(right) })
            }
            Expr::InList(InList { expr, list, negated }) => {
                let (expr, list) = self.one_and_others(*expr, list)?;
                Expr::InList(InList { expr: Box::new(expr), list, negated })
            }
            Expr::Case(Case { expr: Some(base), when_then_expr, else_expr }) => {
                let (whens, thens): (Vec<_>, Vec<_>) = when_then_expr.into_iter().unzip();
                let (base, whens) = self.one_and_others(*base, whens.into_iter().map(|when| *when).collect())?;
                let when_then_expr = whens.into_iter().map(Box::new).zip(thens).collect();
                Expr::Case(Case { expr: Some(Box::new(base)), when_then_expr, else_expr })
            }
            Expr::ScalarFunction(ScalarFunction { func, args }) => {
                let args = match func.name() {
                    "nullif" => self.together(args)?,
                    "array_has" => self.array_has(args)?,
                    _ => args,
                };
                Expr::ScalarFunction(ScalarFunction { func, args })
            }
            Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
                let (expr, subquery) = self.with_subquery(*expr, subquery)?;
                Expr::InSubquery(InSubquery { expr: Box::new(expr), subquery, negated })
            }
            Expr::SetComparison(SetComparison { expr, subquery, op, quantifier }) if is_comparison(op) => {
                let (expr, subquery) = self.with_subquery(*expr, subquery)?;
                Expr::SetComparison(SetComparison { expr: Box::new(expr), subquery, op, quantifier })
            }
            other => return Ok(Transformed::no(other)),
        };
        Ok(Transformed::yes(spelled))
    }

    fn spell_join(&self, join: Join) -> Result<Join> {
        let on = join.on.into_iter().map(|(left, right)| self.pair(left, right)).collect::<Result<_>>()?;
        Ok(Join { on, ..join })
    }

    fn pair(&self, left: Expr, right: Expr) -> Result<(Expr, Expr)> {
        let (left, mut others) = self.one_and_others(left, vec![right])?;
        Ok(match others.pop() {
            Some(right) => (left, right),
            None => (left.clone(), left),
        })
    }

    fn one_and_others(&self, one: Expr, others: Vec<Expr>) -> Result<(Expr, Vec<Expr>)> {
        let mut all = self.together([vec![one], others].concat())?;
        let one = all.remove(0);
        Ok((one, all))
    }

    /// Expressions that are compared with one another, all in the spelling of the first that is of words.
    fn together(&self, exprs: Vec<Expr>) -> Result<Vec<Expr>> {
        let rows: Option<Vec<&[Expr]>> = exprs.iter().map(parts).collect();
        if let Some(rows) = rows.filter(|rows| rows.windows(2).all(|pair| matches!(pair, [a, b] if a.len() == b.len()))) {
            return self.rows_together(&exprs, &rows);
        }
        let Some(words) = exprs.iter().find_map(|expr| self.words(expr)).map(|known| known.words) else { return Ok(exprs) };
        exprs.into_iter().map(|expr| self.respell(expr, &words)).collect()
    }

    /// Rows compared with one another, part by part.
    fn rows_together(&self, exprs: &[Expr], rows: &[&[Expr]]) -> Result<Vec<Expr>> {
        let width = rows.first().map_or(0, |row| row.len());
        let columns = (0..width).map(|index| self.together(rows.iter().filter_map(|row| row.get(index)).cloned().collect()));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let row = |(index, expr): (usize, &Expr)| match expr {
            Expr::ScalarFunction(function) => {
                let args = columns.iter().filter_map(|column| column.get(index)).cloned().collect();
                Expr::ScalarFunction(ScalarFunction { func: Arc::clone(&function.func), args })
            }
            other => other.clone(),
        };
        Ok(exprs.iter().enumerate().map(row).collect())
    }

    /// `array_has(array[…], sought)`, which `sought = any(array[…])` is planned as.
    fn array_has(&self, mut args: Vec<Expr>) -> Result<Vec<Expr>> {
        let [array, sought] = args.as_mut_slice() else { return Ok(args) };
        let made = match array {
            Expr::Cast(cast) => cast.expr.as_mut(),
            array => array,
        };
        if let Expr::ScalarFunction(ScalarFunction { func, args: items }) = made
            && func.name() == "make_array"
        {
            let (one, others) = self.one_and_others(sought.clone(), std::mem::take(items))?;
            (*sought, *items) = (one, others);
        }
        Ok(args)
    }

    fn with_subquery(&self, expr: Expr, subquery: Subquery) -> Result<(Expr, Subquery)> {
        let within = known(&origins(&subquery.subquery, 0));
        let Some(words) = self.words(&expr).or_else(|| within.clone()).map(|known| known.words) else {
            return Ok((expr, subquery));
        };
        let expr = self.respell(expr, &words)?;
        if within.is_some_and(|within| within.is_spelled && within.words == words) {
            return Ok((expr, subquery));
        }
        let plan = subquery.subquery.as_ref().clone();
        let columns = plan.schema().columns().into_iter().map(Expr::Column);
        let rows = Self { schema: plan.schema().as_ref().clone(), inputs: vec![plan.clone()] };
        let named = |column: Expr| {
            let name = column.schema_name().to_string();
            Ok(rows.respell(column, &words)?.alias(name))
        };
        let columns = columns.map(named).collect::<Result<Vec<_>>>()?;
        let plan = LogicalPlanBuilder::from(plan).project(columns)?.build()?;
        Ok((expr, Subquery { subquery: Arc::new(plan), ..subquery }))
    }

    fn respell(&self, expr: Expr, words: &Words) -> Result<Expr> {
        match expr {
            Expr::Literal(value, metadata) => Ok(Expr::Literal(spell_literal(value, words), metadata)),
            expr if self.words(&expr).is_some_and(|known| known.is_spelled && known.words == *words) => Ok(expr),
            expr if expr.get_type(&self.schema)?.is_string() => Ok(spelled(expr, words)),
            expr => Ok(expr),
        }
    }

    fn words(&self, expr: &Expr) -> Option<Known> {
        let own = self.inputs.iter().find_map(|input| words(expr, input));
        // Of another query's row, or of nothing but literals and subqueries.
        own.or_else(|| self.inputs.is_empty().then(|| words(expr, &LogicalPlan::default())).flatten())
    }
}

fn is_comparison(op: Operator) -> bool {
    matches!(op, Operator::Eq | Operator::NotEq | Operator::IsDistinctFrom | Operator::IsNotDistinctFrom)
}

/// The parts of a row that is written out.
fn parts(expr: &Expr) -> Option<&[Expr]> {
    match expr {
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "struct" => Some(args),
        _ => None,
    }
}

/// The words that an expression over the rows of a plan is of; `None` when it is none of words.
fn words(expr: &Expr, input: &LogicalPlan) -> Option<Known> {
    let chosen = |args: &[Expr]| {
        let known = args.iter().find_map(|arg| words(arg, input))?;
        Some(Known { is_spelled: false, ..known })
    };
    match expr {
        Expr::Column(_) => known(&of_expr(Some(expr), input)),
        Expr::OuterReferenceColumn(field, _) => Some(Known { words: Words::of(field)?, is_spelled: false }),
        Expr::Alias(alias) => words(&alias.expr, input),
        Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) if field.data_type().is_string() => {
            words(expr, input)
        }
        Expr::ScalarSubquery(subquery) => known(&origins(&subquery.subquery, 0)),
        Expr::Case(Case { when_then_expr, else_expr, .. }) => {
            let thens = when_then_expr.iter().map(|(_, then)| then).chain(else_expr);
            chosen(&thens.map(|then| then.as_ref().clone()).collect::<Vec<_>>())
        }
        Expr::ScalarFunction(function) if CHOOSING.contains(&function.func.name()) => chosen(&function.args),
        Expr::AggregateFunction(function) if CHOOSING.contains(&function.func.name()) => chosen(&function.params.args),
        Expr::WindowFunction(function) if CHOOSING.contains(&function.fun.name()) => chosen(&function.params.args),
        _ => None,
    }
}

/// The words of what has these origins; spelled only when it is so whichever it comes from.
fn known(origins: &[Origin<'_>]) -> Option<Known> {
    let all: Vec<Option<Known>> = origins.iter().map(of_origin).collect();
    let first = all.iter().flatten().next()?.clone();
    let is_alike = |known: &Option<Known>| known.as_ref().is_some_and(|known| known.is_spelled && known.words == first.words);
    Some(Known { is_spelled: all.iter().all(is_alike), ..first })
}

fn of_origin(origin: &Origin<'_>) -> Option<Known> {
    match origin {
        Origin::Scanned(_, field) => Some(Known { words: Words::of(field)?, is_spelled: true }),
        Origin::Computed(expr, input) => words(expr, input),
        Origin::Unknown => None,
    }
}
