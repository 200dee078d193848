use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::sandbox::MerchantOptions;
use crate::sandbox::currency::{ACCOUNTS, Currency};
use crate::sandbox::payment::PaymentKind;
use crate::sandbox::settlement::Settlement;

fn merchant(seed: u64, payments: u64, days: u32) -> Merchant {
    Merchant::new(MerchantOptions { seed, payments, days, ..MerchantOptions::default() })
}

/// The rows of a CSV file without its header.
fn rows(text: &str) -> Vec<Vec<String>> {
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn the_same_merchant_has_the_same_books() {
    let files = OtherSide::of(&merchant(3, 2_000, 90));
    assert_eq!(files, OtherSide::of(&merchant(3, 2_000, 90)));
    assert_ne!(files, OtherSide::of(&merchant(4, 2_000, 90)));
}

#[test]
fn every_reason_is_planted_a_few_times() {
    let books = OtherSide::of(&merchant(1, 10_000, 182));
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows(books.file("truth.csv").unwrap()) {
        *reasons.entry(format!("{} {} {} {}", row[0], row[4], row[5], row[1])).or_default() += 1;
    }
    let told: String = reasons.iter().map(|(reason, rows)| format!("{reason} {rows}\n")).collect();
    insta::assert_snapshot!(told, @"
    actions_to_payout exception UNALLOCATED_TO_PAYOUT left 4
    balance_rollforward exception RESERVE_HELD left 3997
    balance_rollforward exception RESERVE_HELD right 3
    fee_audit exception FEE_PENDING left 4
    order_to_payment exception AMBIGUOUS_KEY left 2
    order_to_payment exception AMBIGUOUS_KEY right 1
    order_to_payment exception AMBIGUOUS_WINDOW left 2
    order_to_payment exception AMBIGUOUS_WINDOW right 1
    order_to_payment exception CURRENCY_MISMATCH left 1
    order_to_payment exception CURRENCY_MISMATCH right 1
    order_to_payment exception DATE_OUT_OF_WINDOW left 1
    order_to_payment exception DATE_OUT_OF_WINDOW right 1
    order_to_payment exception DUPLICATE_LEFT left 2
    order_to_payment exception DUPLICATE_LEFT right 1
    order_to_payment exception NO_COUNTERPART_LEFT left 1
    order_to_payment exception NO_COUNTERPART_RIGHT right 2
    order_to_payment exception OVER_PAID left 1
    order_to_payment exception OVER_PAID right 1
    order_to_payment exception SHORT_PAID left 2
    order_to_payment exception SHORT_PAID right 2
    payment_to_actions exception NOT_DUE_YET left 147
    payout_to_bank exception AMBIGUOUS_WINDOW left 1
    payout_to_bank exception AMBIGUOUS_WINDOW right 2
    payout_to_bank exception AMOUNT_MISMATCH left 2
    payout_to_bank exception AMOUNT_MISMATCH right 2
    payout_to_bank exception CURRENCY_MISMATCH left 1
    payout_to_bank exception CURRENCY_MISMATCH right 1
    payout_to_bank exception DATE_OUT_OF_WINDOW left 1
    payout_to_bank exception DATE_OUT_OF_WINDOW right 1
    payout_to_bank exception DUPLICATE_RIGHT right 4
    payout_to_bank exception NOT_DUE_YET left 1
    payout_to_bank exception NO_COUNTERPART_RIGHT right 2
    payout_to_bank exception OVERDUE left 2
    payout_to_bank exception OVER_PAID left 2
    payout_to_bank exception REFERENCE_CONFLICT left 1
    payout_to_bank exception REFERENCE_CONFLICT right 1
    payout_to_bank exception SHORT_PAID left 1
    payout_to_bank exception SHORT_PAID right 1
    payout_to_bank exception SIGN_CONFLICT left 1
    payout_to_bank exception SIGN_CONFLICT right 1
    payout_to_bank exception SOURCE_INCOMPLETE left 1
    payout_to_bank out_of_scope CARRIED_FORWARD left 90
    payout_to_bank out_of_scope SETTLEMENT_RETURNED left 21
    payout_to_bank out_of_scope SETTLEMENT_RETURNED right 42
    ");
}

#[test]
fn every_payment_that_was_captured_is_told_of_once() {
    let merchant = merchant(2, 5_000, 120);
    let books = OtherSide::of(&merchant);
    let told = |table: &str, side: usize| -> Vec<String> {
        let left = rows(books.file("truth.csv").unwrap())
            .into_iter()
            .filter(|row| row[2] == table && row[5] != "CARRIED_FORWARD")
            .map(|row| row[3].clone());
        let flow = if table == "payments" { truth::ORDERS } else { "payout_to_bank" };
        let together = rows(books.file("truth_matches.csv").unwrap()).into_iter().filter(|row| row[0] == flow);
        let ids = together.flat_map(|row| row[side].split(' ').map(str::to_owned).collect::<Vec<_>>());
        left.chain(ids).collect()
    };
    let payments = merchant.all_payments().filter(|payment| payment.kind == PaymentKind::Sale);
    let kept = payments.filter(|payment| payment.totals.captured > payment.totals.refunded);
    let expected: BTreeSet<String> = kept.map(|payment| merchant.payment_id(payment.index)).collect();
    let found = told("payments", 2);
    assert_eq!((found.len(), found.into_iter().collect::<BTreeSet<_>>()), (expected.len(), expected));

    let mut expected = BTreeSet::new();
    for (account, day) in (0..ACCOUNTS.len()).flat_map(|account| (0..merchant.days() - 1).map(move |day| (account, day))) {
        let settlement = Settlement::of(&merchant, account, day).unwrap();
        if settlement.payout(&merchant).unwrap().amount > 0 {
            expected.insert(settlement.id(&merchant));
        }
    }
    let found = told("settlements", 1);
    assert_eq!((found.len(), found.into_iter().collect::<BTreeSet<_>>()), (expected.len(), expected));
}

#[test]
fn running_balances_are_those_of_the_lines() {
    let books = OtherSide::of(&merchant(1, 5_000, 120));
    for currency in ["usd", "aed", "jpy"] {
        let rows = rows(books.file(&format!("bank_world/{currency}.csv")).unwrap());
        let currency = Currency::find(&currency.to_uppercase()).unwrap();
        let minor = |text: &str| text.replace('.', "").parse::<i64>().unwrap();
        let mut before: Option<&Vec<String>> = None;
        for row in &rows {
            if let Some(before) = before.filter(|before| *before != row) {
                assert_eq!(minor(&before[5]) + minor(&row[4]), minor(&row[5]), "{} {row:?}", currency.code);
            }
            before = Some(row);
        }
        assert!(rows.len() > 100);
    }
}

#[test]
fn a_small_merchant_has_books_too() {
    for (payments, days) in [(0, 1), (10, 3), (300, 20)] {
        let books = OtherSide::of(&merchant(1, payments, days));
        assert!(books.file("orders.csv").is_some() && books.file("truth.csv").is_some());
    }
}
