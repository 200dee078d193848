//! Matching rules: those of the fixtures do what their cases say, and the command line says so.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Decimal128Array, RecordBatch, StringArray};
use chrono::DateTime;
use ckosql::error::ErrorKind;
use ckosql::matching::check::check;
use ckosql::matching::conventions::Conventions;
use ckosql::matching::files::{Folder, with_shipped};
use ckosql::matching::outcome::Outcome;
use ckosql::matching::overrides::{Action, Decision, Overrides, Rows as Named};
use ckosql::matching::rule::Rule;
use ckosql::matching::run::{run, run_under};
use ckosql::matching::test::{Cases, session};
use ckosql::money::Exponents;
use datafusion::datasource::MemTable;
use proptest::prelude::*;

/// Runs all cases of a folder, and panics where one of them comes to something else.
async fn assert_all_pass(folder: &Folder, at_least: usize) {
    let mut wrong = Vec::new();
    let tried = folder.try_all(&Arc::new(Conventions::default())).await.unwrap();
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
async fn rules_of_every_kind_do_what_their_cases_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rules");
    assert_all_pass(&Folder::read(&folder).unwrap(), 70).await;
}

#[tokio::test]
async fn case_26_a_rule_in_place_of_the_shipped_one_knows_what_was_carried_forward_by_its_rows() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/carried");
    let mut rules = with_shipped(Some(&folder.join("payout_to_bank.carried.sql"))).unwrap();
    rules.retain(|rule| rule.flow == "payout_to_bank");
    let cases = Cases::parse(&std::fs::read_to_string(folder.join("payout_to_bank.test")).unwrap(), "carried").unwrap();
    for case in &cases.cases {
        assert_eq!(case.differs(&rules, &Arc::new(Conventions::default())).await.unwrap(), [""; 0], "{}", case.name);
    }
    assert_eq!(cases.cases.len(), 1);
}

#[test]
fn rules_have_their_turn_by_flow_hop_and_priority() {
    assert_snapshot!(ckosql(&["rules", "list", "tests/fixtures/rules"]));
}

/// Rows of a side: amount in cents, currency, day, reference.
type Rows = Vec<(u8, bool, u8, Option<u8>)>;

/// Few values, so that many rows are alike.
fn rows() -> impl Strategy<Value = Rows> {
    prop::collection::vec((1..6_u8, any::<bool>(), 0..6_u8, prop::option::weighted(0.3, 0..12_u8)), 0..24)
}

/// A table of them, in an order and so many parts.
fn table(prefix: &str, rows: &Rows, order: &[usize], parts: usize) -> MemTable {
    let of = |take: &[usize]| -> RecordBatch {
        let amount = take.iter().map(|row| i128::from(rows[*row].0) * 1_000_000);
        let amounts = Decimal128Array::from_iter_values(amount).with_precision_and_scale(38, 8).unwrap();
        let texts = |text: &dyn Fn(usize) -> Option<String>| -> ArrayRef {
            Arc::new(StringArray::from_iter(take.iter().map(|row| text(*row))))
        };
        let days = Date32Array::from_iter_values(take.iter().map(|row| 20_500 + i32::from(rows[*row].2)));
        RecordBatch::try_from_iter_with_nullable([
            ("id", texts(&|row| Some(format!("{prefix}{row:03}"))), true),
            ("currency", texts(&|row| Some(if rows[row].1 { "EUR" } else { "USD" }.to_owned())), true),
            ("amount", Arc::new(amounts) as ArrayRef, true),
            ("day", Arc::new(days) as ArrayRef, true),
            ("reference", texts(&|row| rows[row].3.map(|reference| format!("ref {reference}"))), true),
        ])
        .unwrap()
    };
    let parts: Vec<Vec<RecordBatch>> =
        (0..parts).map(|part| vec![of(&order.iter().copied().skip(part).step_by(parts).collect::<Vec<_>>())]).collect();
    MemTable::try_new(parts[0][0].schema(), parts).unwrap()
}

