//! The tables of `pg_catalog` that tell of the engine: each is made anew whenever it is read.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int32Array, RecordBatch, StringArray, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::CatalogProvider;
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::stream;

use super::empty;
use super::relations::{Names, names};
use crate::engine::CATALOG;
use crate::pg::settings::Settings;
use crate::pg::types;

/// The object id of the one database.
const DATABASE_OID: i32 = 16_383;
/// The object id of the one who has everything.
pub(super) const OWNER_OID: i32 = 10;
/// The object id of the one place where things are kept, in every PostgreSQL.
const DEFAULT_TABLESPACE_OID: i32 = 1663;
/// UTF-8, in PostgreSQL's numbers.
const UTF8: i32 = 6;

/// A table of the catalogue.
pub(super) struct Listing {
    name: &'static str,
    columns: SchemaRef,
    engine: Arc<dyn CatalogProvider>,
    settings: Arc<Mutex<Settings>>,
}

/// Columns by name; the others of a table have nothing in them, or what stands for it.
pub(super) type Columns = BTreeMap<&'static str, ArrayRef>;

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Listing {
    /// The tables there are.
    pub(super) const NAMES: [&'static str; 14] = [
        "pg_attribute",
        "pg_class",
        "pg_constraint",
        "pg_database",
        "pg_index",
        "pg_namespace",
        "pg_roles",
        "pg_settings",
        "pg_statistic_ext",
        "pg_tables",
        "pg_user",
        "pg_user_mappings",
        "pg_views",
        "pg_cursors",
    ];

    /// Whether there is a table of this name that is not PostgreSQL's own, or not as it has it.
    pub(super) fn is_known(name: &str) -> bool {
        Self::NAMES.contains(&name) || empty::CATALOG.iter().any(|(known, _)| *known == name)
    }

    /// The table of a name, with the columns that PostgreSQL has for it; none when it is not one of these.
    pub(super) fn of(
        name: &str,
        columns: Option<SchemaRef>,
        engine: &Arc<dyn CatalogProvider>,
        settings: &Arc<Mutex<Settings>>,
    ) -> Option<Self> {
        let name = Self::NAMES.into_iter().find(|known| *known == name)?;
        let columns = own_columns(name).or_else(|| columns.map(|columns| with_missing(name, &columns)))?;
        Some(Self { name, columns, engine: Arc::clone(engine), settings: Arc::clone(settings) })
    }

    pub(super) fn columns(&self) -> &SchemaRef {
        &self.columns
    }

    async fn rows(self) -> Result<RecordBatch> {
        let names = names(self.engine.as_ref());
        let user = {
            let settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
            settings.get("session_authorization").unwrap_or_default().to_owned()
        };
        let told = match self.name {
            "pg_attribute" => attributes(&names, self.engine.as_ref()).await,
            "pg_class" => relations(&names, self.engine.as_ref()).await?,
            "pg_database" => database(),
            "pg_namespace" => namespaces(&names),
            "pg_roles" => roles(&user),
            "pg_settings" => settings(&self.settings.lock().unwrap_or_else(PoisonError::into_inner)),
            "pg_user" => user_of(&user),
            "pg_tables" => tables(&names, self.engine.as_ref(), "r").await?,
            "pg_views" => tables(&names, self.engine.as_ref(), "v").await?,
            // There are no keys, no indexes, no statistics and no other servers' users, and a cursor that is asked for here is about to be closed.
            _ => Columns::new(),
        };
        whole(&self.columns, &told)
    }
}

impl PartitionStream for Listing {
    fn schema(&self) -> &SchemaRef {
        &self.columns
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let Self { name, columns, engine, settings } = self;
        let (columns, engine, settings) = (Arc::clone(columns), Arc::clone(engine), Arc::clone(settings));
        let schema = Arc::clone(&columns);
        let rows = Self { name, columns, engine, settings }.rows();
        Box::pin(RecordBatchStreamAdapter::new(schema, stream::once(rows)))
    }
}

