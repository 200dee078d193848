//! Tables of report files: which files are read, whose rows count, and what is said of files that are not as they should be.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use ckosql::api::config::AccountSettings;
use ckosql::clock::Clock;
use ckosql::engine::Engine;
use ckosql::engine::config::Config;
use ckosql::error::{Error, ErrorKind, Result};
use ckosql::sandbox::{Faults, FileOptions, LineEnd, MerchantOptions, SandboxOptions, Site};
use futures::TryStreamExt;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::stand::Stand;

/// An engine over a folder of files, and nothing else.
fn engine(folder: &Path, zone: Option<&str>) -> Engine {
    zoned_engine(folder, zone, &[])
}

/// The same, with zones of some entities.
fn zoned_engine(folder: &Path, zone: Option<&str>, zones: &[(&str, &str)]) -> Engine {
    let settings = AccountSettings {
        reports_dir: Some(folder.to_owned()),
        settlement_zone: zone.map(str::to_owned),
        settlement_zones: Some(zones.iter().map(|(entity, zone)| ((*entity).to_owned(), (*zone).to_owned())).collect()),
        ..AccountSettings::default()
    };
    let accounts = vec![settings.resolve("files").unwrap()];
    Engine::try_new(Config { accounts, clock: Clock::System, ..Config::default() }).unwrap()
}

async fn query(engine: &Engine, sql: &str) -> Result<Vec<RecordBatch>> {
    engine.session()?.query(sql).await?.batches.try_collect().await.map_err(Error::from)
}

/// The rows as lines, a space between values.
async fn lines(engine: &Engine, sql: &str) -> Vec<String> {
    let batches = query(engine, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let table = pretty_format_batches(&batches).unwrap().to_string();
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(1);
    rows.map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>().join(" ")).collect()
}

/// Writes a file as if it was made so many seconds after 1970.
fn write(folder: &TempDir, name: &str, text: &str, made: u64) {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    File::options().write(true).open(&path).unwrap().set_modified(UNIX_EPOCH + Duration::from_secs(made)).unwrap();
}

const ACTIONS: &str =
    "Client Entity ID,Currency Account ID,Action ID,Breakdown Type,Holding Currency Amount,Payout ID,Processed On\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_is_read_from_one_file() {
    let stand = Stand::new(3_000, SandboxOptions::default());
    let session = stand.engine.session().unwrap();
    let sql = "select payout_id from settlements where payout_date = '2026-06-20' and payout_amount > 0 order by 1 limit 1";
    let batches: Vec<RecordBatch> = session.query(sql).await.unwrap().batches.try_collect().await.unwrap();
    let payout = arrow::array::AsArray::as_string::<i32>(batches[0].column(0)).value(0).to_owned();
    for table in ["settlement_actions", "settlement_breakdown"] {
        stand.sandbox.reset_log();
        assert!(stand.count(&format!("select count(*) from {table} where payout_id = '{payout}'")).await > 0);
        let requests = stand.sandbox.requests();
        assert_eq!(requests.iter().filter(|request| request.site == Site::Storage).count(), 1, "{table}");
        assert_eq!(requests.iter().filter(|request| request.path.contains("/files/")).count(), 1, "{table}");
    }
    stand.sandbox.reset_log();
    stand
        .count("select count(*) from financial_actions where processed_on >= '2026-06-20' and processed_on < '2026-06-21'")
        .await;
    let files = stand.sandbox.requests().into_iter().filter(|request| request.site == Site::Storage).count();
    // Two entities, the day, and two days around it for zones.
    assert!((2..=12).contains(&files), "{files} files");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_two_scans_of_a_statement_want_is_fetched_once() {
    let stand = Stand::new(1_000, SandboxOptions::default());
    let files = |stand: &Stand| stand.sandbox.requests().into_iter().filter(|request| request.site == Site::Storage).count();
    stand.sandbox.reset_log();
    let rows = stand.count("select count(*) from settlements where payout_date >= '2026-06-25'").await;
    let once = files(&stand);
    stand.sandbox.reset_log();
    let sql = "select count(*) from settlements a join settlements b on b.payout_id = a.payout_id \
               where a.payout_date >= '2026-06-25' and b.payout_date >= '2026-06-25'";
    assert_eq!((stand.count(sql).await, files(&stand)), (rows, once));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_break_off_on_the_way_give_each_row_once() {
    let sql = "select count(*), count(distinct file_id || ':' || row_number), sum(holding_currency_amount), sum(row_number) \
               from settlement_actions where processed_on >= '2026-06-10'";
    let whole = Stand::new(3_000, SandboxOptions::default());
    let truth = pretty_format_batches(&whole.query(sql).await.unwrap()).unwrap().to_string();
    let mut exact = 0;
    for seed in 0..6 {
        let faults = Faults::parse("cut=15%,503=5%,429=3%").unwrap().with_seed(seed);
        let stand = Stand::with(3_000, SandboxOptions { faults, ..SandboxOptions::default() }, |account| {
            account.limits.first_wait = Duration::from_millis(1);
            account.limits.longest_wait = Duration::from_millis(5);
            account.limits.attempts = 8;
        });
        match stand.query(sql).await {
            Ok(batches) => {
                assert_eq!(pretty_format_batches(&batches).unwrap().to_string(), truth, "seed {seed}");
                exact += 1;
            }
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Incomplete), "seed {seed}: {error:?}")
            }
        }
    }
    assert!(exact >= 3, "{exact} of 6");
}