const RULES: [&str; 3] = [
    "--- rule: reference flow: f priority: 1\n--- left: l(id) right: r(id) shape: many_to_one\n--- amount: left.amount = right.amount\n\
     select l.id as left_id, r.id as right_id from l join r on l.reference = r.reference",
    "--- rule: window flow: f priority: 2\n--- left: l(id) right: r(id)\n--- amount: left.amount = right.amount\n\
     --- window: right.day in [left.day .. +1 days]\n\
     select l.id as left_id, r.id as right_id from l join r on l.amount = r.amount and l.currency = r.currency",
    "--- rule: alike flow: f priority: 3 tie: bucket\n--- left: l(id) right: r(id)\n--- amount: left.amount = right.amount\n\
     select l.id as left_id, r.id as right_id from l join r on l.amount = r.amount and l.currency = r.currency and l.day = r.day",
];

async fn outcome(rules: &[&str], left: MemTable, right: MemTable, partitions: usize) -> Outcome {
    outcome_under(rules, &Overrides::default(), left, right, partitions).await
}

async fn outcome_under(rules: &[&str], overrides: &Overrides, left: MemTable, right: MemTable, partitions: usize) -> Outcome {
    let rules: Vec<Rule> = rules.iter().map(|rule| Rule::parse(rule, "rule").unwrap()).collect();
    let conventions = Arc::new(Conventions::default());
    let context = session(&conventions);
    context.sql(&format!("set datafusion.execution.target_partitions = {partitions}")).await.unwrap();
    context.register_table("l", Arc::new(left)).unwrap();
    context.register_table("r", Arc::new(right)).unwrap();
    run_under(&rules, overrides, &context, &conventions, i32::MAX).await.unwrap()
}

/// Rows that are set apart, by their numbers.
type SetApart = Vec<([u8; 2], [u8; 2])>;

/// Mostly one and one, and some of two and one or two.
fn apart() -> impl Strategy<Value = SetApart> {
    let few =
        || prop_oneof![4 => (0..24_u8).prop_map(|row| [row; 2]), 1 => (0..24_u8, 0..24_u8).prop_map(|(one, other)| [one, other])];
    prop::collection::vec((few(), few()), 0..40)
}

fn overrides(apart: &SetApart) -> Overrides {
    let rows = |table: &str, numbers: &[u8; 2]| Named::new(table, numbers.map(|number| format!("{table}{number:03}")));
    let decision = |(number, (left, right)): (i64, &([u8; 2], [u8; 2]))| Decision {
        number,
        at: DateTime::UNIX_EPOCH,
        by: "ann".to_owned(),
        flow: "f".to_owned(),
        action: Action::Unmatch,
        // Some people name the right side first.
        rows: if number % 3 == 0 { [rows("r", right), rows("l", left)] } else { [rows("l", left), rows("r", right)] },
        why: "known".to_owned(),
        account: None,
        retracts: None,
        owner: None,
    };
    Overrides::new((1..).zip(apart).map(decision).collect())
}

/// What came of rows, without the rule that says it.
fn told(outcome: &Outcome) -> Vec<String> {
    let step = &outcome.steps[0];
    let matches = step.matches.iter().map(|found| format!("{:?}", step.ids(found).unwrap()));
    let left = step.exceptions.iter().map(|left| {
        let id = step.table(left.table).unwrap().id(left.row).unwrap();
        format!("{id} {} {} {:?} {:?}", left.reason, left.candidate_count, step.candidates(left).unwrap(), left.detail)
    });
    matches.chain(left).collect()
}