/// The columns of a table that PostgreSQL's dump has not, or not as they are wanted.
fn own_columns(name: &str) -> Option<SchemaRef> {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let is = |name: &str| Field::new(name, DataType::Boolean, true);
    let fields = match name {
        "pg_user" => vec![
            text("usename"),
            Field::new("usesysid", DataType::Int32, true),
            is("usecreatedb"),
            is("usesuper"),
            is("userepl"),
            is("usebypassrls"),
            text("passwd"),
            text("valuntil"),
            text("useconfig"),
        ],
        "pg_user_mappings" => {
            let oid = |name: &str| Field::new(name, DataType::Int32, true);
            vec![oid("umid"), oid("srvid"), text("srvname"), oid("umuser"), text("usename"), text("umoptions")]
        }
        "pg_views" => vec![text("schemaname"), text("viewname"), text("viewowner"), text("definition")],
        "pg_cursors" => vec![text("name"), text("statement"), is("is_holdable"), is("is_binary"), is("is_scrollable")],
        _ => return None,
    };
    Some(Arc::new(Schema::new(fields)))
}

/// PostgreSQL's columns of a table, with those that the dump leaves out, and lists of rights and of columns as the lists they
/// are.
fn with_missing(name: &str, columns: &Schema) -> SchemaRef {
    let list = |name: &str| Field::new(name, DataType::new_list(DataType::Utf8, true), true);
    let field = |field: &Arc<Field>| match field.name().as_str() {
        "stxkind" => list("stxkind"),
        "conkey" | "confkey" | "stxkeys" | "indkey" | "indcollation" | "indclass" | "indoption" => {
            Field::new(field.name(), DataType::new_list(DataType::Int32, true), true)
        }
        name if name.ends_with("acl") => list(name),
        _ => field.as_ref().clone(),
    };
    let mut fields: Vec<Field> = columns.fields().iter().map(field).collect();
    let missing = match name {
        "pg_class" => vec![list("relacl"), list("reloptions")],
        "pg_settings" => vec![Field::new("boot_val", DataType::Utf8, true)],
        _ => vec![],
    };
    fields.extend(missing.into_iter().filter(|field| columns.field_with_name(field.name()).is_err()));
    Arc::new(Schema::new(fields))
}

/// A table's rows: what is told, and in the other columns nothing, or zero, false or an empty text where nothing may not be.
pub(super) fn whole(columns: &SchemaRef, told: &Columns) -> Result<RecordBatch> {
    let rows = told.values().next().map_or(0, |column| column.len());
    let column = |field: &Arc<Field>| match told.get(field.name().as_str()) {
        Some(column) => Ok(cast(column, field.data_type())?),
        None if field.is_nullable() => Ok(new_null_array(field.data_type(), rows)),
        None => ScalarValue::new_default(field.data_type())?.to_array_of_size(rows),
    };
    let arrays = columns.fields().iter().map(column).collect::<Result<Vec<_>>>()?;
    Ok(RecordBatch::try_new(Arc::clone(columns), arrays)?)
}

fn numbers(values: impl IntoIterator<Item = i32>) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(values))
}

fn texts<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn flags(values: impl IntoIterator<Item = bool>) -> ArrayRef {
    Arc::new(values.into_iter().map(Some).collect::<BooleanArray>())
}

fn namespaces(names: &Names) -> Columns {
    let namespaces = &names.namespaces;
    Columns::from([
        ("oid", numbers(namespaces.iter().map(|namespace| namespace.oid))),
        ("nspname", texts(namespaces.iter().map(|namespace| &namespace.name))),
        ("nspowner", numbers(namespaces.iter().map(|_| OWNER_OID))),
    ])
}

fn database() -> Columns {
    Columns::from([
        ("oid", numbers([DATABASE_OID])),
        ("datname", texts([CATALOG])),
        ("datdba", numbers([OWNER_OID])),
        ("encoding", numbers([UTF8])),
        ("datlocprovider", texts(["c"])),
        ("datcollate", texts(["C"])),
        ("datctype", texts(["C.UTF-8"])),
        ("datallowconn", flags([true])),
        ("datconnlimit", numbers([-1])),
        ("dattablespace", numbers([DEFAULT_TABLESPACE_OID])),
    ])
}

fn roles(user: &str) -> Columns {
    Columns::from([
        ("oid", numbers([OWNER_OID])),
        ("rolname", texts([user])),
        ("rolsuper", flags([false])),
        ("rolinherit", flags([true])),
        ("rolcreaterole", flags([false])),
        ("rolcreatedb", flags([false])),
        ("rolcanlogin", flags([true])),
        ("rolreplication", flags([false])),
        ("rolbypassrls", flags([false])),
        ("rolconnlimit", numbers([-1])),
    ])
}

