//! What SQL means: words that DataFusion would take for something else, and say nothing, are written as it understands them,
//! or refused.
//!
//! A list that is written as a text, `'{EUR,USD}'::text[]`, would be one of a single element; a sample of a table would be all
//! of it; `at time zone` would leave an instant as it is.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Array, ArrayElemTypeDef, BinaryOperator, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, LimitClause, ObjectName, Query, TableFactor, TimezoneInfo, UnaryOperator,
    Value, VisitMut, VisitorMut,
};

use super::times;
use crate::error::{Error, ErrorKind, Result};

/// A statement in words that the engine takes as they are meant.
///
/// # Errors
/// [`ErrorKind::Query`] when it asks for what would be passed over.
pub(super) fn plain(mut statement: Statement) -> Result<Statement> {
    match &mut statement {
        Statement::Statement(written) => {
            if let ControlFlow::Break(error) = VisitMut::visit(written.as_mut(), &mut Plain) {
                return Err(error);
            }
        }
        Statement::Explain(explain) => *explain.statement = plain((*explain.statement).clone())?,
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => {}
    }
    Ok(statement)
}

struct Plain;

impl VisitorMut for Plain {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        match limit(query) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        match factor {
            TableFactor::Table { sample: Some(_), .. } => ControlFlow::Break(
                Error::new(ErrorKind::Query, "samples of tables are not taken")
                    .hint("leave TABLESAMPLE out; limit gives fewer rows"),
            ),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        let written = match expr {
            Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => {
                let listed = is_in(left, right, false);
                // A parameter is as exact as what it is compared with.
                if listed.is_none()
                    && let Some(parameter) = numbers(right)
                {
                    **right = parameter;
                }
                listed
            }
            Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => is_in(left, right, true),
            Expr::TypedString(typed) if matches!(typed.data_type, DataType::Timestamp(..)) => {
                if let Value::SingleQuotedString(text) = &mut typed.value.value
                    && let Some(whole) = times::with_seconds(text)
                {
                    *text = whole;
                }
                None
            }
            Expr::Cast { expr: text, data_type: DataType::Timestamp(..), .. } => {
                if let Some(whole) = text_of(text).and_then(times::with_seconds) {
                    **text = Expr::value(Value::SingleQuotedString(whole));
                }
                None
            }
            Expr::Cast { expr: text, data_type: DataType::Array(_), .. } => {
                if let Some(items) = text_of(text).and_then(|text| items(text).ok()) {
                    let elem = items.into_iter().map(|item| literal(item, &DataType::Text)).collect();
                    **text = Expr::Array(Array { elem, named: true });
                }
                None
            }
            Expr::AtTimeZone { timestamp, time_zone } => {
                Some(call(times::TIMEZONE, [time_zone.as_ref().clone(), timestamp.as_ref().clone()]))
            }
            Expr::Substring { expr, substring_from: Some(pattern), substring_for: None, .. } if text_of(pattern).is_some() => {
                // What is in its first brackets or else all that it finds, as PostgreSQL has it.
                let found = call("regexp_match", [expr.as_ref().clone(), pattern.as_ref().clone()]);
                Some(call("array_element", [found, Expr::value(Value::Number("1".to_owned(), false))]))
            }
            Expr::Function(function) => known(function),
            _ => None,
        };
        if let Some(written) = written {
            *expr = written;
        }
        ControlFlow::Continue(())
    }
}

/// That a value is one of those that a text lists, or none of them.
fn is_in(value: &Expr, list: &Expr, negated: bool) -> Option<Expr> {
    let (text, item) = match bare(list) {
        Expr::Cast { expr, data_type: DataType::Array(ArrayElemTypeDef::SquareBracket(item, None)), .. } => {
            (text_of(expr)?, item.as_ref())
        }
        other => (text_of(other)?, &DataType::Text),
    };
    let list: Vec<Expr> = items(text).ok()?.into_iter().map(|value| literal(value, item)).collect();
    if list.is_empty() {
        return Some(Expr::value(Value::Boolean(negated)));
    }
    Some(Expr::InList { expr: Box::new(value.clone()), list, negated })
}

