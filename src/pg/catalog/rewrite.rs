//! PostgreSQL's SQL about itself, as the engine can read it.
//!
//! What reads the merchant's data is touched only in ways that cannot change its answer. What reads nothing but the
//! catalogue goes further, in two ways: one that keeps its meaning as far as can be, and, where the engine cannot run that,
//! the one of `datafusion-pg-catalog`, which leaves out what it has no way to compute.

use std::fmt;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, GroupByExpr, Ident, ObjectName, ObjectNamePart, Query, Select, SelectItem, SetExpr, Statement,
    TableFactor, UnaryOperator, Value, Visit, VisitMut, Visitor, VisitorMut,
};
use datafusion_pg_catalog::pg_catalog::PG_CATALOG_TABLES;
use datafusion_pg_catalog::sql::PostgresCompatibilityParser;
use datafusion_pg_catalog::sql::rules::{
    AliasDuplicatedProjectionRewrite, FixArrayLiteral, FixVersionColumnName, PrependUnqualifiedPgTableName,
    ResolveUnqualifiedIdentifier, RewriteArrayAnyAllOperation, RewritePgCatalogOperator, RewriteRegCastToSubquery,
    SqlStatementRewriteRule, StripCallableQualifier, StripCollate,
};

use super::PG_CATALOG;
use super::functions::{JOINED, REGCLASS};
use super::tables::Listing;

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
/// Columns that hold a function's object id in PostgreSQL, and its name here, where zero is a dash.
const FUNCTION_COLUMNS: [&str; 15] = [
    "amproc",
    "conproc",
    "prsend",
    "prsheadline",
    "prslextype",
    "prsstart",
    "prstoken",
    "tmplinit",
    "tmpllexize",
    "typanalyze",
    "typinput",
    "typoutput",
    "typreceive",
    "typsend",
    "typsubscript",
];
/// Functions of sets that have nothing in them here, and are tables.
const EMPTY_SETS: [&str; 2] = ["pg_partition_tree", "ts_token_type"];
/// Aggregates: a subquery that has one has one row.
const AGGREGATES: [&str; 10] =
    ["array_agg", "bool_and", "bool_or", "count", "first_value", "json_agg", "max", "min", "string_agg", "sum"];

/// The ways to read a statement.
pub(super) struct Rewriter {
    safe: Vec<Box<dyn SqlStatementRewriteRule>>,
    catalogue: Vec<Box<dyn SqlStatementRewriteRule>>,
    last_resort: PostgresCompatibilityParser,
}

impl fmt::Debug for Rewriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rewriter").finish_non_exhaustive()
    }
}

impl Default for Rewriter {
    fn default() -> Self {
        Self {
            safe: vec![
                Box::new(PrependUnqualifiedPgTableName),
                Box::new(StripCallableQualifier),
                Box::new(RewritePgCatalogOperator),
                Box::new(RewriteRegCastToSubquery::new()),
                Box::new(FixVersionColumnName),
            ],
            catalogue: vec![
                Box::new(AliasDuplicatedProjectionRewrite),
                Box::new(ResolveUnqualifiedIdentifier),
                Box::new(RewriteArrayAnyAllOperation),
                Box::new(FixArrayLiteral),
                Box::new(StripCollate),
            ],
            last_resort: PostgresCompatibilityParser::new(),
        }
    }
}

impl Rewriter {
    /// The ways to read a statement, which may be known as it was written, the truest first.
    pub(super) fn readings(&self, mut statement: Statement, sql: Option<&str>) -> Vec<Statement> {
        let mut look = Look::default();
        let _looked = statement.visit(&mut look);
        if !look.is_about_postgres {
            return vec![statement];
        }
        // Some of it goes by the very words that clients ask with.
        let written = sql.map_or_else(|| statement.to_string(), str::to_owned);
        let _named = VisitMut::visit(&mut statement, &mut Named);
        let read = |rules: &[Box<dyn SqlStatementRewriteRule>], statement| {
            rules.iter().fold(statement, |statement, rule| rule.rewrite(statement))
        };
        let mut reading = read(&self.safe, statement.clone());
        if look.reads_else {
            return vec![reading];
        }
        reading = read(&self.catalogue, reading);
        let _single = VisitMut::visit(&mut reading, &mut Single);
        let mut without = reading.clone();
        let _shown = VisitMut::visit(&mut without, &mut Shown);
        let last = self.last_resort.parse(&written).ok().and_then(|mut statements| statements.pop());
        [reading, without].into_iter().chain(last).collect()
    }
}

