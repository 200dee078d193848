//! A query asks for what it needs and no more: the requests each shape of query makes.

use std::collections::BTreeSet;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Decimal128Type;
use chrono::DateTime;
use ckosql::resources::resource;
use ckosql::sandbox::{NextLink, SandboxOptions};

use crate::stand::Stand;

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_ten_is_one_request_on_every_listable_table() {
    let stand = Stand::new(2_000, SandboxOptions::default());
    for table in ["payments", "payment_actions", "disputes", "reports", "report_files"] {
        let requests = stand.requests(&format!("select * from live.{table} limit 10")).await;
        assert_eq!(requests.len(), 1, "{table}: {requests:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_one_request() {
    let stand = Stand::new(2_000, SandboxOptions::default());
    let id = stand.merchant.payment_id(77);
    let requests = stand.requests(&format!("select * from payments where id = '{id}'")).await;
    assert_eq!(requests, [format!("GET /payments/{id}")]);
    let reference = stand.merchant.reference(&stand.merchant.payment(77)).unwrap();
    let requests = stand.requests(&format!("select * from payments where reference = '{reference}'")).await;
    assert_eq!(requests, ["GET /payments"]);
    let requests = stand.requests(&format!("select id, type from payment_actions where payment_id = '{id}'")).await;
    assert_eq!(requests, [format!("GET /payments/{id}/actions")]);
    let requests = stand.requests(&format!("select amount from payment_actions where payment_id = '{id}'")).await;
    assert_eq!(requests, [format!("GET /payments/{id}"), format!("GET /payments/{id}/actions")]);
    let requests = stand.requests(&format!("select * from financial_actions where payment_id = '{id}'")).await;
    assert_eq!(requests, ["GET /financial-actions"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_not_asked() {
    let stand = Stand::new(200, SandboxOptions::default());
    for filter in ["id = ''", "id = '..'", "id = 'a' and id = 'b'", "requested_on > '2026-03-02' and requested_on < '2026-03-01'"]
    {
        let requests = stand.requests(&format!("select * from payments where {filter}")).await;
        assert!(requests.is_empty(), "{filter}: {requests:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn full_listings_make_few_requests_with_and_without_next_links() {
    for (next_link, most) in [(NextLink::Working, 120), (NextLink::Absent, 150), (NextLink::Broken, 150), (NextLink::Empty, 150)]
    {
        let stand = Stand::new(100_000, SandboxOptions { next_link, ..SandboxOptions::default() });
        let sql = "select count(*) from payments where requested_on >= '2026-04-02' and requested_on < '2026-07-01'";
        stand.sandbox.reset_log();
        let rows = stand.count(sql).await;
        let day = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        let truth = stand.merchant.payments(day("2026-04-02T00:00:00Z"), day("2026-07-01T00:00:00Z")).count();
        assert_eq!(usize::try_from(rows).unwrap(), truth, "{next_link:?}");
        let requests = i64::try_from(stand.sandbox.requests().len()).unwrap();
        // Requests for 1,000 rows, in hundredths; fifty pages are few, so finding out the density weighs heavily. What a
        // million rows take is measured in benches/scan.rs.
        assert!(requests * 100_000 <= rows * most, "{next_link:?}: {requests} requests for {rows} rows");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amount_with_eight_decimals_is_found_by_its_value() {
    let stand = Stand::new(300, SandboxOptions::default());
    let ids: Vec<String> = (0..40).map(|index| format!("'{}'", stand.merchant.payment_id(index))).collect();
    let fine = format!(
        "select holding_currency_amount from financial_actions where payment_id in ({}) \
         and holding_currency_amount * 1000 <> round(holding_currency_amount * 1000, 0) order by 1 limit 1",
        ids.join(", ")
    );
    let batches = stand.query(&fine).await.unwrap();
    let column = batches.iter().find(|batch| batch.num_rows() > 0).unwrap().column(0);
    let amount = column.as_primitive::<Decimal128Type>().value_as_string(0);
    let count = format!("select count(*) from financial_actions where payment_id in ({}) and", ids.join(", "));
    for filter in [format!("= {amount}"), format!("between {amount} - 0.00001 and {amount} + 0.00001"), format!("<= {amount}")] {
        assert!(stand.count(&format!("{count} holding_currency_amount {filter}")).await >= 1, "{filter}");
    }
}

/// The columns that are not null in some row.
fn filled(batches: &[RecordBatch]) -> BTreeSet<String> {
    let schema = batches.first().unwrap().schema();
    let is_filled = |index: usize| batches.iter().any(|batch| batch.column(index).null_count() < batch.num_rows());
    (0..schema.fields().len()).filter(|index| is_filled(*index)).map(|index| schema.field(index).name().clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_call_gives_and_another_leaves_out_is_declared() {
    let stand = Stand::new(400, SandboxOptions::default());
    let ids: Vec<String> = (0..400).map(|index| format!("'{}'", stand.merchant.payment_id(index))).collect();
    let ids = ids.join(", ");
    for (table, key, search) in [("payments", "id", "/payments/search"), ("payment_actions", "payment_id", "/payments/search")] {
        let resource = resource(table).unwrap();
        let listed = filled(&stand.query(&format!("select * from {table}")).await.unwrap());
        let by_key = filled(&stand.query(&format!("select * from {table} where {key} in ({ids})")).await.unwrap());
        let lacks = |path: &str| {
            let call = resource.calls.iter().find(|call| call.path == path).unwrap();
            call.lacks.iter().map(|column| (*column).to_owned()).collect::<BTreeSet<String>>()
        };
        let undeclared: Vec<&String> = by_key.difference(&listed).filter(|column| !lacks(search).contains(*column)).collect();
        assert!(undeclared.is_empty(), "{table} by search: {undeclared:?}");
        let path = resource.calls.iter().find(|call| call.is_by(key)).unwrap().path;
        let undeclared: Vec<&String> = listed.difference(&by_key).filter(|column| !lacks(path).contains(*column)).collect();
        assert!(undeclared.is_empty(), "{table} by {key}: {undeclared:?}");
    }
}
