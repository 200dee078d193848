//! PostgreSQL's SQL that the engine reads otherwise, or not at all, written as it reads it.
//!
//! ```text
//!  select a, a from t                           the second has a name of its own, which clients are not told
//!  case when (t.*)::text is not null then row(t.a, t.b) end      whether an outer join found a row: whether a part of it is there
//!  from generate_series(1, f(x)) as i           a function of what must be computed is a subquery
//! ```

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Query, SelectItem, SetExpr, Statement,
    TableAlias, TableFactor, Value, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::failure::Failure;

/// What comes after it in a column's name is not told: the name is another column's too. No client writes it: it is for private
/// use.
const MARK: char = '\u{e000}';
/// A function that may stand where a table does, but not of what must be computed.
const SERIES: &str = "generate_series";
/// A function of one value that may stand there too.
const LIST: &str = "string_to_array";

/// A column's name as clients are told it.
pub(super) fn told(name: &str) -> &str {
    name.split(MARK).next().unwrap_or(name)
}

/// Writes a statement as the engine reads it.
///
/// # Errors
/// A failure when it has a whole row where the engine has none.
pub(super) fn read(statement: &mut Statement) -> Result<(), Failure> {
    if let ControlFlow::Break(failure) = VisitMut::visit(statement, &mut Dialect) {
        return Err(failure);
    }
    if let Statement::Query(query) = statement {
        name_apart(query);
    }
    Ok(())
}

struct Dialect;

impl VisitorMut for Dialect {
    type Break = Failure;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Failure> {
        if let TableFactor::Table { name, args: Some(given), alias, .. } = factor {
            let function = name.0.last().and_then(|part| part.as_ident()).map(|part| part.value.to_lowercase());
            let is_computed = given.args.iter().any(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => !is_written_out(expr),
                _ => true,
            });
            let is_set = |function: &String| function == LIST || (function == SERIES && is_computed);
            if let Some(function) = function.filter(is_set) {
                let arguments = given.args.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let named = alias.as_ref().map_or_else(|| Ident::new(&function), |alias| alias.name.clone());
                let column = alias.as_ref().and_then(|alias| alias.columns.first()).map_or(&named, |column| &column.name);
                if let Some(computed) = subquery(&function, &arguments, column, &named) {
                    *factor = computed;
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Failure> {
        match expr {
            Expr::Case { operand: None, conditions, .. } => {
                for when in conditions {
                    if let Some(found) = found(&when.condition, &when.result) {
                        when.condition = found;
                    }
                }
                ControlFlow::Continue(())
            }
            Expr::Cast { expr: row, .. } if is_row(row) => {
                ControlFlow::Break(Failure::new("0A000", "a whole row is no value here: name its columns"))
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

fn is_written_out(expr: &Expr) -> bool {
    match expr {
        Expr::Value(_) | Expr::TypedString(_) | Expr::Interval(_) => true,
        Expr::UnaryOp { expr, .. } | Expr::Cast { expr, .. } | Expr::Nested(expr) => is_written_out(expr),
        _ => false,
    }
}

/// A function's values as a table of one column.
fn subquery(function: &str, arguments: &str, column: &Ident, named: &Ident) -> Option<TableFactor> {
    let values = format!("{function}({arguments})");
    let values = if function == SERIES { format!("unnest({values})") } else { values };
    let sql = format!("select {values} as {column}");
    let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, &sql).ok()?;
    let Some(Statement::Query(query)) = statements.pop() else { return None };
    let alias = TableAlias { explicit: true, name: named.clone(), columns: vec![], at: None };
    Some(TableFactor::Derived { lateral: false, subquery: query, alias: Some(alias), sample: None })
}

/// Whether an expression is all of a table's row: `(t.*)`.
fn is_row(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inside) => is_row(inside),
        Expr::QualifiedWildcard(..) | Expr::Wildcard(_) => true,
        _ => false,
    }
}

/// That any of a row's columns has something, where a condition asks whether the row itself is there.
fn found(condition: &Expr, result: &Expr) -> Option<Expr> {
    let Expr::IsNotNull(asked) = condition else { return None };
    let Expr::Cast { expr: row, .. } = asked.as_ref() else { return None };
    let Expr::Function(function) = result else { return None };
    let FunctionArguments::List(list) = &function.args else { return None };
    if !is_row(row) || !function.name.to_string().eq_ignore_ascii_case("row") {
        return None;
    }
    let columns = list.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(column @ Expr::CompoundIdentifier(_))) => Some(column.clone()),
        _ => None,
    });
    let is_there = columns.collect::<Option<Vec<_>>>()?.into_iter().map(|column| Expr::IsNotNull(Box::new(column)));
    let any =
        is_there.reduce(|left, right| Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::Or, right: Box::new(right) })?;
    Some(Expr::Nested(Box::new(any)))
}

