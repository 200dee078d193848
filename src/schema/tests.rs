//! What the decoder promises, on pages small enough to read.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Decimal128Type, Int64Type, TimestampMicrosecondType};
use arrow::util::display::array_value_to_string;
use chrono::DateTime;
use proptest::prelude::*;

use super::decode::{AssumedUnit, Decoder, Given, OnMalformed, Page, Settings};
use super::fields::schema;
use super::{Column, Explode, Kind, Origin, Rows, Shape, WhenEmpty, col, minor};
use crate::error::{Error, ErrorKind, Result};

const COLUMNS: &[Column] = &[
    col("id", Kind::Text, "").key(),
    col("amount", minor("currency"), ""),
    col("currency", Kind::Text, ""),
    col("status", Kind::Word(&["Card Verified", "Captured"]), ""),
    col("approved", Kind::Flag, ""),
    col("month", Kind::Int, "").at("/source/month"),
    col("customer_email", Kind::Int, "").at("/source/email"),
    col("fee", Kind::Decimal, ""),
    col("at", Kind::Time, ""),
    col("metadata", Kind::Json, ""),
    col("pending", Kind::AssumedMinor("currency"), ""),
];
const LISTING: Shape = Shape { rows: Rows::Array("/data"), explode: None, raw: Origin::Row, moved: &[] };

const ACTIONS: &[Column] = &[
    col("id", Kind::Text, "").key(),
    col("payment_id", Kind::Text, "").at("/id").of_parent(),
    col("amount", minor("currency"), ""),
    col("currency", Kind::Text, "").of_parent(),
    col("at", Kind::Time, ""),
];
const EXPLODED: Shape = Shape { explode: Some(Explode { path: "/actions", when_empty: WhenEmpty::Skip }), ..LISTING };

fn given<'a>() -> Given<'a> {
    Given { account: "main", fetched_at: DateTime::UNIX_EPOCH, keys: &[], parent: None }
}

fn all(columns: &'static [Column]) -> Vec<usize> {
    (0..schema(columns).fields().len()).collect()
}

fn read(columns: &'static [Column], shape: Shape, settings: Settings, body: &str, given: &Given<'_>) -> Result<Page> {
    Decoder::try_new(columns, shape, &all(columns), settings)?.decode(body.as_bytes(), given)
}

/// One row of the listing, its columns read strictly.
fn row(members: &str) -> Result<Page> {
    read(COLUMNS, LISTING, Settings::default(), &format!("{{\"data\":[{{{members}}}]}}"), &given())
}

fn lenient() -> Settings {
    Settings { on_malformed: OnMalformed::Null, ..Settings::default() }
}

/// The column as text, null as `-`.
fn shown(batch: &RecordBatch, name: &str) -> Vec<String> {
    let column = batch.column_by_name(name).unwrap();
    let value = |row| if column.is_null(row) { "-".to_owned() } else { array_value_to_string(column, row).unwrap() };
    (0..column.len()).map(value).collect()
}

fn one(members: &str, name: &str) -> Result<String> {
    row(members).map(|page| shown(&page.batch, name).remove(0))
}

fn told(error: &Error) -> String {
    assert_eq!(error.kind(), ErrorKind::Decode);
    error.to_string()
}

#[test]
fn minor_units_become_both_columns_by_the_currency_s_exponent() {
    for (amount, currency, major, minor) in [
        ("10000", "GBP", "100.000", "10000"),
        ("\"10000\"", "jpy", "10000.000", "10000"),
        ("1234.0", "KWD", "1.234", "1234"),
        ("-5", "CLP", "-0.050", "-5"),
    ] {
        let page = row(&format!("\"amount\":{amount},\"currency\":\"{currency}\"")).unwrap();
        assert_eq!(shown(&page.batch, "amount"), [major]);
        assert_eq!(shown(&page.batch, "amount_minor"), [minor]);
    }
}

