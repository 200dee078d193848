//! The lake's past: what it was at an instant, what became of it, and that maintenance takes nothing of that away.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use ckosql::engine::Engine;
use ckosql::engine::config::Config;
use ckosql::lake::maintain;
use ckosql::lake::settings::LakeOptions;
use ckosql::lake::versions::Version;
use ckosql::sandbox::{Merchant, MerchantOptions};
use serde_json::Value;
use tempfile::TempDir;

use crate::copy::Copy;

/// A merchant, and one a week later, whose payments are the same and their customers others.
fn young_and_old() -> [Merchant; 2] {
    let options = MerchantOptions { payments: 2_002, ..MerchantOptions::default() };
    [Merchant::before(options, options.end - TimeDelta::days(7)), Merchant::new(options)]
}

fn young() -> Merchant {
    let [young, _] = young_and_old();
    young
}

async fn versions(copy: &Copy, table: &str) -> Vec<Version> {
    let mut versions = maintain::history(&copy.engine.lake().unwrap().tended(&[table.to_owned()]).unwrap()[0]).await.unwrap();
    versions.reverse();
    versions
}

async fn newest(copy: &Copy, table: &str) -> Version {
    versions(copy, table).await.pop().unwrap()
}

fn timestamp(instant: DateTime<Utc>) -> String {
    format!("timestamp '{}'", instant.to_rfc3339_opts(SecondsFormat::Micros, true))
}

async fn error(copy: &Copy, sql: &str) -> String {
    let error = copy.query(sql).await.expect_err(sql);
    format!("{:?}: {error}\nhint: {}", error.kind(), error.advice().unwrap_or_default())
}

/// Moves all that a lake says of times so far into the past: the commits of its logs, and the times of its files.
fn age(folder: &Path, by: TimeDelta) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            age(&path, by);
            continue;
        }
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = fs::read_to_string(&path).unwrap();
            let older = |line: &str| {
                let mut action: Value = serde_json::from_str(line).unwrap();
                for pointer in ["/commitInfo/timestamp", "/add/modificationTime", "/remove/deletionTimestamp"] {
                    if let Some(time) = action.pointer_mut(pointer) {
                        *time = (time.as_i64().unwrap() - by.num_milliseconds()).into();
                    }
                }
                action.to_string()
            };
            fs::write(&path, text.lines().map(older).collect::<Vec<_>>().join("\n")).unwrap();
        }
        let modified: SystemTime = fs::metadata(&path).unwrap().modified().unwrap() - by.to_std().unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    }
}

