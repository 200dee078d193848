//! The SQL expressions of a source, over the columns of its files.
//!
//! A cast of text to a decimal is read by [`exact`](super::exact): DataFusion's own rounds what is too long in silence.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions, StringArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result as DataFusionResult};
use datafusion::config::Dialect;
use datafusion::error::DataFusionError;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::expr::{Cast, TryCast};
use datafusion::logical_expr::{ColumnarValue, Expr, ExprSchemable as _, ScalarUDF, Volatility, create_udf};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::exact::Manner;
use super::records::Records;
use super::settings::Source;
use super::shapes::{COMMON, FILE, Kind, LINE_ID, ROW, SOURCE, ShapeColumn, money};
use crate::error::{Error, ErrorKind, Result};

/// Plans and applies the expressions of a source.
pub(super) struct Mapper {
    source: Arc<Source>,
    state: SessionState,
    manner: Manner,
    exact: Arc<ScalarUDF>,
}

/// The expressions of a source, planned for files with the same columns.
pub(super) struct Mapping {
    filter: Option<Arc<dyn PhysicalExpr>>,
    columns: Vec<Column>,
    /// What it gives.
    pub(super) schema: SchemaRef,
}

/// A column that a mapping gives.
struct Column {
    field: FieldRef,
    /// What it is declared as, where it is of a shape.
    declared: Option<&'static ShapeColumn>,
    from: From,
}

enum From {
    Expression(Arc<dyn PhysicalExpr>),
    Source,
    LineId,
    Nothing,
}

impl Mapping {
    /// The columns of a file that are read for these of its own: those that their expressions name, and those that rows are
    /// left out or refused by.
    pub(super) fn reads(&self, wanted: &[String]) -> BTreeSet<String> {
        let columns = self.columns.iter().filter(|column| column.is_evaluated(wanted));
        let expressions = columns.filter_map(|column| match &column.from {
            From::Expression(expression) => Some(expression),
            _ => None,
        });
        let named = expressions.chain(&self.filter).flat_map(collect_columns);
        named.map(|column| column.name().to_owned()).collect()
    }
}

impl Column {
    /// Whether it is looked at where these are wanted: what every row must have is, always.
    fn is_evaluated(&self, wanted: &[String]) -> bool {
        wanted.contains(self.field.name()) || self.declared.is_some_and(|declared| declared.is_needed)
    }
}

impl Mapper {
    pub(super) fn new(source: &Arc<Source>) -> Result<Self> {
        let mut config = SessionConfig::new();
        config.options_mut().sql_parser.parse_float_as_decimal = true;
        config.options_mut().sql_parser.dialect = Dialect::PostgreSQL;
        let state = SessionStateBuilder::new().with_config(config).with_default_features().build();
        let mut context = SessionContext::new_with_state(state);
        datafusion_functions_json::register_all(&mut context)?;
        let manner = Manner { marks: source.marks, zone: source.zone };
        let read = move |arguments: &[ColumnarValue]| read_decimals(manner, arguments);
        let exact = create_udf("exact_decimal", vec![DataType::Utf8], money(), Volatility::Immutable, Arc::new(read));
        Ok(Self { source: Arc::clone(source), state: context.state(), manner, exact: Arc::new(exact) })
    }

