//! Things named as the engine names them.

use std::ops::ControlFlow;

use datafusion::common::TableReference;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, CastKind, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, ObjectNamePart,
    TableFactor, Value, VisitorMut,
};

use super::{call, is_function_column, is_object_id, is_regclass, parts, register};
use crate::pg::catalog::PG_CATALOG;
use crate::pg::catalog::functions::REGCLASS;
use crate::pg::catalog::tables::Listing;

/// Object ids of PostgreSQL's own tables, by which comments and dependencies name what they are about.
const SYSTEM_TABLES: [(&str, &str); 8] = [
    ("pg_attribute", "1249"),
    ("pg_class", "1259"),
    ("pg_constraint", "2606"),
    ("pg_database", "1262"),
    ("pg_namespace", "2615"),
    ("pg_proc", "1255"),
    ("pg_trigger", "2620"),
    ("pg_type", "1247"),
];
/// Functions of sets that have nothing in them here, and are tables.
const EMPTY_SETS: [&str; 2] = ["pg_partition_tree", "ts_token_type"];

/// Names things as the engine does.
pub(super) struct Named;

impl VisitorMut for Named {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: args @ Some(_), .. } = factor
            && parts(name).last().is_some_and(|function| EMPTY_SETS.contains(&function.as_str()))
        {
            *args = None;
        }
        if let TableFactor::Table { name, args: None, .. } = factor
            && let [table] = parts(name).as_slice()
            && Listing::is_known(table)
        {
            *name = ObjectName(vec![
                ObjectNamePart::Identifier(Ident::new(PG_CATALOG)),
                ObjectNamePart::Identifier(Ident::new(table)),
            ]);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) if function.args == FunctionArguments::None => {
                if let Some(name) = parts(&function.name).first().and_then(|word| register(word)) {
                    *expr = call(name, vec![]);
                }
            }
            Expr::Identifier(word) if word.quote_style.is_none() => {
                if let Some(name) = register(&word.value.to_lowercase()) {
                    *expr = call(name, vec![]);
                }
            }
            Expr::CompoundFieldAccess { root, access_chain } => {
                if let [AccessExpr::Dot(Expr::Identifier(field))] = access_chain.as_slice() {
                    let field = Expr::Value(Value::SingleQuotedString(field.value.to_lowercase()).with_empty_span());
                    *expr = call("get_field", vec![root.as_ref().clone(), field]);
                }
            }
            Expr::Function(function) => {
                let kind =
                    parts(&function.name).last().and_then(|name| name.strip_prefix("to_reg").map(|kind| format!("reg{kind}")));
                if let (Some(kind), FunctionArguments::List(list)) = (kind, &function.args)
                    && let [FunctionArg::Unnamed(FunctionArgExpr::Expr(operand))] = list.args.as_slice()
                {
                    let data_type = DataType::Custom(ObjectName(vec![ObjectNamePart::Identifier(Ident::new(kind))]), vec![]);
                    let expr_of = Box::new(operand.clone());
                    *expr = Expr::Cast { kind: CastKind::Cast, expr: expr_of, data_type, array: false, format: None };
                }
            }
            Expr::Like { pattern, escape_char: escape @ Some(_), .. }
            | Expr::ILike { pattern, escape_char: escape @ Some(_), .. } => {
                if let Some(Value::SingleQuotedString(other)) = escape.take().map(|escape| escape.value)
                    && other != "\\"
                {
                    **pattern = escaped(pattern.as_ref().clone(), &other);
                }
            }
            // What it was called until PostgreSQL 16.
            Expr::CompoundIdentifier(names) => {
                if let Some(name) = names.last_mut().filter(|name| name.value.eq_ignore_ascii_case("colliculocale")) {
                    "colllocale".clone_into(&mut name.value);
                }
            }
            // The name of a table that is put together.
            Expr::Cast { expr: operand, data_type, .. }
                if is_regclass(data_type) && matches!(operand.as_ref(), Expr::Function(_)) =>
            {
                *expr = call(REGCLASS, vec![operand.as_ref().clone()]);
            }
            Expr::Cast { expr: operand, data_type, .. } if is_object_id(data_type) && is_function_column(operand) => {
                *expr = operand.as_ref().clone();
            }
            Expr::Cast { expr: operand, data_type, kind: CastKind::Cast | CastKind::DoubleColon, .. }
                if is_object_id(data_type) =>
            {
                if let Expr::Value(value) = operand.as_ref()
                    && let Value::SingleQuotedString(name) = &value.value
                {
                    let name = name.trim_start_matches("pg_catalog.");
                    let table = SYSTEM_TABLES.iter().find(|(table, _)| *table == name);
                    let value = match table {
                        Some((_, oid)) => Value::Number((*oid).to_owned(), false),
                        // Columns of functions hold names.
                        None if data_type.to_string().eq_ignore_ascii_case("regproc") => {
                            Value::SingleQuotedString(name.to_owned())
                        }
                        None if is_regclass(data_type) && is_relation(name) => {
                            *expr = call(REGCLASS, vec![operand.as_ref().clone()]);
                            return ControlFlow::Continue(());
                        }
                        None => return ControlFlow::Continue(()),
                    };
                    *expr = Expr::Value(value.with_empty_span());
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Whether a text is the name of a table, and not an object id or one of PostgreSQL's own tables, of which not all are here.
fn is_relation(text: &str) -> bool {
    let is_number = text == "-" || text.bytes().all(|digit| digit.is_ascii_digit());
    let named = TableReference::parse_str(text);
    let is_postgres = named.table().starts_with("pg_") || matches!(named.schema(), Some(PG_CATALOG | "information_schema"));
    !is_number && !is_postgres
}

/// A pattern of LIKE that says with a backslash, which is all that the engine knows, what it said with another character.
fn escaped(pattern: Expr, other: &str) -> Expr {
    let text = |text: &str| Expr::Value(Value::SingleQuotedString(text.to_owned()).with_empty_span());
    let doubled = call("replace", vec![pattern, text("\\"), text("\\\\")]);
    if other.is_empty() {
        return doubled;
    }
    let [any, all] = [format!("[{other}](.)"), "gs".to_owned()];
    call("regexp_replace", vec![doubled, text(&any), text("\\$1"), text(&all)])
}
