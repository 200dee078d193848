//! The shipped checks: over books that tie out none has a row, and over books with one wrong figure exactly one has.
//!
//! The books are those of a small stand-in merchant, read once and changed in memory.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use ckosql::engine::Session;
use ckosql::sandbox::{MerchantOptions, SandboxOptions};
use datafusion::datasource::MemTable;
use futures::TryStreamExt;

use crate::stand::Stand;

const TABLES: [&str; 8] = [
    "balance_statements",
    "disputes",
    "financial_actions",
    "payment_actions",
    "payments",
    "settlement_actions",
    "settlement_breakdown",
    "settlements",
];

/// A wrong figure: the check that tells of it, the table, its columns with what they say instead, and rows told besides.
struct Wrong {
    check: &'static str,
    table: &'static str,
    columns: &'static [(&'static str, &'static str)],
    besides: Option<&'static str>,
}

const fn wrong(check: &'static str, table: &'static str, columns: &'static [(&'static str, &'static str)]) -> Wrong {
    Wrong { check, table, columns, besides: None }
}

const WRONG: &[Wrong] = &[
    wrong("payment_limits", "payments", &[("total_refunded", "total_captured + 1")]),
    wrong("last_digit", "payments", &[("currency", "'KWD'"), ("amount_minor", "1312"), ("amount", "1.312")]),
    wrong("action_amount", "payment_actions", &[("amount", "amount + 1")]),
    wrong("payout_amount", "settlement_actions", &[("holding_currency_amount", "holding_currency_amount + 1")]),
    wrong(
        "payout_breakdown",
        "settlement_breakdown",
        &[
            ("gross_in_holding_currency", "gross_in_holding_currency + 1"),
            ("net_in_holding_currency", "net_in_holding_currency + 1"),
        ],
    ),
    wrong("breakdown_net", "settlement_breakdown", &[("gross_in_holding_currency", "gross_in_holding_currency + 0.00000001")]),
    wrong("breakdown_deduction", "settlement_breakdown", &[("tax_in_holding_currency", "tax_in_holding_currency - 0.00000001")]),
    wrong("payout_components", "settlements", &[("tax", "tax - 0.06")]),
    wrong(
        "available_balance",
        "financial_actions",
        &[(
            "holding_currency_amount",
            "case when breakdown_type = 'Merchant Payout' then holding_currency_amount - 1 else holding_currency_amount end",
        )],
    ),
    wrong("balance_chain", "balance_statements", &[("opening_pending_balance", "opening_pending_balance + 1")]),
    wrong(
        "balance_movements",
        "balance_statements",
        &[
            ("payouts", "payouts + 1"),
            ("opening_payable_balance", "opening_payable_balance - 1"),
            ("closing_payable_balance", "closing_payable_balance - 1"),
        ],
    ),
    wrong(
        "payable_balance",
        "balance_statements",
        &[("opening_payable_balance", "opening_payable_balance + 1"), ("closing_payable_balance", "closing_payable_balance + 1")],
    ),
    wrong(
        "collateral_balance",
        "balance_statements",
        &[
            ("opening_collateral_balance", "opening_collateral_balance * 2"),
            ("closing_collateral_balance", "closing_collateral_balance * 2"),
        ],
    ),
    wrong("dispute_amount", "disputes", &[("amount", "amount + 1")]),
    Wrong {
        check: "gateway_fee",
        table: "financial_actions",
        columns: &[("holding_currency_amount", "0.0"), ("processing_currency_amount", "0.0")],
        besides: Some("breakdown_type = 'Gateway Fixed Fee' and action_type = 'Capture'"),
    },
    wrong("exchange_rate", "financial_actions", &[("fx_rate_applied", "fx_rate_applied * 1.00001")]),
    wrong("balance_lines", "balance_statements", &[("payments", "payments - 1"), ("refunds", "refunds + 1")]),
    Wrong {
        check: "settled_once",
        table: "settlement_actions",
        columns: &[
            ("payout_id", "(select max(payout_id) from books.settlements where payout_amount > 0)"),
            ("report_payout_id", "(select max(payout_id) from books.settlements where payout_amount > 0)"),
            ("holding_currency_amount", "0.0"),
        ],
        besides: Some("breakdown_type = 'Capture'"),
    },
    wrong(
        "unknown_breakdown_type",
        "settlement_actions",
        &[("breakdown_type", "case when breakdown_type = 'Gateway Fixed Fee' then 'Gateway Fee' else breakdown_type end")],
    ),
];

