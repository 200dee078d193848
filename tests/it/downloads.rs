//! Report files from the listing to rows: the same rows however the files are written, the file or an error whatever
//! goes wrong on the way.

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch};
use ckosql::api::client::{Client, Tally};
use ckosql::api::request::{Host, Method, Request};
use ckosql::clock::Clock;
use ckosql::error::{ErrorKind, Result};
use ckosql::sandbox::{Faults, FileOptions, LineEnd, MerchantOptions, SandboxOptions};
use ckosql::schema::csv::{CsvDecoder, Ending, FileGiven};
use ckosql::schema::decode::Settings;
use ckosql::schema::fields;

use crate::stand::Stand;

const PAYMENTS: u64 = 3_000;
/// The files of the latest reports of the last days, in the order of their rows.
const FILES: &str = "select report_id, id, filename from report_files where created_on >= '2026-06-29' \
                     order by report_id, length(filename), filename";

fn client(stand: &Stand) -> Client {
    Client::try_new(stand.sandbox.account(), Clock::System).unwrap()
}

fn request(report: &str, file: &str) -> Request {
    Request {
        host: Host::Main,
        method: Method::Get,
        path: format!("/reports/{report}/files/{file}"),
        template: "/reports/{report_id}/files/{file_id}",
        query: Vec::new(),
        body: None,
        table: "settlements",
        scope: "reports:view",
        pass: 0,
    }
}

/// Report, file and name.
async fn files(stand: &Stand) -> Vec<[String; 3]> {
    let batches = stand.query(FILES).await.unwrap();
    let row =
        |batch: &RecordBatch, row: usize| [0, 1, 2].map(|column| batch.column(column).as_string::<i32>().value(row).to_owned());
    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(|number| row(batch, number))).collect()
}

/// The rows of a file as JSON, read while it comes in.
async fn rows(client: &Client, [report, file, filename]: &[String; 3]) -> Result<Vec<String>> {
    let raw = fields::schema(&[]).index_of(fields::RAW).unwrap();
    let decoder = CsvDecoder::try_new(&[], &[], &[raw], Settings::default())?;
    let mut reading = decoder.begin(FileGiven { file: filename.clone(), ..FileGiven::default() });
    let mut download = client.open(&request(report, file), &Tally::default()).await?.expect("a listed file is there");
    let mut batches = Vec::new();
    while let Some(piece) = download.piece().await? {
        let mut bytes = &*piece;
        while let Some(batch) = reading.push(&mut bytes)? {
            batches.push(batch);
        }
    }
    let ending = if download.is_end_proven() { Ending::Proven } else { Ending::Unproven };
    while let Some(batch) = reading.finish(ending)? {
        batches.push(batch);
    }
    let texts = batches.iter().flat_map(|batch| batch.column(0).as_string::<i32>().iter().flatten());
    Ok(texts.map(str::to_owned).collect())
}

/// The rows of every report, and how many files they came in.
async fn reports(stand: &Stand) -> (BTreeMap<String, Vec<String>>, usize) {
    let (client, files) = (client(stand), files(stand).await);
    let mut reports: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in &files {
        reports.entry(file[0].clone()).or_default().extend(rows(&client, file).await.unwrap());
    }
    (reports, files.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_has_the_same_rows_however_its_files_are_written() {
    let merchant = |files| MerchantOptions { payments: PAYMENTS, files, ..MerchantOptions::default() };
    let (expected, count) = reports(&Stand::of(merchant(FileOptions::default()), SandboxOptions::default())).await;
    assert!(expected.values().flatten().count() > 300, "{count} files");
    let otherwise = FileOptions {
        line_end: LineEnd::Lf,
        trailing_separators: true,
        gzip: true,
        rows_per_file: Some(7),
        ..FileOptions::default()
    };
    let (read, split) = reports(&Stand::of(merchant(otherwise), SandboxOptions::default())).await;
    assert!(split > count);
    assert_eq!(read, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn through_faults_a_file_is_whole_or_an_error_that_may_be_tried_again() {
    let clean = Stand::new(PAYMENTS, SandboxOptions::default());
    let faults = Faults::parse("429=5%,500=5%,503=5%,cut=10%,truncate=20%").unwrap();
    let faulty = Stand::new(PAYMENTS, SandboxOptions { faults, ..SandboxOptions::default() });
    let (right, wrong) = (client(&clean), client(&faulty));
    let (mut whole, mut broken) = (0, 0);
    for file in &files(&clean).await {
        let expected = rows(&right, file).await.unwrap();
        for _ in 0..5 {
            match rows(&wrong, file).await {
                Ok(read) => {
                    assert_eq!(read, expected, "{file:?}");
                    whole += 1;
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                    broken += 1;
                }
            }
        }
    }
    assert!(whole > 20 && broken > 5, "{whole} whole, {broken} broken");
}