    /// The expressions over these columns.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when one cannot be planned, or gives a float for money.
    pub(super) fn plan(&self, input: &Schema) -> Result<Mapping> {
        let input = DFSchema::try_from(input.clone())?;
        let mut columns = Vec::new();
        for column in self.source.shape.into_iter().flat_map(|shape| shape.columns) {
            let mapped = self.source.columns.iter().find(|(name, _)| name == column.name);
            let from = match (mapped, column.name) {
                (Some((name, sql)), _) => From::Expression(self.expression(name, sql, &input, Some(column.kind))?.0),
                (None, SOURCE) => From::Source,
                (None, LINE_ID) => From::LineId,
                (None, _) => From::Nothing,
            };
            columns.push(Column { field: column.field(), declared: Some(column), from });
        }
        for (name, sql) in &self.source.columns {
            if columns.iter().any(|column| column.field.name() == name) {
                continue;
            }
            let (expression, data_type) = self.expression(name, sql, &input, None)?;
            columns.push(Column {
                field: Arc::new(Field::new(name, data_type, true)),
                declared: None,
                from: From::Expression(expression),
            });
        }
        let is_whole = columns.is_empty();
        for field in input.fields() {
            if is_whole || COMMON.iter().any(|common| common.name == field.name()) {
                let expression = self.state.create_physical_expr(Expr::Column(field.name().as_str().into()), &input)?;
                columns.push(Column { field: Arc::clone(field), declared: None, from: From::Expression(expression) });
            }
        }
        let filter = self.source.filter.as_ref().map(|sql| self.expression("where", sql, &input, Some(Kind::Flag)));
        let schema = Arc::new(Schema::new(columns.iter().map(|column| Arc::clone(&column.field)).collect::<Vec<_>>()));
        Ok(Mapping { filter: filter.transpose()?.map(|(filter, _)| filter), columns, schema })
    }

    /// An expression, and what it gives.
    fn expression(
        &self,
        name: &str,
        sql: &str,
        input: &DFSchema,
        kind: Option<Kind>,
    ) -> Result<(Arc<dyn PhysicalExpr>, DataType)> {
        let wrong = |error: DataFusionError| {
            Error::new(ErrorKind::Config, "an expression of a mapping cannot be planned")
                .with("column", name)
                .hint("a file's columns are written in small letters, with _ for what is neither letter nor digit")
                .caused_by(Error::from(error))
        };
        let expression = self.state.create_logical_expr(sql, input).map_err(wrong)?.unalias();
        let expression = expression.transform(|expression| self.exactly(expression, input)).map_err(wrong)?.data;
        if kind == Some(Kind::Money) && has_float(&expression, input).map_err(wrong)? {
            return Err(Error::new(ErrorKind::Config, "an expression of money goes through a binary float, which is not exact")
                .with("column", name)
                .hint("cast the text to decimal(38,8) instead, or give the text as it is; a Parquet file needs decimals"));
        }
        let planned = self.state.create_physical_expr(expression, input).map_err(wrong)?;
        let data_type = planned.data_type(input.as_arrow()).map_err(wrong)?;
        Ok((planned, data_type))
    }

