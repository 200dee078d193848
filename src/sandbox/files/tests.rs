//! That the files tell one story: read back by header name, they add up to the last of eight decimals.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDateTime, TimeDelta};

use super::*;
use crate::money::parse_decimal;
use crate::sandbox::MerchantOptions;
use crate::sandbox::balance::RETURN_DAYS;
use crate::sandbox::payment::instant;
use crate::sandbox::report::Issue;
use crate::sandbox::schedule::DAY;

pub(super) type Row = BTreeMap<String, String>;

pub(super) fn merchant(seed: u64, files: FileOptions) -> Merchant {
    Merchant::new(MerchantOptions { payments: 1_200, days: 120, seed, files, ..MerchantOptions::default() })
}

fn plain(seed: u64) -> Merchant {
    merchant(seed, FileOptions::default())
}

/// The rows of one file without quoted fields.
fn read(bytes: Vec<u8>) -> Vec<Row> {
    let text = String::from_utf8(bytes).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned));
    let header: Vec<String> = lines.next().unwrap().collect();
    lines.map(|fields| header.iter().cloned().zip(fields).collect()).collect()
}

/// A file's bytes where nothing is told wrongly.
fn content(merchant: &Merchant, report: &Report, place: usize) -> Vec<u8> {
    super::content(&Books::new(merchant, &[]), report, place)
}

/// The rows of all files of a report.
fn rows(merchant: &Merchant, report: &Report) -> Vec<Row> {
    told(&Books::new(merchant, &[]), report)
}

/// The rows of all files of a report, as the books tell them.
pub(super) fn told(books: &Books<'_>, report: &Report) -> Vec<Row> {
    (0..count(books.merchant, report)).flat_map(|place| read(super::content(books, report, place))).collect()
}

pub(super) fn amount(row: &Row, column: &str) -> i128 {
    parse_decimal(&row[column], 38, 8).unwrap_or_else(|error| panic!("{column}: {error}"))
}

fn reports(merchant: &Merchant, wanted: Content) -> Vec<Report> {
    Report::all(merchant).filter(|report| report.kind.content == wanted && report.day % 3 == 0).collect()
}

#[test]
fn a_statement_is_what_the_balances_say_and_the_next_one_opens_where_it_closes() {
    let merchant = plain(5);
    let mut closed: BTreeMap<String, Row> = BTreeMap::new();
    for report in Report::all(&merchant).filter(|report| report.kind.content == Content::Balances) {
        let balances = merchant.balances(instant(report.to));
        for row in rows(&merchant, &report).into_iter().filter(|row| row["Description"] == "Balances & Payouts") {
            let account = row["Currency Account ID"].clone();
            let balance = balances.iter().find(|balance| balance.currency_account_id == account).unwrap();
            let currency = crate::sandbox::currency::Currency::find(balance.currency).unwrap();
            for (pot, minor) in [
                ("Available", balance.available),
                ("Pending", balance.pending),
                ("Payable", balance.payable),
                ("Collateral", balance.collateral),
            ] {
                assert_eq!(currency.to_minor(amount(&row, &format!("Closing {pot} Balance"))), minor, "{pot} {row:?}");
                if let Some(before) = closed.get(&account) {
                    assert_eq!(row[&format!("Opening {pot} Balance")], before[&format!("Closing {pot} Balance")]);
                }
            }
            closed.insert(account, row);
        }
    }
    assert_eq!(closed.len(), 5);
}

#[test]
fn rows_lie_in_the_time_that_their_report_covers() {
    let merchant = plain(3);
    for wanted in [Content::ActionsByDate, Content::ActionsByPayout] {
        for report in reports(&merchant, wanted) {
            let text = |at| instant(at).format("%Y-%m-%dT%H:%M:%S%.3f").to_string();
            let (from, to) = (text(report.zone().local(report.from)), text(report.zone().local(report.to)));
            assert!(rows(&merchant, &report).iter().all(|row| from <= row["Processed On"] && row["Processed On"] < to));
        }
    }
}

