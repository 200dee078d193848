//! Exports: what is read back is what was written, to the last digit; a reader sees the former one until the new one is
//! whole; and whatever somebody changed is found.

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Decimal128Type, Field, Schema, SchemaRef};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use ckosql::clock::Clock;
use ckosql::engine::Engine;
use ckosql::engine::config::Config;
use ckosql::error::{Error, ErrorKind, Result};
use ckosql::lake::export::check::{Checked, check};
use ckosql::lake::export::destination::Destination;
use ckosql::lake::export::manifest::{Compression, File, Format, Manifest, NAME, Origin};
use ckosql::lake::export::{Export, Fate, Options, Source};
use ckosql::lake::settings::LakeOptions;
use ckosql::lake::sync::Tally;
use ckosql::sandbox::{Merchant, MerchantOptions, Sandbox, SandboxOptions};
use ckosql::store::Location;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream;
use futures::{StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::faulty_store::FaultyStore;

fn in_store(store: Arc<dyn ObjectStore>) -> Destination {
    Destination::new(Location::parse("memory:///some/folder", &BTreeMap::new()).unwrap().through(store)).unwrap()
}

fn in_folder(folder: &TempDir) -> Destination {
    Destination::new(Location::parse(folder.path().to_str().unwrap(), &BTreeMap::new()).unwrap()).unwrap()
}

fn schema() -> SchemaRef {
    let about = |text: &str| [("comment".to_owned(), text.to_owned())].into();
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("text", DataType::Utf8, true),
        Field::new("currency", DataType::Utf8, true),
        Field::new("amount", DataType::Decimal128(18, 3), true).with_metadata(about("Amount. Major units of `currency`.")),
        Field::new("at", DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, Some("UTC".into())), true),
    ]))
}

/// Rows with awkward texts, three currencies and none, and amounts of both signs.
fn rows(count: usize, first: usize) -> RecordBatch {
    let texts = [Some("plain"), Some("with \"quotes\", commas"), Some("two\nlines"), None, Some("ü/=%")];
    let currencies = [Some("EUR"), Some("JPY"), Some("KWD"), None];
    let range = || first..first + count;
    let amount =
        |row: usize| (row % 7 != 6).then(|| i128::try_from(row * 997).unwrap() * if row.is_multiple_of(3) { -1 } else { 1 });
    let amounts: Decimal128Array = range().map(amount).collect();
    let at = range().map(|row| Some(1_700_000_000_000_000 + i64::try_from(row).unwrap() * 1_234_567));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(range().map(|row| i64::try_from(row).ok()).collect::<Int64Array>()),
        Arc::new(range().map(|row| texts[row % texts.len()]).collect::<StringArray>()),
        Arc::new(range().map(|row| currencies[row % currencies.len()]).collect::<StringArray>()),
        Arc::new(amounts.with_precision_and_scale(18, 3).unwrap()),
        Arc::new(at.collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

fn stream_of(batches: Vec<RecordBatch>) -> SendableRecordBatchStream {
    let schema = batches[0].schema();
    Box::pin(RecordBatchStreamAdapter::new(schema, stream::iter(batches.into_iter().map(Ok))))
}

fn source() -> Source {
    Source { origin: Origin { table: None, sql: Some("select 1".to_owned()) }, lake: Vec::new() }
}

fn now() -> DateTime<Utc> {
    "2026-09-30T12:00:00Z".parse().unwrap()
}

async fn export(to: &Destination, options: &Options, batches: Vec<RecordBatch>) -> Result<Manifest> {
    Export::begin(to.clone(), options.clone(), now()).await?.write(source(), stream_of(batches)).await
}

fn csv() -> Options {
    Options { format: Format::Csv, ..Options::default() }
}

fn by(columns: &[&str]) -> Options {
    Options { partition_by: columns.iter().map(|name| (*name).to_owned()).collect(), ..Options::default() }
}

async fn bytes_of(to: &Destination, path: &str) -> Bytes {
    to.store().get(&Path::parse(path).unwrap()).await.unwrap().bytes().await.unwrap()
}

/// Everything that lies in the destination.
async fn names(to: &Destination) -> Vec<String> {
    let mut names: Vec<String> = to.store().list(None).map_ok(|file| file.location.to_string()).try_collect().await.unwrap();
    names.sort();
    names
}

async fn read_parquet(to: &Destination, file: &File) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes_of(to, &file.path).await).unwrap().build().unwrap();
    reader.map(|batch| batch.unwrap()).collect()
}

