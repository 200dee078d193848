//! The views whose rows the shipped rules match, each over a few rows: which days are known, and by what rows are known.

use std::path::Path;
use std::sync::Arc;

use ckosql::matching::conventions::Conventions;
use ckosql::matching::files::with_shipped;
use ckosql::matching::run::run;
use ckosql::matching::test::session;
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::prelude::SessionContext;

/// A session in which these statements were made.
async fn given(statements: &[&str]) -> SessionContext {
    let context = session(&Arc::new(Conventions::default()));
    for sql in statements {
        context.sql(sql).await.unwrap().collect().await.unwrap();
    }
    context
}

/// The SELECT of a view of `sides`.
fn view(side: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("sql/sides/{side}.sql"))).unwrap()
}

/// What a view of `sides` tells, by an expression over its rows, in order.
async fn told(context: &SessionContext, side: &str, expression: &str) -> Vec<String> {
    let sql = view(side);
    let rows = context.sql(&format!("select {expression} from (\n{sql}\n) order by 1")).await.unwrap().collect().await.unwrap();
    let texts = rows.iter().flat_map(|rows| (0..rows.num_rows()).map(|row| array_value_to_string(rows.column(0), row).unwrap()));
    texts.collect()
}

/// What the shipped rules of a flow find over the views of `sides`: rows that belong together, and why others are left.
async fn found(context: &SessionContext, flow: &str, sides: &[&str]) -> (Vec<String>, Vec<String>) {
    for side in sides {
        context.sql(&format!("create view sides.{side} as {}", view(side))).await.unwrap().collect().await.unwrap();
    }
    let rules: Vec<_> = with_shipped(None).unwrap().into_iter().filter(|rule| rule.flow == flow).collect();
    let outcome = run(&rules, context, &Conventions::default(), i32::MAX).await.unwrap();
    let step = &outcome.steps[0];
    let matches = step.matches.iter().map(|found| step.ids(found).unwrap().map(|ids| ids.join("+")).join(" "));
    let left = step.exceptions.iter().map(|row| {
        let table = step.table(row.table).unwrap();
        format!("{} {}", table.id(row.row).unwrap(), row.reason)
    });
    (matches.collect(), left.collect())
}

#[tokio::test]
async fn an_entity_counts_from_its_first_report_to_its_last_and_is_not_told_by_another() {
    let context = given(&["create table report_files as select entity_id, 'Financial Actions' as report_type, \
         cast(first as timestamp) as \"from\", cast(last as timestamp) as \"to\" from (values \
         ('ent_a', '2026-03-01', '2026-03-11'), ('ent_b', '2026-03-05', '2026-03-07'), ('ent_b', '2026-03-08', '2026-03-11'), \
         ('ent_closed', '2026-01-01', '2026-01-03')) as t(entity_id, first, last)"])
    .await;
    let days = told(&context, "report_days", "cast(day as text)").await;
    let expected = ["01-01", "01-02", "03-01", "03-02", "03-03", "03-04", "03-05", "03-06", "03-08", "03-09", "03-10"];
    assert_eq!(days, expected.map(|day| format!("2026-{day}")));
}

#[tokio::test]
async fn a_gap_in_one_bank_account_is_not_hidden_by_another() {
    let context = given(&[
        "create schema books",
        "create schema sides",
        "create table books.bank_statements as select 'bank' as source, bank_account, 'EUR' as currency, \
         cast(first as date) as from_date, cast(last as date) as to_date, problem, sequence from (values \
         ('whole', '2026-03-01', '2026-03-07', null, 1), \
         ('gap', '2026-03-02', '2026-03-03', null, 1), ('gap', '2026-03-05', '2026-03-06', 'gap', 2), \
         ('closed', '2025-12-01', '2025-12-02', null, 1), \
         ('savings', '2026-03-05', '2026-03-05', null, 1)) as t(bank_account, first, last, problem, sequence)",
        "create table books.bank_lines as select 'x' as bank_account, 'EUR' as currency, cast(null as date) as value_date, \
         cast(null as date) as booking_date, 's' as statement_id",
        "create table sides.bank_lines as select * from (values ('whole', 'EUR'), ('gap', 'EUR'), ('closed', 'EUR')) \
         as t(bank_account, currency)",
    ])
    .await;
    let days = told(&context, "bank_days", "concat(currency, ' ', cast(from_date as text), ' ', cast(to_date as text))").await;
    let expected = ["2025-12-01", "2025-12-02", "2026-03-01", "2026-03-02", "2026-03-03", "2026-03-05", "2026-03-06"];
    assert_eq!(days, expected.map(|day| format!("EUR {day} {day}")));
}

