//! The tables and views there are, with object ids that are the same in every session and after every start.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::SchemaRef;
use datafusion::catalog::CatalogProvider;
use datafusion::common::Result;
use datafusion::logical_expr::TableType;
use tracing::debug;

use super::PG_CATALOG;
use crate::engine::PUBLIC;
use crate::pg::settings::Settings;

/// The object id of `pg_catalog` in every PostgreSQL.
const PG_CATALOG_OID: i32 = 11;
/// The object id of `public` in every PostgreSQL.
const PUBLIC_OID: i32 = 2200;
/// The first object id that is not PostgreSQL's own.
const FIRST_OID: u32 = 16_384;

/// A schema.
#[derive(Debug, Clone)]
pub(super) struct Namespace {
    pub(super) oid: i32,
    pub(super) name: String,
}

/// A table or view.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    pub(super) oid: i32,
    pub(super) namespace: i32,
    pub(super) schema: String,
    pub(super) name: String,
}

/// The names of all schemas and relations.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) namespaces: Vec<Namespace>,
    pub(super) relations: Vec<Relation>,
}

/// What there is in a catalogue, in the order of its names.
pub(super) fn names(catalog: &dyn CatalogProvider) -> Names {
    let mut oids = Oids::default();
    let engines = catalog.schema_names().into_iter().filter(|name| name != PG_CATALOG);
    let schemas: BTreeSet<String> = engines.chain(["information_schema".to_owned()]).collect();
    let mut namespaces = vec![Namespace { oid: PG_CATALOG_OID, name: PG_CATALOG.to_owned() }];
    let mut relations = Vec::new();
    for schema in schemas {
        let oid = if schema == PUBLIC { PUBLIC_OID } else { oids.of(&schema) };
        let tables: BTreeSet<String> =
            catalog.schema(&schema).map(|schema| schema.table_names()).unwrap_or_default().into_iter().collect();
        for name in tables {
            let relation = oids.of(&format!("{schema}.{name}"));
            relations.push(Relation { oid: relation, namespace: oid, schema: schema.clone(), name });
        }
        namespaces.push(Namespace { oid, name: schema });
    }
    Names { namespaces, relations }
}

/// The same, told when somebody asks: of a role, views are planned for it.
pub(super) type LazyNames = LazyLock<Names, Box<dyn FnOnce() -> Names + Send + Sync>>;

pub(super) fn lazy_names(catalog: Arc<dyn CatalogProvider>) -> LazyNames {
    LazyLock::new(Box::new(move || names(catalog.as_ref())))
}

impl Names {
    /// The schema in which tables are that are named without one, if any.
    pub(super) fn current(&self, settings: &Settings) -> Option<String> {
        settings.schema(|wanted| self.namespaces.iter().any(|namespace| namespace.name == wanted))
    }
}

impl Relation {
    /// Whether it is a table or a view, in PostgreSQL's letter.
    pub(super) async fn kind(&self, catalog: &dyn CatalogProvider) -> Result<&'static str> {
        let Some(schema) = catalog.schema(&self.schema) else { return Ok("r") };
        Ok(if schema.table_type(&self.name).await? == Some(TableType::View) { "v" } else { "r" })
    }

    /// Its columns; none when they cannot be told now.
    pub(super) async fn columns(&self, catalog: &dyn CatalogProvider) -> Option<SchemaRef> {
        match catalog.schema(&self.schema)?.table(&self.name).await {
            Ok(table) => Some(table?.schema()),
            Err(error) => {
                debug!(schema = self.schema, table = self.name, %error, "a table's columns cannot be told");
                None
            }
        }
    }
}

/// Object ids that were given.
#[derive(Default)]
struct Oids {
    given: BTreeSet<i32>,
}

impl Oids {
    /// The object id of a name: its hash, or what comes after it where another has that.
    fn of(&mut self, name: &str) -> i32 {
        // FNV-1a, which is the same everywhere.
        let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let room = i32::MAX.unsigned_abs() - FIRST_OID;
        let mut oid = FIRST_OID + hash % room;
        while !self.given.insert(oid.cast_signed()) {
            oid = FIRST_OID + (oid + 1 - FIRST_OID) % room;
        }
        oid.cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_same_every_time_and_never_two_s() {
        let (mut one, mut other) = (Oids::default(), Oids::default());
        assert_eq!(one.of("public.payments"), other.of("public.payments"));
        let again = one.of("public.payments");
        assert_eq!(again, other.of("public.payments"));
        assert_ne!(again, Oids::default().of("public.payments"));
        assert!(again >= 16_384);
    }
}