#[test]
fn a_split_report_has_all_rows_once_and_a_header_in_each_file() {
    let (whole, split) = (plain(4), merchant(4, FileOptions { rows_per_file: Some(7), ..FileOptions::default() }));
    let mut most = 0;
    for (report, parts) in reports(&whole, Content::ActionsByDate).iter().zip(reports(&split, Content::ActionsByDate)) {
        assert_eq!(rows(&whole, report), rows(&split, &parts));
        let files = count(&split, &parts);
        assert!((0..files).all(|place| read(content(&split, &parts, place)).len() <= 7));
        assert_eq!(parts.filename(&split, files - 1), report.filename(&whole, 0).replace("_1.csv", &format!("_{files}.csv")));
        most = most.max(files);
    }
    assert!(most > 5);
}

#[test]
fn a_corrected_report_has_the_rows_that_are_true() {
    let (truth, told) = (plain(6), merchant(6, FileOptions { restatements: true, ..FileOptions::default() }));
    let (mut wrong, mut missing) = (0, 0);
    for report in Report::all(&told).filter(|report| report.kind.content == Content::ActionsByDate) {
        let first = Report::all(&truth).find(|first| first.filename(&truth, 0) == report.filename(&told, 0)).unwrap();
        let (rows, true_rows) = (rows(&told, &report), rows(&truth, &first));
        if report.is_corrected(&told) {
            missing += true_rows.len() - rows.len();
            wrong += usize::from(rows.iter().any(|row| !true_rows.contains(row)));
        } else {
            assert_eq!(rows, true_rows);
        }
        assert!(report.kind.issue == Issue::First || report.day % 7 == 0);
    }
    assert!(wrong > 5 && missing > 5, "{wrong} {missing}");
}

#[test]
fn options_change_how_files_are_written_and_not_what_they_say() {
    let files = FileOptions { line_end: LineEnd::Lf, trailing_separators: true, more_columns: true, ..FileOptions::default() };
    let (plain, odd) = (plain(7), merchant(7, files));
    let mut longer = 0;
    for (report, other) in reports(&plain, Content::ActionsByDate).iter().zip(reports(&odd, Content::ActionsByDate)) {
        let text = String::from_utf8(content(&odd, &other, 0)).unwrap();
        assert!(!text.contains('\r'));
        let columns = text.lines().next().unwrap().split(',').count();
        assert_eq!(columns, if report.entity == 1 { 40 } else { 36 });
        longer += text.lines().filter(|line| line.split(',').count() == columns + 1).count();
        for (row, other) in rows(&plain, report).into_iter().zip(rows(&odd, &other)) {
            assert!(row.iter().all(|(column, value)| other[column] == *value));
            for column in ["Requested On", "Processed On"].into_iter().filter(|_| report.entity == 1) {
                let at = |column: &str| NaiveDateTime::parse_from_str(&other[column], "%Y-%m-%dT%H:%M:%S%.3f").unwrap();
                assert_eq!(at(column) - at(&format!("{column} UTC")), TimeDelta::hours(4));
                assert_eq!(other["Timezone"], "Asia/Dubai");
            }
        }
    }
    assert!(longer > 100);
}

#[test]
fn every_indicator_that_moves_money_is_in_the_disputes_report_and_the_actions() {
    let merchant = Merchant::new(MerchantOptions { payments: 40_000, days: 120, ..MerchantOptions::default() });
    let (mut moved, mut reported) = (BTreeMap::<String, usize>::new(), BTreeMap::<String, usize>::new());
    for report in Report::all(&merchant).filter(|report| report.day >= 100) {
        match report.kind.content {
            Content::ActionsByDate => {
                for row in rows(&merchant, &report) {
                    let indicator = row["Breakdown Type"].strip_prefix("Chargeback (").and_then(|rest| rest.strip_suffix(')'));
                    indicator.into_iter().for_each(|indicator| *moved.entry(indicator.to_owned()).or_default() += 1);
                }
            }
            Content::Disputes => {
                let text = String::from_utf8(content(&merchant, &report, 0)).unwrap();
                for line in text.lines().skip(1) {
                    assert!(line.contains(",\"The \"\"Sample Shop\"\" Group, London\","));
                    *reported.entry(line.split(',').nth(9).unwrap().to_owned()).or_default() += 1;
                }
            }
            _ => {}
        }
    }
    assert_eq!(reported.len(), 10, "{reported:?}");
    reported.retain(|indicator, _| !["RPDR", "RPDL", "ARBR"].contains(&indicator.as_str()));
    assert_eq!(moved, reported);
}

