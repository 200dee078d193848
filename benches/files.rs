//! A report file to Parquet: `ckosql --reports` against polars and duckdb, on the same million financial actions.
//!
//! All three read decimals exactly and times to microseconds and write zstd; each runs as a process of its own, twice, and
//! the better run counts. Every answer is checked: rows, and the sum of amounts. Rivals that are not installed
//! (`pip install polars duckdb`) are left out. Peak memory is read from `/proc`.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a program that measures")]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use arrow::array::AsArray;
use arrow::compute::sum;
use arrow::datatypes::Decimal128Type;
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

const ROWS: i64 = 1_000_000;
const NAME: &str = "financial-actions_ent_5jczxwqxq5w7jkael5rtxikewe_20260601_20260701_1.csv";
const HEADER: &str = "Client Entity ID,Client Entity Name,Sub Entity ID,Sub Entity Name,Processing Channel ID,\
    Merchant Category Code,Currency Account ID,Currency Account Name,Currency Account Custom ID,Action Type,Action ID,\
    Payment ID,Requested On,Processed On,Processing Currency,FX Rate Applied,Holding Currency,FX Trade ID,Payout ID,\
    Reference,Payment Method,Card Type,Card Category,Issuer Country,Entity Country,Region,MID,Response Code,\
    Response Description,Breakdown Type,Processing Currency Amount,Holding Currency Amount,Entity Country Tax Currency,\
    Tax Fx Rate,Tax Currency Amount,Fee Detail";
const COLUMNS: &str = "entity_id, entity_name, sub_entity_id, sub_entity_name, processing_channel_id, merchant_category_code, \
    currency_account_id, currency_account_name, currency_account_custom_id, action_type, action_id, payment_id, \
    requested_on_local, processed_on_local, processing_currency, fx_rate_applied, holding_currency, fx_trade_id, payout_id, \
    reference, payment_method, card_type, card_category, issuer_country, entity_country, region, mid, response_code, \
    response_description, breakdown_type, processing_currency_amount, holding_currency_amount, entity_country_tax_currency, \
    tax_fx_rate, tax_currency_amount, fee_detail";
/// Place of the holding currency amount among the columns.
const AMOUNT: usize = 31;
const BREAKDOWN: [&str; 5] =
    ["Capture", "Interchange Variable Fee", "Scheme Variable Fee", "Gateway Fixed Fee", "Scheme Fixed Fee"];

const POLARS: &str = "
import polars as pl, sys
names = open(sys.argv[1]).readline().strip().split(',')
exact = ['FX Rate Applied', 'Processing Currency Amount', 'Holding Currency Amount', 'Tax Fx Rate', 'Tax Currency Amount']
times = ['Requested On', 'Processed On']
kind = lambda name: pl.Decimal(38, 8) if name in exact else pl.Datetime('us') if name in times else pl.String
pl.scan_csv(sys.argv[1], schema={name: kind(name) for name in names}).sink_parquet(sys.argv[2], compression='zstd')
";
const DUCKDB: &str = "
import duckdb, sys
names = open(sys.argv[1]).readline().strip().split(',')
exact = ['FX Rate Applied', 'Processing Currency Amount', 'Holding Currency Amount', 'Tax Fx Rate', 'Tax Currency Amount']
times = ['Requested On', 'Processed On']
kind = lambda name: 'DECIMAL(38,8)' if name in exact else 'TIMESTAMP' if name in times else 'VARCHAR'
columns = '{' + ','.join(f\"'{name}':'{kind(name)}'\" for name in names) + '}'
read = f\"read_csv('{sys.argv[1]}', header=true, columns={columns})\"
duckdb.sql(f\"copy (select * from {read}) to '{sys.argv[2]}' (format parquet, compression zstd)\")
";

fn main() {
    let folder = tempfile::tempdir().expect("there is room for files");
    let (plain, packed) = (folder.path().join("plain"), folder.path().join("packed"));
    fs::create_dir(&plain).expect("a folder can be made");
    fs::create_dir(&packed).expect("a folder can be made");
    let text = text();
    let file = plain.join(NAME);
    fs::write(&file, &text).expect("there is room for files");
    let gzip = File::create(packed.join(format!("{NAME}.gz"))).expect("there is room for files");
    let mut gzip = GzEncoder::new(gzip, Compression::fast());
    std::io::Write::write_all(&mut gzip, text.as_bytes()).expect("there is room for files");
    gzip.finish().expect("there is room for files");
    println!("{ROWS} rows, 36 columns, {} MB, to Parquet (zstd)", text.len() / 1_000_000);
    drop(text);

    let out = folder.path().join("out.parquet");
    let ours = |folder: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ckosql"));
        command.arg("--quiet").arg("--reports").arg(folder).arg("query");
        command.arg(format!("select {COLUMNS} from financial_actions")).arg("-o").arg(&out);
        command
    };
    let rival = |program: &str| {
        let mut command = Command::new("python3");
        command.arg("-c").arg(program).arg(&file).arg(&out);
        command
    };
    let own = measure("ckosql", &out, || ours(&plain)).expect("ckosql runs");
    measure("ckosql, gzip", &out, || ours(&packed)).expect("ckosql runs");
    for (name, program) in [("polars", POLARS), ("duckdb", DUCKDB)] {
        match measure(name, &out, || rival(program)) {
            Some(took) => println!("  {name} takes {:.2} times as long as ckosql", took.div_duration_f64(own)),
            None => println!("  {name} is not installed"),
        }
    }
}

/// The better of two runs; `None` when it does not run.
fn measure(name: &str, out: &Path, command: impl Fn() -> Command) -> Option<Duration> {
    let mut best: Option<(Duration, u64)> = None;
    for _ in 0..2 {
        let begun = Instant::now();
        let child = command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let peak = peak_memory(child)?;
        let took = begun.elapsed();
        check(out);
        if best.is_none_or(|(other, _)| took < other) {
            best = Some((took, peak));
        }
    }
    let (took, peak) = best?;
    println!("{name:>14}  {:>6.2} s  {peak:>5} MiB", took.as_secs_f64());
    Some(took)
}

/// Waits for a process; its peak memory in MiB, or `None` when it fails.
fn peak_memory(mut child: Child) -> Option<u64> {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(peak);
        match child.try_wait().expect("a child can be waited for") {
            Some(status) => return status.success().then_some(peak / 1024),
            None => sleep(Duration::from_millis(5)),
        }
    }
}