/// The parameter that is cast to a list of numbers.
fn numbers(list: &Expr) -> Option<Expr> {
    let Expr::Cast { expr, data_type: DataType::Array(ArrayElemTypeDef::SquareBracket(item, None)), .. } = bare(list) else {
        return None;
    };
    let is_parameter = matches!(bare(expr), Expr::Value(value) if matches!(value.value, Value::Placeholder(_)));
    (is_parameter && matches!(**item, DataType::Numeric(_) | DataType::Decimal(_))).then(|| expr.as_ref().clone())
}

fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inside) => bare(inside),
        other => other,
    }
}

fn text_of(expr: &Expr) -> Option<&str> {
    match bare(expr) {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// An element of a list of a type, as it is written outside of one.
fn literal(item: Option<String>, of: &DataType) -> Expr {
    let Some(text) = item else { return Expr::value(Value::Null) };
    let digits = text.strip_prefix('-').unwrap_or(&text);
    let is_number = digits.starts_with(|first: char| first.is_ascii_digit())
        && digits.chars().all(|letter| letter.is_ascii_digit() || letter == '.')
        && digits.matches('.').count() <= 1;
    match of {
        DataType::Text | DataType::Varchar(_) | DataType::CharacterVarying(_) => Expr::value(Value::SingleQuotedString(text)),
        DataType::Numeric(_) | DataType::Decimal(_) | DataType::BigInt(_) | DataType::Integer(_) | DataType::Int(_)
            if is_number =>
        {
            let number = Expr::value(Value::Number(digits.to_owned(), false));
            match text.starts_with('-') {
                true => Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(number) },
                false => number,
            }
        }
        other => Expr::Cast {
            kind: CastKind::Cast,
            expr: Box::new(Expr::value(Value::SingleQuotedString(text))),
            data_type: other.clone(),
            array: false,
            format: None,
        },
    }
}

/// What DataFusion has for a function of PostgreSQL's that it has not.
fn known(function: &Function) -> Option<Expr> {
    let name = function.name.to_string().to_lowercase();
    if name == "localtimestamp" {
        let now = Box::new(call("now", []));
        let data_type = DataType::Timestamp(None, TimezoneInfo::None);
        return Some(Expr::Cast { kind: CastKind::Cast, expr: now, data_type, array: false, format: None });
    }
    let renamed =
        |name: &str| Some(Expr::Function(Function { name: ObjectName::from(vec![Ident::new(name)]), ..function.clone() }));
    let FunctionArguments::List(list) = &function.args else { return None };
    let arguments = list.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    });
    match (name.as_str(), arguments.collect::<Option<Vec<_>>>()?.as_slice()) {
        ("mod", [left, right]) => {
            let nested = |expr: &Expr| Box::new(Expr::Nested(Box::new(expr.clone())));
            let rest = Expr::BinaryOp { left: nested(left), op: BinaryOperator::Modulo, right: nested(right) };
            Some(Expr::Nested(Box::new(rest)))
        }
        ("age", [earlier]) => Some(call("age", [call("current_date", []), earlier.clone()])),
        ("sign", [_]) => renamed("signum"),
        ("variance", [_]) => renamed("var_samp"),
        _ => None,
    }
}

/// A call of a function.
pub(crate) fn call(name: &str, arguments: impl IntoIterator<Item = Expr>) -> Expr {
    let argument = |argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument));
    let args = arguments.into_iter().map(argument).collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: vec![] }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

/// Writes FETCH FIRST as the LIMIT that it is.
fn limit(query: &mut Query) -> Result<()> {
    let Some(fetch) = query.fetch.take() else { return Ok(()) };
    if fetch.with_ties || fetch.percent {
        return Err(Error::new(ErrorKind::Query, "FETCH FIRST is of a number of rows").hint("leave WITH TIES and PERCENT out"));
    }
    let first = fetch.quantity.unwrap_or_else(|| Expr::value(Value::Number("1".to_owned(), false)));
    match &mut query.limit_clause {
        None => query.limit_clause = Some(LimitClause::LimitOffset { limit: Some(first), offset: None, limit_by: vec![] }),
        Some(LimitClause::LimitOffset { limit: limit @ None, .. }) => *limit = Some(first),
        Some(_) => return Err(Error::new(ErrorKind::Query, "a query has LIMIT and FETCH FIRST")),
    }
    Ok(())
}

