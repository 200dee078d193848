//! Every JSON answer that was collected from Checkout.com's own documents decodes, strictly, as the table it belongs to;
//! every report file is read to its end.
//!
//! The collection lies beside the checkout and is not part of it; without it there is nothing to check. Relies on the
//! registry of tables; a file that no line here claims fails, so that none is forgotten.

use std::path::{Path, PathBuf};

use arrow::array::{Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow::util::display::array_value_to_string;
use chrono::DateTime;
use ckosql::error::{Error, ErrorKind, Result};
use ckosql::resources::resource;
use ckosql::schema::csv::{CsvDecoder, Ending, FileGiven};
use ckosql::schema::decode::{Decoder, Given, OnMalformed, Settings};
use ckosql::schema::{Column, Kind, Rows, col, fields};

/// A file, the table it belongs to, and the path of the call that answers so.
const CLAIMED: &[(&str, &str, &str)] = &[
    ("balances__all.json", "balances", "/balances/{entity_id}"),
    ("balances__query_currency.json", "balances", "/balances/{entity_id}"),
    ("balances__with_currency_account_id.json", "balances", "/balances/{entity_id}"),
    ("customer_details.json", "customers", "/customers/{id}"),
    ("customer_details.json", "customers", "/customers/{email}"),
    ("dispute_details.json", "disputes", "/disputes/{id}"),
    ("dispute_evidence.json", "dispute_evidence", "/disputes/{dispute_id}/evidence"),
    ("dispute_scheme_files.json", "dispute_files", "/disputes/{dispute_id}/schemefiles"),
    ("disputes_list.json", "disputes", "/disputes"),
    ("entity_details.json", "entities", "/accounts/entities/{entity_id}"),
    ("entity_payout_schedules.json", "payout_schedules", "/accounts/entities/{entity_id}/payout-schedules"),
    ("financial_actions_list__node_fixture.json", "financial_actions", "/financial-actions"),
    ("forex_rates.json", "fx_rates", "/forex/rates"),
    ("instrument_details.json", "instruments", "/instruments/{id}"),
    ("payment_actions.json", "payment_actions", "/payments/{payment_id}/actions"),
    ("payment_details__card_verified.json", "payments", "/payments/{id}"),
    ("payment_details__full.json", "payments", "/payments/{id}"),
    ("payment_response__card_destination.json", "payments", "/payments/{id}"),
    ("payments_list_by_reference.json", "payments", "/payments"),
    ("payments_search.json", "payments", "/payments/search"),
    ("payout_actions__bank_returned.json", "payment_actions", "/payments/{payment_id}/actions"),
    ("payout_details__bank_returned.json", "payments", "/payments/{id}"),
    ("reports_list.json", "reports", "/reports"),
    ("reports_list.json", "report_files", "/reports"),
    ("spec2023_balances.json", "balances", "/balances/{entity_id}"),
    ("spec2023_bank_payout_details.json", "payments", "/payments/{id}"),
    ("spec2023_card_payout_details.json", "payments", "/payments/{id}"),
    ("spec2023_dispute_details.json", "disputes", "/disputes/{id}"),
    ("spec2023_disputes_list.json", "disputes", "/disputes"),
    ("spec2023_financial_actions_list.json", "financial_actions", "/financial-actions"),
    ("spec2023_forex_rates.json", "fx_rates", "/forex/rates"),
    ("spec2023_payment_actions.json", "payment_actions", "/payments/{payment_id}/actions"),
    ("spec2023_payment_details.json", "payments", "/payments/{id}"),
    ("spec2023_reports_list.json", "reports", "/reports"),
    ("spec2023_reports_list.json", "report_files", "/reports"),
    ("spec2023_scheme_files.json", "dispute_files", "/disputes/{dispute_id}/schemefiles"),
    ("spec2023_transfer.json", "transfers", "/transfers/{id}"),
    ("transfer_details.json", "transfers", "/transfers/{id}"),
];

/// Files that belong to no table, and why.
const NO_TABLE: &[(&str, &str)] = &[
    ("dispute_arbitration_submitted_evidence.json", "only a file id, told by no table"),
    ("dispute_submitted_evidence.json", "only a file id, told by no table"),
    ("entity_payment_instrument.json", "a bank account of an entity, told by no table"),
    ("entity_payment_instruments_list.json", "a bank account of an entity, told by no table"),
    ("error_422_balances.json", "an error, read by the API client"),
    ("error_422_dispute_evidence.json", "an error, read by the API client"),
    ("error_422_paging_limit_invalid.json", "an error, read by the API client"),
    ("error_422_transfer.json", "an error, read by the API client"),
    ("file_details.json", "an uploaded file, not a report's"),
    ("spec2023_file_details.json", "an uploaded file, not a report's"),
    ("spec2023_payment_card_source.json", "a part of a payment, not an answer"),
];

/// The currency of a payment, which its actions do not repeat.
const PAYMENT: &[u8] = br#"{"id":"pay_of_the_actions","currency":"GBP"}"#;

/// The one report file with a row: a Payouts report.
const PAYOUTS_FILE: &str = "wmf_payouts_ent_testcheckoutfixture_20260701_20260702_1(1)-1.csv";
/// Some of its columns. The day of a payout has an hour, in a zone the file does not name.
const PAYOUTS: &[Column] = &[
    col("payout_id", Kind::Text, "").key(),
    col("holding_currency", Kind::Text, ""),
    col("payout_date_local", Kind::LocalTime, "").at("Payout Date"),
    col("reporting_start_date", Kind::Date, ""),
    col("payout_amount", Kind::Decimal, ""),
    col("card_payment_scheme_fees", Kind::Decimal, ""),
    col("sub_entity_id", Kind::Text, ""),
    col("row_number", Kind::Int, ""),
];

fn samples() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/checkout/samples");
    folder.is_dir().then_some(folder)
}