/// Checks that a Parquet file has all rows and every cent.
fn check(out: &Path) {
    let file = File::open(out).expect("the answer is there");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("the answer is Parquet");
    let amounts = ProjectionMask::leaves(reader.parquet_schema(), [AMOUNT]);
    let (mut rows, mut total) = (0, 0);
    for batch in reader.with_projection(amounts).build().expect("the answer is Parquet") {
        let batch = batch.expect("the answer is Parquet");
        rows += batch.num_rows();
        total += sum(batch.column(0).as_primitive::<Decimal128Type>()).expect("amounts are there");
    }
    let expected: i128 = (0..ROWS).map(|row| i128::from(amount(row))).sum();
    assert_eq!((i64::try_from(rows), total), (Ok(ROWS), expected), "the answer is another");
    fs::remove_file(out).expect("the answer can be removed");
}

/// The amount of a row, in hundred-millionths.
fn amount(row: i64) -> i64 {
    let gross = 100_000_000 + (row / 5).wrapping_mul(7_919_777) % 90_000_000_000;
    match row % 5 {
        0 => gross / 1_000_000 * 1_000_000,
        fee => -(gross / 10_000 * (fee * 37 + row % 89)),
    }
}

fn text() -> String {
    let mut text = format!("{HEADER}\r\n");
    for row in 0..ROWS {
        let (payment, amount) = (row / 5, amount(row));
        let (sign, size) = (if amount < 0 { "-" } else { "" }, amount.unsigned_abs());
        let amount = format!("{sign}{}.{:08}", size / 100_000_000, size % 100_000_000);
        let id =
            format!("{:026x}", u128::from(payment.unsigned_abs()).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c) & ((1 << 104) - 1));
        let at =
            format!("2026-06-{:02}T{:02}:{:02}:{:02}.{:03}", payment % 28 + 1, row % 24, payment % 60, row % 60, payment % 1000);
        let breakdown = BREAKDOWN.get(usize::try_from(row % 5).expect("it is small")).expect("there are five");
        let detail = if breakdown.starts_with("Scheme") { "Visa base fee" } else { "" };
        write!(
            text,
            "ent_5jczxwqxq5w7jkael5rtxikewe,Sample Shop Europe,,,pc_5jczxwqxq5w7jkael5rtxikewe,5311,\
             ca_5jczxwqxq5w7jkael5rtxikewe,EUR account,,Capture,act_{id},pay_{id},{at},{at},EUR,1,EUR,,0000{:05}G0P,\
             ORD-{payment:08},VISA,Credit,Consumer,DE,GB,EEA,1234567,10000,Approved,{breakdown},{amount},{amount},,,,{detail}\r\n",
            payment % 99_999
        )
        .expect("text takes text");
    }
    text
}
