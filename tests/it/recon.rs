//! What matching finds is kept: two runs and what happened in between, what people decide, closed periods, and runs that
//! are killed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Decimal128Array, RecordBatch, StringArray};
use arrow::util::display::array_value_to_string;
use ckosql::clock::Clock;
use ckosql::error::{ErrorKind, Result};
use ckosql::lake::maintain;
use ckosql::lake::policy::Policy;
use ckosql::lake::settings::LakeOptions;
use ckosql::matching::conventions::Conventions;
use ckosql::matching::explain::explain;
use ckosql::matching::files::with_shipped;
use ckosql::matching::known::{Hashes, run_unknown};
use ckosql::matching::overrides::Action;
use ckosql::matching::results::{Asked, Begun, Broken, Entered, Identity, Occasion, Recorded, Results};
use ckosql::matching::rule::Rule;
use ckosql::matching::run::run_under;
use ckosql::matching::test::session;
use ckosql::sandbox::{Merchant, MerchantOptions, SandboxOptions};
use ckosql::store::Location;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::copy::Copy;
use crate::faulty_store::FaultyStore;

/// The first day of March 2026, counted since 1970.
const MARCH: i32 = 20_513;

const REFERENCE: &str = "--- rule: reference flow: f priority: 1\n--- left: payments(id) right: lines(id)\n\
     --- amount: left.amount = right.amount\n\
     select l.id as left_id, r.id as right_id from payments l join lines r on l.reference = r.reference";
const AMOUNT: &str = "--- rule: amount flow: f priority: 2\n--- left: payments(id) right: lines(id)\n\
     --- amount: left.amount = right.amount\n--- window: right.day in [left.day .. +5 days]\n\
     select l.id as left_id, r.id as right_id from payments l join lines r on l.amount = r.amount and l.currency = r.currency";

/// A row: id, cents, day of March, reference.
type Row<'a> = (&'a str, i128, i32, Option<&'a str>);

fn table(rows: &[Row<'_>]) -> MemTable {
    let amounts = Decimal128Array::from_iter_values(rows.iter().map(|row| row.1 * 1_000_000));
    let columns: [(&str, ArrayRef); 5] = [
        ("id", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.0)))),
        ("amount", Arc::new(amounts.with_precision_and_scale(38, 8).unwrap())),
        ("currency", Arc::new(StringArray::from_iter_values(rows.iter().map(|_| "EUR")))),
        ("day", Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| MARCH + row.2 - 1)))),
        ("reference", Arc::new(StringArray::from_iter(rows.iter().map(|row| row.3)))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap()
}

/// A lake, and who asks it.
struct Desk {
    results: Results,
    nonce: u64,
    day: i32,
    /// What is evaluated with each run.
    identities: Vec<Identity>,
    /// Whether it never relies on an answer being known.
    is_forgetful: bool,
    /// Whether its last run matched any rows.
    has_matched: bool,
}

impl Desk {
    fn at(location: &Location) -> Self {
        let results = Results::at(location).unwrap();
        Self { results, nonce: 0, day: 10, identities: Vec::new(), is_forgetful: false, has_matched: false }
    }

    fn new() -> (Self, TempDir) {
        let folder = TempDir::new().unwrap();
        let location = Location::parse(folder.path().to_str().unwrap(), &BTreeMap::new()).unwrap();
        (Self::at(&location), folder)
    }

    fn context(&self) -> SessionContext {
        let context = session(&Arc::new(Conventions::default()));
        // As in every session of the engine.
        context.state_ref().write().config_mut().options_mut().execution.skip_physical_aggregate_schema_check = true;
        context.catalog("datafusion").unwrap().register_schema("recon", self.results.schema().unwrap()).unwrap();
        context
    }

    async fn begin(&self, context: &SessionContext) -> Result<Begun> {
        self.results.begin(["f"], &context.state(), Clock::default()).await
    }

    /// Runs rules over rows, and records what comes of it.
    async fn try_run(&mut self, rules: &[&str], payments: &[Row<'_>], lines: &[Row<'_>]) -> Result<Recorded> {
        let context = self.context();
        let begun = self.begin(&context).await?;
        self.end(&context, &begun, rules, payments, lines).await
    }

    async fn end(
        &mut self,
        context: &SessionContext,
        begun: &Begun,
        rules: &[&str],
        payments: &[Row<'_>],
        lines: &[Row<'_>],
    ) -> Result<Recorded> {
        context.register_table("payments", Arc::new(table(payments))).unwrap();
        context.register_table("lines", Arc::new(table(lines))).unwrap();
        // The days until this one are known.
        let last = format!("cast(date '2026-03-01' + interval '{} days' as date)", self.day - 1);
        let known = format!("create or replace view known as select date '2026-03-01' as first, {last} as last");
        context.sql(&known).await?;
        let rules: Vec<Rule> = rules.iter().map(|rule| Rule::parse(rule, "rule").unwrap()).collect();
        let as_of = MARCH + self.day - 1;
        let known = if self.is_forgetful { Hashes::new() } else { begun.known(as_of) };
        let ran = run_unknown(&rules, &begun.overrides, context, &Conventions::default(), as_of, &known).await?;
        self.has_matched = !ran.outcome.steps.is_empty();
        self.nonce += 1;
        let occasion = Occasion { as_of, clock: Clock::default(), nonce: self.nonce };
        let mut recorded = self.results.record(begun, &ran, &self.identities, &context.state(), occasion).await?;
        Ok(recorded.remove(0))
    }

    async fn run(&mut self, rules: &[&str], payments: &[Row<'_>], lines: &[Row<'_>]) -> Recorded {
        self.try_run(rules, payments, lines).await.unwrap_or_else(|error| panic!("{error:?}"))
    }

    async fn ask(&self, sql: &str) -> Vec<String> {
        let batches = self.context().sql(sql).await.unwrap().collect().await.unwrap();
        let row = |batch: &RecordBatch, row| {
            let cells = batch.columns().iter().map(|column| array_value_to_string(column, row).unwrap());
            cells.collect::<Vec<_>>().join(" ")
        };
        batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |at| row(batch, at))).collect()
    }

    /// Which rows stand together, and why the others are left.
    async fn state(&self) -> (Vec<String>, Vec<String>) {
        let pairs = "select l.line_id, r.line_id, m.rule_id from recon.matches m \
                     join recon.match_lines l on l.match_id = m.match_id and l.side = 'left' \
                     join recon.match_lines r on r.match_id = m.match_id and r.side = 'right' \
                     where m.status = 'confirmed' order by 1, 2";
        (self.ask(pairs).await, self.ask("select line_id, reason_code from recon.exceptions order by 1").await)
    }

    async fn events(&self, run: i64) -> Vec<String> {
        self.ask(&format!("select event, coalesce(cause, '-'), rule_id from recon.events where run = {run} order by 1, 2, 3"))
            .await
    }

    async fn decide(&self, action: Action, left: &[&str], right: &[&str], retracts: Option<i64>) -> Result<i64> {
        self.decide_of(action, left, right, retracts, None).await
    }

    async fn decide_of(
        &self,
        action: Action,
        left: &[&str],
        right: &[&str],
        retracts: Option<i64>,
        owner: Option<&str>,
    ) -> Result<i64> {
        let ids = [left, right].map(|ids| ids.iter().map(|id| (*id).to_owned()).collect());
        let (flow, owner) = ("f".to_owned(), owner.map(str::to_owned));
        let (why, tables) = ("ann says so".to_owned(), [None, None]);
        let asked = Asked { action, flow, ids, tables, why, who: None, account: None, retracts, owner };
        let by = Entered { at: Clock::default().now(), who: "ann".to_owned() };
        let sides = ["payments", "lines"].map(|table| [table.to_owned()].into());
        let decision = asked.decision(sides.each_ref(), &by).unwrap();
        self.results.decide(vec![decision], &self.context().state()).await
    }

