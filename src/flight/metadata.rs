//! The catalogue as Flight SQL asks for it: the session's own, so that it lists what the session may read.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, AsArray, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::error::FlightError;
use arrow_flight::sql::{Command, CommandGetPrimaryKeys, CommandGetTables};
use datafusion::catalog::CatalogProvider;
use datafusion::logical_expr::TableType;
use tonic::Status;
use tracing::debug;

use super::{Server, refusals, types};
use crate::engine::{CATALOG, LAKE, LIVE, PUBLIC, Session};
use crate::error::{Error, Result};
use crate::resources::{Resource, resource};
use crate::schema::Role;
use crate::schema::fields::{ACCOUNT, COMMENT};

/// What tables and views are called.
const TABLE: &str = "TABLE";
const VIEW: &str = "VIEW";
/// Under which Flight SQL has the meaning of a column.
const REMARKS: &str = "ARROW:FLIGHT:SQL:REMARKS";

static PRIMARY_KEYS: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("catalog_name", DataType::Utf8, true),
        Field::new("db_schema_name", DataType::Utf8, true),
        Field::new("table_name", DataType::Utf8, false),
        Field::new("column_name", DataType::Utf8, false),
        Field::new("key_sequence", DataType::Int32, false),
        Field::new("key_name", DataType::Utf8, true),
    ]))
});

static FOREIGN_KEYS: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("pk_catalog_name", DataType::Utf8, true),
        Field::new("pk_db_schema_name", DataType::Utf8, true),
        Field::new("pk_table_name", DataType::Utf8, false),
        Field::new("pk_column_name", DataType::Utf8, false),
        Field::new("fk_catalog_name", DataType::Utf8, true),
        Field::new("fk_db_schema_name", DataType::Utf8, true),
        Field::new("fk_table_name", DataType::Utf8, false),
        Field::new("fk_column_name", DataType::Utf8, false),
        Field::new("key_sequence", DataType::Int32, false),
        Field::new("fk_key_name", DataType::Utf8, true),
        Field::new("pk_key_name", DataType::Utf8, true),
        Field::new("update_rule", DataType::UInt8, false),
        Field::new("delete_rule", DataType::UInt8, false),
    ]))
});

/// The columns of an answer about the catalogue.
///
/// # Errors
/// The refusal of what is not about it.
pub(super) fn schema(server: &Server, asked: &Command) -> Result<SchemaRef, Status> {
    Ok(match asked {
        Command::CommandGetCatalogs(asked) => (*asked).into_builder().schema(),
        Command::CommandGetDbSchemas(asked) => asked.clone().into_builder().schema(),
        Command::CommandGetTables(asked) => asked.clone().into_builder().schema(),
        Command::CommandGetTableTypes(asked) => (*asked).into_builder().schema(),
        Command::CommandGetPrimaryKeys(_) => Arc::clone(&PRIMARY_KEYS),
        Command::CommandGetExportedKeys(_) | Command::CommandGetImportedKeys(_) | Command::CommandGetCrossReference(_) => {
            Arc::clone(&FOREIGN_KEYS)
        }
        Command::CommandGetSqlInfo(_) => server.facts.server.schema(),
        Command::CommandGetXdbcTypeInfo(_) => server.facts.types.schema(),
        other => return Err(refusals::unknown(other)),
    })
}

/// The answer to a question about the catalogue.
///
/// # Errors
/// The refusal of what is not about it.
pub(super) async fn answer(server: &Server, session: &Session, asked: Command) -> Result<RecordBatch, Status> {
    let catalog = session.context().catalog(CATALOG).ok_or_else(|| Error::bug("a session has no catalogue"))?;
    let answer = match asked {
        Command::CommandGetCatalogs(asked) => {
            let mut catalogs = asked.into_builder();
            catalogs.append(CATALOG);
            catalogs.build()
        }
        Command::CommandGetDbSchemas(asked) => {
            let mut schemas = asked.into_builder();
            catalog.schema_names().iter().for_each(|name| schemas.append(CATALOG, name));
            schemas.build()
        }
        Command::CommandGetTables(asked) => tables(catalog.as_ref(), asked).await,
        Command::CommandGetTableTypes(asked) => {
            let mut types = asked.into_builder();
            [TABLE, VIEW].iter().for_each(|name| types.append(name));
            types.build()
        }
        Command::CommandGetPrimaryKeys(asked) => primary_keys(catalog.as_ref(), &asked),
        Command::CommandGetExportedKeys(_) | Command::CommandGetImportedKeys(_) | Command::CommandGetCrossReference(_) => {
            Ok(RecordBatch::new_empty(Arc::clone(&FOREIGN_KEYS)))
        }
        Command::CommandGetSqlInfo(asked) => asked.into_builder(&server.facts.server).build(),
        Command::CommandGetXdbcTypeInfo(asked) => asked.into_builder(&server.facts.types).build(),
        other => return Err(refusals::unknown(&other)),
    };
    Ok(answer.map_err(|error| Error::bug("the catalogue cannot be told").caused_by(error))?)
}