fn in_order(rows: &Rows) -> Vec<usize> {
    (0..rows.len()).collect()
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_and_the_parts_of_rows_change_nothing(
        (left, left_order) in rows().prop_flat_map(|rows| (Just(in_order(&rows)).prop_shuffle(), Just(rows)).prop_map(|(order, rows)| (rows, order))),
        (right, right_order) in rows().prop_flat_map(|rows| (Just(in_order(&rows)).prop_shuffle(), Just(rows)).prop_map(|(order, rows)| (rows, order))),
        parts in prop::sample::select(vec![1_usize, 2, 4, 8]),
    ) {
        let rule = |number: usize| &RULES[number..=number];
        for rules in [&RULES[..], rule(0), rule(1), rule(2)] {
            let one = table("l", &left, &in_order(&left), 1);
            let expected = wait(outcome(rules, one, table("r", &right, &in_order(&right), 1), 1));
            let shuffled = table("l", &left, &left_order, parts);
            let got = wait(outcome(rules, shuffled, table("r", &right, &right_order, parts), parts));
            prop_assert_eq!(&expected, &got);
        }
    }

    #[test]
    fn what_is_set_apart_is_not_matched_and_makes_no_other_match_wrong(
        (left, left_order) in rows().prop_flat_map(|rows| (Just(in_order(&rows)).prop_shuffle(), Just(rows)).prop_map(|(order, rows)| (rows, order))),
        right in rows(),
        apart in apart(),
        parts in prop::sample::select(vec![1_usize, 2, 4, 8]),
    ) {
        let overrides = overrides(&apart);
        let run = |rules: &[&str], order: &[usize], parts: usize| {
            let (left, right) = (table("l", &left, order, parts), table("r", &right, &in_order(&right), parts));
            wait(outcome_under(rules, &overrides, left, right, parts))
        };
        for place in 0..RULES.len() {
            let rules = &RULES[place..=place];
            let found = run(rules, &in_order(&left), 1);
            prop_assert_eq!(&found, &run(rules, &left_order, parts));
            let step = &found.steps[0];
            for matched in &step.matches {
                let [lefts, rights] = step.ids(matched).unwrap();
                prop_assert!(!overrides.of("f").is_unmatched(["l", "r"], [&lefts, &rights]), "{:?} {:?}", lefts, rights);
            }
            // Rows that are counted have the answer of those that are paired.
            if place < 2 {
                let paired = format!("{} and l.amount + r.amount > 0.0", rules[0]);
                prop_assert_eq!(told(&found), told(&run(&[&paired], &in_order(&left), 2)));
            }
        }
    }

    #[test]
    fn each_row_is_in_one_match_or_one_exception(left in rows(), right in rows()) {
        let one = table("l", &left, &in_order(&left), 1);
        let outcome = wait(outcome(&RULES, one, table("r", &right, &in_order(&right), 1), 2));
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let step = &outcome.steps[0];
        let matched = step.matches.iter().flat_map(|matched| step.ids(matched).unwrap().concat());
        let left_over = step.exceptions.iter().map(|exception| step.table(exception.table).unwrap().id(exception.row).unwrap());
        for id in matched.chain(left_over) {
            *seen.entry(id.to_owned()).or_default() += 1;
        }
        prop_assert_eq!(seen.len(), left.len() + right.len());
        prop_assert!(seen.values().all(|times| *times == 1), "{:?}", seen);
        let amount = |ids: &[&str], rows: &Rows| -> i64 { ids.iter().map(|id| i64::from(rows[id[1..].parse::<usize>().unwrap()].0)).sum() };
        for matched in &step.matches {
            let [lefts, rights] = step.ids(matched).unwrap();
            prop_assert_eq!(amount(&lefts, &left), amount(&rights, &right), "{:?}", matched);
        }
    }

    #[test]
    fn of_rows_that_are_alike_none_is_picked(many in 2..9_usize, others in 1..9_usize, is_right in any::<bool>()) {
        let alike = |count| vec![(3, true, 3, None); count];
        let (left, right) = if is_right { (alike(others), alike(many)) } else { (alike(many), alike(others)) };
        let one = table("l", &left, &in_order(&left), 1);
        let outcome = wait(outcome(&RULES[1..2], one, table("r", &right, &in_order(&right), 1), 2));
        let step = &outcome.steps[0];
        prop_assert_eq!(step.matches.len(), 0);
        prop_assert!(step.exceptions.iter().all(|exception| exception.reason == "AMBIGUOUS_WINDOW"));
        prop_assert_eq!(step.exceptions.len(), left.len() + right.len());
    }
}

#[tokio::test]
async fn case_6_what_is_missing_of_a_sum_is_told() {
    let part = |amount| vec![(amount, false, 0, Some(1))];
    let [left, right] = [("l", part(100)), ("r", part(60))].map(|(name, rows)| table(name, &rows, &[0], 1));
    let rule = RULES[0].replace("many_to_one", "one_to_many");
    let outcome = outcome(&[&rule], left, right, 1).await;
    let told: Vec<_> = outcome.steps[0].exceptions.iter().map(|left| (left.reason, left.detail.as_deref().unwrap())).collect();
    assert_eq!(told, [("SHORT_PAID", "1.00 against 0.60 USD, 0.40 apart"); 2]);
    assert!(outcome.steps[0].matches.is_empty());
}