/// The ids of all rows of an export, which a reader that goes by the manifest sees.
async fn ids(to: &Destination) -> Vec<i64> {
    let manifest = to.find().await.unwrap().unwrap().manifest;
    let mut ids = Vec::new();
    for file in &manifest.files {
        for batch in read_parquet(to, file).await {
            ids.extend(batch.column_by_name("id").unwrap().as_primitive::<arrow::datatypes::Int64Type>().values());
        }
    }
    ids.sort_unstable();
    ids
}

/// Sums in thousandths, by currency, reckoned the plain way.
fn sums(batches: &[RecordBatch]) -> BTreeMap<Option<String>, i128> {
    let mut sums = BTreeMap::new();
    for batch in batches {
        let currencies = batch.column_by_name("currency").unwrap().as_string::<i32>();
        let amounts = batch.column_by_name("amount").unwrap().as_primitive::<Decimal128Type>();
        for (currency, amount) in currencies.iter().zip(amounts) {
            if let Some(amount) = amount {
                *sums.entry(currency.map(str::to_owned)).or_insert(0) += amount;
            }
        }
    }
    sums
}

fn told(manifest: &Manifest) -> BTreeMap<Option<String>, i128> {
    let total = &manifest.totals.decimals[0];
    assert_eq!((total.column.as_str(), total.by.as_deref()), ("amount", Some("currency")));
    let thousandths = |text: &str| {
        let (whole, decimals) = text.split_once('.').unwrap();
        assert_eq!(decimals.len(), 3, "{text}");
        format!("{whole}{decimals}").parse().unwrap()
    };
    total.sums.iter().map(|sum| (sum.currency.clone(), thousandths(&sum.sum))).collect()
}

fn assert_sound(checked: &Checked) {
    assert!(checked.differences.is_empty(), "{:?}", checked.differences);
    assert!(checked.strays.is_empty(), "{:?}", checked.strays);
}

#[tokio::test]
async fn parquet_comes_back_as_it_was_with_the_meaning_of_its_columns() {
    for compression in [Compression::Zstd, Compression::Snappy, Compression::None] {
        let (to, batches) = (in_store(Arc::new(InMemory::new())), vec![rows(1_000, 0), rows(20_000, 1_000)]);
        let options = Options { compression, group_rows: 5_000, ..Options::default() };
        let manifest = export(&to, &options, batches.clone()).await.unwrap();
        assert_eq!((manifest.files.len(), manifest.totals.rows), (1, 21_000));
        let back = read_parquet(&to, &manifest.files[0]).await;
        assert_eq!(back[0].schema(), schema());
        let whole = |batches: &[RecordBatch]| arrow::compute::concat_batches(&schema(), batches).unwrap();
        assert_eq!(whole(&back), whole(&batches));
        assert_eq!(told(&manifest), sums(&batches));
        assert_sound(&check(&to).await.unwrap());
    }
}