    async fn close(&self, day: i32) {
        let by = Entered { at: Clock::default().now(), who: "ann".to_owned() };
        self.results.close("f", MARCH + day - 1, false, &by, &self.context().state()).await.unwrap();
    }
}

#[tokio::test]
async fn case_3_a_reference_that_comes_later_settles_what_was_ambiguous() {
    let (mut desk, _folder) = Desk::new();
    let payments = [("a", 999, 1, Some("A")), ("b", 999, 1, Some("B"))];
    desk.run(&[REFERENCE, AMOUNT], &payments, &[("x", 999, 2, None)]).await;
    let ambiguous = ["a AMBIGUOUS_WINDOW", "b AMBIGUOUS_WINDOW", "x AMBIGUOUS_WINDOW"];
    assert_eq!(desk.state().await, (vec![], ambiguous.map(str::to_owned).to_vec()));
    desk.run(&[REFERENCE, AMOUNT], &payments, &[("x", 999, 2, Some("A"))]).await;
    assert_eq!(desk.state().await, (vec!["a x reference".to_owned()], vec!["b NO_COUNTERPART_LEFT".to_owned()]));
    assert_eq!(desk.events(2).await, ["created - reference"]);
    // Both are told of as they were.
    let history = "select run, line_id, coalesce(reason_code, 'settled') from recon.exceptions_history order by 1, 2";
    let told = [
        "1 a AMBIGUOUS_WINDOW",
        "1 b AMBIGUOUS_WINDOW",
        "1 x AMBIGUOUS_WINDOW",
        "2 a settled",
        "2 b NO_COUNTERPART_LEFT",
        "2 x settled",
    ];
    assert_eq!(desk.ask(history).await, told);
}

#[tokio::test]
async fn case_15_the_same_again_is_no_change_and_a_restated_row_is_told_of() {
    let (mut desk, _folder) = Desk::new();
    let rules = [REFERENCE];
    let (payments, lines) = ([("a", 100, 1, Some("A")), ("b", 70, 1, None)], [("x", 100, 2, Some("A"))]);
    desk.run(&rules, &payments, &lines).await;
    let before = desk.ask("select match_id, first_run, last_run, first_seen from recon.matches").await;
    let again = desk.run(&rules, &payments, &lines).await;
    assert_eq!((again.run, again.unchanged_since, again.created), (2, Some(1), 0));
    assert_eq!(desk.run(&rules, &payments, &lines).await.unchanged_since, Some(1));
    let after = desk.ask("select match_id, first_run, last_run, first_seen from recon.matches").await;
    assert_eq!(after, [before[0].replacen(" 1 1 ", " 1 3 ", 1)]);
    assert_eq!(desk.ask("select count(*) from recon.matches_history").await, ["1"]);
    // Re-issued: the pair is the same, and both rows say something else.
    desk.run(&rules, &[("a", 98, 1, Some("A")), ("b", 71, 1, None)], &[("x", 98, 2, Some("A"))]).await;
    let events = desk.ask("select event, cause, coalesce(line_id, '-') from recon.events where run = 4 order by 3").await;
    assert_eq!(events, ["restated restatement -", "restated restatement b"]);
    assert_eq!(
        desk.ask("select side, allocated_amount from recon.match_lines order by 1").await,
        ["left 0.98000000", "right 0.98000000"]
    );
}

#[tokio::test]
async fn what_goes_by_what_the_last_run_went_by_is_not_matched_again_and_whatever_else_is() {
    let (mut desk, _folder) = Desk::new();
    let (payments, lines) = ([("a", 100, 1, Some("A")), ("b", 70, 1, None)], [("x", 100, 2, Some("A"))]);
    let rules = [REFERENCE, AMOUNT];
    desk.run(&rules, &payments, &lines).await;
    assert!(desk.has_matched);
    let again = desk.run(&rules, &payments, &lines).await;
    assert!(!desk.has_matched);
    let told = (again.run, again.unchanged_since, again.exceptions, again.created, again.withdrawn);
    assert_eq!(told, (2, Some(1), 1, 0, 0));
    let runs = "select matched, suggested, exceptions, out_of_scope, rules, inputs, goes_by from recon.runs order by run";
    let runs = desk.ask(runs).await;
    assert_eq!(runs[0], runs[1]);

    // The reference is in the SELECT alone, the amount is compared, a row is new, a rule is another, a day is later.
    let other_reference = [("a", 100, 1, Some("A")), ("b", 70, 1, Some("B"))];
    for (rules, payments, day) in [
        (&rules[..], &other_reference[..], 10),
        (&rules[..], &[("a", 100, 1, Some("A")), ("b", 71, 1, Some("B"))][..], 10),
        (&rules[..], &payments[..1], 10),
        (&rules[..1], &payments[..1], 10),
        (&rules[..1], &payments[..1], 11),
    ] {
        desk.day = day;
        desk.run(rules, payments, &lines).await;
        assert!(desk.has_matched);
        desk.run(rules, payments, &lines).await;
        assert!(!desk.has_matched);
    }
    desk.decide(Action::Unmatch, &["a"], &["x"], None).await.unwrap();
    for is_matched in [true, false] {
        desk.run(&rules, &payments, &lines).await;
        assert_eq!(desk.has_matched, is_matched);
    }
    // What a closed period keeps is looked at each time.
    desk.close(2).await;
    for _ in 0..2 {
        desk.run(&rules, &payments, &lines).await;
        assert!(desk.has_matched);
    }
}

