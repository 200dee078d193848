//! SQL behaviour: every `tests/slt/**/*.slt`, each in a session of its own over one stand-in merchant. Those of
//! `tests/slt/books` have the other side of `tests/fixtures/books/ckosql.toml` beside it.
//!
//! `cargo test --test slt -- disputes` runs the files whose path contains the word; with `--complete` the answers are
//! written into the files instead, to be read before they are committed.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stderr, reason = "tests may panic")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use ckosql::clock::Clock;
use ckosql::engine::config::{Config, Sources};
use ckosql::engine::{Engine, Session};
use ckosql::error::Error;
use ckosql::sandbox::{Merchant, MerchantOptions, Sandbox, SandboxOptions};
use futures::TryStreamExt;
use libtest_mimic::{Arguments, Trial};
use sqllogictest::{AsyncDB, ColumnType, DBOutput, Runner};

/// How many payments the merchant of these tests has.
const PAYMENTS: u64 = 2_000;

/// The type letter of a column in a `query` line.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Letter {
    Boolean,
    Integer,
    Decimal,
    Text,
    Instant,
    Other,
}

impl ColumnType for Letter {
    fn from_char(letter: char) -> Option<Self> {
        match letter {
            'B' => Some(Self::Boolean),
            'I' => Some(Self::Integer),
            'R' => Some(Self::Decimal),
            'T' => Some(Self::Text),
            'P' => Some(Self::Instant),
            '?' => Some(Self::Other),
            _ => None,
        }
    }

    fn to_char(&self) -> char {
        match self {
            Self::Boolean => 'B',
            Self::Integer => 'I',
            Self::Decimal => 'R',
            Self::Text => 'T',
            Self::Instant => 'P',
            Self::Other => '?',
        }
    }
}

fn letter(data_type: &DataType) -> Letter {
    match data_type {
        DataType::Boolean => Letter::Boolean,
        DataType::Decimal128(..) | DataType::Decimal256(..) => Letter::Decimal,
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => Letter::Text,
        DataType::Timestamp(..) | DataType::Date32 => Letter::Instant,
        number if number.is_integer() => Letter::Integer,
        _ => Letter::Other,
    }
}

struct Database(Session);

#[derive(Debug)]
struct Failure(Error);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}: {}", self.0.kind(), self.0)
    }
}

impl std::error::Error for Failure {}

#[async_trait]
impl AsyncDB for Database {
    type Error = Failure;
    type ColumnType = Letter;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<Letter>, Failure> {
        let answer = self.0.query(sql).await.map_err(Failure)?;
        let types = answer.schema.fields().iter().map(|field| letter(field.data_type())).collect();
        let batches: Vec<RecordBatch> = answer.batches.try_collect().await.map_err(|error| Failure(error.into()))?;
        let rows = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(|row| texts(batch, row))).collect();
        Ok(DBOutput::Rows { types, rows })
    }

    fn engine_name(&self) -> &'static str {
        "ckosql"
    }

    async fn shutdown(&mut self) {}
}

fn texts(batch: &RecordBatch, row: usize) -> Vec<String> {
    batch.columns().iter().map(|column| text(column.as_ref(), row)).collect()
}

fn text(column: &dyn Array, row: usize) -> String {
    if column.is_null(row) {
        return "NULL".to_owned();
    }
    if let DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, _) = column.data_type() {
        let micros = column.as_primitive::<TimestampMicrosecondType>().value(row);
        let instant = DateTime::<Utc>::from_timestamp_micros(micros).expect("an instant");
        return instant.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    }
    let mut text = String::new();
    let formatter = ArrayFormatter::try_new(column, &FormatOptions::default()).expect("a printable type");
    write!(text, "{}", formatter.value(row)).expect("a string can be written to");
    if text.is_empty() { "(empty)".to_owned() } else { text.replace('\n', "\\n") }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("tests/slt can be read") {
        let path = entry.expect("tests/slt can be read").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "slt") {
            found.push(path);
        }
    }
    found.sort();
}

/// The engine that files share, the one that those of the other side share, and the stand-in of both, which lives as long
/// as the program.
fn engines() -> (Engine, Engine, Sandbox) {
    let merchant = Merchant::new(MerchantOptions { payments: PAYMENTS, ..MerchantOptions::default() });
    let clock = Clock::Fixed(merchant.options().end);
    let sandbox = Sandbox::start(Arc::new(merchant), SandboxOptions::default()).expect("the stand-in starts");
    let config = Config { accounts: vec![sandbox.account()], clock, ..Config::default() };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/books/ckosql.toml");
    let key = ("CHECKOUT_SECRET_KEY".to_owned(), "sk_sbox_abcdefghijklmnopqrstuvwxyz2".to_owned());
    let sources = Sources { file: Some(file), environment: [key].into(), ..Sources::default() };
    let books = Config::load(&sources).expect("a configuration").books;
    let other = Config { books, ..config.clone() };
    (Engine::try_new(config).expect("an engine"), Engine::try_new(other).expect("an engine"), sandbox)
}

fn main() {
    let mut arguments: Vec<String> = std::env::args().collect();
    let complete = arguments.iter().any(|argument| argument == "--complete");
    arguments.retain(|argument| argument != "--complete");
    let arguments = Arguments::from_iter(arguments);

    let runtime = Arc::new(tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime"));
    let (engine, with_books, sandbox) = engines();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    let mut found = Vec::new();
    files(&root, &mut found);
    let trials = found.into_iter().map(|file| {
        let name = file.strip_prefix(&root).expect("a file of tests/slt").display().to_string();
        let engine = if name.starts_with("books/") { &with_books } else { &engine };
        let (engine, runtime) = (engine.clone(), Arc::clone(&runtime));
        Trial::test(name, move || runtime.block_on(run(&engine, &file, complete)).map_err(Into::into))
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    sandbox.stop();
    conclusion.exit();
}

async fn run(engine: &Engine, file: &Path, complete: bool) -> Result<(), String> {
    let connect = || async { Ok(Database(engine.session().expect("a session"))) };
    let mut runner = Runner::new(connect);
    runner.with_column_validator(sqllogictest::strict_column_validator);
    if complete {
        let (validator, columns) = (sqllogictest::default_validator, sqllogictest::strict_column_validator);
        return runner
            .update_test_file(file, "  ", validator, sqllogictest::default_normalizer, columns)
            .await
            .map_err(|error| error.to_string());
    }
    runner.run_file_async(file).await.map_err(|error| error.display(false).to_string())
}