/// What a statement is about.
#[derive(Default)]
struct Look {
    is_about_postgres: bool,
    /// Whether it reads anything that is not the catalogue's.
    reads_else: bool,
    /// Names of its own tables.
    own: Vec<String>,
}

impl Visitor for Look {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.own.extend(tables.map(|table| table.alias.name.value.clone()));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: None, .. } = factor {
            let parts = parts(name);
            let is_catalogue = match parts.as_slice() {
                [.., schema, _] => matches!(schema.as_str(), PG_CATALOG | "information_schema"),
                [table] => is_catalogue_table(table),
                [] => false,
            };
            let is_own = matches!(parts.as_slice(), [table] if self.own.contains(table));
            self.is_about_postgres |= is_catalogue;
            self.reads_else |= !is_catalogue && !is_own;
        }
        if let TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } = factor {
            self.is_about_postgres |= parts(name).first().is_some_and(|schema| schema == PG_CATALOG);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.is_about_postgres |= match expr {
            Expr::Function(function) => match parts(&function.name).as_slice() {
                [schema, ..] if matches!(schema.as_str(), PG_CATALOG | "information_schema") => true,
                [name] => {
                    name.starts_with("pg_")
                        || name.starts_with("to_reg")
                        || name == "version"
                        || register(name).is_some() && function.args == FunctionArguments::None
                }
                _ => false,
            },
            Expr::Cast { data_type, .. } => {
                is_object_id(data_type) || data_type.to_string().to_lowercase().starts_with("pg_catalog.")
            }
            Expr::BinaryOp { op: BinaryOperator::PGCustomBinaryOperator(_), .. } => true,
            Expr::Identifier(word) => word.quote_style.is_none() && register(&word.value.to_lowercase()).is_some(),
            _ => false,
        };
        ControlFlow::Continue(())
    }
}

fn is_catalogue_table(name: &str) -> bool {
    PG_CATALOG_TABLES.contains(&name) || Listing::is_known(name)
}

fn is_object_id(data_type: &DataType) -> bool {
    let name = data_type.to_string().to_lowercase();
    matches!(
        name.trim_start_matches("pg_catalog."),
        "oid" | "regclass" | "regtype" | "regproc" | "regnamespace" | "regrole" | "regprocedure"
    )
}

fn is_regclass(data_type: &DataType) -> bool {
    data_type.to_string().to_lowercase().trim_start_matches("pg_catalog.") == "regclass"
}

fn parts(name: &ObjectName) -> Vec<String> {
    name.0.iter().filter_map(ObjectNamePart::as_ident).map(|ident| ident.value.to_lowercase()).collect()
}

/// The function behind a word that PostgreSQL reads as one.
fn register(word: &str) -> Option<&'static str> {
    match word {
        "current_user" | "session_user" | "current_role" | "user" => Some("session_user"),
        "current_catalog" => Some("current_database"),
        "current_schema" => Some("current_schema"),
        _ => None,
    }
}

/// Names things as the engine does.
struct Named;

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
                    name.value = "colllocale".to_owned();
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

/// Shows nothing where a subquery stands in a list of what is to be shown.
struct Shown;

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
struct Single;

