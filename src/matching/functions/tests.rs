//! References in texts, and amounts of any scale.

use proptest::prelude::*;

use super::amount::Amount;
use super::extract::{Kind, extract};
use super::norm::{alike, norm};

const PAYMENT: &str = "pay_mbabizu24mvu3mela5njyxpit4";

#[test]
fn case_38_a_mangled_payout_id_is_read_and_an_o_is_no_nought() {
    for text in
        ["CKO 000G7H DD96SH", "cko 000g7hdd96sh eur", "CKO000G7H\r\nDD96SH", "/ROC/CKO-000G7HDD96SH//", "ＣＫＯ　０００G7HDD96SH"]
    {
        assert_eq!(extract(text, Kind::Payout), ["000G7HDD96SH"], "{text}");
    }
    let mistaken = extract("CKO OOOG7HDD96SH", Kind::Payout);
    assert_eq!(mistaken, ["OOOG7HDD96SH"]);
    assert_eq!(alike(&mistaken[0]), alike("000G7HDD96SH"));
}

#[test]
fn case_34_two_payout_ids_are_two() {
    let text = "CKO 00000003K599 00000003K5AA ref 00000003K599";
    assert_eq!(extract(text, Kind::Payout), ["00000003K599", "00000003K5AA"]);
}

#[test]
fn what_only_looks_like_a_payout_id_is_none() {
    for text in [
        "",
        "INVOICE 12345",
        "000000123456",
        "PAYMENT12345",
        "0800 123 45678 A",
        "000G7H-DD96SH",
        "X000G7HDD96SH",
        "OOOOOOOOOOOO",
    ] {
        assert_eq!(extract(text, Kind::Payout), [""; 0], "{text}");
    }
    assert_eq!(extract("CKO 000000123456", Kind::Payout), ["000000123456"]);
}

#[test]
fn words_that_stand_side_by_side_are_no_payout_id() {
    for text in [
        "0001 CHECKOUT",
        "0001 / Checkout.com settlement",
        "CKO 0001 CHECKOUT LTD",
        "CKO 0001 20260302",
        "CKO 000G7H / DD96SH",
        "000G7H DD96SH",
    ] {
        assert_eq!(extract(text, Kind::Payout), [""; 0], "{text}");
    }
    // Lines of a statement stand with a blank between them.
    assert_eq!(extract("SETTLEMENT OF 2026-03-02 REF CKO 000G7H DD96SH EUR 500", Kind::Payout), ["000G7HDD96SH"]);
}

#[test]
fn payment_ids_are_read_without_case_and_across_breaks() {
    let upper = PAYMENT.to_uppercase();
    let (without, blank) = (upper.replace('_', ""), upper.replace('_', " "));
    let cut = PAYMENT.replace("mvu3", "mvu3\n");
    for text in [PAYMENT, &upper, &without, &blank, &cut, &format!("Ref:{PAYMENT}, EUR")] {
        assert_eq!(extract(text, Kind::Payment), [PAYMENT], "{text}");
    }
    for text in ["payment for the order of june", "pay_short", "pay_mbabizu24mvu3mela5njyxpit8", "act_mbabizu24mvu3mela5njyxpit4"]
    {
        assert_eq!(extract(text, Kind::Payment), [""; 0], "{text}");
    }
    assert_eq!(extract("act_mbabizu24mvu3mela5njyxpit4", Kind::Action), ["act_mbabizu24mvu3mela5njyxpit4"]);
}

#[test]
fn ibans_need_right_check_digits_and_numbers_four_of_them() {
    let text = "from DE89 3704 0044 0532 0130 00 to GB29NWBK60161331926819, not DE88 3704 0044 0532 0130 00";
    assert_eq!(extract(text, Kind::Iban), ["DE89370400440532013000", "GB29NWBK60161331926819"]);
    assert_eq!(extract("No 12, order 0042-1001, A1234, 1001", Kind::Number), ["0042", "1001"]);
    assert!(Kind::named("payout").is_err());
}

#[test]
fn texts_are_compared_in_capitals_without_marks() {
    let words = ["Inv. 7-é", "straße", "Ærø", "e\u{301}", "Łódź №12", "ｉｎｖ７", "東京 7", " \n"];
    assert_eq!(words.map(norm), ["INV7E", "STRASSE", "AERO", "E", "LODZ12", "INV7", "東京7", ""]);
}

#[test]
fn amounts_are_cut_towards_minus_infinity() {
    let floor = |mantissa, scale, decimals| Amount { mantissa, scale }.floor(decimals).unwrap();
    assert_eq!(floor(130_236_938_151, 8, 2), (130_236, false));
    assert_eq!(floor(-1, 3, 2), (-1, false));
    assert_eq!(floor(5_000, 0, 0), (5_000, true));
    assert_eq!(floor(5, -3, 2), (500_000, true));
    assert!(Amount { mantissa: i128::MAX, scale: 0 }.floor(1).is_err());
    let shown = [(-5, 2), (1_310, 3), (7, 0)].map(|(mantissa, scale)| Amount { mantissa, scale }.to_string());
    assert_eq!(shown, ["-0.05", "1.310", "7"]);
}

proptest! {
    #[test]
    fn whatever_a_text_is_nothing_breaks_and_norm_is_settled(text in "\\PC{0,40}") {
        let once = norm(&text);
        prop_assert_eq!(&norm(&once), &once);
        prop_assert_eq!(alike(&alike(&text)), alike(&text));
        for kind in [Kind::Payout, Kind::Payment, Kind::Action, Kind::Iban, Kind::Number] {
            for found in extract(&text, kind) {
                prop_assert_eq!(extract(&found, kind), [found]);
            }
        }
    }

    #[test]
    fn a_payout_id_is_found_wherever_it_stands(id in "0[0-9A-Z]{10}[A-Z]", cut in 1..12_usize, before in "(CKO |REF: |)", after in "( EUR|)") {
        let text = format!("{before}{}{after}", id.to_lowercase());
        prop_assert_eq!(extract(&text, Kind::Payout), [id.clone()]);
        let (one, other) = id.split_at(cut);
        let is_cut = other.bytes().any(|byte| byte.is_ascii_digit());
        let found = extract(&format!("CKO {one} {other}"), Kind::Payout);
        // What has no digit may be a word.
        prop_assert_eq!(found, if is_cut { vec![id.clone()] } else { Vec::new() });
    }
}

#[test]
fn functions_are_listed_by_name_as_sessions_have_them() {
    let listed: Vec<&str> = super::list().map(|(name, ..)| name).collect();
    assert!(listed.is_sorted_by(|one, other| one < other));
    let functions: Vec<_> = super::all(&std::sync::Arc::default()).collect();
    assert_eq!(functions.iter().map(datafusion::logical_expr::ScalarUDF::name).collect::<Vec<_>>(), listed);
}
