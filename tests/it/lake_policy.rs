//! What of people is in a lake that is made under a policy: nothing that the policy names, in no file of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use chrono::TimeDelta;
use ckosql::clock::Clock;
use ckosql::engine::Engine;
use ckosql::engine::config::Config;
use ckosql::error::{Error, ErrorKind};
use ckosql::lake::policy::Policy;
use ckosql::lake::policy::settings::PolicySettings;
use ckosql::lake::settings::LakeOptions;
use ckosql::lake::sync::Synced;
use ckosql::sandbox::{Merchant, MerchantOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

use crate::copy::Copy;

const HASHES: &str = "
hash = ['*.customer_email', 'customers.email', 'entities.contact_email', 'disputes.payment_arn']
mask = ['*.customer_name', 'payments.source_name', 'payments.destination_name', 'settlement_breakdown.udf_1', '*.entity_name']
drop = ['*.metadata', '*.source_bin', 'payments.source_last4', 'settlement_breakdown.bin', 'payment_actions.auth_code']
key = '0123456789abcdef0123456789abcdef'
";
/// Tables with something that these name, and a few more.
const TABLES: [&str; 6] = ["payments", "payment_actions", "disputes", "settlement_breakdown", "reports", "entities"];
const NO_PII: &str = "no_pii = true";

fn policy(toml: &str) -> Policy {
    toml::from_str::<PolicySettings>(toml).unwrap().resolve(&BTreeMap::new()).unwrap()
}

/// The merchant so many days before its story ends.
fn merchant(days: i64) -> Merchant {
    let options = MerchantOptions { payments: 300, days: 30, ..MerchantOptions::default() };
    Merchant::before(options, options.end - TimeDelta::days(days))
}

fn copy(days: i64, lake: &TempDir, toml: &str) -> Copy {
    Copy::under(merchant(days), Some(LakeOptions::at(lake.path().to_str().unwrap())), policy(toml))
}

/// The texts of columns of an answer, but for those too short to be told from chance.
async fn texts(copy: &Copy, sql: &str) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    for batch in copy.query(sql).await.unwrap() {
        for column in batch.columns() {
            let column = cast(column, &DataType::Utf8).unwrap();
            texts.extend(column.as_string::<i32>().iter().flatten().filter(|text| text.len() > 2).map(str::to_owned));
        }
    }
    assert!(!texts.is_empty(), "{sql}");
    texts
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// Every text in a lake, each once, with a file and column it is in: of all versions, what changed included, and the logs.
fn kept(lake: &TempDir) -> Vec<(String, String)> {
    let mut paths = Vec::new();
    files(lake.path(), &mut paths);
    let mut kept = HashMap::new();
    for path in paths {
        let shown = path.strip_prefix(lake.path()).unwrap().display().to_string();
        if path.extension().is_none_or(|extension| extension != "parquet") {
            kept.insert(String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned(), shown);
            continue;
        }
        let batches = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap().build().unwrap();
        for batch in batches {
            let batch: RecordBatch = batch.unwrap();
            for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
                if field.data_type().is_string() {
                    let column = cast(column, &DataType::Utf8).unwrap();
                    let place = format!("{shown} {}", field.name());
                    kept.extend(column.as_string::<i32>().iter().flatten().map(|text| (text.to_owned(), place.clone())));
                }
            }
        }
    }
    assert!(kept.len() > 1_000, "{}", kept.len());
    kept.into_iter().map(|(text, place)| (place, text)).collect()
}

/// Panics where one of these texts is kept.
fn assert_gone(kept: &[(String, String)], clear: &BTreeSet<String>) {
    for (place, text) in kept {
        if let Some(found) = clear.iter().find(|clear| text.contains(clear.as_str())) {
            panic!("{found} is in {place}: {text}");
        }
    }
}

fn first_error(synced: &[Synced]) -> &Error {
    synced.iter().find_map(|one| one.error.as_ref()).expect("a table is refused")
}