/// Parquet files in a folder and those below it.
fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| if path.is_dir() { files(&path) } else { usize::from(path.extension().is_some_and(|end| end == "parquet")) })
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_stays_as_it_was_and_its_changes_lead_to_the_present() {
    let lake = TempDir::new().unwrap();
    let [young, old] = young_and_old().map(|merchant| Copy::of(merchant, lake.path()));
    let tables = ["payments", "disputes"];
    young.sync(&tables).await;
    let mut pasts = Vec::new();
    for table in tables {
        pasts.push(newest(&young, table).await);
    }
    old.sync(&tables).await;
    for (table, past) in tables.into_iter().zip(&pasts) {
        let columns = young.columns(table).await;
        let all = format!("{columns}, \"_fetched_at\"");
        let now = newest(&old, table).await;
        assert!(now.number > past.number, "{table}");
        let at = |moment: &str, columns: &str| format!("select {columns} from lake_at('{table}', {moment})");
        let (then, today) = (timestamp(past.made), timestamp(now.made));
        // The young merchant is still there to say what its books were.
        let was = format!("select {columns} from live.{table}");
        young.assert_alike(&at(&then, &columns), &was, table).await;
        young.assert_alike(&at(&past.number.to_string(), &columns), &was, table).await;
        old.assert_alike(&at(&today, &all), &format!("select {all} from lake.{table}"), table).await;
        let changes = |ends: &str, types: &str| {
            format!("select {all} from lake_changes('{table}', {ends}) where _change_type in ({types})")
        };
        let (came, went) = ("'insert', 'update_postimage'", "'delete', 'update_preimage'");
        for ends in [then.clone(), format!("{then}, {today}"), format!("{}, {}", past.number, now.number)] {
            let with = format!("{} union all {}", at(&then, &all), changes(&ends, came));
            let without = format!("select {all} from lake.{table} union all {}", changes(&ends, went));
            old.assert_alike(&with, &without, table).await;
        }
        let count = |what: &str| {
            format!(
                "select count(*) from lake_changes('{table}', {then}) where _change_type = '{what}' and _commit_version > {}",
                past.number
            )
        };
        assert!(old.number(&count("insert")).await > 0, "{table}");
        let (before, after) = (old.number(&count("update_preimage")).await, old.number(&count("update_postimage")).await);
        assert!(before > 0 && before == after, "{table}: {before} {after}");
        let said = async |of: &str| {
            let own = versions(&old, table).await.into_iter().filter(|version| version.number > past.number);
            let of = |version: Version| version.note.and_then(|note| note.pointer(of).and_then(Value::as_i64));
            own.filter_map(of).sum::<i64>()
        };
        assert_eq!((said("/rows/added").await, said("/rows/changed").await), (old.number(&count("insert")).await, after));
        let told = format!(
            "select count(*) from lake_changes('{table}', {then}) where _commit_timestamp <= {then} or _commit_timestamp > {today}"
        );
        assert_eq!(old.number(&told).await, 0);
        let ordered = |from: &str| {
            format!("select * from lake_changes('{table}', {from}) order by _commit_version, id, _change_type desc limit 10000")
        };
        assert_eq!(
            old.rows(&ordered(&then)).await.len(),
            usize::try_from(old.number(&count("insert")).await + 2 * after).unwrap()
        );
        assert_eq!(old.rows(&ordered(&today)).await.len(), 0, "nothing changed after the newest version");
        let none = format!("select count(*) from lake_changes('{table}', {today})");
        assert_eq!(old.number(&none).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_looked_back_at_is_an_error_that_says_why() {
    let lake = TempDir::new().unwrap();
    let copy = Copy::of(young(), lake.path());
    let sql = "select count(*) from lake_at('disputes', timestamp '2026-06-30T00:00:00Z')";
    insta::assert_snapshot!(error(&copy, sql).await, @"
    Query: disputes was never synced (table disputes)
    hint: run ckosql sync, or ask the table in live
    ");
    copy.sync(&["disputes"]).await;
    let first = timestamp(versions(&copy, "disputes").await[0].made);
    let first = first.trim_start_matches("timestamp '").trim_end_matches("000'").trim_end_matches("000Z'").to_owned();
    let early = error(&copy, "select * from lake_at('disputes', timestamp '2020-01-01T00:00:00Z')").await;
    assert!(early.contains(&first), "{early} {first}");
    assert!(early.starts_with("Query: nothing is known of 2020-01-01T00:00:00.000Z (first made "), "{early}");
    let early = error(&copy, "select * from lake_changes('disputes', timestamp '2020-01-01T00:00:00Z')").await;
    assert!(early.starts_with("Query: nothing is known of 2020-01-01T00:00:00.000Z (first made "), "{early}");
    let late = error(&copy, "select * from lake_at('disputes', 1000)").await;
    assert!(late.starts_with("Query: there is no version 1000 (newest "), "{late}");
    insta::assert_snapshot!(error(&copy, "select * from lake_at('dispute', 1)").await, @"
    Query: the lake has no such table (table dispute)
    hint: did you mean disputes?
    ");
    insta::assert_snapshot!(error(&copy, "select * from lake_at('dispute_evidence', 1)").await, @"
    Query: the lake has no such table (table dispute_evidence)
    hint: it cannot be synced: its rows are known only by their keys
    ");
    insta::assert_snapshot!(error(&copy, "select * from lake_at(1, 1)").await, @"
    Query: the table is to be named as a text (given Int64)
    hint: write lake_at('payments', timestamp '2026-06-30T00:00:00Z')
    ");
    insta::assert_snapshot!(error(&copy, "select * from lake_at('disputes')").await, @"
    Query: lake_at takes a table and an instant
    hint: write lake_at('payments', timestamp '2026-06-30T00:00:00Z')
    ");
    insta::assert_snapshot!(error(&copy, "select * from lake_at('disputes', 1.5)").await, @"
    Query: a moment is to be a timestamp, or a version as a whole number (given 1.5)
    hint: write lake_at('payments', timestamp '2026-06-30T00:00:00Z')
    ");
    insta::assert_snapshot!(error(&copy, "select * from lake_at('disputes', 'yesterday')").await, @"
    Query: a moment is to be a timestamp, or a version as a whole number (given yesterday): Arrow error: Parser error: Error parsing timestamp from 'yesterday': timestamp must contain at least 10 characters
    hint: write lake_at('payments', timestamp '2026-06-30T00:00:00Z')
    ");
    insta::assert_snapshot!(error(&copy, "select * from lake_at('disputes', null)").await, @"
    Query: a moment is to be a timestamp, or a version as a whole number (given NULL)
    hint: write lake_at('payments', timestamp '2026-06-30T00:00:00Z')
    ");
    insta::assert_snapshot!(error(&copy, "select * from lake_changes('disputes', 1, true)").await, @"
    Query: a moment is to be a timestamp, or a version as a whole number (given true)
    hint: write lake_changes('payments', timestamp '2026-06-30T00:00:00Z', timestamp '2026-07-01T00:00:00Z')
    ");
    insta::assert_snapshot!(error(&copy, "select * from lake_changes('disputes', 1, 0)").await, @"
    Query: the changes are asked for backwards (table disputes)
    hint: put the earlier end first
    ");
    let none = Engine::try_new(Config::default()).unwrap().session().unwrap().query(sql).await.map(|_| ()).unwrap_err();
    assert_eq!(none.to_string(), "no lake is configured");
}

#[tokio::test(flavor = "multi_thread")]
async fn vacuum_leaves_what_is_within_the_retention_and_what_it_takes_is_said_to_be_gone() {
    let folder = TempDir::new().unwrap();
    let table = folder.path().join("disputes");
    let [young, old] = young_and_old().map(|merchant| Copy::of(merchant, folder.path()));
    young.sync(&["disputes"]).await;
    let (past, columns) = (newest(&young, "disputes").await.number, young.columns("disputes").await);
    age(&table, TimeDelta::days(200));
    old.sync(&["disputes"]).await;
    let now = newest(&old, "disputes").await.number;
    let lake = old.engine.lake().unwrap();
    let names = ["disputes".to_owned()];
    let vacuum = async |is_dry| maintain::vacuum(&lake.tended(&names).unwrap(), None, is_dry).await.unwrap()[0].taken.files;

    // What was replaced just now was the table's present for the last 200 days.
    assert_eq!(vacuum(false).await, 0);
    let at = |version: u64| format!("select {columns} from lake_at('disputes', {version})");
    young.assert_alike(&at(past), &format!("select {columns} from live.disputes"), "within the retention").await;
    age(&table, TimeDelta::days(89));
    assert_eq!(vacuum(false).await, 0);
    young.assert_alike(&at(past), &format!("select {columns} from live.disputes"), "within the retention").await;

    age(&table, TimeDelta::days(2));
    let present = format!("select {columns} from lake.disputes");
    let (all, rows, due) = (files(&table), old.rows(&present).await, vacuum(true).await);
    assert!(due > 0);
    assert_eq!(files(&table), all, "a dry run takes nothing");
    assert_eq!(vacuum(false).await, due);
    assert_eq!(files(&table), all - usize::try_from(due).unwrap());
    assert_eq!(old.rows(&present).await, rows);
    assert_eq!(old.rows(&at(now)).await, rows);
    let gone = error(&old, &at(past)).await;
    assert!(gone.starts_with(&format!("Query: version {past} cannot be read any more (oldest ")), "{gone}");
    assert!(gone.contains("\nhint: older ones were removed; the oldest that can be read is version "), "{gone}");
    let oldest: u64 = gone.split("(oldest ").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    old.text(&at(oldest)).await;
    let gone = error(&old, &format!("select * from lake_changes('disputes', {past}, {now})")).await;
    assert!(gone.starts_with(&format!("Query: what changed after version {past} cannot be read any more (oldest ")), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_retention_of_a_table_follows_the_configuration_and_vacuum_keeps_to_it() {
    let folder = TempDir::new().unwrap();
    let lake = LakeOptions::at(folder.path().to_str().unwrap());
    let names = ["balances".to_owned()];
    let first = Copy::with(young(), lake.clone());
    first.sync(&["balances"]).await;
    let retention = async |copy: &Copy| {
        let tables = copy.engine.lake().unwrap().tended(&names).unwrap();
        maintain::vacuum(&tables, None, true).await.unwrap()[0].retention
    };
    assert_eq!(retention(&first).await, 90);
    let shorter = Copy::with(young(), LakeOptions { retention: 30, ..lake });
    assert_eq!(retention(&shorter).await, 90, "before the next sync");
    shorter.sync(&["balances"]).await;
    assert_eq!(retention(&shorter).await, 30);
    let count = versions(&shorter, "balances").await.len();
    shorter.sync(&["balances"]).await;
    assert_eq!(versions(&shorter, "balances").await.len(), count + 1, "set once");
    let tables = shorter.engine.lake().unwrap().tended(&names).unwrap();
    let vacuum = |days| maintain::vacuum(&tables, Some(days), true);
    let refused = vacuum(29).await.unwrap_err().to_string();
    assert!(
        refused.starts_with("less is to be retained than the table's retention promises (table balances, retention 30 days"),
        "{refused}"
    );
    assert_eq!(vacuum(31).await.unwrap()[0].retention, 31);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_puts_many_small_files_together_and_changes_no_row() {
    let folder = TempDir::new().unwrap();
    let copy = Copy::of(young(), folder.path());
    let files = "select files from system.sync_state where \"table\" = 'balances'";
    for _ in 0..16 {
        copy.sync(&["balances"]).await;
    }
    assert_eq!(copy.number(files).await, 16);
    let sixteen = newest(&copy, "balances").await;
    let rows = copy.number("select count(*) from lake.balances").await;
    copy.sync(&["balances"]).await;
    assert_eq!(copy.number(files).await, 1);
    let list = versions(&copy, "balances").await;
    assert_eq!(list.last().unwrap().operation, "OPTIMIZE");
    assert_eq!(copy.number("select count(*) from lake.balances").await, rows / 16 * 17);
    let made = list.len() as u64 - 1;
    let changed = |from: u64| format!("select count(*) from lake_changes('balances', {from})");
    assert_eq!(copy.number(&changed(sixteen.number)).await, rows / 16);
    assert_eq!(copy.number(&changed(made - 1)).await, 0, "compaction changes nothing");
    assert_eq!(copy.number(&format!("select count(*) from lake_at('balances', {})", sixteen.number)).await, rows);
    let done = maintain::optimize(&copy.engine.lake().unwrap().tended(&["balances".to_owned()]).unwrap()).await.unwrap();
    assert_eq!((done[0].before.files, done[0].after.files), (1, 1));
}

/// What the program prints, in a folder with a lake.
fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ckosql"));
    command.args(["--demo", "--lake", "lake"]).args(arguments).current_dir(folder).env_clear();
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_line_shows_and_tends_a_lake() {
    let folder = TempDir::new().unwrap();
    let csv = |arguments: &[&str]| {
        let (code, out, errors) = run(folder.path(), &[arguments, &["--format", "csv"]].concat());
        assert_eq!((code, errors.as_str()), (0, ""), "{arguments:?}");
        out.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(csv(&["lake", "status"]), ["table,account,since,until,as_of,last_try,error,version,files,rows,bytes"]);
    assert_eq!(csv(&["lake", "history", "disputes"]).len(), 1);
    let (code, _, told) = run(folder.path(), &["sync", "disputes"]);
    assert_eq!((code, told.lines().count()), (0, 1), "a line a table: {told}");
    let status = csv(&["lake", "status"]);
    assert!(status.len() == 2 && status[1].starts_with("disputes,"), "{status:?}");
    let history = csv(&["lake", "history", "disputes"]);
    assert_eq!(history[0], "version,made,operation,account,from,to,read,added,changed,gone");
    assert!(history[1].contains(",WRITE,sandbox,2026-"), "the span that was read: {history:?}");
    assert!(history[1].contains(",2026-06-30T23:45:00.000Z,"), "{history:?}");
    assert!(
        history.last().unwrap().starts_with("0,") && history.last().unwrap().ends_with(",CREATE TABLE,,,,,,,"),
        "{history:?}"
    );
    let optimized = csv(&["lake", "optimize"]);
    assert_eq!(optimized[0], "table,files_before,files_after,bytes_before,bytes_after");
    assert!(optimized.len() == 2 && optimized[1].starts_with("disputes,"), "{optimized:?}");
    let dry = csv(&["lake", "vacuum", "disputes", "--dry-run", "--retain", "400 days"]);
    assert_eq!(dry, ["table,files_to_remove,bytes_to_remove,retention_days", "disputes,0,0,400"]);
    assert_eq!(csv(&["lake", "vacuum"])[1], "disputes,0,0,90");
    let (code, _, errors) = run(folder.path(), &["lake", "vacuum", "--retain", "7 days"]);
    assert_eq!(code, 2, "{errors}");
    let (code, _, errors) = run(folder.path(), &["lake", "history", "dispute"]);
    assert_eq!((code, errors.as_str()), (2, "error: the lake has no such table (table dispute)\nhint: did you mean disputes?\n"));
}