#[tokio::test]
async fn csv_comes_back_digit_for_digit() {
    let (to, batches) = (in_store(Arc::new(InMemory::new())), vec![rows(20_000, 0)]);
    let manifest = export(&to, &csv(), batches.clone()).await.unwrap();
    let text = String::from_utf8(bytes_of(&to, &manifest.files[0].path).await.to_vec()).unwrap();
    let head = text.lines().take(3).collect::<Vec<_>>().join("\n");
    assert_eq!(
        head,
        "id,text,currency,amount,at\n0,plain,EUR,0.000,2023-11-14T22:13:20Z\n\
         1,\"with \"\"quotes\"\", commas\",JPY,0.997,2023-11-14T22:13:21.234567Z"
    );
    let reader = arrow::csv::ReaderBuilder::new(schema()).with_header(true).build(text.as_bytes()).unwrap();
    let back: Vec<RecordBatch> = reader.map(|batch| batch.unwrap()).collect();
    assert_eq!(arrow::compute::concat_batches(&schema(), &back).unwrap(), batches[0]);
    assert_eq!(told(&manifest), sums(&batches));
    assert_sound(&check(&to).await.unwrap());
}

#[tokio::test]
async fn an_answer_without_rows_has_columns() {
    for options in [Options::default(), csv()] {
        let to = in_store(Arc::new(InMemory::new()));
        let manifest = export(&to, &options, vec![rows(0, 0)]).await.unwrap();
        assert_eq!((manifest.files.len(), manifest.totals.rows, manifest.columns.len()), (1, 0, 5));
        assert_sound(&check(&to).await.unwrap());
    }
}

#[tokio::test]
async fn awkward_values_have_folders_of_their_own() {
    let values = [
        Some("a/b"),
        Some("a=b"),
        Some("a%2Fb"),
        Some(""),
        None,
        Some("__HIVE_DEFAULT_PARTITION__"),
        Some(".."),
        Some("."),
        Some("ß 你好"),
        Some(" spaced "),
        Some("#1"),
        Some("tab\tnewline\n"),
        Some("C:\\x"),
    ];
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("id", Arc::new((0_i64..).take(values.len()).collect::<Int64Array>()), true),
        ("where", Arc::new(values.iter().copied().collect::<StringArray>()), true),
        ("day", Arc::new(values.iter().map(|_| Some(20_000)).collect::<arrow::array::Date32Array>()), true),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let folder = TempDir::new().unwrap();
    for to in [in_store(Arc::new(InMemory::new())), in_folder(&folder)] {
        let manifest = export(&to, &by(&["day", "where"]), vec![batch.clone()]).await.unwrap();
        let mut back: BTreeMap<i64, Option<String>> = BTreeMap::new();
        for file in &manifest.files {
            assert_eq!((file.rows, file.partition[0].as_deref()), (1, Some("2024-10-04")));
            let read = read_parquet(&to, file).await;
            assert_eq!(read[0].num_columns(), 1);
            back.insert(read[0].column(0).as_primitive::<arrow::datatypes::Int64Type>().value(0), file.partition[1].clone());
        }
        let expected: BTreeMap<i64, Option<String>> =
            (0_i64..).zip(values.iter().map(|value| value.map(str::to_owned))).collect();
        assert_eq!(back, expected);
        let mut folders: Vec<&str> = manifest.files.iter().filter_map(|file| file.path.split('/').nth(1)).collect();
        folders.sort_unstable();
        assert_eq!(
            folders,
            [
                "where=",
                "where= spaced ",
                "where=%231",
                "where=%5F_HIVE_DEFAULT_PARTITION__",
                "where=.",
                "where=..",
                "where=C%3A%5Cx",
                "where=__HIVE_DEFAULT_PARTITION__",
                "where=a%252Fb",
                "where=a%2Fb",
                "where=a%3Db",
                "where=tab%09newline%0A",
                "where=ß 你好",
            ]
        );
        assert_sound(&check(&to).await.unwrap());
    }
}

#[tokio::test]
async fn amounts_are_summed_by_a_currency_that_is_a_folder() {
    for format in [Format::Parquet, Format::Csv] {
        let (to, batches) = (in_store(Arc::new(InMemory::new())), vec![rows(5_000, 0)]);
        let options = Options { format, ..by(&["currency"]) };
        let manifest = export(&to, &options, batches.clone()).await.unwrap();
        assert_eq!((manifest.files.len(), told(&manifest)), (4, sums(&batches)));
        assert_sound(&check(&to).await.unwrap());
    }
}

