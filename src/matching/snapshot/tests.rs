//! What rules match is read once, whatever names it; and what does not fit into memory is matched all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{ArrayRef, Decimal128Array, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::prelude::SessionContext;

use super::{Snapshot, columns_of};
use crate::matching::conventions::Conventions;
use crate::matching::outcome::Outcome;
use crate::matching::rule::Rule;
use crate::matching::run::run;
use crate::matching::test::session;

/// A table whose amounts are others each time it is read.
#[derive(Debug)]
struct Changing {
    rows: RecordBatch,
    times: AtomicUsize,
}

impl Changing {
    fn new(many: usize) -> Arc<Self> {
        let texts = |of: &dyn Fn(usize) -> String| -> ArrayRef { Arc::new(StringArray::from_iter_values((0..2 * many).map(of))) };
        let columns: [(&str, ArrayRef); 4] = [
            ("id", texts(&|row| format!("{}{}", if row < many { "l" } else { "r" }, (row * 7 + 3) % many))),
            ("side", texts(&|row| if row < many { "left" } else { "right" }.to_owned())),
            ("currency", texts(&|_| "EUR".to_owned())),
            ("number", texts(&|row| ((row * 7 + 3) % many).to_string())),
        ];
        Arc::new(Self { rows: RecordBatch::try_from_iter(columns).unwrap(), times: AtomicUsize::new(0) })
    }

    fn rows(&self, time: usize) -> RecordBatch {
        let amounts = Decimal128Array::from_iter_values((0..self.rows.num_rows()).map(|_| i128::try_from(time).unwrap()));
        let mut columns: Vec<(String, ArrayRef)> =
            self.rows.schema().fields().iter().map(|field| field.name().clone()).zip(self.rows.columns().to_vec()).collect();
        columns.push(("amount".to_owned(), Arc::new(amounts.with_precision_and_scale(38, 8).unwrap())));
        RecordBatch::try_from_iter(columns).unwrap()
    }
}

#[derive(Debug)]
struct Part(Arc<Changing>, SchemaRef);

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.1
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self.0.rows(self.0.times.fetch_add(1, Ordering::Relaxed));
        let slices: Vec<_> =
            (0..rows.num_rows()).step_by(100).map(|at| Ok(rows.slice(at, 100.min(rows.num_rows() - at)))).collect();
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.1), futures::stream::iter(slices)))
    }
}

const VIEWS: [&str; 3] = [
    "create view l as select id, number, currency, amount from source where side = 'left'",
    "create view r as select id, number, currency, amount from source where side = 'right'",
    "create view days as select distinct cast('2026-01-01' as date) as day from source",
];

const RULES: [&str; 3] = [
    "--- rule: none flow: f priority: 1\n--- left: l(id) right: r(id)\n--- amount: left.amount = right.amount\n\
     select l.id as left_id, r.id as right_id from l join r on l.number = r.id",
    "--- rule: number flow: f priority: 2\n--- left: l(id) right: r(id)\n--- amount: left.amount = right.amount\n\
     select l.id as left_id, r.id as right_id from l join r on l.number = r.number",
    "--- rule: sums flow: g priority: 1\n--- left: l(id) right: r(id) shape: one_to_many\n--- amount: left.amount = right.amount\n\
     with several as (select number, count(*) as times from r group by number)\n\
     select l.id as left_id, r.id as right_id from l join several s on l.number = s.number join r on r.number = s.number",
];

fn over(source: &Arc<Changing>, context: SessionContext) -> SessionContext {
    let schema = source.rows(0).schema();
    let part = Arc::new(Part(Arc::clone(source), Arc::clone(&schema)));
    context.register_table("source", Arc::new(StreamingTable::try_new(schema, vec![part]).unwrap())).unwrap();
    context
}

async fn outcome(rules: &[&str], context: &SessionContext) -> Outcome {
    for view in VIEWS {
        context.sql(view).await.unwrap().collect().await.unwrap();
    }
    let rules: Vec<Rule> = rules.iter().map(|rule| Rule::parse(rule, "rule").unwrap()).collect();
    run(&rules, context, &Conventions::default(), i32::MAX).await.unwrap()
}

#[tokio::test]
async fn a_table_is_read_once_however_many_rules_and_views_name_it() {
    let source = Changing::new(30);
    let context = over(&source, session(&Arc::new(Conventions::default())));
    let outcome = outcome(&RULES, &context).await;
    assert_eq!(source.times.load(Ordering::Relaxed), 1);
    // Had the sides been read one after the other, their amounts would differ.
    let counts = outcome.steps.iter().map(|step| (step.matches.len(), step.exceptions.len()));
    assert_eq!(counts.collect::<Vec<_>>(), [(30, 0), (30, 0)]);
}

#[tokio::test]
async fn a_single_table_is_read_once_for_all_its_rules() {
    let source = Changing::new(5);
    let context = over(&source, session(&Arc::new(Conventions::default())));
    let rule = |name: &str, number: u32| {
        format!(
            "--- rule: {name} flow: f priority: {number} shape: one_sided assign: refuse reason: RESERVE_HELD\n--- left: source(id)\n\
             select id as left_id from source where number = '{number}'"
        )
    };
    let outcome = outcome(&[&rule("one", 1), &rule("two", 2)], &context).await;
    assert_eq!(source.times.load(Ordering::Relaxed), 1);
    let reasons = outcome.steps[0].exceptions.iter().filter(|left| left.reason == "RESERVE_HELD");
    assert_eq!(reasons.count(), 4);
}

#[tokio::test]
async fn rows_beyond_the_memory_that_is_allowed_are_matched_out_of_files() {
    let few = session(&Arc::new(Conventions::default()));
    let runtime = RuntimeEnvBuilder::new().with_memory_limit(100_000, 1.0).build_arc().unwrap();
    let few =
        SessionContext::new_with_state(SessionStateBuilder::new_from_existing(few.state()).with_runtime_env(runtime).build());
    let (one, other) = (Changing::new(2_000), Changing::new(2_000));
    let in_memory = outcome(&RULES[..2], &over(&one, session(&Arc::new(Conventions::default())))).await;
    let in_files = outcome(&RULES[..2], &over(&other, few)).await;
    assert_eq!(in_memory.steps[0].matches.len(), 2_000);
    assert_eq!(in_files, in_memory);
}

#[tokio::test]
async fn columns_of_a_whole_table_are_those_that_are_held() {
    let source = Changing::new(40);
    let context = over(&source, session(&Arc::new(Conventions::default())));
    let snapshot = Snapshot::of(vec![("source".into(), Some("id".to_owned()))], &context).await.unwrap();
    let plan = |sql: &'static str| {
        let context = snapshot.context();
        async move { context.sql(sql).await.unwrap().into_optimized_plan().unwrap() }
    };
    let whole = plan("select s.id, s.number as key from source s").await;
    let some = plan("select id, number as key from source where number > '3'").await;
    snapshot.fill(&[&whole, &some]).await.unwrap();
    let columns = |plan: &LogicalPlan, names: &[&str]| {
        let fields = plan.schema().columns();
        let wanted = names.iter().map(|name| fields.iter().find(|column| column.name == *name).unwrap().clone().into());
        columns_of(plan, &wanted.collect::<Vec<Expr>>())
    };
    let held = snapshot.whole(&"source".into()).unwrap();
    let found = columns(&whole, &["key", "id"]).unwrap();
    assert_eq!(found.len(), 2);
    for (found, name) in found.iter().zip(["number", "id"]) {
        assert!(Arc::ptr_eq(found, held.column_by_name(name).unwrap()), "{name}");
    }
    assert!(columns(&some, &["id"]).is_none());
}
