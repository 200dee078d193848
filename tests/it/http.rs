//! The HTTP door, as real clients meet it: `reqwest`, and bytes that no client would send.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Decimal128Type};
use arrow::ipc::reader::StreamReader;
use ckosql::api::config::Account;
use ckosql::door::listener::Limits;
use ckosql::door::token::Token;
use ckosql::door::verifier::Verifier;
use ckosql::door::{Admission, Listener, Users, tls};
use ckosql::engine::Engine;
use ckosql::engine::journal::Outcome;
use ckosql::error::ErrorKind;
use ckosql::http::{ALPN, Options, Server};
use ckosql::lake::policy::Policy;
use ckosql::lake::settings::LakeOptions;
use ckosql::matching::rule::Rule;
use ckosql::sandbox::{Faults, SandboxOptions};
use ckosql::secret::Secret;
use futures::StreamExt;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::copy::{self, Copy};
use super::roles;
use super::stand::Stand;

/// A server on a free port, over a small merchant.
struct Door {
    stand: Stand,
    client: Client,
    port: u16,
    stop: CancellationToken,
    served: JoinHandle<()>,
}

fn options() -> Options {
    let limits = Limits { connections: 8, drain: Duration::from_secs(60) };
    let patience = Duration::from_secs(60);
    Options { admission: Admission::Anybody, tls: None, limits, patience, body_bytes: 10_000, are_metrics_open: false }
}

/// Anna has a password and a token, and a report has a token.
fn users() -> (Admission, Secret, Secret) {
    let mut users = Users::read_or_none("/no/such/file".as_ref()).unwrap();
    users.set("anna", Verifier::of(&Secret::new("péncil")).unwrap()).unwrap();
    let mut give = |name| {
        let (secret, token) = Token::make().unwrap();
        users.add_token(name, token).unwrap();
        secret
    };
    let (annas, report) = (give("anna"), give("report"));
    (Admission::Passwords(Arc::new(users.into())), annas, report)
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
        let engine = stand.engine.clone();
        Self::over(stand, engine, options).await
    }

    async fn over(stand: Stand, engine: Engine, options: Options) -> Self {
        // Of what a client trusts, where the whole house has but one.
        let _first = rustls::crypto::ring::default_provider().install_default();
        let server = Server::new(engine, options);
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (port, stop) = (listener.address().port(), CancellationToken::new());
        let stopped = stop.clone();
        let served = tokio::spawn(async move { server.serve(listener, &stopped).await });
        let client = Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
        Self { stand, client, port, stop, served }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn asks(&self, question: &Value) -> RequestBuilder {
        self.client.post(self.url("/v1/sql")).json(question)
    }

    async fn ask(&self, question: &Value) -> Response {
        self.asks(question).send().await.unwrap()
    }

    /// The rows of a statement as text.
    async fn rows(&self, sql: &str, accept: &str) -> String {
        let answer = self.asks(&json!({ "sql": sql })).header("accept", accept).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{sql}");
        answer.text().await.unwrap()
    }

    /// Status and problem of a question that is refused.
    async fn refused(&self, question: &Value) -> (u16, Value) {
        problem(self.ask(question).await).await
    }

    /// Sends bytes, and reads until the other side closes.
    async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut said = Vec::new();
        // Sent off, in words or without.
        let _ended = stream.read_to_end(&mut said).await;
        String::from_utf8_lossy(&said).into_owned()
    }

    /// Has a statement by this door be begun, left after a while, and ended: it may not have begun when that is short.
    async fn until_left(&self, leave: impl AsyncFn(Duration)) {
        let seen = async {
            let mut patience = Duration::from_millis(20);
            while !self.stand.engine.statements().contains_key(&("http", Outcome::Left)) {
                leave(patience).await;
                patience = patience.mul_f32(1.5);
            }
        };
        tokio::time::timeout(Duration::from_secs(60), seen).await.expect("it goes on");
    }
}

async fn problem(answer: Response) -> (u16, Value) {
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let status = answer.status().as_u16();
    let problem: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(problem["status"], status);
    (status, problem)
}

const AMOUNTS: &str =
    "select 1::bigint as n, 12345678901234567890.12345678::decimal(38,8) as amount, 'č' as note, null as nothing";

