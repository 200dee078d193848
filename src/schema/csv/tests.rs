//! What the reader of files promises, on files small enough to read.

use std::io::Write;

use arrow::array::{Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow::util::display::array_value_to_string;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::reader::BATCH;
use super::{CsvDecoder, Ending, FileGiven};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::decode::{OnMalformed, Settings};
use crate::schema::fields::schema;
use crate::schema::{Column, Kind, col, minor};

const COLUMNS: &[Column] = &[
    col("payment_id", Kind::Text, "").key(),
    col("amount", Kind::Decimal, "").at("Holding Currency Amount"),
    col("processed_at", Kind::Time, "").at("Processed On UTC"),
    col("processed_on_local", Kind::LocalTime, "").at("Processed On"),
    col("payout_date", Kind::Date, ""),
    col("method", Kind::Word(&["Visa", "Mastercard"]), "").at("Payment Method").or_at("Scheme"),
    col("is_3ds", Kind::Flag, ""),
    col("count", Kind::Int, ""),
    col("report_id", Kind::Text, ""),
    col("report_created_on", Kind::Time, ""),
    col("row_number", Kind::Int, ""),
];

fn given() -> FileGiven {
    FileGiven { account: "main".to_owned(), file: "actions.csv".to_owned(), ..FileGiven::default() }
}

fn all(columns: &[Column]) -> Vec<usize> {
    (0..schema(columns).fields().len()).collect()
}

/// Reads a file that comes in pieces.
fn read<'a>(
    decoder: &CsvDecoder,
    pieces: impl Iterator<Item = &'a [u8]>,
    ending: Ending,
    given: FileGiven,
) -> Result<RecordBatch> {
    let mut file = decoder.begin(given);
    let mut batches = Vec::new();
    for mut piece in pieces {
        while let Some(batch) = file.push(&mut piece)? {
            assert_eq!(batch.num_rows(), BATCH);
            batches.push(batch);
        }
        assert!(piece.is_empty());
    }
    while let Some(batch) = file.finish(ending)? {
        batches.push(batch);
    }
    Ok(concat_batches(decoder.schema(), &batches).unwrap())
}

fn whole(text: impl AsRef<[u8]>) -> Result<RecordBatch> {
    let decoder = CsvDecoder::try_new(COLUMNS, &[], &all(COLUMNS), Settings::default()).unwrap();
    read(&decoder, std::iter::once(text.as_ref()), Ending::Proven, given())
}

/// The column as text, null as `-`.
fn shown(batch: &RecordBatch, name: &str) -> Vec<String> {
    let column = batch.column_by_name(name).unwrap();
    let value = |row| if column.is_null(row) { "-".to_owned() } else { array_value_to_string(column, row).unwrap() };
    (0..column.len()).map(value).collect()
}

fn one(header: &str, cell: &str, name: &str) -> Result<String> {
    whole(format!("{header},x\n{cell},\n")).map(|batch| shown(&batch, name).remove(0))
}