#[test]
fn what_is_not_part_of_a_payout_is_in_its_file_without_its_id_and_in_a_later_one_with_it() {
    let merchant = plain(2);
    let (mut without, mut with) = (BTreeMap::new(), BTreeMap::new());
    for report in Report::all(&merchant).filter(|report| report.kind.content == Content::ActionsByPayout) {
        for row in rows(&merchant, &report) {
            let found = if row["Payout ID"].is_empty() { &mut without } else { &mut with };
            let key = [&row["Action ID"], &row["Breakdown Type"], &row["Holding Currency Amount"]].map(Clone::clone);
            found.entry(key).or_insert_with(Vec::new).push(report.day);
        }
    }
    let of = |kind: &str| without.keys().filter(|key| key[1] == kind).count();
    assert!(of("Interchange Variable Fee") > 50 && of("Interchange Fixed Fee") > 5 && of("Minimum Billing Fee") == 8);
    for (key, days) in &without {
        let is_fee = key[1] == "Minimum Billing Fee";
        match with.get(key) {
            Some(later) if is_fee => assert_eq!(later[0], days[0]),
            Some(later) => assert_eq!(later[0], days[0] + 1, "{key:?}"),
            None => assert!(days[0] >= 117, "{key:?} on {days:?}"),
        }
    }
}

#[test]
fn what_no_payment_made_has_an_id_of_its_own_and_names_the_payout_that_came_back() {
    let merchant = plain(1);
    let (mut ids, mut sent, mut returned) = (BTreeSet::new(), BTreeMap::new(), 0);
    for report in Report::all(&merchant).filter(|report| report.kind.content == Content::ActionsByDate) {
        for row in rows(&merchant, &report).into_iter().filter(|row| row["Payment ID"].is_empty()) {
            assert!(ids.insert(row["Action ID"].clone()), "{row:?}");
            let amount = amount(&row, "Holding Currency Amount");
            match row["Reference"].strip_prefix("returned ") {
                Some(payout) => {
                    assert_eq!(sent[payout], (report.day - RETURN_DAYS, -amount));
                    returned += 1;
                }
                None => drop(sent.insert(row["Reference"].clone(), (report.day, amount))),
            }
        }
    }
    assert!(returned > 1, "{returned}");
}

#[test]
fn fees_are_fixed_and_variable_and_taxed_and_some_rows_are_the_same() {
    let merchant = plain(3);
    let (mut kinds, mut same) = (BTreeMap::<String, usize>::new(), 0);
    for report in reports(&merchant, Content::ActionsByDate) {
        let rows = rows(&merchant, &report);
        same += rows.iter().filter(|row| rows.iter().filter(|other| other == row).count() == 2).count();
        for row in &rows {
            *kinds.entry(row["Breakdown Type"].clone()).or_default() += 1;
            let is_tax = row["Breakdown Type"].ends_with(" Tax");
            assert_eq!(row["Entity Country Tax Currency"], if is_tax { "GBP" } else { "" });
            if is_tax && row["Holding Currency"] == "EUR" {
                let (tax, rate) = (amount(row, "Holding Currency Amount"), amount(row, "Tax Fx Rate"));
                assert_eq!(amount(row, "Tax Currency Amount"), tax * rate / 100_000_000);
            }
        }
    }
    for kind in ["Interchange Fixed Fee", "Interchange Variable Fee", "Scheme Fixed Fee", "Scheme Variable Fee"] {
        assert!(kinds[kind] > 20, "{kinds:?}");
    }
    assert!(kinds["Gateway Fixed Fee Tax"] > 20 && kinds["Premium Variable Fee"] > 20);
    assert!(same > 20 && same == kinds["Scheme Fixed Fee"], "{same}");
}