/// Rows of files of settlements: file, row, payout, breakdown type, amount.
async fn files_of(rows: &str) -> SessionContext {
    given(&[&format!(
        "create table settlement_actions as select 'a' as account, coalesce(payout_id, 'po1') as report_payout_id, 'ent' as entity_id, \
         'ca' as currency_account_id, 'Capture' as action_type, 'act_1' as action_id, 'pay_1' as payment_id, \
         cast(null as text) as fee_detail, 'USD' as holding_currency, timestamp '2026-03-01T10:00:00' as processed_on_local, file_id, row_number, payout_id, breakdown_type, \
         cast(amount as decimal(38, 8)) as holding_currency_amount \
         from (values {rows}) as t(file_id, row_number, payout_id, breakdown_type, amount)"
    )])
    .await
}

/// The ids of such rows.
async fn rows_of(rows: &str) -> Vec<String> {
    told(&files_of(rows).await, "settlement_rows", "line_id").await
}

#[tokio::test]
async fn rows_keep_their_ids_when_a_report_is_made_anew() {
    let first =
        "('f1', 1, 'po1', 'Capture', 100), ('f1', 2, 'po1', 'Fee', -1), ('f1', 3, 'po1', 'Fee', -1), ('f1', 4, null, 'Fee', -1)";
    let anew =
        "('f2', 9, null, 'Fee', -1), ('f2', 7, 'po1', 'Fee', -1), ('f2', 8, 'po1', 'Capture', 100), ('f3', 2, 'po1', 'Fee', -1)";
    let ids = rows_of(first).await;
    assert_eq!(
        ids,
        [
            "PO1/-/a/ent/ca/Capture/act_1/pay_1/Fee/-/USD/-1.00000000/1",
            "PO1/PO1/a/ent/ca/Capture/act_1/pay_1/Capture/-/USD/100.00000000/1",
            "PO1/PO1/a/ent/ca/Capture/act_1/pay_1/Fee/-/USD/-1.00000000/1",
            "PO1/PO1/a/ent/ca/Capture/act_1/pay_1/Fee/-/USD/-1.00000000/2",
        ]
    );
    assert_eq!(rows_of(anew).await, ids);
}

/// Two rows that differ in one column alone: the ids of a view over a table of these columns.
async fn ids_apart(side: &str, table: &str, columns: &[(&str, &str, &str)]) {
    for (apart, ..) in columns {
        let row = |second: bool| {
            let value = |(name, one, other): &(&str, &str, &str)| {
                format!("{} as {name}", if second && name == apart { other } else { one })
            };
            columns.iter().map(value).collect::<Vec<_>>().join(", ")
        };
        let context = given(&[&format!("create table {table} as select {} union all select {}", row(false), row(true))]).await;
        let ids = told(&context, side, "line_id").await;
        assert!(ids.len() == 2 && ids[0] != ids[1], "{side}, apart in {apart}: {ids:?}");
        // Ids stand in lists with blanks between them.
        assert!(!ids.iter().any(|id| id.contains(' ')), "{ids:?}");
    }
}

