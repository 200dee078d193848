//! What all doors have in common, tried at each of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow_flight::error::FlightError;
use arrow_flight::sql::client::FlightSqlServiceClient;
use ckosql::door::listener::Limits;
use ckosql::door::token::Token;
use ckosql::door::verifier::Verifier;
use ckosql::door::{Admission, Listener, Roll, Users};
use ckosql::sandbox::SandboxOptions;
use ckosql::secret::Secret;
use ckosql::{flight, http, pg};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use tokio_postgres::NoTls;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use super::stand::Stand;

const MINUTE: Duration = Duration::from_secs(60);

/// All doors on free ports, over a small merchant and one file of users.
struct House {
    stand: Stand,
    folder: tempfile::TempDir,
    client: Client,
    ports: [u16; 3],
    stop: CancellationToken,
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// By what one comes in over HTTP.
#[derive(Clone, Copy)]
enum Shown<'a> {
    Password(&'a str),
    Token(&'a Secret),
}

fn password(name: &str) -> Secret {
    Secret::new(format!("{name}'s"))
}

fn add(users: &mut Users, name: &str) {
    users.set(name, Verifier::of(&password(name)).unwrap()).unwrap();
}

impl House {
    async fn open(names: &[&str]) -> Self {
        // Of what a client trusts, where the whole house has but one.
        let _first = rustls::crypto::ring::default_provider().install_default();
        let (stand, folder) = (Stand::new(50, SandboxOptions::default()), tempfile::tempdir().unwrap());
        let path = folder.path().join("users");
        let mut users = Users::read_or_none(&path).unwrap();
        names.iter().for_each(|name| add(&mut users, name));
        users.write(&path).unwrap();
        let admission = Admission::Passwords(Arc::new(Roll::read(&path).unwrap()));
        let (tls, limits) = (None, Limits { connections: 8, drain: MINUTE });
        let engine = || stand.engine.clone();
        let pg = pg::Options { admission: admission.clone(), tls: tls.clone(), limits, login_timeout: MINUTE };
        let pg = pg::Server::try_new(engine(), pg).unwrap();
        let flight =
            flight::Options { admission: admission.clone(), tls: tls.clone(), limits, login_timeout: MINUTE, token_life: MINUTE };
        let flight = flight::Server::try_new(engine(), flight).unwrap();
        let http = http::Options { admission, tls, limits, patience: MINUTE, body_bytes: 10_000, are_metrics_open: true };
        let http = http::Server::new(engine(), http);
        let bind = async || Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let listeners = [bind().await, bind().await, bind().await];
        let ports = listeners.each_ref().map(|listener| listener.address().port());
        let stop = CancellationToken::new();
        let [first, second, third] = listeners;
        let stopped = stop.clone();
        tokio::spawn(async move {
            tokio::join!(pg.serve(first, &stopped), flight.serve(second, &stopped), http.serve(third, &stopped))
        });
        let client = Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
        Self { stand, folder, client, ports, stop }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("users")
    }

    /// Changes the file of users, as `ckosql users` does.
    fn change(&self, change: impl FnOnce(&mut Users)) {
        let mut users = Users::read(&self.file()).unwrap();
        change(&mut users);
        users.write(&self.file()).unwrap();
    }

    async fn pg(&self, name: &str) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(self.ports[0]).user(name).password(password(name).expose()).dbname("checkout");
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// A client of Flight with a token of its own.
    async fn flight(&self, name: &str) -> Result<FlightSqlServiceClient<Channel>, FlightError> {
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{}", self.ports[1])).unwrap();
        let mut client = FlightSqlServiceClient::new(endpoint.connect().await.unwrap());
        let shaken = client.handshake(name, password(name).expose()).await;
        shaken.map(|_token| client).map_err(|error| FlightError::ProtocolError(error.to_string()))
    }

    async fn http(&self, shown: Shown<'_>, sql: &str) -> u16 {
        let asked = self.client.post(format!("http://127.0.0.1:{}/v1/sql", self.ports[2])).body(sql.to_owned());
        let asked: RequestBuilder = match shown {
            Shown::Password(name) => asked.basic_auth(name, Some(password(name).expose())),
            Shown::Token(token) => asked.bearer_auth(token.expose()),
        };
        asked.header("content-type", "text/plain").send().await.unwrap().status().as_u16()
    }

    /// Has statements and logins written down.
    fn audit(&self) -> PathBuf {
        let file = self.folder.path().join("audit.jsonl");
        self.stand.engine.audit(&file).unwrap();
        file
    }

    /// What `/metrics` tells.
    async fn metrics(&self) -> String {
        let told = self.client.get(format!("http://127.0.0.1:{}/metrics", self.ports[2])).send().await.unwrap();
        told.text().await.unwrap()
    }

    /// Whether one is let in by its password: by PostgreSQL, Flight and HTTP.
    async fn lets_in(&self, name: &str) -> [bool; 3] {
        let (pg, flight) = (self.pg(name).await.is_ok(), self.flight(name).await.is_ok());
        [pg, flight, self.http(Shown::Password(name), "select 1").await == 200]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_taken_out_of_the_file_comes_in_no_more() {
    let house = House::open(&["anna", "bob"]).await;
    let (token, kept) = Token::make().unwrap();
    house.change(|users| users.add_token("anna", kept).unwrap());
    assert_eq!(house.lets_in("anna").await, [true; 3]);
    assert_eq!(house.http(Shown::Token(&token), "select 1").await, 200);
    let (open, mut annas, mut bobs) =
        (house.pg("anna").await.unwrap(), house.flight("anna").await.unwrap(), house.flight("bob").await.unwrap());
    house.change(|users| assert!(users.remove("anna")));
    assert_eq!(house.lets_in("anna").await, [false; 3]);
    assert_eq!(house.http(Shown::Token(&token), "select 1").await, 401);
    let refused = annas.execute("select 1".to_owned(), None).await.unwrap_err().to_string();
    assert!(refused.contains("Unauthenticated") || refused.contains("is over"), "{refused}");
    // Who is in stays, and nobody else is sent off.
    open.simple_query("select 1").await.unwrap();
    bobs.execute("select 1".to_owned(), None).await.unwrap();
    assert_eq!(house.lets_in("bob").await, [true; 3]);
    // Another password is another user.
    let mut before = house.flight("bob").await.unwrap();
    house.change(|users| add(users, "bob"));
    assert!(before.execute("select 1".to_owned(), None).await.is_err());
    assert_eq!(house.lets_in("bob").await, [true; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_put_into_the_file_comes_in() {
    let house = House::open(&["anna"]).await;
    assert_eq!(house.lets_in("carl").await, [false; 3]);
    house.change(|users| add(users, "carl"));
    assert_eq!((house.lets_in("carl").await, house.lets_in("anna").await), ([true; 3], [true; 3]));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_file_is_broken_those_who_are_known_come_in() {
    let house = House::open(&["anna"]).await;
    fs::write(house.file(), "\"anna\" \"hunter2\"\n").unwrap();
    assert_eq!((house.lets_in("anna").await, house.lets_in("eve").await), ([true; 3], [false; 3]));
    fs::remove_file(house.file()).unwrap();
    assert_eq!(house.lets_in("anna").await, [true; 3]);
}

/// Of each line of an audit file what does not change from one run to the next.
fn lines(file: &Path) -> Vec<[String; 4]> {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let told = |line: Value| {
        assert!(line["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
        ["door", "user", "statement", "outcome"].map(|name| line[name].as_str().unwrap_or_default().to_owned())
    };
    lines.map(told).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_written_down_and_counted_whatever_the_door() {
    const WRITE: &str = "delete from payments where id = 'hunter2'";
    let house = House::open(&["anna"]).await;
    let file = house.audit();
    let (pg, mut flight) = (house.pg("anna").await.unwrap(), house.flight("anna").await.unwrap());
    pg.simple_query(WRITE).await.unwrap_err();
    pg.prepare(WRITE).await.unwrap_err();
    pg.simple_query("set checkout.no_such = 7").await.unwrap_err();
    pg.simple_query("set transaction_read_only = off").await.unwrap_err();
    flight.execute(WRITE.to_owned(), None).await.unwrap_err();
    assert_eq!(house.http(Shown::Password("anna"), WRITE).await, 403);
    let deleted = "DELETE FROM payments WHERE id = ?";
    let expected = [
        ["pg", "anna", deleted, "read_only"],
        ["pg", "anna", deleted, "read_only"],
        ["pg", "anna", "SET checkout.no_such = ?", "query"],
        ["pg", "anna", "SET transaction_read_only = off", "read_only"],
        ["flight", "anna", deleted, "read_only"],
        ["http", "anna", deleted, "read_only"],
    ];
    assert_eq!(lines(&file), expected);
    assert!(!fs::read_to_string(&file).unwrap().contains("hunter2"));
    let told = house.metrics().await;
    for (door, count) in [("pg", 3), ("flight", 1), ("http", 1)] {
        let line = format!("ckosql_statements_total{{door=\"{door}\",outcome=\"read_only\"}} {count}");
        assert!(told.lines().any(|told| told == line), "{line}\n{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_is_written_down_without_what_it_shows() {
    let house = House::open(&["anna"]).await;
    let file = house.audit();
    assert_eq!(house.lets_in("eve").await, [false; 3]);
    assert_eq!(house.http(Shown::Token(&Secret::new("ckosql_hunter2")), "select 1").await, 401);
    let expected = [["pg", "eve"], ["flight", "eve"], ["http", "eve"], ["http", ""]];
    let expected = expected.map(|[door, user]| [door, user, "", "unauthenticated"]);
    assert_eq!(lines(&file), expected);
    let kept = fs::read_to_string(&file).unwrap();
    assert!(!kept.contains("hunter2") && !kept.contains(password("eve").expose()), "{kept}");
    let told = house.metrics().await;
    for (door, count) in [("pg", 1), ("flight", 1), ("http", 2)] {
        let line = format!("ckosql_logins_failed_total{{door=\"{door}\"}} {count}");
        assert!(told.lines().any(|told| told == line), "{line}\n{told}");
    }
}