#[tokio::test]
async fn files_end_at_their_size() {
    for format in [Format::Parquet, Format::Csv] {
        let to = in_store(Arc::new(InMemory::new()));
        let options = Options { format, file_bytes: 200_000, group_rows: 8_192, ..Options::default() };
        let batches: Vec<RecordBatch> = (0..10).map(|batch| rows(20_000, batch * 20_000)).collect();
        let manifest = export(&to, &options, batches.clone()).await.unwrap();
        assert!(manifest.files.len() > 3, "{} files", manifest.files.len());
        assert_eq!(manifest.files.iter().map(|file| file.rows).sum::<u64>(), 200_000);
        let (last, full) = manifest.files.split_last().unwrap();
        for file in full {
            assert!((100_000..1_000_000).contains(&file.bytes), "{file:?}");
        }
        assert!(last.bytes < 1_000_000);
        assert_sound(&check(&to).await.unwrap());
    }
}

#[tokio::test]
async fn many_folders_take_no_more_files_at_once_than_are_set_aside() {
    let to = in_store(Arc::new(InMemory::new()));
    let manifest = export(&to, &by(&["id"]), vec![rows(300, 0)]).await.unwrap();
    assert_eq!((manifest.files.len(), manifest.totals.rows), (300, 300));
    assert_sound(&check(&to).await.unwrap());
}

#[tokio::test]
async fn a_put_that_fails_leaves_the_former_export_readable_and_nothing_else() {
    let store = FaultyStore::new();
    let to = in_store(Arc::clone(&store) as _);
    let options = by(&["currency"]);
    export(&to, &options, vec![rows(100, 0)]).await.unwrap();
    let former = names(&to).await;
    // Four files and the manifest.
    for put in 1..=5 {
        store.fail_at_put(put);
        let error = export(&to, &options, vec![rows(500, 1_000)]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::File, "{error}");
        assert!(error.to_string().contains("503 slow down"), "{error}");
        assert_eq!(names(&to).await, former, "put {put}");
        assert_eq!(ids(&to).await, (0..100).collect::<Vec<_>>(), "put {put}");
    }
    store.mend();
    export(&to, &options, vec![rows(500, 1_000)]).await.unwrap();
    assert_eq!(ids(&to).await, (1_000..1_500).collect::<Vec<_>>());
    assert_sound(&check(&to).await.unwrap());
}

#[tokio::test]
async fn rows_that_fail_leave_the_former_export() {
    let to = in_store(Arc::new(InMemory::new()));
    export(&to, &Options::default(), vec![rows(100, 0)]).await.unwrap();
    let former = names(&to).await;
    let failing =
        stream::iter([Ok(rows(100, 100)), Err(DataFusionError::from(Error::new(ErrorKind::Incomplete, "a page is missing")))]);
    let rows = Box::pin(RecordBatchStreamAdapter::new(schema(), failing));
    let error = Export::begin(to.clone(), Options::default(), now()).await.unwrap().write(source(), rows).await.unwrap_err();
    assert_eq!((error.kind(), names(&to).await), (ErrorKind::Incomplete, former));
}