#[tokio::test]
async fn rows_that_differ_in_one_column_alone_have_ids_of_their_own() {
    let actions = [
        ("account", "'a'", "'b'"),
        ("report_payout_id", "'po1'", "'po2'"),
        ("payout_id", "'po1'", "null"),
        ("entity_id", "'ent_1'", "'ent_2'"),
        ("currency_account_id", "'ca_1'", "'ca_2'"),
        ("action_type", "'Capture'", "'Partial Capture'"),
        ("action_id", "'act_1'", "null"),
        ("payment_id", "'pay_1'", "'pay_2'"),
        ("breakdown_type", "'Capture'", "'Gateway Fixed Fee'"),
        ("fee_detail", "'x'", "null"),
        ("holding_currency", "'USD'", "'EUR'"),
        ("holding_currency_amount", "cast(1 as decimal(38, 8))", "cast(1.00000001 as decimal(38, 8))"),
        ("file_id", "'f1'", "'f2'"),
        ("row_number", "1", "2"),
        ("processed_on_local", "timestamp '2026-03-01T10:00:00'", "timestamp '2026-03-02T10:00:00'"),
    ];
    ids_apart("settlement_rows", "settlement_actions", &actions).await;
    let chargebacks = [
        ("account", "'a'", "'b'"),
        ("entity_id", "'ent_1'", "'ent_2'"),
        ("currency_account_id", "'ca_1'", "'ca_2'"),
        ("payment_id", "'pay_1'", "'pay_2'"),
        ("action_id", "'act_1'", "null"),
        ("reference", "'R 1'", "'R 2'"),
        ("breakdown_type", "'Chargeback (ADJM)'", "'Chargeback (ARBW)'"),
        ("processing_currency", "'USD'", "'EUR'"),
        ("processing_currency_amount", "cast(1 as decimal(38, 8))", "cast(-1 as decimal(38, 8))"),
        ("processed_on_local", "timestamp '2026-03-01T10:00:00'", "timestamp '2026-03-02T10:00:00'"),
        ("file_id", "'f1'", "'f2'"),
        ("row_number", "1", "2"),
    ];
    ids_apart("chargebacks", "financial_actions", &chargebacks).await;
}

#[tokio::test]
async fn chargebacks_keep_their_ids_when_a_report_is_made_anew() {
    let mut made = Vec::new();
    for rows in ["('f1', 1, -40), ('f1', 2, -40), ('f1', 3, -7)", "('f2', 8, -7), ('f3', 2, -40), ('f2', 9, -40)"] {
        let context = given(&[&format!(
            "create table financial_actions as select 'a' as account, 'ent' as entity_id, 'ca' as currency_account_id, \
             'pay_1' as payment_id, 'act_1' as action_id, 'ref' as reference, 'Chargeback (CHB)' as breakdown_type, \
             'USD' as processing_currency, cast(amount as decimal(38, 8)) as processing_currency_amount, \
             timestamp '2026-03-01T10:00:00' as processed_on_local, file_id, row_number \
             from (values {rows}) as t(file_id, row_number, amount)"
        )])
        .await;
        made.push(told(&context, "chargebacks", "line_id").await);
    }
    let id = |amount: &str, nth: u32| format!("a/ent/ca/pay_1/act_1/ref/Chargeback_(CHB)/USD/{amount}.00000000/2026-03-01/{nth}");
    assert_eq!(made[0], [id("-40", 1), id("-40", 2), id("-7", 1)]);
    assert_eq!(made[1], made[0]);
}