/// The tables of a merchant.
type Books = BTreeMap<&'static str, Vec<RecordBatch>>;

async fn books(stand: &Stand) -> Books {
    let mut books = BTreeMap::new();
    for table in TABLES {
        books.insert(table, stand.query(&format!("select * from {table}")).await.unwrap());
    }
    books
}

/// A session with the tables in schema `books`, one of them with its figure.
async fn session(stand: &Stand, books: &Books, wrong: Option<&Wrong>) -> Session {
    let session = stand.engine.session().unwrap();
    let register = |name: &str, batches: &[RecordBatch]| {
        let table = MemTable::try_new(batches[0].schema(), vec![batches.to_vec()]).unwrap();
        session.register(name, Arc::new(table)).unwrap();
    };
    for (table, batches) in books {
        match wrong.filter(|wrong| wrong.table == *table) {
            None => register(table, batches),
            Some(_) => register("told", batches),
        }
    }
    if let Some(wrong) = wrong {
        let changed = changed(wrong, &books[wrong.table]);
        register(wrong.table, &run(&session, &changed).await);
    }
    let components = text("views", "payout_components");
    register("payout_components", &run(&session, &components).await);
    session
}

/// The query of a table with its figure.
fn changed(wrong: &Wrong, told: &[RecordBatch]) -> String {
    let fields = told[0].schema();
    let said = |name: &str| wrong.columns.iter().find(|(column, _)| *column == name).map(|(_, said)| *said);
    let column = |field: &Arc<arrow::datatypes::Field>| match said(field.name()) {
        Some(said) => format!("arrow_cast({said}, '{}') as {}", field.data_type(), field.name()),
        None => field.name().clone(),
    };
    let columns = fields.fields().iter().map(column).collect::<Vec<_>>().join(", ");
    match wrong.besides {
        Some(condition) => {
            format!("select * from books.told union all select {columns} from books.told where {condition}")
        }
        None => format!("select {columns} from books.told"),
    }
}

async fn run(session: &Session, sql: &str) -> Vec<RecordBatch> {
    let answer = session.query(sql).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
    let schema = Arc::clone(&answer.schema);
    let batches: Vec<RecordBatch> = answer.batches.try_collect().await.unwrap_or_else(|error| panic!("{error}: {sql}"));
    if batches.is_empty() { vec![RecordBatch::new_empty(schema)] } else { batches }
}

/// A shipped query over the tables of schema `books`.
fn text(folder: &str, name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql").join(folder);
    let mut sql = fs::read_to_string(root.join(format!("{name}.sql"))).unwrap();
    for table in TABLES.into_iter().chain(["payout_components"]) {
        for word in ["from", "join"] {
            for end in [" ", "\n", ")"] {
                sql = sql.replace(&format!("{word} {table}{end}"), &format!("{word} books.{table}{end}"));
            }
        }
    }
    sql
}

fn checks() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/checks");
    let stem = |entry: fs::DirEntry| entry.path().file_stem().unwrap().to_str().unwrap().to_owned();
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(|entry| stem(entry.unwrap())).collect();
    names.sort();
    names
}

/// The checks that have a row, of those that read a table where one is named: others cannot know what it says.
async fn failing(session: &Session, table: Option<&str>) -> Vec<String> {
    let mut failing = Vec::new();
    for check in checks() {
        let sql = text("checks", &check);
        let reads = |name: &str| sql.contains(&format!("books.{name}"));
        if table.is_some_and(|table| !(reads(table) || table == "settlements" && reads("payout_components"))) {
            continue;
        }
        let rows: usize = run(session, &sql).await.iter().map(RecordBatch::num_rows).sum();
        if rows > 0 {
            failing.push(check);
        }
    }
    failing
}