fn decode(file: &str, table: &str, path: &str, on_malformed: OnMalformed) -> Result<RecordBatch> {
    let resource = resource(table).unwrap();
    let call = resource.calls.iter().find(|call| call.path == path).unwrap();
    let shape = resource.shape(call);
    let all: Vec<usize> = (0..fields::schema(resource.columns).fields().len()).collect();
    let settings = Settings { on_malformed, ..Settings::default() };
    let body = std::fs::read(samples().unwrap().join(file)).unwrap();
    let given = Given { account: "main", fetched_at: DateTime::UNIX_EPOCH, keys: &[], parent: call.parent.map(|_| PAYMENT) };
    let page = Decoder::try_new(resource.columns, shape, &all, settings)?.decode(&body, &given)?;
    assert!(shape.rows != Rows::Document || page.facts.rows == 1, "{file}: a document is one row");
    Ok(page.batch)
}

fn strictly(file: &str, table: &str, path: &str) -> RecordBatch {
    decode(file, table, path, OnMalformed::Error).unwrap_or_else(|error: Error| panic!("{file} as {table}: {error}"))
}

fn column(batch: &RecordBatch, name: &str) -> Vec<String> {
    let column = batch.column_by_name(name).unwrap();
    let value = |row| if column.is_null(row) { "-".to_owned() } else { array_value_to_string(column, row).unwrap() };
    (0..column.len()).map(value).collect()
}

/// Reads a report file, every field of the columns.
fn report(file: &str, columns: &'static [Column]) -> RecordBatch {
    let all: Vec<usize> = (0..fields::schema(columns).fields().len()).collect();
    let decoder = CsvDecoder::try_new(columns, &[], &all, Settings::default()).unwrap();
    let body = std::fs::read(samples().unwrap().join(file)).unwrap();
    let mut reading = decoder.begin(FileGiven { file: file.to_owned(), ..FileGiven::default() });
    let mut batches = Vec::new();
    for mut chunk in body.chunks(100) {
        batches.extend(std::iter::from_fn(|| reading.push(&mut chunk).unwrap()));
    }
    batches.extend(std::iter::from_fn(|| reading.finish(Ending::Unproven).unwrap()));
    concat_batches(decoder.schema(), &batches).unwrap()
}

