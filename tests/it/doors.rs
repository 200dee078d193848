//! What all doors have in common, tried at each of them.

use std::fs;
use std::path::PathBuf;
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
use tokio_postgres::NoTls;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use super::stand::Stand;

const MINUTE: Duration = Duration::from_secs(60);

/// All doors on free ports, over a small merchant and one file of users.
struct House {
    /// Stays as long as the doors are open.
    _stand: Stand,
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
        Self { _stand: stand, folder, client, ports, stop }
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