/// Never ends, unless somebody ends it.
const ENDLESS: &str = "select sum(value) from generate_series(1, 1000000000000) as t(value)";

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_exact_in_every_format() {
    let door = Door::open().await;
    let json = r#"{"n":1,"amount":12345678901234567890.12345678,"note":"č","nothing":null}"#;
    assert_eq!(door.rows(AMOUNTS, "*/*").await, format!("[{json}]\n"));
    assert_eq!(door.rows(AMOUNTS, "application/x-ndjson").await, format!("{json}\n"));
    assert_eq!(door.rows(AMOUNTS, "text/csv").await, "n,amount,note,nothing\n1,12345678901234567890.12345678,č,\n");
    assert_eq!(
        door.rows(AMOUNTS, "text/tab-separated-values").await,
        "n\tamount\tnote\tnothing\n1\t12345678901234567890.12345678\tč\t\n"
    );
    let bytes = async |accept: &str| {
        let answer = door.asks(&json!({ "sql": AMOUNTS })).header("accept", accept).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], accept);
        answer.bytes().await.unwrap()
    };
    let arrow = bytes("application/vnd.apache.arrow.stream").await;
    let arrow: Vec<RecordBatch> = StreamReader::try_new(&arrow[..], None).unwrap().map(Result::unwrap).collect();
    let parquet = bytes("application/vnd.apache.parquet").await;
    let parquet: Vec<_> =
        ParquetRecordBatchReaderBuilder::try_new(parquet).unwrap().build().unwrap().map(Result::unwrap).collect();
    for batches in [arrow, parquet] {
        let amounts = batches[0].column(1);
        assert_eq!(amounts.data_type(), &DataType::Decimal128(38, 8));
        assert_eq!(amounts.as_primitive::<Decimal128Type>().value(0), 1_234_567_890_123_456_789_012_345_678);
    }
    assert_eq!(door.rows("select 1 as n where false", "application/json").await, "[]\n");
    assert_eq!(door.rows("select 1 as n where false", "text/csv").await, "n\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_answers_are_whole() {
    let door = Door::open().await;
    let lines = door.rows("select value from generate_series(1, 200000) as t(value)", "text/csv").await;
    assert_eq!((lines.lines().count(), lines.lines().last()), (200_001, Some("200000")));
    let text =
        door.client.post(door.url("/v1/sql")).header("content-type", "text/plain").body("select count(*) as n from payments");
    let answer = text.send().await.unwrap();
    assert_eq!((answer.status(), answer.text().await.unwrap()), (StatusCode::OK, "[{\"n\":50}]\n".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_bound_and_never_spliced() {
    let door = Door::open().await;
    let ask = async |sql: &str, parameters: &str| {
        let body = format!(r#"{{"sql": {}, "parameters": {parameters}}}"#, Value::from(sql));
        let request = door.client.post(door.url("/v1/sql")).header("content-type", "application/json").body(body);
        request.send().await.unwrap().text().await.unwrap()
    };
    let evil = r#"["'; drop table payments; --"]"#;
    assert_eq!(ask("select $1 as given", evil).await, "[{\"given\":\"'; drop table payments; --\"}]\n");
    assert_eq!(ask("select count(*) as n from payments where id = $1", evil).await, "[{\"n\":0}]\n");
    // More digits than a float has.
    let exact = "[9007199254740993.001, 0.1, 7, true, null]";
    let expected = "[{\"a\":9007199254740993.001,\"b\":0.1,\"c\":8,\"d\":true,\"e\":null}]\n";
    assert_eq!(ask("select $1 as a, $2 as b, $3 + 1 as c, $4 as d, $5 as e", exact).await, expected);
    let both = ask(
        "select count(*) as n from payments where amount > $1 and currency in ($2, $3) and requested_on > $4 limit $5",
        r#"[0.005, "EUR", "USD", "2000-01-01T00:00:00Z", 10]"#,
    )
    .await;
    let same = "select count(*) as n from payments where amount > 0.005 and currency in ('EUR', 'USD')";
    assert_eq!(both, ask(same, "[]").await);
    for (sql, parameters) in [("select $1", "[]"), ("select 1", "[1]"), ("select $1", "[[1]]"), ("select $1", r#"[{"a":1}]"#)] {
        let (status, problem) =
            door.refused(&serde_json::from_str(&format!(r#"{{"sql":"{sql}","parameters":{parameters}}}"#)).unwrap()).await;
        assert_eq!((status, &problem["kind"]), (400, &json!("query")), "{sql} {parameters}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_hold_for_one_statement() {
    let door = Door::open().await;
    let sql = "select count(*) as n from payments";
    let (status, problem) = door.refused(&json!({ "sql": sql, "settings": { "checkout.max_requests": 0 } })).await;
    assert_eq!((status, &problem["context"]["checkout.max_requests"]), (400, &json!("0")));
    assert_eq!(door.rows(sql, "*/*").await, "[{\"n\":50}]\n");
    for settings in
        [json!({ "checkout.no_such": 1 }), json!({ "checkout.max_requests": "many" }), json!({ "checkout.offline": [1] })]
    {
        let (status, _) = door.refused(&json!({ "sql": sql, "settings": settings })).await;
        assert_eq!(status, 400, "{settings}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_with_its_status_and_place() {
    let door = Door::open().await;
    let (status, problem) = door.refused(&json!({ "sql": "select id,\n  amont from payments" })).await;
    assert_eq!((status, &problem["kind"], &problem["title"]), (400, &json!("query"), &json!("Bad Request")));
    assert_eq!((&problem["line"], &problem["column"]), (&json!(2), &json!(3)));
    assert!(problem["message"].as_str().unwrap().contains("Did you mean 'payments.amount'?"), "{problem}");
    for write in [
        "delete from payments",
        "create table t as select 1",
        "copy (select 1) to '/tmp/x'",
        "with w as (insert into payments select 1) select 1",
    ] {
        let (status, problem) = door.refused(&json!({ "sql": write })).await;
        assert_eq!((status, &problem["kind"]), (403, &json!("read_only")), "{write}");
    }
    for (body, kind, status) in [
        ("select 1", "application/xml", 415),
        ("select 1", "text/plain; charset=latin1", 415),
        ("{\"sql\": \"select 1\"", "application/json", 400),
        ("{\"sql\": \"select 1\", \"params\": []}", "application/json", 400),
        ("{}", "application/json", 400),
        ("select 1; select 2", "text/plain", 400),
        ("", "text/plain", 400),
    ] {
        let asked = door.client.post(door.url("/v1/sql")).header("content-type", kind).body(body).send().await.unwrap();
        assert_eq!(problem_status(asked).await, status, "{body} as {kind}");
    }
    let asked = door.asks(&json!({ "sql": "select 1" })).header("accept", "text/html").send().await.unwrap();
    assert_eq!(problem_status(asked).await, 406);
    let asked =
        door.client.post(door.url("/v1/sql")).header("content-type", "text/plain").body("x".repeat(10_001)).send().await.unwrap();
    assert_eq!(problem_status(asked).await, 413);
    // Of a length that is not told.
    let chunks = futures::stream::iter(["x"; 2].map(|part| Ok::<_, std::io::Error>(part.repeat(6_000))));
    let asked =
        door.client.post(door.url("/v1/sql")).header("content-type", "text/plain").body(reqwest::Body::wrap_stream(chunks));
    assert_eq!(problem_status(asked.send().await.unwrap()).await, 413);
}

async fn problem_status(answer: Response) -> u16 {
    problem(answer).await.0
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_tells_what_there_is_and_nothing_else() {
    let door = Door::open().await;
    let document: Value =
        serde_json::from_str(&door.client.get(door.url("/v1/openapi.json")).send().await.unwrap().text().await.unwrap()).unwrap();
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let paths = document["paths"].as_object().unwrap();
    for (path, methods) in paths {
        for method in ["get", "post", "put", "delete", "patch", "options", "trace"] {
            let method_name = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let answer = door.client.request(method_name, door.url(path)).send().await.unwrap();
            assert_eq!(answer.status() != 405, methods.get(method).is_some(), "{method} {path}: {}", answer.status());
            assert!(answer.headers().keys().all(|name| !name.as_str().starts_with("access-control")), "{method} {path}");
            if answer.status() == 405 {
                let allowed = answer.headers()["allow"].to_str().unwrap().to_lowercase();
                assert!(methods.as_object().unwrap().keys().all(|method| allowed.contains(method)), "{path}: {allowed}");
            }
            if answer.status().is_success() {
                let kind = answer.headers()["content-type"].to_str().unwrap().split(';').next().unwrap().to_owned();
                assert!(methods[method]["responses"]["200"]["content"].get(&kind).is_some(), "{method} {path} is {kind}");
            }
        }
    }
    for path in ["/v1", "/v1/sql/", "/v1/sql/x", "/../etc/passwd", "/%2e%2e/etc/passwd", "/metrics/x"] {
        assert_eq!(problem_status(door.client.get(door.url(path)).send().await.unwrap()).await, 404, "{path}");
    }
    let sql = &paths["/v1/sql"]["post"];
    for kind in ErrorKind::ALL {
        assert!(sql["responses"].get(kind.facts().http.to_string()).is_some(), "{kind:?} is not in the document");
    }
    for (media_type, _) in sql["responses"]["200"]["content"].as_object().unwrap() {
        let answer = door.asks(&json!({ "sql": "select 1 as n" })).header("accept", media_type).send().await.unwrap();
        assert!(answer.headers()["content-type"].to_str().unwrap().starts_with(media_type), "{media_type}");
    }
    assert_eq!(door.client.head(door.url("/healthz")).send().await.unwrap().status(), 200);
    assert!(door.client.get(door.url("/")).send().await.unwrap().text().await.unwrap().contains("POST /v1/sql"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_a_token_or_a_password_is_let_in_and_nobody_else() {
    let (admission, annas, report) = users();
    let door = Door::with(Options { admission, ..options() }).await;
    let asked = door.asks(&json!({ "sql": "select 1 as n" }));
    let with = async |change: &dyn Fn(RequestBuilder) -> RequestBuilder| change(asked.try_clone().unwrap()).send().await.unwrap();
    for token in [&annas, &report] {
        assert_eq!(with(&|asked| asked.bearer_auth(token.expose())).await.status(), 200);
    }
    assert_eq!(with(&|asked| asked.basic_auth("anna", Some("péncil"))).await.status(), 200);
    let refused: [&dyn Fn(RequestBuilder) -> RequestBuilder; 9] = [
        &|asked| asked,
        &|asked| asked.bearer_auth(""),
        &|asked| asked.bearer_auth(format!("{}x", annas.expose())),
        &|asked| asked.basic_auth("anna", Some("pencil")),
        &|asked| asked.basic_auth("anna", Some(annas.expose())),
        &|asked| asked.basic_auth("eve", Some("péncil")),
        &|asked| asked.basic_auth("report", Some("")),
        &|asked| asked.header("authorization", "Digest username=anna"),
        &|asked| asked.header("authorization", "Basic !!!"),
    ];
    for refuse in refused {
        let answer = with(refuse).await;
        let asks: Vec<_> =
            answer.headers().get_all("www-authenticate").iter().map(|asks| asks.to_str().unwrap().to_owned()).collect();
        assert_eq!(asks, ["Bearer realm=\"ckosql\"", "Basic realm=\"ckosql\", charset=\"UTF-8\""]);
        let (status, problem) = problem(answer).await;
        assert!(status == 401 && !problem.to_string().contains(annas.expose()), "{problem}");
    }
    for (path, status) in [("/metrics", 401), ("/healthz", 200), ("/readyz", 200), ("/v1/openapi.json", 200), ("/", 200)] {
        assert_eq!(door.client.get(door.url(path)).send().await.unwrap().status(), status, "{path}");
    }
    assert_eq!(door.client.get(door.url("/metrics")).bearer_auth(report.expose()).send().await.unwrap().status(), 200);
    let open = Door::with(Options { admission: users().0, are_metrics_open: true, ..options() }).await;
    assert_eq!(open.client.get(open.url("/metrics")).send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_role_sees_what_it_may_see_and_who_has_none_sees_nothing() {
    let roles = "[euro]\nusers = ['report']\ntables = ['payments']\nrows = { '*' = \"currency = 'EUR'\" }";
    let (admission, annas, report) = users();
    for are_metrics_open in [false, true] {
        let stand = Stand::new(50, SandboxOptions::default());
        let engine = roles::engine(&stand, roles).unwrap();
        let door = Door::over(stand, engine, Options { admission: admission.clone(), are_metrics_open, ..options() }).await;
        let ask = async |token: &Secret, sql: &str| {
            let asked = door.asks(&json!({ "sql": sql })).header("accept", "text/csv").bearer_auth(token.expose());
            let answer = asked.send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        assert_eq!(ask(&report, "select distinct currency from payments").await, (200, "currency\nEUR\n".to_owned()));
        assert_eq!(ask(&report, "select * from disputes").await.0, 400);
        assert_eq!(ask(&annas, "select 1").await.0, 403);
        // They count what everybody does.
        let metrics = door.client.get(door.url("/metrics")).bearer_auth(report.expose()).send().await.unwrap();
        assert_eq!(metrics.status(), if are_metrics_open { 200 } else { 403 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_are_not_answered() {
    let door = Door::open().await;
    let asked = |name: &'static str, value: &str| door.asks(&json!({ "sql": "select 1" })).header(name, value).send();
    assert_eq!(problem_status(asked("origin", "https://evil.example").await.unwrap()).await, 403);
    assert_eq!(problem_status(asked("host", "evil.example").await.unwrap()).await, 403);
    assert_eq!(asked("origin", &door.url("")).await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_after_the_first_bytes_cuts_the_answer() {
    let door = Door::open().await;
    let sql = "select 1 / (100000 - value) as x from generate_series(1, 200000) as t(value)";
    for accept in ["application/json", "application/x-ndjson", "text/csv", "application/vnd.apache.arrow.stream"] {
        let answer = door.asks(&json!({ "sql": sql })).header("accept", accept).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{accept}");
        let mut body = answer.bytes_stream();
        let (mut bytes, mut broken) = (0, None);
        while let Some(piece) = body.next().await {
            match piece {
                Ok(piece) => bytes += piece.len(),
                Err(error) => broken = Some(error),
            }
        }
        assert!(bytes > 0 && broken.is_some(), "{accept} looks whole after {bytes} bytes");
    }
    // Before them it is a problem like any other.
    let (status, _) = door.refused(&json!({ "sql": "select 1 / (10 - value) from generate_series(1, 20) as t(value)" })).await;
    assert_eq!(status, 400);
    let told = door
        .raw(b"POST /v1/sql HTTP/1.0\r\nhost: localhost\r\ncontent-type: text/plain\r\ncontent-length: 8\r\n\r\nselect 1")
        .await;
    assert!(told.starts_with("HTTP/1.0 505"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_ends_when_its_time_is_up_or_nobody_waits_for_it() {
    let door = Door::open().await;
    door.until_left(async |patience| {
        let time = format!("{}ms", patience.as_millis());
        let (status, problem) = door.refused(&json!({ "sql": ENDLESS, "timeout": time })).await;
        assert_eq!((status, &problem["kind"]), (504, &json!("cancelled")));
    })
    .await;
    let (status, _) = door.refused(&json!({ "sql": "select 1", "timeout": "soon" })).await;
    assert_eq!(status, 400);
    // Before its first row, and after it.
    for sql in [ENDLESS, "select value from generate_series(1, 1000000000000) as t(value)"] {
        let left = Door::open().await;
        left.until_left(async |patience| {
            let asked = tokio::time::timeout(patience, async {
                let mut body = left.ask(&json!({ "sql": sql })).await.bytes_stream();
                while body.next().await.is_some() {}
            });
            assert!(asked.await.is_err(), "{sql} ends");
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_slow_to_ask_is_sent_off() {
    let door = Door::with(Options { patience: Duration::from_millis(250), ..options() }).await;
    let head = "POST /v1/sql HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\n";
    assert_eq!(door.raw(b"").await, "");
    assert_eq!(door.raw(b"POST /v1/sql HT").await, "");
    assert_eq!(door.raw(head.as_bytes()).await, "");
    let told = door.raw(format!("{head}content-length: 8\r\n\r\nsel").as_bytes()).await;
    assert!(told.starts_with("HTTP/1.1 408") && told.contains("the body did not come in time"), "{told}");
    let told = door.raw(format!("{head}x: {}\r\n\r\n", "x".repeat(1_000_000)).as_bytes()).await;
    assert!(told.starts_with("HTTP/1.1 431") || told.is_empty(), "{told}");
    let told = door.raw(b"\x16\x03\x01\x00nonsense\r\n\r\n").await;
    assert!(told.starts_with("HTTP/1.1 400"), "{told}");
    assert_eq!(door.rows("select 1 as n", "*/*").await, "[{\"n\":1}]\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_too_many_is_told_so() {
    let door = Door::with(Options { limits: Limits { connections: 1, ..options().limits }, ..options() }).await;
    let mut first = TcpStream::connect(("127.0.0.1", door.port)).await.unwrap();
    first.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    // It is in when it is answered.
    let mut said = [0; 12];
    first.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"HTTP/1.1 200");
    assert!(door.raw(b"").await.starts_with("HTTP/1.1 503"), "the second is let in");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_lets_what_is_under_way_finish() {
    let door = Door::open().await;
    let mut idle = TcpStream::connect(("127.0.0.1", door.port)).await.unwrap();
    let answer = door.ask(&json!({ "sql": "select value from generate_series(1, 300000) as t(value)" })).await;
    door.stop.cancel();
    assert_eq!(idle.read(&mut [0]).await.unwrap(), 0);
    let rows: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 300_000);
    door.served.await.unwrap();
    assert!(TcpStream::connect(("127.0.0.1", door.port)).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tls_nobody_is_let_in_without() {
    let acceptor = tls::load(&fixture("ec.crt"), &fixture("ec.sec1.pem"), &[ALPN]).unwrap();
    let door = Door::with(Options { tls: Some(acceptor), ..options() }).await;
    assert!(!door.raw(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.contains("200"), "plain text is answered");
    let certificate = reqwest::Certificate::from_pem(&std::fs::read(fixture("ec.crt")).unwrap()).unwrap();
    let client = Client::builder().tls_certs_only([certificate]).no_proxy().build().unwrap();
    let asked = client.post(format!("https://localhost:{}/v1/sql", door.port)).json(&json!({ "sql": "select 1 as n" }));
    assert_eq!(asked.send().await.unwrap().text().await.unwrap(), "[{\"n\":1}]\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_what_was_done() {
    let door = Door::open().await;
    door.rows("select count(*) from payments", "*/*").await;
    door.refused(&json!({ "sql": "select nothing" })).await;
    let told = door.client.get(door.url("/metrics")).send().await.unwrap();
    assert_eq!(told.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let told = told.text().await.unwrap();
    let requests = door.stand.engine.activity().requests;
    for line in [
        format!("ckosql_requests_total{{account=\"sandbox\"}} {requests}"),
        "ckosql_rows_total{account=\"sandbox\"} 50".to_owned(),
        "ckosql_statements_total{door=\"http\",outcome=\"ok\"} 1".to_owned(),
        "ckosql_statements_total{door=\"http\",outcome=\"query\"} 1".to_owned(),
        "ckosql_statement_rows_total{door=\"http\",outcome=\"ok\"} 1".to_owned(),
        format!("ckosql_statement_requests_total{{door=\"http\",outcome=\"ok\"}} {requests}"),
        "ckosql_statement_seconds_bucket{door=\"http\",outcome=\"ok\",le=\"+Inf\"} 1".to_owned(),
        "ckosql_statement_budget_requests 1000".to_owned(),
    ] {
        assert!(requests > 0 && told.lines().any(|told| told == line), "{line}\n{told}");
    }
    // A family's lines stand together under its head, which no other has.
    let heads: Vec<&str> =
        told.lines().filter_map(|line| line.strip_prefix("# TYPE ")).filter_map(|line| line.split(' ').next()).collect();
    let mut names: Vec<&str> =
        told.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(['{', ' ']).next()).collect();
    names
        .iter_mut()
        .for_each(|name| *name = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name));
    names.dedup();
    assert_eq!(heads, names);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_how_what_is_kept_stands() {
    const RULE: &str = "--- rule: disputed flow: f priority: 1\n--- left: payments(id) right: disputes(id)\n\
         --- amount: left.amount = right.amount\n\
         select p.id as left_id, d.id as right_id from payments p join disputes d on d.payment_id = p.id";
    let folder = tempfile::tempdir().unwrap();
    let lake = LakeOptions::at(folder.path().to_str().unwrap());
    let at = |days, change: fn(&mut Account), options| {
        Copy::made(copy::merchant(days), Some(lake.clone()), options, change, Policy::default()).unwrap()
    };
    at(1, |_| {}, SandboxOptions::default()).sync(&["payments", "disputes"]).await;
    // One that breaks off, a day later.
    let broken = at(0, |account| account.limits.attempts = 1, SandboxOptions::default());
    broken.sandbox.stop();
    let tried = broken.engine.sync(&["disputes".to_owned()], None, false, &|_| {}).await.unwrap();
    assert!(tried[0].error.is_some());
    let faults = Faults::parse("429=50%,500=20%").unwrap().with_seed(7);
    let impatient = |account: &mut Account| {
        account.limits.longest_wait = Duration::from_millis(5);
        account.limits.attempts = 50;
    };
    let later = at(0, impatient, SandboxOptions { faults, ..SandboxOptions::default() });
    later.engine.reconcile(&[Rule::parse(RULE, "rule").unwrap()], 20_000, &[]).await.unwrap();
    later.number("select count(*) from live.disputes").await;
    let door = Door::over(Stand::new(1, SandboxOptions::default()), later.engine.clone(), options()).await;
    let told = door.client.get(door.url("/metrics")).send().await.unwrap().text().await.unwrap();
    let activity = later.engine.activity();
    assert!(activity.throttled > 0 && activity.retries >= activity.throttled, "{activity:?}");
    let mut expected = vec![
        format!("ckosql_throttled_total{{account=\"sandbox\"}} {}", activity.throttled),
        format!("ckosql_retries_total{{account=\"sandbox\"}} {}", activity.retries),
        "ckosql_lake_lag_seconds{account=\"sandbox\",table=\"payments\"} 86400".to_owned(),
        "ckosql_lake_lag_seconds{account=\"sandbox\",table=\"disputes\"} 86400".to_owned(),
        "ckosql_lake_sync_failures{account=\"sandbox\",table=\"payments\"} 0".to_owned(),
        "ckosql_lake_sync_failures{account=\"sandbox\",table=\"disputes\"} 1".to_owned(),
    ];
    for (metric, label, column, table) in
        [("ckosql_matches", "status", "status", "matches"), ("ckosql_exceptions", "reason", "reason_code", "exceptions")]
    {
        let counts = later.rows(&format!("select {column}, count(*) from recon.{table} group by 1")).await;
        assert!(!counts.is_empty(), "nothing of {table}");
        let line = |count: &String| {
            let (word, count) = count.split_once('|').unwrap();
            format!("{metric}{{flow=\"f\",{label}=\"{word}\"}} {count}")
        };
        expected.extend(counts.iter().map(line));
    }
    for line in expected {
        assert!(told.lines().any(|told| told == line), "{line}\n{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_is_written_down_without_what_it_is_about() {
    let (admission, _, report) = users();
    let door = Door::with(Options { admission, ..options() }).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    door.stand.engine.audit(&file).unwrap();
    let sql = "select count(*) as n from payments where customer_email = 'hunter2@b.example' and amount > 12.5";
    for question in [
        json!({ "sql": sql }),
        json!({ "sql": "delete from payments where id = 'hunter2'" }),
        json!({ "sql": "selec 'hunter2'" }),
    ] {
        door.asks(&question).bearer_auth(report.expose()).send().await.unwrap().text().await.unwrap();
    }
    // Read only when they have been answered.
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(!kept.contains("hunter2") && !kept.contains("12.5"), "{kept}");
    let lines: Vec<Value> = kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines
        .iter()
        .map(|line| (line["statement"].as_str().unwrap(), line["outcome"].as_str().unwrap(), line["rows"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("SELECT count(*) AS n FROM payments WHERE customer_email = ? AND amount > ?", "ok", 1),
            ("DELETE FROM payments WHERE id = ?", "read_only", 0),
            ("(not read)", "query", 0),
        ]
    );
    assert!(lines.iter().all(|line| line["door"] == "http" && line["user"] == "report"), "{kept}");
    assert!(lines[0]["requests"].as_u64() > Some(0) && lines[0]["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{kept}");
}
