//! Joins drive the API: a live table is asked for the keys of the other side, and the rows are those of any join.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::csv::ReaderBuilder;
use arrow::datatypes::{DataType, Field, Schema, TimestampMicrosecondType};
use arrow::util::pretty::pretty_format_batches;
use ckosql::engine::Session;
use ckosql::error::{Error, ErrorKind};
use ckosql::sandbox::SandboxOptions;
use datafusion::datasource::MemTable;
use futures::TryStreamExt;

use crate::stand::Stand;

/// Payments of the merchant: so many that listing them takes more requests than a few hundred keys.
const MANY: u64 = 100_000;

async fn rows(session: &Session, sql: &str) -> Result<Vec<RecordBatch>, Error> {
    let answer = session.query(sql).await?;
    answer.batches.try_collect().await.map_err(Error::from)
}

/// The rows as lines, sorted.
async fn lines(session: &Session, sql: &str) -> Vec<String> {
    let batches = rows(session, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let text = pretty_format_batches(&batches).unwrap().to_string();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// A table of `orders` read from a CSV of 120 lines: references and ids of payments, spread over the merchant's history.
fn orders(stand: &Stand) -> Arc<MemTable> {
    let mut csv = String::from("ref,payment_id,note\n");
    for order in 0..120 {
        let index = order * (MANY / 120);
        let payment = stand.merchant.payment(index);
        let reference = stand.merchant.reference(&payment).unwrap_or_else(|| "none".to_owned());
        csv.push_str(&format!("{reference},{},order {order}\n", stand.merchant.payment_id(index)));
    }
    let text = |name| Field::new(name, DataType::Utf8, true);
    let schema = Arc::new(Schema::new(vec![text("ref"), text("payment_id"), text("note")]));
    let reader = ReaderBuilder::new(Arc::clone(&schema)).with_header(true).build(csv.as_bytes()).unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    Arc::new(MemTable::try_new(schema, vec![batches]).unwrap())
}

/// The joins and scans of a plan, without what depends on the machine, and the bill.
async fn plan(session: &Session, sql: &str) -> String {
    let batches = rows(session, &format!("explain {sql}")).await.unwrap();
    let parts = batches.iter().flat_map(|batch| {
        batch.column(0).as_string::<i32>().iter().flatten().zip(batch.column(1).as_string::<i32>().iter().flatten())
    });
    let plans = parts.filter(|(name, _)| *name != "logical_plan").map(|(_, plan)| plan);
    let lines = plans.flat_map(str::lines).map(str::trim);
    let is_telling = |line: &&str| !line.is_empty() && !line.contains("RepartitionExec") && !line.contains("Coalesce");
    lines.filter(is_telling).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_with_a_csv_asks_for_its_references_whichever_side_it_stands_on() {
    let stand = Stand::new(MANY, SandboxOptions::default());
    let session = stand.engine.session().unwrap();
    session.register("orders", orders(&stand)).unwrap();
    for sql in [
        "select o.note, p.id, p.amount from books.orders o join payments p on p.reference = o.ref",
        "select o.note, p.id, p.amount from payments p join books.orders o on o.ref = p.reference",
        "select p.id from payments p where p.reference in (select ref from books.orders)",
    ] {
        stand.sandbox.reset_log();
        let found: usize = rows(&session, sql).await.unwrap().iter().map(RecordBatch::num_rows).sum();
        let requests = stand.sandbox.requests();
        assert!(requests.len() <= 120, "{}: {sql}", requests.len());
        assert!(requests.iter().all(|request| request.method == "GET" && request.path == "/payments"), "{sql}");
        assert!(found >= 100, "{found} rows: {sql}");
    }
    let sql = "select o.note, p.id from payments p join books.orders o on o.ref = p.reference";
    insta::assert_snapshot!(plan(&session, sql).await, @r"
    HashJoinExec: mode=CollectLeft, join_type=Inner, on=[(ref@0, reference@1)], projection=[note@1, id@2]
    DataSourceExec: partitions=1, partition_sizes=[1]
    LiveScanExec: table=payments, requests=<=120, GET /payments for each reference of the join
    payments: at most 120 requests by GET /payments for each reference of the join
    in all: at most 120 requests, 0.0 s at the present pace; 1000 are allowed (checkout.max_requests)
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_with_actions_searches_for_its_payments() {
    let stand = Stand::new(MANY, SandboxOptions::default());
    let session = stand.engine.session().unwrap();
    session.register("orders", orders(&stand)).unwrap();
    let sql = "select o.note, a.id, a.type from books.orders o join payment_actions a on a.payment_id = o.payment_id";
    stand.sandbox.reset_log();
    let found: usize = rows(&session, sql).await.unwrap().iter().map(RecordBatch::num_rows).sum();
    let requests = stand.sandbox.requests();
    assert!(found >= 120, "{found} rows");
    assert!(requests.len() <= 40, "{} requests", requests.len());
    assert!(requests.iter().all(|request| request.body.contains("id:'pay_")), "{:?}", requests.first());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_with_balances_asks_for_its_moments() {
    let stand = Stand::new(400, SandboxOptions::default());
    let session = stand.engine.session().unwrap();
    let sql = "select d.at, b.available from (values (timestamp '2026-03-01'), (timestamp '2026-03-02'), (null)) d(at) \
               left join balances b on b.as_of = d.at";
    assert_eq!(rows(&session, sql).await.unwrap().iter().map(RecordBatch::num_rows).sum::<usize>(), 11);
    let asked: Vec<String> = stand.sandbox.requests().into_iter().map(|request| request.query).collect();
    assert_eq!(asked.len(), 4, "{asked:?}");
    assert!(asked.iter().all(|query| query.contains("balancesAt=2026-03-0")), "{asked:?}");
    insta::assert_snapshot!(plan(&session, sql).await, @r#"
    ProjectionExec: expr=[at@0 as at, available@2 as available]
    LookupJoinExec: type=Left, key=CAST(d.at AS Timestamp(ns, "UTC"))@1, table=balances, column=as_of
    ProjectionExec: expr=[column1@0 as at, CAST(column1@0 AS Timestamp(ns, "UTC")) as CAST(d.at AS Timestamp(ns, "UTC"))]
    DataSourceExec: partitions=1, partition_sizes=[1]
    balances: at most 6 requests by GET /balances/{entity_id} for each as_of of the other side
    in all: at most 6 requests, 0.0 s at the present pace; 1000 are allowed (checkout.max_requests)
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_other_side_asks_for_nothing() {
    let stand = Stand::new(MANY, SandboxOptions::default());
    for sql in [
        "select * from (values ('x')) o(ref) join payments p on p.reference = o.ref where o.ref = 'y'",
        "select e.* from dispute_evidence e join (values ('x')) o(id) on o.id = e.dispute_id where o.id = 'y'",
        "select p.id from (select ref from (values ('a'), ('b')) v(ref) where ref > 'zz' || random()::text) o join payments p on p.reference = o.ref",
    ] {
        assert_eq!(stand.requests(sql).await, Vec::<String>::new(), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_looked_up_table_joins_as_any_other_would() {
    let stand = Stand::new(4_000, SandboxOptions::default());
    let session = stand.engine.session().unwrap();
    // The same rows as plain tables: all evidence there is, and the disputes.
    let disputes = rows(&session, "select id, status, payment_id, amount from disputes").await.unwrap();
    let ids: Vec<String> = disputes
        .iter()
        .flat_map(|batch| batch.column(0).as_string::<i32>().iter().flatten().map(|id| format!("'{id}'")).collect::<Vec<_>>())
        .collect();
    let evidence = format!("select dispute_id, item, value from dispute_evidence where dispute_id in ({})", ids.join(", "));
    let evidence = rows(&session, &evidence).await.unwrap();
    for (name, batches) in [("disputes", disputes), ("evidence", evidence)] {
        let schema = batches[0].schema();
        session.register(name, Arc::new(MemTable::try_new(schema, vec![batches]).unwrap())).unwrap();
    }
    for sql in [
        "select d.id, e.item from D d join E e on e.dispute_id = d.id",
        "select d.id, e.item from E e join D d on e.dispute_id = d.id",
        "select d.id, e.item from D d left join E e on e.dispute_id = d.id",
        "select d.id, e.item from E e right join D d on e.dispute_id = d.id",
        "select d.id, e.item from D d left join E e on e.dispute_id = d.id and e.item like '%file'",
        "select d.id, e.item from D d join E e on e.dispute_id = d.id and e.value > d.status",
        "select d.id, e.item from D d left join E e on e.dispute_id = d.id and d.status = 'won' where d.amount > 20",
        "select d.id from D d where exists (select 1 from E e where e.dispute_id = d.id)",
        "select d.id from D d where not exists (select 1 from E e where e.dispute_id = d.id and e.item like '%text')",
        "select d.id from D d where d.id in (select dispute_id from E where item like 'invoice%') or d.status = 'won'",
        "select e.item, e.value from E e where e.dispute_id in (select id from D where status = 'won')",
        "select e.item, count(*) from E e join D d on d.id = e.dispute_id group by 1 order by 1",
        "select e.dispute_id, f.item from E e join D d on d.id = e.dispute_id join E f on f.dispute_id = d.id",
    ] {
        let live = sql.replace("D d", "disputes d").replace(" D ", " disputes ").replace("E e", "dispute_evidence e");
        let live = live.replace(" E ", " dispute_evidence ").replace("E f", "dispute_evidence f");
        let plain = sql.replace("D d", "books.disputes d").replace(" D ", " books.disputes ").replace("E e", "books.evidence e");
        let plain = plain.replace(" E ", " books.evidence ").replace("E f", "books.evidence f");
        assert_eq!(lines(&session, &live).await, lines(&session, &plain).await, "{live}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_keys_is_refused_with_advice() {
    let stand = Stand::new(200, SandboxOptions::default());
    for sql in [
        "select * from dispute_evidence",
        "select * from disputes d full join dispute_evidence e on e.dispute_id = d.id",
        "select * from dispute_evidence e left join disputes d on e.dispute_id = d.id",
        "select * from disputes d cross join dispute_evidence e",
        "select * from disputes d join dispute_evidence e on e.item = d.id",
        "select * from disputes where id not in (select dispute_id from dispute_evidence)",
        "select d.id from disputes d join (select * from dispute_evidence limit 5) e on e.dispute_id = d.id",
        "select d.id from disputes d join (select item, max(dispute_id) id from dispute_evidence group by item) e on e.id = d.id",
    ] {
        stand.sandbox.reset_log();
        let error = stand.query(sql).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Query, "{sql}: {error}");
        assert_eq!(error.to_string(), "dispute_evidence answers only for given dispute_id", "{sql}");
        assert!(stand.sandbox.requests().is_empty(), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_batch_of_the_input_is_joined_with_its_own_rows() {
    let stand = Stand::new(4_000, SandboxOptions::default());
    let session = stand.engine.session().unwrap();
    let disputes = rows(&session, "select id from disputes order by id").await.unwrap();
    let ids = concat_batches(&disputes[0].schema(), &disputes).unwrap();
    let evidence = rows(&session, "select e.dispute_id, e.item from disputes d join dispute_evidence e on e.dispute_id = d.id");
    let evidence = evidence.await.unwrap();
    // One row a batch, and the first one again at the end.
    let batches: Vec<RecordBatch> = (0..ids.num_rows()).chain([0]).map(|row| ids.slice(row, 1)).collect();
    let schema = ids.schema();
    session.register("single", Arc::new(MemTable::try_new(schema, vec![batches]).unwrap())).unwrap();
    session.register("evidence", Arc::new(MemTable::try_new(evidence[0].schema(), vec![evidence]).unwrap())).unwrap();
    for sql in [
        "select d.id, e.item from books.single d join E e on e.dispute_id = d.id",
        "select d.id, e.item from books.single d left join E e on e.dispute_id = d.id",
        "select d.id from books.single d where not exists (select 1 from E e where e.dispute_id = d.id)",
        "select e.item from E e where e.dispute_id in (select id from books.single)",
    ] {
        stand.sandbox.reset_log();
        let live = lines(&session, &sql.replace("E e", "dispute_evidence e")).await;
        assert_eq!(live, lines(&session, &sql.replace("E e", "books.evidence e")).await, "{sql}");
        assert_eq!(stand.sandbox.requests().len(), ids.num_rows(), "each key is asked for once: {sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_by_key_come_in_the_order_that_is_wanted() {
    let stand = Stand::new(MANY, SandboxOptions::default());
    let session = stand.engine.session().unwrap();
    session.register("orders", orders(&stand)).unwrap();
    let sql = "select p.requested_on from books.orders o join payments p on p.reference = o.ref order by p.requested_on desc";
    let found = rows(&session, sql).await.unwrap();
    let found = concat_batches(&found[0].schema(), &found).unwrap();
    let times = found.column(0).as_primitive::<TimestampMicrosecondType>().values().to_vec();
    assert!(times.len() >= 100 && times.is_sorted_by(|one, next| one >= next));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_searched_for_in_lists_come_in_the_order_that_is_wanted() {
    let stand = Stand::new(MANY, SandboxOptions::default());
    let references = (0..120).filter_map(|order| stand.merchant.reference(&stand.merchant.payment(order * (MANY / 120))));
    let references: Vec<String> = references.map(|reference| format!("'{reference}'")).collect();
    let sql = format!(
        "select requested_on from payment_actions where payment_reference in ({}) order by requested_on desc",
        references.join(", ")
    );
    let times = |batches: Vec<RecordBatch>| {
        let batch = concat_batches(&batches[0].schema(), &batches).unwrap();
        batch.column(0).as_primitive::<TimestampMicrosecondType>().values().to_vec()
    };
    let all = times(stand.query(&sql).await.unwrap());
    assert!(all.len() >= 120 && all.is_sorted_by(|one, next| one >= next));
    assert_eq!(times(stand.query(&format!("{sql} limit 5")).await.unwrap()), all[..5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_join_finds_does_not_depend_on_how_many_keys_it_tells() {
    let stand = Stand::new(4_000, SandboxOptions::default());
    // Which actions there are, and what only some calls carry of a payment.
    let types = "select a.type, count(*) from (select payment_id from disputes D) d
                 join payment_actions a on a.payment_id = d.payment_id group by a.type order by 1";
    let session = stand.engine.session().unwrap();
    let few = lines(&session, &types.replace('D', "order by id limit 3")).await;
    assert!(few.iter().any(|line| line.contains("Dispute")), "{few:?}");
    let customers = "select count(*), count(p.customer_id) from (K) k join payments p on p.id = k.payment_id";
    let keys = "select payment_id from disputes order by id limit 5";
    let all = lines(&session, &customers.replace('K', keys)).await;
    assert_eq!(lines(&session, &customers.replace('K', &format!("({keys}) union all select null"))).await, all);
    rows(&session, "set datafusion.optimizer.hash_join_inlist_pushdown_max_distinct_values = 2").await.unwrap();
    let error = rows(&session, &customers.replace('K', keys)).await.unwrap_err();
    assert_eq!(
        error.to_string().split(" (").next(),
        Some("payments come with all that the query wants only by id, and the join gives no list of it")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_below_a_join_counts_before_it() {
    let stand = Stand::new(MANY, SandboxOptions::default());
    let oldest = stand.merchant.all_payments().min_by_key(|payment| payment.requested_on()).unwrap();
    let id = stand.merchant.payment_id(oldest.index);
    let latest = "select id from payments order by requested_on desc limit 10";
    let sql = format!("select count(*) from (values ('{id}')) o(id) join ({latest}) p on p.id = o.id");
    assert_eq!(stand.count(&sql).await, 0);
    let sql = format!("select count(*) from ({latest}) p where id in (select o.id from (values ('{id}')) o(id))");
    assert_eq!(stand.count(&sql).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_keys_than_requests_allowed_is_an_error_that_names_the_setting() {
    let stand = Stand::new(10_000, SandboxOptions::default());
    let session = stand.engine.session().unwrap();
    rows(&session, "set checkout.max_requests = 20").await.unwrap();
    let error = rows(&session, "select e.* from disputes d join dispute_evidence e on e.dispute_id = d.id").await.unwrap_err();
    assert_eq!((error.kind(), error.context("checkout.max_requests")), (ErrorKind::Query, Some("20")));
    assert!(stand.sandbox.requests().len() <= 20);
}
