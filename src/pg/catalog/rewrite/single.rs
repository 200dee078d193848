//! Subqueries and lists of the catalogue as the engine can compute them.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Ident, ObjectName, ObjectNamePart, Query,
    Select, SelectItem, SetExpr, Statement, TableAlias, TableFactor, UnaryOperator, Value, Visit, VisitMut, Visitor, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::{call, is_function_column, parts};
use crate::pg::catalog::functions::JOINED;

/// Aggregates: a subquery that has one has one row.
const AGGREGATES: [&str; 10] =
    ["array_agg", "bool_and", "bool_or", "count", "first_value", "json_agg", "max", "min", "string_agg", "sum"];

/// Shows nothing where a subquery stands in a list of what is to be shown.
pub(super) struct Shown;

impl VisitorMut for Shown {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        struct Nothing;
        impl VisitorMut for Nothing {
            type Break = ();

            fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
                if matches!(expr, Expr::Subquery(_)) {
                    *expr = Expr::Value(Value::Null.with_empty_span());
                }
                ControlFlow::Continue(())
            }
        }
        match query.body.as_mut() {
            SetExpr::Select(select) => VisitMut::visit(&mut select.projection, &mut Nothing),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Asks of a subquery in a list of what is to be shown, of which the engine has values only, for a value: whether there is a row,
/// and whether a value is one of its.
struct Asked;

impl VisitorMut for Asked {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let (found, negated) = match expr {
            Expr::InSubquery { expr: sought, subquery, negated } => {
                let mut list = subquery.clone();
                aggregated(&mut list, "array_agg");
                (call("array_has", vec![Expr::Subquery(list), sought.as_ref().clone()]), *negated)
            }
            Expr::Exists { subquery, negated } => {
                let mut count = subquery.clone();
                let SetExpr::Select(select) = count.body.as_mut() else { return ControlFlow::Continue(()) };
                let one = Expr::Value(Value::Number("1".to_owned(), false).with_empty_span());
                select.projection = vec![SelectItem::UnnamedExpr(call("count", vec![one]))];
                let none = Expr::Value(Value::Number("0".to_owned(), false).with_empty_span());
                let count = Box::new(Expr::Subquery(count));
                (Expr::BinaryOp { left: count, op: BinaryOperator::Gt, right: Box::new(none) }, *negated)
            }
            _ => return ControlFlow::Continue(()),
        };
        let no = Expr::Value(Value::Boolean(false).with_empty_span());
        let found = call("coalesce", vec![found, no]);
        *expr = if negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(found) } } else { found };
        ControlFlow::Continue(())
    }
}

/// Makes what the engine asks to have one row have one: subqueries in the place of a value, and arrays of subqueries.
pub(super) struct Single;

impl VisitorMut for Single {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::UNNEST { array_exprs, alias: Some(alias), .. } = factor
            && array_exprs.iter().all(is_key)
            && let Some(nothing) = nothing(&alias.columns.first().map_or(&alias.name, |column| &column.name).to_string())
        {
            let alias = Some(TableAlias { columns: vec![], ..alias.clone() });
            *factor = TableFactor::Derived { lateral: false, subquery: nothing, alias, sample: None };
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        match query.body.as_mut() {
            SetExpr::Select(select) => VisitMut::visit(&mut select.projection, &mut Asked),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) if parts(&function.name).last().is_some_and(|name| name == "array_to_string") => {
                function.name = ObjectName(vec![ObjectNamePart::Identifier(Ident::new(JOINED))]);
            }
            // Vectors, which alone are asked this, count from zero.
            Expr::Function(function) if parts(&function.name).last().is_some_and(|name| name == "generate_subscripts") => {
                if let FunctionArguments::List(list) = &function.args
                    && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(vector))) = list.args.first()
                {
                    let zero = Expr::Value(Value::Number("0".to_owned(), false).with_empty_span());
                    let length = call("array_length", vec![vector.clone()]);
                    *expr = call("unnest", vec![call("range", vec![zero, length])]);
                }
            }
            // Objects are told from their kind by what they are asked about: no comment is about any.
            Expr::CompoundIdentifier(names) if names.last().is_some_and(|name| name.value.eq_ignore_ascii_case("tableoid")) => {
                *expr = Expr::Value(Value::Number("0".to_owned(), false).with_empty_span());
            }
            Expr::Function(function) if parts(&function.name) == ["array"] => {
                if let FunctionArguments::Subquery(query) = &mut function.args {
                    let mut query = query.clone();
                    aggregated(&mut query, "array_agg");
                    *expr = Expr::Subquery(query);
                }
            }
            Expr::Subquery(query) => aggregated(query, "first_value"),
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } if is_function_column(left) => named(right),
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } if is_function_column(right) => named(left),
            Expr::BinaryOp { left, right, .. } if is_function_column(left) && is_zero(right) => {
                **right = Expr::Value(Value::SingleQuotedString("-".to_owned()).with_empty_span());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Whether it is the columns of a key: there are no keys.
fn is_key(expr: &Expr) -> bool {
    let name = match expr {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(names) => names.last(),
        _ => None,
    };
    name.is_some_and(|name| ["conkey", "confkey", "indkey"].contains(&name.value.to_lowercase().as_str()))
}

/// A query of a column that has no row.
fn nothing(column: &str) -> Option<Box<Query>> {
    match Parser::parse_sql(&PostgreSqlDialect {}, &format!("select 0 as {column} where false")).ok()?.pop()? {
        Statement::Query(query) => Some(query),
        _ => None,
    }
}

/// The name of a function of which the object id was asked for.
fn named(expr: &mut Expr) {
    match expr {
        Expr::CompoundIdentifier(names) => {
            if let Some(name) = names.last_mut().filter(|name| name.value.eq_ignore_ascii_case("oid")) {
                "proname".clone_into(&mut name.value);
            }
        }
        zero if is_zero(zero) => *zero = Expr::Value(Value::SingleQuotedString("-".to_owned()).with_empty_span()),
        _ => {}
    }
}

fn is_zero(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(&value.value, Value::Number(number, _) if *number == "0"))
}

/// Puts the one column of a query into an aggregate, unless it is in one.
fn aggregated(query: &mut Query, aggregate: &str) {
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let Select { projection, group_by: GroupByExpr::Expressions(groups, _), .. } = select.as_mut() else { return };
    let [SelectItem::UnnamedExpr(column) | SelectItem::ExprWithAlias { expr: column, .. }] = projection.as_mut_slice() else {
        return;
    };
    if !groups.is_empty() || has_aggregate(column) {
        return;
    }
    let inner = std::mem::replace(column, Expr::Value(Value::Null.with_empty_span()));
    *column = call(aggregate, vec![inner]);
    query.order_by = None;
    query.limit_clause = None;
}

fn has_aggregate(expr: &Expr) -> bool {
    struct Find;
    impl Visitor for Find {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Function(function)
                    if parts(&function.name).last().is_some_and(|name| AGGREGATES.contains(&name.as_str())) =>
                {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    expr.visit(&mut Find).is_break()
}
