//! What a whole run writes is the same to the byte, in whatever order rows come and on however many partitions; and of rows
//! that are alike no operator picks any.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Decimal128Array, RecordBatch, StringArray};
use arrow::ipc::writer::StreamWriter;
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::before::Before;
use super::conserve::conserved;
use super::found::Steps;
use super::recall::Wanted;
use super::record::{Facts, record};
use super::rows::{self, Run};
use super::sift::Sifted;
use super::state::State;
use crate::matching::conventions::Conventions;
use crate::matching::outcome::Outcome;
use crate::matching::overrides::Overrides;
use crate::matching::rule::Rule;
use crate::matching::run::run;
use crate::matching::test::session;

/// The first day of March 2026, counted since 1970.
const MARCH: i32 = 20_513;

/// A rule of each operator, each in a hop of its own: all rows are there for each of them.
const RULES: [&str; 11] = [
    "--- rule: unique flow: f hop: 1\n--- left: l(id) right: r(id)\n--- amount: left.amount = right.amount tolerance: 1 minor\n\
     select l.id as left_id, r.id as right_id, 'one reference' as why from l join r on l.reference = r.reference",
    "--- rule: window flow: f hop: 2 priority: 1\n--- left: l(id) right: r(id)\n--- amount: left.amount = right.amount\n\
     --- window: right.day in [left.day .. +1 business days] calendar: TARGET2\n\
     --- covered: right by days(from_date, to_date, currency)\n\
     select l.id as left_id, r.id as right_id from l join r on l.amount = r.amount and l.currency = r.currency",
    "--- rule: wider flow: f hop: 2 priority: 2 after_ambiguous: allow\n--- left: l(id) right: r(id)\n\
     --- amount: left.amount = right.amount\n--- window: right.day in [left.day -1 .. +3 days]\n\
     select l.id as left_id, r.id as right_id from l join r on l.amount = r.amount and l.payer = r.payer",
    "--- rule: bucket flow: f hop: 3 tie: bucket\n--- left: l(id) right: r(id)\n--- amount: left.amount = right.amount\n\
     select l.id as left_id, r.id as right_id from l join r on l.amount = r.amount and l.currency = r.currency and l.day = r.day",
    "--- rule: best flow: f hop: 4 assign: mutual_best(margin=1)\n--- left: l(id) right: r(id)\n\
     select l.id as left_id, r.id as right_id, cast(case when l.payer = r.payer then 2 else 0 end \
     + case when l.day = r.day then 1 else 0 end as bigint) as score, r.payer as why from l join r on l.amount = r.amount",
    "--- rule: sums flow: f hop: 5 shape: many_to_one\n--- left: l(id) right: r(id)\n--- amount: left.amount = right.amount\n\
     --- residual: fee:bank up to 500 minor\n\
     select l.id as left_id, r.id as right_id from l join r on l.payer = r.reference",
    "--- rule: parts flow: f hop: 6 shape: one_to_many\n--- left: l(id) right: r(id)\n--- amount: left.amount = right.amount\n\
     --- window: right.day in [left.day -9 .. +9 days]\n\
     select l.id as left_id, r.id as right_id, r.payer as why from l join r on l.reference = r.payer and r.amount < l.amount + 90.0",
    "--- rule: pairs flow: f hop: 7 max_candidates: 40\n--- left: l(id) right: r(id)\n\
     --- window: right.day in [left.day .. +1 days]\n\
     select l.id as left_id, r.id as right_id, r.payer as why from l join r on l.payer = r.payer and abs(l.amount - r.amount) < 1.5",
    "--- rule: nearest flow: f hop: 8 tie: suggest\n--- left: l(id) right: r(id)\n--- amount: left.amount = right.amount\n\
     --- window: right.day in [left.day .. +3 days]\n\
     select l.id as left_id, r.id as right_id from l join r on l.amount = r.amount and l.currency = r.currency",
    "--- rule: subsets flow: f hop: 9 shape: many_to_one assign: suggest\n--- left: l(id) right: r(id)\n\
     --- amount: left.amount = right.amount\n\
     select l.id as left_id, r.id as right_id from l join r on l.payer = r.payer and l.currency = r.currency",
    "--- rule: refused flow: f hop: 10 shape: one_sided assign: refuse reason: RESERVE_HELD\n--- left: l(id)\n\
     select l.id as left_id, r.reference as why from l join r on l.day = r.day where l.amount = 1.0",
];

const NONE: [&str; 1] = ["--- rule: none flow: f hop: 10 priority: 2 shape: one_sided\n--- left: l(id)\n\
                          select id as left_id, payer as why from l where amount = 2.0"];

fn rules(texts: &[&str]) -> Vec<Rule> {
    texts.iter().map(|rule| Rule::parse(rule, "rule").unwrap()).collect()
}

/// Numbers that look like chance, and are the same every time.
fn dice(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move |sides| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) % sides
    }
}

/// A row: amount in hundredths, currency, day, reference, payer.
#[derive(Debug, Clone, Copy)]
struct Row(i128, bool, i32, Option<u64>, Option<u64>);

