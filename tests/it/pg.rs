//! The PostgreSQL wire, as a real client meets it: `tokio-postgres`, and bytes that no client would send.

use std::error::Error as StdError;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ckosql::door::listener::Limits;
use ckosql::door::verifier::Verifier;
use ckosql::door::{Admission, Listener, Users, tls};
use ckosql::error::ErrorKind;
use ckosql::pg::{ALPN, Options, Server};
use ckosql::sandbox::SandboxOptions;
use ckosql::secret::Secret;
use futures::{StreamExt, TryStreamExt, pin_mut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::{DbError, ErrorPosition};
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};
use tokio_util::sync::CancellationToken;

use super::stand::Stand;

/// A server on a free port, over a small merchant.
pub(crate) struct Door {
    stand: Stand,
    port: u16,
    stop: CancellationToken,
    served: JoinHandle<()>,
}

fn options() -> Options {
    let limits = Limits { connections: 8, drain: Duration::from_secs(60) };
    Options { admission: Admission::Anybody, tls: None, limits, login_timeout: Duration::from_secs(60) }
}

fn passwords() -> Admission {
    let mut users = Users::read_or_none("/no/such/file".as_ref()).unwrap();
    users.set("anna", Verifier::of(&Secret::new("péncil")).unwrap()).unwrap();
    Admission::Passwords(Arc::new(users.into()))
}

fn fixture(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", "tls", name].iter().collect()
}

impl Door {
    pub(crate) async fn open() -> Self {
        Self::with(options()).await
    }

    async fn with(options: Options) -> Self {
        let stand = Stand::new(50, SandboxOptions::default());
        let server = Server::try_new(stand.engine.clone(), options).unwrap();
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (port, stop) = (listener.address().port(), CancellationToken::new());
        let stopped = stop.clone();
        let served = tokio::spawn(async move { server.serve(listener, &stopped).await });
        Self { stand, port, stop, served }
    }

    fn config(&self) -> Config {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.port).user("anna").dbname("checkout");
        config
    }

    pub(crate) async fn connect(&self) -> Client {
        let (client, connection) = self.config().connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    async fn raw(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    /// Cancels what a client is waiting for; the server has done so when it hangs up, not when it has been asked.
    async fn cancel(&self, client: &Client) {
        let mut stream = self.raw().await;
        client.cancel_token().cancel_query_raw(&mut stream, NoTls).await.unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    }
}

/// A value as it came.
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A text that is sent as a value of any type, in text.
#[derive(Debug)]
pub(crate) struct Text(pub(crate) &'static str);

impl ToSql for Text {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<tokio_postgres::types::IsNull, Box<dyn StdError + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(tokio_postgres::types::IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> tokio_postgres::types::Format {
        tokio_postgres::types::Format::Text
    }

    tokio_postgres::types::to_sql_checked!();
}

fn refused(error: &tokio_postgres::Error) -> &DbError {
    error.as_db_error().unwrap_or_else(|| panic!("not refused: {error}"))
}

/// The SQLSTATE a text ends with.
pub(crate) async fn state(client: &Client, sql: &str) -> String {
    match client.simple_query(sql).await {
        Ok(_) => panic!("not refused: {sql}"),
        Err(error) => refused(&error).code().code().to_owned(),
    }
}

/// The rows of all statements of a text, as text.
pub(crate) async fn rows(client: &Client, sql: &str) -> Vec<Vec<Option<String>>> {
    let answers = client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let rows = answers.iter().filter_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect()),
        _ => None,
    });
    rows.collect()
}

