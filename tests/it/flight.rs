//! Arrow Flight SQL, as a real client meets it: `arrow-flight`'s own, and calls that no client would make.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Decimal128Type, Int32Type, Int64Type, Schema, TimeUnit};
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{
    ActionCancelQueryRequest, Any, Command, CommandGetDbSchemas, CommandGetExportedKeys, CommandGetPrimaryKeys, CommandGetTables,
    CommandGetXdbcTypeInfo, CommandPreparedStatementQuery, CommandStatementIngest, CommandStatementSubstraitPlan,
    ProstMessageExt, SqlInfo, TicketStatementQuery,
};
use arrow_flight::{
    Action, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightData, FlightDescriptor, FlightInfo, Ticket,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use ckosql::door::listener::Limits;
use ckosql::door::verifier::Verifier;
use ckosql::door::{Admission, Listener, Users, tls};
use ckosql::flight::{ALPN, Options, Server};
use ckosql::sandbox::SandboxOptions;
use ckosql::secret::Secret;
use futures::{StreamExt, TryStreamExt, stream};
use hyper_util::rt::TokioIo;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, IntoRequest, Status};

use super::stand::Stand;

type Client = FlightSqlServiceClient<Channel>;

/// A server on a free port, over a small merchant.
struct Door {
    stand: Stand,
    port: u16,
    stop: CancellationToken,
    served: JoinHandle<()>,
}

fn options() -> Options {
    let limits = Limits { connections: 8, drain: Duration::from_secs(60) };
    let (login_timeout, token_life) = (Duration::from_secs(60), Duration::from_secs(60));
    Options { admission: Admission::Anybody, tls: None, limits, login_timeout, token_life }
}

fn passwords() -> Admission {
    let mut users = Users::read_or_none("/no/such/file".as_ref()).unwrap();
    for name in ["anna", "bob"] {
        users.set(name, Verifier::of(&Secret::new(format!("{name}'s:péncil"))).unwrap()).unwrap();
    }
    Admission::Passwords(Arc::new(users.into()))
}

fn fixture(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", "tls", name].iter().collect()
}