fn stand() -> Stand {
    Stand::of(MerchantOptions { payments: 600, days: 16, ..MerchantOptions::default() }, SandboxOptions::default())
}

#[tokio::test]
async fn books_that_tie_out_break_no_check_and_each_wrong_figure_breaks_its_own() {
    let stand = stand();
    let books = books(&stand).await;
    assert_eq!(failing(&session(&stand, &books, None).await, None).await, [""; 0]);
    for wrong in WRONG {
        assert_eq!(failing(&session(&stand, &books, Some(wrong)).await, Some(wrong.table)).await, [wrong.check]);
    }
    let mut told: Vec<&str> = WRONG.iter().map(|wrong| wrong.check).collect();
    told.sort_unstable();
    assert_eq!(told, checks(), "every check is seen to break");
}

/// What the stand-in's books can lie about, and the checks of the identity that is broken by it. Net is held against gross
/// and against the payout; what is available against the day's actions, and against the statement's own movements; and a type
/// that is not known is part of no line of a statement.
const LIES: [(&str, &[&str]); 15] = [
    ("captured_amount", &["action_amount"]),
    ("payout_rows", &["payout_amount"]),
    ("breakdown_net", &["breakdown_net", "payout_breakdown"]),
    ("breakdown_fees", &["breakdown_deduction"]),
    ("payout_columns", &["payout_components"]),
    ("available_balance", &["available_balance", "balance_movements"]),
    ("opening_balance", &["balance_chain"]),
    ("payable_balance", &["payable_balance"]),
    ("collateral_balance", &["collateral_balance"]),
    ("disputed_payment", &["dispute_amount"]),
    ("fee_action", &["gateway_fee"]),
    ("exchange_rate", &["exchange_rate"]),
    ("fee_category", &["balance_lines"]),
    ("settled_twice", &["settled_once"]),
    ("breakdown_type", &["balance_lines", "unknown_breakdown_type"]),
];

#[tokio::test]
async fn each_lie_of_the_stand_in_breaks_its_own_check() {
    for (lie, broken) in LIES {
        let options = SandboxOptions { faults: format!("books={lie}").parse().unwrap(), ..SandboxOptions::default() };
        let stand = Stand::of(MerchantOptions { payments: 600, days: 30, ..MerchantOptions::default() }, options);
        let books = books(&stand).await;
        assert_eq!(failing(&session(&stand, &books, None).await, None).await, broken, "{lie}");
    }
}

#[tokio::test]
async fn all_checks_have_the_same_columns() {
    let stand = stand();
    let session = stand.engine.session().unwrap();
    let mut schemas = Vec::new();
    for check in checks() {
        let answer = session.query(&format!("select * from checks.{check} limit 0")).await.unwrap();
        // A text is a text, however it is laid out.
        let field =
            |field: &Arc<arrow::datatypes::Field>| format!("{} {}", field.name(), field.data_type()).replace("Utf8View", "Utf8");
        schemas.push(answer.schema.fields().iter().map(field).collect::<Vec<_>>());
    }
    let first = schemas[0].clone();
    for (check, schema) in checks().iter().zip(schemas) {
        assert_eq!(schema, first, "{check}");
    }
}

/// What a shipped query says of made tables: a text for each row, of the columns that are asked for.
async fn said(folder: &str, name: &str, columns: &str, tables: &[(&str, &str)]) -> Vec<String> {
    let stand = Stand::of(MerchantOptions { payments: 1, days: 1, ..MerchantOptions::default() }, SandboxOptions::default());
    let session = stand.engine.session().unwrap();
    for (table, rows) in tables {
        let batches = run(&session, rows).await;
        session.register(table, Arc::new(MemTable::try_new(batches[0].schema(), vec![batches]).unwrap())).unwrap();
    }
    let sql = format!("select concat_ws(' ', {columns}) as said from ({}) as told order by 1", text(folder, name));
    let batches = run(&session, &sql).await;
    let texts = batches.iter().flat_map(|batch| {
        let column = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8).unwrap();
        column.as_string::<i32>().iter().map(|text| text.unwrap().to_owned()).collect::<Vec<_>>()
    });
    texts.collect()
}