/// Takes casts and brackets off.
struct Uncast;

impl VisitorMut for Uncast {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        while let Expr::Cast { expr: inside, .. } | Expr::Nested(inside) = expr {
            *expr = inside.as_ref().clone();
        }
        ControlFlow::Continue(())
    }
}

/// Gives columns of an answer that have the name of another one each their own.
fn name_apart(query: &mut Query) {
    let body = match query.body.as_mut() {
        SetExpr::Query(inner) => return name_apart(inner),
        SetExpr::SetOperation { left, .. } => left.as_mut(),
        body => body,
    };
    let SetExpr::Select(select) = body else { return };
    let has_all =
        select.projection.iter().any(|item| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)));
    let mut names = BTreeSet::new();
    for (place, item) in select.projection.iter_mut().enumerate() {
        let (expr, name, is_column) = match item {
            SelectItem::UnnamedExpr(expr) => {
                // The engine names what is cast as what it was.
                let mut named = expr.clone();
                let _uncast = VisitMut::visit(&mut named, &mut Uncast);
                let name = match &named {
                    Expr::Identifier(name) => name.value.clone(),
                    // Columns of two tables are told apart by their tables.
                    other => other.to_string(),
                };
                let is_column = matches!(named, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
                (expr, name, is_column)
            }
            SelectItem::ExprWithAlias { expr, alias } => (expr, alias.value.clone(), false),
            _ => continue,
        };
        let is_parameter = matches!(expr, Expr::Value(value) if matches!(value.value, Value::Placeholder(_)));
        let is_another_s = !names.insert(name.to_lowercase()) || (has_all && is_column);
        if is_another_s && !is_parameter {
            let last = name.rsplit('.').next().filter(|_| is_column).unwrap_or(&name).trim_matches('"').to_owned();
            let alias = Ident::with_quote('"', format!("{last}{MARK}{place}"));
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::command::statements;

    fn of(sql: &str) -> Result<String, Failure> {
        let mut statement = statements(sql).unwrap().remove(0);
        read(&mut statement).map(|()| statement.to_string())
    }

    #[test]
    fn a_name_that_is_another_column_s_too_is_told_as_it_is() {
        assert_eq!(of("select a, b, a from t").unwrap(), "SELECT a, b, a AS \"a\u{e000}2\" FROM t");
        assert_eq!(of("select t.a, t.a::text from t").unwrap(), "SELECT t.a, t.a::TEXT AS \"a\u{e000}1\" FROM t");
        assert_eq!(of("select *, t.a from t").unwrap(), "SELECT *, t.a AS \"a\u{e000}1\" FROM t");
        assert_eq!(of("select p.id, d.id from p, d").unwrap(), "SELECT p.id, d.id FROM p, d");
        assert_eq!(of("select max(a) as x, min(a) as x from t").unwrap(), "SELECT max(a) AS x, min(a) AS \"x\u{e000}1\" FROM t");
        assert_eq!((told("a\u{e000}2"), told("a")), ("a", "a"));
    }

    #[test]
    fn whether_a_row_was_found_is_whether_a_part_of_it_is_there() {
        assert_eq!(
            of("select case when (r.*)::text is not null then row(r.a, r.b) end from r").unwrap(),
            "SELECT CASE WHEN (r.a IS NOT NULL OR r.b IS NOT NULL) THEN row(r.a, r.b) END FROM r"
        );
        assert_eq!(of("select count(*) from r where (r.*)::text is not null").unwrap_err().sqlstate(), "0A000");
    }

    #[test]
    fn a_series_of_what_must_be_computed_is_a_subquery() {
        assert_eq!(of("select * from generate_series(1, 3) as i").unwrap(), "SELECT * FROM generate_series(1, 3) AS i");
        assert_eq!(
            of("select * from generate_series(1, f(2)) as i").unwrap(),
            "SELECT * FROM (SELECT unnest(generate_series(1, f(2))) AS i) AS i"
        );
        assert_eq!(
            of("select s.r from generate_series(1, f(2)) as s(r)").unwrap(),
            "SELECT s.r FROM (SELECT unnest(generate_series(1, f(2))) AS r) AS s"
        );
    }
}