pub(crate) async fn value(client: &Client, sql: &str) -> String {
    rows(client, sql).await[0][0].clone().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knows_the_password_is_let_in_and_nobody_else() {
    let door = Door::with(Options { admission: passwords(), ..options() }).await;
    let connect = async |user: &str, password: Option<&str>| {
        let mut config = door.config();
        config.user(user);
        if let Some(password) = password {
            config.password(password);
        }
        config.connect(NoTls).await.map(|(client, connection)| {
            tokio::spawn(connection);
            client
        })
    };
    let client = connect("anna", Some("péncil")).await.unwrap();
    assert_eq!(value(&client, "select session_user").await, "anna");
    for (user, password) in [("anna", "pencil"), ("anna", ""), ("eve", "péncil")] {
        let error = connect(user, Some(password)).await.map(drop).unwrap_err();
        let error = refused(&error);
        assert_eq!((error.severity(), error.code().code()), ("FATAL", "28P01"));
        assert_eq!(error.message(), format!("password authentication failed for user \"{user}\""));
    }
    // A client that has none does not even answer.
    assert!(connect("anna", None).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_attacker_says_before_it_is_let_in_opens_nothing() {
    let door = Door::with(Options { admission: passwords(), ..options() }).await;
    for message in [
        // A query in the place of a password, a password in plain, an exchange that ends before it begins, nothing.
        &b"Q\0\0\0\x0dselect 1\0"[..],
        b"p\0\0\0\x0bp\xc3\xa9ncil\0",
        b"p\0\0\0\x25c=biws,r=nonce,p=AAAAAAAAAAAAAAAAAA==",
        b"p\0\0\0\x04",
        b"p\x7f\xff\xff\xff",
    ] {
        let mut stream = door.raw().await;
        stream.write_all(&startup_of("anna")).await.unwrap();
        stream.write_all(message).await.unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await.unwrap();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(said.contains("SCRAM-SHA-256") && said.contains("FATAL"), "{said}");
        assert!(!said.contains("server_version"), "let in: {said}");
    }
}

fn startup_of(user: &str) -> Vec<u8> {
    let mut body = vec![0, 3, 0, 0];
    body.extend_from_slice(format!("user\0{user}\0\0").as_bytes());
    let length = u32::try_from(body.len() + 4).unwrap();
    [&length.to_be_bytes()[..], &body].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tls_nobody_is_let_in_without() {
    for (certificate, key) in
        [("ec.crt", "ec.pkcs8.pem"), ("ec.crt", "ec.sec1.pem"), ("rsa.crt", "rsa.pkcs1.pem"), ("rsa.crt", "rsa.pkcs8.pem")]
    {
        let acceptor = tls::load(&fixture(certificate), &fixture(key), &[ALPN]).unwrap();
        let door = Door::with(Options { tls: Some(acceptor), ..options() }).await;
        let error = door.config().ssl_mode(SslMode::Disable).connect(NoTls).await.map(drop).unwrap_err();
        assert_eq!(refused(&error).code().code(), "28000");
        // What is offered is spoken: the server says yes, and the certificate is the one it was given.
        let mut stream = door.raw().await;
        stream.write_all(b"\0\0\0\x08\x04\xd2\x16\x2f").await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'S');
        let mut over_tls = trusting(certificate).connect("localhost".try_into().unwrap(), stream).await.unwrap();
        over_tls.write_all(&startup_of("anna")).await.unwrap();
        let mut said = [0; 9];
        over_tls.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"R\0\0\0\x08\0\0\0\0");
        door.stop.cancel();
    }
}

/// A client of TLS that trusts this certificate only.
fn trusting(certificate: &str) -> tokio_rustls::TlsConnector {
    use rustls_pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls_pki_types::CertificateDer::from_pem_file(fixture(certificate)).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth()).into()
}

#[test]
fn without_a_certificate_and_its_key_there_is_no_door() {
    let load = |certificate, key| tls::load(&fixture(certificate), &fixture(key), &[ALPN]).map(drop).unwrap_err().kind();
    for (certificate, key) in [
        ("missing.crt", "ec.sec1.pem"),
        ("ec.crt", "missing.pem"),
        ("ec.sec1.pem", "ec.sec1.pem"),
        ("ec.crt", "ec.crt"),
        ("ec.crt", "rsa.pkcs8.pem"),
        ("README.md", "ec.sec1.pem"),
    ] {
        assert_eq!(load(certificate, key), ErrorKind::Config, "{certificate} {key}");
    }
}

const TYPES: &str = "select true as b, 7::smallint as i2, 7 ::int as i4, 7::bigint as i8, 0.1::real as f4, 0.1::double as f8,
    12345.678::decimal(38,8) as n, -99999999999999999999999999999999999999::decimal(38,0) as long, 'té''xt' as t,
    date '2026-01-02' as d, timestamp '2026-01-02 03:04:05.5' as ts, timestamp '2026-01-02 03:04:05.5' at time zone 'UTC' as tz,
    interval '1 month 2 days' as i, arrow_cast('ab', 'Binary') as by, [1, null] as l, null as nothing";

#[tokio::test(flavor = "multi_thread")]
async fn values_come_exact_as_text_and_in_binary() {
    let door = Door::open().await;
    let client = door.connect().await;
    let text: Vec<_> = rows(&client, TYPES).await.remove(0).into_iter().map(Option::unwrap_or_default).collect();
    let expected = [
        "t",
        "7",
        "7",
        "7",
        "0.1",
        "0.1",
        "12345.67800000",
        "-99999999999999999999999999999999999999",
        "té'xt",
        "2026-01-02",
        "2026-01-02 03:04:05.5",
        "2026-01-02 03:04:05.5+00",
        "1 mon 2 days",
        "\\x6162",
        "{1,NULL}",
        "",
    ];
    assert_eq!(text, expected);
    let row = client.query_one(TYPES, &[]).await.unwrap();
    let types: Vec<&Type> = row.columns().iter().map(tokio_postgres::Column::type_).collect();
    let expected = [
        &Type::BOOL,
        &Type::INT2,
        &Type::INT4,
        &Type::INT8,
        &Type::FLOAT4,
        &Type::FLOAT8,
        &Type::NUMERIC,
        &Type::NUMERIC,
        &Type::TEXT,
        &Type::DATE,
        &Type::TIMESTAMP,
        &Type::TIMESTAMPTZ,
        &Type::INTERVAL,
        &Type::BYTEA,
        &Type::INT8_ARRAY,
        &Type::TEXT,
    ];
    assert_eq!(types, expected);
    assert!(
        row.get::<_, bool>("b") && row.get::<_, i16>("i2") == 7 && row.get::<_, i32>("i4") == 7 && row.get::<_, i64>("i8") == 7
    );
    assert_eq!((row.get::<_, f32>("f4"), row.get::<_, f64>("f8"), row.get::<_, &str>("t")), (0.1, 0.1, "té'xt"));
    assert_eq!((row.get::<_, &[u8]>("by"), row.get::<_, Vec<Option<i64>>>("l")), (&b"ab"[..], vec![Some(1), None]));
    assert_eq!(row.get::<_, Option<&str>>("nothing"), None);
    let words = |name| {
        row.get::<_, Raw>(name).0.chunks(2).map(|pair| i32::from(i16::from_be_bytes([pair[0], pair[1]]))).collect::<Vec<_>>()
    };
    assert_eq!(words("n"), [3, 1, 0, 8, 1, 2345, 6780]);
    assert_eq!(words("long"), [vec![10, 9, 0x4000, 0, 99], vec![9999; 9]].concat());
    let micros = 9498 * 86_400_000_000_i64 + (3 * 3600 + 4 * 60 + 5) * 1_000_000 + 500_000;
    assert_eq!(
        (row.get::<_, Raw>("ts").0, row.get::<_, Raw>("tz").0),
        (micros.to_be_bytes().to_vec(), micros.to_be_bytes().to_vec())
    );
    assert_eq!(row.get::<_, Raw>("d").0, 9498_i32.to_be_bytes());
    assert_eq!(row.get::<_, Raw>("i").0, [&0_i64.to_be_bytes()[..], &2_i32.to_be_bytes(), &1_i32.to_be_bytes()].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn amounts_are_told_with_their_precision() {
    let door = Door::open().await;
    let client = door.connect().await;
    let sums = "select currency, sum(amount), count(*) from payments group by currency order by currency";
    let ours = super::stand::by_currency(&door.stand.query(super::stand::BY_CURRENCY).await.unwrap());
    let theirs = rows(&client, sums).await;
    assert!(!theirs.is_empty());
    for (row, (currency, count, sum)) in theirs.iter().zip(ours) {
        let sum = format!("{}.{:03}", sum / 1000, sum % 1000);
        assert_eq!(row.clone(), [Some(currency), Some(sum), Some(count.to_string())]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_tells_its_parameters_and_columns_before_it_has_values() {
    let door = Door::open().await;
    let client = door.connect().await;
    let statement = client
        .prepare("select id, amount * 2 as twice from payments where amount > $1 and currency = $2 limit $3")
        .await
        .unwrap();
    assert_eq!(statement.params(), [Type::NUMERIC, Type::TEXT, Type::INT8]);
    let columns: Vec<_> = statement.columns().iter().map(|column| (column.name(), column.type_().clone())).collect();
    assert_eq!(columns, [("id", Type::TEXT), ("twice", Type::NUMERIC)]);
    let all = value(&client, "select count(*) from payments where amount > 10.5 and currency = 'EUR'").await;
    let found = client.query(&statement, &[&Text("10.5"), &"EUR", &1000_i64]).await.unwrap();
    assert_eq!(found.len().to_string(), all);
    // An amount is never rounded to what its column has.
    let count = client.query_one("select count(*) from payments where amount < $1", &[&Text("-0.0004")]).await.unwrap();
    assert_eq!(count.get::<_, i64>(0), 0);
    let typed = client.prepare_typed("select $1 as x, $2 || 'b' as y", &[Type::INT4]).await.unwrap();
    assert_eq!((typed.params(), typed.columns()[0].type_()), (&[Type::INT4, Type::TEXT][..], &Type::INT4));
    let row = client.query_one(&typed, &[&7_i32, &"a"]).await.unwrap();
    assert_eq!((row.get::<_, i32>(0), row.get::<_, &str>(1)), (7, "ab"));
    let row = client
        .query_one(
            "select $1::bigint + 1, $2::timestamptz, $3::text[]",
            &[&41_i64, &Text("2026-01-02 00:00:00+00"), &vec!["a", "b"]],
        )
        .await
        .unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, Vec<String>>(2)), (42, vec!["a".to_owned(), "b".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_made_as_they_are_taken() {
    let door = Door::open().await;
    let mut client = door.connect().await;
    // More than would ever be made, let alone kept.
    let endless = "select value from generate_series(1, 1000000000000) as t(value)";
    {
        let stream = client.query_raw(endless, Vec::<i64>::new()).await.unwrap();
        pin_mut!(stream);
        assert_eq!(stream.next().await.unwrap().unwrap().get::<_, i64>(0), 1);
    }
    drop(client);
    client = door.connect().await;
    let block = client.transaction().await.unwrap();
    let portal = block.bind(endless, &[]).await.unwrap();
    let take = async |count| {
        let rows = block.query_portal(&portal, count).await.unwrap();
        rows.iter().map(|row| row.get::<_, i64>(0)).collect::<Vec<_>>()
    };
    // A Sync stands between them, and others ask for other things.
    assert_eq!(take(2).await, [1, 2]);
    assert_eq!(block.query_one("select 'between'", &[]).await.unwrap().get::<_, &str>(0), "between");
    assert_eq!(take(3).await, [3, 4, 5]);
    drop(portal);
    block.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_live_as_long_as_their_transaction() {
    let door = Door::open().await;
    let client = door.connect().await;
    assert_eq!(state(&client, "declare c cursor for select 1").await, "25P01");
    client.batch_execute("begin; declare \"a c\" cursor for select value from generate_series(1, 5) as t(value)").await.unwrap();
    assert_eq!(rows(&client, "fetch 2 from \"a c\"").await, [[Some("1".to_owned())], [Some("2".to_owned())]]);
    // Described by its name, as a driver does it that asks for binary.
    let fetch = client.prepare("fetch forward 2 from \"a c\"").await.unwrap();
    assert_eq!(fetch.columns()[0].type_(), &Type::INT8);
    let numbers: Vec<i64> = client.query(&fetch, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(numbers, [3, 4]);
    assert_eq!(rows(&client, "fetch all from \"a c\"").await.len(), 1);
    assert_eq!(rows(&client, "fetch all from \"a c\"").await.len(), 0);
    client
        .batch_execute("close \"a c\"; declare c cursor with hold for select 7; declare d cursor for select 8; commit")
        .await
        .unwrap();
    assert_eq!(value(&client, "fetch next from c").await, "7");
    assert_eq!(state(&client, "fetch next from d").await, "34000");
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_go_out_in_three_manners() {
    let door = Door::open().await;
    let client = door.connect().await;
    let copy = async |sql: &str| {
        let parts: Vec<Bytes> = client.copy_out(sql).await.unwrap().try_collect().await.unwrap();
        parts.concat()
    };
    let query = "select 1 as n, 'a,\"b\"\tc' as t, null as nothing, 1.50 as d";
    assert_eq!(copy(&format!("copy ({query}) to stdout")).await, b"1\ta,\"b\"\\tc\t\\N\t1.50\n");
    let csv = copy(&format!("copy ({query}) to stdout with (format csv, header)")).await;
    assert_eq!(String::from_utf8(csv).unwrap(), "n,t,nothing,d\n1,\"a,\"\"b\"\"\tc\",,1.50\n");
    let binary = copy(&format!("copy ({query}) to stdout (format binary)")).await;
    let expected = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x04\0\0\0\x08\0\0\0\0\0\0\0\x01\0\0\0\x07a,\"b\"\tc\xff\xff\xff\xff\
        \0\0\0\x0c\0\x02\0\0\0\0\0\x02\0\x01\x13\x88\xff\xff";
    assert_eq!(binary, expected);
    let lines = copy("copy payments (id, currency) to stdout").await;
    let count = lines.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(count.to_string(), value(&client, "select count(*) from payments").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_too_long_is_cancelled_and_the_connection_goes_on() {
    let door = Door::open().await;
    let client = door.connect().await;
    let endless = "select sum(value) from generate_series(1, 1000000000000) as t(value)";
    let ended = CancellationToken::new();
    let running = async {
        let error = client.simple_query(endless).await.map(drop).unwrap_err();
        ended.cancel();
        error
    };
    let cancel = async {
        // Until it is the running statement's turn, what is cancelled is nothing.
        while !ended.is_cancelled() {
            door.cancel(&client).await;
        }
    };
    let (error, ()) = tokio::join!(running, cancel);
    assert_eq!((refused(&error).code().code(), refused(&error).message()), ("57014", "canceling statement due to user request"));
    client.batch_execute("set statement_timeout = '10ms'").await.unwrap();
    let error = client.simple_query(endless).await.map(drop).unwrap_err();
    assert_eq!(
        (refused(&error).code().code(), refused(&error).message()),
        ("57014", "canceling statement due to statement timeout")
    );
    // It holds for what sets it back as well, and a busy machine may take longer than that.
    while let Err(error) = client.batch_execute("reset statement_timeout").await {
        assert_eq!(refused(&error).code().code(), "57014");
    }
    assert_eq!(value(&client, "select 1").await, "1");
}

/// On one thread: what computes without a pause would keep all others out.
#[tokio::test]
async fn what_computes_without_a_pause_keeps_nobody_out() {
    const HOURS: &str = "select count(*) from generate_series(1, 1000000) a(x), generate_series(1, 1000000) b(y) where x + y = 7";
    let door = Door::open().await;
    let busy = [door.connect().await, door.connect().await, door.connect().await];
    let computing = busy.iter().map(|client| client.simple_query(HOURS));
    let mut computing = Box::pin(futures::future::join_all(computing));
    let other = async {
        let client = door.connect().await;
        for _ in 0..3 {
            assert_eq!(value(&client, "select count(*) from generate_series(1, 1000)").await, "1000");
        }
    };
    tokio::select! {
        _ = &mut computing => panic!("it takes hours"),
        () = other => {}
    }
    let cancel = async {
        for client in &busy {
            door.cancel(client).await;
        }
    };
    let (ended, ()) = tokio::join!(computing, cancel);
    for error in ended.into_iter().map(|ended| ended.map(drop).unwrap_err()) {
        assert_eq!(refused(&error).code().code(), "57014");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_written_down_as_well() {
    let door = Door::open().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    door.stand.engine.audit(&file).unwrap();
    let client = door.connect().await;
    assert_eq!(state(&client, "selec 'hunter2'").await, "42601");
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept.contains("(not read)") && kept.contains("\"query\"") && !kept.contains("hunter2"), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_would_change_something_is_refused() {
    let door = Door::open().await;
    let client = door.connect().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("never.csv");
    for sql in [
        "delete from payments",
        "with gone as (delete from payments returning *) select * from gone",
        "insert into payments select * from payments",
        "update nothing set a = 1",
        "create table t (a int)",
        "create temp table t as select 1",
        "create external table t stored as csv location '/etc/passwd'",
        "copy payments from stdin",
        "set transaction_read_only = off",
        "set datafusion.execution.batch_size = 1",
        &format!("copy (select 1) to '{}'", file.display()),
    ] {
        let state = state(&client, sql).await;
        assert!(matches!(state.as_str(), "25006" | "42601"), "{sql}: {state}");
        // However it is asked.
        assert!(client.prepare(sql).await.is_err() || client.execute(sql, &[]).await.is_err(), "{sql}");
    }
    assert!(!file.exists());
    for (sql, expected) in [
        ("select pg_read_file('/etc/passwd')", "42883"),
        ("select * from '/etc/passwd'", "42P01"),
        ("select * from read_csv('/etc/passwd')", "42883"),
    ] {
        assert_eq!(state(&client, sql).await, expected, "{sql}");
    }
}

/// Statements with something wrong, what PostgreSQL calls it, and the character where it is.
const WRONG: [(&str, &str, Option<u32>); 30] = [
    ("select nope from payments", "42703", Some(8)),
    ("select id, p.nope from payments p", "42703", Some(12)),
    ("select * from payments where nope = 1", "42703", Some(30)),
    ("select * from nowhere", "42P01", Some(15)),
    ("select * from nowhere.payments", "42P01", Some(15)),
    ("select x.* from payments", "42P01", None),
    ("select nope(1)", "42883", Some(8)),
    ("select * from nope(1)", "42883", None),
    ("select sum(status) from payments", "42883", None),
    ("select abs('a', 'b')", "42883", None),
    ("select * form payments", "42601", Some(15)),
    ("selec 1", "42601", Some(1)),
    ("select 'abc", "42601", Some(8)),
    ("select 1, 2 union select 1", "42601", Some(1)),
    ("select id from payments a join payments b on a.id = b.id", "42702", Some(8)),
    ("select * from payments p, disputes p", "42712", None),
    ("select currency, count(*) from payments", "42803", Some(8)),
    ("select 1 / 0", "22012", None),
    ("select 1 / (amount_minor - amount_minor) from payments", "22012", None),
    ("select 'abc'::int", "22P02", None),
    ("select status::bigint from payments", "22P02", None),
    ("select 'abc'::decimal(10,2)", "22P02", None),
    ("select date 'x'", "22007", None),
    ("select timestamp 'nope'", "22007", None),
    ("select 300::smallint * 1000::smallint::tinyint", "22003", None),
    ("select 99999999999999999999::bigint", "22003", None),
    ("select * from payments where amount", "42804", None),
    ("select id + 1 from payments", "42804", Some(8)),
    ("select not status from payments", "42804", Some(12)),
    ("select (select id from payments)", "21000", None),
];

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_their_state_and_place() {
    let door = Door::open().await;
    let client = door.connect().await;
    let mut others = Vec::new();
    for (sql, expected, place) in WRONG {
        // As it is said at once, and as it is said when it is prepared or bound, or its rows are made.
        let simple = client.simple_query(sql).await.map(drop);
        let extended = client.query(sql, &[]).await.map(drop);
        for said in [simple, extended] {
            let error = said.err();
            let told = error.as_ref().map(|error| {
                let error = refused(error);
                let position = error.position().map(|position| match position {
                    ErrorPosition::Original(position) => *position,
                    ErrorPosition::Internal { .. } => panic!("{sql}: {position:?}"),
                });
                (error.code().code(), position, error.message())
            });
            if told.is_none_or(|(state, position, _)| (state, position) != (expected, place)) {
                others.push(format!("{sql}: {told:?}"));
            }
        }
    }
    assert_eq!(others, [""; 0]);
    let error = client.simple_query("select 1;\nselect nope from payments").await.map(drop).unwrap_err();
    let error = refused(&error);
    assert_eq!((error.code().code(), error.position()), ("42703", Some(&ErrorPosition::Original(18))));
    assert!(error.message().starts_with("No field named nope"), "{}", error.message());
    assert_eq!(state(&client, &format!("select 1{}", " + 1".repeat(100_000))).await, "54001");
    client.batch_execute("set checkout.max_memory = 1000").await.unwrap();
    assert_eq!(state(&client, "select * from generate_series(1, 100000) t(n) order by n desc").await, "53200");
    client.batch_execute("reset checkout.max_memory").await.unwrap();
    assert_eq!(state(&client, "fetch all from nothing").await, "34000");
    assert_eq!(state(&client, "execute nothing").await, "26000");
    assert_eq!(state(&client, "deallocate nothing").await, "26000");
    assert_eq!(state(&client, "select $1").await, "42P02");
    let error = client.query("select 1 / $1", &[&0_i64]).await.map(drop).unwrap_err();
    assert_eq!(refused(&error).code().code(), "22012", "{error:?}");
    assert_eq!(value(&client, "select 1").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_prepared_in_sql_too() {
    let door = Door::open().await;
    let client = door.connect().await;
    client.batch_execute("prepare twice(bigint) as select $1 * 2 as n").await.unwrap();
    assert_eq!(value(&client, "execute twice(21)").await, "42");
    client.batch_execute("deallocate twice").await.unwrap();
    assert_eq!(state(&client, "execute twice(21)").await, "26000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_failed_waits_for_its_end() {
    let door = Door::open().await;
    let client = door.connect().await;
    client.batch_execute("begin isolation level repeatable read read only; savepoint s").await.unwrap();
    assert_eq!(state(&client, "select nope").await, "42703");
    assert_eq!(state(&client, "select 1").await, "25P02");
    client.batch_execute("rollback to savepoint s").await.unwrap();
    assert_eq!(value(&client, "select 1").await, "1");
    assert_eq!(state(&client, "select nope").await, "42703");
    client.batch_execute("rollback").await.unwrap();
    assert_eq!(value(&client, "select 1").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_a_connection_s_own() {
    let door = Door::open().await;
    let (one, other) = (door.connect().await, door.connect().await);
    one.batch_execute("set checkout.max_requests = 7; set application_name = 'one'").await.unwrap();
    assert_eq!(value(&one, "show checkout.max_requests").await, "7");
    assert_eq!(value(&other, "show checkout.max_requests").await, "1000");
    assert_eq!(state(&one, "set checkout.max_requests = 'few'").await, "22023");
    assert_eq!(
        (value(&one, "show application_name").await, value(&other, "show server_version").await),
        ("one".to_owned(), "17.0".to_owned())
    );
    one.batch_execute("discard all").await.unwrap();
    assert_eq!(
        (value(&one, "show checkout.max_requests").await, value(&one, "show application_name").await),
        ("1000".to_owned(), String::new())
    );
    assert!(rows(&one, "show all").await.len() > 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_in_a_transaction_ends_as_postgresql_says() {
    let door = Door::open().await;
    let client = door.connect().await;
    let most = async || value(&client, "show checkout.max_requests").await;
    client.batch_execute("begin; set local checkout.max_requests = 5").await.unwrap();
    assert_eq!(most().await, "5");
    client.batch_execute("commit").await.unwrap();
    assert_eq!(most().await, "1000");
    client.batch_execute("begin; set checkout.max_requests = 6; set local checkout.max_requests = 5; commit").await.unwrap();
    assert_eq!(most().await, "6");
    client.batch_execute("begin; set checkout.max_requests = 7; set local checkout.max_requests = 8; rollback").await.unwrap();
    assert_eq!(most().await, "6");
    client.batch_execute("begin; set checkout.max_requests = 9").await.unwrap();
    assert_eq!(state(&client, "select nope").await, "42703");
    client.batch_execute("commit").await.unwrap();
    assert_eq!(most().await, "6", "a transaction that failed is none that was committed");
    client.batch_execute("begin; reset all; rollback").await.unwrap();
    assert_eq!(most().await, "6");
    // Where there is none, it is nothing.
    client.batch_execute("set local checkout.max_requests = 5; set local statement_timeout = 5").await.unwrap();
    assert_eq!((most().await, value(&client, "show statement_timeout").await), ("6".to_owned(), "0".to_owned()));
    assert_eq!(state(&client, "set local datafusion.execution.batch_size = 1").await, "25006");
    assert_eq!(state(&client, "set local statement_timeout = 'soon'").await, "22023");
    client.batch_execute("reset checkout.max_requests").await.unwrap();
    assert_eq!(most().await, "1000");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_at_the_beginning_holds_or_is_refused() {
    let door = Door::open().await;
    let connect = async |options: &str| {
        let (client, connection) = door.config().options(options).connect(NoTls).await?;
        tokio::spawn(connection);
        Ok::<_, tokio_postgres::Error>(client)
    };
    let client = connect("-c checkout.max_requests=5 -c statement_timeout=5000").await.unwrap();
    let told = async || [value(&client, "show checkout.max_requests").await, value(&client, "show statement_timeout").await];
    let began = ["5", "5000"];
    assert_eq!(told().await, began);
    // It is what there is to go back to.
    for back in ["reset checkout.max_requests; reset statement_timeout", "reset all", "discard all"] {
        client.batch_execute("set checkout.max_requests = 6; set statement_timeout = 6000").await.unwrap();
        for statement in back.split("; ") {
            client.batch_execute(statement).await.unwrap();
        }
        assert_eq!(told().await, began, "{back}");
    }
    for (options, expected) in [
        ("-c checkout.max_requests=few", "22023"),
        ("-c checkout.no_such=1", "42704"),
        ("-c datafusion.execution.batch_size=1", "25006"),
        ("-c no_such=1", "42704"),
        ("-c default_transaction_read_only=off", "25006"),
        ("--nonsense", "42601"),
    ] {
        let error = connect(options).await.map(drop).unwrap_err();
        let error = refused(&error);
        assert_eq!((error.severity(), error.code().code()), ("FATAL", expected), "{options}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_looked_for_along_the_search_path() {
    const HERE: &str =
        "select table_type from information_schema.tables where table_schema = current_schema() and table_name = 'payments'";
    let door = Door::open().await;
    let client = door.connect().await;
    let found = async || {
        let of = async |sql: &str| rows(&client, sql).await.remove(0).remove(0);
        let visible = of("select count(*) from pg_class where relname = 'payments' and pg_table_is_visible(oid)").await;
        let oid = of(
            "select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = 'payments'::regclass",
        );
        (of("select current_schema()").await, visible, oid.await)
    };
    let told = |schema: &str| (Some(schema.to_owned()), Some("1".to_owned()), Some(schema.to_owned()));
    assert_eq!(found().await, told("public"));
    // It is in system alone.
    assert_eq!(state(&client, "select * from sync_state").await, "42P01");
    client.batch_execute("set search_path = nowhere, live, public").await.unwrap();
    assert_eq!(found().await, told("live"));
    assert_eq!(value(&client, "select current_schemas(true)").await, "{pg_catalog,live}");
    assert_eq!(rows(&client, HERE).await.len(), 1);
    assert_eq!(state(&client, "select * from declines").await, "42P01", "a view of public is found in live");
    value(&client, "select count(*) from public.declines").await;
    // It ends with its transaction, and is what it was set to in any other way.
    client.batch_execute("begin; set local search_path = system; select count(*) from sync_state; rollback").await.unwrap();
    assert_eq!(found().await, told("live"));
    value(&client, "select set_config('search_path', 'system', false)").await;
    value(&client, "select count(*) from sync_state").await;
    let (other, connection) = door.config().options("-c search_path=system").connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    value(&other, "select count(*) from sync_state").await;
    // What was prepared with another is not answered with it.
    client.batch_execute("set search_path = live").await.unwrap();
    let prepared = client.prepare("select count(*) from payments").await.unwrap();
    client.query_one(&prepared, &[]).await.unwrap();
    client.batch_execute("set search_path = ''").await.unwrap();
    let error = client.query_one(&prepared, &[]).await.map(drop).unwrap_err();
    assert_eq!(refused(&error).code().code(), "42P01");
    assert_eq!(state(&client, "select count(*) from payments").await, "42P01");
    assert_eq!(rows(&client, "select current_schema()").await, [[None]]);
    client.batch_execute("reset search_path").await.unwrap();
    assert_eq!(found().await, told("public"));
    // Schemas that nothing is in are passed over.
    client.batch_execute("set search_path = books, public").await.unwrap();
    assert_eq!(found().await, told("public"));
    client.batch_execute("set search_path = live; begin; set local search_path = system; reset all; commit").await.unwrap();
    assert_eq!(found().await, told("public"));
    value(&client, "select set_config('search_path', 'live', true)").await;
    assert_eq!(found().await, told("public"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_prepared_with_another_search_path_is_read_anew() {
    let door = Door::open().await;
    let client = door.connect().await;
    let prepared = client.prepare("select count(*) from payments where currency <> $1").await.unwrap();
    let all = client.prepare("select * from payments").await.unwrap();
    client.batch_execute("prepare counted as select count(*) from payments; execute counted").await.unwrap();
    // It has other columns there.
    client.batch_execute("set search_path = sides").await.unwrap();
    let error = client.query(&all, &[]).await.map(drop).unwrap_err();
    let error = refused(&error);
    assert_eq!((error.code().code(), error.routine()), ("0A000", Some("RevalidateCachedQuery")));
    client.batch_execute("set search_path = live").await.unwrap();
    client.query_one(&prepared, &[&"EUR"]).await.unwrap();
    assert_eq!(state(&client, "execute COUNTED").await, "0A000");
    client.batch_execute("deallocate Counted; prepare counted as select count(*) from payments; execute counted").await.unwrap();
    client.batch_execute("deallocate all").await.unwrap();
    assert_eq!(state(&client, "execute counted").await, "26000");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_a_transaction_open_is_sent_off_where_that_is_set() {
    let door = Door::open().await;
    let (client, connection) = door.config().connect(NoTls).await.unwrap();
    let connected = tokio::spawn(connection);
    assert_eq!(state(&client, "set idle_in_transaction_session_timeout = 'soon'").await, "22023");
    client.batch_execute("set idle_in_transaction_session_timeout = '20ms'; select 1").await.unwrap();
    client.batch_execute("begin").await.unwrap();
    let error = connected.await.unwrap().unwrap_err();
    assert_eq!((refused(&error).severity(), refused(&error).code().code()), ("FATAL", "25P03"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_too_many_is_told_so() {
    let door = Door::with(Options { limits: Limits { connections: 1, ..options().limits }, ..options() }).await;
    let client = door.connect().await;
    let error = door.config().connect(NoTls).await.map(drop).unwrap_err();
    assert_eq!(refused(&error).code().code(), "53300");
    assert_eq!(value(&client, "select 1").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_lets_what_is_under_way_finish() {
    let door = Door::open().await;
    let (idle, busy) = (door.connect().await, door.connect().await);
    let portal = busy.query_raw("select value from generate_series(1, 300000) as t(value)", Vec::<i64>::new()).await.unwrap();
    pin_mut!(portal);
    portal.next().await.unwrap().unwrap();
    door.stop.cancel();
    let error = idle.simple_query("select 1").await.map(drop).unwrap_err();
    assert!(error.is_closed() || refused(&error).code().code() == "57P01", "{error:?}");
    assert_eq!(portal.count().await, 299_999);
    assert!(door.config().connect(NoTls).await.is_err());
    door.served.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_ends_its_own_connection_and_no_other() {
    let door = Door::open().await;
    let client = door.connect().await;
    for nonsense in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 64], &[255; 64], b"\0\0\0\x08\0\x02\0\0"] {
        let mut stream = door.raw().await;
        stream.write_all(nonsense).await.unwrap();
        let mut said = Vec::new();
        // Sent off, in words or without.
        let _ended = stream.read_to_end(&mut said).await;
    }
    for message in [&b"Q\xff\xff\xff\xff"[..], b"B\0\0\0\x05x", b"\x01\0\0\0\x04", b"D\0\0\0\x06Sx", b"P\0\0\0\x08\0\0\xff\xff"] {
        let mut stream = door.raw().await;
        stream.write_all(&startup_of("anna")).await.unwrap();
        stream.write_all(message).await.unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await.unwrap();
        assert!(String::from_utf8_lossy(&said).contains("08P01"), "{message:?}: {}", String::from_utf8_lossy(&said));
    }
    assert_eq!(value(&client, "select 1").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_tells_what_there_is() {
    let door = Door::open().await;
    let client = door.connect().await;
    let columns = "select a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) from pg_attribute a join pg_class c on c.oid = a.attrelid
        where c.relname = 'payments' and pg_catalog.pg_table_is_visible(c.oid) and a.attname in ('id', 'amount', 'amount_minor', 'requested_on')
        order by 1";
    let told: Vec<_> = rows(&client, columns).await.into_iter().map(|row| row[1].clone().unwrap()).collect();
    assert_eq!(told, ["numeric(18,3)", "bigint", "text", "timestamp with time zone"]);
    assert_eq!(
        value(&client, "select count(*) from pg_class where relname = 'payments' and pg_table_is_visible(oid)").await,
        "1"
    );
    assert_eq!(value(&client, "select nspname from pg_namespace where oid = 'public'::regnamespace").await, "public");
    assert_eq!(value(&client, "select relname from pg_class where oid = 'live.disputes'::regclass").await, "disputes");
    assert_eq!(state(&client, "select relname from pg_class where oid = 'nowhere'::regclass").await, "42P01");
    assert_eq!(value(&client, "select count(*) from pg_class where oid = to_regclass('nowhere')").await, "0");
    assert!(value(&client, "select version()").await.starts_with("PostgreSQL 17.0 (ckosql "));
    let asked = "select current_user, current_database(), current_schema(), current_setting('server_version_num'), pg_catalog.pg_get_userbyid(10)";
    let asked: Vec<_> = rows(&client, asked).await.remove(0).into_iter().map(Option::unwrap).collect();
    assert_eq!(asked, ["anna", "checkout", "public", "170000", "anna"]);
    let each = "select count(*) from pg_settings where setting = current_setting(name)";
    assert_eq!(value(&client, each).await, value(&client, "select count(*) from pg_settings").await);
    // The same in every connection.
    let oid = "select oid from pg_class where relname = 'payments' and pg_table_is_visible(oid)";
    assert_eq!(value(&client, oid).await, value(&door.connect().await, oid).await);
}

/// What clients ask that the engine cannot read as it stands.
const ODD: [(&str, usize); 8] = [
    // psql's \du
    (
        "SELECT r.rolname, r.rolsuper, ARRAY(SELECT b.rolname FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles b ON (m.roleid = b.oid) \
         WHERE m.member = r.oid) as memberof FROM pg_catalog.pg_roles r WHERE r.rolname !~ '^pg_' ORDER BY 1",
        1,
    ),
    // pgjdbc's getTypeInfo
    (
        "SELECT t.typname,t.oid FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON (t.typnamespace = n.oid) WHERE n.nspname != 'pg_toast' \
         AND (t.typrelid = 0 OR (SELECT c.relkind = 'c' FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid)) AND t.typname = 'numeric'",
        1,
    ),
    // pgjdbc's getPrimaryKeys
    (
        "SELECT result.A_ATTNUM, result.KEY_SEQ FROM (SELECT a.attnum AS A_ATTNUM, (information_schema._pg_expandarray(i.indkey)).n AS KEY_SEQ, \
         information_schema._pg_expandarray(i.indkey) AS KEYS FROM pg_catalog.pg_class ct JOIN pg_catalog.pg_attribute a ON (ct.oid = a.attrelid) \
         JOIN pg_catalog.pg_index i ON (a.attrelid = i.indrelid) WHERE true AND ct.relname = 'payments' AND i.indisprimary) result \
         where result.A_ATTNUM = (result.KEYS).x ORDER BY result.A_ATTNUM",
        0,
    ),
    // ADBC
    (
        "SELECT oid, typname, typreceive, typbasetype, typrelid, typarray FROM pg_catalog.pg_type WHERE (typreceive != 0 OR typsend != 0) \
         AND typtype != 'r' AND typreceive::TEXT != 'array_recv' AND typname = 'numeric'",
        1,
    ),
    // psycopg's look for a type, which SQLAlchemy makes it have
    (
        "SELECT typname AS name, oid, typarray AS array_oid, oid::regtype::text AS regtype, typdelim AS delimiter FROM pg_type t \
         WHERE t.oid = to_regtype('no_such_type') ORDER BY t.oid",
        0,
    ),
    // psql's \d, the policies of a table
    (
        "SELECT pol.polname, pol.polpermissive,\n  CASE WHEN pol.polroles = '{0}' THEN NULL ELSE pg_catalog.array_to_string(array(select rolname \
         from pg_catalog.pg_roles where oid = any (pol.polroles) order by 1),',') END,\n  pg_catalog.pg_get_expr(pol.polqual, pol.polrelid),\n  \
         pg_catalog.pg_get_expr(pol.polwithcheck, pol.polrelid),\n  CASE pol.polcmd\n    WHEN 'r' THEN 'SELECT'\n    WHEN 'a' THEN 'INSERT'\n    \
         WHEN 'w' THEN 'UPDATE'\n    WHEN 'd' THEN 'DELETE'\n    END AS cmd\nFROM pg_catalog.pg_policy pol\nWHERE pol.polrelid = '16417' ORDER BY 1;",
        0,
    ),
    // psql's \df
    ("SELECT p.proname FROM pg_catalog.pg_proc p WHERE pg_catalog.pg_function_is_visible(p.oid) AND p.proname = 'version'", 1),
    // asyncpg's reset of a connection
    ("SELECT pg_advisory_unlock_all()", 1),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_ask_postgresql_about_itself_is_answered() {
    let door = Door::open().await;
    let client = door.connect().await;
    for (sql, count) in ODD {
        assert_eq!(rows(&client, sql).await.len(), count, "{sql}");
    }
    client.batch_execute("close all; unlisten *; reset all; discard all").await.unwrap();
}
