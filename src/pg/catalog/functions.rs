//! PostgreSQL's functions about itself that `datafusion-pg-catalog` has not, or has for a database of its own.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int32Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Int32Type};
use datafusion::common::scalar::ScalarStructBuilder;
use datafusion::common::utils::quote_identifier;
use datafusion::common::{Result, ScalarValue, TableReference, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Signature, SimpleScalarUDF, TypeSignature, Volatility};
use datafusion::sql::sqlparser::ast::Value;

use super::relations::LazyNames;
use super::{PG_CATALOG, values};
use crate::error::{Error, ErrorKind, sqlstate};
use crate::pg::settings::{Extent, SERVER_VERSION, Settings};

/// Functions that say yes, whatever they are asked.
const YES: [&str; 14] = [
    "pg_function_is_visible",
    "pg_type_is_visible",
    "pg_operator_is_visible",
    "pg_collation_is_visible",
    "pg_opclass_is_visible",
    "pg_conversion_is_visible",
    "pg_opfamily_is_visible",
    "pg_statistics_obj_is_visible",
    "pg_ts_config_is_visible",
    "pg_ts_dict_is_visible",
    "pg_ts_parser_is_visible",
    "pg_ts_template_is_visible",
    "has_function_privilege",
    "pg_has_role",
];
/// Functions that say no.
const NO: [&str; 5] =
    ["pg_is_in_recovery", "pg_is_other_temp_schema", "has_sequence_privilege", "pg_cancel_backend", "pg_terminate_backend"];
/// Functions of how much room a thing takes, which is not known.
const SIZES: [&str; 3] = ["pg_indexes_size", "pg_table_size", "pg_tablespace_size"];
/// Functions that have nothing to say: there are no such objects here.
const NOTHING: [&str; 22] = [
    "obj_description",
    "shobj_description",
    "col_description",
    "pg_get_indexdef",
    "pg_get_viewdef",
    "pg_get_ruledef",
    "pg_get_triggerdef",
    "pg_database_size",
    "pg_get_function_sqlbody",
    "pg_get_functiondef",
    "pg_get_function_arguments",
    "pg_get_function_identity_arguments",
    "pg_get_function_result",
    "pg_get_serial_sequence",
    "pg_tablespace_location",
    "pg_advisory_unlock_all",
    "inet_client_addr",
    "inet_client_port",
    "inet_server_addr",
    "pg_describe_object",
    "pg_get_statisticsobjdef",
    "pg_size_pretty",
];

/// Functions that say what may be done: whatever only reads.
const MAY: [&str; 5] =
    ["has_any_column_privilege", "has_column_privilege", "has_database_privilege", "has_schema_privilege", "has_table_privilege"];

/// The user, as PostgreSQL's words have it: two of them in one SELECT are two columns.
pub(super) const USER: [&str; 4] = ["current_role", "current_user", "session_user", "user"];

/// `array_to_string`, of lists that the catalogue has as texts too.
pub(super) const JOINED: &str = "_pg_array_to_string";

/// The object id of a table by its name.
pub(super) const REGCLASS: &str = "_pg_regclass";