/// Few values, so that many rows are alike.
fn rows_of(side: u64) -> Vec<Row> {
    let mut dice = dice(7 + side);
    let mut row = || {
        let some = |dice: &mut dyn FnMut(u64) -> u64, most| (dice(8) > 0).then(|| dice(most));
        let amount = 100 * i128::from(1 + dice(6)) + i128::from(dice(8) == 0);
        Row(amount, dice(4) > 0, i32::try_from(dice(12)).unwrap(), some(&mut dice, 30), some(&mut dice, 30))
    };
    let fixed = if side == 0 { &LEFT[..] } else { &RIGHT };
    (0..40).map(|_| row()).chain(fixed.iter().copied()).collect()
}

/// Rows of which each operator makes something, beside those by chance.
const LEFT: [Row; 17] = [
    Row(700, true, 0, Some(102), None),
    Row(100, true, 0, None, Some(200)),
    Row(200, true, 0, None, Some(200)),
    Row(500, true, 5, Some(201), None),
    Row(300, true, 5, None, Some(203)),
    Row(777, true, 5, None, Some(204)),
    Row(888, true, 2, None, None),
    Row(999, true, 2, None, None),
    Row(999, true, 2, None, None),
    Row(555, true, 3, None, None),
    Row(666, true, 3, None, None),
    Row(400, true, 3, None, Some(205)),
    Row(600, true, 3, None, Some(205)),
    Row(300, true, 3, None, Some(205)),
    Row(410, true, 3, None, Some(206)),
    Row(600, true, 3, None, Some(206)),
    Row(300, true, 3, None, Some(206)),
];
const RIGHT: [Row; 14] = [
    Row(701, true, 1, Some(102), None),
    Row(290, true, 0, Some(200), None),
    Row(200, true, 5, None, Some(201)),
    Row(300, true, 6, None, Some(201)),
    Row(400, true, 6, None, Some(203)),
    Row(777, true, 9, None, Some(204)),
    Row(888, true, 3, None, None),
    Row(999, true, 2, None, None),
    Row(999, true, 2, None, None),
    Row(555, true, 3, None, None),
    Row(555, true, 5, None, None),
    Row(666, true, 4, None, None),
    Row(1000, true, 3, None, Some(205)),
    Row(1010, true, 3, None, Some(206)),
];

/// A table of rows in an order, in so many parts.
fn table(prefix: &str, rows: &[Row], order: &[usize], parts: usize) -> MemTable {
    let of = |take: &[usize]| -> RecordBatch {
        let taken = || take.iter().map(|row| rows[*row]);
        let texts = |text: &dyn Fn(Row) -> Option<String>| -> ArrayRef { Arc::new(taken().map(text).collect::<StringArray>()) };
        let reference = |reference: Option<u64>| reference.map(|reference| format!("ref {reference}"));
        let amounts = Decimal128Array::from_iter_values(taken().map(|row| row.0 * 1_000_000));
        RecordBatch::try_from_iter_with_nullable([
            ("id", Arc::new(StringArray::from_iter_values(take.iter().map(|row| format!("{prefix}{row:03}")))) as ArrayRef, true),
            ("amount", Arc::new(amounts.with_precision_and_scale(38, 8).unwrap()) as ArrayRef, true),
            ("currency", texts(&|row| Some(if row.1 { "EUR" } else { "USD" }.to_owned())), true),
            ("day", Arc::new(Date32Array::from_iter_values(taken().map(|row| MARCH + row.2))) as ArrayRef, true),
            ("reference", texts(&|row| reference(row.3)), true),
            ("payer", texts(&|row| reference(row.4)), true),
        ])
        .unwrap()
    };
    let part = |part: usize| vec![of(&order.iter().copied().skip(part).step_by(parts).collect::<Vec<_>>())];
    let parts: Vec<Vec<RecordBatch>> = (0..parts).map(part).collect();
    MemTable::try_new(parts[0][0].schema(), parts).unwrap()
}

async fn outcome(rules: &[Rule], left: MemTable, right: MemTable, partitions: usize) -> Outcome {
    let conventions = Arc::new(Conventions::default());
    let config: SessionConfig = session(&conventions).copied_config().with_target_partitions(partitions).with_batch_size(16);
    let state = session(&conventions).state();
    let state = datafusion::execution::SessionStateBuilder::new_from_existing(state).with_config(config).build();
    let context = SessionContext::new_with_state(state);
    context.register_table("l", Arc::new(left)).unwrap();
    context.register_table("r", Arc::new(right)).unwrap();
    let days: [(&str, ArrayRef); 3] = [
        ("from_date", Arc::new(Date32Array::from(vec![MARCH, MARCH + 4]))),
        ("to_date", Arc::new(Date32Array::from(vec![MARCH + 2, MARCH + 6]))),
        ("currency", Arc::new(StringArray::from(vec!["EUR", "EUR"]))),
    ];
    context.register_batch("days", RecordBatch::try_from_iter(days).unwrap()).unwrap();
    run(rules, &context, &conventions, MARCH + 9).await.unwrap()
}

