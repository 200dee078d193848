//! JSON pages to record batches: our decoder against arrow-json on the same thousand payments. Files of CSV: [`csv`].
//!
//! The page is generated, in the shape of an answer of `POST /payments/search`. arrow-json is given the rows already cut
//! out of the page, one a line, and a nested schema of the same fields: it reads no page, flattens nothing and makes no
//! major units, so the comparison is on its side. Every subject checks its answer: row count and sum of amounts.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::allow_attributes,
    reason = "a bench may panic; criterion's macros write no docs"
)]

mod csv;

use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::compute::sum;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimeUnit};
use arrow::json::ReaderBuilder;
use chrono::DateTime;
use ckosql::resources::resource;
use ckosql::schema::decode::{Decoder, Given, Settings};
use ckosql::schema::fields::{self, RAW};
use ckosql::schema::{Column, Kind};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const ROWS: usize = 1000;
const CURRENCIES: [&str; 4] = ["GBP", "EUR", "JPY", "KWD"];
const FIVE: [&str; 5] = ["id", "requested_on", "amount_minor", "currency", "status"];

criterion_group!(benches, pages, csv::files);
criterion_main!(benches);

fn pages(c: &mut Criterion) {
    let rows: Vec<String> = (0..ROWS).map(payment).collect();
    let page = format!(r#"{{"data":[{}],"_links":{{"next":{{"href":"https://example.com/next"}}}}}}"#, rows.join(","));
    let lines = rows.join("\n");
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Bytes(u64::try_from(page.len()).expect("a page is small")));

    let subject = |table, wanted: fn(&str) -> bool| (table, decoder(table, wanted));
    for (name, (table, decoder)) in [
        ("payments", subject("payments", |field| field != RAW)),
        ("payments with _raw", subject("payments", |_| true)),
        ("payments, 5 fields", subject("payments", |field| FIVE.contains(&field))),
        ("payment_actions", subject("payment_actions", |field| field != RAW)),
    ] {
        let (rows, amounts) = answer(table);
        group.bench_function(format!("{name}/{ROWS}"), |b| {
            b.iter(|| {
                let batch = decoder.decode(black_box(page.as_bytes()), &given()).expect("the page decodes").batch;
                assert_eq!((batch.num_rows(), sum_of(batch.column_by_name("amount_minor"))), (rows, Some(amounts)));
                batch
            });
        });
    }

    let schema = nested(resource("payments").expect("payments is a table").columns);
    group.bench_function(format!("payments by arrow-json/{ROWS}"), |b| {
        b.iter(|| {
            let mut reader = ReaderBuilder::new(Arc::clone(&schema)).with_batch_size(ROWS).build_decoder().expect("a reader");
            reader.decode(black_box(lines.as_bytes())).expect("the rows decode");
            let batch = reader.flush().expect("the rows decode").expect("there are rows");
            assert_eq!((batch.num_rows(), sum_of(batch.column_by_name("amount"))), (ROWS, Some(answer("payments").1)));
            batch
        });
    });
    group.finish();
}

fn decoder(table: &str, wanted: fn(&str) -> bool) -> Decoder {
    let resource = resource(table).expect("it is a table");
    let call = resource.calls.iter().find(|call| call.path == "/payments/search").expect("it is searched");
    let shape = resource.shape(call);
    let schema = fields::schema(resource.columns);
    let projection: Vec<usize> =
        schema.fields().iter().enumerate().filter(|(_, field)| wanted(field.name())).map(|(index, _)| index).collect();
    Decoder::try_new(resource.columns, shape, &projection, Settings::default()).expect("the declaration is consistent")
}

fn given() -> Given<'static> {
    Given { account: "main", fetched_at: DateTime::UNIX_EPOCH, keys: &[], parent: None }
}

fn sum_of(amounts: Option<&Arc<dyn Array>>) -> Option<i64> {
    sum(amounts?.as_primitive::<Int64Type>())
}

/// Rows of the table in the page, and the sum of their minor amounts, whatever the currency.
fn answer(table: &str) -> (usize, i64) {
    let per_payment = |row| if table == "payments" { 1 } else { actions(row) };
    let rows = (0..ROWS).map(per_payment).sum();
    let amounts: usize = (0..ROWS).map(|row| amount(row) * per_payment(row)).sum();
    (rows, i64::try_from(amounts).expect("it is small"))
}