#[tokio::test]
async fn case_7_a_dispute_that_was_won_in_arbitration_comes_to_nothing_but_its_fees() {
    let rows = "select 'pay_1' as payment_id, 'USD' as holding_currency, 'Chargeback' as action_type, column1 as breakdown_type, \
                cast(column2 as decimal(38, 8)) as holding_currency_amount from (values ('Chargeback (ADJM)', -980.64), \
                ('Chargeback (ARBW)', 980.64), ('Chargeback Fixed Fee', -10.0), ('Scheme Fixed Fee', -0.15))";
    let disputes = "select 'dsp_1' as id, timestamp '2026-03-02 10:00:00' as received_on, timestamp '2026-04-20 10:00:00' as \
                    last_update, 'arbitration_won' as status, 'fraudulent' as category, '10.4' as reason_code, 'pay_1' as \
                    payment_id, 'ORD-1' as payment_reference, 'USD' as currency, cast(980.64 as decimal(18, 3)) as amount";
    let tables = [("financial_actions", rows), ("disputes", disputes)];
    let told = said("views", "dispute_ledger", "id, status, taken, given_back, taken + given_back, fees", &tables).await;
    assert_eq!(told, ["dsp_1 arbitration_won -980.64000000 980.64000000 0.00000000 -10.15000000"]);
}

#[tokio::test]
async fn case_16_an_exchanged_amount_may_be_off_by_what_six_digits_of_a_rate_leave_open() {
    let rows = "select timestamp '2026-03-02 10:00:00' as processed_on_local, 'ent_1' as entity_id, 'PO1' as payout_id, 'Capture' as \
                breakdown_type, column1 as action_id, 'EUR' as processing_currency, 'USD' as holding_currency, cast(110 as \
                decimal(38, 8)) as processing_currency_amount, cast(0.990104 as decimal(38, 8)) as fx_rate_applied, \
                cast(column2 as decimal(38, 8)) as holding_currency_amount, 'file_1' as file_id \
                from (values ('act_1', 108.911), ('act_2', 108.92))";
    let told = said("checks", "exchange_rate", "subject, expected, difference", &[("financial_actions", rows)]).await;
    assert_eq!(told, ["Capture of act_2 108.91144000 0.00856000"]);
}

#[tokio::test]
async fn case_18_an_amount_in_thousandths_that_does_not_end_in_nought_is_named() {
    let rows = "select column1 as id, timestamp '2026-03-02 10:00:00' as requested_on, 'ent_1' as entity_id, column2 as currency, \
                column3 as amount_minor, cast(column4 as decimal(18, 3)) as amount from (values ('pay_1', 'KWD', 1310, 1.310), \
                ('pay_2', 'KWD', 1312, 1.312), ('pay_3', 'EUR', 1312, 13.12))";
    let told = said("checks", "last_digit", "subject, expected, found, difference", &[("payments", rows)]).await;
    assert_eq!(told, ["pay_2 1.31000000 1.31200000 0.00200000"]);
}

#[tokio::test]
async fn cases_22_and_23_a_reserve_is_held_until_it_is_released_and_no_more_is_released_than_was_held() {
    let rows = "select column1 as payment_id, 'ent_1' as entity_id, 'ca_1' as currency_account_id, 'USD' as holding_currency, \
                column2 as breakdown_type, cast(column3 as decimal(38, 8)) as holding_currency_amount, \
                cast(column4 as timestamp) as processed_on_local \
                from (values ('pay_1', 'Rolling Reserve Deducted', -10, '2026-01-05'), \
                ('pay_1', 'Rolling Reserve Released', 10, '2026-07-04'), ('pay_2', 'Rolling Reserve Deducted', -10, '2026-01-05'), \
                ('pay_3', 'Rolling Reserve Deducted', -10, '2026-01-05'), ('pay_3', 'Rolling Reserve Released', 12, '2026-07-04'))";
    let told = said("views", "reserves", "payment_id, deducted, released, held", &[("financial_actions", rows)]).await;
    assert_eq!(
        told,
        [
            "pay_1 10.00000000 10.00000000 0.00000000",
            "pay_2 10.00000000 0.00000000 10.00000000",
            "pay_3 10.00000000 12.00000000 -2.00000000"
        ]
    );
}