/// Files of several batches, so that rows were handed on before the connection closed.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_file_that_breaks_off_goes_on_behind_the_rows_that_were_taken() {
    let merchant = || MerchantOptions { payments: 40_000, days: 7, ..MerchantOptions::default() };
    let sql = "select file_id, count(*), count(distinct row_number), max(row_number), sum(holding_currency_amount) \
               from financial_actions_history group by 1 order by 1";
    let whole = Stand::of(merchant(), SandboxOptions::default());
    let longest = "select max(row_number) from financial_actions_history";
    assert!(whole.count(longest).await > 2 * 8_192, "no file has several batches");
    let truth = pretty_format_batches(&whole.query(sql).await.unwrap()).unwrap().to_string();
    for seed in 0..2 {
        let faults = Faults::parse("cut=25%").unwrap().with_seed(seed);
        let stand = Stand::of(merchant(), SandboxOptions { faults, ..SandboxOptions::default() });
        let mut account = stand.sandbox.account();
        account.limits.first_wait = Duration::from_millis(1);
        account.limits.attempts = 12;
        let engine = stand.engine_with(account);
        assert_eq!(pretty_format_batches(&query(&engine, sql).await.unwrap()).unwrap().to_string(), truth, "seed {seed}");
        let requests = stand.sandbox.requests();
        let opened: Vec<&str> =
            requests.iter().map(|request| request.path.as_str()).filter(|path| path.contains("/files/")).collect();
        let files: BTreeSet<&str> = opened.iter().copied().collect();
        assert!(opened.len() > files.len(), "seed {seed}: no file broke off");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn however_files_are_written_the_rows_are_the_same() {
    let sql = "select action_id, breakdown_type, holding_currency_amount, processed_on_local, payout_id from settlement_actions \
               where processed_on_local >= '2026-06-20' order by 1, 2, 3, 4, 5";
    let plain = Stand::new(2_000, SandboxOptions::default());
    let truth = pretty_format_batches(&plain.query(sql).await.unwrap()).unwrap().to_string();
    let files = FileOptions {
        line_end: LineEnd::Lf,
        trailing_separators: true,
        gzip: true,
        rows_per_file: Some(7),
        restatements: true,
        more_columns: true,
    };
    let odd = Stand::of(MerchantOptions { payments: 2_000, files, ..MerchantOptions::default() }, SandboxOptions::default());
    assert_eq!(pretty_format_batches(&odd.query(sql).await.unwrap()).unwrap().to_string(), truth);
    let told = |table: &str| format!("select count(*) from {table} where processed_on_local >= '2026-06-10'");
    let (newest, all) = (odd.count(&told("financial_actions")).await, odd.count(&told("financial_actions_history")).await);
    assert_eq!(newest, plain.count(&told("financial_actions")).await);
    assert!(all > newest, "{all} rows in all, {newest} of them newest");
}

/// A by-payout report of two rows that are the same to the byte, one that is billed later, and one of another action; and
/// the same report made again.
#[tokio::test(flavor = "multi_thread")]
async fn cases_14_and_15_identical_fees_count_twice_and_a_report_made_again_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let fee = "ent_a,ca_1,act_1,Scheme Variable Fee,-0.01349386,000G7HDD96SH,2026-07-01T10:00:00.000\n";
    let late = "ent_a,ca_1,act_0,Interchange Fixed Fee,-0.2,,2026-07-01T11:00:00.000\n";
    let gross = |amount: &str| format!("ent_a,ca_1,act_1,Capture,{amount},000G7HDD96SH,2026-07-01T10:00:00.000\n");
    let name = "financial-actions_ent_a_20260702_000g7hdd96sh_1.csv";
    let first = format!("{ACTIONS}{fee}{late}{fee}{}", gross("79.50"));
    write(&folder, name, &first, 1_000);
    let again = format!("{ACTIONS}{fee}{late}{fee}{}", gross("79.51"));
    fs::create_dir(folder.path().join("again")).unwrap();
    write(&folder, &format!("again/{}", name.replace("_1.csv", "_2.csv").replace("20260702", "20260703")), &again, 2_000);
    let engine = engine(folder.path(), None);
    let rows = "select row_number, action_id, breakdown_type, holding_currency_amount, payout_id, report_payout_id from";
    let order = "order by report_created_on, row_number";
    assert_eq!(
        lines(&engine, &format!("{rows} settlement_actions {order}")).await,
        [
            "1 act_1 Scheme Variable Fee -0.01349386 000G7HDD96SH 000G7HDD96SH",
            "2 act_0 Interchange Fixed Fee -0.20000000  000G7HDD96SH",
            "3 act_1 Scheme Variable Fee -0.01349386 000G7HDD96SH 000G7HDD96SH",
            "4 act_1 Capture 79.51000000 000G7HDD96SH 000G7HDD96SH",
        ]
    );
    assert_eq!(
        lines(&engine, "select count(*), sum(holding_currency_amount) from settlement_actions_history").await,
        ["8 158.55602456"]
    );
    let paid = "select sum(holding_currency_amount) from settlement_actions where payout_id = '000G7HDD96SH'";
    assert_eq!(lines(&engine, paid).await, ["79.48301228"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_30_a_settlement_whose_amount_changes_before_it_is_paid_is_what_the_newest_report_says() {
    let folder = tempfile::tempdir().unwrap();
    let payouts = |amount: &str| {
        let header = "Client Entity ID,Currency Account ID,Holding Currency,Payout ID,Payout Date,Payout Amount\n";
        format!("{header}ent_a,ca_1,USD,000G7HDD96SH,2026-07-02T02:00:00.000,{amount}\n")
    };
    let sql = "select payout_id, amount from sides.payouts";
    write(&folder, "payouts_ent_a_20260701_20260702_1.csv", &payouts("100.00"), 1_000);
    assert_eq!(lines(&engine(folder.path(), None), sql).await, ["000G7HDD96SH 100.00000000"]);
    write(&folder, "payouts_ent_a_20260701_20260703_1.csv", &payouts("98.50"), 2_000);
    let engine = engine(folder.path(), None);
    assert_eq!(lines(&engine, sql).await, ["000G7HDD96SH 98.50000000"]);
    assert_eq!(lines(&engine, "select count(*), sum(payout_amount) from settlements_history").await, ["2 198.50000000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_20_a_capture_is_of_the_day_of_the_settlement_zone_and_of_the_settlement_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let row = |payout: &str| format!("{ACTIONS}ent_a,ca_1,act_1,Capture,10,{payout},2026-02-28T23:30:00.000\n");
    write(&folder, "financial-actions_ent_a_20260301_000g7hdd96sh_1.csv", &row("000G7HDD96SH"), 1_000);
    write(&folder, "financial-actions_ent_a_20260228_20260301_1.csv", &row(""), 1_000);
    let engine = engine(folder.path(), Some("America/Los_Angeles"));
    // By UTC it would be of the day after.
    let instant = "select processed_on, cast(processed_on as date) as day from settlement_actions";
    assert_eq!(lines(&engine, instant).await, ["2026-03-01T07:30:00Z 2026-03-01"]);
    let row = "select payout_id, booked_on, amount from sides.settlement_rows";
    assert_eq!(lines(&engine, row).await, ["000G7HDD96SH 2026-02-28 10.00000000"]);
    assert_eq!(lines(&engine, "select day, amount from sides.balance_movements").await, ["2026-02-28 10.00000000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_folder_a_report_is_its_numbered_files_wherever_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let (name, row) = ("financial-actions_ent_a_20260701_20260702", "ent_a,ca_1,act_1,Fee,1,,2026-07-01T00:00:00\n");
    // Its second file was written after another report.
    write(&folder, &format!("{name}_1.csv"), &format!("{ACTIONS}{row}"), 10);
    write(&folder, "financial-actions_ent_a_20260701_20260708_1.csv", &format!("{ACTIONS}{}", row.replace(",1,", ",5,")), 11);
    write(&folder, &format!("{name}_2.csv"), &format!("{ACTIONS}{row}"), 12);
    let sql = "select count(*), sum(holding_currency_amount) from financial_actions";
    assert_eq!(lines(&engine(folder.path(), None), sql).await, ["2 2.00000000"]);
    // Another of the same name is the report made again.
    fs::create_dir(folder.path().join("again")).unwrap();
    write(&folder, &format!("again/{name}_1.csv"), &format!("{ACTIONS}{}", row.replace(",1,", ",7,")), 13);
    assert_eq!(lines(&engine(folder.path(), None), sql).await, ["1 7.00000000"]);
    // And so is a copy, whatever a browser calls it, and the same file in another packing.
    for (copy, amount, made) in [("again/copy_1 (1).csv", 8, 14), ("again/x.CSV", 9, 15)] {
        let copy = copy.replace("copy", name).replace('x', &format!("{name}_1"));
        write(&folder, &copy, &format!("{ACTIONS}{}", row.replace(",1,", &format!(",{amount},"))), made);
        assert_eq!(lines(&engine(folder.path(), None), sql).await, [format!("1 {amount}.00000000")], "{copy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_is_follows_from_its_name_or_else_from_its_header() {
    let folder = tempfile::tempdir().unwrap();
    let payouts = "Payout ID,Payout Date,Payout Amount,Holding Currency\nP1,2026-07-02T02:00:00.000,79.51,USD\n";
    write(&folder, "drop-7.csv", payouts, 1);
    write(&folder, "sessions.csv", "Session Date,Session ID\n2026-07-01,\"ses_1, \"\"a\"\"\"\n", 1);
    write(&folder, "notes.txt", "not a report", 1);
    let engine = engine(folder.path(), None);
    assert_eq!(
        lines(&engine, "select payout_id, payout_date, payout_amount from settlements").await,
        ["P1 2026-07-02 79.51000000"]
    );
    let sql = "select filename, _raw->>'Session ID' as id from report_rows";
    assert_eq!(lines(&engine, sql).await, [r#"sessions.csv ses_1, "a""#]);
    let coverage = "select distinct table_name, file, rows, is_proven from system.coverage where rows > 0 order by 1";
    assert_eq!(lines(&engine, coverage).await, ["report_rows sessions.csv 1 true", "settlements drop-7.csv 1 true"]);
    write(&folder, "actions.csv", ACTIONS, 1);
    for table in ["financial_actions", "settlement_actions"] {
        let error = query(&engine, &format!("select * from {table}")).await.unwrap_err();
        assert!(error.to_string().contains("neither type nor name tells which the file is (file actions.csv"), "{error}");
    }
    let breakdown = "Payout ID,Gross In Holding Currency,Net In Holding Currency\n";
    write(&folder, "balance breakdown july.csv", breakdown, 1);
    let error = query(&engine, "select * from settlement_breakdown").await.unwrap_err();
    assert!(error.to_string().contains("neither type nor name tells which the file is"), "{error}");
    fs::remove_file(folder.path().join("balance breakdown july.csv")).unwrap();
    let told = "the account has no Settlement Breakdown report, so nothing is known of its rows (table settlement_breakdown, account files)";
    for condition in ["", " where processed_on_local >= '2026-07-01'"] {
        let error = query(&engine, &format!("select * from settlement_breakdown{condition}")).await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().lines().next().unwrap()), (ErrorKind::Incomplete, told));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instant_is_told_only_where_the_zone_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let row = "ent_a,ca_1,act_1,Capture,1,,2026-07-01T00:30:00.000\n";
    write(&folder, "financial-actions_ent_a_20260701_20260702_1.csv", &format!("{ACTIONS}{row}"), 1);
    let sql = "select action_id, processed_on, processed_on_local from financial_actions where processed_on_local < '2026-07-02'";
    assert_eq!(lines(&engine(folder.path(), None), sql).await, ["act_1  2026-07-01T00:30:00"]);
    assert_eq!(
        lines(&engine(folder.path(), Some("Europe/London")), sql).await,
        ["act_1 2026-06-30T23:30:00Z 2026-07-01T00:30:00"]
    );
    let by_instant = "select action_id from financial_actions where processed_on < '2026-07-01'";
    assert_eq!(lines(&engine(folder.path(), Some("Europe/London")), by_instant).await, ["act_1"]);
    // Not answered with no row.
    let error = query(&engine(folder.path(), None), by_instant).await.unwrap_err();
    assert_eq!(
        error.to_string().lines().next().unwrap(),
        "processed_on is not known: the file prints local times, and neither it nor the account says their zone \
         (file financial-actions_ent_a_20260701_20260702_1.csv, table financial_actions, account files)"
    );
    let zoned = format!("{},Timezone\n{},America/New_York\n", ACTIONS.trim(), row.trim());
    write(&folder, "financial-actions_ent_a_20260701_20260702_1.csv", &zoned, 1);
    assert_eq!(lines(&engine(folder.path(), None), sql).await, ["act_1 2026-07-01T04:30:00Z 2026-07-01T00:30:00"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_the_clocks_show_twice_is_no_instant_and_an_error_where_instants_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let row = "ent_a,ca_1,act_1,Capture,1,,2026-10-25T01:30:00.000\n";
    let name = "financial-actions_ent_a_20261025_20261026_1.csv";
    write(&folder, name, &format!("{ACTIONS}{row}"), 1);
    let engine = engine(folder.path(), Some("Europe/London"));
    let sql = |column: &str| {
        format!(
            "select action_id, processed_on from financial_actions where {column} >= '2026-10-25' and {column} < '2026-10-26'"
        )
    };
    assert_eq!(lines(&engine, &sql("processed_on_local")).await, ["act_1 "]);
    let error = query(&engine, &sql("processed_on")).await.unwrap_err();
    let told = format!(
        "cannot read processed_on: no zone is said, or its clocks show this twice or never; filter by the time as printed \
         (column Processed On, value 2026-10-25T01:30:00.000, file {name}, line 2"
    );
    assert!(error.to_string().starts_with(&told), "{error}");
    // Nor where a row alone does not say its zone.
    write(&folder, name, &format!("{},Timezone\n{},\n", ACTIONS.trim(), row.trim()), 1);
    assert_eq!(lines(&engine, &sql("processed_on_local")).await, ["act_1 "]);
    assert_eq!(query(&engine, &sql("processed_on")).await.unwrap_err().kind(), ErrorKind::Decode);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_has_the_zone_of_its_entity_or_else_of_the_account() {
    let folder = tempfile::tempdir().unwrap();
    for entity in ["ent_a", "ent_b", "ent_c"] {
        let row = format!("{entity},ca_{entity},act_{entity},Capture,1,,2026-07-01T00:30:00.000\n");
        write(&folder, &format!("financial-actions_{entity}_20260701_20260702_1.csv"), &format!("{ACTIONS}{row}"), 1);
    }
    let zones = [("ent_a", "Asia/Dubai"), ("ent_b", "America/New_York")];
    let sql = "select action_id, processed_on from financial_actions where processed_on_local < '2026-07-02' order by 1";
    assert_eq!(
        lines(&zoned_engine(folder.path(), Some("Europe/London"), &zones), sql).await,
        ["act_ent_a 2026-06-30T20:30:00Z", "act_ent_b 2026-07-01T04:30:00Z", "act_ent_c 2026-06-30T23:30:00Z"]
    );
    assert_eq!(
        lines(&zoned_engine(folder.path(), None, &zones), sql).await,
        ["act_ent_a 2026-06-30T20:30:00Z", "act_ent_b 2026-07-01T04:30:00Z", "act_ent_c "]
    );
    let by_instant = "select action_id from financial_actions where processed_on >= '2026-07-01' and processed_on < '2026-07-02'";
    assert_eq!(lines(&zoned_engine(folder.path(), Some("Europe/London"), &zones), by_instant).await, ["act_ent_b"]);
    let error = query(&zoned_engine(folder.path(), None, &zones), by_instant).await.unwrap_err();
    assert!(error.to_string().contains("financial-actions_ent_c_20260701_20260702_1.csv"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_as_it_should_be_is_an_error_that_names_the_place() {
    let name = "financial-actions_ent_a_20260701_20260702_1.csv";
    let row = "ent_a,ca_1,act_1,Capture,1,,2026-07-01T00:30:00.000\n";
    for (text, told) in [
        (
            format!("{ACTIONS}{row}ent_a,ca_1\n"),
            format!("cannot read a row: it has 2 columns and the header has 7 (file {name}, line 3"),
        ),
        (format!("{ACTIONS}{}", row.replace(",1,,", ",1.123456789,,")), "cannot read holding_currency_amount: ".to_owned()),
        (format!("{ACTIONS}{}", row.replace(",1,,", ",1e3,,")), "cannot read holding_currency_amount: ".to_owned()),
        (
            "Session Date,Session ID\n1,2\n".to_owned(),
            format!(
                "the file is a Financial Actions by Date Range report by type or name, and its header is none of one \
                 (missing action id, file {name}"
            ),
        ),
        (format!("{ACTIONS}\"ent_a,ca_1\n"), "the file is cut short: it ends inside a value in quotes".to_owned()),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(&folder, name, &text, 1);
        let error =
            query(&engine(folder.path(), None), "select sum(holding_currency_amount) from financial_actions").await.unwrap_err();
        assert!(error.to_string().starts_with(&told), "{error}\n{told}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[derive(Debug, Clone)]
struct Row {
    account: u8,
    action: u8,
    breakdown: u8,
    amount: i32,
}

fn row() -> impl Strategy<Value = Row> {
    (0_u8..2, 0_u8..6, 0_u8..3, 0_i32..4).prop_map(|(account, action, breakdown, amount)| Row {
        account,
        action,
        breakdown,
        amount,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// However reports overlap, are made again, and are split: of an action's rows, all those of the newest report count.
    #[test]
    fn of_what_reports_tell_anew_all_rows_of_the_newest_count(
        reports in prop::collection::vec((prop::collection::vec(row(), 0..12), 1_usize..5), 1..6)
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut all = Vec::new();
        for (number, (rows, split)) in reports.iter().enumerate() {
            for (part, rows) in rows.chunks(*split).enumerate() {
                let name = format!("financial-actions_ent_a_20260701_202607{:02}_{}.csv", number + 2, part + 1);
                let mut text = ACTIONS.to_owned();
                for (place, row) in rows.iter().enumerate() {
                    let Row { account, action, breakdown, amount } = row;
                    text.push_str(&format!("ent_a,ca_{account},act_{action},Fee {breakdown},{amount},,2026-07-01T00:00:00\n"));
                    all.push((number, row.clone(), format!("{name} {}", place + 1)));
                }
                write(&folder, &name, &text, 1_000 + number as u64);
            }
        }
        let newest = |row: &Row| {
            let alike = |other: &Row| (other.account, other.action, other.breakdown) == (row.account, row.action, row.breakdown);
            all.iter().filter(|(_, other, _)| alike(other)).map(|(number, ..)| *number).max()
        };
        let mut expected: Vec<String> = all.iter().filter(|(number, row, _)| newest(row) == Some(*number)).map(|(_, row, place)| {
            format!("{place} act_{} {}.00000000", row.action, row.amount)
        }).collect();
        expected.sort();
        if !all.is_empty() {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            let sql = "select file_id, row_number, action_id, holding_currency_amount from financial_actions";
            let mut found = runtime.block_on(lines(&engine(folder.path(), None), sql));
            found.sort();
            prop_assert_eq!(found, expected);
        }
    }
}

#[tokio::test]
async fn a_join_reads_the_files_of_the_payouts_it_tells() {
    let merchant = MerchantOptions { payments: 300, days: 12, ..MerchantOptions::default() };
    let stand = Stand::of(merchant, SandboxOptions::default());
    let last_days = "payout_date >= current_date - 3";
    let join = |condition: &str| {
        format!(
            "select count(*) from settlements s join settlement_actions a on a.report_payout_id = upper(s.payout_id) \
             where {condition}"
        )
    };
    let files = |requests: Vec<String>| requests.iter().filter(|request| request.starts_with("GET /reports/")).count();
    let told = stand.count(&format!("select count(*) from settlements where {last_days}")).await;
    let of_settlements = files(stand.requests(&format!("select max(payout_amount) from settlements where {last_days}")).await);
    let read = files(stand.requests(&join(last_days)).await);
    assert_eq!(read, of_settlements + usize::try_from(told).unwrap());
    assert!(files(stand.requests(&join("true")).await) > 3 * read);
}
