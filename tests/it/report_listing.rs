//! Tables of report files over a listing that has less than it should: a report that can have a wanted row and has no file
//! to read is an error, never no rows.

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use ckosql::clock::Clock;
use ckosql::engine::config::Config;
use ckosql::engine::{Engine, Session};
use ckosql::error::{Error, ErrorKind, Result};
use ckosql::sandbox::SandboxOptions;
use futures::TryStreamExt;
use serde_json::{Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::stand::Stand;

const PAYOUTS: &str = "Client Entity ID,Currency Account ID,Payout ID,Payout Date,Payout Amount\n\
                       ent_a,ca_1,P1,2026-07-02T02:00:00.000,79.51\n";

/// An account whose reports are these; whatever file one has is the same Payouts report.
async fn account(reports: &[Value]) -> (MockServer, Session) {
    let server = MockServer::start().await;
    let listing = ResponseTemplate::new(200).set_body_json(json!({ "count": reports.len(), "data": reports }));
    Mock::given(path("/reports")).respond_with(listing).mount(&server).await;
    let file = ResponseTemplate::new(200).set_body_raw(PAYOUTS, "text/csv");
    Mock::given(path("/reports/rpt_1/files/file_1")).respond_with(file).mount(&server).await;
    let mut account = Stand::new(1, SandboxOptions::default()).sandbox.account();
    account.hosts.main = server.uri().parse().unwrap();
    let engine = Engine::try_new(Config { accounts: vec![account], clock: Clock::System, ..Config::default() }).unwrap();
    (server, engine.session().unwrap())
}

/// A report of July's day.
fn report(id: &str, report_type: &str, day: u32, files: &Value) -> Value {
    json!({
        "id": id,
        "type": report_type,
        "created_on": format!("2026-07-{:02}T11:00:00Z", day + 1),
        "from": format!("2026-07-{day:02}T00:00:00Z"),
        "to": format!("2026-07-{:02}T00:00:00Z", day + 1),
        "account": { "entity_id": "ent_a" },
        "files": files,
    })
}

fn file(name: &str, format: &str) -> Value {
    json!([{ "id": "file_1", "filename": name, "format": format }])
}

async fn query(session: &Session, sql: &str) -> Result<Vec<RecordBatch>> {
    session.query(sql).await?.batches.try_collect().await.map_err(Error::from)
}

/// The rows as lines, a space between values.
async fn lines(session: &Session, sql: &str) -> Vec<String> {
    let batches = query(session, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let table = pretty_format_batches(&batches).unwrap().to_string();
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(1);
    rows.map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>().join(" ")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_without_a_file_is_an_error_that_names_it() {
    for files in [json!([]), json!(null), file("payouts_ent_a_20260709_20260710_1.xlsx", "XLSX")] {
        let whole = report("rpt_1", "Payouts", 1, &file("payouts_ent_a_20260701_20260702_1.csv", "CSV"));
        let (_server, session) = account(&[report("rpt_2", "Payouts", 9, &files), whole]).await;
        for table in ["settlements", "settlements_history"] {
            let error = query(&session, &format!("select count(*) from {table}")).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Incomplete);
            let told = format!(
                "a report has no CSV file to read (report rpt_2, type Payouts, created_on 2026-07-10T11:00:00.000Z, \
                 table {table}, account sandbox)"
            );
            assert_eq!(error.to_string(), told, "{files}");
            assert!(error.advice().unwrap().contains("set checkout.on_incomplete = 'warn' goes on without it"));
        }
        // What it covers cannot have these rows.
        assert_eq!(lines(&session, "select payout_id from settlements where payout_date < '2026-07-04'").await, ["P1"]);
        assert_eq!(lines(&session, "select payout_id from settlements_history where file_id = 'file_1'").await, ["P1"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_warning_the_other_files_rows_come_and_coverage_says_which_report_is_missing() {
    let whole = report("rpt_1", "Payouts", 1, &file("payouts_ent_a_20260701_20260702_1.csv", "CSV"));
    let (_server, session) = account(&[report("rpt_2", "Payouts", 9, &json!([])), whole]).await;
    query(&session, "set checkout.on_incomplete = 'warn'").await.unwrap();
    assert_eq!(lines(&session, "select payout_id from settlements").await, ["P1"]);
    let coverage = "select coalesce(file, '-'), rows, is_proven, coalesce(error like '%report rpt_2, type Payouts%', false) \
                    from system.coverage where table_name = 'settlements' order by 1";
    assert_eq!(lines(&session, coverage).await, ["- 0 false true", "payouts_ent_a_20260701_20260702_1.csv 1 true false"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_alone_leaves_nothing_that_is_said_to_be_proven() {
    let (_server, session) = account(&[report("rpt_2", "Payouts", 9, &json!([]))]).await;
    query(&session, "set checkout.on_incomplete = 'warn'").await.unwrap();
    assert_eq!(lines(&session, "select payout_id from settlements").await, [""; 0]);
    assert_eq!(lines(&session, "select is_proven, error is null from system.coverage").await, ["false false"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_without_a_file_is_of_its_type_and_of_report_rows_where_nobody_knows_the_type() {
    let whole = || report("rpt_1", "Payouts", 1, &file("payouts_ent_a_20260701_20260702_1.csv", "CSV"));
    for report_type in ["Disputes", "SomethingNew"] {
        let (_server, session) = account(&[report("rpt_2", report_type, 1, &json!([])), whole()]).await;
        assert_eq!(lines(&session, "select payout_id from settlements").await, ["P1"], "{report_type}");
        let error = query(&session, "select * from report_rows").await.unwrap_err();
        assert_eq!((error.kind(), error.context("report")), (ErrorKind::Incomplete, Some("rpt_2")), "{error}");
    }
    // What is made for people only is no table's.
    let statement = report("rpt_2", "SettlementStatement", 1, &file("settlement-statement_ent_a_20260702_P1.pdf", "PDF"));
    let (_server, session) = account(&[statement, whole()]).await;
    assert_eq!(lines(&session, "select count(*) from report_rows").await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_told_are_an_error_that_names_their_report() {
    let (_server, session) = account(&[report("rpt_1", "Payouts", 1, &json!([{ "filename": "payouts.csv" }]))]).await;
    let error = query(&session, "select * from settlements").await.unwrap_err();
    assert_eq!((error.kind(), error.context("report")), (ErrorKind::Decode, Some("rpt_1")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn days_without_a_report_have_no_rows_only_where_reports_are_made_at_all() {
    let sql = "select count(*) from settlements where payout_date >= '2026-07-10'";
    let (_server, session) = account(&[report("rpt_2", "Disputes", 9, &json!([]))]).await;
    let error = query(&session, sql).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Incomplete, "{error}");
    assert!(error.message().starts_with("the account has no Payouts report"), "{error}");
    // The last that the stand-in has is of June.
    let stand = Stand::new(50, SandboxOptions::default());
    assert_eq!(stand.count(sql).await, 0);
    assert_eq!(stand.count(&sql.replace("2026", "2036")).await, 0);
    assert_eq!(
        stand.requests(&sql.replace("2026-07-10", "2026-06-28")).await.iter().filter(|asked| *asked == "GET /reports").count(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_names_no_payout_leaves_no_file_out() {
    let name = "settlement-breakdown_ent_a_20260702_00000003k599_1.csv";
    for (tags, payout) in
        [(json!(["payout_id:pay_123456789"]), "00000003K599"), (json!(["batch:7", "payout_id: 00000003k611 "]), "00000003K611")]
    {
        let mut tagged = report("rpt_1", "SettlementBreakdown", 1, &file(name, "CSV"));
        tagged["tags"] = tags;
        let (server, session) = account(&[tagged]).await;
        let text = "Payout ID,Gross In Holding Currency,Net In Holding Currency\n,1.5,1\n";
        let answer = ResponseTemplate::new(200).set_body_raw(text, "text/csv");
        Mock::given(path("/reports/rpt_1/files/file_1")).respond_with(answer).with_priority(1).mount(&server).await;
        let sql = format!("select net_in_holding_currency from settlement_breakdown where report_payout_id = '{payout}'");
        assert_eq!(lines(&session, &sql).await, ["1.00000000"]);
        assert_eq!(lines(&session, &sql.replace(payout, "00000003K000")).await, [""; 0]);
    }
}