#[tokio::test]
async fn case_36_a_fee_that_is_allowed_is_booked_to_its_account() {
    let rule = RULES[0]
        .replace("many_to_one", "one_to_one")
        .replace("= right.amount", "= right.amount residual: fee:bank up to 2000 minor");
    let part = |amount| vec![(amount, false, 0, Some(1))];
    let [left, right] = [("l", part(50)), ("r", part(35))].map(|(name, rows)| table(name, &rows, &[0], 1));
    let outcome = outcome(&[&rule], left, right, 1).await;
    let booked = outcome.steps[0].matches[0].residual.as_ref().unwrap();
    let told = (booked.kind, booked.amount, booked.currency.as_str(), booked.account.as_deref());
    assert_eq!(told, ("FEE", 15_000_000, "USD", Some("bank")));
}

#[tokio::test]
async fn case_49_of_two_hundred_thousand_alike_on_either_side_none_is_picked_or_all_are_one_group() {
    const HOT: usize = 200_000;
    let alike = vec![(3, true, 3, None); HOT];
    let bucket = RULES[2];
    let key = bucket.replace(" tie: bucket", "");
    for (rule, reason) in [(RULES[1], "AMBIGUOUS_WINDOW"), (&key, "AMBIGUOUS_KEY")] {
        let [left, right] = ["l", "r"].map(|name| table(name, &alike, &in_order(&alike), 4));
        let outcome = outcome(&[rule], left, right, 4).await;
        let step = &outcome.steps[0];
        assert_eq!((step.matches.len(), step.exceptions.len()), (0, 2 * HOT));
        assert!(step.exceptions.iter().all(|left| left.reason == reason && left.candidate_count == 200_000));
    }
    let [left, right] = ["l", "r"].map(|name| table(name, &alike, &in_order(&alike), 4));
    let outcome = outcome(&[bucket], left, right, 4).await;
    let step = &outcome.steps[0];
    let group = &step.matches[0].group;
    assert_eq!((step.matches.len(), step.exceptions.len()), (1, 0));
    assert_eq!((group.left().len(), group.right().len()), (HOT, HOT));
}

#[tokio::test]
async fn case_54_a_rule_over_an_amount_that_is_a_float_is_refused_before_it_reads_a_row() {
    let context = session(&Arc::new(Conventions::default()));
    context
        .sql("create table l as select 'a' as id, 'A' as reference, 'EUR' as currency, cast(1 as double) as amount")
        .await
        .unwrap();
    context.register_table("r", Arc::new(table("r", &Rows::new(), &[], 1))).unwrap();
    let error = check(&Rule::parse(&RULES[0].replace("many_to_one", "one_to_one"), "rule").unwrap(), &context).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.context("column"), error.context("type")),
        (ErrorKind::Query, Some("amount"), Some("Float64"))
    );
}

#[tokio::test]
async fn case_53_a_rule_of_a_range_alone_is_refused_before_it_reads_a_row() {
    let rule = "--- rule: range flow: f\n--- left: l(id) right: r(id)\n\
                select l.id as left_id, r.id as right_id from l join r on l.day < r.day";
    let context = session(&Arc::new(Conventions::default()));
    let none = Rows::new();
    for name in ["l", "r"] {
        context.register_table(name, Arc::new(table(name, &none, &[], 1))).unwrap();
    }
    let error = run(&[Rule::parse(rule, "rule").unwrap()], &context, &Conventions::default(), 0).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "a rule joins by no equality, so every row is compared with every other (condition l.day < r.day, rule range)"
    );
}

#[tokio::test]
async fn a_view_that_picks_rows_is_no_side() {
    let conventions = Arc::new(Conventions::default());
    let context = session(&conventions);
    for sql in [
        "create table payments as values ('p1', 'A')",
        "create table bank_lines as values ('b1', 'A')",
        "create view some as select * from payments limit 1",
        "create view all as select column1, column2 from payments",
    ] {
        context.sql(sql).await.unwrap().collect().await.unwrap();
    }
    let over = |view: &str| {
        let text = format!(
            "--- rule: view flow: f\n--- left: {view}(column1) right: bank_lines(column1)\n\
             select l.column1 as left_id, r.column1 as right_id from {view} l join bank_lines r on l.column2 = r.column2"
        );
        Rule::parse(&text, "rule").unwrap()
    };
    let error = run(&[over("some")], &context, &conventions, 0).await.unwrap_err();
    assert_eq!(error.to_string(), "a rule picks some of several rows (by LIMIT, rule view)");
    // The SELECT reads the whole table; only the side is cut.
    let mut beside = over("some");
    beside.sql = beside.sql.replace("some l", "payments l");
    let error = run(&[beside], &context, &conventions, 0).await.unwrap_err();
    assert_eq!(error.to_string(), "a rule picks some of several rows (by LIMIT, table some, rule view)");
    let outcome = run(&[over("all")], &context, &conventions, 0).await.unwrap();
    assert_eq!(outcome.steps[0].matches.len(), 1);
}