/// The functions of a session.
pub(super) fn all(settings: &Arc<Mutex<Settings>>, names: LazyNames) -> Vec<ScalarUDF> {
    let names = Arc::new(names);
    let own = |get: fn(&Settings) -> String| {
        let settings = Arc::clone(settings);
        move |_: &[ColumnarValue]| Ok(text(get(&locked(&settings))))
    };
    let user = |settings: &Settings| settings.get("session_authorization").unwrap_or_default().to_owned();
    let of_value = |name: &str, value: ScalarValue| {
        let data_type = value.data_type();
        function(name, data_type, move |_| Ok(ColumnarValue::Scalar(value.clone())))
    };
    let mut all = vec![
        function("version", DataType::Utf8, |_| Ok(text(version()))),
        function("pg_get_userbyid", DataType::Utf8, own(user)),
        function("current_setting", DataType::Utf8, current_setting(settings)),
        function("set_config", DataType::Utf8, set_config(settings)),
        function(REGCLASS, DataType::Int32, regclass(settings, Arc::clone(&names))),
        function("pg_table_is_visible", DataType::Boolean, is_visible(settings, Arc::clone(&names))),
        function("current_schema", DataType::Utf8, current_schema(settings, Arc::clone(&names))),
        function("current_schemas", DataType::new_list(DataType::Utf8, true), current_schemas(settings, names)),
        function("getdatabaseencoding", DataType::Utf8, |_| Ok(text("UTF8"))),
        function(JOINED, DataType::Utf8, joined),
        function("format", DataType::Utf8, format),
        // There are no keys here, and so no parts of them.
        of_value("_pg_expandarray", ScalarStructBuilder::new_null(key_parts())),
        of_value("pg_my_temp_schema", ScalarValue::from(0_i32)),
        // UTF-8, which is all there is.
        of_value("pg_char_to_encoding", ScalarValue::from(6_i32)),
    ];
    all.extend(USER.iter().map(|name| function(name, DataType::Utf8, own(user))));
    all.extend(YES.iter().map(|name| of_value(name, ScalarValue::from(true))));
    all.extend(MAY.iter().map(|name| function(name, DataType::Boolean, may)));
    all.extend(NO.iter().map(|name| of_value(name, ScalarValue::from(false))));
    all.extend(SIZES.iter().map(|name| of_value(name, ScalarValue::Int64(None))));
    all.extend(values::all());
    all.extend(NOTHING.iter().map(|name| of_value(name, ScalarValue::Utf8(None))));
    all
}

/// Whether what the last argument names, or one of several, only reads.
fn may(arguments: &[ColumnarValue]) -> Result<ColumnarValue> {
    let wanted = word(arguments, arguments.len().saturating_sub(1))?.unwrap_or_default().to_lowercase();
    let reads = |wanted: &str| ["select", "usage", "connect", "execute"].contains(&wanted.trim());
    Ok(ColumnarValue::Scalar(ScalarValue::from(wanted.split(',').any(reads))))
}

/// What clients are told that this is, for those that read it out of a sentence.
fn version() -> String {
    format!("PostgreSQL {SERVER_VERSION} (ckosql {})", env!("CARGO_PKG_VERSION"))
}

fn text(text: impl Into<String>) -> ColumnarValue {
    ColumnarValue::Scalar(ScalarValue::Utf8(Some(text.into())))
}

/// A function of any arguments.
pub(super) fn function(
    name: &str,
    returns: DataType,
    run: impl Fn(&[ColumnarValue]) -> Result<ColumnarValue> + Send + Sync + 'static,
) -> ScalarUDF {
    // Not to be computed ahead: settings change.
    let signature = Signature::one_of(vec![TypeSignature::Nullary, TypeSignature::VariadicAny], Volatility::Volatile);
    ScalarUDF::from(SimpleScalarUDF::new_with_signature(name, signature, returns, Arc::new(run)))
}

fn locked(settings: &Mutex<Settings>) -> MutexGuard<'_, Settings> {
    settings.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key_parts() -> Fields {
    [Field::new("x", DataType::Int32, true), Field::new("n", DataType::Int32, true)].into_iter().collect()
}

/// A text argument, which is the same for all rows; none when it is missing or nothing.
fn word(arguments: &[ColumnarValue], index: usize) -> Result<Option<String>> {
    let Some(argument) = arguments.get(index) else { return Ok(None) };
    let value = match argument {
        ColumnarValue::Scalar(value) => value.clone(),
        ColumnarValue::Array(array) if array.is_empty() => return Ok(None),
        ColumnarValue::Array(array) if array.len() == 1 => ScalarValue::try_from_array(array, 0)?,
        ColumnarValue::Array(_) => return exec_err!("a function takes one value here, not one for each row"),
    };
    Ok((!value.is_null()).then(|| value.to_string()))
}

