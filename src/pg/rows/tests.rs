use std::sync::Arc;

use arrow::array::{
    BinaryArray, BooleanArray, Date32Array, Decimal256Array, Float64Array, Int32Array, IntervalMonthDayNanoArray, ListArray,
    NullArray, RecordBatch, StringArray, StructArray, TimestampMicrosecondArray, TimestampNanosecondArray, TimestampSecondArray,
    UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int32Type, IntervalMonthDayNano, Schema, i256};

use super::*;
use crate::pg::types::columns;

/// The values of a column as text.
fn texts(array: ArrayRef) -> Vec<Option<String>> {
    let text = |bytes: BytesMut| String::from_utf8(bytes.to_vec()).unwrap();
    values(array, Format::Text).into_iter().map(|value| value.map(text)).collect()
}

fn values(array: ArrayRef, format: Format) -> Vec<Option<BytesMut>> {
    let schema = Schema::new(vec![Field::new("x", array.data_type().clone(), true)]);
    let columns = columns(&schema);
    let batch = RecordBatch::try_new(Arc::new(schema), vec![array]).unwrap();
    let rows = Rows::of(&batch, &columns).unwrap();
    let cells = rows.cells(&columns, &[format]).unwrap();
    let value = |row| {
        let mut out = BytesMut::new();
        (!cells[0].is_null(row)).then(|| cells[0].write(row, &mut out).map(|()| out).unwrap())
    };
    (0..rows.count()).map(value).collect()
}

fn text(array: impl Array + 'static) -> String {
    texts(Arc::new(array)).remove(0).unwrap()
}

#[test]
fn values_are_written_as_postgresql_writes_them() {
    assert_eq!(text(BooleanArray::from(vec![true])), "t");
    assert_eq!(text(UInt64Array::from(vec![u64::MAX])), "18446744073709551615");
    assert_eq!(text(Float64Array::from(vec![0.1])), "0.1");
    assert_eq!(text(Float64Array::from(vec![f64::NEG_INFINITY])), "-Infinity");
    assert_eq!(text(Float64Array::from(vec![1e300])), "1e300");
    assert_eq!(text(BinaryArray::from(vec![&b"\x00\xff"[..]])), "\\x00ff");
    assert_eq!(text(Date32Array::from(vec![0])), "1970-01-01");
    assert_eq!(text(Date32Array::from(vec![-719_529])), "0002-12-31 BC");
    assert_eq!(text(TimestampMicrosecondArray::from(vec![1_500_000])), "1970-01-01 00:00:01.5");
    let with_zone = TimestampNanosecondArray::from(vec![1_000_000_000]).with_timezone("UTC");
    assert_eq!(text(with_zone), "1970-01-01 00:00:01+00");
    assert_eq!(texts(Arc::new(NullArray::new(1))), [None]);
}

#[test]
fn what_the_wire_cannot_carry_is_an_error_and_not_nothing() {
    let array: ArrayRef = Arc::new(TimestampSecondArray::from(vec![0, i64::MAX]));
    let schema = Schema::new(vec![Field::new("x", array.data_type().clone(), true)]);
    let columns = columns(&schema);
    let batch = RecordBatch::try_new(Arc::new(schema), vec![array]).unwrap();
    assert_eq!(Rows::of(&batch, &columns).map(drop).unwrap_err().kind(), ErrorKind::Decode);
}

#[test]
fn numbers_beyond_any_machine_word_are_exact() {
    let long = i256::from_string("1234567890123456789012345678901234567890123456789012345678901234567890").unwrap();
    let array = Decimal256Array::from(vec![Some(long), None]).with_precision_and_scale(76, 8).unwrap();
    let shown = "12345678901234567890123456789012345678901234567890123456789012.34567890";
    assert_eq!(texts(Arc::new(array)), [Some(shown.to_owned()), None]);
}

#[test]
fn spans_are_written_as_postgresql_writes_them() {
    let span = |months, days, nanoseconds| {
        text(IntervalMonthDayNanoArray::from(vec![IntervalMonthDayNano { months, days, nanoseconds }]))
    };
    assert_eq!(span(14, 3, 3_723_500_000_000), "1 year 2 mons 3 days 01:02:03.5");
    assert_eq!(span(0, 1, 0), "1 day");
    assert_eq!(span(0, 0, 0), "00:00:00");
    assert_eq!(span(0, -1, -60_000_000_000), "-1 days -00:01:00");
}

#[test]
fn lists_are_arrays() {
    let numbers = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), Some(vec![]), None]);
    let numbers: ArrayRef = Arc::new(numbers);
    let texts_of = texts(Arc::clone(&numbers));
    assert_eq!(texts_of, [Some("{1,NULL}".to_owned()), Some("{}".to_owned()), None]);
    let binary = values(numbers, Format::Binary);
    let expected: Vec<u8> = [1, 1, 23, 2, 1, 4, 1, -1].into_iter().flat_map(i32::to_be_bytes).collect();
    assert_eq!(binary[0].as_deref(), Some(&expected[..]));
    assert_eq!(binary[1].as_deref(), Some(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 23][..]));

    let words = StringArray::from(vec!["plain", "a \"b\"", "", "null", "c\\d"]);
    let field = Arc::new(Field::new_list_field(DataType::Utf8, true));
    let offsets = arrow::buffer::OffsetBuffer::from_lengths([5]);
    let list = ListArray::new(field, offsets, Arc::new(words), None);
    assert_eq!(text(list), r#"{plain,"a \"b\"","","null","c\\d"}"#);
}

#[test]
fn what_postgresql_has_no_type_for_is_text() {
    let field = Arc::new(Field::new("a", DataType::Int32, true));
    let array: ArrayRef = Arc::new(Int32Array::from(vec![7]));
    assert_eq!(text(StructArray::from(vec![(field, array)])), "(7)");
}

#[test]
fn a_row_is_one_message() {
    let schema = Schema::new(vec![Field::new("a", DataType::Int32, true), Field::new("b", DataType::Int32, true)]);
    let columns = columns(&schema);
    let arrays: Vec<ArrayRef> = vec![Arc::new(Int32Array::from(vec![7])), Arc::new(Int32Array::from(vec![None]))];
    let batch = RecordBatch::try_new(Arc::new(schema), arrays).unwrap();
    let rows = Rows::of(&batch, &columns).unwrap();
    let mut out = BytesMut::new();
    write_row(&rows.cells(&columns, &[Format::Text, Format::Binary]).unwrap(), 0, &mut out).unwrap();
    assert_eq!(&out[..], b"D\0\0\0\x0f\0\x02\0\0\0\x017\xff\xff\xff\xff");
}