#[tokio::test]
async fn a_rule_that_reads_a_table_that_no_header_names_is_always_matched() {
    let (mut desk, _folder) = Desk::new();
    let (payments, lines) = ([("a", 100, 1, Some("A"))], [("x", 100, 2, Some("A"))]);
    let rule =
        REFERENCE.replace("on l.reference = r.reference", "on l.reference = r.reference join allowed on allowed.id = l.id");
    for is_allowed in [false, true, true] {
        let context = desk.context();
        let allowed: &[Row<'_>] = if is_allowed { &payments } else { &[] };
        context.register_table("allowed", Arc::new(table(allowed))).unwrap();
        let begun = desk.begin(&context).await.unwrap();
        desk.end(&context, &begun, &[&rule], &payments, &lines).await.unwrap();
        assert!(desk.has_matched);
        assert_eq!(desk.state().await.0.len(), usize::from(is_allowed));
    }
}

/// What happens before a run: the rows are others, or they are matched by one rule alone, or a person says something.
#[derive(Debug, Clone)]
enum Before {
    Rows(usize),
    Rules(usize),
    Unmatched(usize),
    Closed(i32),
    Nothing,
}

fn before() -> impl Strategy<Value = Before> {
    prop_oneof![
        3 => (0..3_usize).prop_map(Before::Rows),
        1 => (1..3_usize).prop_map(Before::Rules),
        1 => (0..3_usize).prop_map(Before::Unmatched),
        1 => (1..4_i32).prop_map(Before::Closed),
        4 => Just(Before::Nothing),
    ]
}

/// Payments and lines: cents, day of March, and which reference.
type World = [Vec<(i128, i32, Option<u8>)>; 2];

/// Rows of which few things are told, so that many are alike.
fn world() -> impl Strategy<Value = World> {
    let rows = || prop::collection::vec((90..93_i128, 1..4_i32, prop::option::of(0..3_u8)), 1..6);
    (rows(), rows()).prop_map(|(payments, lines)| [payments, lines])
}

/// All that is kept, but when it was: the hash of what people have decided has when they did.
const KEPT: [&str; 6] = [
    "select * exclude (started, ended, decisions), decisions is null from recon.runs",
    "select * exclude (loaded_at) from recon.rule_versions",
    "select * from recon.matches_history",
    "select * from recon.match_lines",
    "select * from recon.exceptions_history",
    "select * from recon.assertions",
];

/// All that is kept after runs.
async fn kept_after(worlds: &[World; 3], turns: &[Before], is_forgetful: bool) -> (Vec<String>, usize) {
    let (mut desk, _folder) = Desk::new();
    desk.is_forgetful = is_forgetful;
    let (mut world, mut rules, mut closed, mut known) = (0, 2, 0, 0);
    for turn in turns {
        match turn {
            Before::Rows(other) => world = *other,
            Before::Rules(many) => rules = *many,
            Before::Unmatched(row) => {
                let (left, right) = (format!("p{row}"), format!("l{row}"));
                // It may have been said before.
                drop(desk.decide(Action::Unmatch, &[left.as_str()], &[right.as_str()], None).await);
            }
            Before::Closed(day) => {
                closed = closed.max(*day);
                desk.close(closed).await;
            }
            Before::Nothing => {}
        }
        let references = ["A", "B", "C"];
        let ids: Vec<[String; 2]> = (0..6).map(|row| [format!("p{row}"), format!("l{row}")]).collect();
        let rows = |side: usize| -> Vec<Row<'_>> {
            let rows = worlds[world][side].iter().zip(&ids);
            rows.map(|((cents, day, reference), id)| {
                (id[side].as_str(), *cents, *day, reference.map(|of| references[usize::from(of)]))
            })
            .collect()
        };
        desk.run(&[AMOUNT, REFERENCE][..rules], &rows(0), &rows(1)).await;
        known += usize::from(!desk.has_matched);
    }
    let mut kept = Vec::new();
    for sql in KEPT {
        let mut rows = desk.ask(sql).await;
        rows.sort_unstable();
        kept.extend(rows);
    }
    (kept, known)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn runs_that_leave_out_what_is_known_keep_what_those_keep_that_match_all_anew(
        worlds in [world(), world(), world()],
        turns in prop::collection::vec(before(), 1..6),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (known, _) = runtime.block_on(kept_after(&worlds, &turns, false));
        let (anew, of_them_known) = runtime.block_on(kept_after(&worlds, &turns, true));
        prop_assert_eq!(of_them_known, 0);
        prop_assert_eq!(known, anew);
    }
}

#[tokio::test]
async fn case_30_an_amount_that_changes_before_it_is_paid_withdraws_the_match_of_the_old_one() {
    let (mut desk, _folder) = Desk::new();
    desk.run(&[AMOUNT], &[("p", 10_000, 1, None)], &[("x", 10_000, 2, None), ("y", 9_850, 3, None)]).await;
    assert_eq!(desk.state().await.0, ["p x amount"]);
    desk.run(&[AMOUNT], &[("p", 9_850, 1, None)], &[("x", 10_000, 2, None), ("y", 9_850, 3, None)]).await;
    assert_eq!(desk.state().await, (vec!["p y amount".to_owned()], vec!["x NO_COUNTERPART_RIGHT".to_owned()]));
    assert_eq!(desk.events(2).await, ["created - amount", "withdrawn restatement amount"]);
    assert_eq!(
        desk.ask("select status, first_run, last_run from recon.matches order by 1").await,
        ["confirmed 2 2", "withdrawn 1 1"]
    );
}

#[tokio::test]
async fn case_45_a_late_row_withdraws_a_match_of_an_open_period_and_not_of_a_closed_one() {
    let (payments, lines) = ([("p", 999, 1, None)], [("x", 999, 2, None)]);
    let late = [("x", 999, 2, None), ("y", 999, 3, None)];
    let (mut open, _folder) = Desk::new();
    open.run(&[AMOUNT], &payments, &lines).await;
    open.run(&[AMOUNT], &payments, &late).await;
    let ambiguous = ["p AMBIGUOUS_WINDOW", "x AMBIGUOUS_WINDOW", "y AMBIGUOUS_WINDOW"];
    assert_eq!(open.state().await, (vec![], ambiguous.map(str::to_owned).to_vec()));
    assert_eq!(open.events(2).await, ["withdrawn late_data amount"]);

    let (mut closed, _folder) = Desk::new();
    closed.run(&[AMOUNT], &payments, &lines).await;
    closed.close(2).await;
    closed.run(&[AMOUNT], &payments, &late).await;
    assert_eq!(closed.state().await, (vec!["p x amount".to_owned()], vec!["y AMBIGUOUS_WINDOW".to_owned()]));
    assert_eq!(closed.events(2).await, ["LATE_CHANGE_TO_CLOSED_PERIOD late_data amount"]);
    assert_eq!(closed.ask("select is_kept from recon.matches").await, ["true"]);
    // It is told once.
    closed.day += 1;
    closed.run(&[AMOUNT], &payments, &late).await;
    assert!(closed.events(3).await.is_empty());
}

#[tokio::test]
async fn what_would_be_new_in_a_closed_period_stays_left_until_a_person_says_so() {
    let (mut desk, _folder) = Desk::new();
    let (payments, lines) = ([("p", 999, 1, None)], [("x", 998, 2, None)]);
    desk.run(&[AMOUNT], &payments, &lines).await;
    desk.close(5).await;
    let late = [("x", 998, 2, None), ("y", 999, 3, None)];
    desk.run(&[AMOUNT], &payments, &late).await;
    let left = ["p LATE_CHANGE_TO_CLOSED_PERIOD", "x NO_COUNTERPART_RIGHT", "y LATE_CHANGE_TO_CLOSED_PERIOD"];
    assert_eq!(desk.state().await, (vec![], left.map(str::to_owned).to_vec()));
    let told = "LATE_CHANGE_TO_CLOSED_PERIOD late_data amount";
    assert_eq!(desk.events(2).await, [told, told]);
    desk.decide(Action::Match, &["p"], &["y"], None).await.unwrap();
    desk.run(&[AMOUNT], &payments, &late).await;
    assert_eq!(desk.state().await.0, ["p y amount"]);
}

#[tokio::test]
async fn the_day_of_a_row_is_that_of_the_header_and_without_any_no_period_is_closed() {
    let (mut desk, _folder) = Desk::new();
    let (payments, lines) = ([("a", 100, 1, Some("A"))], [("x", 100, 2, Some("A"))]);
    let dated = REFERENCE.replace("--- amount:", "--- days: left.day, right.day\n--- amount:");
    desk.day = 40;
    desk.run(&[&dated], &payments, &lines).await;
    assert_eq!(desk.ask("select day from recon.match_lines order by 1").await, ["2026-03-01", "2026-03-02"]);
    desk.close(2).await;
    let restated = [("x", 100, 2, None)];
    desk.run(&[&dated], &payments, &restated).await;
    assert_eq!(desk.state().await.0, ["a x reference"]);
    let error = desk.try_run(&[REFERENCE], &payments, &lines).await.unwrap_err();
    assert!(error.to_string().contains("it is not known which day rows are of"), "{error}");
}