fn current_setting(settings: &Arc<Mutex<Settings>>) -> impl Fn(&[ColumnarValue]) -> Result<ColumnarValue> + use<> {
    let settings = Arc::clone(settings);
    move |arguments| {
        let is_optional = word(arguments, 1)?.as_deref() == Some("true");
        let Some(names) = arguments.first() else { return exec_err!("current_setting takes the name of a setting") };
        let is_one = matches!(names, ColumnarValue::Scalar(_));
        let names = cast(&names.to_array(1)?, &DataType::Utf8)?;
        let settings = locked(&settings);
        let value = |name: Option<&str>| match name.map(|name| (name, settings.get(name))) {
            Some((_, Some(value))) => Ok(Some(value.to_owned())),
            Some((name, None)) if !is_optional => {
                Err(Error::new(ErrorKind::Query, format!("unrecognized configuration parameter \"{name}\""))
                    .state(sqlstate::NO_SETTING)
                    .into())
            }
            _ => Ok(None),
        };
        let values = names.as_string::<i32>().iter().map(value).collect::<Result<StringArray>>()?;
        if is_one {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?));
        }
        Ok(ColumnarValue::Array(Arc::new(values)))
    }
}

fn set_config(settings: &Arc<Mutex<Settings>>) -> impl Fn(&[ColumnarValue]) -> Result<ColumnarValue> + use<> {
    let settings = Arc::clone(settings);
    move |arguments| {
        let (name, value) = (word(arguments, 0)?.unwrap_or_default(), word(arguments, 1)?);
        let extent = if word(arguments, 2)?.as_deref() == Some("true") { Extent::Transaction } else { Extent::Session };
        locked(&settings).set(&name, value.as_deref(), extent).map_err(|failure| failure.error())?;
        Ok(ColumnarValue::Scalar(ScalarValue::Utf8(value)))
    }
}

/// The elements of lists with a text between them; what is no list is taken as it stands.
fn joined(arguments: &[ColumnarValue]) -> Result<ColumnarValue> {
    let between = word(arguments, 1)?.unwrap_or_default();
    let arrays = ColumnarValue::values_to_arrays(arguments)?;
    let Some(array) = arrays.first() else { return exec_err!("array_to_string takes a list") };
    let Some(lists) = array.as_list_opt::<i32>() else { return Ok(ColumnarValue::Array(cast(array, &DataType::Utf8)?)) };
    let one = |list: Option<ArrayRef>| -> Result<Option<String>> {
        let Some(list) = list else { return Ok(None) };
        let texts = cast(&list, &DataType::Utf8)?;
        Ok(Some(texts.as_string::<i32>().iter().flatten().collect::<Vec<_>>().join(&between)))
    };
    let texts = lists.iter().map(one).collect::<Result<StringArray>>()?;
    Ok(ColumnarValue::Array(Arc::new(texts)))
}

/// A text with the next argument for each `%s`, as a name for `%I`, as a literal for `%L`; without places and widths.
fn format(arguments: &[ColumnarValue]) -> Result<ColumnarValue> {
    let arrays = ColumnarValue::values_to_arrays(arguments)?;
    let texts = arrays.iter().map(|array| Ok(cast(array, &DataType::Utf8)?)).collect::<Result<Vec<_>>>()?;
    let Some((formats, values)) = texts.split_first() else { return exec_err!("format takes a text") };
    let row = |row: usize| {
        let Some(format) = text_at(formats, row) else { return Ok(None) };
        let (mut told, mut rest, mut values) = (String::new(), format, values.iter());
        while let Some((before, after)) = rest.split_once('%') {
            let Some(kind) = after.chars().next() else { return exec_err!("a format ends with a percent sign") };
            told.push_str(before);
            rest = after.strip_prefix(kind).unwrap_or_default();
            if kind == '%' {
                told.push(kind);
                continue;
            }
            let Some(value) = values.next() else { return exec_err!("too few arguments for format()") };
            match (kind, text_at(value, row)) {
                ('s', value) => told.push_str(value.unwrap_or_default()),
                ('I', Some(value)) => told.push_str(&quote_identifier(value)),
                ('L', Some(value)) => told.push_str(&Value::SingleQuotedString(value.to_owned()).to_string()),
                ('L', None) => told.push_str("NULL"),
                _ => return exec_err!("format() knows %s, %I of a name and %L"),
            }
        }
        told.push_str(rest);
        Ok(Some(told))
    };
    let told = (0..formats.len()).map(row).collect::<Result<StringArray>>()?;
    Ok(ColumnarValue::Array(Arc::new(told)))
}