/// The tables, and where that is asked for their columns. Only the columns of those asked for are looked up: to do so may
/// read a file.
async fn tables(catalog: &dyn CatalogProvider, asked: CommandGetTables) -> Result<RecordBatch, FlightError> {
    let with_columns = asked.include_schema;
    let mut names = CommandGetTables { include_schema: false, ..asked }.into_builder();
    for schema in catalog.schema_names() {
        let Some(provider) = catalog.schema(&schema) else { continue };
        for name in provider.table_names() {
            let kind = provider.table_type(&name).await.ok().flatten();
            let kind = if kind == Some(TableType::View) { VIEW } else { TABLE };
            names.append(CATALOG, &schema, name, kind, &Schema::empty())?;
        }
    }
    let names = names.build()?;
    if !with_columns {
        return Ok(names);
    }
    let mut tables = CommandGetTables { include_schema: true, ..CommandGetTables::default() }.into_builder();
    let [schemas, tables_of, kinds] = [1, 2, 3].map(|column| names.column(column).as_string::<i32>());
    for ((schema, name), kind) in schemas.iter().flatten().zip(tables_of.iter().flatten()).zip(kinds.iter().flatten()) {
        let columns = columns(catalog, schema, name).await;
        tables.append(CATALOG, schema, name, kind, &columns)?;
    }
    tables.build()
}

/// The columns of a table as they are sent, each with what it means; none when they cannot be told now.
async fn columns(catalog: &dyn CatalogProvider, schema: &str, name: &str) -> Schema {
    let Some(provider) = catalog.schema(schema) else { return Schema::empty() };
    let columns = match provider.table(name).await {
        Ok(table) => table.map_or_else(|| Arc::new(Schema::empty()), |table| table.schema()),
        Err(error) => {
            debug!(schema, table = name, %error, "a table's columns cannot be told");
            Arc::new(Schema::empty())
        }
    };
    let with_remarks = |field: &Arc<Field>| {
        let remarks = field.metadata().get(COMMENT).map(|about| (REMARKS.to_owned(), about.clone()));
        Field::clone(field).with_metadata(HashMap::from_iter(remarks))
    };
    Schema::new(types::sent(&columns).fields().iter().map(with_remarks).collect::<Vec<_>>())
}

/// What rows are known by, of the tables whose source says so.
fn primary_keys(catalog: &dyn CatalogProvider, asked: &CommandGetPrimaryKeys) -> Result<RecordBatch, FlightError> {
    let is_asked_for = |schema: &str| {
        asked.catalog.as_ref().is_none_or(|catalog| catalog == CATALOG)
            && asked.db_schema.as_ref().is_none_or(|wanted| wanted == schema)
            && catalog.schema(schema).is_some_and(|provider| provider.table_exist(&asked.table))
    };
    let keys: Vec<_> = resource(&asked.table).map(keys).unwrap_or_default();
    let (mut schemas, mut columns, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    for schema in [LAKE, LIVE, PUBLIC].into_iter().filter(|schema| is_asked_for(schema)) {
        for (number, column) in (1..).zip(&keys) {
            schemas.push(schema);
            columns.push(*column);
            numbers.push(number);
        }
    }
    let count = columns.len();
    let text = |texts: Vec<&str>| Arc::new(StringArray::from(texts)) as ArrayRef;
    let arrays = vec![
        text(vec![CATALOG; count]),
        text(schemas),
        text(vec![asked.table.as_str(); count]),
        text(columns),
        Arc::new(Int32Array::from(numbers)),
        Arc::new(StringArray::new_null(count)),
    ];
    Ok(RecordBatch::try_new(Arc::clone(&PRIMARY_KEYS), arrays)?)
}

/// The columns that a row is known by, among those of all accounts.
fn keys(resource: &Resource) -> Vec<&'static str> {
    let own = resource.columns.iter().filter(|column| column.role == Role::Key).map(|column| column.name);
    own.chain([ACCOUNT]).collect()
}
