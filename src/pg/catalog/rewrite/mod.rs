//! PostgreSQL's SQL about itself, as the engine can read it.
//!
//! What reads the merchant's data is touched only in ways that cannot change its answer. What reads nothing but the
//! catalogue goes further, in two ways: one that keeps its meaning as far as can be, and, where the engine cannot run that,
//! the one of `datafusion-pg-catalog`, which leaves out what it has no way to compute.

mod named;
mod single;

use std::fmt;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, Expr, FunctionArguments, ObjectName, ObjectNamePart, Query, Statement, TableFactor, Visit,
    VisitMut, Visitor,
};
use datafusion_pg_catalog::pg_catalog::PG_CATALOG_TABLES;
use datafusion_pg_catalog::sql::PostgresCompatibilityParser;
use datafusion_pg_catalog::sql::rules::{
    AliasDuplicatedProjectionRewrite, FixArrayLiteral, FixVersionColumnName, PrependUnqualifiedPgTableName,
    ResolveUnqualifiedIdentifier, RewriteArrayAnyAllOperation, RewritePgCatalogOperator, RewriteRegCastToSubquery,
    SqlStatementRewriteRule, StripCallableQualifier, StripCollate,
};

use super::PG_CATALOG;
use super::functions::USER;
use super::tables::Listing;
use crate::engine::meaning::call;
use named::Named;
use single::{Shown, Single};

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
        "current_catalog" => Some("current_database"),
        "current_schema" => Some("current_schema"),
        _ => USER.into_iter().find(|known| *known == word),
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
        assert_eq!(readings(sql), [sql.replace("current_user", "current_user()")]);
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
        assert_eq!(
            of("select conname, k from pg_constraint c cross join unnest(c.conkey) as k"),
            "SELECT conname, k FROM pg_catalog.pg_constraint c CROSS JOIN (SELECT 0 AS k WHERE false) AS k"
        );
        assert_eq!(of("select 'pg_class'::regclass"), "SELECT 1259");
        assert_eq!(of("select 'live.\"disputes\"'::regclass"), "SELECT _pg_regclass('live.\"disputes\"')");
        assert_eq!(of("select '16385'::regclass"), "SELECT 16385");
        for own in [
            "select 'pg_rewrite'::regclass",
            "select 'PG_REWRITE'::regclass",
            "select '\"pg_catalog\".\"pg_rewrite\"'::regclass",
            "select 'information_schema.columns'::regclass",
        ] {
            assert!(!of(own).contains("_pg_regclass"), "{own}");
        }
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