fn said(error: &Error) -> String {
    format!("{error}; {}", error.advice().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hashed_masked_or_dropped_is_in_no_file_of_the_lake() {
    let lake = TempDir::new().unwrap();
    copy(10, &lake, HASHES).sync(&TABLES).await;
    let later = copy(0, &lake, HASHES);
    let synced = later.sync(&TABLES).await;
    assert!(synced.iter().any(|one| one.tally.changed > 0), "there are files of changes");
    let mut clear = texts(&later, "select customer_email, customer_name, source_name, destination_name from live.payments").await;
    clear.extend(texts(&later, "select contact_email from live.entities").await);
    clear.extend(texts(&later, "select metadata from live.payments").await);
    assert_gone(&kept(&lake), &clear);
    // Too short to be looked for everywhere.
    for gone in
        ["source_last4 is not null", "source_bin is not null", "_raw->'source'->>'last4' is not null", "metadata is not null"]
    {
        assert_eq!(later.number(&format!("select count(*) from lake.payments where {gone}")).await, 0, "{gone}");
    }
    for kept in ["_raw->'source'->>'fingerprint' = source_fingerprint", "_raw->'source'->>'name' = source_name"] {
        assert!(later.number(&format!("select count(*) from lake.payments where {kept}")).await > 100, "{kept}");
    }
    let named = "entity_name not like '****** ****%' or _raw->>'Client Entity Name' <> entity_name or entity_name is null";
    for table in ["settlement_breakdown", "settlement_breakdown_history"] {
        assert_eq!(later.number(&format!("select count(*) from lake.{table} where {named}")).await, 0, "{table}");
    }
    let acted = "select count(*) from lake.payment_actions where auth_code is not null or _raw->>'auth_code' is not null";
    assert_eq!(later.number(acted).await, 0);
    assert_eq!(later.number("select count(*) from lake.payments where _raw like '%\"auth_code\":\"%'").await, 0);
    assert!(later.number("select count(*) from live.payments where _raw like '%\"auth_code\":\"%'").await > 100);

    let again = later.sync(&TABLES).await;
    let come = |one: &&Synced| one.table != "balances" && one.tally.added + one.tally.changed + one.tally.gone > 0;
    assert_eq!(again.iter().find(come).map(|one| (one.table, one.tally)), None, "nothing is new");
}

#[tokio::test(flavor = "multi_thread")]
async fn live_rows_are_seen_as_the_lake_has_them() {
    let lake = TempDir::new().unwrap();
    for toml in [HASHES, NO_PII] {
        let synced = copy(0, &lake, toml);
        synced.sync(&TABLES).await;
        let mut rows = Vec::new();
        for table in TABLES {
            let columns = synced.columns(table).await;
            let until = match table {
                "payments" | "payment_actions" => "where requested_on < timestamp '2026-06-30T23:45:00Z'",
                "reports" => "where created_on < timestamp '2026-06-30T23:45:00Z'",
                _ => "",
            };
            let sql = |schema: &str| format!("select {columns} from {schema}{table} {until}");
            rows.push((sql(""), synced.rows(&sql("lake.")).await));
        }
        // The same stand-in, and no lake.
        let config = Config {
            accounts: vec![synced.sandbox.account()],
            clock: Clock::Fixed(merchant(0).end()),
            policy: policy(toml),
            ..Config::default()
        };
        let alone = Copy { engine: Engine::try_new(config).unwrap(), sandbox: synced.sandbox };
        for (sql, kept) in rows {
            let live = alone.rows(&sql).await;
            assert_eq!(live.iter().zip(&kept).find(|(live, kept)| live != kept), None, "{sql}");
            assert_eq!(live.len(), kept.len(), "{sql}");
        }
        fs::remove_dir_all(lake.path()).unwrap();
        fs::create_dir(lake.path()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_without_pii_has_nothing_personal_and_no_raw() {
    let lake = TempDir::new().unwrap();
    let later = copy(0, &lake, NO_PII);
    later.sync(&[]).await;
    let personal = later.query("select table_name, column_name from system.columns where is_personal").await.unwrap();
    let mut looked = 0;
    let mut clear = BTreeSet::new();
    for batch in &personal {
        let (tables, columns) = (batch.column(0).as_string::<i32>(), batch.column(1).as_string::<i32>());
        for (table, column) in tables.iter().flatten().zip(columns.iter().flatten()) {
            if later.engine.lake().unwrap().table(table).is_none() {
                continue;
            }
            looked += 1;
            let left = later.number(&format!("select count({column}) from lake.{table}")).await;
            assert_eq!(left, 0, "{table}.{column}");
            if ["customer_email", "customer_name", "source_name", "source_fingerprint", "contact_email", "contact_phone_number"]
                .contains(&column)
            {
                clear.extend(texts(&later, &format!("select {column} from live.{table}")).await);
            }
        }
    }
    assert!(looked > 40 && clear.len() > 50, "{looked} columns, {} texts", clear.len());
    assert_gone(&kept(&lake), &clear);
    let last4 = texts(&later, "select source_last4 from live.payments").await;
    let whole = kept(&lake).into_iter().find(|(place, text)| last4.contains(text) && !place.ends_with("merchant_category_code"));
    assert_eq!(whole, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_of_another_policy_is_refused_and_left_as_it_is() {
    let (lake, clear) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let tables = ["payments".to_owned(), "entities".to_owned()];
    copy(0, &lake, HASHES).sync(&["payments", "entities"]).await;
    copy(0, &clear, "").sync(&["payments"]).await;
    let before = kept_files(&lake);
    let other_key = HASHES.replace("key = '0", "key = '1");
    for (toml, lake, told) in [
        ("", &lake, "made under [drop payment_actions.auth_code, payment_actions.metadata, payments.metadata, payments."),
        (
            other_key.as_str(),
            &lake,
            "made under [drop payment_actions.auth_code, payment_actions.metadata, payments.metadata, payments.",
        ),
        (NO_PII, &lake, "configured [no_pii], table"),
        (HASHES, &clear, "made under none, configured [drop payment_actions.auth_code, "),
    ] {
        let other = copy(0, lake, toml);
        let synced = other.engine.sync(&tables[..1], None, false, &|_| {}).await.unwrap();
        let error = first_error(&synced);
        assert_eq!((error.kind(), error.context("table")), (ErrorKind::Config, Some("payments")), "{error}");
        assert!(said(error).contains(told) && said(error).contains("into another folder"), "{}", said(error));
        assert!(!said(error).contains("0123456789abcdef"), "{}", said(error));
        // What is there can be read as it is, and is not put together with what is otherwise.
        assert!(other.number("select count(*) from lake.payments").await > 0);
        assert_eq!(other.query("select * from payments").await.unwrap_err().kind(), ErrorKind::Config);
    }
    assert_eq!(kept_files(&lake), before);
    let no_pii = TempDir::new().unwrap();
    copy(0, &no_pii, NO_PII).sync(&["entities"]).await;
    let synced = copy(0, &no_pii, "").engine.sync(&tables[1..], None, false, &|_| {}).await.unwrap();
    assert!(
        said(first_error(&synced)).contains("; say --no-pii, or no_pii = true under [policy]"),
        "{}",
        said(first_error(&synced))
    );
    // A table that the policies do not speak of is the same under both.
    copy(0, &lake, HASHES).sync(&["reports"]).await;
    copy(0, &lake, "").sync(&["reports"]).await;
}

fn kept_files(lake: &TempDir) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(lake.path(), &mut found);
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn public_has_live_rows_as_the_lake_would_and_asks_for_nothing_that_is_hashed() {
    let lake = TempDir::new().unwrap();
    let copies = [Copy::under(merchant(0), None, policy(HASHES)), copy(0, &lake, HASHES)];
    copy(10, &lake, HASHES).sync(&["payments"]).await;
    for copy in &copies {
        // The first has no lake, the second one that is ten days old.
        let all = "select count(*) n, count(distinct customer_email) emails, count(source_last4) last4 from";
        let clear = copy.text(&format!("{all} live.payments")).await;
        assert_ne!(copy.text(&format!("{all} payments")).await, clear);
        let [people, clear] = ["", "live."].map(|schema| format!("select count(distinct customer_email) from {schema}payments"));
        assert_eq!(copy.number(&people).await, copy.number(&clear).await);
        let open = "select count(*) from payments where customer_email like '%@%' or source_name like '%stomer%' or _raw like '%customer-0%' or source_last4 is not null";
        assert_eq!(copy.number(open).await, 0);
        for id in texts(copy, "select id from live.payments order by requested_on desc limit 1")
            .await
            .iter()
            .chain(&texts(copy, "select id from live.payments order by requested_on limit 1").await)
        {
            let of = |schema: &str| format!("select customer_email from {schema}payments where id = '{id}'");
            let (email, hash) =
                (texts(copy, &of("live.")).await.pop_first().unwrap(), texts(copy, &of("")).await.pop_first().unwrap());
            assert!(hash.len() == 64 && !hash.contains('@'), "{hash}");
            // The same person in another table, though that is never kept.
            let customer =
                texts(copy, &format!("select id from live.customers where email = '{email}'")).await.pop_first().unwrap();
            assert_eq!(
                texts(copy, &format!("select email from customers where id = '{customer}'")).await.pop_first().unwrap(),
                hash
            );
            copy.sandbox.reset_log();
            assert!(copy.number(&format!("select count(*) from payments where customer_email = '{hash}'")).await > 0);
            assert_eq!(copy.number(&format!("select count(*) from payments where customer_email = '{email}'")).await, 0);
            let asked = format!("{:?}", copy.sandbox.requests());
            assert!(!asked.contains(&hash) && !asked.contains(&email) && !asked.contains("email:"), "{asked}");
            copy.sandbox.reset_log();
            let joined = format!(
                "select count(*) from (values ('{id}')) o(id) join payments p on p.id = o.id where p.customer_email = '{hash}'"
            );
            assert_eq!(copy.number(&joined).await, 1);
        }
        assert_eq!(
            copy.query("select * from payments limit 3").await.unwrap().iter().map(RecordBatch::num_rows).sum::<usize>(),
            3
        );
        let plan = copy.text("explain select id from payments where customer_email = 'marker@example.com'").await;
        assert!(plan.contains("hashed(") && !plan.contains("marker") && !plan.contains("0123456789abcdef"), "{plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_is_looked_for_in_the_lake_and_never_asked_for() {
    let hashes = "hash = ['payments.reference']\nkey = '0123456789abcdef0123456789abcdef'";
    let lake = TempDir::new().unwrap();
    copy(10, &lake, hashes).sync(&["payments"]).await;
    let later = copy(0, &lake, hashes);
    let first = "select reference from lake.payments where reference is not null order by requested_on limit 1";
    let hash = texts(&later, first).await.pop_first().unwrap();
    later.sandbox.reset_log();
    let old = format!("reference = '{hash}' and requested_on < timestamp '2026-06-10T00:00:00Z'");
    assert!(later.number(&format!("select count(*) from payments where {old}")).await > 0);
    // A reference in the clear is a key that the API answers by.
    assert_eq!(later.sandbox.requests().len(), 0);
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ckosql"));
    command
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .args(["--demo", "--lake", "lake"])
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn the_command_line_makes_a_lake_without_pii_and_exports_nothing_that_it_hides() {
    let folder = TempDir::new().unwrap();
    let ran = |arguments: &[&str]| {
        let output = run(folder.path(), arguments);
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    };
    let (code, text) = ran(&["sync", "--no-pii", "entities"]);
    assert_eq!(code, 0, "{text}");
    let (code, text) =
        ran(&["query", "select count(*) - count(contact_email) = 0, count(_raw) from lake.entities", "--format", "csv"]);
    assert!(code == 0 && text.contains("false,0"), "{text}");
    let (code, text) = ran(&["sync", "entities"]);
    assert!(code == 2 && text.contains("made under [no_pii], configured none"), "{code}: {text}");
    let hidden = ["--set", "policy.no_pii=true", "export", "live.entities", "--to", "out"];
    let (code, text) = ran(&hidden);
    assert!(code == 2 && text.contains("hint: export entities, which has it as the policy lets it be kept"), "{code}: {text}");
    let (code, text) = ran(&hidden.map(|argument| if argument == "live.entities" { "entities" } else { argument }));
    assert_eq!(code, 0, "{text}");
    let (code, text) = ran(&["--set", "policy.key=0123456789abcdef0123456789abcdef", "query", "select 1"]);
    assert!(code == 2 && text.contains("export CKOSQL_POLICY_KEY"), "{code}: {text}");
}