impl Door {
    async fn open() -> Self {
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

    fn endpoint(&self) -> Endpoint {
        Endpoint::from_shared(format!("http://127.0.0.1:{}", self.port)).unwrap()
    }

    /// A client with a connection of its own.
    async fn connect(&self) -> Client {
        Client::new(self.endpoint().connect().await.unwrap())
    }

    async fn login(&self, name: &str) -> Client {
        let mut client = self.connect().await;
        client.handshake(name, &format!("{name}'s:péncil")).await.unwrap();
        client
    }
}

/// What the server said no with.
fn refused(error: FlightError) -> Status {
    match error {
        FlightError::Tonic(status) => *status,
        other => panic!("not refused: {other}"),
    }
}

/// The handshake's own errors are texts.
async fn login_fails(client: &mut Client, name: &str, password: &str) -> String {
    client.handshake(name, password).await.unwrap_err().to_string()
}

fn ticket(info: &FlightInfo) -> Ticket {
    assert_eq!(info.endpoint.len(), 1);
    info.endpoint[0].ticket.clone().unwrap()
}

/// All rows of what was asked for; their columns are those that were told.
async fn fetch(client: &mut Client, info: FlightInfo) -> Result<RecordBatch, FlightError> {
    let told = (!info.schema.is_empty()).then(|| info.clone().try_decode_schema().unwrap());
    let mut rows = client.do_get(ticket(&info)).await?;
    let mut batches = Vec::new();
    while let Some(batch) = rows.try_next().await? {
        batches.push(batch);
    }
    let schema = Arc::clone(rows.schema().unwrap());
    assert_eq!(told.unwrap_or_else(|| Schema::clone(&schema)), *schema);
    Ok(arrow::compute::concat_batches(&schema, &batches).unwrap())
}

async fn ask(client: &mut Client, sql: &str) -> Result<RecordBatch, FlightError> {
    let info = client.execute(sql.to_owned(), None).await?;
    fetch(client, info).await
}

/// The answer of one number.
async fn number(client: &mut Client, sql: &str) -> i64 {
    let batch = ask(client, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    batch.column(0).as_primitive::<Int64Type>().value(0)
}

async fn text(client: &mut Client, sql: &str) -> String {
    let batch = ask(client, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    batch.column(0).as_string::<i32>().value(0).to_owned()
}

async fn code(client: &mut Client, sql: &str) -> Code {
    match ask(client, sql).await {
        Ok(_) => panic!("not refused: {sql}"),
        Err(error) => refused(error).code(),
    }
}

fn texts(batch: &RecordBatch, column: &str) -> Vec<String> {
    let column = batch.column_by_name(column).unwrap_or_else(|| panic!("no {column}"));
    column.as_string::<i32>().iter().map(|text| text.unwrap().to_owned()).collect()
}

/// More rows than would ever be made, let alone kept.
const ENDLESS: &str = "select value, value::decimal(38, 8) as amount from generate_series(1, 1000000000000) as t(value)";

#[tokio::test(flavor = "multi_thread")]
async fn who_knows_the_password_is_let_in_and_nobody_else() {
    let door = Door::with(Options { admission: passwords(), ..options() }).await;
    let mut client = door.login("anna").await;
    assert_eq!(number(&mut client, "select 1").await, 1);
    // The same without a token, as ADBC sends it: with each call.
    let mut each = door.connect().await;
    each.set_header("authorization", format!("Basic {}", BASE64.encode("anna:anna's:péncil")));
    assert_eq!((number(&mut each, "select 1").await, number(&mut each, "select 2").await), (1, 2));
    let unpadded = BASE64.encode("bob:bob's:péncil").trim_end_matches('=').to_owned();
    each.set_header("authorization", format!("basic {unpadded}"));
    assert_eq!(number(&mut each, "select 3").await, 3);
    for (name, password) in [("anna", "pencil"), ("anna", ""), ("anna", "bob's:péncil"), ("eve", "anna's:péncil"), ("", "")] {
        let said = login_fails(&mut door.connect().await, name, password).await;
        assert!(said.contains(&format!("password authentication failed for user \\\"{name}\\\"")), "{said}");
        each.set_header("authorization", format!("Basic {}", BASE64.encode(format!("{name}:{password}"))));
        assert_eq!(code(&mut each, "select 1").await, Code::Unauthenticated);
    }
    for shown in ["", "Basic", "Basic !", "Basic YW5uYQ==", "Bearer", "Bearer x", "Digest YW5uYTphbm5h", "bearer AAAA"] {
        let mut client = door.connect().await;
        client.set_header("authorization", shown);
        assert_eq!(code(&mut client, "select 1").await, Code::Unauthenticated, "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_is_answered_before_one_is_let_in() {
    let door = Door::with(Options { admission: passwords(), ..options() }).await;
    let mut anna = door.login("anna").await;
    let info = anna.execute("select 1".to_owned(), None).await.unwrap();
    let mut client = door.connect().await;
    let raw = client.inner_mut();
    let unauthenticated = |status: Status| assert_eq!(status.code(), Code::Unauthenticated);
    let descriptor = || info.flight_descriptor.clone().unwrap();
    unauthenticated(raw.get_flight_info(descriptor()).await.map(drop).unwrap_err());
    unauthenticated(raw.get_schema(descriptor()).await.map(drop).unwrap_err());
    unauthenticated(raw.poll_flight_info(descriptor()).await.map(drop).unwrap_err());
    unauthenticated(raw.do_get(ticket(&info)).await.map(drop).unwrap_err());
    unauthenticated(raw.do_put(stream::empty()).await.map(drop).unwrap_err());
    unauthenticated(raw.do_exchange(stream::empty()).await.map(drop).unwrap_err());
    unauthenticated(raw.do_action(Action::new("CloseSession", "")).await.map(drop).unwrap_err());
    unauthenticated(raw.list_actions(arrow_flight::Empty {}).await.map(drop).unwrap_err());
    unauthenticated(raw.list_flights(arrow_flight::Criteria::default()).await.map(drop).unwrap_err());
    unauthenticated(raw.handshake(stream::empty()).await.map(drop).unwrap_err());
    // What was anna's is still hers.
    assert_eq!(fetch(&mut anna, info).await.unwrap().num_rows(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_over_or_was_given_back_opens_nothing() {
    let door = Door::with(Options { admission: passwords(), token_life: Duration::ZERO, ..options() }).await;
    let mut client = door.login("anna").await;
    let status = refused(ask(&mut client, "select 1").await.unwrap_err());
    assert_eq!(status.code(), Code::Unauthenticated);
    assert!(status.message().ends_with("hint: log in again for another"), "{}", status.message());
    let door = Door::with(Options { admission: passwords(), ..options() }).await;
    let (mut client, mut other) = (door.login("anna").await, door.login("anna").await);
    assert_ne!(client.token(), other.token());
    let mut prepared = client.prepare("select 1".to_owned(), None).await.unwrap();
    let closed: Vec<_> = client.do_action(Action::new("CloseSession", "")).await.unwrap().try_collect().await.unwrap();
    assert_eq!(closed[0].body.as_ref(), [8, 1]);
    assert_eq!(code(&mut client, "select 1").await, Code::Unauthenticated);
    assert_eq!(number(&mut other, "select 1").await, 1);
    assert_eq!(refused(prepared.execute().await.unwrap_err()).code(), Code::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_one_s_own_is_nobody_else_s() {
    let door = Door::with(Options { admission: passwords(), ..options() }).await;
    let (mut anna, mut bob, mut again) = (door.login("anna").await, door.login("bob").await, door.login("anna").await);
    let info = anna.execute("select 7".to_owned(), None).await.unwrap();
    let prepared = prepare(&mut anna, "select 8").await;
    let by_handle = || CommandPreparedStatementQuery { prepared_statement_handle: prepared.clone() }.as_any().encode_to_vec();
    // By whoever has the handle, but is somebody else.
    assert_eq!(refused(bob.do_get(ticket(&info)).await.map(drop).unwrap_err()).code(), Code::NotFound);
    assert_eq!(refused(bob.do_get(Ticket::new(by_handle())).await.map(drop).unwrap_err()).code(), Code::NotFound);
    assert_eq!(cancel(&mut bob, &info).await.unwrap_err().code(), Code::NotFound);
    close(&mut bob, &prepared).await;
    // By whoever guesses.
    let guessed = TicketStatementQuery { statement_handle: Bytes::from_static(&[0; 32]) }.as_any().encode_to_vec();
    assert_eq!(refused(anna.do_get(Ticket::new(guessed)).await.map(drop).unwrap_err()).code(), Code::NotFound);
    // The same user fetches them anywhere, the rows of a statement once.
    assert_eq!(fetch(&mut again, info.clone()).await.unwrap().num_rows(), 1);
    assert_eq!(refused(fetch(&mut anna, info).await.unwrap_err()).code(), Code::NotFound);
    let rows: Vec<_> = again.do_get(Ticket::new(by_handle())).await.unwrap().try_collect().await.unwrap();
    assert_eq!(rows[0].column(0).as_primitive::<Int64Type>().value(0), 8);
    close(&mut again, &prepared).await;
    assert_eq!(refused(anna.do_get(Ticket::new(by_handle())).await.map(drop).unwrap_err()).code(), Code::NotFound);
}

/// The handle of a prepared statement.
async fn prepare(client: &mut Client, sql: &str) -> Bytes {
    let asked = arrow_flight::sql::ActionCreatePreparedStatementRequest { query: sql.to_owned(), transaction_id: None };
    let action = Action::new("CreatePreparedStatement", asked.as_any().encode_to_vec());
    let results: Vec<_> = client.do_action(action).await.unwrap().try_collect().await.unwrap();
    let Command::ActionCreatePreparedStatementResult(result) = Any::decode(&*results[0].body).unwrap().try_into().unwrap() else {
        panic!("another answer");
    };
    result.prepared_statement_handle
}

async fn close(client: &mut Client, prepared: &Bytes) {
    let asked = arrow_flight::sql::ActionClosePreparedStatementRequest { prepared_statement_handle: prepared.clone() };
    client.do_action(Action::new("ClosePreparedStatement", asked.as_any().encode_to_vec())).await.unwrap();
}

/// Cancels in the way of Flight.
async fn cancel(client: &mut Client, info: &FlightInfo) -> Result<CancelStatus, Status> {
    let action = Action::new("CancelFlightInfo", CancelFlightInfoRequest::new(info.clone()).encode_to_vec());
    let results: Vec<_> = client.do_action(action).await.map_err(refused)?.try_collect().await.unwrap();
    Ok(CancelFlightInfoResult::decode(results[0].body.clone()).unwrap().status())
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tls_nobody_is_let_in_without() {
    for (certificate, key) in [("ec.crt", "ec.pkcs8.pem"), ("rsa.crt", "rsa.pkcs1.pem")] {
        let acceptor = tls::load(&fixture(certificate), &fixture(key), &[ALPN]).unwrap();
        let door = Door::with(Options { tls: Some(acceptor), ..options() }).await;
        let plain = async {
            let channel = door.endpoint().connect().await.ok()?;
            Client::new(channel).execute("select 1".to_owned(), None).await.ok()
        };
        assert!(plain.await.is_none());
        let port = door.port;
        let connector = trusting(certificate);
        let connect = tower::service_fn(move |_| {
            let connector = connector.clone();
            async move {
                let stream = TcpStream::connect(("127.0.0.1", port)).await?;
                let stream = connector.connect("localhost".try_into().unwrap(), stream).await?;
                assert_eq!(stream.get_ref().1.alpn_protocol(), Some(ALPN.as_bytes()));
                Ok::<_, std::io::Error>(TokioIo::new(stream))
            }
        });
        let mut client = Client::new(door.endpoint().connect_with_connector(connect).await.unwrap());
        assert_eq!(number(&mut client, "select 1").await, 1);
    }
}

/// A client of TLS that trusts this certificate only.
fn trusting(certificate: &str) -> tokio_rustls::TlsConnector {
    use rustls_pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls_pki_types::CertificateDer::from_pem_file(fixture(certificate)).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![ALPN.as_bytes().to_vec()];
    Arc::new(config).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn values_come_exact_in_types_that_clients_read() {
    let door = Door::open().await;
    let mut client = door.connect().await;
    let types = "select 12345.678::decimal(38,8) as amount, -99999999999999999999999999999999999999::decimal(38,0) as long,
        timestamp '2026-01-02 03:04:05.5' at time zone 'UTC' as tz, arrow_cast('ab', 'Utf8View') as view,
        arrow_cast('ab', 'Dictionary(Int32, Utf8)') as word, [arrow_cast('ab', 'Utf8View')] as list, null as nothing, true as flag";
    let batch = ask(&mut client, types).await.unwrap();
    let types: Vec<_> = batch.schema().fields().iter().map(|field| field.data_type().clone()).collect();
    assert_eq!(types[..2], [DataType::Decimal128(38, 8), DataType::Decimal128(38, 0)]);
    assert!(
        matches!(&types[2], DataType::Timestamp(TimeUnit::Nanosecond | TimeUnit::Microsecond, Some(zone)) if &**zone == "UTC")
    );
    assert_eq!(types[3..5], [DataType::Utf8, DataType::Utf8]);
    assert!(matches!(&types[5], DataType::List(item) if *item.data_type() == DataType::Utf8));
    let amounts = |column: usize| batch.column(column).as_primitive::<Decimal128Type>().value_as_string(0);
    assert_eq!((amounts(0), amounts(1)), ("12345.67800000".to_owned(), "-99999999999999999999999999999999999999".to_owned()));
    let theirs = ask(&mut client, super::stand::BY_CURRENCY).await.unwrap();
    let ours = super::stand::by_currency(&door.stand.query(super::stand::BY_CURRENCY).await.unwrap());
    assert!(!ours.is_empty());
    assert_eq!(super::stand::by_currency(&[theirs]), ours);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_rows_has_its_columns() {
    let door = Door::open().await;
    let mut client = door.connect().await;
    let batch = ask(&mut client, "select id, amount from payments where amount < -1").await.unwrap();
    assert_eq!((batch.num_rows(), batch.num_columns()), (0, 2));
    assert_eq!(batch.schema().field(1).data_type(), &DataType::Decimal128(18, 3));
    // Of an explanation there is no telling from the statement it is of.
    assert!(text(&mut client, "explain select id from payments").await.contains("plan"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_tells_its_parameters_and_columns_and_is_run_with_values() {
    let door = Door::open().await;
    let mut client = door.connect().await;
    let all = number(&mut client, "select count(*) from payments where amount > 10.5 and currency = 'EUR'").await;
    assert!(all > 0);
    let sql = "select id, amount * 2 as twice from payments where amount > $1 and currency = $2 limit $3";
    let mut prepared = client.prepare(sql.to_owned(), None).await.unwrap();
    let types = |schema: &Schema| {
        schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect::<Vec<_>>()
    };
    assert_eq!(
        types(prepared.parameter_schema().unwrap()),
        [("$1", DataType::Decimal128(18, 3)), ("$2", DataType::Utf8), ("$3", DataType::Int64)]
            .map(|(name, of)| (name.to_owned(), of))
    );
    let columns = types(prepared.dataset_schema().unwrap());
    assert_eq!(columns[0], ("id".to_owned(), DataType::Utf8));
    assert!(columns[1].0 == "twice" && columns[1].1.is_decimal());
    let amount = |amount: Decimal128Array| Arc::new(amount) as ArrayRef;
    let exact = amount(Decimal128Array::from(vec![105]).with_precision_and_scale(4, 1).unwrap());
    let float: ArrayRef = Arc::new(Float64Array::from(vec![10.5]));
    for first in [exact, float] {
        let values = values([first, Arc::new(StringArray::from(vec!["EUR"])), Arc::new(Int64Array::from(vec![1000]))]);
        prepared.set_parameters(values).unwrap();
        let info = prepared.execute().await.unwrap();
        let found = fetch(&mut client, info).await.unwrap();
        assert_eq!(i64::try_from(found.num_rows()).unwrap(), all);
    }
    // What looks like SQL is a text.
    let mut prepared = client.prepare("select $1 || '!' as said".to_owned(), None).await.unwrap();
    prepared.set_parameters(values([Arc::new(StringArray::from(vec!["'; drop table payments --"])) as ArrayRef])).unwrap();
    let info = prepared.execute().await.unwrap();
    assert_eq!(texts(&fetch(&mut client, info).await.unwrap(), "said"), ["'; drop table payments --!"]);
    prepared.close().await.unwrap();
}

fn values<const COUNT: usize>(columns: [ArrayRef; COUNT]) -> RecordBatch {
    RecordBatch::try_from_iter(columns.into_iter().enumerate().map(|(number, column)| (format!("{number}"), column))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_parameters_are_run_one_after_the_other() {
    let door = Door::open().await;
    let mut client = door.connect().await;
    let mut prepared = client.prepare("select $1::bigint * 10 as n".to_owned(), None).await.unwrap();
    assert_eq!(refused(prepared.execute().await.unwrap_err()).message(), "no values are given for 1 parameters");
    prepared.set_parameters(values([Arc::new(Int64Array::from(vec![3, 1, 2])) as ArrayRef])).unwrap();
    let info = prepared.execute().await.unwrap();
    let found = fetch(&mut client, info).await.unwrap();
    assert_eq!(found.column(0).as_primitive::<Int64Type>().values().as_ref(), [30, 10, 20]);
    let one_too_many = Int64Array::from(vec![1; 1001]);
    prepared.set_parameters(values([Arc::new(one_too_many) as ArrayRef])).unwrap();
    let status = refused(prepared.execute().await.unwrap_err());
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("at most 1000 rows of parameters"), "{}", status.message());
    let one: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    prepared.set_parameters(values([Arc::clone(&one), one])).unwrap();
    assert_eq!(refused(prepared.execute().await.unwrap_err()).message(), "2 values are given for 1 parameters");
    assert_eq!(code(&mut client, "select $1").await, Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_made_as_they_are_taken() {
    let door = Door::open().await;
    let mut client = door.connect().await;
    let info = client.execute(ENDLESS.to_owned(), None).await.unwrap();
    let mut rows = client.do_get(ticket(&info)).await.unwrap();
    assert!(rows.try_next().await.unwrap().unwrap().num_rows() > 0);
    // Others of the same connection are answered meanwhile.
    assert_eq!(number(&mut client, "select 2").await, 2);
    drop(rows);
    // The flight that nobody takes any more is no more.
    assert_eq!(number(&mut client, "select 3").await, 3);
    until_gone(&mut client, &info).await;
}

/// Done when there is nothing of a flight that could be cancelled.
async fn until_gone(client: &mut Client, info: &FlightInfo) {
    while cancel(client, info).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_any_size_come_in_messages_that_a_client_takes() {
    let door = Door::open().await;
    let mut client = door.connect().await;
    // Ten megabytes in some rows, next to nothing in others; a client takes four at a time.
    let sql = "select value, repeat('x', case when value % 100 = 0 then 1000000 else 1 end) as t from generate_series(1, 1000) as s(value)";
    let batch = ask(&mut client, sql).await.unwrap();
    let sizes: usize = batch.column(1).as_string::<i32>().iter().flatten().map(str::len).sum();
    assert_eq!((batch.num_rows(), sizes), (1000, 10_000_990));
    assert!(batch.column(0).as_primitive::<Int64Type>().values().is_sorted());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_not_taken_and_the_connection_goes_on() {
    let door = Door::open().await;
    let mut client = door.connect().await;
    let status = refused(ask(&mut client, &format!("select '{}'", "x".repeat(5 << 20))).await.unwrap_err());
    assert!(matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted), "{status}");
    client.set_header("x-padding", "x".repeat(64 << 10));
    assert!(ask(&mut client, "select 1").await.is_err());
    let mut client = door.connect().await;
    assert_eq!(number(&mut client, "select 1").await, 1);
    assert_eq!(code(&mut client, &format!("select 1{}", " + 1".repeat(100_000))).await, Code::InvalidArgument);
    assert_eq!(number(&mut client, "select 1").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_cancelled_before_its_rows_are_fetched_and_while_they_are() {
    let door = Door::open().await;
    let (mut client, mut other) = (door.connect().await, door.connect().await);
    let info = client.execute(ENDLESS.to_owned(), None).await.unwrap();
    assert_eq!(cancel(&mut other, &info).await.unwrap(), CancelStatus::Cancelled);
    assert_eq!(refused(fetch(&mut client, info).await.unwrap_err()).code(), Code::NotFound);
    let info = client.execute(ENDLESS.to_owned(), None).await.unwrap();
    let mut rows = client.do_get(ticket(&info)).await.unwrap();
    rows.try_next().await.unwrap().unwrap();
    assert_eq!(cancel(&mut other, &info).await.unwrap(), CancelStatus::Cancelled);
    assert_eq!(refused(last_error(rows).await).code(), Code::Cancelled);
    until_gone(&mut other, &info).await;
    // One that has no rows yet, in the older way.
    let info =
        client.execute("select sum(value) from generate_series(1, 1000000000000) as t(value)".to_owned(), None).await.unwrap();
    let running = fetch(&mut client, info.clone());
    let stop = async {
        let asked = ActionCancelQueryRequest { info: info.encode_to_vec().into() }.as_any().encode_to_vec();
        let results: Vec<_> = other.do_action(Action::new("CancelQuery", asked)).await.unwrap().try_collect().await.unwrap();
        let Command::ActionCancelQueryResult(result) = Any::decode(&*results[0].body).unwrap().try_into().unwrap() else {
            panic!("another answer");
        };
        assert_eq!(result.result, 1);
    };
    let (error, ()) = tokio::join!(running, stop);
    assert!(matches!(refused(error.unwrap_err()).code(), Code::Cancelled | Code::NotFound));
    assert_eq!(cancel(&mut client, &info).await.unwrap_err().code(), Code::NotFound);
}

/// The error that rows end with.
async fn last_error(mut rows: FlightRecordBatchStream) -> FlightError {
    loop {
        match rows.next().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => return error,
            None => panic!("the rows came to an end"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_would_change_something_is_refused() {
    let door = Door::open().await;
    let mut client = door.connect().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("never.csv");
    for sql in [
        "delete from payments",
        "with gone as (delete from payments returning *) select * from gone",
        "insert into payments select * from payments",
        "update nothing set a = 1",
        "create table t (a int)",
        "create external table t stored as csv location '/etc/passwd'",
        "set datafusion.execution.batch_size = 1",
        "set datafusion.runtime.memory_limit = '1K'",
        "reset datafusion.execution.batch_size",
        "begin",
        &format!("copy (select 1) to '{}'", file.display()),
    ] {
        assert_eq!(code(&mut client, sql).await, Code::FailedPrecondition, "{sql}");
        // However it is asked.
        assert_eq!(
            refused(client.execute_update(sql.to_owned(), None).await.unwrap_err()).code(),
            Code::FailedPrecondition,
            "{sql}"
        );
        assert_eq!(
            refused(client.prepare(sql.to_owned(), None).await.map(drop).unwrap_err()).code(),
            Code::FailedPrecondition,
            "{sql}"
        );
    }
    assert!(!file.exists());
    ask(&mut client, "prepare p as set datafusion.execution.batch_size = 1").await.ok();
    assert!(ask(&mut client, "execute p").await.is_err());
    for sql in ["select pg_read_file('/etc/passwd')", "select * from '/etc/passwd'", "select * from read_csv('/etc/passwd')"] {
        assert_eq!(code(&mut client, sql).await, Code::InvalidArgument, "{sql}");
    }
    let query = refused(client.execute_update("select 1".to_owned(), None).await.unwrap_err());
    assert_eq!((query.code(), query.message().contains("run it as a query")), (Code::InvalidArgument, true));
    let update = client.prepare("select 1".to_owned(), None).await.unwrap().execute_update().await.unwrap_err();
    assert_eq!(refused(update).code(), Code::InvalidArgument);
    let ingest = CommandStatementIngest { table: "payments".to_owned(), ..CommandStatementIngest::default() };
    let rows = stream::iter([Ok(values([Arc::new(Int64Array::from(vec![1])) as ArrayRef]))]);
    assert_eq!(refused(client.execute_ingest(ingest, rows).await.unwrap_err()).code(), Code::FailedPrecondition);
    assert_eq!(refused(client.begin_transaction().await.unwrap_err()).code(), Code::Unimplemented);
    let inside = client.execute("select 1".to_owned(), Some(Bytes::from_static(b"t"))).await.unwrap_err();
    assert_eq!(refused(inside).code(), Code::Unimplemented);
    let plan = CommandStatementSubstraitPlan::default().as_any().encode_to_vec();
    let plan = client.inner_mut().get_flight_info(FlightDescriptor::new_cmd(plan)).await.unwrap_err();
    assert_eq!(plan.code(), Code::Unimplemented);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_a_session_s_own() {
    let door = Door::open().await;
    let show = "show checkout.max_requests";
    let shown = async |client: &mut Client| texts(&ask(client, show).await.unwrap(), "value").remove(0);
    // A connection without a token is a session; each token is one.
    let (mut one, mut other) = (door.connect().await, door.connect().await);
    ask(&mut one, "set checkout.max_requests = 7").await.unwrap();
    assert_eq!((shown(&mut one).await, shown(&mut other).await), ("7".to_owned(), "1000".to_owned()));
    let mut named = one.clone();
    named.handshake("anna", "").await.unwrap();
    assert_eq!(named.execute_update("set checkout.max_requests = 8".to_owned(), None).await.unwrap(), 0);
    assert_eq!((shown(&mut one).await, shown(&mut named).await), ("7".to_owned(), "8".to_owned()));
    assert_eq!(code(&mut one, "set checkout.max_requests = 'few'").await, Code::InvalidArgument);
    // As Flight has it: name 1, value 2; a text is 1 of a value, a whole number 3.
    let option = |name: &str, value: &[u8]| {
        let mut pair =
            [&[10, u8::try_from(name.len()).unwrap()][..], name.as_bytes(), &[18, u8::try_from(value.len()).unwrap()], value]
                .concat();
        pair.splice(0..0, [10, u8::try_from(pair.len()).unwrap()]);
        pair
    };
    let whole = [&[25][..], &9_i64.to_le_bytes()].concat();
    let sent = [
        option("checkout.max_requests", &whole),
        option("checkout.on_incomplete", b"\x0a\x03huh"),
        option("datafusion.execution.batch_size", &whole),
        option("schema", b"\x0a\x04live"),
    ];
    let set: Vec<_> =
        named.do_action(Action::new("SetSessionOptions", sent.concat())).await.unwrap().try_collect().await.unwrap();
    let refused = |name: &str, reason| option(name, &[8, reason]);
    let errors = [refused("checkout.on_incomplete", 2), refused("datafusion.execution.batch_size", 1), refused("schema", 1)];
    let said = &set[0].body;
    assert_eq!(said.len(), errors.concat().len());
    assert!(errors.iter().all(|error| said.windows(error.len()).any(|part| part == error)), "{said:?}");
    assert_eq!((shown(&mut one).await, shown(&mut named).await), ("7".to_owned(), "9".to_owned()));
    let told: Vec<_> = named.do_action(Action::new("GetSessionOptions", "")).await.unwrap().try_collect().await.unwrap();
    let nine = option("checkout.max_requests", b"\x0a\x019");
    assert!(told[0].body.windows(nine.len()).any(|part| part == nine));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_tells_what_there_is() {
    let door = Door::open().await;
    let mut client = door.connect().await;
    let info = client.get_catalogs().await.unwrap();
    assert_eq!(texts(&fetch(&mut client, info).await.unwrap(), "catalog_name"), ["checkout"]);
    let info = client.get_db_schemas(CommandGetDbSchemas::default()).await.unwrap();
    let schemas = texts(&fetch(&mut client, info).await.unwrap(), "db_schema_name");
    assert!(["live", "public", "system"].iter().all(|schema| schemas.contains(&(*schema).to_owned())), "{schemas:?}");
    let some = CommandGetDbSchemas { db_schema_filter_pattern: Some("l_v%".to_owned()), ..Default::default() };
    let info = client.get_db_schemas(some).await.unwrap();
    assert_eq!(texts(&fetch(&mut client, info).await.unwrap(), "db_schema_name"), ["live"]);
    let info = client.get_table_types().await.unwrap();
    assert_eq!(texts(&fetch(&mut client, info).await.unwrap(), "table_type"), ["TABLE", "VIEW"]);
    let asked = CommandGetTables {
        db_schema_filter_pattern: Some("public".to_owned()),
        table_name_filter_pattern: Some("payment%s".to_owned()),
        include_schema: true,
        ..CommandGetTables::default()
    };
    let info = client.get_tables(asked).await.unwrap();
    let tables = fetch(&mut client, info).await.unwrap();
    assert_eq!(texts(&tables, "table_name"), ["payment_actions", "payments"]);
    let payments = tables.column_by_name("table_schema").unwrap().as_binary::<i32>().value(1);
    let payments = Schema::try_from(arrow_flight::IpcMessage(Bytes::copy_from_slice(payments))).unwrap();
    let amount = payments.field_with_name("amount").unwrap();
    assert_eq!(amount.data_type(), &DataType::Decimal128(18, 3));
    assert!(amount.metadata()["ARROW:FLIGHT:SQL:REMARKS"].contains("Major units"), "{:?}", amount.metadata());
    let info = client.get_tables(CommandGetTables { table_types: vec!["VIEW".to_owned()], ..Default::default() }).await.unwrap();
    let views = fetch(&mut client, info).await.unwrap();
    assert!(views.num_rows() > 0 && texts(&views, "table_type").iter().all(|kind| kind == "VIEW"));
    // Every table can be described.
    let info = client.get_tables(CommandGetTables { include_schema: true, ..Default::default() }).await.unwrap();
    let all = fetch(&mut client, info).await.unwrap();
    let count =
        number(&mut client, "select count(*) from information_schema.tables where table_schema <> 'information_schema'").await;
    assert_eq!(i64::try_from(all.num_rows()).unwrap(), count);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_known_by_the_columns_that_are_declared_so() {
    let door = Door::open().await;
    let mut client = door.connect().await;
    let asked = |schema: Option<&str>, table: &str| CommandGetPrimaryKeys {
        catalog: None,
        db_schema: schema.map(str::to_owned),
        table: table.to_owned(),
    };
    let info = client.get_primary_keys(asked(Some("live"), "payments")).await.unwrap();
    let keys = fetch(&mut client, info).await.unwrap();
    assert_eq!(
        (texts(&keys, "column_name"), texts(&keys, "db_schema_name")),
        (vec!["id".to_owned(), "account".to_owned()], vec!["live".to_owned(); 2])
    );
    assert_eq!(keys.column_by_name("key_sequence").unwrap().as_primitive::<Int32Type>().values().as_ref(), [1, 2]);
    let info = client.get_primary_keys(asked(None, "payments")).await.unwrap();
    // There is no lake.
    assert_eq!(texts(&fetch(&mut client, info).await.unwrap(), "db_schema_name"), ["live", "live", "public", "public"]);
    for none in [asked(Some("system"), "tables"), asked(Some("lake"), "payments"), asked(None, "nothing")] {
        let info = client.get_primary_keys(none).await.unwrap();
        assert_eq!(fetch(&mut client, info).await.unwrap().num_rows(), 0);
    }
    let foreign = CommandGetExportedKeys { catalog: None, db_schema: None, table: "payments".to_owned() };
    let info = client.get_exported_keys(foreign).await.unwrap();
    assert_eq!(fetch(&mut client, info).await.unwrap().num_columns(), 13);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_tells_what_it_is_and_has() {
    let door = Door::open().await;
    let mut client = door.connect().await;
    let info = client.get_sql_info(vec![SqlInfo::FlightSqlServerName, SqlInfo::FlightSqlServerReadOnly]).await.unwrap();
    let facts = fetch(&mut client, info).await.unwrap();
    assert_eq!(facts.num_rows(), 2);
    let values = facts.column(1).as_union();
    assert_eq!(values.value(0).as_string::<i32>().value(0), "ckosql");
    assert!(values.value(1).as_boolean().value(0));
    let info = client.get_sql_info(Vec::new()).await.unwrap();
    assert!(fetch(&mut client, info).await.unwrap().num_rows() > 30);
    let info = client.get_xdbc_type_info(CommandGetXdbcTypeInfo { data_type: None }).await.unwrap();
    let types = fetch(&mut client, info).await.unwrap();
    // Each is a type of this SQL.
    for name in texts(&types, "type_name") {
        ask(&mut client, &format!("select null::{name}")).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let info = client.get_xdbc_type_info(CommandGetXdbcTypeInfo { data_type: Some(3) }).await.unwrap();
    assert_eq!(texts(&fetch(&mut client, info).await.unwrap(), "type_name"), ["decimal"]);
    let actions: Vec<_> =
        client.inner_mut().list_actions(arrow_flight::Empty {}).await.unwrap().into_inner().try_collect().await.unwrap();
    assert!(actions.iter().any(|action| action.r#type == "CancelFlightInfo"));
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_told_without_rows_being_fetched() {
    let door = Door::open().await;
    let mut client = door.connect().await;
    let asked =
        arrow_flight::sql::CommandStatementQuery { query: "select id, amount from payments".to_owned(), transaction_id: None };
    let descriptor = FlightDescriptor::new_cmd(asked.as_any().encode_to_vec());
    door.stand.sandbox.reset_log();
    let schema = client.inner_mut().get_schema(descriptor.clone()).await.unwrap().into_inner();
    let schema = Schema::try_from(schema).unwrap();
    assert_eq!(schema.field(1).data_type(), &DataType::Decimal128(18, 3));
    let poll = client.inner_mut().poll_flight_info(descriptor).await.unwrap().into_inner();
    assert!(poll.flight_descriptor.is_none());
    assert_eq!(poll.info.clone().unwrap().try_decode_schema().unwrap(), schema);
    assert_eq!(door.stand.sandbox.requests().len(), 0);
    assert!(fetch(&mut client, poll.info.unwrap()).await.unwrap().num_rows() > 0);
    let prepared = prepare(&mut client, "select id, amount from payments").await;
    let asked = CommandPreparedStatementQuery { prepared_statement_handle: prepared };
    let told = client.inner_mut().get_schema(FlightDescriptor::new_cmd(asked.as_any().encode_to_vec())).await.unwrap();
    assert_eq!(Schema::try_from(told.into_inner()).unwrap(), schema);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_what_and_what_to_do() {
    let door = Door::open().await;
    let mut client = door.connect().await;
    let status = refused(ask(&mut client, "select amont from payments").await.unwrap_err());
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.message(), "No field named amont. Did you mean 'payments.amount'? at Line: 1, Column: 8");
    // One that comes only with the rows.
    let status =
        refused(ask(&mut client, "select 1 / (value - 100000) from generate_series(1, 200000) as t(value)").await.unwrap_err());
    assert!(status.message().contains("ivide by zero"), "{status}");
    let bad = client.inner_mut().get_flight_info(FlightDescriptor::new_cmd("nonsense")).await.unwrap_err();
    assert_eq!(bad.code(), Code::InvalidArgument);
    let bad = client.inner_mut().do_get(Ticket::new("nonsense")).await.map(drop).unwrap_err();
    assert_eq!(bad.code(), Code::InvalidArgument);
    let bad = client.inner_mut().get_flight_info(FlightDescriptor::new_path(vec!["payments".to_owned()])).await.unwrap_err();
    assert_eq!(bad.code(), Code::Unimplemented);
    for body in ["", "nonsense"] {
        let bad = client.do_action(Action::new("CreatePreparedStatement", body)).await.map(drop).unwrap_err();
        assert_eq!(refused(bad).code(), Code::InvalidArgument);
    }
    assert_eq!(refused(client.do_action(Action::new("Reboot", "")).await.map(drop).unwrap_err()).code(), Code::Unimplemented);
    assert_eq!(number(&mut client, "select 1").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_are_nonsense_end_their_own_call_and_no_other() {
    let door = Door::open().await;
    let mut client = door.connect().await;
    let prepared = prepare(&mut client, "select $1::bigint").await;
    let asked = CommandPreparedStatementQuery { prepared_statement_handle: prepared };
    let descriptor = FlightDescriptor::new_cmd(asked.as_any().encode_to_vec());
    let batch = values([Arc::new(Int64Array::from(vec![1])) as ArrayRef]);
    let good: Vec<FlightData> = FlightDataEncoderBuilder::new().build(stream::iter([Ok(batch)])).try_collect().await.unwrap();
    let put = async |mut data: Vec<FlightData>| {
        data[0].flight_descriptor = Some(descriptor.clone());
        let mut client = door.connect().await;
        client.inner_mut().do_put(stream::iter(data).into_request()).await.map(drop)
    };
    put(good.clone()).await.unwrap();
    let short = |data: &FlightData| FlightData { data_body: data.data_body.slice(..3), ..data.clone() };
    let header = |data: &FlightData| FlightData { data_header: Bytes::from_static(&[255; 40]), ..data.clone() };
    for bad in [
        vec![good[0].clone(), short(&good[1])],
        vec![header(&good[0])],
        vec![good[0].clone(), header(&good[1])],
        vec![good[1].clone()],
    ] {
        let status = put(bad).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    }
    let mut stream = TcpStream::connect(("127.0.0.1", door.port)).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let _sent_off = stream.read_to_end(&mut Vec::new()).await;
    assert_eq!(number(&mut client, "select 1").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_say_who_it_is_is_sent_off() {
    let door = Door::with(Options { admission: passwords(), login_timeout: Duration::from_millis(10), ..options() }).await;
    // Nothing, half of what HTTP/2 begins with, and all of it with nothing behind.
    for begun in [&b""[..], b"PRI * HTTP/2.0\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"] {
        let mut stream = TcpStream::connect(("127.0.0.1", door.port)).await.unwrap();
        stream.write_all(begun).await.unwrap();
        // Comes to an end.
        let _sent_off = stream.read_to_end(&mut Vec::new()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_too_many_finds_the_door_shut() {
    let door = Door::with(Options { limits: Limits { connections: 1, ..options().limits }, ..options() }).await;
    let mut client = door.connect().await;
    assert_eq!(number(&mut client, "select 1").await, 1);
    let mut stream = TcpStream::connect(("127.0.0.1", door.port)).await.unwrap();
    let mut said = Vec::new();
    let _sent_off = stream.read_to_end(&mut said).await;
    assert!(said.is_empty());
    assert_eq!(number(&mut client, "select 1").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_lets_what_is_under_way_finish() {
    let door = Door::open().await;
    let (mut idle, mut busy) = (door.connect().await, door.connect().await);
    assert_eq!(number(&mut idle, "select 1").await, 1);
    let info = busy
        .execute("select value, value::decimal(38, 8) as amount from generate_series(1, 300000) as t(value)".to_owned(), None)
        .await
        .unwrap();
    let mut rows = busy.do_get(ticket(&info)).await.unwrap();
    let mut count = rows.try_next().await.unwrap().unwrap().num_rows();
    door.stop.cancel();
    while let Some(batch) = rows.try_next().await.unwrap() {
        count += batch.num_rows();
    }
    assert_eq!(count, 300_000);
    drop((rows, busy));
    door.served.await.unwrap();
    assert!(ask(&mut idle, "select 1").await.is_err());
    assert!(TcpStream::connect(("127.0.0.1", door.port)).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_finish_in_time_is_broken_off() {
    let door = Door::with(Options { limits: Limits { drain: Duration::from_millis(10), ..options().limits }, ..options() }).await;
    let mut client = door.connect().await;
    let info = client.execute(ENDLESS.to_owned(), None).await.unwrap();
    let mut rows = client.do_get(ticket(&info)).await.unwrap();
    rows.try_next().await.unwrap().unwrap();
    door.stop.cancel();
    // An error, and no end that could be taken for that of the rows.
    last_error(rows).await;
    door.served.await.unwrap();
}
