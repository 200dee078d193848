//! Assignment over a million rows: keys of two columns, unique within days, then unique without, and a hot key. Every run
//! checks its answer, which is known from how the rows are made.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    reason = "a bench"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, Decimal128Array, StringArray};
use ckosql::matching::assign::{Keys, Side, Standing, bucket, unique, unique_in_window};
use criterion::{Criterion, criterion_group};

const LEFT: u64 = 1_000_000;
const HOT: usize = 200_000;
const CURRENCIES: [&str; 4] = ["EUR", "GBP", "USD", "JPY"];
/// Prices that many pay.
const USUAL: [i128; 4] = [999, 1_999, 4_999, 9_999];

/// Rows of a side: amount, currency, reference, day, and which payment each is of.
struct Rows {
    amount: ArrayRef,
    currency: ArrayRef,
    reference: ArrayRef,
    days: Vec<i32>,
    of: Vec<u64>,
}

const fn dice(seed: u64, number: u64) -> u64 {
    let word = (number ^ seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 31)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 29)
}

/// A fifth pays one of four usual prices; of fifty payments one never comes to the bank, the others some days later, in
/// another order, and half of them without a reference.
fn side(is_bank: bool) -> Rows {
    let mut payments: Vec<u64> = (0..LEFT).filter(|payment| !is_bank || payment % 50 != 0).collect();
    if is_bank {
        payments.sort_by_key(|payment| dice(7, *payment));
    }
    let amount = |payment: u64| match dice(1, payment) {
        usual if usual % 5 == 0 => USUAL[(usual / 5 % 4) as usize],
        other => i128::from(other % 5_000_000 + 100),
    };
    let mut days: Vec<i32> = payments.iter().map(|payment| 20_000 + (dice(2, *payment) % 90) as i32).collect();
    if is_bank {
        days.iter_mut().zip(&payments).for_each(|(day, payment)| *day += (dice(3, *payment) % 4) as i32);
    }
    let reference = |payment: u64| (!is_bank || payment.is_multiple_of(2)).then(|| format!("ORD-{:012}", dice(4, payment) >> 20));
    let scaled = payments.iter().map(|payment| amount(*payment) * 1_000_000);
    Rows {
        amount: Arc::new(scaled.collect::<Decimal128Array>().with_precision_and_scale(38, 8).unwrap()),
        currency: Arc::new(
            payments.iter().map(|payment| Some(CURRENCIES[(dice(5, *payment) % 4) as usize])).collect::<StringArray>(),
        ),
        reference: Arc::new(payments.iter().map(|payment| reference(*payment)).collect::<StringArray>()),
        days,
        of: payments,
    }
}

impl Rows {
    fn money(&self) -> [ArrayRef; 2] {
        [Arc::clone(&self.amount), Arc::clone(&self.currency)]
    }

    fn named(&self) -> [ArrayRef; 2] {
        [Arc::clone(&self.reference), Arc::clone(&self.currency)]
    }
}

/// By reference first, then by amount within days; gives how many pairs each made.
fn two_tiers(left: &Rows, right: &Rows) -> [usize; 2] {
    let first = unique(&Keys::intern(&left.named(), &right.named()).unwrap());
    let is_left = |standings: &[Standing]| -> Vec<bool> {
        standings.iter().map(|standing| !matches!(standing, Standing::Matched { .. })).collect()
    };
    let keys = Keys::intern(&left.money(), &right.money()).unwrap();
    let keys = keys.only(&is_left(&first.left), &is_left(&first.right));
    let second = unique_in_window(&keys, &left.days, &right.days, 0..=3).unwrap();
    // A pair by reference is right; one by amount and day is right where the true counterpart came, for it is a candidate.
    for pair in &first.pairs {
        assert_eq!(left.of[pair.left as usize], right.of[pair.right as usize]);
    }
    for pair in &second.pairs {
        let payment = left.of[pair.left as usize];
        assert!(payment == right.of[pair.right as usize] || payment.is_multiple_of(50));
    }
    [first.pairs.len(), second.pairs.len()]
}

fn hot(keys: &Keys, days: &[i32]) {
    let found = unique_in_window(keys, days, days, 0..=3).unwrap();
    assert!(found.pairs.is_empty());
    assert_eq!(found.left[0], Standing::Ambiguous { candidates: HOT as u32 });
    assert!(unique(keys).pairs.is_empty());
    let amounts = vec![Some(999); HOT];
    let grouped = bucket(keys, &amounts, &amounts).unwrap();
    assert_eq!((grouped.groups.len(), grouped.groups[0].right.len()), (1, HOT));
}

fn matching(criterion: &mut Criterion) {
    let (left, right) = (side(false), side(true));
    let start = Instant::now();
    let answer = two_tiers(&left, &right);
    println!("{} x {} rows: {answer:?} pairs in {:?}", left.days.len(), right.days.len(), start.elapsed());
    let mut group = criterion.benchmark_group("matching");
    group.sample_size(10);
    group.bench_function("keys/1M", |bench| bench.iter(|| black_box(Keys::intern(&left.money(), &right.money()).unwrap())));
    group.bench_function("keys of texts/1M", |bench| {
        bench.iter(|| black_box(Keys::intern(&left.named(), &right.named()).unwrap()));
    });
    let keys = Keys::intern(&left.money(), &right.money()).unwrap();
    group.bench_function("unique/1M", |bench| bench.iter(|| black_box(unique(&keys))));
    group.bench_function("window/1M", |bench| {
        bench.iter(|| black_box(unique_in_window(&keys, &left.days, &right.days, 0..=3).unwrap()));
    });
    group.bench_function("two tiers/1M", |bench| bench.iter(|| assert_eq!(two_tiers(&left, &right), answer)));
    let same: [ArrayRef; 1] = [Arc::new(StringArray::from(vec!["999 EUR"; HOT]))];
    let days = vec![20_000; HOT];
    group.bench_function("hot key/200k", |bench| {
        bench.iter(|| {
            let keys = Keys::intern(&same, &same).unwrap();
            assert_eq!(keys.rows(Side::Left), HOT);
            hot(&keys, &days);
        });
    });
    group.finish();
}

criterion_group!(benches, matching);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
}