#[tokio::test]
async fn what_people_say_while_a_run_is_under_way_is_not_missed() {
    for is_close in [true, false] {
        let (mut desk, _folder) = Desk::new();
        let (payments, lines) = ([("p", 999, 1, None)], [("x", 999, 2, None)]);
        let context = desk.context();
        let begun = desk.begin(&context).await.unwrap();
        match is_close {
            true => desk.close(2).await,
            false => drop(desk.decide(Action::Unmatch, &["p"], &["x"], None).await.unwrap()),
        }
        let error = desk.end(&context, &begun, &[AMOUNT], &payments, &lines).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert_eq!(desk.ask("select count(*) from recon.runs").await, ["0"]);
        assert_eq!(desk.run(&[AMOUNT], &payments, &lines).await.run, 1);
        assert_eq!(desk.state().await.0.len(), usize::from(is_close));
    }
}

#[tokio::test]
async fn case_46_what_a_person_has_unmatched_stays_so() {
    let (mut desk, _folder) = Desk::new();
    let (rules, payments, lines) = ([REFERENCE, AMOUNT], [("a", 100, 1, Some("A"))], [("x", 100, 2, Some("A"))]);
    desk.run(&rules, &payments, &lines).await;
    desk.decide(Action::Unmatch, &["a"], &["x"], None).await.unwrap();
    for run in 2..4 {
        let recorded = desk.run(&rules, &payments, &lines).await;
        assert_eq!((recorded.run, recorded.unchanged_since), (run, (run == 3).then_some(2)));
        assert_eq!(desk.state().await, (vec![], vec!["a NO_COUNTERPART_LEFT".to_owned(), "x NO_COUNTERPART_RIGHT".to_owned()]));
    }
    assert_eq!(desk.events(2).await, ["withdrawn override reference"]);
    desk.decide(Action::Retract, &[], &[], Some(1)).await.unwrap();
    desk.run(&rules, &payments, &lines).await;
    assert_eq!(desk.state().await.0, ["a x reference"]);
    assert_eq!(desk.events(4).await, ["restored - reference"]);
    let overrides = desk.ask("select override_id, action, who, line_id, is_retracted from recon.overrides order by 1, 4").await;
    assert_eq!(overrides, ["1 unmatch ann a true", "1 unmatch ann x true", "2 retract ann  false"]);
}

#[tokio::test]
async fn case_46_what_a_person_has_unmatched_is_no_candidate_and_what_is_left_is_told_why() {
    let (mut desk, _folder) = Desk::new();
    let (payments, lines) = ([("a", 999, 1, None), ("b", 999, 1, None)], [("x", 999, 2, None)]);
    desk.run(&[AMOUNT], &payments, &lines).await;
    assert_eq!(desk.state().await.1, ["a AMBIGUOUS_WINDOW", "b AMBIGUOUS_WINDOW", "x AMBIGUOUS_WINDOW"]);
    desk.decide(Action::Unmatch, &["a"], &["x"], None).await.unwrap();
    desk.run(&[AMOUNT], &payments, &lines).await;
    assert_eq!(desk.state().await, (vec!["b x amount".to_owned()], vec!["a NO_COUNTERPART_LEFT".to_owned()]));
    let day = desk.ask("select cast(made_at as date) from recon.overrides limit 1").await.remove(0);
    let said = format!("ann has set payments a and lines x apart on {day}, override 1: ann says so");
    assert_eq!(desk.ask("select detail from recon.exceptions").await, [said.as_str()]);
    let evidence = "select coalesce(left_value, '-'), coalesce(right_value, '-'), test, passed from recon.evidence where field = 'set apart'";
    let told = format!("a - ann has set them apart on {day}, override 1: ann says so true");
    assert_eq!(desk.ask(evidence).await, [told]);
    let told =
        [explained(&desk, &[AMOUNT], &payments, &lines, "a").await, explained(&desk, &[AMOUNT], &payments, &lines, "b").await];
    let id = desk.ask("select match_id from recon.matches").await.remove(0);
    insta::assert_snapshot!(told.join("").replace(&id, "MATCH").replace(&day, "DAY"), @"
    payments a is left, hop 1 of f: NO_COUNTERPART_LEFT
      A row of the left side without counterpart.
      none of these rules matched it, or found out more of it: amount
      ann has set payments a and lines x apart on DAY, override 1: ann says so
    MATCH is matched by amount, hop 1 of f
      left  payments b, 9.99 EUR, 2026-03-01
      right lines x, 9.99 EUR, 2026-03-02
      the amounts are equal
      the days lie in the window: day within +0 to +5 days of day
      ann has set payments a and lines x apart on DAY, override 1: ann says so
    ");
    // Taken back, all is as it was before.
    desk.decide(Action::Retract, &[], &[], Some(1)).await.unwrap();
    desk.run(&[AMOUNT], &payments, &lines).await;
    assert_eq!(desk.state().await.0, [""; 0]);
    assert_eq!(desk.ask(evidence).await, [""; 0]);
}

#[tokio::test]
async fn a_match_of_several_goes_when_a_person_sets_two_of_its_rows_apart() {
    let (mut desk, _folder) = Desk::new();
    let sums = REFERENCE.replace("right: lines(id)\n", "right: lines(id) shape: many_to_one\n");
    let payments = [("a", 60, 1, Some("A")), ("b", 40, 1, Some("A")), ("c", 7, 1, Some("A"))];
    let lines = [("x", 107, 2, Some("A"))];
    desk.run(&[&sums], &payments, &lines).await;
    assert_eq!(desk.ask("select shape, status from recon.matches").await, ["many_to_one confirmed"]);
    desk.decide(Action::Unmatch, &["c"], &["x"], None).await.unwrap();
    desk.run(&[&sums], &payments, &[("x", 100, 2, Some("A"))]).await;
    assert_eq!(desk.events(2).await, ["created - reference", "withdrawn override reference"]);
    assert_eq!(desk.state().await.0, ["a x reference", "b x reference"]);
    // Of all of them nobody says which is wrong.
    desk.decide(Action::Unmatch, &["a", "b"], &["x"], None).await.unwrap();
    desk.run(&[&sums], &payments, &[("x", 100, 2, Some("A"))]).await;
    let left = ["a AMBIGUOUS_KEY", "b AMBIGUOUS_KEY", "c NO_COUNTERPART_LEFT", "x AMBIGUOUS_KEY"];
    assert_eq!(desk.state().await, (vec![], left.map(str::to_owned).to_vec()));
}

#[test]
fn other_rules_are_held_against_those_there_are_over_the_same_rows() {
    let folder = shop();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("other")).unwrap();
    let rule = |name: &str, priority: u32, on: &str| {
        format!(
            "--- rule: shop.{name} flow: shop priority: {priority}\n--- left: books.orders(id) right: books.bank(id)\n\
             --- days: left.day, right.day\n--- amount: left.amount = right.amount\n\
             select l.id as left_id, r.id as right_id from books.orders l join books.bank r on {on}\n"
        )
    };
    write("other/amount.sql", &rule("amount", 5, "l.amount = r.amount and l.currency = r.currency"));
    write("other/reference.sql", &rule("reference", 9, "l.reference = r.reference and r.day > date '2026-03-04'"));
    let diff = |more: &[&str]| {
        let said = [&["rules", "diff", "--as-of", "2026-03-10", "--rules", "rules", "--format", "csv"], more].concat();
        ckosql(&folder, &said, true)
    };
    let told = [diff(&["other"]), diff(&["other", "--each"]), diff(&["rules/reference.sql"]), diff(&["other", "--flow", "none"])];
    // What leaves a flow without any rule leaves it without its matches.
    fs::create_dir(folder.path().join("moved")).unwrap();
    for name in ["reference.sql", "none.sql"] {
        let rule = fs::read_to_string(folder.path().join("rules").join(name)).unwrap();
        write(&format!("moved/{name}"), &rule.replace("flow: shop", "flow: moved"));
    }
    assert_eq!(
        [diff(&["moved"]), diff(&["moved", "--flow", "shop"])].concat(),
        "exit 5\nflow,hop,what,before,after,currency,count,amount\nmoved,1,comes,,shop.reference,EUR,1,10.00\n\
         shop,1,goes,shop.reference,,EUR,1,10.00\nerror: 2 matches differ\n\
         exit 5\nflow,hop,what,before,after,currency,count,amount\nshop,1,goes,shop.reference,,EUR,1,10.00\n\
         error: 1 matches differ\n"
    );
    assert_snapshot!(told.join("\n"));
    assert!(!folder.path().join("lake").join("recon").exists());
}