#[test]
fn every_collected_report_file_is_read_to_its_end() {
    let Some(folder) = samples() else { return };
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: Vec<String> = names.filter(|file| file.ends_with(".csv")).collect();
    assert!(files.iter().any(|file| file == PAYOUTS_FILE));
    for file in files {
        let rows = report(&file, &[]);
        if file == PAYOUTS_FILE {
            let raw = column(&rows, "_raw").remove(0);
            assert!(
                raw.starts_with(r#"{"Client Entity ID":"ent_testcheckoutfixture","Client Entity Name":"Example Charity","#),
                "{raw}"
            );
            assert!(raw.ends_with(r#""Intelligent Acceptance Fees":"0","Network Token Fees":"-0.3"}"#), "{raw}");
        } else {
            assert_eq!(rows.num_rows(), 0, "{file} is a header");
        }
    }
}

#[test]
fn a_collected_payout_is_exact() {
    if samples().is_none() {
        return;
    }
    let payouts = report(PAYOUTS_FILE, PAYOUTS);
    let read: Vec<String> = PAYOUTS.iter().map(|declared| column(&payouts, declared.name).remove(0)).collect();
    assert_eq!(read, ["00000003K599", "USD", "2026-07-02T02:00:00", "2026-07-01", "79.51000000", "-1.32000000", "-", "1"]);
}

#[test]
fn every_collected_answer_decodes_and_none_is_forgotten() {
    let Some(folder) = samples() else { return };
    let mut files: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.retain(|file| file.ends_with(".json"));
    files.sort();
    for file in &files {
        let claimed: Vec<_> = CLAIMED.iter().filter(|(name, ..)| name == file).collect();
        let excused = NO_TABLE.iter().any(|(name, _)| name == file);
        assert!(claimed.is_empty() == excused, "{file} must be claimed by a table, or excused");
        for (_, table, path) in claimed {
            assert!(strictly(file, table, path).num_rows() > 0, "{file} as {table} has rows");
        }
    }
}

#[test]
fn collected_amounts_are_exact() {
    if samples().is_none() {
        return;
    }
    let payments = strictly("payments_search.json", "payments", "/payments/search");
    assert_eq!((column(&payments, "amount"), column(&payments, "amount_minor")), (vec!["100.000".into()], vec!["10000".into()]));
    assert_eq!(
        (column(&payments, "total_captured"), column(&payments, "total_voided")),
        (vec!["1.500".into()], vec!["-".into()])
    );
    let actions = strictly("financial_actions_list__node_fixture.json", "financial_actions", "/financial-actions");
    assert_eq!(column(&actions, "holding_currency_amount"), ["0.19526938"]);
    assert_eq!(column(&actions, "processing_currency_amount"), ["0.15816820"]);
    let disputes = strictly("disputes_list.json", "disputes", "/disputes");
    assert_eq!(column(&disputes, "amount"), ["10.400"]);
}

#[test]
fn what_is_asked_for_by_key_is_read_whole() {
    if samples().is_none() {
        return;
    }
    let evidence = strictly("dispute_evidence.json", "dispute_evidence", "/disputes/{dispute_id}/evidence");
    assert_eq!(column(&evidence, "item"), ["proof_of_delivery_or_service_text"]);
    assert_eq!(column(&evidence, "value"), ["http://checkout.com/document.pdf"]);
    let schedules =
        strictly("entity_payout_schedules.json", "payout_schedules", "/accounts/entities/{entity_id}/payout-schedules");
    let read = ["currency", "enabled", "threshold", "frequency", "by_day"].map(|name| column(&schedules, name).remove(0));
    assert_eq!(read, ["GBP", "true", "100.00000000", "weekly", "monday"]);
    let rates = strictly("forex_rates.json", "fx_rates", "/forex/rates");
    assert_eq!(column(&rates, "exchange_rate"), ["1.14208777", "0.83708142"]);
    let transfer = strictly("spec2023_transfer.json", "transfers", "/transfers/{id}");
    assert_eq!([column(&transfer, "amount"), column(&transfer, "currency")], [["1.000"], ["GBP"]]);
    let entity = strictly("entity_details.json", "entities", "/accounts/entities/{entity_id}");
    let read = ["status", "payouts_enabled", "company_country"].map(|name| column(&entity, name).remove(0));
    assert_eq!(read, ["active", "true", "GB"]);
    let instrument = strictly("instrument_details.json", "instruments", "/instruments/{id}");
    assert_eq!([column(&instrument, "scheme"), column(&instrument, "card_type")], [["Visa"], ["Credit"]]);
}

#[test]
fn the_one_malformed_instant_is_an_error_that_says_where_it_is() {
    if samples().is_none() {
        return;
    }
    let read = |on_malformed| decode("payments_search.json", "payment_actions", "/payments/search", on_malformed);
    let error = read(OnMalformed::Error).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert_eq!(
        error.to_string(),
        "cannot read processed_on: not an instant (row pay_mbabizu24mvu3mela5njyhpit4, field /actions/4/processed_on, \
         value \"2023-08-24T14:15:3448464Z\")"
    );
    let actions = read(OnMalformed::Null).unwrap();
    assert_eq!(
        column(&actions, "processed_on"),
        [
            "2023-08-25T14:15:24.344846Z",
            "2023-08-24T14:15:26.344846Z",
            "2023-08-24T14:15:25.344846Z",
            "2023-08-24T14:15:24.344846Z",
            "-",
            "2023-08-24T14:15:22.344846Z",
        ]
    );
}
