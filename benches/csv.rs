//! A report file to record batches: our decoder against arrow-csv on the same hundred thousand financial actions.
//!
//! The file is generated, with the 36 columns of a Financial Actions report. Both read decimals exactly and times to
//! microseconds, in batches of the same size; every subject checks its answer, the row count and the sum of amounts.

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::sum;
use arrow::csv::ReaderBuilder;
use arrow::datatypes::{DataType, Decimal128Type, Field, Schema, TimeUnit};
use ckosql::schema::csv::{CsvDecoder, Ending, FileGiven};
use ckosql::schema::decode::Settings;
use ckosql::schema::{Column, Kind, col};
use criterion::{Criterion, Throughput};
use flate2::Compression;
use flate2::write::GzEncoder;

const ROWS: usize = 100_000;
const BATCH: usize = 8192;
/// As many bytes as a download gives at once.
const CHUNK: usize = 64 * 1024;
const HEADER: &str = "Client Entity ID,Client Entity Name,Sub Entity ID,Sub Entity Name,Processing Channel ID,\
    Merchant Category Code,Currency Account ID,Currency Account Name,Currency Account Custom ID,Action Type,Action ID,\
    Payment ID,Requested On,Processed On,Processing Currency,FX Rate Applied,Holding Currency,FX Trade ID,Payout ID,\
    Reference,Payment Method,Card Type,Card Category,Issuer Country,Entity Country,Region,MID,Response Code,\
    Response Description,Breakdown Type,Processing Currency Amount,Holding Currency Amount,Entity Country Tax Currency,\
    Tax Fx Rate,Tax Currency Amount,Fee Detail";
const AMOUNT: &str = "Holding Currency Amount";

pub(super) fn files(c: &mut Criterion) {
    let file = file();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(file.as_bytes()).expect("memory takes it");
    let packed = gzip.finish().expect("memory takes it");
    let mut group = c.benchmark_group("csv");
    group.throughput(Throughput::Bytes(u64::try_from(file.len()).expect("a file is small")));
    group.sample_size(20);

    let columns = columns();
    let amount = columns.iter().position(|column| column.path == AMOUNT).expect("it is a column");
    let declared: Vec<usize> = (0..columns.len()).collect();
    let with_raw: Vec<usize> = (0..columns.len() + 3).collect();
    for (name, projection, bytes) in [
        ("financial_actions", declared.as_slice(), file.as_bytes()),
        ("financial_actions, gzip", declared.as_slice(), packed.as_slice()),
        ("financial_actions, 1 column", [amount].as_slice(), file.as_bytes()),
        ("financial_actions with _raw", with_raw.as_slice(), file.as_bytes()),
    ] {
        let decoder = CsvDecoder::try_new(columns, &[], projection, Settings::default()).expect("the declaration is consistent");
        group.bench_function(format!("{name}/{ROWS}"), |b| b.iter(|| check(&decode(&decoder, black_box(bytes)), "amount")));
    }

    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    group.bench_function(format!("financial_actions by arrow-csv/{ROWS}"), |b| {
        b.iter(|| {
            let builder = ReaderBuilder::new(Arc::clone(&schema)).with_header(true).with_batch_size(BATCH);
            let reader = builder.build_buffered(black_box(file.as_bytes())).expect("a reader");
            let batches: Vec<RecordBatch> = reader.map(|batch| batch.expect("the rows decode")).collect();
            check(&batches, "amount");
        });
    });
    group.finish();
}

fn decode(decoder: &CsvDecoder, bytes: &[u8]) -> Vec<RecordBatch> {
    let mut file = decoder.begin(FileGiven::default());
    let mut batches = Vec::new();
    for mut chunk in bytes.chunks(CHUNK) {
        while let Some(batch) = file.push(&mut chunk).expect("the rows decode") {
            batches.push(batch);
        }
    }
    while let Some(batch) = file.finish(Ending::Unproven).expect("the rows decode") {
        batches.push(batch);
    }
    batches
}

fn check(batches: &[RecordBatch], amount: &str) {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let sums = batches.iter().filter_map(|batch| sum(batch.column_by_name(amount)?.as_primitive::<Decimal128Type>()));
    assert_eq!((rows, sums.sum::<i128>()), (ROWS, (0..ROWS).map(|row| -mantissa(row)).sum()));
}

/// The columns by their headers; the amount that adds up is called so.
fn columns() -> &'static [Column] {
    let column = |header: &'static str| {
        let kind = match header {
            "Requested On" | "Processed On" => Kind::LocalTime,
            _ if header.ends_with("Amount") || header.contains("Rate") => Kind::Decimal,
            _ => Kind::Text,
        };
        col(if header == AMOUNT { "amount" } else { header }, kind, "").at(header)
    };
    Box::leak(HEADER.split(',').map(column).collect())
}

fn field(column: &Column) -> Field {
    let data_type = match column.kind {
        Kind::LocalTime => DataType::Timestamp(TimeUnit::Microsecond, None),
        Kind::Decimal => DataType::Decimal128(38, 8),
        _ => DataType::Utf8,
    };
    Field::new(column.name, data_type, true)
}

fn mantissa(row: usize) -> i128 {
    i128::try_from(1_349_386 + row * 7919 % 900_000_000).expect("it is small")
}

/// Rows of about 430 bytes, some with a reference in quotes.
fn file() -> String {
    let mut text = format!("{HEADER}\r\n");
    for row in 0..ROWS {
        let (amount, second) = (mantissa(row), row % 60);
        let (whole, decimals) = (amount / 100_000_000, amount % 100_000_000);
        let reference = if row % 10 == 0 { format!("\"ORD-{row}, part 2\"") } else { format!("ORD-{row}") };
        write!(
            text,
            "ent_w4jelhppmfiufdnatam37wrfc4,Example Shop Ltd,,,pc_vxt6yftthv4e5flqak6w2i7rim,5732,\
             ca_y3oqax6lqcqu5g2xhsv4ytsa3y,Example Shop - USD,,Capture,act_i3cd3w3lcooexmyrtl{row:08},\
             pay_mbabizu24mvu3mela5{row:08},2026-07-09T18:07:{second:02}.844,2026-07-09T18:08:{second:02}.120,EUR,0.990104,USD,,\
             00000003K599,{reference},VISA,Credit,Consumer,GB,GB,EEA,526567788999,10000,Approved,Interchange Variable Fee,\
             -{whole}.{decimals:08},-{whole}.{decimals:08},GBP,0.858412,-0.00012345,\r\n"
        )
        .expect("a string takes it");
    }
    text
}