#[tokio::test]
async fn an_export_that_is_broken_off_is_taken_away() {
    let folder = TempDir::new().unwrap();
    let to = in_folder(&folder);
    export(&to, &by(&["currency"]), vec![rows(100, 0)]).await.unwrap();
    let former = names(&to).await;
    let options = Options { file_bytes: 1, ..by(&["text"]) };
    let broken = Export::begin(to.clone(), options, now()).await.unwrap();
    let endless = stream::iter([Ok(rows(100, 0))]).chain(stream::pending());
    let endless = Box::pin(RecordBatchStreamAdapter::new(schema(), endless));
    {
        let mut writing = std::pin::pin!(broken.write(source(), endless));
        while names(&to).await.len() < former.len() + 5 {
            assert!(futures::poll!(&mut writing).is_pending());
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(broken.discard().await, Fate::Discarded);
    assert_eq!(names(&to).await, former);
    let folders: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(folders.iter().all(|name| !name.to_string_lossy().starts_with("text=")), "{folders:?}");
}

#[tokio::test]
async fn the_former_files_go_after_the_new_manifest_is_there_or_stay_when_asked() {
    let folder = TempDir::new().unwrap();
    let to = in_folder(&folder);
    let first = export(&to, &Options::default(), vec![rows(100, 0)]).await.unwrap();
    let second = export(&to, &by(&["currency"]), vec![rows(100, 100)]).await.unwrap();
    assert_ne!(first.export_id, second.export_id);
    assert_sound(&check(&to).await.unwrap());
    let keeping = Options { keeps_former: true, ..Options::default() };
    export(&to, &keeping, vec![rows(100, 200)]).await.unwrap();
    let checked = check(&to).await.unwrap();
    assert!(checked.differences.is_empty());
    assert_eq!(checked.strays, second.files.iter().map(|file| file.path.clone()).collect::<Vec<_>>());
    assert_eq!(ids(&to).await, (200..300).collect::<Vec<_>>());
}

#[tokio::test]
async fn of_two_exports_at_once_the_later_one_gives_way() {
    for to in [in_store(Arc::new(InMemory::new())), in_folder(&TempDir::new().unwrap())] {
        let late = Export::begin(to.clone(), Options::default(), now()).await.unwrap();
        export(&to, &Options::default(), vec![rows(10, 0)]).await.unwrap();
        let error = late.write(source(), stream_of(vec![rows(10, 10)])).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert_eq!(ids(&to).await, (0..10).collect::<Vec<_>>());
        assert_sound(&check(&to).await.unwrap());
    }
}

/// The file and the fact of each difference.
async fn found(to: &Destination) -> Vec<(String, &'static str)> {
    check(to).await.unwrap().differences.into_iter().map(|one| (one.file, one.fact)).collect()
}

#[tokio::test]
async fn a_check_finds_a_flipped_bit_a_longer_file_and_a_missing_one() {
    for format in [Format::Parquet, Format::Csv] {
        let to = in_store(Arc::new(InMemory::new()));
        let options = Options { format, ..by(&["currency"]) };
        let manifest = export(&to, &options, vec![rows(100, 0)]).await.unwrap();
        let name = manifest.files[1].path.clone();
        let path = Path::parse(&name).unwrap();
        let whole = bytes_of(&to, &name).await;
        for at in [0, whole.len() / 2, whole.len() - 1] {
            let mut flipped = whole.to_vec();
            flipped[at] ^= 1;
            to.store().put(&path, flipped.into()).await.unwrap();
            assert_eq!(found(&to).await, [(name.clone(), "sha256")]);
        }
        let longer = [whole.as_ref(), b"\n"].concat();
        to.store().put(&path, longer.into()).await.unwrap();
        assert_eq!(found(&to).await, [(name.clone(), "bytes"), (name.clone(), "sha256")]);
        to.store().delete(&path).await.unwrap();
        assert_eq!(found(&to).await, [(name, "file")]);
    }
}

#[tokio::test]
async fn a_check_finds_whatever_is_changed_in_a_manifest() {
    let to = in_store(Arc::new(InMemory::new()));
    export(&to, &by(&["currency"]), vec![rows(100, 0)]).await.unwrap();
    let path = Path::from(NAME);
    let manifest = String::from_utf8(bytes_of(&to, NAME).await.to_vec()).unwrap();
    let sum = to.find().await.unwrap().unwrap().manifest.totals.decimals[0].sums[1].sum.clone();
    let changes = [
        ("\"rows\": 100", "\"rows\": 101", "rows"),
        (sum.as_str(), "1.000", "control totals"),
        ("\"Int64\"", "\"Int32\"", "schema"),
        ("Major units of `currency`", "Minor units of `currency`", "schema"),
        ("\"JPY\"\n      ],\n      \"rows\": 25", "\"JPY\"\n      ],\n      \"rows\": 26", "rows"),
        ("\"JPY\"\n      ],", "\"USD\"\n      ],", "partition"),
        ("2026-09-30T12:00:00", "2026-09-29T12:00:00", "sha256"),
        ("select 1", "select 2", "sha256"),
    ];
    for (old, new, fact) in changes {
        let changed = manifest.replacen(old, new, 1);
        assert_ne!(changed, manifest, "{old}");
        to.store().put(&path, changed.into_bytes().into()).await.unwrap();
        let found = found(&to).await;
        assert_eq!(found.first().map(|(_, fact)| *fact), Some(fact), "{old}: {found:?}");
        assert!(found.contains(&(NAME.to_owned(), "sha256")), "{old}: {found:?}");
    }
    to.store().put(&path, "{}".into()).await.unwrap();
    let error = check(&to).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::File, "{error}");
    let error = export(&to, &Options::default(), vec![rows(1, 0)]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::File, "{error}");
}

#[tokio::test]
async fn what_cannot_be_exported_is_said_before_anything_is_written() {
    let to = in_store(Arc::new(InMemory::new()));
    let twice = RecordBatch::try_new(
        Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true), Field::new("ID", DataType::Int64, true)])),
        vec![Arc::new(Int64Array::from(vec![1])), Arc::new(Int64Array::from(vec![2]))],
    );
    let nothing = RecordBatch::new_empty(Arc::new(Schema::empty()));
    let all = ["id", "text", "currency", "at"];
    for (options, batch) in [
        (Options::default(), twice.unwrap()),
        (Options::default(), nothing),
        (by(&["nowhere"]), rows(1, 0)),
        (by(&["amount"]), rows(1, 0)),
        (by(&["id", "id"]), rows(1, 0)),
        (by(&all), rows(1, 0).project(&[0, 1, 2, 4]).unwrap()),
    ] {
        let error = export(&to, &options, vec![batch]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        assert_eq!(names(&to).await, Vec::<String>::new());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn control_totals_are_exact(
        amounts in proptest::collection::vec(
            (proptest::option::of(-99_999_999_999_999_999_999_999_999_999_999_999_999_i128..=99_999_999_999_999_999_999_999_999_999_999_999_999), 0_usize..4),
            1..200,
        ),
        cut in 0_usize..200,
        is_csv in any::<bool>(),
    ) {
        let currencies = [Some("EUR"), Some("KWD"), Some("£"), None];
        let values: Decimal128Array = amounts.iter().map(|(amount, _)| *amount).collect();
        let columns: Vec<(&str, ArrayRef, bool)> = vec![
            ("holding_currency", Arc::new(amounts.iter().map(|(_, at)| currencies[*at]).collect::<StringArray>()), true),
            ("holding_currency_amount", Arc::new(values.with_precision_and_scale(38, 8).unwrap()), true),
            ("currency", Arc::new(amounts.iter().map(|_| Some("XXX")).collect::<StringArray>()), true),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let cut = cut.min(batch.num_rows());
        let batches = vec![batch.slice(0, cut), batch.slice(cut, batch.num_rows() - cut)];
        // Whole and decimal digits apart, so that no sum of these overflows.
        let mut expected: BTreeMap<Option<&str>, (i128, i128)> = BTreeMap::new();
        for (amount, at) in &amounts {
            if let Some(amount) = amount {
                let (whole, part) = expected.entry(currencies[*at]).or_default();
                *whole += amount / 100_000_000;
                *part += amount % 100_000_000;
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let options = if is_csv { csv() } else { Options::default() };
        let (manifest, checked) = runtime.block_on(async {
            let to = in_store(Arc::new(InMemory::new()));
            (export(&to, &options, batches).await.unwrap(), check(&to).await.unwrap())
        });
        prop_assert!(checked.differences.is_empty(), "{:?}", checked.differences);
        let total = &manifest.totals.decimals[0];
        prop_assert_eq!(total.by.as_deref(), Some("holding_currency"));
        let found: BTreeMap<Option<&str>, (i128, i128)> = total.sums.iter().map(|sum| {
            let (whole, part) = sum.sum.split_once('.').unwrap();
            let sign = if whole.starts_with('-') { -1 } else { 1 };
            (sum.currency.as_deref(), (whole.parse().unwrap(), sign * part.parse::<i128>().unwrap()))
        }).collect();
        let carried = |(whole, part): (i128, i128)| {
            let (mut whole, mut part) = (whole + part / 100_000_000, part % 100_000_000);
            if whole > 0 && part < 0 { whole -= 1; part += 100_000_000; }
            if whole < 0 && part > 0 { whole += 1; part -= 100_000_000; }
            (whole, part)
        };
        let expected: BTreeMap<Option<&str>, (i128, i128)> = expected.into_iter().map(|(currency, sum)| (currency, carried(sum))).collect();
        prop_assert_eq!(found, expected);
    }
}

/// The payments of a merchant, synced into a lake whose rows are compared with what is there.
async fn synced(lake: &TempDir, merchant: MerchantOptions) -> (Engine, Sandbox, Tally) {
    let merchant = Arc::new(Merchant::new(merchant));
    let sandbox = Sandbox::start(Arc::clone(&merchant), SandboxOptions::default()).unwrap();
    let config = Config {
        accounts: vec![sandbox.account()],
        clock: Clock::Fixed(merchant.end()),
        lake: Some(LakeOptions::at(lake.path().to_str().unwrap())),
        ..Config::default()
    };
    let engine = Engine::try_new(config).unwrap();
    let mut synced = engine.sync(&["payments".to_owned()], None, true, &|_| {}).await.unwrap();
    let one = synced.remove(0);
    assert!(one.error.is_none(), "{:?}", one.error);
    (engine, sandbox, one.tally)
}

/// The reference of each payment in the lake.
async fn references(engine: &Engine) -> BTreeMap<String, String> {
    let answer = engine.session().unwrap().query("select id, reference from lake.payments").await.unwrap();
    let batches: Vec<RecordBatch> = answer.batches.try_collect().await.unwrap();
    batches.iter().flat_map(|batch| pairs(batch, "id", "reference")).collect()
}

fn pairs(batch: &RecordBatch, one: &str, other: &str) -> Vec<(String, String)> {
    let text = |name| batch.column_by_name(name).unwrap().as_string::<i32>();
    let text_of = |value: Option<&str>| value.unwrap_or_default().to_owned();
    text(one).iter().zip(text(other)).map(|(one, other)| (text_of(one), text_of(other))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_since_a_version_make_the_former_rows_the_present_ones() {
    let lake = TempDir::new().unwrap();
    let merchant = MerchantOptions { payments: 400, ..MerchantOptions::default() };
    let (engine, _sandbox, _) = synced(&lake, merchant).await;
    let mut rows = references(&engine).await;
    let table = |engine: &Engine| Arc::clone(engine.lake().unwrap().table("payments").unwrap());
    let version = table(&engine).now().await.unwrap().unwrap().version().unwrap();
    // The same payments with other references, and then others altogether.
    let (_, _sandbox, changed) = synced(&lake, MerchantOptions { odd_references: true, ..merchant }).await;
    let (engine, _sandbox, others) = synced(&lake, MerchantOptions { seed: 2, ..merchant }).await;
    let now = table(&engine).now().await.unwrap().unwrap().version().unwrap();
    assert!(changed.changed > 0 && others.added > 0 && others.gone > 0, "{changed:?} {others:?}");

    let (mut inserted, mut updated, mut deleted) = (0, 0, 0);
    let sql = format!("select * from lake_changes('payments', {version}, {now}) where _change_type <> 'update_preimage'");
    let changes = engine.session().unwrap().query(&sql).await.unwrap().batches;
    let batches: Vec<RecordBatch> = changes.try_collect().await.unwrap();
    let mut all: Vec<(i64, bool, String, String, String)> = Vec::new();
    for batch in &batches {
        let versions = batch.column_by_name("_commit_version").unwrap().as_primitive::<arrow::datatypes::Int64Type>();
        for (version, ((change, id), (_, reference))) in
            versions.values().iter().zip(pairs(batch, "_change_type", "id").into_iter().zip(pairs(batch, "id", "reference")))
        {
            // What goes in a version goes before what comes.
            all.push((*version, change != "delete", change, id, reference));
        }
    }
    all.sort();
    for (_, _, change, id, reference) in all {
        match change.as_str() {
            "insert" => inserted += u64::from(rows.insert(id, reference).is_none()),
            "update_postimage" => updated += u64::from(rows.insert(id, reference).is_some()),
            "delete" => deleted += u64::from(rows.remove(&id).is_some()),
            other => panic!("{other}"),
        }
    }
    assert_eq!((inserted, updated, deleted), (others.added, changed.changed, others.gone));
    assert_eq!(rows, references(&engine).await);
}

fn ckosql(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ckosql"));
    command.args(["--demo", "--quiet"]).args(arguments).env_clear().output().unwrap()
}

fn json(folder: &std::path::Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(folder.join(NAME)).unwrap()).unwrap()
}

#[test]
fn the_command_exports_a_table_of_the_lake_and_its_changes_and_proves_them() {
    let (lake, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let lake = lake.path().to_str().unwrap();
    let to = out.path().join("disputes");
    let synced = ckosql(&["--lake", lake, "sync", "disputes"]);
    assert!(synced.status.success(), "{synced:?}");
    let exported =
        ckosql(&["--lake", lake, "export", "lake.disputes", "--to", to.to_str().unwrap(), "--partition-by", "currency"]);
    assert!(exported.status.success(), "{exported:?}");
    let manifest = json(&to);
    let rows = manifest["totals"]["rows"].as_u64().unwrap();
    assert!(rows > 0);
    let copied = &manifest["lake"][0];
    assert_eq!(copied["table"], "disputes");
    assert!(copied["coverage"][0]["until"].is_string(), "{copied}");
    let checked = ckosql(&["export", "--to", to.to_str().unwrap(), "--check"]);
    assert_eq!(checked.stdout, exported.stdout, "{checked:?}");

    let version = copied["version"].as_u64().unwrap();
    let changes = out.path().join("changes");
    let since = |version: u64| {
        let version = version.to_string();
        let told =
            ckosql(&["--lake", lake, "export", "disputes", "--to", changes.to_str().unwrap(), "--since-version", &version]);
        (told.status.code(), String::from_utf8_lossy(&told.stderr).into_owned())
    };
    assert_eq!(since(0), (Some(0), String::new()));
    let all = json(&changes);
    assert_eq!(all["totals"]["rows"], rows);
    assert_eq!(all["totals"]["decimals"], manifest["totals"]["decimals"]);
    assert_eq!((&all["lake"][0]["since_version"], &all["lake"][0]["version"]), (&0.into(), &version.into()));
    assert_eq!(since(version), (Some(0), String::new()));
    assert_eq!(json(&changes)["totals"]["rows"], 0);
    let (code, said) = since(version + 1);
    assert_eq!(code, Some(2), "{said}");

    let file = std::fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.is_dir()).unwrap();
    let file = std::fs::read_dir(file).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(file).unwrap();
    let checked = ckosql(&["export", "--to", to.to_str().unwrap(), "--check"]);
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");
}
