//! What PostgreSQL's users and tools write, and what they mean by it.

use tokio_postgres::types::Type;

use super::pg::{Door, Text, rows, state, value};

/// Questions of one row, and its values.
const ANSWERS: [(&str, &str); 25] = [
    // Times.
    ("select to_char(timestamp '2026-03-07 05:06', 'YYYY-MM-DD HH24:MI')", "2026-03-07 05:06"),
    ("select timestamptz '2026-07-01 12:00+00' at time zone 'Europe/Berlin'", "2026-07-01 14:00:00"),
    ("select timestamp '2026-07-01 12:00:00' at time zone 'Europe/Berlin'", "2026-07-01 10:00:00+00"),
    ("select to_timestamp(1767225600)", "2026-01-01 00:00:00+00"),
    (
        "select pg_typeof(now()) as there, pg_typeof(localtimestamp) as here",
        "timestamp with time zone|timestamp without time zone",
    ),
    ("select max(id) = max(id)::text, pg_typeof(max(amount)), pg_typeof(max(amount)::text) from payments", "t|numeric|text"),
    ("select count(*) from payments where requested_on > '1999-01-01 10:30' and requested_on > '1999-01-01 10:30+02'", "50"),
    // A name twice.
    ("select currency, count(*), currency from payments where currency = 'EUR' group by currency limit 1", "EUR|*|EUR"),
    // Rows of tables.
    ("select row(1, null, 'a,b \"c\"', '')", "(1,,\"a,b \"\"c\"\"\",\"\")"),
    (
        "select case when (r.*)::text is not null then row(r.id, r.x) end from (values (1)) as l(id) \
         left join (select 2 as id, 'a' as x) as r on l.id = r.id",
        "NULL",
    ),
    (
        "select case when (r.*)::text is not null then row(r.id, r.x) end from (values (2)) as l(id) \
         left join (select 2 as id, null::text as x) as r on l.id = r.id",
        "(2,)",
    ),
    // Lists.
    (r"select 'a,b' = any (E'{EUR,\x22a,b\x22,\x22e\\\\f\x22}'::text[])", "t"),
    // The catalogue.
    (
        "select data_type, udt_name, ordinal_position, numeric_precision, numeric_scale, is_identity, is_updatable \
         from information_schema.columns where table_schema = 'public' and table_name = 'payments' and column_name = 'amount'",
        "numeric|numeric|*|18|3|NO|NO",
    ),
    ("select ordinal_position from information_schema.columns where table_name = 'payments' and column_name = 'id' limit 1", "1"),
    (
        "select count(*) from information_schema.table_constraints c join information_schema.key_column_usage k \
         on k.constraint_name = c.constraint_name",
        "0",
    ),
    ("select count(*) from information_schema.tables where table_schema = 'public' and table_name = 'payments'", "1"),
    ("select character_set_name from information_schema.character_sets", "UTF8"),
    ("select p.proname from pg_type t join pg_proc p on p.oid = t.typreceive where t.typname = '_text'", "array_recv"),
    ("select count(*) from pg_index where indisprimary = 't' or indisunique = 'false'", "0"),
    (
        "select (select count(*) from pg_stat_activity) + (select count(*) from pg_catalog.pg_locks) + (select count(*) from pg_policies)",
        "0",
    ),
    ("select pg_encoding_to_char(6), quote_literal('it''s'), quote_nullable(null)", "UTF8|'it''s'|NULL"),
    ("select pg_typeof(amount), pg_typeof(array[id]), pg_typeof(1) from payments limit 1", "numeric|text[]|bigint"),
    ("select pg_terminate_backend(pg_backend_pid())", "f"),
    ("select sum(i) from generate_series(1, length('abc')) as i", "6"),
    ("explain select 1", "ckosql  (cost=0.00..1000.00 rows=1000 width=100)"),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_meant_is_answered() {
    let door = Door::open().await;
    let client = door.connect().await;
    for (sql, expected) in ANSWERS {
        let row = rows(&client, sql).await.into_iter().next().unwrap_or_else(|| panic!("{sql}: no row"));
        let told: Vec<String> = row.into_iter().map(|value| value.unwrap_or_else(|| "NULL".to_owned())).collect();
        let expected: Vec<&str> = expected.split('|').collect();
        assert_eq!(told.len(), expected.len(), "{sql}: {told:?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(expected == "*" || told == expected, "{sql}: {told:?} is not {expected:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_a_name_twice_is_told_by_it_twice() {
    let door = Door::open().await;
    let client = door.connect().await;
    let statement = client.prepare("select id, amount, id, *, amount from payments order by id limit 1").await.unwrap();
    let names: Vec<&str> = statement.columns().iter().map(|column| column.name()).collect();
    assert_eq!((&names[..3], names.last()), (&["id", "amount", "id"][..], Some(&"amount")));
    let row = client.query_one(&statement, &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), row.get::<_, &str>(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_of_any_is_a_list() {
    let door = Door::open().await;
    let client = door.connect().await;
    let statement = client.prepare("select count(*) from payments where currency = any($1)").await.unwrap();
    assert_eq!(statement.params(), [Type::TEXT_ARRAY]);
    let found: i64 = client.query_one(&statement, &[&vec!["EUR", "USD"]]).await.unwrap().get(0);
    assert_eq!(found.to_string(), value(&client, "select count(*) from payments where currency in ('EUR', 'USD')").await);
    let numbers =
        client.prepare("select count(*) from payments where amount = any($1) and amount_minor = any($2)").await.unwrap();
    assert_eq!(numbers.params(), [Type::NUMERIC_ARRAY, Type::INT8_ARRAY]);
    // Of items with other digits than the column's, none is rounded to one of it.
    let exact = "select count(*) from payments where amount = any($1::numeric[]) and currency = any($2)";
    let given = (Text("{20.5,100,0.00049,1e3}"), Text("{ EUR, \"USD\" }"));
    let found: i64 = client.query_one(exact, &[&given.0, &given.1]).await.unwrap().get(0);
    let listed = "select count(*) from payments where amount in (20.5, 100, 0.00049, 1000) and currency in ('EUR', 'USD')";
    assert_eq!(found.to_string(), value(&client, listed).await);
    let nothing: i64 = client.query_one(exact, &[&Text("{}"), &given.1]).await.unwrap().get(0);
    assert_eq!(nothing, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_lines_of_one_column() {
    let door = Door::open().await;
    let client = door.connect().await;
    let statement = client.prepare("explain select count(*) from payments").await.unwrap();
    let columns: Vec<_> = statement.columns().iter().map(|column| (column.name(), column.type_().clone())).collect();
    assert_eq!(columns, [("QUERY PLAN", Type::TEXT)]);
    let lines = client.query(&statement, &[]).await.unwrap();
    assert!(lines.len() > 3 && lines.iter().all(|line| !line.get::<_, &str>(0).contains('\n')));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_here_is_refused() {
    let door = Door::open().await;
    let client = door.connect().await;
    assert_eq!(state(&client, "select count(*) from payments p where (p.*)::text is not null").await, "0A000");
    assert_eq!(state(&client, "select now() at time zone '+02:00'").await, "42000");
    assert_eq!(state(&client, "select to_char(now(), 'RM')").await, "42000");
}