    /// A cast of text to a decimal as one that rounds nothing.
    fn exactly(&self, expression: Expr, input: &DFSchema) -> DataFusionResult<Transformed<Expr>> {
        match expression {
            Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field })
                if field.data_type().is_decimal() && is_text(&expr.get_type(input)?) =>
            {
                Ok(Transformed::yes(self.exact.call(vec![*expr])))
            }
            other => Ok(Transformed::no(other)),
        }
    }

    /// The rows of a file, as the mapping gives them.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] with the file, the row and the column of a value that cannot be read.
    pub(super) fn apply(&self, mapping: &Mapping, records: &Records) -> Result<Vec<RecordBatch>> {
        let all: Vec<String> = mapping.schema.fields().iter().map(|field| field.name().clone()).collect();
        let batches = records.batches.iter().map(|batch| self.apply_to(mapping, batch, &all));
        batches.map(|batch| batch.map_err(|error| error.with_missing("file", &records.file))).collect()
    }

    /// The wanted columns of a batch of a file, as the mapping gives them.
    ///
    /// # Errors
    /// As [`Self::apply`], without the file.
    pub(super) fn apply_to(&self, mapping: &Mapping, batch: &RecordBatch, wanted: &[String]) -> Result<RecordBatch> {
        let filtered;
        let batch = match &mapping.filter {
            Some(filter) => {
                let kept = self.evaluated(filter.as_ref(), batch, "where", Some(Kind::Flag))?;
                let kept = kept.as_boolean();
                let kept: BooleanArray = (0..kept.len()).map(|row| Some(kept.is_valid(row) && kept.value(row))).collect();
                filtered = filter_record_batch(batch, &kept).map_err(DataFusionError::from)?;
                &filtered
            }
            None => batch,
        };
        let mut fields: Vec<FieldRef> = Vec::with_capacity(wanted.len());
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(wanted.len());
        for column in mapping.columns.iter().filter(|column| column.is_evaluated(wanted)) {
            let name = column.field.name();
            let array = match &column.from {
                From::Expression(expression) => {
                    self.evaluated(expression.as_ref(), batch, name, column.declared.map(|declared| declared.kind))?
                }
                From::Source => Arc::new(StringArray::from_iter_values((0..batch.num_rows()).map(|_| &self.source.name))),
                From::LineId => Arc::new(self.line_ids(batch)),
                From::Nothing => arrow::array::new_null_array(column.field.data_type(), batch.num_rows()),
            };
            if column.declared.is_some_and(|declared| declared.is_needed)
                && let Some(row) = (0..array.len()).find(|row| array.is_null(*row))
            {
                return Err(at(Error::new(ErrorKind::Decode, "a row lacks what every row must have"), name, batch, row));
            }
            if wanted.contains(name) {
                fields.push(Arc::clone(&column.field));
                arrays.push(array);
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .map_err(|error| Error::new(ErrorKind::Decode, "a file gives another type than the file before").caused_by(error))
    }

    /// What an expression gives for a batch, as what it is declared as.
    fn evaluated(&self, expression: &dyn PhysicalExpr, batch: &RecordBatch, name: &str, kind: Option<Kind>) -> Result<ArrayRef> {
        let array = evaluate(expression, batch).map_err(|error| {
            // Which row it was is found by asking each.
            let row = (0..batch.num_rows()).find(|row| evaluate(expression, &batch.slice(*row, 1)).is_err());
            let why = Error::from(error);
            let message = if why.kind() == ErrorKind::Decode { why.message().to_owned() } else { why.to_string() };
            at(Error::new(ErrorKind::Decode, format!("cannot read a value: {message}")), name, batch, row.unwrap_or_default())
        })?;
        let Some(kind) = kind else { return Ok(array) };
        let converted = self.manner.convert(&array, kind);
        converted.map_err(|(row, why)| at(Error::new(ErrorKind::Decode, format!("cannot read a value: {why}")), name, batch, row))
    }

    fn line_ids(&self, batch: &RecordBatch) -> StringArray {
        let files = batch.column_by_name(FILE).and_then(|files| files.as_string_opt::<i32>());
        let file = files.filter(|files| !files.is_empty()).map_or("", |files| files.value(0));
        let ids = rows(batch).into_iter().map(|row| format!("{}/{file}/{row}", self.source.name));
        StringArray::from_iter_values(ids)
    }
}

/// The numbers of the rows of a batch.
fn rows(batch: &RecordBatch) -> Vec<i64> {
    let rows = batch.column_by_name(ROW).and_then(|rows| rows.as_primitive_opt::<Int64Type>());
    rows.map(|rows: &Int64Array| rows.values().to_vec()).unwrap_or_default()
}

fn at(error: Error, column: &str, batch: &RecordBatch, row: usize) -> Error {
    let number = rows(batch).get(row).copied().unwrap_or_default();
    error.with("column", column).with("row", number)
}

fn evaluate(expression: &dyn PhysicalExpr, batch: &RecordBatch) -> DataFusionResult<ArrayRef> {
    expression.evaluate(batch)?.into_array(batch.num_rows())
}

fn read_decimals(manner: Manner, arguments: &[ColumnarValue]) -> DataFusionResult<ColumnarValue> {
    let texts = ColumnarValue::values_to_arrays(arguments)?;
    let texts = texts.first().and_then(|texts| texts.as_string_opt::<i32>());
    let texts = texts.ok_or_else(|| Error::bug("decimals are read from text"))?;
    let decimals = manner.decimals(texts).map_err(|(_, why)| Error::new(ErrorKind::Decode, why))?;
    Ok(ColumnarValue::Array(Arc::new(decimals)))
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8)
}

/// Whether anything in an expression is a binary float.
fn has_float(expression: &Expr, input: &DFSchema) -> DataFusionResult<bool> {
    let mut found = false;
    expression.apply(|inner| {
        found = inner.get_type(input)?.is_floating();
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}