#[tokio::test]
async fn a_payment_s_story_goes_from_its_order_to_the_bank_and_says_what_is_missing() {
    let context = given(&[
        "create schema sides",
        "create table sides.orders as select 'o1' as line_id, 'ORD-1' as reference, 'EUR' as currency, \
         cast(100 as decimal(38, 8)) as amount, date '2026-03-01' as ordered_on",
        "create table sides.payments as select payment_id, reference, 'EUR' as currency, cast(100 as decimal(38, 8)) as amount, \
         date '2026-03-01' as paid_on from (values ('pay_1', 'ord 1'), ('pay_2', 'ORD-2')) as t(payment_id, reference)",
        "create table sides.payment_actions as select action_id, payment_id, 'Capture' as type, 'EUR' as currency, \
         cast(100 as decimal(38, 8)) as amount, date '2026-03-02' as processed_on \
         from (values ('act_1', 'pay_1'), ('act_2', 'pay_2')) as t(action_id, payment_id)",
        "create table sides.reported_actions as select 'act_1 EUR' as line_id, 'act_1' as action_id, \
         cast(100 as decimal(38, 8)) as amount, date '2026-03-03' as booked_on",
        "create table sides.settlement_rows as select line_id, payout_id, 'act_1' as action_id, 'pay_1' as payment_id, \
         breakdown_type, 'EUR' as currency, cast(amount as decimal(38, 8)) as amount from (values \
         ('r1', '000G7HDD96SH', 'Capture', 100), ('r2', '000G7HDD96SH', 'Gateway Fixed Fee', -1), \
         ('r3', null, 'Interchange Fixed Fee', -2), ('r4', '000B5VXC3Q2M', 'Interchange Fixed Fee', -2)) \
         as t(line_id, payout_id, breakdown_type, amount)",
        "create table sides.payouts as select payout_id, 'EUR' as currency, cast(amount as decimal(38, 8)) as amount, \
         cast(day as date) as payout_date from (values ('000G7HDD96SH', 99, '2026-03-03'), ('000B5VXC3Q2M', 40, '2026-03-04')) \
         as t(payout_id, amount, day)",
        "create table sides.bank_lines as select 'b1' as line_id, 'EUR' as currency, cast(99 as decimal(38, 8)) as amount, \
         date '2026-03-05' as value_date, 'CKO 000G7HDD96SH' as text",
    ])
    .await;
    let story =
        "concat_ws(' ', payment_id, cast(step as text), what, coalesce(line_id, '-'), cast(round(amount, 2) as text), state)";
    let rows = told(&context, "payment_story", story).await;
    insta::assert_snapshot!(rows.join("\n"), @"
    pay_1 1 order o1 100.00 there
    pay_1 2 payment pay_1 100.00 there
    pay_1 3 Capture act_1 100.00 there
    pay_1 4 Capture in reports act_1 EUR 100.00 there
    pay_1 5 Capture r1 100.00 there
    pay_1 5 Gateway Fixed Fee r2 -1.00 there
    pay_1 5 Interchange Fixed Fee r3 -2.00 billed later
    pay_1 5 Interchange Fixed Fee r4 -2.00 there
    pay_1 6 settlement 000B5VXC3Q2M 40.00 there
    pay_1 6 settlement 000G7HDD96SH 99.00 there
    pay_1 7 bank line of 000B5VXC3Q2M - missing
    pay_1 7 bank line of 000G7HDD96SH b1 99.00 there
    pay_2 1 order - missing
    pay_2 2 payment pay_2 100.00 there
    pay_2 3 Capture act_2 100.00 there
    pay_2 4 Capture in reports - missing
    pay_2 5 Capture in a settlement - missing
    ");
}

#[tokio::test]
async fn case_21_a_time_that_is_there_twice_names_no_instant_and_is_told() {
    let rows = "('act_1', timestamp '2026-11-01T01:30:00', null, 'Capture', 10), \
                ('act_1', timestamp '2026-11-01T01:30:00', null, 'Gateway Fixed Fee', -1), \
                ('act_2', timestamp '2026-11-01T09:00:00', timestamp '2026-11-01T17:00:00', 'Capture', 20), \
                ('act_2', timestamp '2026-11-01T09:00:00', timestamp '2026-11-01T17:00:00', 'Interchange Fixed Fee', -1)";
    let context = given(&[
        "create schema ref",
        "create table ref.breakdown_types as select * from (values ('Capture', 'gross'), ('Gateway Fixed Fee', 'processor_fee'), \
         ('Interchange Fixed Fee', 'interchange')) as t(breakdown_type, roll_up)",
        &format!(
            "create table financial_actions as select 'a' as account, 'ent' as entity_id, 'ca' as currency_account_id, \
             'Capture' as action_type, action_id, 'pay' as payment_id, 'USD' as holding_currency, 'USD' as processing_currency, \
             'VISA' as payment_method, cast(1 as decimal(38, 8)) as fx_rate_applied, 'f' as file_id, processed_on_local, \
             processed_on, breakdown_type, cast(amount as decimal(38, 8)) as holding_currency_amount, \
             cast(amount as decimal(38, 8)) as processing_currency_amount \
             from (values {rows}) as t(action_id, processed_on_local, processed_on, breakdown_type, amount)"
        ),
    ])
    .await;
    let told =
        told(&context, "captured_fees", "concat_ws(' ', line_id, booked_on, is_unresolved, is_pending, gateway_fees)").await;
    assert_eq!(told, ["ca/act_1 2026-11-01 true true 1", "ca/act_2 2026-11-01 false false 0"]);
}

#[tokio::test]
async fn case_13_of_a_payment_is_what_all_settlements_have_of_it() {
    let rows = "('f1', 1, 'po1', 'Capture', 100.0), ('f1', 2, null, 'Interchange Variable Fee', -0.3), \
                ('f2', 1, 'po2', 'Interchange Variable Fee', -0.3)";
    let context = files_of(rows).await;
    for (payouts, expected) in [("= 'PO1'", "100.00000000"), ("is not null", "99.70000000")] {
        let settled = format!("sum(case when payout_id {payouts} then amount end)");
        assert_eq!(told(&context, "settlement_rows", &settled).await, [expected]);
    }
}

#[tokio::test]
async fn case_16_an_amount_is_in_the_band_of_its_rate_or_it_is_not() {
    let context = given(&[
        "create schema ref",
        "create schema sides",
        "create table ref.breakdown_types as select 'Capture' as breakdown_type, 'gross' as roll_up",
        "create table financial_actions as select 'a' as account, 'ent' as entity_id, 'ca' as currency_account_id, \
         'Capture' as action_type, action_id, 'pay' as payment_id, 'USD' as holding_currency, 'EUR' as processing_currency, \
         'VISA' as payment_method, cast(0.990104 as decimal(38, 8)) as fx_rate_applied, 'f' as file_id, \
         timestamp '2026-03-01T10:00:00' as processed_on_local, timestamp '2026-03-01T10:00:00' as processed_on, \
         'Capture' as breakdown_type, cast(amount as decimal(38, 8)) as holding_currency_amount, \
         cast(110 as decimal(38, 8)) as processing_currency_amount \
         from (values ('act_1', 108.911), ('act_2', 108.92)) as t(action_id, amount)",
    ])
    .await;
    let (_, left) = found(&context, "fee_audit", &["captured_fees"]).await;
    assert_eq!(left, ["ca/act_2 FX_OUT_OF_BAND"]);
}

#[tokio::test]
async fn case_22_a_reserve_is_due_when_its_day_and_those_after_it_are_known() {
    let days = (1..=9).map(|day| format!("(date '2026-07-0{day}')")).collect::<Vec<_>>().join(", ");
    let context = given(&[
        "create schema sides",
        &format!("create table sides.report_days as select * from (values {days}) as t(day)"),
        "create table financial_actions as select 'a' as account, 'ent' as entity_id, 'ca' as currency_account_id, payment_id, \
         'Rolling Reserve Deducted' as breakdown_type, 'USD' as holding_currency, 'f' as file_id, \
         cast(-10 as decimal(38, 8)) as holding_currency_amount, timestamp '2026-01-05T10:00:00' as processed_on_local, \
         cast(matures as timestamp) as reserve_release_date_local from (values \
         ('pay_1', '2026-07-04'), ('pay_2', '2026-07-05'), ('pay_3', null)) as t(payment_id, matures)",
    ])
    .await;
    let reserves = told(&context, "reservations", "concat_ws(' ', payment_id, amount, matures_on, is_due)").await;
    let expected = ["pay_1 10.00000000 2026-07-04 true", "pay_2 10.00000000 2026-07-05 false", "pay_3 10.00000000 false"];
    assert_eq!(reserves, expected);
}

#[tokio::test]
async fn case_28_a_settlement_below_nothing_stays_on_the_balance_that_the_next_day_opens_with() {
    let zero = ["pending", "payable", "collateral"].map(|pot| {
        format!("cast(0 as decimal(38, 8)) as opening_{pot}_balance, cast(0 as decimal(38, 8)) as closing_{pot}_balance")
    });
    let context = given(&[&format!(
        "create table balance_statements as select 'a' as account, 'ent' as entity_id, 'ca' as currency_account_id, \
         'Balances & Payouts' as description, 'USD' as holding_currency, cast(first as timestamp) as reporting_start_date_local, \
         cast(last as timestamp) as reporting_end_date_local, cast(opened as decimal(38, 8)) as opening_available_balance, \
         cast(closed as decimal(38, 8)) as closing_available_balance, {} from (values \
         ('2026-03-02', '2026-03-03', 0, -35), ('2026-03-03', '2026-03-04', -35, 65), \
         ('2026-03-04', '2026-03-05', 0, 10)) as t(first, last, opened, closed)",
        zero.join(", ")
    )])
    .await;
    let days = told(&context, "balance_days", "concat_ws(' ', day, amount, is_unchained)").await;
    let expected = ["2026-03-02 -35.00000000 false", "2026-03-03 100.00000000 false", "2026-03-04 10.00000000 true"];
    assert_eq!(days, expected);
}

#[tokio::test]
async fn cases_7_and_9_a_dispute_that_was_won_comes_to_nothing_and_fees_are_no_part_of_it() {
    let context = given(&[
        "create schema sides",
        "create table sides.report_days as select date '2026-03-01' as day",
        "create table disputes as select id, 'a' as account, 'ent' as entity_id, payment_id, 'ORD-1' as payment_reference, status, \
         'USD' as currency, cast(amount as decimal(18, 3)) as amount, timestamp '2026-03-01T10:00:00' as received_on, \
         timestamp '2026-04-20T10:00:00' as last_update from (values ('dsp_1', 'pay_1', 'arbitration_won', 980.64), \
         ('dsp_2', 'pay_2', 'canceled', 50.0)) as t(id, payment_id, status, amount)",
        "create table financial_actions as select 'a' as account, 'ent' as entity_id, 'ca' as currency_account_id, payment_id, \
         action_id, 'ref' as reference, breakdown_type, 'USD' as processing_currency, 'f' as file_id, \
         cast(amount as decimal(38, 8)) as processing_currency_amount, timestamp '2026-03-01T10:00:00' as processed_on_local, \
         row_number from (values ('pay_1', 'act_1', 'Chargeback (ADJM)', -980.64, 1), ('pay_1', 'act_2', 'Chargeback (ARBW)', 980.64, 2), \
         ('pay_1', 'act_1', 'Chargeback Fixed Fee', -10.0, 3), ('pay_1', 'act_1', 'Chargeback Scheme Fixed Fee', -0.15, 4), \
         ('pay_2', 'act_3', 'Refund', -50.0, 5), ('pay_2', 'act_4', 'Chargeback (AUTO)', -50.0, 6), \
         ('pay_2', 'act_5', 'Chargeback (AUTO)', 50.0, 7)) as t(payment_id, action_id, breakdown_type, amount, row_number)",
    ])
    .await;
    let disputes = told(&context, "disputes", "concat_ws(' ', dispute_id, amount, disputed)").await;
    assert_eq!(disputes, ["dsp_1 0.00000000 -980.64000000", "dsp_2 0.00000000 -50.00000000"]);
    let rows = told(&context, "chargebacks", "concat_ws(' ', action_id, breakdown_type)").await;
    assert_eq!(
        rows,
        ["act_1 Chargeback (ADJM)", "act_2 Chargeback (ARBW)", "act_4 Chargeback (AUTO)", "act_5 Chargeback (AUTO)"]
    );
    // The refund stands.
    assert_eq!(told(&context, "reported_actions", "concat_ws(' ', action_id, amount)").await, ["act_3 -50.00000000"]);
    let (matches, left) = found(&context, "dispute_to_actions", &["disputes", "chargebacks"]).await;
    assert_eq!((matches.len(), left), (2, vec![]));
}

#[tokio::test]
async fn cases_4_5_24_39_and_43_an_order_is_what_was_captured_less_what_was_refunded_and_what_took_nothing_is_no_payment() {
    let context = given(&[
        "create schema books",
        "create schema sides",
        "create table books.orders as select line_id, 'shop' as source, reference, 'USD' as currency, \
         cast(amount as decimal(38, 8)) as amount, timestamp '2026-03-01T10:00:00' as ordered_at, 'paid' as status, \
         'c1' as customer_reference from (values ('o1', 'ORD-1', 50), ('o2', 'ORD-2', 100), ('o3', 'ORD-3', 30), \
         ('o4', 'ORD-4', 0)) as t(line_id, reference, amount)",
        "create table payments as select id, 'a' as account, reference, 'USD' as currency, status, \
         cast(captured as decimal(18, 3)) as total_captured, cast(refunded as decimal(18, 3)) as total_refunded, \
         timestamp '2026-03-01T10:00:00' as requested_on from (values ('pay_1', 'ORD-1', 'Partially Refunded', 100, 50), \
         ('pay_2', 'ORD-2', 'Captured', 100, null), ('pay_3', 'ORD-3', 'Declined', null, null), \
         ('pay_4', 'ORD-3', 'Captured', 30, 0), ('pay_5', 'ORD-4', 'Card Verified', 0, 0), ('pay_6', null, 'Card Verified', null, null)) \
         as t(id, reference, status, captured, refunded)",
        "create table payment_actions as select id, 'a' as account, 'pay_2' as payment_id, 'ORD-2' as payment_reference, type, \
         status, 'USD' as currency, cast(amount as decimal(18, 3)) as amount, timestamp '2026-03-01T10:00:00' as processed_on \
         from (values ('act_1', 'Authorization', 'Approved', 100), ('act_2', 'Capture', 'Approved', 40), \
         ('act_3', 'Capture', 'Declined', 60), ('act_4', 'Capture', 'Approved', 60)) as t(id, type, status, amount)",
        "create table financial_actions as select action_id, 'pay_2' as payment_id, breakdown_type, 'USD' as processing_currency, \
         cast(amount as decimal(38, 8)) as processing_currency_amount, 'f' as file_id, \
         timestamp '2026-03-01T10:00:00' as processed_on_local from (values ('act_2', 'Partial Capture', 40), \
         ('act_4', 'Partial Capture', 60)) as t(action_id, breakdown_type, amount)",
        "create table sides.report_days as select date '2026-03-01' as day",
    ])
    .await;
    assert_eq!(told(&context, "orders", "line_id").await, ["o1", "o2", "o3"]);
    let payments = told(&context, "payments", "concat_ws(' ', payment_id, amount)").await;
    assert_eq!(payments, ["pay_1 50.00000000", "pay_2 100.00000000", "pay_4 30.00000000"]);
    let (matches, left) = found(&context, "order_to_payment", &["orders", "payments"]).await;
    assert_eq!((matches, left), (["o1 pay_1", "o2 pay_2", "o3 pay_4"].map(str::to_owned).to_vec(), vec![]));
    // Of the second each capture is an action of its own, and both are what was authorised.
    let actions = told(&context, "payment_actions", "concat_ws(' ', action_id, amount, authorized)").await;
    assert_eq!(actions, ["act_2 40.00000000 100.00000000", "act_4 60.00000000 100.00000000"]);
    let (matches, left) = found(&context, "payment_to_actions", &["payment_actions", "reported_actions"]).await;
    assert_eq!((matches, left), (["act_2 act_2/USD", "act_4 act_4/USD"].map(str::to_owned).to_vec(), vec![]));
}

#[tokio::test]
async fn cases_24_and_25_fees_without_a_capture_are_no_action_and_no_order_waits_for_their_payment() {
    let context = given(&[
        "create table payments as select id, 'a' as account, 'ORD-1' as reference, 'USD' as currency, \
         cast(captured as decimal(18, 3)) as total_captured, cast(null as decimal(18, 3)) as total_refunded, \
         timestamp '2026-03-01T10:00:00' as requested_on from (values ('pay_declined', 0), ('pay_1', 10)) as t(id, captured)",
        "create table financial_actions as select action_id, payment_id, breakdown_type, 'USD' as processing_currency, \
         cast(amount as decimal(38, 8)) as processing_currency_amount, 'f' as file_id, \
         timestamp '2026-03-01T10:00:00' as processed_on_local from (values \
         ('act_1', 'pay_1', 'Capture', 10), ('act_1', 'pay_1', 'Gateway Fixed Fee', -1), \
         ('act_2', 'pay_declined', 'Authorization Fixed Fee', -1), ('adj_1', null, 'Minimum Billing Fee', -20)) \
         as t(action_id, payment_id, breakdown_type, amount)",
        "create table settlement_actions as select 'a' as account, 'po1' as report_payout_id, 'po1' as payout_id, 'ent' as entity_id, \
         'ca' as currency_account_id, 'Authorization' as action_type, 'act_2' as action_id, 'pay_declined' as payment_id, \
         'Authorization Fixed Fee' as breakdown_type, cast(null as text) as fee_detail, 'USD' as holding_currency, \
         cast(-1 as decimal(38, 8)) as holding_currency_amount, timestamp '2026-03-01T10:00:00' as processed_on_local, \
         'f' as file_id, 1 as row_number",
    ])
    .await;
    assert_eq!(told(&context, "payments", "payment_id").await, ["pay_1"]);
    assert_eq!(told(&context, "reported_actions", "line_id").await, ["act_1/USD"]);
    // A settlement has the fee all the same, and says whose it is.
    let rows = told(&context, "settlement_rows", "concat_ws(' ', payout_id, payment_id, amount)").await;
    assert_eq!(rows, ["PO1 pay_declined -1.00000000"]);
}