/// The columns of a report of settlements that say what one is made of.
fn settlements(amount: &str, payments: &str) -> String {
    let components = text("views", "payout_components");
    let others = components.lines().filter_map(|line| line.split("coalesce(").nth(1)?.split(',').next());
    let others = others.filter(|column| *column != "payments").map(|column| format!("cast(0 as decimal(38, 8)) as {column}"));
    let others = others.collect::<Vec<_>>().join(", ");
    format!(
        "select date '2026-03-02' as payout_date, 'PO1' as payout_id, 'ent_1' as entity_id, 'ca_1' as currency_account_id, \
         'USD' as holding_currency, cast({amount} as decimal(38, 8)) as payout_amount, \
         cast({payments} as decimal(38, 8)) as payments, {others}, 'file_1' as file_id"
    )
}

#[tokio::test]
async fn cases_10_12_50_and_i17_a_settlement_is_held_against_its_rows_its_breakdown_and_its_columns() {
    let (settled, components) = (settlements("79.51", "79.45"), text("views", "payout_components"));
    let components = components.replace("from books.settlements", &format!("from ({settled}) as settlements"));
    // Rows of no settlement are in the file, and not in the sum.
    let actions = "select column1 as payout_id, 'PO1' as report_payout_id, 'USD' as holding_currency, cast(column2 as \
                   decimal(38, 8)) as holding_currency_amount from (values ('PO1', 79.6), ('PO1', -0.08061849), (null, -1.05))";
    let breakdown = "select 'PO1' as report_payout_id, 'USD' as holding_currency, cast(column1 as decimal(38, 8)) as \
                     net_in_holding_currency from (values (80.0), (-0.5))";
    let tables = [("payout_components", &*components), ("settlement_actions", actions), ("settlement_breakdown", breakdown)];
    let columns = "floor, dust, actions_difference, breakdown_difference, components_difference";
    let told = said("views", "payout_tie_out", columns, &tables).await;
    assert_eq!(told, ["79.51000000 0.00938151 0.00000000 -0.01000000 -0.06000000"]);
    let told = said("checks", "payout_components", "expected, found, difference", &tables).await;
    assert_eq!(told, ["79.51000000 79.45000000 -0.06000000"]);
    let tables = [("settlements", &*settled), ("settlement_breakdown", breakdown)];
    let told = said("checks", "payout_breakdown", "expected, found, difference", &tables).await;
    assert_eq!(told, ["79.51000000 79.50000000 -0.01000000"]);
    // I17: what a date's actions come to is no settlement's amount, and no check says so.
    let compares = |check: &str| {
        let sql = text("checks", check);
        sql.contains("books.financial_actions") && (sql.contains("books.settlements") || sql.contains("payout_components"))
    };
    assert_eq!(checks().into_iter().filter(|check| compares(check)).collect::<Vec<_>>(), [""; 0]);
}

#[tokio::test]
async fn case_11_a_settlement_that_was_rounded_up_is_a_cent_above_its_rows() {
    let (settled, components) = (settlements("1302.37", "1302.37"), text("views", "payout_components"));
    let components = components.replace("from books.settlements", &format!("from ({settled}) as settlements"));
    let actions = "select 'PO1' as payout_id, 'PO1' as report_payout_id, 'USD' as holding_currency, cast(column1 as decimal(38, 8)) \
                   as holding_currency_amount from (values (1302.40), (-0.03061849))";
    let breakdown = "select 'PO1' as report_payout_id, 'USD' as holding_currency, cast(1302.37 as decimal(38, 8)) as \
                     net_in_holding_currency";
    let tables = [("settlements", &*settled), ("settlement_actions", actions)];
    let told = said("checks", "payout_amount", "expected, found, difference", &tables).await;
    assert_eq!(told, ["1302.37000000 1302.36000000 -0.01000000"]);
    // Of the cent the rows have the most, so rounded to the nearest it would be right.
    let tables = [("payout_components", &*components), ("settlement_actions", actions), ("settlement_breakdown", breakdown)];
    let told = said("views", "payout_tie_out", "actions, floor, payout_amount - actions", &tables).await;
    assert_eq!(told, ["1302.36938151 1302.36000000 0.00061849"]);
}

