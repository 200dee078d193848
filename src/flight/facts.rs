//! What clients are told of the server itself, and of the types it has.

use std::time::Duration;

use arrow::datatypes::DECIMAL128_MAX_PRECISION;
use arrow_flight::sql::metadata::{SqlInfoData, SqlInfoDataBuilder, XdbcTypeInfo, XdbcTypeInfoData, XdbcTypeInfoDataBuilder};
use arrow_flight::sql::{
    Nullable, Searchable, SqlInfo, SqlNullOrdering, SqlOuterJoinsSupportLevel, SqlSupportedCaseSensitivity,
    SqlSupportedTransaction, XdbcDataType, XdbcDatetimeSubcode,
};

use crate::error::{Error, Result};

/// All of it.
pub(super) struct Facts {
    pub(super) server: SqlInfoData,
    pub(super) types: XdbcTypeInfoData,
}

impl Facts {
    /// The facts of a server that forgets prepared statements after some time.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when they cannot be written down.
    pub(super) fn try_new(prepared_life: Duration) -> Result<Self> {
        let wrong = |error| Error::bug("what there is to tell cannot be told").caused_by(error);
        Ok(Self { server: server(prepared_life).build().map_err(wrong)?, types: types().build().map_err(wrong)? })
    }
}

/// Bits of a bitmask.
const fn bits(of: &[i32]) -> i32 {
    let (mut mask, mut next) = (0, of);
    while let [bit, rest @ ..] = next {
        mask |= 1 << *bit;
        next = rest;
    }
    mask
}