#[tokio::test]
async fn case_47_a_rule_that_is_edited_and_finds_the_same_leaves_no_gap() {
    let (mut desk, _folder) = Desk::new();
    let (payments, lines) = ([("a", 100, 1, Some("A"))], [("x", 100, 2, Some("A"))]);
    desk.run(&[REFERENCE], &payments, &lines).await;
    let edited = REFERENCE.replace("select", "select 'told' as why,");
    desk.run(&[&edited], &payments, &lines).await;
    assert_eq!(desk.state().await.0, ["a x reference"]);
    assert_eq!(desk.events(2).await, ["created rule_change reference", "superseded rule_change reference"]);
    let heir = "select old.status, new.status from recon.matches old join recon.matches new on new.match_id = old.superseded_by";
    assert_eq!(desk.ask(heir).await, ["withdrawn confirmed"]);
    assert_eq!(desk.ask("select count(*), min(first_run), max(first_run) from recon.rule_versions").await, ["2 1 2"]);
}

#[tokio::test]
async fn what_people_decide_counts_and_survives() {
    let (mut desk, _folder) = Desk::new();
    let rules = [REFERENCE];
    let payments = [("a", 100, 1, None), ("b", 50, 1, None), ("c", 7, 1, Some("C")), ("d", 3, 1, None)];
    let lines = [("x", 147, 2, None), ("y", 7, 2, Some("C"))];
    desk.run(&rules, &payments, &lines).await;
    desk.decide(Action::Match, &["a", "b"], &["x"], None).await.unwrap();
    desk.decide(Action::Exclude, &["c"], &[], None).await.unwrap();
    desk.decide(Action::WriteOff, &["d"], &[], None).await.unwrap();
    for _ in 0..2 {
        desk.run(&rules, &payments, &lines).await;
        let found = "select shape, rule_version = 'by hand', status from recon.matches order by 1";
        assert_eq!(
            desk.ask(found).await,
            ["many_to_one true confirmed", "one_sided true confirmed", "one_to_one false withdrawn"]
        );
        assert_eq!(
            desk.ask("select kind, amount from recon.residuals order by 1").await,
            ["SHORT 0.03000000", "WRITE_OFF 0.03000000"]
        );
        assert_eq!(desk.ask("select line_id, reason_code from recon.out_of_scope").await, ["c EXCLUDED"]);
        assert_eq!(desk.ask("select line_id, reason_code from recon.exceptions").await, ["y NO_COUNTERPART_RIGHT"]);
    }
    let error = desk.decide(Action::Retract, &[], &[], Some(9)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the flow has no such override that could be retracted (action retract, override_id 9, flow f)"
    );
    // What it is of is gone: nobody guesses what that means.
    let error = desk.try_run(&rules, &payments[1..], &lines).await.unwrap_err();
    assert_eq!(error.to_string(), "an override names a row that is not there (table payments, id a, override_id 1)");
}

#[tokio::test]
async fn what_is_told_of_a_match_is_what_was_compared() {
    let (mut desk, _folder) = Desk::new();
    desk.run(&[AMOUNT], &[("p", 999, 1, None)], &[("x", 999, 2, None)]).await;
    let evidence = desk.ask("select field, left_value, right_value, test, passed from recon.evidence order by 1").await;
    let expected = [
        "amount 9.99000000 9.99000000 left.amount in left.currency = right.amount in right.currency true",
        "currency EUR EUR the same true",
        "day 2026-03-01 2026-03-02 right.day in [left.day +0 .. +5 days] true",
    ];
    assert_eq!(evidence, expected);
    let assertions =
        desk.ask("select identity, scope, left_value, difference, rows, passed from recon.assertions order by 1, 2").await;
    let expected = [
        "amounts_kept lines 9.99000000 0.00000000 1 true",
        "amounts_kept payments 9.99000000 0.00000000 1 true",
        "each_row_once lines 1.00000000 0.00000000 1 true",
        "each_row_once payments 1.00000000 0.00000000 1 true",
        "matches_balance amount 9.99000000 0.00000000 1 true",
    ];
    assert_eq!(assertions, expected);
}

#[tokio::test]
async fn exceptions_have_the_age_of_their_day_at_the_run() {
    let (mut desk, _folder) = Desk::new();
    let payments = [("a", 100, 10, None), ("b", 200, 7, None), ("c", 300, 3, None), ("d", 400, 12, None)];
    desk.run(&[AMOUNT], &payments, &[]).await;
    let ages = "select line_id, age_days, ageing from recon.exceptions order by 1";
    assert_eq!(desk.ask(ages).await, ["a 0 0-1", "b 3 2-3", "c 7 4-7", "d -2 0-1"]);
    desk.day = 31;
    desk.run(&[AMOUNT], &payments, &[]).await;
    assert_eq!(desk.ask(ages).await, ["a 21 8-30", "b 24 8-30", "c 28 8-30", "d 19 8-30"]);
}

#[tokio::test]
async fn case_32_what_is_overdue_after_five_business_days_is_as_old_as_its_own_day() {
    let (mut desk, _folder) = Desk::new();
    let covered = AMOUNT.replace("+5 days]", "+5 business days]   calendar: WEEKENDS\n--- covered: right by known(first, last)");
    let payments = [("sunday", 50_000, 1, None), ("monday", 50_000, 2, None)];
    let told = "select line_id, reason_code, due, age_days, ageing from recon.exceptions order by 1 desc";
    for (day, expected) in [
        (6, ["sunday NOT_DUE_YET 2026-03-06 5 4-7", "monday NOT_DUE_YET 2026-03-09 4 4-7"]),
        (7, ["sunday OVERDUE 2026-03-06 6 4-7", "monday NOT_DUE_YET 2026-03-09 5 4-7"]),
        (10, ["sunday OVERDUE 2026-03-06 9 8-30", "monday OVERDUE 2026-03-09 8 8-30"]),
    ] {
        desk.day = day;
        desk.run(&[&covered], &payments, &[]).await;
        assert_eq!(desk.ask(told).await, expected);
    }
}

