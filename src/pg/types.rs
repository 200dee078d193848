//! What PostgreSQL calls the types of Arrow, and which few Arrow types are sent.
//!
//! ```text
//!  a column's Arrow type ── sent() ──▶ (PostgreSQL's type, the Arrow type it is sent from) ── cast ──▶ cells
//! ```

use std::sync::Arc;

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, IntervalUnit, Schema, TimeUnit};
use postgres_types::{Kind, Type};

use super::dialect;

/// A column as clients are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) postgres: Type,
    /// Precision and scale of a numeric, as PostgreSQL packs them; -1 where there is none.
    pub(super) modifier: i32,
    /// What values are cast to before they are written.
    pub(super) sent_from: DataType,
}

/// The metadata key that marks a number as one of PostgreSQL's object ids.
const OID: &str = "pg.oid_alias";
/// The metadata key that marks a text as PostgreSQL's type of one byte.
const CHAR: &str = "pg.char";
/// What PostgreSQL adds to packed precision and scale.
const MODIFIER_HEADER: i32 = 4;

impl Column {
    fn of(field: &Field) -> Self {
        let (postgres, sent_from) = sent(field);
        Self { name: dialect::told(field.name()).to_owned(), postgres, modifier: modifier(&sent_from), sent_from }
    }
}

/// The columns of an answer.
pub(super) fn columns(schema: &Schema) -> Arc<[Column]> {
    schema.fields().iter().map(|field| Column::of(field)).collect()
}

/// PostgreSQL's type of a field, and the Arrow type that its values are sent from.
pub(super) fn sent(field: &Field) -> (Type, DataType) {
    let (postgres, sent_from) = of(field.data_type());
    if sent_from == DataType::Int32 && field.metadata().contains_key(OID) {
        return (Type::OID, sent_from);
    }
    if sent_from == DataType::Utf8View && field.metadata().contains_key(CHAR) {
        return (Type::CHAR, sent_from);
    }
    (postgres, sent_from)
}

fn of(data_type: &DataType) -> (Type, DataType) {
    match data_type {
        DataType::Null => (Type::TEXT, DataType::Null),
        DataType::Boolean => (Type::BOOL, DataType::Boolean),
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => (Type::INT2, DataType::Int16),
        DataType::Int32 | DataType::UInt16 => (Type::INT4, DataType::Int32),
        DataType::Int64 | DataType::UInt32 => (Type::INT8, DataType::Int64),
        DataType::UInt64 => (Type::NUMERIC, DataType::Decimal128(20, 0)),
        DataType::Float16 | DataType::Float32 => (Type::FLOAT4, DataType::Float32),
        DataType::Float64 => (Type::FLOAT8, DataType::Float64),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale) => (Type::NUMERIC, DataType::Decimal128(*precision, *scale)),
        DataType::Decimal256(..) => (Type::NUMERIC, data_type.clone()),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => (Type::TEXT, DataType::Utf8View),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            (Type::BYTEA, DataType::BinaryView)
        }
        DataType::Date32 | DataType::Date64 => (Type::DATE, DataType::Date32),
        DataType::Time32(_) | DataType::Time64(_) => (Type::TIME, DataType::Time64(TimeUnit::Microsecond)),
        DataType::Timestamp(_, None) => (Type::TIMESTAMP, DataType::Timestamp(TimeUnit::Microsecond, None)),
        DataType::Timestamp(_, Some(zone)) => {
            (Type::TIMESTAMPTZ, DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::clone(zone))))
        }
        DataType::Interval(_) | DataType::Duration(_) => (Type::INTERVAL, DataType::Interval(IntervalUnit::MonthDayNano)),
        DataType::Dictionary(_, values) => of(values),
        DataType::RunEndEncoded(_, values) => of(values.data_type()),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => list_of(item),
        // Written out as text.
        DataType::Struct(_) | DataType::Map(..) | DataType::Union(..) => (Type::TEXT, data_type.clone()),
    }
}

