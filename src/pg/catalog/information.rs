//! `information_schema` as PostgreSQL has it: DataFusion's tables, columns by PostgreSQL's types, and keys, of which there are none.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::information_schema::InformationSchemaProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemTable, MemoryCatalogProviderList, SchemaProvider, TableProvider,
};
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::stream;

use super::empty::{INFORMATION, columns, columns_of};
use super::relations::names;
use super::tables::{Columns, whole};
use crate::engine::CATALOG;
use crate::pg::types;

const CHARACTER_SETS: &str = "character_set_catalog character_set_schema character_set_name character_repertoire form_of_use default_collate_catalog default_collate_schema default_collate_name";
const COLUMNS: &str = "table_catalog table_schema table_name column_name ordinal_position:int column_default is_nullable data_type \
    character_maximum_length:int character_octet_length:int numeric_precision:int numeric_precision_radix:int numeric_scale:int \
    datetime_precision:int interval_type interval_precision:int character_set_catalog character_set_schema character_set_name \
    collation_catalog collation_schema collation_name domain_catalog domain_schema domain_name udt_catalog udt_schema udt_name \
    scope_catalog scope_schema scope_name maximum_cardinality:int dtd_identifier is_self_referencing is_identity \
    identity_generation identity_start identity_increment identity_maximum identity_minimum identity_cycle is_generated \
    generation_expression is_updatable";
/// Tables that have something.
const OWN: [&str; 2] = ["character_sets", "columns"];

/// The schema.
pub(super) struct Information {
    datafusions: InformationSchemaProvider,
    engine: Arc<dyn CatalogProvider>,
}

impl Information {
    pub(super) fn new(engine: &Arc<dyn CatalogProvider>) -> Self {
        let list = MemoryCatalogProviderList::new();
        list.register_catalog(CATALOG.to_owned(), Arc::clone(engine));
        Self { datafusions: InformationSchemaProvider::new(Arc::new(list)), engine: Arc::clone(engine) }
    }
}

impl fmt::Debug for Information {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Information").finish_non_exhaustive()
    }
}

#[async_trait]
impl SchemaProvider for Information {
    fn table_names(&self) -> Vec<String> {
        let own = OWN.into_iter().chain(INFORMATION.map(|(name, _)| name)).map(str::to_owned);
        let mut names: Vec<String> = self.datafusions.table_names().into_iter().chain(own).collect();
        names.sort();
        names.dedup();
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(columns) = columns_of(name, &INFORMATION) {
            return Ok(Some(Arc::new(MemTable::try_new(columns, vec![vec![]])?)));
        }
        match name {
            "columns" => {
                let listing = ColumnsOf { columns: columns(COLUMNS), engine: Arc::clone(&self.engine) };
                Ok(Some(Arc::new(StreamingTable::try_new(Arc::clone(&listing.columns), vec![Arc::new(listing)])?)))
            }
            "character_sets" => {
                let columns = columns(CHARACTER_SETS);
                let utf8: ArrayRef = Arc::new(StringArray::from(vec!["UTF8"]));
                let told = Columns::from([
                    ("character_set_name", Arc::clone(&utf8)),
                    ("character_repertoire", Arc::new(StringArray::from(vec!["UCS"]))),
                    ("form_of_use", utf8),
                    ("default_collate_catalog", Arc::new(StringArray::from(vec![CATALOG]))),
                    ("default_collate_schema", Arc::new(StringArray::from(vec!["pg_catalog"]))),
                    ("default_collate_name", Arc::new(StringArray::from(vec!["C"]))),
                ]);
                let rows = whole(&columns, &told)?;
                Ok(Some(Arc::new(MemTable::try_new(columns, vec![vec![rows]])?)))
            }
            _ => self.datafusions.table(name).await,
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        OWN.contains(&name) || columns_of(name, &INFORMATION).is_some() || self.datafusions.table_exist(name)
    }
}

/// The columns of all tables, which are told anew whenever they are read.
#[derive(Debug)]
struct ColumnsOf {
    columns: SchemaRef,
    engine: Arc<dyn CatalogProvider>,
}

impl ColumnsOf {
    async fn rows(columns: SchemaRef, engine: Arc<dyn CatalogProvider>) -> Result<RecordBatch> {
        let (mut schemas, mut tables, mut fields) = (Vec::new(), Vec::new(), Vec::new());
        let (mut places, mut types, mut udts, mut precisions, mut scales) = (vec![], vec![], vec![], vec![], vec![]);
        for relation in &names(engine.as_ref()).relations {
            let Some(columns) = relation.columns(engine.as_ref()).await else { continue };
            for (place, field) in (1..).zip(columns.fields()) {
                let (postgres, sent_from) = types::sent(field);
                let precision = types::precision(&sent_from);
                schemas.push(relation.schema.clone());
                tables.push(relation.name.clone());
                fields.push(field.name().clone());
                places.push(place);
                types.push(if postgres.name().starts_with('_') { "ARRAY".to_owned() } else { types::title(&postgres) });
                udts.push(postgres.name().to_owned());
                precisions.push(precision.map(|(precision, _)| precision));
                scales.push(precision.map(|(_, scale)| scale));
            }
        }
        let all = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; fields.len()])) };
        let (identity, updatable, generated, nullable) = (all("NO"), all("NO"), all("NEVER"), all("YES"));
        let (catalog, udt_catalog, udt_schema) = (all(CATALOG), all(CATALOG), all("pg_catalog"));
        let radix = precisions.iter().map(|precision| precision.map(|_| 10)).collect::<Int32Array>();
        let dtd: ArrayRef = Arc::new(places.iter().map(|place: &i32| Some(place.to_string())).collect::<StringArray>());
        let told = Columns::from([
            ("table_catalog", catalog),
            ("table_schema", Arc::new(StringArray::from(schemas)) as ArrayRef),
            ("table_name", Arc::new(StringArray::from(tables))),
            ("column_name", Arc::new(StringArray::from(fields))),
            ("ordinal_position", Arc::new(Int32Array::from(places))),
            ("is_nullable", nullable),
            ("data_type", Arc::new(StringArray::from(types))),
            ("numeric_precision", Arc::new(Int32Array::from(precisions))),
            ("numeric_precision_radix", Arc::new(radix)),
            ("numeric_scale", Arc::new(Int32Array::from(scales))),
            ("udt_catalog", udt_catalog),
            ("udt_schema", udt_schema),
            ("udt_name", Arc::new(StringArray::from(udts))),
            ("dtd_identifier", dtd),
            ("is_self_referencing", Arc::clone(&identity)),
            ("is_identity", Arc::clone(&identity)),
            ("identity_cycle", identity),
            ("is_generated", generated),
            ("is_updatable", updatable),
        ]);
        whole(&columns, &told)
    }
}

impl PartitionStream for ColumnsOf {
    fn schema(&self) -> &SchemaRef {
        &self.columns
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = Self::rows(Arc::clone(&self.columns), Arc::clone(&self.engine));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.columns), stream::once(rows)))
    }
}