/// The schema arrow-json needs for the same fields. Without those of any JSON: it cannot put an object into a text.
fn nested(columns: &[Column]) -> SchemaRef {
    let mut top: Vec<Field> = Vec::new();
    for column in columns.iter().filter(|column| column.kind != Kind::Json) {
        let pointer = column.pointer();
        place(&mut top, pointer.trim_start_matches('/'), column.kind);
    }
    Arc::new(Schema::new(top))
}

fn place(fields: &mut Vec<Field>, path: &str, kind: Kind) {
    let Some((first, rest)) = path.split_once('/') else {
        let data_type = match kind {
            Kind::Flag => DataType::Boolean,
            // As an offset, which arrow-json reads without a time-zone database.
            Kind::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
            Kind::LocalTime => DataType::Timestamp(TimeUnit::Microsecond, None),
            Kind::Date => DataType::Date32,
            Kind::Int | Kind::Minor(_) | Kind::AssumedMinor(_) => DataType::Int64,
            Kind::Decimal => DataType::Decimal128(38, 8),
            Kind::Text | Kind::Word(_) | Kind::Json => DataType::Utf8,
        };
        return fields.push(Field::new(path, data_type, true));
    };
    let known = fields.iter().position(|field| field.name() == first);
    let mut inner = match known.map(|index| fields.remove(index).data_type().clone()) {
        Some(DataType::Struct(inner)) => inner.iter().map(|field| field.as_ref().clone()).collect(),
        _ => Vec::new(),
    };
    place(&mut inner, rest, kind);
    fields.push(Field::new(first, DataType::Struct(inner.into()), true));
}

fn actions(row: usize) -> usize {
    3 + row % 4
}

fn amount(row: usize) -> usize {
    1000 + row * 7919 % 90_000
}

/// A payment of the search, about 2.2 KB with its three to six actions.
fn payment(row: usize) -> String {
    let (amount, day, currency) = (amount(row), 1 + row % 28, CURRENCIES.get(row % 4).expect("there are four"));
    let mut json = format!(
        r#"{{"id":"pay_mbabizu24mvu3mela5n{row:06}","requested_on":"2023-08-{day:02}T14:15:22Z","source":{{"type":"card",
        "expiry_month":"04","expiry_year":"2027","name":"Card Holder","scheme":"Visa","local_schemes":"cartes bancaire",
        "last4":"{last4:04}","fingerprint":"B16D9C2EF0C861A8825C9BD59CCE9171D84EBC45E89CC792B5D1D2D0DDE3DAB7","bin":"313131",
        "card_type":"credit","card_wallet_type":"googlepay","issuer":"EXAMPLE BANK, INC","issuer_country":"US",
        "avs_check":"G"}},"amount":{amount},"amount_requested":{amount},"currency":"{currency}","payment_type":"regular",
        "processing_channel_id":"pc_vxt6yftthv4e5flqak6w2i7rim","reference":"ORD-5023-{row:06}","status":"captured",
        "balances":{{"total_authorized":{amount},"total_captured":{amount},"total_refunded":0}},
        "3ds":{{"eci":"02","version":"2.1.0"}},"risk":{{"flagged":false,"score":"22"}},
        "customer":{{"email":"payer{row}@example.com","name":"Card Holder"}},
        "billing_descriptor":{{"name":"Purchase","city":"London"}},"metadata":{{"order":"{row}"}},"actions":["#,
        last4 = row % 10_000,
    );
    for action in 0..actions(row) {
        let comma = if action == 0 { "" } else { "," };
        write!(
            json,
            r#"{comma}{{"id":"act_i3cd3w3lcooexmyrtl{row:06}{action:02}","type":"Capture",
            "processed_on":"2023-08-{day:02}T14:15:26.3448464+00:00","status":"Approved","amount":{amount},"auth_code":"983647",
            "response_code":"10000","response_summary":"Approved","reference":"REF-7HR-IYW",
            "processing":{{"acquirer_reference_number":"25651432189281252509653"}}}}"#
        )
        .expect("a string takes it");
    }
    json.push_str("]}");
    // The line breaks above are for the reader of this file; the API's answers are compact, and a row is a line below.
    json.lines().map(str::trim_start).collect()
}