/// A text of a column of texts; none where there is nothing.
fn text_at(texts: &ArrayRef, row: usize) -> Option<&str> {
    let texts = texts.as_string::<i32>();
    texts.is_valid(row).then(|| texts.value(row))
}

/// The schema in which tables are that are named without one.
fn current_schema(
    settings: &Arc<Mutex<Settings>>,
    names: Arc<LazyNames>,
) -> impl Fn(&[ColumnarValue]) -> Result<ColumnarValue> + use<> {
    let settings = Arc::clone(settings);
    move |_| Ok(ColumnarValue::Scalar(ScalarValue::Utf8(names.current(&locked(&settings)))))
}

/// The same as a list, with PostgreSQL's own schema before it where that is asked for.
fn current_schemas(
    settings: &Arc<Mutex<Settings>>,
    names: Arc<LazyNames>,
) -> impl Fn(&[ColumnarValue]) -> Result<ColumnarValue> + use<> {
    let settings = Arc::clone(settings);
    move |arguments| {
        let current = names.current(&locked(&settings));
        let are_all = word(arguments, 0)?.as_deref() == Some("true");
        let own = (are_all && current.as_deref() != Some(PG_CATALOG)).then(|| PG_CATALOG.to_owned());
        let schemas: Vec<_> = own.into_iter().chain(current).map(ScalarValue::from).collect();
        Ok(ColumnarValue::Scalar(ScalarValue::List(ScalarValue::new_list_nullable(&schemas, &DataType::Utf8))))
    }
}

/// The object ids of tables by their names, written as in SQL.
fn regclass(
    settings: &Arc<Mutex<Settings>>,
    names: Arc<LazyNames>,
) -> impl Fn(&[ColumnarValue]) -> Result<ColumnarValue> + use<> {
    let settings = Arc::clone(settings);
    move |arguments| {
        let current = names.current(&locked(&settings)).unwrap_or_default();
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let Some(array) = arrays.first() else { return exec_err!("regclass is of a table's name") };
        let texts = cast(array, &DataType::Utf8)?;
        let oid = |text: &str| {
            let named = TableReference::parse_str(text);
            let schema = named.schema().unwrap_or(&current);
            let found = names.relations.iter().find(|relation| relation.schema == schema && relation.name == named.table());
            found.map(|relation| relation.oid).ok_or_else(|| {
                Error::new(ErrorKind::Query, format!("relation \"{text}\" does not exist")).state(sqlstate::NO_TABLE)
            })
        };
        let oids =
            texts.as_string::<i32>().iter().map(|text| text.map(oid).transpose()).collect::<Result<Int32Array, Error>>()?;
        Ok(ColumnarValue::Array(Arc::new(oids)))
    }
}

/// Whether a table is found without its schema's name.
fn is_visible(
    settings: &Arc<Mutex<Settings>>,
    names: Arc<LazyNames>,
) -> impl Fn(&[ColumnarValue]) -> Result<ColumnarValue> + use<> {
    let settings = Arc::clone(settings);
    move |arguments| {
        let current = names.current(&locked(&settings)).unwrap_or_default();
        let others = names.relations.iter().filter(|relation| relation.schema != current);
        let hidden: BTreeSet<i32> = others.map(|relation| relation.oid).collect();
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let Some(array) = arrays.first() else { return exec_err!("pg_table_is_visible takes a table's object id") };
        let oids = cast(array, &DataType::Int32)?;
        let visible: BooleanArray =
            oids.as_primitive::<Int32Type>().iter().map(|oid| oid.map(|oid| !hidden.contains(&oid))).collect();
        Ok(ColumnarValue::Array(Arc::new(visible)))
    }
}
