//! That the files tell one story: read back by header name, they add up to the last of eight decimals.

use std::collections::BTreeMap;

use super::category::CATEGORIES;
use super::*;
use crate::money::parse_decimal;
use crate::sandbox::MerchantOptions;
use crate::sandbox::payment::instant;
use crate::sandbox::report::Issue;
use crate::sandbox::schedule::DAY;

type Row = BTreeMap<String, String>;

fn merchant(seed: u64, files: FileOptions) -> Merchant {
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

/// The rows of all files of a report.
fn rows(merchant: &Merchant, report: &Report) -> Vec<Row> {
    (0..count(merchant, report)).flat_map(|place| read(content(merchant, report, place))).collect()
}

fn amount(row: &Row, column: &str) -> i128 {
    parse_decimal(&row[column], 38, 8).unwrap_or_else(|error| panic!("{column}: {error}"))
}

fn sum<'a>(rows: impl IntoIterator<Item = &'a Row>, column: &str) -> i128 {
    rows.into_iter().map(|row| amount(row, column)).sum()
}

fn reports(merchant: &Merchant, wanted: Content) -> Vec<Report> {
    Report::all(merchant).filter(|report| report.kind.content == wanted && report.day % 3 == 0).collect()
}

/// The rows of all reports of a kind, by one of their columns.
fn by(merchant: &Merchant, wanted: Content, column: &str) -> BTreeMap<(usize, String), Vec<Row>> {
    let mut found: BTreeMap<_, Vec<Row>> = BTreeMap::new();
    for report in reports(merchant, wanted) {
        for row in rows(merchant, &report) {
            found.entry((report.day, row[column].clone())).or_default().push(row);
        }
    }
    found
}

#[test]
fn a_payout_is_the_sum_of_its_actions_of_its_breakdown_and_of_its_categories() {
    for seed in 1..4 {
        let merchant = plain(seed);
        let payouts = by(&merchant, Content::Payouts, "Payout ID");
        let actions = by(&merchant, Content::ActionsByPayout, "Payout ID");
        let breakdowns = by(&merchant, Content::SettlementBreakdown, "Payout ID");
        assert_eq!(payouts.keys().collect::<Vec<_>>(), actions.keys().collect::<Vec<_>>());
        assert_eq!(payouts.keys().collect::<Vec<_>>(), breakdowns.keys().collect::<Vec<_>>());
        let mut paid = 0;
        for (key, rows) in &payouts {
            let payout = amount(&rows[0], "Payout Amount");
            assert_eq!(rows.len(), 1, "{key:?}");
            assert_eq!(sum(&actions[key], "Holding Currency Amount"), payout, "{key:?}");
            assert_eq!(sum(&breakdowns[key], "Net In Holding Currency"), payout, "{key:?}");
            assert_eq!(CATEGORIES.split(',').map(|category| amount(&rows[0], category)).sum::<i128>(), payout, "{key:?}");
            paid += usize::from(payout > 0);
        }
        assert!(paid > 50 && paid < payouts.len(), "some days pay nothing: {paid} of {}", payouts.len());
    }
}

#[test]
fn a_row_of_a_breakdown_is_gross_and_fees_and_net() {
    let merchant = plain(2);
    let mut held = 0;
    for row in by(&merchant, Content::SettlementBreakdown, "Payout ID").values().flatten() {
        let of = |name: &str| amount(row, &format!("{name} In Holding Currency"));
        let fees = ["Processing Fee", "Scheme Fee", "Interchange", "Tax", "Reserve"];
        assert_eq!(of("Deduction"), fees.iter().map(|fee| of(fee)).sum::<i128>(), "{row:?}");
        assert_eq!(of("Net"), of("Gross") + of("Deduction"), "{row:?}");
        assert!(fees.iter().all(|fee| of(fee) <= 0), "{row:?}");
        held += usize::from(of("Reserve") < 0);
    }
    assert!(held > 100);
}

#[test]
fn a_day_of_actions_is_the_change_of_what_is_available() {
    for seed in 1..4 {
        let merchant = plain(seed);
        let actions = by(&merchant, Content::ActionsByDate, "Currency Account ID");
        let statements = by(&merchant, Content::Balances, "Currency Account ID");
        assert!(statements.len() > 100);
        for (key, rows) in &statements {
            let (balances, movements): (Vec<&Row>, Vec<&Row>) =
                rows.iter().partition(|row| row["Description"] == "Balances & Payouts");
            let [balances] = balances[..] else { panic!("{key:?}") };
            let change = amount(balances, "Closing Available Balance") - amount(balances, "Opening Available Balance");
            assert_eq!(sum(actions.get(key).into_iter().flatten(), "Holding Currency Amount"), change, "{key:?}");
            let moved: i128 = CATEGORIES.split(',').map(|category| sum(movements.iter().copied(), category)).sum();
            assert_eq!(moved + amount(balances, "Payouts"), change, "{key:?}");
        }
    }
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
            let (from, to) = (text(report.from), text(report.to));
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
            assert!(other.get("Timezone").is_none_or(|zone| zone == "UTC" && other["Processed On UTC"] == other["Processed On"]));
        }
    }
    assert!(longer > 100);
}

#[test]
fn chargebacks_won_or_lost_are_in_the_disputes_report_and_the_actions() {
    let merchant = plain(8);
    let (mut raised, mut reported) = (0, 0);
    for report in Report::all(&merchant).filter(|report| report.number != 0) {
        match report.kind.content {
            Content::ActionsByDate => {
                let rows = rows(&merchant, &report);
                raised += rows.iter().filter(|row| row["Breakdown Type"].starts_with("Chargeback (")).count();
            }
            Content::Disputes => {
                let text = String::from_utf8(content(&merchant, &report, 0)).unwrap();
                assert!(text.lines().skip(1).all(|line| line.contains(",\"The \"\"Sample Shop\"\" Group, London\",")));
                reported += text.lines().count() - 1;
            }
            _ => {}
        }
    }
    assert!(raised > 5);
    assert_eq!(raised, reported);
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
    settlement-breakdown_ent_5jczxwqxq5w7jkael5rtxikewe_20260402_000000031bzu_1.csv 2685 35d5d54b
    settlement-breakdown_ent_5jczxwqxq5w7jkael5rtxikewe_20260402_000000031c01_1.csv 2068 549d9205
    financial-actions_ent_5jczxwqxq5w7jkael5rtxikewe_20260402_20260403_1.csv 18904 149331d5
    financial-actions_ent_5jczxwqxq5w7jkael5rtxikewe_20260402_000000031bzu_1.csv 11851 32a1b774
    financial-actions_ent_5jczxwqxq5w7jkael5rtxikewe_20260402_000000031c01_1.csv 8002 90494f0f
    statement_ent_5jczxwqxq5w7jkael5rtxikewe_20260402_20260403.csv 4235 a75b2879
    2026-04-02-2026-04-03-DisputesReport-cli_64yytgtl4ewkumwlgoluqtoit4.csv 303 32e088f0
    payouts_ent_5jczxwqxq5w7jkael5rtxikewe_20260402_20260403_1.csv 1387 067ca94e
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
