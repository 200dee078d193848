//! One small batch with the awkward values in every format.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, Int64Array, Int64Builder, ListBuilder, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::ipc::reader::StreamReader;
use insta::assert_snapshot;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;

fn batch() -> RecordBatch {
    let amounts = Decimal128Array::from(vec![Some(-500), Some(999_999_999_999_999_999), None]);
    let shares = Decimal128Array::from(vec![Some(1_234_567_890_123_456_789_000_001), Some(0), None]);
    let times = TimestampMicrosecondArray::from(vec![Some(1_782_864_000_000_001), Some(1_782_864_000_000_000), None]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("amount", Arc::new(amounts.with_precision_and_scale(18, 3).unwrap())),
        ("share", Arc::new(shares.with_precision_and_scale(38, 8).unwrap())),
        ("amount_minor", Arc::new(Int64Array::from(vec![Some(-50), Some(9_007_199_254_740_993), None]))),
        ("requested_on", Arc::new(times.with_timezone("UTC"))),
        ("note", Arc::new(StringArray::from(vec![Some("a,\"b\"|\tč 日本\u{1b}[2J\nend"), Some(r#"{"n":0.10}"#), None]))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn print_all(format: Format, batches: &[RecordBatch]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = writer(format, &batches[0].schema(), &mut out).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    out
}

fn print(format: Format, batch: &RecordBatch) -> String {
    let text = String::from_utf8(print_all(format, std::slice::from_ref(batch))).unwrap();
    text.replace('\u{1b}', "ESC")
}

fn print_no_rows(format: Format) -> String {
    let mut out = Vec::new();
    writer(format, &batch().schema(), &mut out).unwrap().finish().unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_table_is_aligned_and_escapes_control_characters_but_line_ends() {
    assert_snapshot!(print(Format::Table, &batch()), @r#"
    ┌─────────────────────┬────────────────────────────┬──────────────────┬─────────────────────────────┬─────────────────────────┐
    │              amount │                      share │     amount_minor │ requested_on                │ note                    │
    ├─────────────────────┼────────────────────────────┼──────────────────┼─────────────────────────────┼─────────────────────────┤
    │              -0.500 │ 12345678901234567.89000001 │              -50 │ 2026-07-01T00:00:00.000001Z │ a,"b"|\tč 日本\u{1b}[2J │
    │                     │                            │                  │                             │ end                     │
    │ 999999999999999.999 │                 0.00000000 │ 9007199254740993 │ 2026-07-01T00:00:00Z        │ {"n":0.10}              │
    │                NULL │                       NULL │             NULL │ NULL                        │ NULL                    │
    └─────────────────────┴────────────────────────────┴──────────────────┴─────────────────────────────┴─────────────────────────┘
    "#);
}

#[test]
fn csv_quotes_what_must_be_quoted() {
    assert_snapshot!(print(Format::Csv, &batch()), @r#"
    amount,share,amount_minor,requested_on,note
    -0.500,12345678901234567.89000001,-50,2026-07-01T00:00:00.000001Z,"a,""b""|	č 日本ESC[2J
    end"
    999999999999999.999,0.00000000,9007199254740993,2026-07-01T00:00:00Z,"{""n"":0.10}"
    ,,,,
    "#);
}

#[test]
fn tsv_quotes_tabs() {
    assert_snapshot!(print(Format::Tsv, &batch()).replace('\t', "→"), @r#"
    amount→share→amount_minor→requested_on→note
    -0.500→12345678901234567.89000001→-50→2026-07-01T00:00:00.000001Z→"a,""b""|→č 日本ESC[2J
    end"
    999999999999999.999→0.00000000→9007199254740993→2026-07-01T00:00:00Z→"{""n"":0.10}"
    →→→→
    "#);
}

#[test]
fn json_numbers_keep_every_digit() {
    assert_snapshot!(print(Format::Json, &batch()), @r#"
    [{"amount":-0.500,"share":12345678901234567.89000001,"amount_minor":-50,"requested_on":"2026-07-01T00:00:00.000001Z","note":"a,\"b\"|\tč 日本\u001b[2J\nend"},{"amount":999999999999999.999,"share":0.00000000,"amount_minor":9007199254740993,"requested_on":"2026-07-01T00:00:00Z","note":"{\"n\":0.10}"},{"amount":null,"share":null,"amount_minor":null,"requested_on":null,"note":null}]
    "#);
}

#[test]
fn ndjson_is_a_line_a_row() {
    assert_snapshot!(print(Format::Ndjson, &batch()), @r#"
    {"amount":-0.500,"share":12345678901234567.89000001,"amount_minor":-50,"requested_on":"2026-07-01T00:00:00.000001Z","note":"a,\"b\"|\tč 日本\u001b[2J\nend"}
    {"amount":999999999999999.999,"share":0.00000000,"amount_minor":9007199254740993,"requested_on":"2026-07-01T00:00:00Z","note":"{\"n\":0.10}"}
    {"amount":null,"share":null,"amount_minor":null,"requested_on":null,"note":null}
    "#);
}

#[test]
fn markdown_cells_cannot_end_their_column() {
    assert_snapshot!(print(Format::Markdown, &batch()), @r#"
    | amount | share | amount_minor | requested_on | note |
    | ---: | ---: | ---: | --- | --- |
    | -0.500 | 12345678901234567.89000001 | -50 | 2026-07-01T00:00:00.000001Z | a,"b"\|	č 日本ESC[2J<br>end |
    | 999999999999999.999 | 0.00000000 | 9007199254740993 | 2026-07-01T00:00:00Z | {"n":0.10} |
    |  |  |  |  |  |
    "#);
}

#[test]
fn an_answer_without_rows_has_its_columns() {
    let text: Vec<String> =
        [Format::Table, Format::Csv, Format::Markdown, Format::Json, Format::Ndjson].map(print_no_rows).into_iter().collect();
    assert_snapshot!(text.join("--\n"), @"
    ┌────────┬───────┬──────────────┬──────────────┬──────┐
    │ amount │ share │ amount_minor │ requested_on │ note │
    ├────────┼───────┼──────────────┼──────────────┼──────┤
    └────────┴───────┴──────────────┴──────────────┴──────┘
    --
    amount,share,amount_minor,requested_on,note
    --
    | amount | share | amount_minor | requested_on | note |
    | ---: | ---: | ---: | --- | --- |
    --
    []
    --
    ");
}

#[test]
fn batches_make_one_document() {
    let batch = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap();
    let batches = [batch.clone(), batch];
    let text = |format| String::from_utf8(print_all(format, &batches)).unwrap();
    assert_eq!(text(Format::Json), "[{\"n\":1},{\"n\":1}]\n");
    assert_eq!(text(Format::Csv), "n\n1\n1\n");
    assert_eq!(text(Format::Markdown), "| n |\n| ---: |\n| 1 |\n| 1 |\n");
}

#[test]
fn lists_are_json_in_formats_of_lines() {
    let mut lists = ListBuilder::new(Int64Builder::new());
    lists.append_value([Some(1), None]);
    lists.append_null();
    let batch = RecordBatch::try_from_iter([("list", Arc::new(lists.finish()) as ArrayRef)]).unwrap();
    assert_eq!(print(Format::Csv, &batch), "list\n\"[1,null]\"\n\"\"\n");
}

#[test]
fn repeated_names_are_told_apart_where_a_name_is_a_key() {
    let number = |n: i64| Arc::new(Int64Array::from(vec![n])) as ArrayRef;
    let columns = [("id", number(1)), ("id", number(2)), ("id_1", number(3)), ("id", number(4))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    assert_eq!(print(Format::Ndjson, &batch), "{\"id\":1,\"id_2\":2,\"id_1\":3,\"id_3\":4}\n");
    assert_eq!(print(Format::Csv, &batch), "id,id,id_1,id\n1,2,3,4\n");
}

#[test]
fn parquet_gives_back_the_same_rows() {
    let bytes = print_all(Format::Parquet, &[batch(), batch()]);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap().build().unwrap();
    let rows: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let expected = arrow::compute::concat_batches(&batch().schema(), &[batch(), batch()]).unwrap();
    assert_eq!(arrow::compute::concat_batches(&batch().schema(), &rows).unwrap(), expected);
}

#[test]
fn arrow_gives_back_the_same_rows() {
    let bytes = print_all(Format::Arrow, &[batch()]);
    let rows: Vec<RecordBatch> = StreamReader::try_new(bytes.as_slice(), None).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows, [batch()]);
}

#[test]
fn a_file_s_name_asks_for_its_format() {
    let of = |name: &str| Format::of_file(Path::new(name));
    assert_eq!(of("a.csv"), Some(Format::Csv));
    assert_eq!(of("a.JSONL"), Some(Format::Ndjson));
    assert_eq!(of("a.md"), Some(Format::Markdown));
    assert_eq!(of("a.parquet"), Some(Format::Parquet));
    assert_eq!((of("a.table"), of("a.txt"), of("a")), (None, None, None));
}