impl VisitorMut for Single {
    type Break = ();

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

fn is_function_column(expr: &Expr) -> bool {
    let name = match expr {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(names) => names.last(),
        _ => None,
    };
    name.is_some_and(|name| FUNCTION_COLUMNS.contains(&name.value.to_lowercase().as_str()))
}

/// The name of a function of which the object id was asked for.
fn named(expr: &mut Expr) {
    match expr {
        Expr::CompoundIdentifier(names) => {
            if let Some(name) = names.last_mut().filter(|name| name.value.eq_ignore_ascii_case("oid")) {
                name.value = "proname".to_owned();
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

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let argument = |argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument));
    let args = arguments.into_iter().map(argument).collect();
    Expr::Function(Function {
        name: ObjectName(vec![ObjectNamePart::Identifier(Ident::new(name))]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: vec![] }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::command::statements;

    fn readings(sql: &str) -> Vec<String> {
        let statement = statements(sql).unwrap().remove(0);
        Rewriter::default().readings(statement, None).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_reads_the_data_is_read_as_it_stands() {
        for sql in [
            "SELECT p.*, p.id FROM payments AS p ORDER BY id",
            "SELECT p.id, (SELECT a.id FROM payment_actions AS a WHERE a.payment_id = p.id) FROM payments AS p",
            "SELECT id FROM payments WHERE id COLLATE \"C\" = ANY(ARRAY['a'])",
        ] {
            assert_eq!(readings(sql), [sql]);
        }
        // Not even when it asks something of PostgreSQL too: a subquery keeps its meaning.
        let sql = "SELECT current_user, (SELECT a.id FROM payment_actions AS a WHERE a.payment_id = p.id) FROM payments AS p";
        assert_eq!(readings(sql), [sql.replace("current_user", "session_user()")]);
    }

    #[test]
    fn what_reads_the_catalogue_has_subqueries_of_one_row() {
        let of = |sql| readings(sql).remove(0);
        assert_eq!(
            of("select array(select rolname from pg_roles r where r.oid = u.oid order by 1) from pg_user u"),
            "SELECT (SELECT array_agg(rolname) FROM pg_catalog.pg_roles r WHERE r.oid = u.oid) FROM pg_catalog.pg_user u"
        );
        assert_eq!(
            of(
                "select oid from pg_type t where typrelid = 0 or (select c.relkind = 'c' from pg_class c where c.oid = t.typrelid)"
            ),
            "SELECT oid FROM pg_catalog.pg_type t WHERE typrelid = 0 OR (SELECT first_value(c.relkind = 'c') FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid)"
        );
        assert_eq!(of("select 1 from pg_type where typreceive != 0"), "SELECT 1 FROM pg_catalog.pg_type WHERE typreceive <> '-'");
        assert_eq!(
            of("select p.proname from pg_type t left join pg_proc p on p.oid = t.typreceive"),
            "SELECT p.proname FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_proc p ON p.proname = t.typreceive"
        );
        assert_eq!(
            of(
                "select oid in (select objoid from pg_description), exists (select from pg_index i where i.indrelid = c.oid) from pg_class c"
            ),
            "SELECT coalesce(array_has((SELECT array_agg(objoid) FROM pg_catalog.pg_description), oid), false), \
             coalesce((SELECT count(1) FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid) > 0, false) FROM pg_catalog.pg_class c"
        );
        assert_eq!(
            of("select format('%I', relname)::regclass from pg_class"),
            "SELECT _pg_regclass(format('%I', relname)) FROM pg_catalog.pg_class"
        );
        assert_eq!(of("select 'pg_class'::regclass"), "SELECT 1259");
        assert_eq!(
            of("select typinput = 'pg_catalog.array_in'::regproc from pg_type"),
            "SELECT typinput = 'array_in' FROM pg_catalog.pg_type"
        );
        assert_eq!(
            of("select 1 from pg_type where typname like 'pg/_%' escape '/'"),
            r"SELECT 1 FROM pg_catalog.pg_type WHERE typname LIKE regexp_replace(replace('pg/_%', '\', '\\'), '[/](.)', '\$1', 'gs')"
        );
    }
}
