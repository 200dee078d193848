//! The shipped rules over the stand-in merchant and its other side: they find what was planted, for the reason it was planted
//! for, match what belongs together, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use ckosql::books::made::Files;
use ckosql::books::settings::Source;
use ckosql::clock::Clock;
use ckosql::engine::Engine;
use ckosql::engine::config::Config;
use ckosql::matching::conventions::Conventions;
use ckosql::matching::files::{Folder, with_shipped};
use ckosql::matching::outcome::Outcome;
use ckosql::sandbox::{Merchant, MerchantOptions, OtherSide, Sandbox, SandboxOptions};

/// The rows of one of the merchant's files without its header.
fn rows(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

/// What rules find over a merchant and its other side.
async fn found(merchant: Merchant, books: &OtherSide) -> Outcome {
    let clock = Clock::Fixed(merchant.options().end);
    let sandbox = Sandbox::start(Arc::new(merchant), SandboxOptions::default()).unwrap();
    let made: Vec<_> = books.files().map(|(path, text)| (path.to_owned(), text.to_owned().into())).collect();
    let books = Source::made(OtherSide::SETTINGS, &Files::new(move || made.clone())).unwrap();
    let config = Config { accounts: vec![sandbox.account()], clock, books, ..Config::default() };
    let engine = Engine::try_new(config).unwrap();
    // Those whose truth is told; `flows` is of the others.
    let mut rules = with_shipped(None).unwrap();
    rules.retain(|rule| ["order_to_payment", "payout_to_bank"].contains(&rule.flow.as_str()));
    let as_of = clock.now().date_naive().to_epoch_days();
    let outcome = engine.session().unwrap().run_rules(&rules, as_of).await.unwrap();
    sandbox.stop();
    outcome
}

/// By flow, side and row: what rows are that are in no match, and why.
fn left(outcome: &Outcome) -> BTreeMap<[String; 3], [String; 2]> {
    let mut left = BTreeMap::new();
    for step in &outcome.steps {
        let exceptions = step.exceptions.iter().map(|row| (row.table, row.row, "exception", Some(row.reason)));
        let out = step.out_of_scope.iter().map(|row| (row.table, row.row, "out_of_scope", step.rules[row.rule].reason));
        for (table, row, state, reason) in exceptions.chain(out) {
            let table = step.table(table).unwrap();
            let side = if ["sides.orders", "sides.payouts"].contains(&table.name()) { "left" } else { "right" };
            let row = [step.flow.clone(), side.to_owned(), table.id(row).unwrap().to_owned()];
            assert_eq!(left.insert(row, [state, reason.unwrap_or_default()].map(str::to_owned)), None);
        }
    }
    left
}

/// Flow, left rows and right rows of what belongs together.
fn together(outcome: &Outcome) -> BTreeSet<[String; 3]> {
    let mut together = BTreeSet::new();
    for step in &outcome.steps {
        for found in &step.matches {
            let [left, right] = step.ids(found).unwrap().map(|ids| ids.join(" "));
            assert!(together.insert([step.flow.clone(), left, right]));
        }
    }
    together
}

async fn assert_truth(options: MerchantOptions, reasons: usize) {
    let merchant = Merchant::new(options);
    let books = OtherSide::of(&merchant);
    let outcome = found(merchant, &books).await;
    let truth = rows(books.file("truth.csv").unwrap());
    let told = |row: &Vec<String>| ([row[0].clone(), row[1].clone(), row[3].clone()], [row[4].clone(), row[5].clone()]);
    let expected: BTreeMap<[String; 3], [String; 2]> = truth.iter().map(told).collect();
    let known: BTreeSet<&String> = expected.values().map(|[_, reason]| reason).collect();
    assert_eq!(known.len(), reasons, "{known:?}");
    assert_eq!(left(&outcome), expected);
    let sorted = |ids: &String| {
        let mut ids: Vec<&str> = ids.split(' ').collect();
        ids.sort_unstable();
        ids.join(" ")
    };
    let truth = rows(books.file("truth_matches.csv").unwrap());
    let expected: BTreeSet<[String; 3]> = truth.iter().map(|row| [row[0].clone(), sorted(&row[1]), sorted(&row[2])]).collect();
    let found = together(&outcome);
    let wrong: Vec<_> = found.symmetric_difference(&expected).take(10).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[tokio::test]
async fn the_shipped_rules_find_the_truth() {
    assert_truth(MerchantOptions { payments: 3_000, days: 90, ..MerchantOptions::default() }, 18).await;
}

#[tokio::test]
async fn the_shipped_rules_find_the_truth_of_another_merchant() {
    assert_truth(MerchantOptions { seed: 3, payments: 2_000, days: 90, ..MerchantOptions::default() }, 18).await;
}

#[tokio::test]
async fn the_shipped_rules_do_what_their_cases_say() {
    let tried = Folder::shipped().unwrap().try_all(&Arc::new(Conventions::default())).await.unwrap();
    let wrong: Vec<_> = tried.iter().filter(|tried| !matches!(&tried.outcome, Ok(differs) if differs.is_empty())).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(tried.len() >= 50, "{}", tried.len());
}

#[test]
fn the_books_of_a_folder_are_those_of_the_demo() {
    let folder = tempfile::tempdir().unwrap();
    let books = OtherSide::of(&Merchant::new(MerchantOptions::default()));
    for (path, text) in books.files().chain([("ckosql.toml", OtherSide::SETTINGS)]) {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let ask = |demo: &[&str], within: &Path| {
        let sql = "select source, count(*), sum(amount), min(line_id), max(line_id) from \
                   (select source, amount, line_id from books.bank_lines union all select source, amount, line_id from books.orders) \
                   group by source order by source";
        let output = Command::new(env!("CARGO_BIN_EXE_ckosql"))
            .args(["query", sql, "--format", "csv"])
            .args(demo)
            .env_clear()
            .env("CHECKOUT_SECRET_KEY", "sk_sbox_abcdefghijklmnopqrstuvwxyz2")
            .current_dir(within)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
        String::from_utf8(output.stdout).unwrap()
    };
    let elsewhere = tempfile::tempdir().unwrap();
    assert_eq!(ask(&[], folder.path()), ask(&["--demo"], elsewhere.path()));
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}