#[test]
fn the_currency_may_stand_after_the_amount_and_need_not_be_asked_for() {
    let decoder = Decoder::try_new(COLUMNS, LISTING, &[1], Settings::default()).unwrap();
    let page = decoder.decode(br#"{"data":[{"amount":100,"id":"a","currency":"JPY"}]}"#, &given()).unwrap();
    assert_eq!(page.batch.num_columns(), 1);
    assert_eq!(page.batch.column(0).as_primitive::<Decimal128Type>().value(0), 100_000);
}

#[test]
fn an_amount_without_currency_or_with_a_fraction_is_malformed() {
    let error = row(r#""id":"a","amount":1"#).unwrap_err();
    assert_eq!(told(&error), "cannot read amount: its currency is missing (row a, field /amount, value 1)");
    let error = row(r#""id":"a","amount":1.5,"currency":"EUR""#).unwrap_err();
    assert_eq!(told(&error), "cannot read amount: not a whole number (row a, field /amount, value 1.5)");
    assert_eq!(one(r#""amount":null"#, "amount").unwrap(), "-");
}

#[test]
fn an_assumed_unit_of_major_reads_decimals_by_the_currency() {
    let settings = Settings { assumed_unit: AssumedUnit::Major, ..Settings::default() };
    let read = |row| read(COLUMNS, LISTING, settings.clone(), &format!("{{\"data\":[{row}]}}"), &given());
    let page = read(r#"{"pending":12.30,"currency":"EUR"}"#).unwrap();
    assert_eq!(
        (shown(&page.batch, "pending"), shown(&page.batch, "pending_minor")),
        (vec!["12.300".into()], vec!["1230".into()])
    );
    let error = read(r#"{"pending":12.345,"currency":"EUR"}"#).unwrap_err();
    assert_eq!(error.message(), "cannot read pending: not whole in minor units");
}

#[test]
fn types_that_drift_are_taken() {
    for (members, column, value) in [
        (r#""id":12"#, "id", "12"),
        (r#""id":true"#, "id", "true"),
        (r#""id":{"a":[1, 2]}"#, "id", r#"{"a":[1, 2]}"#),
        (r#""source":{"month":"04"}"#, "month", "4"),
        (r#""source":{"month":4.0}"#, "month", "4"),
        (r#""source":{"month":1.2e1}"#, "month", "12"),
        (r#""approved":"True""#, "approved", "true"),
        (r#""approved":false"#, "approved", "false"),
        (r#""fee":"0.19526938""#, "fee", "0.19526938"),
        (r#""fee":-1.349386E-2"#, "fee", "-0.01349386"),
        (r#""status":"card_verified""#, "status", "Card Verified"),
        (r#""status":"CAPTURED""#, "status", "Captured"),
        (r#""status":"Something new""#, "status", "Something new"),
        (r#""at":"2023-08-24T14:15:22Z""#, "at", "2023-08-24T14:15:22Z"),
        (r#""metadata":{ "a" : 1.10 }"#, "metadata", r#"{ "a" : 1.10 }"#),
        (r#""id":"a\u00e9\n\ud83d\ude00""#, "id", "aé\n😀"),
        (r#""\u0069d":"escaped name""#, "id", "escaped name"),
    ] {
        assert_eq!(one(members, column).unwrap(), value, "{members}");
    }
}

#[test]
fn what_cannot_be_read_is_an_error_that_names_row_and_field() {
    for (members, message) in [
        (
            r#""id":"p1","source":{"month":"**"}"#,
            r#"cannot read month: not a whole number (row p1, field /source/month, value "**")"#,
        ),
        (r#""approved":1"#, "cannot read approved: not true or false (row number 1, field /approved, value 1)"),
        (
            r#""at":"2023-08-24T14:15:3448464Z","id":7"#,
            r#"cannot read at: not an instant (row 7, field /at, value "2023-08-24T14:15:3448464Z")"#,
        ),
        (
            r#""fee":1.123456789"#,
            "cannot read fee: more decimals than the column has; nothing is rounded (row number 1, field /fee, value 1.123456789)",
        ),
        (r#""source":"x","id":"p1""#, "cannot read source: not an object (row p1, field /source)"),
        (
            r#""status":"\ud800""#,
            r#"cannot read status: not a text: an escape in it stands for no character (row number 1, field /status, value "\ud800")"#,
        ),
    ] {
        assert_eq!(told(&row(members).unwrap_err()), message);
    }
}

#[test]
fn an_error_shows_no_personal_data_and_no_long_value() {
    let error = row(r#""source":{"email":"marker@example.com"}"#).unwrap_err();
    assert_eq!(told(&error), "cannot read customer_email: not a whole number (row number 1, field /source/email)");
    let error = row(&format!("\"approved\":\"{}\"", "é".repeat(100))).unwrap_err();
    assert_eq!(error.context("value"), Some(format!("\"{}…", "é".repeat(39)).as_str()));
}

#[test]
fn a_malformed_value_is_null_where_that_is_wanted() {
    let body = r#"{"data":[{"id":"p1","source":"x","approved":2,"fee":1},{"id":"p2","source":{"month":"**"}}, 5]}"#;
    let page = read(COLUMNS, LISTING, lenient(), body, &given()).unwrap();
    assert_eq!(shown(&page.batch, "id"), ["p1", "p2", "-"]);
    assert_eq!(shown(&page.batch, "fee"), ["1.00000000", "-", "-"]);
    assert_eq!(shown(&page.batch, "_raw")[2], "5");
    assert_eq!([shown(&page.batch, "month"), shown(&page.batch, "approved")], [["-", "-", "-"], ["-", "-", "-"]]);
}

#[test]
fn the_last_of_repeated_members_wins() {
    let page = row(r#""id":"a","source":{"month":1,"email":2},"id":"b","source":{"email":3}"#).unwrap();
    assert_eq!(
        [shown(&page.batch, "id"), shown(&page.batch, "month"), shown(&page.batch, "customer_email")],
        [["b"], ["-"], ["3"]]
    );
    let body = r#"{"data":[{"actions":[{"id":"x"},{"id":"y"}],"id":"p","actions":[{"id":"z"}]},{"actions":[{"id":"w"}],"actions":null}]}"#;
    let page = read(ACTIONS, EXPLODED, Settings::default(), body, &given()).unwrap();
    assert_eq!(shown(&page.batch, "id"), ["z"]);
}

#[test]
fn an_array_explodes_wherever_the_rest_of_its_row_stands() {
    let body = r#"{"data":[
        {"actions":[{"id":"a1","amount":150},{"amount":50,"id":"a2"}],"id":"p1","currency":"EUR"},
        {"id":"p2","currency":"JPY","actions":[]}, {"id":"p3"}, {"id":"p4","actions":null},
        {"id":"p5","currency":"JPY","actions":[{"id":"a3","amount":7}]}
    ]}"#;
    let page = read(ACTIONS, EXPLODED, Settings::default(), body, &given()).unwrap();
    assert_eq!(shown(&page.batch, "payment_id"), ["p1", "p1", "p5"]);
    assert_eq!(shown(&page.batch, "id"), ["a1", "a2", "a3"]);
    assert_eq!(shown(&page.batch, "amount"), ["1.500", "0.500", "7.000"]);
    assert_eq!(shown(&page.batch, "_raw")[1], r#"{"amount":50,"id":"a2"}"#);
    assert_eq!((page.facts.rows, page.exploded_into), (5, Some(vec![2, 0, 0, 0, 1])));
}

#[test]
fn a_row_without_elements_is_kept_where_declared_and_raw_may_be_the_parent_s() {
    let explode = Some(Explode { path: "/actions", when_empty: WhenEmpty::KeepParent });
    let shape = Shape { explode, raw: Origin::Parent, ..LISTING };
    let body = r#"{"data":[{"id":"p1","actions":[]},{"id":"p2"},{"actions":[{"id":"a"}]}]}"#;
    let page = read(ACTIONS, shape, Settings::default(), body, &given()).unwrap();
    assert_eq!(shown(&page.batch, "payment_id"), ["p1", "p2", "-"]);
    assert_eq!(shown(&page.batch, "id"), ["-", "-", "a"]);
    assert_eq!(shown(&page.batch, "_raw"), [r#"{"id":"p1","actions":[]}"#, r#"{"id":"p2"}"#, r#"{"actions":[{"id":"a"}]}"#]);
    assert_eq!(page.exploded_into, Some(vec![1, 1, 1]));
}

#[test]
fn an_error_in_an_element_names_the_row_and_the_element() {
    let read = |elements: &str, settings| {
        let body = format!("{{\"data\":[{{\"actions\":{elements},\"currency\":\"EUR\",\"id\":\"p1\"}}]}}");
        read(ACTIONS, EXPLODED, settings, &body, &given())
    };
    let told = |elements| told(&read(elements, Settings::default()).unwrap_err());
    assert_eq!(told(r#"[{},{"at":"x"}]"#), r#"cannot read at: not an instant (row p1, field /actions/1/at, value "x")"#);
    assert_eq!(told("[{},{},7]"), "cannot read row: not an object (row p1, field /actions/2)");
    assert_eq!(told("\"x\""), "cannot read actions: not an array (row p1, field /actions)");
    assert_eq!(read("[{},7]", lenient()).unwrap().batch.num_rows(), 2);
}

#[test]
fn parent_columns_come_from_the_parent_document() {
    let shape = Shape { rows: Rows::Array(""), ..LISTING };
    let given = Given { parent: Some(br#"{"currency":"JPY","id":"p1","actions":7}"#), ..given() };
    let page = read(ACTIONS, shape, Settings::default(), r#"[{"id":"a","amount":5},{"id":"b"}]"#, &given).unwrap();
    assert_eq!(shown(&page.batch, "payment_id"), ["p1", "p1"]);
    assert_eq!(shown(&page.batch, "amount"), ["5.000", "-"]);
}

#[test]
fn a_parent_document_is_needed_only_for_what_is_in_it() {
    let shape = Shape { rows: Rows::Array(""), ..LISTING };
    let decoder = |shape, projection: &[usize]| Decoder::try_new(ACTIONS, shape, projection, Settings::default()).unwrap();
    let needs = |shape, projection: &[usize]| decoder(shape, projection).needs_parent(&[]);
    assert_eq!([needs(shape, &[0]), needs(shape, &[1]), needs(shape, &[2])], [false, true, true]);
    assert!(!needs(EXPLODED, &[1, 2]));
    let keys = [("payment_id", "p1".to_owned())];
    assert_eq!([&[1], &[2]].map(|projection| decoder(shape, projection).needs_parent(&keys)), [false, true]);
}

#[test]
fn the_key_asked_for_fills_its_column_where_the_page_has_none() {
    let keys = [("id", "as\"ked".to_owned()), ("at", "2024-01-01".to_owned())];
    let given = Given { keys: &keys, ..given() };
    let page = read(COLUMNS, LISTING, Settings::default(), r#"{"data":[{},{"id":"own","at":null}]}"#, &given).unwrap();
    assert_eq!(shown(&page.batch, "id"), ["as\"ked", "own"]);
    assert_eq!(shown(&page.batch, "at"), ["2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"]);
}

#[test]
fn common_columns_are_the_reader_s_own() {
    let given = Given { fetched_at: DateTime::from_timestamp_micros(7).unwrap(), ..given() };
    let page = read(COLUMNS, LISTING, Settings::default(), r#"{"data":[{ "id": "a" }]}"#, &given).unwrap();
    let fetched = page.batch.column_by_name("_fetched_at").unwrap();
    assert_eq!(fetched.as_primitive::<TimestampMicrosecondType>().value(0), 7);
    assert_eq!(
        (shown(&page.batch, "account"), shown(&page.batch, "_raw")),
        (vec!["main".into()], vec![r#"{ "id": "a" }"#.into()])
    );
}

#[test]
fn a_page_says_how_it_continues() {
    let body = r#"{"_links":{"self":{"href":"s"},"next":{"href":"https:\/\/x\/?a=1"}},"data":[{"id":"a"},{"id":"b"},{"id":"a"}],"total_count":3}"#;
    let facts = read(COLUMNS, LISTING, Settings::default(), body, &given()).unwrap().facts;
    assert_eq!((facts.rows, facts.total_count, facts.next.as_deref()), (3, Some(3), Some("https://x/?a=1")));
    assert_eq!((facts.ids[0] == facts.ids[2], facts.ids[0] == facts.ids[1]), (true, false));
    let last = read(COLUMNS, LISTING, Settings::default(), r#"{"data":[],"_links":{"next":null}}"#, &given()).unwrap().facts;
    assert_eq!((last.rows, last.total_count, last.next), (0, None, None));
    for links in [r#""_links":"[Object]""#, r#""total_count":"many""#, r#""_links":{"next":7}"#] {
        let error = read(COLUMNS, LISTING, lenient(), &format!("{{\"data\":[],{links}}}"), &given()).unwrap_err();
        assert!(error.message().starts_with("cannot tell how the answer continues"), "{error}");
    }
}

#[test]
fn rows_without_an_id_are_told_apart_by_their_text() {
    let facts = row("").unwrap().facts.ids;
    assert_eq!(facts, row("").unwrap().facts.ids);
    assert_ne!(facts, row(r#""amount":null"#).unwrap().facts.ids);
}

#[test]
fn ids_are_identities_when_every_row_of_the_page_has_one() {
    for (rows, expected) in [
        (r#"{"id":"a"},{"id":7}"#, true),
        (r#"{"id":"a","actions":[{}]}"#, true),
        (r#"{"id":"a"},{"actions":[{"id":"b"}]}"#, false),
        (r#"{"id":null},{"id":"a"}"#, false),
    ] {
        let body = format!("{{\"data\":[{rows}]}}");
        for (columns, shape) in [(COLUMNS, LISTING), (ACTIONS, EXPLODED)] {
            let facts = read(columns, shape, Settings::default(), &body, &given()).unwrap().facts;
            assert_eq!(facts.ids_are_identities, expected, "{rows}");
        }
    }
}

#[test]
fn an_answer_without_rows_is_an_error() {
    for body in ["{}", "7", "null", "[]", r#"{"data":{}}"#, r#"{"data":null}"#, r#"{"data":"x"}"#, r#"{"Data":[]}"#] {
        let error = read(COLUMNS, LISTING, Settings::default(), body, &given()).unwrap_err();
        assert_eq!(told(&error), "the answer has no rows at /data", "{body}");
    }
    let bare = Shape { rows: Rows::Array(""), ..LISTING };
    let error = read(COLUMNS, bare, Settings::default(), "{}", &given()).unwrap_err();
    assert_eq!(told(&error), "the answer has no rows at its top");
    let error = read(COLUMNS, LISTING, Settings::default(), r#"{"data":[],"data":[]}"#, &given()).unwrap_err();
    assert_eq!(told(&error), "the answer has its rows twice");
}

#[test]
fn a_document_is_a_row() {
    let shape = Shape { rows: Rows::Document, ..LISTING };
    let page = read(COLUMNS, shape, Settings::default(), r#"{"id":"a","total_count":"x"}"#, &given()).unwrap();
    assert_eq!((shown(&page.batch, "id"), page.facts.rows, page.facts.total_count), (vec!["a".into()], 1, None));
    let error = read(COLUMNS, shape, lenient(), "[]", &given());
    assert_eq!(error.unwrap().batch.num_rows(), 1);
}

const SCHEDULES: &[Column] = &[
    col("currency", Kind::Text, "").at("/key").key(),
    col("enabled", Kind::Flag, "").at("/value/recurrence/enabled").or_at("/value/enabled"),
    col("frequency", Kind::Text, "").at("/value/recurrence/schedule/frequency").or_at("/value/recurrence/frequency"),
    col("minimum", minor("currency"), "").at("/value/minimum"),
];
const MEMBERS: Shape = Shape { rows: Rows::Members, ..LISTING };

#[test]
fn members_of_a_document_are_rows_and_their_names_are_a_column() {
    let body = r#"{"_links":{"self":7},"JPY":{"minimum":5,"recurrence":{"frequency":"daily"},"enabled":true}, "EUR":null,
        "G\u0042P" : {"recurrence":{"enabled":false,"schedule":{"frequency":"weekly"}},"minimum":150}}"#;
    let page = read(SCHEDULES, MEMBERS, Settings::default(), body, &given()).unwrap();
    assert_eq!(shown(&page.batch, "currency"), ["JPY", "GBP"]);
    assert_eq!(shown(&page.batch, "enabled"), ["true", "false"]);
    assert_eq!(shown(&page.batch, "frequency"), ["daily", "weekly"]);
    assert_eq!(shown(&page.batch, "minimum"), ["5.000", "1.500"]);
    assert_eq!(shown(&page.batch, "_raw")[0], r#"{"minimum":5,"recurrence":{"frequency":"daily"},"enabled":true}"#);
    assert_eq!((page.facts.rows, page.facts.ids_are_identities), (2, true));
}

#[test]
fn a_member_may_be_any_value_and_need_not_be_read() {
    const ITEMS: &[Column] = &[col("item", Kind::Text, "").at("/key"), col("value", Kind::Text, "").at("/value")];
    let body = r#"{"a_text":"é","b_files":["x", "y"],"c":7}"#;
    let page = read(ITEMS, MEMBERS, Settings::default(), body, &given()).unwrap();
    assert_eq!(shown(&page.batch, "value"), ["é", r#"["x", "y"]"#, "7"]);
    assert_eq!(shown(&page.batch, "_raw"), [r#""é""#, r#"["x", "y"]"#, "7"]);
    let names = Decoder::try_new(ITEMS, MEMBERS, &[0], Settings::default()).unwrap();
    assert_eq!(shown(&names.decode(body.as_bytes(), &given()).unwrap().batch, "item"), ["a_text", "b_files", "c"]);
}

#[test]
fn an_unreadable_member_is_told_by_its_name() {
    let body = |value: &str| format!("{{\"GBP\":{value}}}");
    let read = |value: &str, settings| read(SCHEDULES, MEMBERS, settings, &body(value), &given());
    let error = read(r#"{"enabled":7}"#, Settings::default()).unwrap_err();
    assert_eq!(told(&error), "cannot read enabled: not true or false (row GBP, field /value/enabled, value 7)");
    let error = read("7", Settings::default()).unwrap_err();
    assert_eq!(told(&error), "cannot read value: not an object (row GBP, field /value)");
    assert_eq!(shown(&read("7", lenient()).unwrap().batch, "_raw"), ["7"]);
}

#[test]
fn a_document_without_members_has_no_rows_and_one_that_has_none_to_have_is_an_error() {
    let read = |body| read(SCHEDULES, MEMBERS, Settings::default(), body, &given());
    for body in ["{}", r#"{"_links":{}}"#] {
        assert_eq!(read(body).unwrap().batch.num_rows(), 0, "{body}");
    }
    for body in ["[]", "7", "null"] {
        assert_eq!(told(&read(body).unwrap_err()), "the answer has no rows at its top", "{body}");
    }
    assert_eq!(read(r#"{"GBP":{}"#).unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(read(r#"{"GBP":nul}"#).unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn a_column_may_stand_elsewhere_in_one_call_s_answers() {
    let shape = Shape { moved: &[("id", "/inner/id")], ..LISTING };
    let page = read(COLUMNS, shape, Settings::default(), r#"{"data":[{"id":"no","inner":{"id":"yes"}}]}"#, &given()).unwrap();
    assert_eq!(shown(&page.batch, "id"), ["yes"]);
}

#[test]
fn a_projection_of_nothing_still_counts() {
    let decoder = Decoder::try_new(COLUMNS, LISTING, &[], Settings::default()).unwrap();
    let page = decoder.decode(br#"{"data":[{"amount":"x"},{}]}"#, &given()).unwrap();
    assert_eq!((page.batch.num_rows(), page.batch.num_columns(), page.exploded_into), (2, 0, None));
}

#[test]
fn an_amount_whose_currency_is_not_declared_is_a_bug() {
    const ODD: &[Column] = &[col("amount", minor("nowhere"), "")];
    let error = Decoder::try_new(ODD, LISTING, &[0], Settings::default()).unwrap_err();
    assert_eq!((error.kind(), error.context("column")), (ErrorKind::Bug, Some("amount")));
}

const SEARCH: &str = include_str!("../../tests/fixtures/payments_search.json");

fn table(name: &str) -> (&'static [Column], Shape) {
    let resource = crate::resources::resource(name).unwrap();
    let call = resource.calls.last().unwrap();
    (resource.columns, resource.shape(call))
}

proptest! {
    #[test]
    fn a_projection_gives_the_columns_of_the_whole(
        name in prop_oneof![Just("payments"), Just("payment_actions")], picks in prop::collection::vec(any::<prop::sample::Index>(), 0..12)
    ) {
        let (columns, shape) = table(name);
        let whole = read(columns, shape, Settings::default(), SEARCH, &given()).unwrap();
        let projection: Vec<usize> = picks.iter().map(|pick| pick.index(whole.batch.num_columns())).collect();
        let decoder = Decoder::try_new(columns, shape, &projection, Settings::default()).unwrap();
        let page = decoder.decode(SEARCH.as_bytes(), &given()).unwrap();
        prop_assert_eq!(&page.facts, &whole.facts);
        prop_assert_eq!(page.exploded_into.map_or(page.facts.rows, |counts| counts.iter().sum()), page.batch.num_rows());
        prop_assert_eq!(page.batch, whole.batch.project(&projection).unwrap());
    }

    #[test]
    fn a_page_cut_anywhere_is_unavailable(name in prop_oneof![Just("payments"), Just("payment_actions")], at in any::<prop::sample::Index>()) {
        let (columns, shape) = table(name);
        let cut = at.index(SEARCH.trim_end().len());
        let decoder = Decoder::try_new(columns, shape, &[0], Settings::default()).unwrap();
        let error = decoder.decode(&SEARCH.as_bytes()[..cut], &given()).unwrap_err();
        prop_assert_eq!(error.kind(), ErrorKind::Unavailable);
    }

    #[test]
    fn what_follows_a_page_is_an_error(rest in "[\\]}\\[{a-z0-9\",:]{1,8}") {
        let (columns, shape) = table("payments");
        let error = read(columns, shape, Settings::default(), &format!("{SEARCH}{rest}"), &given()).unwrap_err();
        prop_assert_eq!(error.kind(), ErrorKind::Unavailable);
    }

    #[test]
    fn every_decimal_keeps_its_digits(mantissa in -10_i128.pow(20)..10_i128.pow(20), quoted in any::<bool>()) {
        let text = rust_decimal::Decimal::from_i128_with_scale(mantissa, 8).to_string();
        let text = if quoted { format!("\"{text}\"") } else { text };
        let page = row(&format!("\"fee\":{text}")).unwrap();
        let fee = page.batch.column_by_name("fee").unwrap();
        prop_assert_eq!(fee.as_primitive::<Decimal128Type>().value(0), mantissa);
    }

    #[test]
    fn every_minor_amount_keeps_its_digits(minor in -999_999_999_999_i64..=999_999_999_999) {
        let page = row(&format!("\"amount\":{minor},\"currency\":\"KWD\"")).unwrap();
        let amount = page.batch.column_by_name("amount").unwrap();
        prop_assert_eq!(amount.as_primitive::<Decimal128Type>().value(0), i128::from(minor));
        prop_assert_eq!(page.batch.column_by_name("amount_minor").unwrap().as_primitive::<Int64Type>().value(0), minor);
    }
}

#[test]
fn a_batch_has_the_schema_the_decoder_says() {
    let decoder = Decoder::try_new(COLUMNS, LISTING, &all(COLUMNS), Settings::default()).unwrap();
    let page = decoder.decode(br#"{"data":[]}"#, &given()).unwrap();
    assert!(Arc::ptr_eq(&page.batch.schema(), decoder.schema()));
    assert_eq!(decoder.schema().as_ref(), schema(COLUMNS).as_ref());
}