#[tokio::test]
async fn a_row_that_is_left_says_until_when_it_is_waited_for_and_who_is_to_see_to_it() {
    let (mut desk, _folder) = Desk::new();
    let later = AMOUNT.replace("rule: amount", "rule: later").replace("priority: 2", "priority: 3").replace("+5 days", "+9 days");
    desk.run(&[AMOUNT], &[("a", 100, 1, None)], &[("x", 7, 2, None)]).await;
    let told = "select line_id, coalesce(cast(due as varchar), '-'), coalesce(owner, '-') from recon.exceptions order by 1";
    assert_eq!(desk.ask(told).await, ["a 2026-03-06 -", "x - -"]);
    desk.run(&[AMOUNT, &later], &[("a", 100, 1, None)], &[("x", 7, 2, None)]).await;
    assert_eq!(desk.ask(told).await, ["a 2026-03-10 -", "x - -"]);
    // No run is needed for it.
    desk.decide_of(Action::Assign, &["a"], &["x"], None, Some("bob")).await.unwrap();
    desk.decide_of(Action::Assign, &["a"], &[], None, Some("eve")).await.unwrap();
    assert_eq!(desk.ask(told).await, ["a 2026-03-10 eve", "x - bob"]);
    desk.decide(Action::Retract, &[], &[], Some(2)).await.unwrap();
    assert_eq!(desk.ask(told).await, ["a 2026-03-10 bob", "x - bob"]);
    let nobody = desk.decide(Action::Assign, &["a"], &[], None).await.unwrap_err();
    assert_eq!(nobody.to_string(), "rows that are assigned to nobody (action assign)");
    // It decides nothing of what they belong to.
    let same = desk.run(&[AMOUNT, &later], &[("a", 100, 1, None)], &[("x", 7, 2, None)]).await;
    assert_eq!(same.unchanged_since, Some(2));
}

#[tokio::test]
async fn a_match_says_by_how_much_it_is_better_than_the_next() {
    let (mut desk, _folder) = Desk::new();
    let scored = "--- rule: scored flow: f priority: 1 assign: mutual_best(margin=1)\n--- left: payments(id) right: lines(id)\n\
         select l.id as left_id, r.id as right_id, 10 - abs(l.day - r.day) as score from payments l join lines r on l.amount = r.amount";
    let payments = [("a", 100, 1, None), ("b", 7, 1, None)];
    desk.run(&[scored], &payments, &[("x", 100, 2, None), ("y", 100, 5, None), ("z", 7, 1, None)]).await;
    let told = "select score, coalesce(cast(margin as varchar), 'no other') from recon.matches order by 1";
    assert_eq!(desk.ask(told).await, ["9 3", "10 no other"]);
}

#[tokio::test]
async fn identities_are_told_of_each_run_that_evaluates_them() {
    let (mut desk, _folder) = Desk::new();
    let identity = |id: &str, broken: Vec<Broken>| Identity {
        flow: "f".to_owned(),
        id: id.to_owned(),
        name: "a_check".to_owned(),
        tolerance: "exact".to_owned(),
        broken,
    };
    let broken = Broken {
        subject: "2026-03-01 P1".to_owned(),
        currency: Some("EUR".to_owned()),
        expected: Some(7_951_000_000),
        found: Some(7_945_000_000),
    };
    let (payments, lines) = ([("a", 100, 1, Some("A"))], [("x", 100, 2, Some("A"))]);
    assert_eq!(desk.run(&[REFERENCE], &payments, &lines).await.broken, 0);
    let of_matches = "select count(*) from recon.assertions where hop is not null and passed";
    let conserved = desk.ask(of_matches).await;
    desk.identities = vec![identity("I7", vec![broken]), identity("I4", vec![])];
    // What identities come to is no change of what is matched.
    let second = desk.run(&[REFERENCE], &payments, &lines).await;
    assert_eq!((second.unchanged_since, second.broken), (Some(1), 1));
    desk.identities = vec![identity("I7", vec![])];
    assert_eq!(desk.run(&[REFERENCE], &payments, &lines).await.broken, 0);
    let told = "select run, identity, scope, coalesce(currency, '-'), coalesce(cast(difference as varchar), '-'), rows, passed, \
                tolerance, coalesce(subject, '-') from recon.assertions where hop is null order by 1, 2";
    let expected = [
        "2 I4 a_check - - 0 true exact -",
        "2 I7 a_check EUR 0.06000000 1 false exact 2026-03-01 P1",
        "3 I7 a_check - - 0 true exact -",
    ];
    assert_eq!(desk.ask(told).await, expected);
    assert_ne!(conserved, ["0"]);
    assert_eq!(desk.ask(of_matches).await, conserved);
}