/// All that a first run writes, to the byte: matches and their residuals, their lines, of which evidence is told, exceptions,
/// assertions.
fn written(outcome: &Outcome) -> Vec<Vec<u8>> {
    let (overrides, steps) = (Overrides::default(), &outcome.steps);
    let versions: BTreeSet<String> = steps.iter().flat_map(|step| &step.rules).map(|rule| rule.version.clone()).collect();
    let decided = overrides.of("f");
    let facts = Facts {
        run: 1,
        run_id: "run",
        as_of: MARCH + 9,
        closed: None,
        decided,
        versions: &versions,
        new_versions: &versions,
        now: &Steps(steps),
    };
    let (sifted, wanted, found) = Sifted::of(steps, &Before::default(), false).unwrap();
    assert_eq!(wanted, Wanted::default());
    let previous = State::default();
    let changes = record(&previous, found, &facts);
    assert!(changes.is_empty());
    let assertions = conserved(&sifted, &previous.after(&changes)).unwrap();
    let made = sifted.created(&facts, usize::MAX).next().unwrap().unwrap();
    let left = sifted.newly_left(&facts, usize::MAX).next().unwrap().unwrap();
    let run = Run { id: "run", flow: "f", number: 1 };
    let tables = [
        rows::matches(run, &made),
        rows::match_lines(run, &made),
        rows::exceptions(run, &left),
        rows::assertions(run, &assertions),
    ];
    let bytes = |rows: RecordBatch| {
        assert!(rows.num_rows() > 0);
        let mut writer = StreamWriter::try_new(Vec::new(), &rows.schema()).unwrap();
        writer.write(&rows).unwrap();
        writer.into_inner().unwrap()
    };
    tables.into_iter().map(|rows| bytes(rows.unwrap())).collect()
}

fn shuffled(many: usize, seed: u64) -> Vec<usize> {
    let (mut order, mut dice): (Vec<usize>, _) = ((0..many).collect(), dice(seed));
    for last in (1..many).rev() {
        order.swap(last, usize::try_from(dice(u64::try_from(last).unwrap() + 1)).unwrap());
    }
    order
}

#[tokio::test(flavor = "multi_thread")]
async fn case_48_a_hundred_orders_on_one_two_four_and_eight_partitions_write_the_same_bytes() {
    let rules = rules(&[&RULES[..], &NONE].concat());
    let (left, right) = (rows_of(0), rows_of(1));
    let in_order = |rows: &[Row]| (0..rows.len()).collect::<Vec<_>>();
    let [lefts, rights] = [("l", &left), ("r", &right)].map(|(name, rows)| table(name, rows, &in_order(rows), 1));
    let expected = outcome(&rules, lefts, rights, 1).await;
    // Every operator has something to decide, and something to leave.
    let step = |hop: usize| expected.steps.iter().find(|step| step.hop == u32::try_from(hop).unwrap()).unwrap();
    for hop in 1..=7 {
        assert!(!step(hop).matches.is_empty() && !step(hop).exceptions.is_empty(), "hop {hop}");
    }
    assert!(!step(8).suggestions.is_empty() && !step(9).suggestions.is_empty() && !step(10).out_of_scope.is_empty());
    assert!(expected.steps.iter().flat_map(|step| &step.matches).any(|found| found.residual.is_some()));
    let reasons: BTreeSet<&str> = expected.steps.iter().flat_map(|step| &step.exceptions).map(|left| left.reason).collect();
    assert!(reasons.len() > 8, "{reasons:?}");
    let expected = written(&expected);
    for seed in 1..=100 {
        for partitions in [1, 2, 4, 8] {
            let orders = [shuffled(left.len(), seed), shuffled(right.len(), !seed)];
            let tables = [("l", &left), ("r", &right)].into_iter().zip(&orders);
            let [lefts, rights] =
                tables.map(|((name, rows), order)| table(name, rows, order, partitions)).collect::<Vec<_>>().try_into().unwrap();
            let found = written(&outcome(&rules, lefts, rights, partitions).await);
            assert!(found == expected, "order {seed}, {partitions} partitions");
        }
    }
}

#[tokio::test]
async fn of_rows_that_are_alike_no_operator_matches_any_but_as_a_bucket_of_all() {
    let rules = rules(&RULES);
    for alike in 2..6 {
        for row in [Row(300, true, 3, Some(1), Some(1)), Row(300, false, 9, None, Some(2)), Row(100, true, 0, Some(5), None)] {
            let (rows, order) = (vec![row; alike], (0..alike).collect::<Vec<_>>());
            let outcome = outcome(&rules, table("l", &rows, &order, 1), table("r", &rows, &order, 2), 2).await;
            for step in &outcome.steps {
                let is_bucket = step.hop == 3;
                let groups = step.matches.iter().map(|found| (found.group.left().len(), found.group.right().len()));
                assert_eq!(groups.collect::<Vec<_>>(), vec![(alike, alike); usize::from(is_bucket)], "hop {}", step.hop);
            }
        }
    }
}