#[tokio::test]
async fn a_minor_unit_is_what_the_accounts_say() {
    let exponents = Exponents::try_new(BTreeMap::from([("USD".to_owned(), 0)])).unwrap();
    let conventions = Arc::new(Conventions { exponents, ..Conventions::default() });
    let rule = "--- rule: near flow: f\n--- left: l(id) right: r(id)\n--- amount: left.amount = right.amount tolerance: 1 minor\n\
                select l.id as left_id, r.id as right_id from l join r on l.reference = r.reference and exponent(l.currency) = 0";
    for (conventions, matches) in [(conventions, 1), (Arc::new(Conventions::default()), 0)] {
        let context = session(&conventions);
        let rows = |amount| vec![(amount, false, 0, Some(1))];
        for (name, rows) in [("l", rows(1)), ("r", rows(5))] {
            context.register_table(name, Arc::new(table(name, &rows, &[0], 1))).unwrap();
        }
        let outcome = run(&[Rule::parse(rule, "rule").unwrap()], &context, &conventions, 0).await.unwrap();
        assert_eq!(outcome.steps[0].matches.len(), matches);
    }
}

#[test]
fn a_rule_that_keeps_rows_does_not_say_of_others_whether_they_are_due() {
    for (assign, expected) in [("suggest", true), ("suggest(keep)", false), ("refuse   reason: SUGGESTED", false)] {
        let rule = format!(
            "--- rule: r flow: f assign: {assign}\n--- left: l(id) right: r(id)\n--- window: right.day in [left.day .. +3 days]\n\
             --- covered: right by days(first, last)\nselect l.id as left_id, r.id as right_id from l join r on l.n = r.n"
        );
        assert_eq!(Rule::parse(&rule, "rule").is_ok(), expected, "{assign}");
    }
}

fn ckosql(arguments: &[&str]) -> String {
    ckosql_in(Path::new(env!("CARGO_MANIFEST_DIR")), arguments)
}

fn ckosql_in(folder: &Path, arguments: &[&str]) -> String {
    let done = Command::new(env!("CARGO_BIN_EXE_ckosql")).args(arguments).current_dir(folder).env_clear().output().unwrap();
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

#[test]
fn a_new_rule_stands_with_its_cases_and_is_neither_refused_nor_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut told = String::new();
    for command in ["rules new mine.by_amount", "rules test rules", "--demo rules check rules", "rules new mine.by_amount"] {
        let arguments: Vec<&str> = command.split(' ').collect();
        told.push_str(&format!("$ ckosql {command}\n{}", ckosql_in(folder.path(), &arguments)));
    }
    for file in ["mine.by_amount.sql", "mine.by_amount.test"] {
        let text = std::fs::read_to_string(folder.path().join("rules").join(file)).unwrap();
        told.push_str(&format!("--- {file}\n{text}"));
    }
    let reference = ["rules", "new", "payout_to_bank.mine", "--by", "reference", "--tolerance", "1", "--folder", "other"];
    ckosql_in(folder.path(), &reference);
    told.push_str(&std::fs::read_to_string(folder.path().join("other/payout_to_bank.mine.sql")).unwrap());
    assert_snapshot!(told);
}

#[test]
fn what_rules_find_is_told_and_rows_that_are_left_can_fail_it() {
    let run = ["reconcile", "--demo", "--dry-run", "--rules", "tests/fixtures/rules/broken/good.sql"];
    let with = |more: &[&str]| ckosql(&[&run[..], more].concat());
    assert_snapshot!(format!(
        "{}\n{}\n{}",
        with(&["cases", "--fail-on", "exceptions"]),
        with(&["cases", "--show", "matches", "--format", "csv"]).lines().take(3).collect::<Vec<_>>().join("\n"),
        with(&["no_such_flow"]),
    ));
}