/// A list of what has an array type in PostgreSQL; any other is written out as text.
fn list_of(item: &Field) -> (Type, DataType) {
    let (postgres, sent_from) = of(item.data_type());
    let array = match postgres {
        Type::TEXT if sent_from == DataType::Utf8View => Type::TEXT_ARRAY,
        Type::BOOL => Type::BOOL_ARRAY,
        Type::INT2 => Type::INT2_ARRAY,
        Type::INT4 => Type::INT4_ARRAY,
        Type::INT8 => Type::INT8_ARRAY,
        Type::FLOAT4 => Type::FLOAT4_ARRAY,
        Type::FLOAT8 => Type::FLOAT8_ARRAY,
        Type::NUMERIC => Type::NUMERIC_ARRAY,
        Type::BYTEA => Type::BYTEA_ARRAY,
        Type::DATE => Type::DATE_ARRAY,
        Type::TIME => Type::TIME_ARRAY,
        Type::TIMESTAMP => Type::TIMESTAMP_ARRAY,
        Type::TIMESTAMPTZ => Type::TIMESTAMPTZ_ARRAY,
        Type::INTERVAL => Type::INTERVAL_ARRAY,
        _ => return (Type::TEXT, DataType::Utf8View),
    };
    (array, DataType::List(Arc::new(Field::new_list_field(sent_from, true))))
}

/// Packed precision and scale of a numeric.
pub(super) fn modifier(data_type: &DataType) -> i32 {
    match data_type {
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) if *scale >= 0 => {
            (i32::from(*precision) << 16 | i32::from(*scale)) + MODIFIER_HEADER
        }
        _ => -1,
    }
}

/// Precision and scale of a number, where they are the column's own.
pub(super) fn precision(data_type: &DataType) -> Option<(i32, i32)> {
    match data_type {
        DataType::Int16 => Some((16, 0)),
        DataType::Int32 => Some((32, 0)),
        DataType::Int64 => Some((64, 0)),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            Some(((*precision).into(), (*scale).into()))
        }
        _ => None,
    }
}

/// A type in SQL's words.
pub(super) fn title(postgres: &Type) -> String {
    if let Kind::Array(item) = postgres.kind() {
        return format!("{}[]", title(item));
    }
    let title = match *postgres {
        Type::BOOL => "boolean",
        Type::INT2 => "smallint",
        Type::INT4 => "integer",
        Type::INT8 => "bigint",
        Type::FLOAT4 => "real",
        Type::FLOAT8 => "double precision",
        Type::TIME => "time without time zone",
        Type::TIMESTAMP => "timestamp without time zone",
        Type::TIMESTAMPTZ => "timestamp with time zone",
        Type::CHAR => "\"char\"",
        _ => postgres.name(),
    };
    title.to_owned()
}

/// Bytes of a value of a type; -1 where they vary.
pub(super) fn size(postgres: &Type) -> i16 {
    match *postgres {
        Type::BOOL | Type::CHAR => 1,
        Type::INT2 => 2,
        Type::INT4 | Type::FLOAT4 | Type::DATE | Type::OID => 4,
        Type::INT8 | Type::FLOAT8 | Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ => 8,
        Type::INTERVAL => 16,
        _ => -1,
    }
}

/// The Arrow type of a parameter of which only PostgreSQL's type is known.
pub(super) fn of_parameter(postgres: &Type) -> Option<DataType> {
    Some(match *postgres {
        Type::BOOL => DataType::Boolean,
        Type::INT2 => DataType::Int16,
        Type::INT4 | Type::OID => DataType::Int32,
        Type::INT8 => DataType::Int64,
        Type::FLOAT4 => DataType::Float32,
        Type::FLOAT8 => DataType::Float64,
        Type::NUMERIC => DataType::Decimal128(DECIMAL128_MAX_PRECISION, 10),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UUID | Type::JSON | Type::JSONB => DataType::Utf8,
        Type::BYTEA => DataType::Binary,
        Type::DATE => DataType::Date32,
        Type::TIME => DataType::Time64(TimeUnit::Microsecond),
        Type::TIMESTAMP => DataType::Timestamp(TimeUnit::Microsecond, None),
        Type::TIMESTAMPTZ => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Type::INTERVAL => DataType::Interval(IntervalUnit::MonthDayNano),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_tell_their_precision_and_scale() {
        let field = Field::new("amount", DataType::Decimal128(38, 8), true);
        let column = Column::of(&field);
        assert_eq!((column.postgres, column.modifier), (Type::NUMERIC, (38 << 16 | 8) + 4));
    }

    #[test]
    fn what_a_list_is_sent_from_is_sent_itself() {
        let item = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
        let field = Field::new("tags", DataType::LargeList(Arc::new(Field::new_list_field(item, true))), true);
        let (postgres, sent_from) = sent(&field);
        assert_eq!(postgres, Type::TEXT_ARRAY);
        assert_eq!(sent(&Field::new("tags", sent_from.clone(), true)), (Type::TEXT_ARRAY, sent_from));
    }
}
