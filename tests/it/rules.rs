//! Matching rules: those that come along and those of the fixtures do what their cases say, and the command line says so.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use ckosql::matching::calendar::Calendars;
use ckosql::matching::files::Folder;
use ckosql::matching::rule::Rule;

/// Runs all cases of a folder, and panics where one of them comes to something else.
async fn assert_all_pass(folder: &Folder, at_least: usize) {
    let mut wrong = Vec::new();
    let tried = folder.try_all(&Arc::new(Calendars::default())).await.unwrap();
    for tried in &tried {
        match &tried.outcome {
            Ok(differs) if differs.is_empty() => {}
            Ok(differs) => wrong.push(format!("{}:{} {}\n  {}", tried.file, tried.line, tried.name, differs.join("\n  "))),
            Err(error) => wrong.push(format!("{}:{} {}\n  {error}", tried.file, tried.line, tried.name)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried.len() >= at_least, "{} cases", tried.len());
}

#[tokio::test]
async fn rules_that_come_along_do_what_their_cases_say() {
    assert_all_pass(&Folder::shipped(), 12).await;
}

#[tokio::test]
async fn rules_of_every_kind_do_what_their_cases_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rules");
    assert_all_pass(&Folder::read(&folder).unwrap(), 20).await;
}

#[test]
fn every_rule_that_comes_along_is_read_and_tried() {
    let folder = Folder::shipped();
    let rules: Vec<Rule> = folder.rules().into_iter().map(|(_, rule)| rule.unwrap()).collect();
    let turns: Vec<(&str, u32)> = rules.iter().map(|rule| (rule.id.as_str(), rule.hop)).collect();
    assert_eq!(turns, [("order_to_payment.reference", 1), ("payout_to_bank.reference", 3), ("payout_to_bank.amount", 3)]);
}

fn ckosql(arguments: &[&str]) -> String {
    let done = Command::new(env!("CARGO_BIN_EXE_ckosql"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .output()
        .unwrap();
    let [out, err] = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    format!("exit {}\n{out}{err}", done.status.code().unwrap())
}

#[test]
fn the_command_line_tries_rules_and_says_what_differs() {
    assert_snapshot!(ckosql(&["rules", "test", "tests/fixtures/rules/broken/wrong.test"]));
}

#[test]
fn the_command_line_says_why_a_rule_is_refused() {
    assert_snapshot!(ckosql(&["--demo", "rules", "check", "tests/fixtures/rules/broken"]));
}