#[tokio::test]
async fn an_identity_that_the_books_break_is_recorded_with_the_flow_it_belongs_to() {
    let folder = TempDir::new().unwrap();
    let merchant = MerchantOptions { payments: 600, days: 16, ..MerchantOptions::default() };
    let options = SandboxOptions { faults: "books=payout_rows".parse().unwrap(), ..SandboxOptions::default() };
    let lake = LakeOptions::at(folder.path().to_str().unwrap());
    let copy = Copy::made(Merchant::new(merchant), Some(lake), options, |_| {}, Policy::default()).unwrap();
    copy.sync(&[]).await;
    let mut rules = with_shipped(None).unwrap();
    rules.retain(|rule| rule.flow == "actions_to_payout");
    let before = copy.engine.activity().requests;
    let identities = copy.engine.identities(&["actions_to_payout"].into()).await.unwrap();
    let asked = copy.engine.activity().requests - before;
    assert!(asked < 100, "{asked} requests over a lake");
    let as_of = copy.engine.clock().now().date_naive().to_epoch_days();
    let recorded = copy.engine.reconcile(&rules, as_of, &identities).await.unwrap();
    assert!(recorded[0].broken > 0, "{recorded:?}");
    let told = "select distinct identity, scope, passed from recon.assertions where hop is null order by 2";
    insta::assert_snapshot!(copy.text(told).await, @"
    +----------+---------------------+--------+
    | identity | scope               | passed |
    +----------+---------------------+--------+
    | I6       | breakdown_deduction | true   |
    | I5       | breakdown_net       | true   |
    | I4       | payout_amount       | false  |
    | I5       | payout_breakdown    | true   |
    | I7       | payout_components   | true   |
    | I18      | settled_once        | true   |
    +----------+---------------------+--------+
    ");
}

#[tokio::test]
async fn small_files_are_put_together_and_nothing_that_is_told_or_under_way_changes() {
    let (mut desk, _folder) = Desk::new();
    let lines = [("x", 100, 2, None), ("y", 200, 2, None), ("z", 300, 2, None)];
    let payments = [("a", 100, 1, None), ("b", 200, 1, None), ("c", 300, 1, None)];
    for many in 1..4 {
        desk.run(&[AMOUNT], &payments[..many], &lines).await;
    }
    let told = async |desk: &Desk| {
        let mut told = desk.ask("select * from recon.matches_history order by match_id, run").await;
        for table in ["exceptions_history", "events", "runs", "assertions", "evidence"] {
            let mut rows = desk.ask(&format!("select * from recon.{table}")).await;
            rows.sort_unstable();
            told.extend(rows);
        }
        told
    };
    let before = told(&desk).await;
    let context = desk.context();
    let begun = desk.begin(&context).await.unwrap();
    let tables = desk.results.tended(90);
    for done in maintain::optimize(&tables).await.unwrap() {
        assert_eq!(done.after.files, u64::from(done.before.files > 0), "{done:?}");
    }
    assert_eq!(told(&desk).await, before);
    // What was replaced is still there for those who look back.
    let vacuumed = maintain::vacuum(&tables, None, false).await.unwrap();
    assert!(vacuumed.iter().all(|one| (one.taken.files, one.retention) == (0, 90)), "{vacuumed:?}");
    drop(tables);
    let recorded = desk.end(&context, &begun, &[AMOUNT], &payments, &[]).await.unwrap();
    assert_eq!((recorded.run, recorded.withdrawn), (4, 3));
    assert_eq!(desk.state().await.0, [""; 0]);
}

#[tokio::test]
async fn a_run_that_is_killed_between_its_commits_has_changed_nothing_and_the_next_is_right() {
    let (first, second) = ([("a", 100, 1, Some("A")), ("b", 50, 1, None)], [("a", 100, 1, Some("A")), ("b", 50, 1, Some("B"))]);
    let lines = [("x", 100, 2, Some("A")), ("y", 50, 2, Some("B"))];
    let store = FaultyStore::new();
    let location = Location::parse("memory:///some/lake", &BTreeMap::new()).unwrap().through(Arc::clone(&store) as _);
    let mut desk = Desk::at(&location);
    desk.run(&[REFERENCE], &first, &lines).await;
    let before = desk.state().await;
    let mut put = 1;
    let recorded = loop {
        store.fail_at_put(put);
        let killed = desk.try_run(&[REFERENCE], &second, &lines).await;
        store.mend();
        // It has no more puts than these.
        let Err(error) = killed else { break killed.unwrap() };
        assert!(format!("{error:?}").contains("503 slow down"), "{error:?}");
        assert_eq!(desk.state().await, before, "put {put}");
        put += 1;
    };
    assert!(put > 5, "{put} puts");
    assert_eq!((recorded.run, recorded.created), (2, 1));
    assert_eq!(desk.state().await, (vec!["a x reference".to_owned(), "b y reference".to_owned()], vec![]));
    assert_eq!(desk.ask("select run, count(*) from recon.matches_history group by 1 order by 1").await, ["1 1", "2 1"]);
    assert_eq!(desk.ask("select count(*) from recon.match_lines").await, ["4"]);
    assert_eq!(desk.ask("select run, count(*) from recon.events group by 1 order by 1").await, ["1 1", "2 1"]);
}

#[tokio::test]
async fn of_two_runs_at_the_same_time_one_is_recorded() {
    let (mut desk, _folder) = Desk::new();
    let (payments, lines) = ([("a", 100, 1, Some("A"))], [("x", 100, 2, Some("A"))]);
    desk.run(&[REFERENCE], &payments, &[]).await;
    let context = desk.context();
    let begun = desk.begin(&context).await.unwrap();
    desk.run(&[REFERENCE], &payments, &lines).await;
    let error = desk.end(&context, &begun, &[REFERENCE], &payments, &lines).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
    assert_eq!(desk.ask("select run, matched from recon.runs order by 1").await, ["1 0", "2 1"]);
}

/// A folder of orders and a bank's lines, rules over them, and a configuration.
fn shop() -> TempDir {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("rules")).unwrap();
    fs::create_dir(folder.path().join("reports")).unwrap();
    let source = |name: &str| {
        format!(
            "[books.{name}]\npath = \"{name}.csv\"\ncolumns = {{ id = \"id\", reference = \"reference\", currency = \"currency\", \
             amount = \"cast(amount as decimal(38,8))\", day = \"cast(day as date)\" }}\n"
        )
    };
    write("ckosql.toml", &[source("orders"), source("bank")].concat());
    write(
        "orders.csv",
        "id,reference,currency,amount,day\no1,A,EUR,10.00,2026-03-02\no2,B,EUR,20.00,2026-03-02\no3,C,USD,7.50,2026-03-03\n",
    );
    write("bank.csv", "id,reference,currency,amount,day\nb1,A,EUR,10.00,2026-03-04\nb2,,EUR,20.00,2026-03-04\n");
    let rule = "--- rule: shop.reference flow: shop\n--- left: books.orders(id) right: books.bank(id)\n\
                --- days: left.day, right.day\n--- amount: left.amount = right.amount\n\
                select l.id as left_id, r.id as right_id from books.orders l join books.bank r on l.reference = r.reference\n";
    write("rules/reference.sql", rule);
    write("undated.sql", &rule.replace("shop", "loose").replace("--- days: left.day, right.day\n", ""));
    // It is of one side, and says nothing of which.
    let none = "--- rule: shop.none flow: shop shape: one_sided\n--- left: books.bank(id)\n\
                select id as left_id from books.bank where amount = 0\n";
    write("rules/none.sql", none);
    write("overrides.csv", "action,flow,left,right,why\nmatch,shop,o2,b2,told by mail\nexclude,shop,o3,,a test\n");
    folder
}

/// What a command prints, in a folder with a lake.
fn ckosql(folder: &TempDir, arguments: &[&str], has_lake: bool) -> String {
    let lake = if has_lake { &["--lake", "lake"][..] } else { &[] };
    let done = Command::new(env!("CARGO_BIN_EXE_ckosql"))
        .args(["--quiet", "--reports", "reports"])
        .args(lake)
        .args(arguments)
        .current_dir(folder.path())
        .env_clear()
        .env("USER", "ann")
        .output()
        .unwrap();
    let [out, err] = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    format!("exit {}\n{out}{err}", done.status.code().unwrap())
}

#[test]
fn what_is_kept_of_matching_is_kept_in_shape_with_the_lake() {
    let folder = shop();
    ckosql(&folder, &["reconcile", "shop", "--rules", "rules", "--as-of", "2026-03-10"], true);
    ckosql(&folder, &["reconcile", "shop", "--rules", "rules", "--as-of", "2026-03-11"], true);
    let lake = |more: &[&str]| ckosql(&folder, &[&["lake"], more, &["--format", "csv"]].concat(), true);
    let status = lake(&["status"]);
    assert!(status.contains("\nrecon.runs,,,,,,,"), "{status}");
    let done = lake(&["optimize", "recon.runs", "recon.matches"]);
    assert!(done.contains("\nrecon.runs,2,1,"), "{done}");
    let history = lake(&["history", "recon.runs"]);
    assert!(history.lines().nth(2).unwrap().contains(",OPTIMIZE,"), "{history}");
    assert!(lake(&["vacuum", "recon.runs", "--dry-run"]).ends_with("\nrecon.runs,0,0,90\n"));
    assert!(lake(&["history", "recon.rums"]).starts_with("exit 2\n"));
    // No identity is told with this flow; and where nothing is recorded none is.
    let run = |more: &[&str]| {
        ckosql(&folder, &[&["reconcile", "shop", "--rules", "rules", "--fail-on", "identities"], more].concat(), true)
    };
    assert!(run(&[]).starts_with("exit 0\n"));
    assert!(run(&["--dry-run"]).contains("identities are evaluated where they are recorded"));
}

#[test]
fn the_command_line_reconciles_keeps_overrides_and_tells_of_both() {
    let folder = shop();
    let run = ["reconcile", "shop", "--rules", "rules", "--as-of", "2026-03-10", "--format", "csv"];
    let with = |arguments: &[&str]| ckosql(&folder, arguments, true);
    let told = [
        ckosql(&folder, &run, false),
        with(&run),
        with(&["rules", "override", "--csv", "overrides.csv", "--rules", "rules"]),
        with(&[
            "rules", "override", "unmatch", "--flow", "shop", "--left", "o9", "--right", "b1", "--why", "w", "--rules", "rules",
        ]),
        with(&run),
        with(&["rules", "close", "--flow", "shop", "--through", "2026-03-10", "--rules", "rules"]),
        with(&["rules", "close", "--flow", "shop", "--through", "2026-03-09", "--rules", "rules"]),
        with(&["rules", "close", "--flow", "loose", "--through", "2026-03-09", "--rules", "undated.sql"]),
        with(&["query", "--format", "csv", "select action, who, line_id, why from recon.overrides order by override_id, side"]),
        with(&["query", "--format", "csv", "select flow, through, who, is_in_force from recon.closes"]),
        with(&["query", "--format", "csv", "select table_name, about from system.tables where table_name = 'recon.matches'"]),
    ];
    assert_snapshot!(told.join("\n"));
}