/// Why a text is no list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoList {
    /// It stands in no braces.
    Unbraced,
    /// It has lists in it.
    Nested,
}

/// The elements of a list as PostgreSQL writes it: `{a,"b, c",NULL}`.
///
/// # Errors
/// Why it is none.
pub fn items(text: &str) -> Result<Vec<Option<String>>, NoList> {
    let inside = text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}')).ok_or(NoList::Unbraced)?.trim();
    let mut items = Vec::new();
    let mut letters = inside.chars().peekable();
    while letters.peek().is_some() {
        let (mut word, mut is_quoted, mut is_inside) = (String::new(), false, false);
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => word.extend(letters.next()),
                '"' => (is_quoted, is_inside) = (true, !is_inside),
                ',' if !is_inside => break,
                '{' | '}' if !is_inside => return Err(NoList::Nested),
                // Blanks around an element are none of it.
                blank if blank.is_whitespace() && !is_inside && (is_quoted || word.is_empty()) => {}
                letter => word.push(letter),
            }
        }
        if !is_quoted {
            word.truncate(word.trim_end().len());
        }
        items.push((is_quoted || !word.eq_ignore_ascii_case("null")).then_some(word));
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use datafusion::sql::parser::DFParser;

    use super::*;

    fn written(sql: &str) -> Result<String> {
        plain(DFParser::parse_sql(sql).unwrap().pop_front().unwrap()).map(|statement| statement.to_string())
    }

    #[test]
    fn lists_that_are_written_as_texts_are_lists() {
        for (sql, expected) in [
            ("a = ANY('{EUR,\"U S\",NULL}'::text[])", "a IN ('EUR', 'U S', NULL)"),
            ("a = ANY('{ r, a b , \" g \" }')", "a IN ('r', 'a b', ' g ')"),
            ("a <> ALL ('{1,-2.50}'::numeric[])", "a NOT IN (1, -2.50)"),
            ("a = ANY('{2026-01-01}'::date[])", "a IN (CAST('2026-01-01' AS DATE))"),
            ("a = ANY('{}'::bigint[])", "false"),
            ("a <> ALL('{}')", "true"),
            ("a < ANY('{1,2}'::bigint[])", "a < ANY(ARRAY['1', '2']::BIGINT[])"),
            ("a = ANY(ARRAY['x'])", "a = ANY(ARRAY['x'])"),
        ] {
            assert_eq!(written(&format!("select 1 where {sql}")).unwrap(), format!("SELECT 1 WHERE {expected}"));
        }
    }

    #[test]
    fn what_would_be_passed_over_is_refused() {
        for sql in [
            "select * from t tablesample system (10)",
            "explain select * from (select * from t tablesample bernoulli (10)) t",
            "select 1 fetch first 10 percent rows only",
            "select 1 fetch first 10 rows with ties",
            "select 1 limit 1 fetch first 10 rows only",
        ] {
            assert_eq!(written(sql).unwrap_err().kind(), ErrorKind::Query, "{sql}");
        }
    }

    #[test]
    fn postgresql_s_words_are_those_that_datafusion_has() {
        for (sql, expected) in [
            ("select a offset 3 rows fetch first 2 rows only", "SELECT a LIMIT 2 OFFSET 3 ROWS"),
            ("select a fetch next row only", "SELECT a LIMIT 1"),
            ("select a at time zone 'Europe/Berlin'", "SELECT timezone('Europe/Berlin', a)"),
            ("select substring(a from '@(.*)$')", "SELECT array_element(regexp_match(a, '@(.*)$'), 1)"),
            ("select substring(a from 2)", "SELECT SUBSTRING(a FROM 2)"),
            ("select mod(a + 1, b), sign(a)", "SELECT ((a + 1) % (b)), signum(a)"),
            (
                "select timestamp '2026-01-01 10:30', '2026-01-01 10:30'::timestamp",
                "SELECT TIMESTAMP '2026-01-01 10:30:00', '2026-01-01 10:30:00'::TIMESTAMP",
            ),
            ("select a = any($1::numeric[])", "SELECT a = ANY($1)"),
            ("select localtimestamp", "SELECT CAST(now() AS TIMESTAMP)"),
        ] {
            assert_eq!(written(sql).unwrap(), expected);
        }
    }
}