fn user_of(user: &str) -> Columns {
    Columns::from([
        ("usename", texts([user])),
        ("usesysid", numbers([OWNER_OID])),
        ("usecreatedb", flags([false])),
        ("usesuper", flags([false])),
        ("userepl", flags([false])),
        ("usebypassrls", flags([false])),
    ])
}

fn settings(settings: &Settings) -> Columns {
    let all: Vec<_> = settings.all().collect();
    Columns::from([
        ("name", texts(all.iter().map(|(name, _)| name))),
        ("setting", texts(all.iter().map(|(_, value)| value))),
        ("boot_val", texts(all.iter().map(|(_, value)| value))),
        ("context", texts(all.iter().map(|_| "user"))),
        ("vartype", texts(all.iter().map(|_| "string"))),
        ("source", texts(all.iter().map(|_| "default"))),
    ])
}

async fn tables(names: &Names, engine: &dyn CatalogProvider, wanted: &str) -> Result<Columns> {
    let mut found = Vec::new();
    for relation in &names.relations {
        if relation.kind(engine).await? == wanted {
            found.push(relation);
        }
    }
    let names = texts(found.iter().map(|relation| &relation.name));
    Ok(Columns::from([
        ("schemaname", texts(found.iter().map(|relation| &relation.schema))),
        if wanted == "v" { ("viewname", names) } else { ("tablename", names) },
        if wanted == "v" {
            ("definition", texts(found.iter().map(|_| "")))
        } else {
            ("hasindexes", flags(found.iter().map(|_| false)))
        },
    ]))
}

async fn relations(names: &Names, engine: &dyn CatalogProvider) -> Result<Columns> {
    let relations = &names.relations;
    let mut kinds = Vec::with_capacity(relations.len());
    for relation in relations {
        kinds.push(relation.kind(engine).await?);
    }
    // Two is the heap, which only tables have.
    let methods = kinds.iter().map(|kind| if *kind == "r" { 2 } else { 0 });
    Ok(Columns::from([
        ("oid", numbers(relations.iter().map(|relation| relation.oid))),
        ("relname", texts(relations.iter().map(|relation| &relation.name))),
        ("relnamespace", numbers(relations.iter().map(|relation| relation.namespace))),
        ("relowner", numbers(relations.iter().map(|_| OWNER_OID))),
        ("relam", numbers(methods)),
        ("reltuples", Arc::new(Float64Array::from_iter_values(relations.iter().map(|_| -1.0)))),
        ("relpersistence", texts(relations.iter().map(|_| "p"))),
        ("relispopulated", flags(relations.iter().map(|_| true))),
        ("relreplident", texts(relations.iter().map(|_| "n"))),
        ("relkind", texts(kinds)),
    ]))
}

async fn attributes(names: &Names, engine: &dyn CatalogProvider) -> Columns {
    let [mut tables, mut types, mut sizes, mut places, mut modifiers] = [(); 5].map(|()| Vec::<i32>::new());
    let (mut fields, mut by_value, mut storage) = (Vec::<String>::new(), Vec::<bool>::new(), Vec::<&str>::new());
    for relation in &names.relations {
        let Some(columns) = relation.columns(engine).await else { continue };
        for (place, field) in (1..).zip(columns.fields()) {
            let (postgres, sent_from) = types::sent(field);
            let size = types::size(&postgres);
            tables.push(relation.oid);
            types.push(postgres.oid().cast_signed());
            sizes.push(size.into());
            places.push(place);
            modifiers.push(types::modifier(&sent_from));
            fields.push(field.name().clone());
            by_value.push((1..=8).contains(&size));
            storage.push(if size > 0 { "p" } else { "x" });
        }
    }
    let count = fields.len();
    Columns::from([
        ("attrelid", numbers(tables)),
        ("attname", texts(fields)),
        ("atttypid", numbers(types)),
        ("attlen", numbers(sizes)),
        ("attnum", numbers(places)),
        ("atttypmod", numbers(modifiers)),
        ("attcacheoff", numbers(vec![-1; count])),
        ("attstattarget", numbers(vec![-1; count])),
        ("attbyval", flags(by_value)),
        ("attstorage", texts(storage)),
        ("attalign", texts(vec!["i"; count])),
        // Anything may be missing in what comes from outside.
        ("attnotnull", flags(vec![false; count])),
        ("attislocal", flags(vec![true; count])),
    ])
}