fn told(error: &Error) -> String {
    assert_eq!(error.kind(), ErrorKind::Decode);
    error.to_string()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn columns_are_found_by_header_in_any_order_and_case() {
    let batch = whole("\u{feff} HOLDING currency amount ,Unknown, Payment ID\r\n1.5,?,pay_1\r\n").unwrap();
    assert_eq!((shown(&batch, "payment_id"), shown(&batch, "amount")), (vec!["pay_1".into()], vec!["1.50000000".into()]));
    assert_eq!(shown(&batch, "payout_date"), ["-"]);
}

#[test]
fn a_quoted_header_behind_a_byte_order_mark_is_read() {
    for marks in ["\u{feff}", "\u{feff}\u{feff}"] {
        assert_eq!(shown(&whole(format!("{marks}\"Payment ID\"\npay_1\n")).unwrap(), "payment_id"), ["pay_1"]);
    }
}

#[test]
fn every_kind_is_read_as_it_is_printed() {
    for (header, cell, column, value) in [
        ("Payment ID", " as it is ", "payment_id", " as it is "),
        ("Payment ID", "\"\"", "payment_id", "-"),
        ("Payment ID", "a\0b", "payment_id", "a\0b"),
        ("Payment ID", "5\" screen", "payment_id", "5\" screen"),
        ("Payment ID", "\"a \"\"b\"\", c\r\nd\"", "payment_id", "a \"b\", c\r\nd"),
        ("Holding Currency Amount", " -0.01349386 ", "amount", "-0.01349386"),
        ("Holding Currency Amount", "\"+1\"", "amount", "1.00000000"),
        ("Holding Currency Amount", " ", "amount", "-"),
        ("Processed On UTC", "2022-11-14 12:08:07", "processed_at", "2022-11-14T12:08:07Z"),
        ("Processed On", "2026-07-09T18:07:06.844", "processed_on_local", "2026-07-09T18:07:06.844"),
        ("Payout Date", "2026-07-01", "payout_date", "2026-07-01"),
        ("Payout Date", "2026-07-01T00:00:00.000", "payout_date", "2026-07-01"),
        ("Payment Method", "VISA", "method", "Visa"),
        ("Scheme", "mastercard", "method", "Mastercard"),
        ("Is 3DS", "TRUE", "is_3ds", "true"),
        ("Is 3DS", "Yes", "is_3ds", "true"),
        ("Is 3DS", "no", "is_3ds", "false"),
        ("Is 3DS", "1", "is_3ds", "true"),
        ("Is 3DS", "0", "is_3ds", "false"),
        ("Count", "12", "count", "12"),
    ] {
        assert_eq!(one(header, cell, column).unwrap(), value, "{header} {cell}");
    }
}

#[test]
fn the_second_header_counts_where_the_first_has_nothing() {
    let batch = whole("Scheme,Payment Method\nvisa,\nvisa,Mastercard\n,\n").unwrap();
    assert_eq!(shown(&batch, "method"), ["Visa", "Mastercard", "-"]);
}

#[test]
fn what_is_known_beside_the_file_fills_columns_whatever_the_file_has() {
    let decoder = CsvDecoder::try_new(COLUMNS, &[], &all(COLUMNS), Settings::default()).unwrap();
    let facts = vec![("report_id", "rpt_1".to_owned()), ("report_created_on", "2026-07-02T03:00:00Z".to_owned())];
    let given =
        FileGiven { facts: [facts, vec![("payment_id", "pay_of_the_file".to_owned())]].concat(), rows_before: 40, ..given() };
    let batch = read(&decoder, std::iter::once(&b"Payment ID\npay_1\n\"\"\n"[..]), Ending::Proven, given).unwrap();
    assert_eq!(shown(&batch, "report_id"), ["rpt_1", "rpt_1"]);
    assert_eq!(shown(&batch, "report_created_on"), ["2026-07-02T03:00:00Z", "2026-07-02T03:00:00Z"]);
    assert_eq!(shown(&batch, "row_number"), ["41", "42"]);
    assert_eq!(shown(&batch, "account"), ["main", "main"]);
    assert_eq!(shown(&batch, "payment_id"), ["pay_of_the_file", "pay_of_the_file"]);
}

#[test]
fn raw_is_the_row_as_json_by_header() {
    let text = "Payment ID, New \"Thing\" ,Holding Currency Amount\npay_1,\"a\"\"\nb\\\",1.10\n,,\na\\,5\"\"x,\n";
    let batch = whole(text).unwrap();
    assert_eq!(
        shown(&batch, "_raw"),
        [
            r#"{"Payment ID":"pay_1","New \"Thing\"":"a\"\nb\\","Holding Currency Amount":"1.10"}"#,
            r#"{"Payment ID":"","New \"Thing\"":"","Holding Currency Amount":""}"#,
            r#"{"Payment ID":"a\\","New \"Thing\"":"5\"\"x","Holding Currency Amount":""}"#,
        ]
    );
}

#[test]
fn a_file_with_only_a_header_has_no_rows() {
    for text in ["Payment ID", "Payment ID\r\n", "Payment ID,\n\n\n"] {
        assert_eq!(whole(text).unwrap().num_rows(), 0, "{text:?}");
    }
}

#[test]
fn a_trailing_separator_and_empty_last_lines_say_nothing() {
    for text in [
        "Payment ID,Count\npay_1,1,\npay_2,2\n",
        "Payment ID,Count,\npay_1,1\npay_2,2,\n\n\r\n",
        "Payment ID,Count,\r\npay_1,1,\r\npay_2,2,",
        "Payment ID,Count\rpay_1,1\rpay_2,2\r",
    ] {
        let batch = whole(text).unwrap();
        assert_eq!(shown(&batch, "payment_id"), ["pay_1", "pay_2"], "{text:?}");
        assert_eq!(shown(&batch, "count"), ["1", "2"], "{text:?}");
    }
}

#[test]
fn a_malformed_file_is_an_error_that_says_where() {
    for (text, message) in [
        (
            "Payment ID,Count\na,1\n\"b\nb\",2\nc\n",
            "cannot read a row: it has 1 columns and the header has 2 (file actions.csv, line 5)",
        ),
        ("Payment ID,Count\r\na,1,x\r\n", "cannot read a row: it has 3 columns and the header has 2 (file actions.csv, line 2)"),
        ("Payment ID,Count\na,1,\"\"\n", "cannot read a row: it has 3 columns and the header has 2 (file actions.csv, line 2)"),
        ("Payment ID,Count\na,1\n\n\nb,2\n", "cannot read a row: the line is empty, and rows follow (file actions.csv, line 3)"),
        (
            "Payment ID,Count\na,\"1\"2\n",
            "cannot read a row: text follows the closing quote of a value (column 2, file actions.csv, line 2)",
        ),
        (
            "Payment ID,Holding Currency Amount\ra,1\ra,1.123456789\r",
            "cannot read amount: more decimals than the column has; nothing is rounded \
             (column Holding Currency Amount, value 1.123456789, file actions.csv, line 3)",
        ),
        (
            "Holding Currency Amount\n\"1,234.50\"\n",
            "cannot read amount: not a decimal (column Holding Currency Amount, value 1,234.50, file actions.csv, line 2)",
        ),
        (
            "Payment Method,Scheme,Processed On\n,,2026-07-01T10:00:00Z\n",
            "cannot read processed_on_local: not a date and time without a zone \
             (column Processed On, value 2026-07-01T10:00:00Z, file actions.csv, line 2)",
        ),
        (
            "Processed On,Timezone\n2026-07-01T10:00:00,Mars/Olympus\n",
            "cannot read processed_at: its time zone \"Mars/Olympus\" is not known \
             (column Processed On, value 2026-07-01T10:00:00, file actions.csv, line 2)",
        ),
        (
            "payout date\n02/07/2026\n",
            "cannot read payout_date: not a date (column payout date, value 02/07/2026, file actions.csv, line 2)",
        ),
        (
            "Payment ID,Count, PAYMENT id\n",
            "cannot tell the columns apart: columns 1 and 3 have the same header (column PAYMENT id, file actions.csv, line 1)",
        ),
        (
            "Payment ID,Payment-ID\n",
            "cannot tell the columns apart: columns 1 and 2 have the same header (column Payment-ID, file actions.csv, line 1)",
        ),
        (
            "Payment ID,,,\n",
            "cannot tell the columns apart: columns 2 and 3 have the same header (column without a name, file actions.csv, line 1)",
        ),
        ("\r\nPayment ID\r\n", "cannot read the header: there is no name in it (file actions.csv, line 1)"),
    ] {
        assert_eq!(told(&whole(text).unwrap_err()), message, "{text:?}");
    }
}

#[test]
fn a_byte_that_is_no_utf_8_is_an_error_behind_the_rows_before_it() {
    let error = whole(b"Payment ID,Count\na,1\nb\xe9,2\nc,3\n").unwrap_err();
    assert!(told(&error).starts_with("cannot read a row: it is not UTF-8 (file actions.csv, line 3)"), "{error}");
    let error = whole(b"Payment ID,Count\na,?\nb\xe9,2\n").unwrap_err();
    assert!(told(&error).starts_with("cannot read count: not a whole number"), "{error}");
    let decoder = CsvDecoder::try_new(COLUMNS, &[], &all(COLUMNS), Settings::default()).unwrap();
    let file = ["Payment ID\n".to_owned(), "a\n".repeat(BATCH)].concat();
    let (mut file, mut bytes) = (decoder.begin(given()), &[file.as_bytes(), b"b\xe9\n"].concat()[..]);
    assert_eq!(file.push(&mut bytes).unwrap().unwrap().num_rows(), BATCH);
    assert_eq!(file.push(&mut bytes).unwrap_err().context("line"), Some("8194"));
}

#[test]
fn a_row_without_end_is_refused_before_it_fills_the_memory() {
    let error = whole(format!("Payment ID\na\n\"{}", "x".repeat(17 << 20))).unwrap_err();
    let message = "cannot read a row: it is longer than 16 MiB, as if a quote were not closed (file actions.csv, line 3)";
    assert_eq!(told(&error), message);
}

#[test]
fn unreadable_values_may_be_left_null() {
    let settings = Settings { on_malformed: OnMalformed::Null, ..Settings::default() };
    let decoder = CsvDecoder::try_new(COLUMNS, &[], &all(COLUMNS), settings).unwrap();
    let file = &b"Holding Currency Amount,Count\n1e5,7\n2,x\n"[..];
    let batch = read(&decoder, std::iter::once(file), Ending::Proven, given()).unwrap();
    assert_eq!(
        (shown(&batch, "amount"), shown(&batch, "count")),
        (vec!["-".into(), "2.00000000".into()], vec!["7".into(), "-".into()])
    );
}

#[test]
fn columns_that_are_not_asked_for_are_not_read() {
    let decoder = CsvDecoder::try_new(COLUMNS, &[], &[7], Settings::default()).unwrap();
    let batch = read(&decoder, std::iter::once(&b"Holding Currency Amount,Count\n?,7\n"[..]), Ending::Proven, given()).unwrap();
    assert_eq!((batch.num_columns(), shown(&batch, "count")), (1, vec!["7".into()]));
    let decoder = CsvDecoder::try_new(COLUMNS, &[], &[], Settings::default()).unwrap();
    let mut file = decoder.begin(given());
    file.push(&mut &b"Count\n7\n8\n"[..]).unwrap();
    assert_eq!(file.finish(Ending::Unproven).unwrap().unwrap().num_rows(), 2);
}

#[test]
fn minor_units_and_row_numbers_that_are_no_numbers_are_refused_when_the_decoder_is_made() {
    const MINOR: &[Column] = &[col("amount", minor("currency"), ""), col("currency", Kind::Text, "")];
    const NUMBER: &[Column] = &[col("row_number", Kind::Text, "")];
    for columns in [MINOR, NUMBER] {
        assert_eq!(CsvDecoder::try_new(columns, &[], &[0], Settings::default()).unwrap_err().kind(), ErrorKind::Bug);
    }
}

#[test]
fn a_last_line_without_a_line_break_is_a_row_only_where_the_end_is_proven() {
    let decoder = CsvDecoder::try_new(COLUMNS, &[], &all(COLUMNS), Settings::default()).unwrap();
    let end = |text: &[u8], ending| read(&decoder, std::iter::once(text), ending, given());
    let text = b"Payment ID,Holding Currency Amount\npay_1,12.34";
    assert_eq!(shown(&end(text, Ending::Proven).unwrap(), "amount"), ["12.34000000"]);
    assert_eq!(shown(&end(&gzip(text), Ending::Unproven).unwrap(), "amount"), ["12.34000000"]);
    let error = end(text, Ending::Unproven).unwrap_err();
    assert!(error.is_retryable());
    assert_eq!(error.to_string(), "the file is cut short: it ends inside a row (file actions.csv, line 2)");
}

#[test]
fn a_file_that_ends_too_early_is_cut_short_whatever_is_known_of_its_length() {
    for (bytes, inside) in [
        (&b""[..], "its header (file actions.csv, line 1)"),
        (&b"\xef\xbb\xbf"[..], "its header (file actions.csv, line 1)"),
        (&b"Payment ID\na\n\"b\nb"[..], "a value in quotes (file actions.csv, line 3)"),
        (&b"Payment ID\na\nb\xc3"[..], "a character (file actions.csv, line 3)"),
    ] {
        let error = whole(bytes).unwrap_err();
        assert!(error.is_retryable());
        assert_eq!(error.to_string(), format!("the file is cut short: it ends inside {inside}"));
    }
    let packed = gzip(b"Payment ID\na\n");
    for length in 2..packed.len() {
        let error = whole(&packed[..length]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{length} of {} bytes", packed.len());
        assert!(error.to_string().starts_with("the packed file ends too early, or is damaged (file actions.csv)"), "{error}");
    }
    let mut damaged = packed.clone();
    let crc = packed.len() - 8;
    damaged[crc] ^= 1;
    assert_eq!(whole(&damaged).unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn batches_are_full_but_for_the_last_and_rows_are_counted_over_them() {
    let rows = BATCH * 2 + 5;
    let text: String = ["Count\n".to_owned()].into_iter().chain((0..rows).map(|row| format!("{row}\n"))).collect();
    for bytes in [text.clone().into_bytes(), gzip(text.as_bytes())] {
        let batch = whole(bytes).unwrap();
        assert_eq!(batch.num_rows(), rows);
        assert_eq!(shown(&batch, "count").last().unwrap(), &(rows - 1).to_string());
        assert_eq!(shown(&batch, "row_number").last().unwrap(), &rows.to_string());
    }
}

#[test]
fn long_rows_make_short_batches() {
    let decoder = CsvDecoder::try_new(COLUMNS, &[], &all(COLUMNS), Settings::default()).unwrap();
    let row = format!("{}\n", "x".repeat(1 << 16));
    let mut file = decoder.begin(given());
    let mut rows = Vec::new();
    for text in std::iter::once("Payment ID\n").chain(std::iter::repeat_n(row.as_str(), 40)) {
        let mut bytes = text.as_bytes();
        rows.extend(std::iter::from_fn(|| file.push(&mut bytes).unwrap()).map(|batch| batch.num_rows()));
    }
    rows.extend(std::iter::from_fn(|| file.finish(Ending::Unproven).unwrap()).map(|batch| batch.num_rows()));
    assert_eq!(rows, [16, 16, 8]);
}

const TEXTS: &[Column] = &[
    col("a", Kind::Text, ""),
    col("b", Kind::Text, "").at("Bé, \"b\""),
    col("c", Kind::Text, ""),
    col("d", Kind::Text, "").at("D"),
];
/// How those headers are written, by a writer that quotes what must be.
const HEADERS: [&str; 4] = ["a", "Bé, \"b\"", "c", "d"];
const LINE_ENDS: [&str; 3] = ["\n", "\r\n", "\r"];

/// Cells with everything in them that needs care.
fn cell() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec!["a", "7", ",", "\"", "\n", "\r", "\r\n", "é", "😀", " ", "\0", "long enough"]),
        0..5,
    )
    .prop_map(|parts| parts.concat())
}

/// A file of those rows by a writer of its own: `quoting` says which cells are quoted without need.
fn written(rows: &[[String; 4]], line_end: &str, quoting: usize, trailing: bool) -> String {
    let header = HEADERS.map(str::to_owned);
    let mut text = String::new();
    for (number, row) in [&header].into_iter().chain(rows).enumerate() {
        for (index, cell) in row.iter().enumerate() {
            let needs = cell.contains([',', '"', '\n', '\r']);
            let quoted = if needs || (number + index) % 5 == quoting {
                format!("\"{}\"", cell.replace('"', "\"\""))
            } else {
                cell.clone()
            };
            text.push_str(&quoted);
            text.push_str(if index < 3 || trailing { "," } else { "" });
        }
        text.push_str(line_end);
    }
    text
}

/// Cuts bytes at some places.
fn pieces(bytes: &[u8], cuts: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
    places.sort_unstable();
    places.windows(2).map(|pair| bytes[pair[0]..pair[1]].to_vec()).collect()
}

fn cells_of(batch: &RecordBatch) -> Vec<[String; 4]> {
    let columns = ["a", "b", "c", "d"].map(|name| batch.column_by_name(name).unwrap());
    let value =
        |column: &dyn Array, row| if column.is_null(row) { String::new() } else { array_value_to_string(column, row).unwrap() };
    (0..batch.num_rows()).map(|row| columns.map(|column| value(column, row))).collect()
}

fn table() -> impl Strategy<Value = (Vec<[String; 4]>, String)> {
    let rows = prop::collection::vec([cell(), cell(), cell(), cell()], 0..8);
    (rows, prop::sample::select(LINE_ENDS.to_vec()), 0..6_usize, any::<bool>())
        .prop_map(|(rows, line_end, quoting, trailing)| (rows.clone(), written(&rows, line_end, quoting, trailing)))
}

proptest! {
    #[test]
    fn a_table_comes_back_cell_for_cell_however_it_comes_in(
        (rows, text) in table(), packing in 0..3_usize, split: prop::sample::Index,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)
    ) {
        let (first, second) = text.as_bytes().split_at(split.index(text.len()));
        let bytes = match packing {
            0 => text.clone().into_bytes(),
            1 => gzip(text.as_bytes()),
            _ => [gzip(first), gzip(second)].concat(),
        };
        let decoder = CsvDecoder::try_new(TEXTS, &[], &all(TEXTS), Settings::default()).unwrap();
        let pieces = pieces(&bytes, &cuts);
        let batch = read(&decoder, pieces.iter().map(Vec::as_slice), Ending::Unproven, given()).unwrap();
        prop_assert_eq!(cells_of(&batch), rows);
        let by_byte = read(&decoder, bytes.chunks(1), Ending::Unproven, given()).unwrap();
        prop_assert_eq!(by_byte, batch);
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error_or_has_whole_rows_only((rows, text) in table(), cut: prop::sample::Index) {
        let bytes = &text.as_bytes()[..cut.index(text.len() + 1)];
        let decoder = CsvDecoder::try_new(TEXTS, &[], &all(TEXTS), Settings::default()).unwrap();
        match read(&decoder, std::iter::once(bytes), Ending::Unproven, given()) {
            Ok(batch) => prop_assert!(rows.starts_with(&cells_of(&batch)), "{text:?} cut behind {bytes:?}"),
            Err(error) => prop_assert!(error.is_retryable(), "{error}"),
        }
    }

    #[test]
    fn no_bytes_are_a_crash_and_pieces_change_nothing(
        text in "(a|b|\"|,|\n|\r|\u{1f}|é){0,60}", broken in any::<Option<(prop::sample::Index, u8)>>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)
    ) {
        let mut bytes = format!("a,b\n{text}").into_bytes();
        if let Some((at, byte)) = broken {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let decoder = CsvDecoder::try_new(TEXTS, &[], &all(TEXTS), Settings::default()).unwrap();
        let at_once = read(&decoder, std::iter::once(bytes.as_slice()), Ending::Proven, given());
        let pieces = pieces(&bytes, &cuts);
        let in_pieces = read(&decoder, pieces.iter().map(Vec::as_slice), Ending::Proven, given());
        let said = |read: Result<RecordBatch>| read.map_err(|error| (error.kind(), error.message().to_owned(), error.context("line").map(str::to_owned)));
        prop_assert_eq!(said(in_pieces), said(at_once));
    }
}
