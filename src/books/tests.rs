//! Sources over files of a folder: what their tables answer, and what they refuse.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Float64Array, RecordBatch, StringArray};
use arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::SessionContext;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;

use super::Books;
use super::settings::BookSettings;
use crate::error::{Error, Result};

/// The answer to a query over a source `t` of these settings, in a folder with these files.
async fn answer(folder: &TempDir, settings: &str, sql: &str) -> Result<String> {
    let mut settings: BookSettings = toml::from_str(settings).unwrap();
    settings.path = settings.path.map(|path| folder.path().join(path).display().to_string());
    let books = Books::new(vec![settings.resolve("t", &BTreeMap::new())?]);
    let context = SessionContext::new();
    for name in books.names() {
        context.register_table(name.as_str(), books.table(name).await?.unwrap())?;
    }
    let batches = context.sql(sql).await?.collect().await?;
    Ok(pretty_format_batches(&batches).unwrap().to_string())
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

async fn refusal(folder: &TempDir, settings: &str, sql: &str) -> String {
    let error: Error = answer(folder, settings, sql).await.unwrap_err();
    error.to_string()
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/books").join(name)).unwrap()
}

const ORDERS: &str = "path = 'orders.csv'\nshape = 'orders'\nzone = 'Europe/Berlin'\nwhere = \"state <> 'draft'\"\n\
                      csv = { delimiter = ';', decimal = ',', thousands = '.' }\n\
                      columns = { reference = 'order_no', amount = 'total', currency = 'upper(ccy)', ordered_at = 'placed', \
                      note = 'note' }";
const CSV: &str = "Order No;Total;CCY;Placed;State;Note\n\
                   1;1.234,56;eur;2026-01-31T10:00:00;paid;\"a;b\"\n\
                   2;7;eur;2026-01-31 10:00:00Z;draft;\n\
                   3;-0,00000001;usd;;paid;x\n";

#[tokio::test]
async fn a_csv_file_becomes_its_shape() {
    let folder = folder(&[("orders.csv", CSV.as_bytes())]);
    let sql = "select line_id, reference, currency, amount, ordered_at, note, _row, _raw from t";
    insta::assert_snapshot!(answer(&folder, ORDERS, sql).await.unwrap(), @r#"
    +----------------+-----------+----------+---------------+----------------------+------+------+------------------------------------------------------------------------------------------------------------+
    | line_id        | reference | currency | amount        | ordered_at           | note | _row | _raw                                                                                                       |
    +----------------+-----------+----------+---------------+----------------------+------+------+------------------------------------------------------------------------------------------------------------+
    | t/orders.csv/1 | 1         | EUR      | 1234.56000000 | 2026-01-31T09:00:00Z | a;b  | 1    | {"Order No":"1","Total":"1.234,56","CCY":"eur","Placed":"2026-01-31T10:00:00","State":"paid","Note":"a;b"} |
    | t/orders.csv/3 | 3         | USD      | -0.00000001   |                      | x    | 3    | {"Order No":"3","Total":"-0,00000001","CCY":"usd","Placed":"","State":"paid","Note":"x"}                   |
    +----------------+-----------+----------+---------------+----------------------+------+------+------------------------------------------------------------------------------------------------------------+
    "#);
}

#[tokio::test]
async fn a_value_that_cannot_be_read_is_named_by_file_row_and_column() {
    let bad = CSV.replace("-0,00000001", "0,000000001");
    let place = "cannot read a value: more decimals than the column has; nothing is rounded (shape \"9,999999999\") \
                 (column amount, row 3, file orders.csv, source books.t)";
    assert_eq!(refusal(&folder(&[("orders.csv", bad.as_bytes())]), ORDERS, "select * from t").await, place);
    let cast = ORDERS.replace("'total'", "'cast(total as decimal(38,8))'");
    assert_eq!(refusal(&folder(&[("orders.csv", bad.as_bytes())]), &cast, "select * from t").await, place);
}

#[tokio::test]
async fn a_float_is_no_money() {
    let float = ORDERS.replace("'total'", "'cast(cast(total as double) as decimal(38,8))'");
    let files = folder(&[("orders.csv", CSV.as_bytes())]);
    let said = refusal(&files, &float, "select * from t").await;
    assert!(said.starts_with("an expression of money goes through a binary float, which is not exact (column amount"), "{said}");
    let batch = RecordBatch::try_from_iter([
        ("total", Arc::new(Float64Array::from(vec![0.1])) as _),
        ("ccy", Arc::new(StringArray::from(vec!["EUR"])) as _),
    ])
    .unwrap();
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let files = folder(&[("o.parquet", &bytes)]);
    let mapped = "path = 'o.parquet'\nshape = 'orders'\ncolumns = { amount = 'total', currency = 'ccy' }";
    let said = refusal(&files, mapped, "select * from t").await;
    assert!(said.starts_with("an expression of money goes through a binary float"), "{said}");
    assert!(answer(&files, "path = 'o.parquet'", "select ccy, total, _raw from t").await.unwrap().contains("0.1"));
}

#[tokio::test]
async fn json_numbers_keep_their_digits_and_absent_members_are_null() {
    let files = folder(&[
        ("j/a.json", b"[{\"id\": 1, \"total\": 12345678901234567.89, \"ccy\": \"EUR\", \"who\": {\"n\": 1}}]"),
        (
            "j/b.ndjson",
            b"{\"id\": 2, \"total\": 0.1, \"ccy\": \"EUR\"}\n{\"id\": 3, \"total\": \"5\", \"ccy\": \"USD\", \"who\": null}\n",
        ),
        ("j/.hidden", b"?"),
    ]);
    let settings = "path = 'j'\nformat = 'json'\nshape = 'orders'\n\
                    columns = { line_id = 'id', amount = 'total', currency = 'ccy', customer_reference = 'who' }";
    let sql = "select line_id, amount, currency, customer_reference, _file, _row from t";
    insta::assert_snapshot!(answer(&files, settings, sql).await.unwrap(), @r#"
    +---------+----------------------------+----------+--------------------+----------+------+
    | line_id | amount                     | currency | customer_reference | _file    | _row |
    +---------+----------------------------+----------+--------------------+----------+------+
    | 1       | 12345678901234567.89000000 | EUR      | {"n": 1}           | a.json   | 1    |
    | 2       | 0.10000000                 | EUR      |                    | b.ndjson | 1    |
    | 3       | 5.00000000                 | USD      |                    | b.ndjson | 2    |
    +---------+----------------------------+----------+--------------------+----------+------+
    "#);
    let doubled = settings.replace("'id'", "'ccy'");
    let said = refusal(&files, &doubled, "select * from t").await;
    assert_eq!(said, "two rows have the same line_id (line_id EUR, one a.json row 1, other b.ndjson row 1, source books.t)");
}

#[tokio::test]
async fn without_a_shape_the_columns_are_those_of_all_files() {
    let files = folder(&[("f/a.csv", b"One Two,b\n1,\n"), ("f/b.csv", b"b,c\n2,3\n")]);
    insta::assert_snapshot!(answer(&files, "path = 'f/*.csv'", "select * from t").await.unwrap(), @r#"
    +---------+---+---+-------+------+------------------------+
    | one_two | b | c | _file | _row | _raw                   |
    +---------+---+---+-------+------+------------------------+
    | 1       |   |   | a.csv | 1    | {"One Two":"1","b":""} |
    |         | 2 | 3 | b.csv | 1    | {"b":"2","c":"3"}      |
    +---------+---+---+-------+------+------------------------+
    "#);
}

#[tokio::test]
async fn files_that_are_missing_or_odd_are_named() {
    let files = folder(&[("a.csv", b"a,b\n1\n"), ("q.csv", b"a\n\"x\n"), ("l.csv", b"a\n\xE9\n")]);
    let said = refusal(&files, "path = 'none/*.csv'", "select * from t").await;
    assert!(said.starts_with("a source has no file (path ") && said.ends_with("none/*.csv, source books.t)"), "{said}");
    for (settings, why) in [
        ("path = 'a.csv'", "a row has 1 columns and the header has 2 (line 2, file a.csv, source books.t)"),
        ("path = 'q.csv'", "not CSV: a quote is not closed (file q.csv, source books.t)"),
    ] {
        assert_eq!(refusal(&files, settings, "select * from t").await, why);
    }
    assert!(refusal(&files, "path = 'l.csv'", "select * from t").await.starts_with("the file is not UTF-8 (line 2"));
    let latin = answer(&files, "path = 'l.csv'\nencoding = 'latin1'", "select a from t").await.unwrap();
    assert!(latin.contains('é'), "{latin}");
}

#[tokio::test]
async fn a_statement_of_an_older_bank_keeps_its_letters() {
    let statement = ":20:X\r\n:25:12345678/100\r\n:28C:1/1\r\n:60F:C260130EUR10,00\r\n:61:2601310131C5,00NTRFNONREF\r\n\
                     :86:Gr\u{fc}\u{df}e aus K\u{f6}ln\r\n:62F:C260131EUR15,00\r\n";
    let bytes: Vec<u8> = statement.chars().map(|letter| u8::try_from(letter).unwrap()).collect();
    let files = folder(&[("a.sta", &bytes)]);
    let told = answer(&files, "path = 'a.sta'\nencoding = 'latin1'", "select remittance, amount from t").await.unwrap();
    assert!(told.contains("Gr\u{fc}\u{df}e aus K\u{f6}ln | 5.00000000"), "{told}");
    let said = refusal(&files, "path = 'a.sta'", "select * from t").await;
    assert!(said.starts_with("the file is not UTF-8 (line 6"), "{said}");
}

#[tokio::test]
async fn statements_of_a_bank_are_lines_and_statements() {
    let camt = fixture("day31.camt053.xml");
    let short = String::from_utf8(camt.clone()).unwrap().replace("STMT-2026-031", "X").replace("3104.56", "3104.57");
    let files = folder(&[("bank/a.xml", &camt), ("bank/b.xml", &camt), ("short.xml", short.as_bytes())]);
    let lines = "select line_id, amount, reference, _file, _row from t";
    insta::assert_snapshot!(answer(&files, "path = 'bank/*.xml'", lines).await.unwrap(), @r#"
    +----------------------------------------+---------------+------------------+-------+------+
    | line_id                                | amount        | reference        | _file | _row |
    +----------------------------------------+---------------+------------------+-------+------+
    | DE02120300000000202051/STMT-2026-031/1 | 2345.67000000 | ZV01260131000001 | a.xml | 1    |
    | DE02120300000000202051/STMT-2026-031/2 | -150.11000000 | 2                | a.xml | 2    |
    | DE02120300000000202051/STMT-2026-031/3 | -50.00000000  | 3                | a.xml | 3    |
    | DE02120300000000202051/STMT-2026-031/4 | -41.00000000  | 4                | a.xml | 4    |
    +----------------------------------------+---------------+------------------+-------+------+
    "#);
    let statements = "select statement_id, sequence, opening_balance, closing_balance, lines_sum, lines, difference, problem, _file \
                      from t_statements";
    insta::assert_snapshot!(answer(&files, "path = 'bank/*.xml'", statements).await.unwrap(), @r#"
    +---------------+----------+-----------------+-----------------+---------------+-------+------------+-----------+-------+
    | statement_id  | sequence | opening_balance | closing_balance | lines_sum     | lines | difference | problem   | _file |
    +---------------+----------+-----------------+-----------------+---------------+-------+------------+-----------+-------+
    | STMT-2026-031 | 31       | 1000.00000000   | 3104.56000000   | 2104.56000000 | 4     | 0.00000000 |           | a.xml |
    | STMT-2026-031 | 31       | 1000.00000000   | 3104.56000000   | 2104.56000000 | 4     | 0.00000000 | duplicate | b.xml |
    +---------------+----------+-----------------+-----------------+---------------+-------+------------+-----------+-------+
    "#);
    let said = refusal(&files, "path = 'short.xml'", lines).await;
    assert_eq!(
        said,
        "a statement does not add up: opening balance and lines do not come to the closing balance (statement X, file short.xml, \
         source books.t)"
    );
    assert!(answer(&files, "path = 'short.xml'\ncheck = 'warn'", lines).await.is_ok());
    assert!(answer(&files, "path = 'short.xml'", statements).await.unwrap().contains("balance_mismatch"));
}

const DATABASE: &str = "path = 'shop.sqlite'\nshape = 'orders'\nquery = 'select * from orders'\n\
                        columns = { line_id = 'id', reference = 'no', amount = 'total', currency = 'ccy', ordered_at = 'placed' }";

/// A folder with a database of SQLite.
async fn database(statements: &'static str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let options = SqliteConnectOptions::new().filename(folder.path().join("shop.sqlite")).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    folder
}

#[tokio::test]
async fn a_database_is_read_to_the_last_digit() {
    let folder = database(
        "create table orders (id integer primary key, no text, total text, ccy text, placed text); \
         insert into orders values (7, 'A-1', '12345678901234567890.12345678', 'EUR', '2026-01-31 10:00:00Z'), \
                                   (8, null, 5000, 'JPY', null)",
    )
    .await;
    let sql = "select line_id, reference, amount, currency, ordered_at, _row, _raw from t order by line_id";
    insta::assert_snapshot!(answer(&folder, DATABASE, sql).await.unwrap(), @r#"
    +---------+-----------+-------------------------------+----------+----------------------+------+-----------------------------------------------------------------------------------------------------------+
    | line_id | reference | amount                        | currency | ordered_at           | _row | _raw                                                                                                      |
    +---------+-----------+-------------------------------+----------+----------------------+------+-----------------------------------------------------------------------------------------------------------+
    | 7       | A-1       | 12345678901234567890.12345678 | EUR      | 2026-01-31T10:00:00Z | 1    | {"id":"7","no":"A-1","total":"12345678901234567890.12345678","ccy":"EUR","placed":"2026-01-31 10:00:00Z"} |
    | 8       |           | 5000.00000000                 | JPY      |                      | 2    | {"id":"8","no":null,"total":"5000","ccy":"JPY","placed":null}                                             |
    +---------+-----------+-------------------------------+----------+----------------------+------+-----------------------------------------------------------------------------------------------------------+
    "#);
    // Its own names where no shape is said, also of an answer without rows.
    let own = "path = 'shop.sqlite'\nquery = 'select no, total as \"Total Amount\" from orders where id > 8'";
    let counted = answer(&folder, own, "select count(no) as a, count(total_amount) as b from t").await.unwrap();
    assert!(counted.contains("| 0 | 0 |"), "{counted}");
}

#[tokio::test]
async fn what_a_database_refuses_is_said() {
    let folder =
        database("create table orders (id, no, total, ccy, placed); insert into orders values (1, 'a', 0.1, 'EUR', null)").await;
    let of = |query: &str| DATABASE.replace("select * from orders", query);
    let ask = "select * from t";
    let mut said = Vec::new();
    for query in ["select * from orders", "select * from order_lines", "delete from orders returning *", "select 1; select 2"] {
        said.push(refusal(&folder, &of(query), ask).await);
    }
    let elsewhere = folder.path().join("none");
    std::fs::create_dir(&elsewhere).unwrap();
    said.push(refusal(&folder, &DATABASE.replace("shop.sqlite", "none/shop.sqlite"), ask).await);
    let folder = folder.path().display().to_string();
    insta::assert_snapshot!(said.join("\n").replace(&folder, "FOLDER"), @r"
    an expression of money goes through a binary float, which is not exact (column amount, file FOLDER/shop.sqlite, source books.t)
    a database does not take the query of a source (database FOLDER/shop.sqlite, source books.t): error returned from database: (code: 1) no such table: order_lines
    cannot ask a database (database FOLDER/shop.sqlite, source books.t): error returned from database: (code: 8) attempt to write a readonly database
    the query of a source is more than one statement (database FOLDER/shop.sqlite, source books.t)
    cannot ask a database (database FOLDER/none/shop.sqlite, source books.t): error returned from database: (code: 14) unable to open database file
    ");
}
