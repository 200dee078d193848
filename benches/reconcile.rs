//! Rules over Parquet files of a million rows and more, as a user runs them: two tiers, by reference and by amount within days.
//!
//! ```text
//! cargo bench --bench reconcile -- write DIR ROWS     the files, and the truth in their ids
//! cargo bench --bench reconcile -- run DIR            runs the rules, checks every pair, prints seconds and counts
//! ```
//!
//! `benches/reconcile.py` runs it next to `DuckDB`, `polars` and plain SQL over the same files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    reason = "a bench"
)]

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, Date32Array, Decimal128Array, RecordBatch, StringArray};
use ckosql::matching::conventions::Conventions;
use ckosql::matching::rule::Rule;
use ckosql::matching::run::run;
use ckosql::matching::test::session;
use datafusion::prelude::ParquetReadOptions;
use parquet::arrow::ArrowWriter;

const CURRENCIES: [&str; 4] = ["EUR", "GBP", "USD", "JPY"];
/// Prices that many pay.
const USUAL: [i128; 4] = [999, 1_999, 4_999, 9_999];
/// Rows of a batch.
const BATCH: u64 = 65_536;

const RULES: [&str; 2] = [
    "--- rule: bank.reference  flow: bank  priority: 1\n--- left: payments(id)  right: bank_lines(id)\n\
     --- amount: left.amount = right.amount\n\
     select p.id as left_id, b.id as right_id, 'the same reference' as why\n\
     from payments p join bank_lines b on p.reference = b.reference and p.currency = b.currency",
    "--- rule: bank.amount  flow: bank  priority: 2\n--- left: payments(id)  right: bank_lines(id)\n\
     --- amount: left.amount = right.amount\n--- window: right.day in [left.day .. +3 days]\n\
     select p.id as left_id, b.id as right_id, 'the only one of its amount' as why\n\
     from payments p join bank_lines b on p.amount = b.amount and p.currency = b.currency",
];

const fn dice(seed: u64, number: u64) -> u64 {
    let word = (number ^ seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 31)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 29)
}

/// A fifth pays one of four usual prices; of fifty payments one never comes to the bank, the others some days later, in
/// another order, and half of them without a reference. The number in an id tells which payment a row is of.
fn batch(payments: &[u64], is_bank: bool) -> RecordBatch {
    let amount = |payment: u64| match dice(1, payment) {
        usual if usual % 5 == 0 => USUAL[(usual / 5 % 4) as usize],
        other => i128::from(other % 5_000_000 + 100),
    };
    let day = |payment: u64| {
        let late = if is_bank { (dice(3, payment) % 4) as i32 } else { 0 };
        20_000 + (dice(2, payment) % 90) as i32 + late
    };
    let reference = |payment: u64| (!is_bank || payment.is_multiple_of(2)).then(|| format!("ORD-{:012}", dice(4, payment) >> 20));
    let prefix = if is_bank { "line" } else { "pay" };
    let texts = |of: &dyn Fn(u64) -> Option<String>| -> ArrayRef {
        Arc::new(payments.iter().map(|payment| of(*payment)).collect::<StringArray>())
    };
    let amounts = payments.iter().map(|payment| amount(*payment) * 1_000_000);
    RecordBatch::try_from_iter_with_nullable([
        ("id", texts(&|payment| Some(format!("{prefix}_{payment:09}"))), true),
        ("reference", texts(&reference), true),
        ("currency", texts(&|payment| Some(CURRENCIES[(dice(5, payment) % 4) as usize].to_owned())), true),
        ("amount", Arc::new(amounts.collect::<Decimal128Array>().with_precision_and_scale(38, 8).unwrap()) as ArrayRef, true),
        ("day", Arc::new(payments.iter().map(|payment| Some(day(*payment))).collect::<Date32Array>()) as ArrayRef, true),
    ])
    .unwrap()
}

fn write(folder: &Path, rows: u64) {
    for (name, is_bank) in [("payments", false), ("bank_lines", true)] {
        let mut payments: Vec<u64> = (0..rows).filter(|payment| !is_bank || payment % 50 != 0).collect();
        payments.sort_by_key(|payment| dice(if is_bank { 7 } else { 8 }, *payment));
        let file = File::create(folder.join(format!("{name}.parquet"))).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch(&[], is_bank).schema(), None).unwrap();
        payments.chunks(BATCH as usize).for_each(|chunk| writer.write(&batch(chunk, is_bank)).unwrap());
        writer.close().unwrap();
    }
}

async fn reconcile(folder: &Path) {
    let conventions = Arc::new(Conventions::default());
    let context = session(&conventions);
    context.sql("set datafusion.execution.target_partitions = 2").await.unwrap();
    for name in ["payments", "bank_lines"] {
        let path = folder.join(format!("{name}.parquet"));
        context.register_parquet(name, path.to_str().unwrap(), ParquetReadOptions::default()).await.unwrap();
    }
    let rules: Vec<Rule> = RULES.iter().map(|rule| Rule::parse(rule, "bench").unwrap()).collect();
    let start = Instant::now();
    let outcome = run(&rules, &context, &conventions, 0).await.unwrap();
    let seconds = start.elapsed().as_secs_f64();
    let step = &outcome.steps[0];
    let number = |id: &str| id.rsplit_once('_').unwrap().1.parse::<u64>().unwrap();
    let (mut right, mut wrong) = ([0, 0], 0);
    for found in &step.matches {
        let [left, line] = step.ids(found).unwrap();
        let is_right = number(left[0]) == number(line[0]);
        // One by amount and day is wrong only where the true counterpart never came.
        assert!(is_right || (found.rule == 1 && number(left[0]).is_multiple_of(50)), "{left:?} {line:?}");
        right[found.rule] += u32::from(is_right);
        wrong += u32::from(!is_right);
    }
    println!(
        "{{\"seconds\": {seconds:.3}, \"by_reference\": {}, \"by_amount\": {}, \"of_payments_that_never_came\": {wrong}, \
         \"exceptions\": {}}}",
        right[0],
        right[1],
        step.exceptions.len()
    );
}

fn main() {
    // Cargo adds an argument of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["write", folder, rows] => write(Path::new(folder), rows.parse().expect("a number of rows")),
        ["run", folder] => {
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap()
                .block_on(reconcile(Path::new(folder)));
        }
        _ => println!("write DIR ROWS, or run DIR"),
    }
}