#[test]
fn the_second_entity_has_the_days_and_the_clocks_of_its_zone() {
    let merchant = plain(1);
    let first = |entity, wanted| {
        let mut all = Report::all(&merchant).filter(|report| report.kind.content == wanted && report.entity == entity);
        all.find(|report| report.day == 30).unwrap()
    };
    for (entity, at) in [(0, "00:00"), (1, "20:00")] {
        let (statement, disputes) = (first(entity, Content::Balances), first(entity, Content::Disputes));
        assert!([statement.from, statement.to].iter().all(|end| instant(*end).format("%H:%M").to_string() == at));
        assert!(statement.filename(&merchant, 0).ends_with("_20260402_20260403.csv"));
        assert!(disputes.filename(&merchant, 0).starts_with("2026-04-02-2026-04-03-DisputesReport-"));
        for row in rows(&merchant, &statement) {
            assert_eq!(row["Reporting Start Date"], "2026-04-02T00:00:00.000");
            assert_eq!(row["Reporting End Date"], "2026-04-03T00:00:00.000");
            assert!(row["Report Date"].starts_with("2026-04-03T05:"));
        }
    }
    let paid = |entity| rows(&merchant, &first(entity, Content::Payouts)).pop().unwrap();
    assert_eq!(paid(0)["Payout Date"], "2026-04-02T16:00:00.000");
    assert_eq!(paid(1)["Payout Date"], "2026-04-02T20:00:00.000");
}

/// The columns of a disputes report say that they are UTC, whatever the entity's zone is.
#[test]
fn what_a_column_calls_utc_is_utc() {
    let merchant = Merchant::new(MerchantOptions { payments: 20_000, days: 120, ..MerchantOptions::default() });
    let mut seen = 0;
    for report in Report::all(&merchant).filter(|report| report.kind.content == Content::Disputes && report.entity == 1) {
        let text = String::from_utf8(content(&merchant, &report, 0)).unwrap();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let (_, index) = merchant.disputed().iter().find(|(_, index)| merchant.dispute_id(*index) == fields[0]).unwrap();
            let received_at = instant(merchant.payment(*index).dispute.unwrap().received_at);
            assert_eq!(fields[1], received_at.format("%Y-%m-%dT%H:%M:%S%.3f").to_string());
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn a_file_is_the_same_for_ever() {
    let merchant = plain(1);
    let at = merchant.started_at() + 30 * DAY;
    let day: Vec<Report> = Report::all(&merchant).filter(|report| report.from <= at && at < report.to).collect();
    let seen: Vec<String> = day
        .iter()
        .filter(|report| report.entity == 0)
        .map(|report| {
            let bytes = content(&merchant, report, 0);
            format!("{} {} {:08x}", report.filename(&merchant, 0), bytes.len(), crc32(&bytes))
        })
        .collect();
    insta::assert_snapshot!(seen.join("\n"), @r"
    settlement-breakdown_ent_5jczxwqxq5w7jkael5rtxikewe_20260402_000000031bzu_1.csv 2715 f31b73ac
    settlement-breakdown_ent_5jczxwqxq5w7jkael5rtxikewe_20260402_000000031c01_1.csv 2357 28a7a298
    financial-actions_ent_5jczxwqxq5w7jkael5rtxikewe_20260402_20260403_1.csv 27950 86924ddf
    financial-actions_ent_5jczxwqxq5w7jkael5rtxikewe_20260402_000000031bzu_1.csv 17551 9846b1ad
    financial-actions_ent_5jczxwqxq5w7jkael5rtxikewe_20260402_000000031c01_1.csv 11826 6f2a5529
    statement_ent_5jczxwqxq5w7jkael5rtxikewe_20260402_20260403.csv 4286 07393a27
    2026-04-02-2026-04-03-DisputesReport-cli_64yytgtl4ewkumwlgoluqtoit4.csv 303 32e088f0
    payouts_ent_5jczxwqxq5w7jkael5rtxikewe_20260402_20260403_1.csv 1411 13474440
    ");
}

#[test]
fn a_packed_breakdown_holds_the_plain_one() {
    let (plain, packed) = (plain(1), merchant(1, FileOptions { gzip: true, ..FileOptions::default() }));
    for (report, other) in
        reports(&plain, Content::SettlementBreakdown).iter().zip(reports(&packed, Content::SettlementBreakdown))
    {
        assert_eq!(content(&packed, &other, 0), gzip::gzip(&content(&plain, report, 0)));
        assert_eq!(other.filename(&packed, 0), format!("{}.gz", report.filename(&plain, 0)));
    }
}