fn server(prepared_life: Duration) -> SqlInfoDataBuilder {
    let mut facts = SqlInfoDataBuilder::new();
    facts.append(SqlInfo::FlightSqlServerName, "ckosql");
    facts.append(SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
    facts.append(SqlInfo::FlightSqlServerArrowVersion, arrow::ARROW_VERSION);
    facts.append(SqlInfo::FlightSqlServerReadOnly, true);
    facts.append(SqlInfo::FlightSqlServerSql, true);
    facts.append(SqlInfo::FlightSqlServerSubstrait, false);
    facts.append(SqlInfo::FlightSqlServerTransaction, i32::from(SqlSupportedTransaction::None));
    facts.append(SqlInfo::FlightSqlServerCancel, true);
    facts.append(SqlInfo::FlightSqlServerBulkIngestion, false);
    facts.append(SqlInfo::FlightSqlServerIngestTransactionsSupported, false);
    facts.append(SqlInfo::FlightSqlServerStatementTimeout, i32::try_from(prepared_life.as_millis()).unwrap_or(i32::MAX));
    facts.append(SqlInfo::FlightSqlServerTransactionTimeout, 0);
    for writes in [SqlInfo::SqlDdlCatalog, SqlInfo::SqlDdlSchema, SqlInfo::SqlDdlTable] {
        facts.append(writes, false);
    }
    facts.append(SqlInfo::SqlIdentifierCase, i32::from(SqlSupportedCaseSensitivity::SqlCaseSensitivityLowercase));
    facts.append(SqlInfo::SqlIdentifierQuoteChar, "\"");
    facts.append(SqlInfo::SqlNullOrdering, i32::from(SqlNullOrdering::SqlNullsSortedHigh));
    facts.append(SqlInfo::SqlSearchStringEscape, "\\");
    facts.append(SqlInfo::SqlCatalogTerm, "catalog");
    facts.append(SqlInfo::SqlSchemaTerm, "schema");
    for holds in [
        SqlInfo::SqlAllTablesAreSelectable,
        SqlInfo::SqlSupportsColumnAliasing,
        SqlInfo::SqlNullPlusNullIsNull,
        SqlInfo::SqlSupportsTableCorrelationNames,
        SqlInfo::SqlSupportsExpressionsInOrderBy,
        SqlInfo::SqlSupportsOrderByUnrelated,
        SqlInfo::SqlSupportsLikeEscapeClause,
        SqlInfo::SqlCatalogAtStart,
        SqlInfo::SqlCorrelatedSubqueriesSupported,
    ] {
        facts.append(holds, true);
    }
    for does_not in [
        SqlInfo::SqlSupportsDifferentTableCorrelationNames,
        SqlInfo::SqlSupportsNonNullableColumns,
        SqlInfo::SqlSupportsIntegrityEnhancementFacility,
        SqlInfo::SqlSelectForUpdateSupported,
        SqlInfo::SqlStoredProceduresSupported,
    ] {
        facts.append(does_not, false);
    }
    // By the numbers of Flight SQL: group by what is not selected; in comparisons, exists and in; union and union all.
    facts.append(SqlInfo::SqlSupportedGroupBy, bits(&[0, 1]));
    facts.append(SqlInfo::SqlSupportedSubqueries, bits(&[0, 1, 2]));
    facts.append(SqlInfo::SqlSupportedUnions, bits(&[0, 1]));
    facts.append(SqlInfo::SqlSupportedGrammar, bits(&[0, 1]));
    facts.append(SqlInfo::SqlOuterJoinsSupportLevel, i32::from(SqlOuterJoinsSupportLevel::SqlFullOuterJoins));
    for none in
        [SqlInfo::SqlSchemasSupportedActions, SqlInfo::SqlCatalogsSupportedActions, SqlInfo::SqlSupportedPositionedCommands]
    {
        facts.append(none, bits(&[]));
    }
    facts
}

fn types() -> XdbcTypeInfoDataBuilder {
    let mut types = XdbcTypeInfoDataBuilder::new();
    let digits = i32::from(DECIMAL128_MAX_PRECISION);
    let mut number = |name: &str, data_type, size, radix| types.append(numeric(name, data_type, size, radix));
    number("tinyint", XdbcDataType::XdbcTinyint, 3, 10);
    number("smallint", XdbcDataType::XdbcSmallint, 5, 10);
    number("integer", XdbcDataType::XdbcInteger, 10, 10);
    number("bigint", XdbcDataType::XdbcBigint, 19, 10);
    number("real", XdbcDataType::XdbcReal, 24, 2);
    number("double", XdbcDataType::XdbcDouble, 53, 2);
    types.append(XdbcTypeInfo {
        create_params: Some(vec!["precision".to_owned(), "scale".to_owned()]),
        minimum_scale: Some(0),
        maximum_scale: Some(digits),
        ..numeric("decimal", XdbcDataType::XdbcDecimal, digits, 10)
    });
    types.append(of_type("boolean", XdbcDataType::XdbcBit, 1));
    types.append(XdbcTypeInfo { case_sensitive: true, ..quoted(of_type("varchar", XdbcDataType::XdbcVarchar, i32::MAX), "'") });
    types.append(quoted(of_type("bytea", XdbcDataType::XdbcVarbinary, i32::MAX), "X'"));
    types.append(quoted(of_type("date", XdbcDataType::XdbcDate, 10), "date '"));
    types.append(quoted(of_type("time", XdbcDataType::XdbcTime, 15), "time '"));
    for (name, subcode, size) in [
        ("timestamp", XdbcDatetimeSubcode::XdbcSubcodeTimestamp, 26),
        ("timestamp with time zone", XdbcDatetimeSubcode::XdbcSubcodeTimestampWithTimezone, 32),
    ] {
        let of_type = quoted(of_type(name, XdbcDataType::XdbcTimestamp, size), "timestamp '");
        types.append(XdbcTypeInfo { datetime_subcode: Some(subcode), sql_data_type: XdbcDataType::XdbcDatetime, ..of_type });
    }
    types.append(quoted(of_type("interval", XdbcDataType::XdbcInterval, i32::MAX), "interval '"));
    types
}

fn of_type(name: &str, data_type: XdbcDataType, size: i32) -> XdbcTypeInfo {
    XdbcTypeInfo {
        type_name: name.to_owned(),
        data_type,
        sql_data_type: data_type,
        column_size: Some(size),
        nullable: Nullable::NullabilityNullable,
        searchable: Searchable::Full,
        local_type_name: Some(name.to_owned()),
        ..XdbcTypeInfo::default()
    }
}

fn numeric(name: &str, data_type: XdbcDataType, size: i32, radix: i32) -> XdbcTypeInfo {
    XdbcTypeInfo {
        unsigned_attribute: Some(false),
        auto_increment: Some(false),
        num_prec_radix: Some(radix),
        searchable: Searchable::Basic,
        ..of_type(name, data_type, size)
    }
}

/// A type whose literals stand between quotes.
fn quoted(of_type: XdbcTypeInfo, before: &str) -> XdbcTypeInfo {
    XdbcTypeInfo { literal_prefix: Some(before.to_owned()), literal_suffix: Some("'".to_owned()), ..of_type }
}