#[tokio::test]
async fn case_51_a_day_that_opens_with_another_balance_than_the_one_before_closed_with_is_named() {
    let rows = "select 'Balances & Payouts' as description, 'ent_1' as entity_id, 'ca_1' as currency_account_id, 'USD' as \
                holding_currency, cast(column1 as timestamp) as reporting_start_date_local, cast(column2 as timestamp) as \
                reporting_end_date_local, cast(column3 as decimal(38, 8)) as opening_available_balance, cast(column4 as \
                decimal(38, 8)) as closing_available_balance, cast(0 as decimal(38, 8)) as opening_pending_balance, cast(0 as \
                decimal(38, 8)) as closing_pending_balance, cast(0 as decimal(38, 8)) as opening_payable_balance, cast(0 as \
                decimal(38, 8)) as closing_payable_balance, cast(0 as decimal(38, 8)) as opening_collateral_balance, cast(0 as \
                decimal(38, 8)) as closing_collateral_balance, 'file_1' as file_id \
                from (values ('2026-03-02', '2026-03-03', 0, 10), ('2026-03-03', '2026-03-04', 10, 12), \
                ('2026-03-04', '2026-03-05', 12.5, 13))";
    let told = said("checks", "balance_chain", "day, subject, expected, found", &[("balance_statements", rows)]).await;
    assert_eq!(told, ["2026-03-04 available of ca_1 from 2026-03-03 to 2026-03-04 12.00000000 12.50000000"]);
}

#[tokio::test]
async fn case_52_a_breakdown_type_that_is_not_known_is_told_and_counts_as_no_fee() {
    let rows = "select 'pay_1' as payment_id, 'act_1' as action_id, 'Capture' as action_type, 'ent_1' as entity_id, 'ca_1' as \
                currency_account_id, 'PO1' as report_payout_id, timestamp '2026-03-02 10:00:00' as requested_on_local, timestamp \
                '2026-03-02 10:00:00' as processed_on_local, 'VISA' as payment_method, 'Credit' as card_type, 'Consumer' as \
                card_category, 'EEA' as region, 'DE' as issuer_country, 'USD' as processing_currency, 'USD' as holding_currency, \
                column1 as breakdown_type, cast(column2 as decimal(38, 8)) as holding_currency_amount, 'file_1' as file_id \
                from (values ('Capture', 100), ('Foo Fee', -0.2))";
    let tables = [("financial_actions", rows), ("settlement_actions", rows)];
    let told = said("checks", "unknown_breakdown_type", "coalesce(payout_id, '-'), subject, found", &tables).await;
    assert_eq!(told, ["- Foo Fee -0.20000000", "PO1 Foo Fee -0.20000000"]);
    let columns = "gross, coalesce(cast(processor_fee as text), '-'), unknown";
    assert_eq!(said("views", "fee_audit", columns, &tables[..1]).await, ["100.00000000 - -0.20000000"]);
}

#[tokio::test]
async fn case_13_interchange_of_a_capture_is_pending_until_it_is_billed() {
    let rows = |more: &str| {
        format!(
            "select 'pay_1' as payment_id, 'act_1' as action_id, 'Capture' as action_type, 'ent_1' as entity_id, 'ca_1' as \
             currency_account_id, timestamp '2026-03-02 10:00:00' as requested_on_local, 'VISA' as payment_method, 'Credit' as \
             card_type, 'Consumer' as card_category, 'EEA' as region, 'DE' as issuer_country, 'USD' as processing_currency, 'USD' \
             as holding_currency, column1 as breakdown_type, cast(column2 as decimal(38, 8)) as holding_currency_amount from \
             (values ('Capture', 100.0){more})"
        )
    };
    for (more, expected) in [("", "true"), (", ('Interchange Variable Fee', -0.3)", "false")] {
        assert_eq!(said("views", "fee_audit", "is_interchange_pending", &[("financial_actions", &rows(more))]).await, [expected]);
    }
}