#[test]
fn what_is_told_after_a_run_is_what_is_kept() {
    let folder = shop();
    let run = ["reconcile", "shop", "--rules", "rules", "--as-of", "2026-03-10", "--format", "csv"];
    let with = |arguments: &[&str]| ckosql(&folder, arguments, true);
    let more = |arguments: &[&str]| with(&[&run, arguments].concat());
    let told = [
        with(&["rules", "override", "--csv", "overrides.csv", "--rules", "rules"]),
        more(&["--show", "matches"]),
        with(&["rules", "close", "--flow", "shop", "--through", "2026-03-10", "--rules", "rules"]),
    ];
    // What belongs together came after the period was closed: nothing new is matched there, and both rows stay left.
    for (file, row) in [("orders.csv", "o4,D,EUR,1.00,2026-03-05\n"), ("bank.csv", "b4,D,EUR,1.00,2026-03-06\n")] {
        let path = folder.path().join(file);
        fs::write(&path, fs::read_to_string(&path).unwrap() + row).unwrap();
    }
    let explain = |id: &str| with(&["rules", "explain", id, "--rules", "rules", "--flow", "shop", "--as-of", "2026-03-10"]);
    let late = [
        more(&["--dry-run", "--show", "exceptions", "--fail-on", "exceptions"]),
        more(&["--show", "exceptions", "--fail-on", "exceptions"]),
        explain("o4"),
        explain("o2"),
        explain("o3"),
        explain("o9"),
    ];
    // A row that is gone is found no more, and its match stays.
    let bank = folder.path().join("bank.csv");
    fs::write(&bank, fs::read_to_string(&bank).unwrap().replace("b1,A,EUR,10.00,2026-03-04\n", "")).unwrap();
    let gone = [more(&["--show", "matches"]), explain("b1")];
    let told = told.into_iter().chain(late).chain(gone).collect::<Vec<_>>().join("\n");
    let ids = told.match_indices("mat_").filter_map(|(place, _)| told.get(place..place + 28).map(str::to_owned));
    let ids: BTreeSet<String> = ids.collect();
    // Of three matches: the id of each is one and the same, whoever tells it.
    assert_eq!(ids.len(), 3, "{ids:?}");
    assert_snapshot!(ids.iter().fold(told, |told, id| told.replace(id, "MATCH")));
}

#[test]
fn shipped_flows_know_the_days_of_their_rows_so_that_periods_can_be_closed() {
    let folder = shop();
    for flow in [
        "actions_to_payout",
        "balance_rollforward",
        "dispute_to_actions",
        "fee_audit",
        "order_to_payment",
        "payment_to_actions",
        "payout_to_bank",
    ] {
        let told = ckosql(&folder, &["rules", "close", "--flow", flow, "--through", "2026-03-31"], true);
        assert!(told.starts_with("exit 0\n"), "{flow}: {told}");
    }
}

/// What `rules explain` tells of an id, under what people have decided.
async fn explained(desk: &Desk, rules: &[&str], payments: &[Row<'_>], lines: &[Row<'_>], id: &str) -> String {
    let context = desk.context();
    let overrides = desk.results.overrides(&context.state()).await.unwrap();
    context.register_table("payments", Arc::new(table(payments))).unwrap();
    context.register_table("lines", Arc::new(table(lines))).unwrap();
    let rules: Vec<Rule> = rules.iter().map(|rule| Rule::parse(rule, "rule").unwrap()).collect();
    let outcome = run_under(&rules, &overrides, &context, &Conventions::default(), MARCH).await.unwrap();
    explain(&outcome, id).unwrap_or_else(|error| error.to_string())
}

#[tokio::test]
async fn what_people_have_decided_is_explained_as_theirs() {
    let (mut desk, _folder) = Desk::new();
    let payments = [("a", 100, 1, Some("A")), ("b", 100, 1, Some("B")), ("c", 7, 1, None)];
    let lines = [("x", 100, 2, Some("X")), ("y", 90, 2, Some("Y"))];
    desk.decide(Action::Match, &["a"], &["x"], None).await.unwrap();
    desk.decide(Action::WriteOff, &["b"], &["y"], None).await.unwrap();
    desk.decide(Action::Exclude, &["c"], &[], None).await.unwrap();
    desk.run(&[REFERENCE], &payments, &lines).await;
    let ids = desk.ask("select match_id from recon.matches order by override_id").await;
    let mut told = Vec::new();
    for id in ["a", ids[1].as_str(), "c"] {
        told.push(explained(&desk, &[REFERENCE], &payments, &lines, id).await);
    }
    let told = told.join("").replace(&ids[0], "FIRST").replace(&ids[1], "SECOND");
    insta::assert_snapshot!(told, @"
    FIRST is matched by hand, override 1, hop 1 of f
      because ann says so
      left  payments a, 1.00 EUR
      right lines x, 1.00 EUR
      the amounts are equal
    SECOND is matched by hand, override 2, hop 1 of f
      because ann says so
      left  payments b, 1.00 EUR
      right lines y, 0.90 EUR
      0.10 EUR are left of the amounts: WRITE_OFF
    payments c is out of scope, hop 1 of f
      by override 3
    ");
}

#[tokio::test]
async fn what_no_rule_compared_or_tried_is_not_said_to_be_so() {
    let (desk, _folder) = Desk::new();
    let scored = "--- rule: scored flow: f priority: 1\n--- left: payments(id) right: lines(id)\n--- assign: unique\n\
         select l.id as left_id, r.id as right_id, 5 as score from payments l join lines r on l.reference = r.reference";
    let (payments, lines) = ([("a", 100, 1, Some("A"))], [("x", 100, 2, Some("A")), ("y", 1, 2, None)]);
    let told = explained(&desk, &[scored], &payments, &lines, "a").await;
    assert!(told.contains("is matched by scored") && !told.contains("better") && !told.contains("amount"), "{told}");
    let told = explained(&desk, &[scored], &payments, &lines, "y").await;
    assert!(told.contains("none of these rules matched it, or found out more of it: scored"), "{told}");
    // Nothing is tried of more than 24 rows.
    let sums = "--- rule: sums flow: f priority: 1\n--- left: payments(id) right: lines(id)\n--- shape: many_to_one\n\
         --- assign: suggest\n--- amount: left.amount = right.amount\n\
         select l.id as left_id, r.id as right_id from payments l join lines r on l.currency = r.currency";
    let ids: Vec<String> = (10..35).map(|number| format!("p{number}")).collect();
    let payments: Vec<Row<'_>> = ids.iter().map(|id| (id.as_str(), 1, 1, None)).collect();
    let told = explained(&desk, &[sums], &payments, &[("x", 100, 2, None)], "x").await;
    assert!(told.contains("is left, hop 1 of f: TOO_MANY_CANDIDATES"), "{told}");
    let told = explained(&desk, &[sums], &payments[..24], &[("x", 100, 2, None)], "x").await;
    assert!(told.contains("is left, hop 1 of f: NO_COUNTERPART_RIGHT"), "{told}");
}
