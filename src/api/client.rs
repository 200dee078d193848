//! The client of one account: a request in, a whole and successful reply out, or one error that says why not.
//!
//! Puts bearer, pace, patience and judgement together. It builds every URL from the account's own hosts, so the bearer
//! goes nowhere else.

use std::fmt;
use std::sync::Arc;

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use tokio::time::timeout;
use url::Url;

use super::auth::{Auth, Bearer, Origin};
use super::config::Account;
use super::download::{self, Download};
use super::flight::Flights;
use super::journal::Entry;
use super::limit::Urgency;
use super::reply::{Answer, Reply};
use super::request::{Method, Request};
use super::retry::{Failure, Patience};
use super::transport::{Errand, Transport, root_cause};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};

pub use super::transport::{Activity, Tally};

/// The client of one account. Clones share the limiter, the token and the connections.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    urgency: Urgency,
}

struct Shared {
    account: Account,
    clock: Clock,
    transport: Transport,
    auth: Auth,
    flights: Flights,
}

impl Client {
    /// A client for an account.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the HTTP stack cannot be set up.
    pub fn try_new(account: Account, clock: Clock) -> Result<Self> {
        let transport = Transport::try_new(&account, clock)?;
        Ok(Self {
            shared: Arc::new(Shared { account, clock, transport, auth: Auth::default(), flights: Flights::default() }),
            urgency: Urgency::default(),
        })
    }

    /// The same client for work that nobody waits for: its requests let all others go ahead.
    #[must_use]
    pub fn in_background(&self) -> Self {
        Self { urgency: Urgency::Background, ..self.clone() }
    }

    /// The account this client speaks for.
    pub fn account(&self) -> &Account {
        &self.shared.account
    }

    /// What this client and its clones have done so far.
    pub fn activity(&self) -> Activity {
        self.shared.transport.tally.read()
    }

    /// Requests that this client and its clones have made for a table, retries included. One that several tables need is made
    /// for one of them.
    pub fn requests_for(&self, table: &str) -> u64 {
        self.shared.transport.requests_for(table)
    }

    /// Its last attempts, oldest first.
    pub fn journal(&self) -> Vec<Entry> {
        self.shared.transport.journal.read()
    }

    /// Requests a second that may be sent now.
    pub fn pace(&self) -> u32 {
        self.shared.transport.pace()
    }

    /// The entity the account's access token names; secret keys name none.
    ///
    /// # Errors
    /// Those of getting a token: [`ErrorKind::Credentials`], [`ErrorKind::Scope`] or [`ErrorKind::Unavailable`].
    pub async fn entity_id(&self) -> Result<Option<String>> {
        self.bearer().await?;
        Ok(self.shared.auth.entity_id().await)
    }

    /// Sends a request until it succeeds, patience ends, or the answer is a refusal, and reads the reply; `None` when there
    /// is no such thing (404). Where `decode` finds the body cut short (a retryable error), the request is sent again; its
    /// other errors end it. Who asks the same at the same time shares the reply. `tally` counts the effort.
    ///
    /// # Errors
    /// [`ErrorKind::Credentials`] and [`ErrorKind::Scope`] when the bearer is refused, [`ErrorKind::Rejected`] when the
    /// request is, [`ErrorKind::Unavailable`] when no proper answer came, [`ErrorKind::Incomplete`] when it is too large,
    /// and those of `decode`.
    pub async fn read<T: Send>(
        &self,
        request: &Request,
        tally: &Tally,
        decode: impl Fn(&Reply) -> Result<T> + Send + Sync,
    ) -> Result<Option<(Reply, T)>> {
        let seat = self.shared.flights.board(request);
        let mut own = None;
        let reply: Result<Option<Reply>> = seat
            .flight
            .get_or_try_init(|| async {
                let read = self.read_alone(request, tally, &decode).await?;
                Ok::<_, Error>(read.map(|(reply, decoded)| {
                    own = Some(decoded);
                    reply
                }))
            })
            .await
            .cloned();
        drop(seat);
        match (reply?, own) {
            (None, _) => Ok(None),
            (Some(reply), Some(decoded)) => Ok(Some((reply, decoded))),
            (Some(reply), None) => {
                let decoded = decode(&reply).map_err(|error| with_request_id(error, &reply))?;
                Ok(Some((reply, decoded)))
            }
        }
    }

    async fn read_alone<T>(
        &self,
        request: &Request,
        tally: &Tally,
        decode: &(impl Fn(&Reply) -> Result<T> + Send + Sync),
    ) -> Result<Option<(Reply, T)>> {
        let attempted = format!("cannot read {}", request.table);
        let errand = self.errand(request, &attempted, tally);
        let mut patience = self.patience();
        loop {
            let failure = match self.attempt(request, &errand, &mut patience).await {
                Ok(None) => return Ok(None),
                Ok(Some(reply)) => match decode(&reply) {
                    Ok(decoded) => return Ok(Some((reply, decoded))),
                    Err(error) => Failure::from(with_request_id(error, &reply)),
                },
                Err(failure) => failure,
            };
            patience.after(failure).await?;
            self.count_retry(&errand);
        }
    }

    /// What a request is sent for; `attempted` begins the message of an error.
    pub(super) fn errand<'a>(&self, request: &Request, attempted: &'a str, tally: &'a Tally) -> Errand<'a> {
        let Request { table, host, method, template, .. } = *request;
        Errand { attempted, table: Some(table), host, method, template, urgency: self.urgency, tally }
    }

    /// The patience for one request or file.
    pub(super) fn patience(&self) -> Patience<'_> {
        Patience::new(&self.shared.account.limits)
    }

    pub(super) fn count_retry(&self, errand: &Errand<'_>) {
        self.shared.transport.count(errand, |tally| &tally.retries, 1);
    }

    /// One attempt; a second one at once where a cached token turns out to have ended early.
    async fn attempt(
        &self,
        request: &Request,
        errand: &Errand<'_>,
        patience: &mut Patience<'_>,
    ) -> Result<Option<Reply>, Failure> {
        let Shared { account, clock, .. } = &*self.shared;
        self.answer(request, errand, patience).await?.judge(request, &account.credential, clock.now())
    }

    async fn answer(&self, request: &Request, errand: &Errand<'_>, patience: &mut Patience<'_>) -> Result<Answer, Failure> {
        let Shared { account, clock, transport, auth, .. } = &*self.shared;
        let bearer = self.bearer().await.map_err(Failure::last)?;
        let answer = self.exchange(request, errand, &bearer, patience).await?;
        if answer.status != StatusCode::UNAUTHORIZED || bearer.origin != Origin::Cached {
            return Ok(answer);
        }
        let bearer = auth.another(&bearer, account, transport, *clock).await.map_err(Failure::last)?;
        self.exchange(request, errand, &bearer, patience).await
    }

    /// One attempt at opening a file: the link, and what is behind it.
    pub(super) async fn try_open(
        &self,
        request: &Request,
        errand: &Errand<'_>,
        patience: &mut Patience<'_>,
    ) -> Result<Option<Download>, Failure> {
        let Shared { account, clock, transport, .. } = &*self.shared;
        let answer = self.answer(request, errand, patience).await?;
        let Some(location) = answer.location.as_ref().filter(|_| answer.status.is_redirection()) else {
            let reply = answer.judge(request, &account.credential, clock.now())?;
            return Ok(reply.map(|reply| Download::whole(reply.body, request.path.clone())));
        };
        let link = download::link(location.expose(), account.hosts.base(request.host))?;
        let allowed = account.limits.attempt_timeout;
        let unreachable = |cause: String| {
            Failure::from(Error::new(ErrorKind::Unavailable, "cannot reach the storage host of a file").caused_by(cause))
        };
        match timeout(allowed, transport.storage()?.get(link).send()).await {
            Ok(Ok(response)) => download::judge(response, allowed, request.path.clone()).map(Some),
            Ok(Err(error)) => Err(unreachable(root_cause(&error))),
            Err(elapsed) => Err(unreachable(elapsed.to_string())),
        }
    }

    async fn bearer(&self) -> Result<Bearer> {
        let Shared { account, clock, transport, auth, .. } = &*self.shared;
        auth.bearer(account, transport, *clock).await
    }

    async fn exchange(
        &self,
        request: &Request,
        errand: &Errand<'_>,
        bearer: &Bearer,
        patience: &mut Patience<'_>,
    ) -> Result<Answer, Failure> {
        let Shared { account, transport, .. } = &*self.shared;
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut builder = transport
            .http
            .request(method, url(account.hosts.base(request.host), request)?)
            .bearer_auth(bearer.secret.expose())
            .header(ACCEPT, "application/json");
        if let Some(body) = &request.body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        // The only input that can fail here is a bearer with characters no header takes.
        let built = builder.build().map_err(|error| {
            Error::new(ErrorKind::Credentials, "the key or token has characters that cannot be sent")
                .caused_by(error.without_url())
        })?;
        transport.exchange(built, patience, errand).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("account", &self.shared.account.name).finish_non_exhaustive()
    }
}

/// The whole URL of a request.
///
/// # Errors
/// [`ErrorKind::Query`] when the path is not what it seems (`/payments/..` is `/`): a key asked for is no key.
fn url(base: &Url, request: &Request) -> Result<Url> {
    let mut url = base.clone();
    let path = format!("{}{}", base.path().trim_end_matches('/'), request.path);
    url.set_path(&path);
    if url.path() != path {
        return Err(Error::new(ErrorKind::Query, format!("cannot read {}: a value is no possible key", request.table)));
    }
    if !request.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&request.query);
    }
    Ok(url)
}

/// A decoder knows the body only; support asks for the request id.
fn with_request_id(error: Error, reply: &Reply) -> Error {
    match &reply.request_id {
        Some(id) => error.with("request id", id),
        None => error,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use wiremock::matchers::{any, body_string, header, method, path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::super::config::{AccountSettings, Limits};
    use super::super::request::Host;
    use super::*;

    pub(in super::super) const KEY: &str = "sk_sbox_markermarkermarkermarkeraa2";

    /// An account whose hosts are all at one address, patient in numbers and not in time.
    pub(in super::super) fn account(settings: AccountSettings, address: &str) -> Account {
        let url = |path: &str| Some(format!("{address}{path}"));
        let settings = AccountSettings {
            api_url: url(""),
            balances_url: url("/balances-host"),
            transfers_url: url(""),
            files_url: url(""),
            token_url: url("/token-host"),
            ..settings
        };
        let mut account = settings.resolve("main").unwrap();
        let limits =
            Limits { attempts: 3, requests_per_second: 100_000, first_wait: Duration::from_millis(1), ..Limits::default() };
        account.limits = limits;
        account
    }

    pub(in super::super) fn with_key() -> AccountSettings {
        AccountSettings { secret_key: Some(KEY.to_owned().into()), ..AccountSettings::default() }
    }

    pub(in super::super) fn get(path: &str) -> Request {
        Request {
            host: Host::Main,
            method: Method::Get,
            path: path.to_owned(),
            template: "/template",
            query: Vec::new(),
            body: None,
            table: "disputes",
            scope: "disputes:view",
            pass: 0,
        }
    }

    impl Client {
        /// The reply to a request, or `None` for 404.
        pub(in super::super) async fn find(&self, request: &Request) -> Result<Option<Reply>> {
            Ok(self.read(request, &Tally::default(), |_| Ok(())).await?.map(|(reply, ())| reply))
        }

        /// The reply to a request that must succeed.
        pub(in super::super) async fn send(&self, request: &Request) -> Result<Reply> {
            self.find(request).await?.ok_or_else(|| Error::new(ErrorKind::Rejected, "404"))
        }
    }

    /// Requests, retries, answers of 429, bytes.
    fn counts(client: &Client) -> (u64, u64, u64, u64) {
        let Activity { requests, retries, throttled, bytes, .. } = client.activity();
        (requests, retries, throttled, bytes)
    }

    fn client(address: &str) -> Client {
        Client::try_new(account(with_key(), address), Clock::System).unwrap()
    }

    async fn answering(templates: impl IntoIterator<Item = ResponseTemplate>) -> MockServer {
        let server = MockServer::start().await;
        for template in templates {
            Mock::given(any()).respond_with(template).up_to_n_times(1).mount(&server).await;
        }
        server
    }

    fn status(status: u16) -> ResponseTemplate {
        ResponseTemplate::new(status)
    }

    /// A server that writes each of these texts to one connection and hangs up.
    async fn raw(answers: &'static [&'static str]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            for answer in answers {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 4096];
                assert_ne!(socket.read(&mut request).await.unwrap(), 0);
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn a_request_carries_bearer_query_and_body_to_its_own_host() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/balances-host/balances/ent_1"))
            .and(query_param("query", "currency:EUR&x=y"))
            .and(header("authorization", format!("Bearer {KEY}").as_str()))
            .and(header("content-type", "application/json"))
            .and(body_string("{}"))
            .respond_with(status(200).set_body_string("[]").insert_header("Cko-Request-Id", "r-1"))
            .expect(1)
            .mount(&server)
            .await;
        let request = Request {
            host: Host::Balances,
            method: Method::Post,
            query: vec![("query".into(), "currency:EUR&x=y".into())],
            body: Some("{}".into()),
            ..get("/balances/ent_1")
        };
        let client = client(&server.uri());
        let reply = client.send(&request).await.unwrap();
        assert_eq!((&reply.body[..], reply.request_id.as_deref()), (&b"[]"[..], Some("r-1")));
        assert_eq!(counts(&client), (1, 0, 0, 2));
    }

    #[tokio::test]
    async fn who_asks_the_same_at_the_same_time_shares_the_answer() {
        let server = answering([status(503), status(200).set_body_string("[1]")]).await;
        let client = client(&server.uri());
        let request = get("/disputes");
        let replies = futures::future::join_all((0..8).map(|_| client.send(&request))).await;
        assert!(replies.into_iter().all(|reply| reply.unwrap().body == "[1]"));
        assert_eq!(counts(&client), (2, 1, 0, 3));
    }

    #[tokio::test]
    async fn a_404_is_nothing_found_or_a_rejection() {
        let server = answering([status(404), status(404)]).await;
        let client = client(&server.uri());
        assert!(client.find(&get("/disputes/dsp_1")).await.unwrap().is_none());
        assert_eq!(client.send(&get("/disputes")).await.unwrap_err().kind(), ErrorKind::Rejected);
    }

    #[tokio::test]
    async fn trouble_that_passes_is_sat_out() {
        let server = answering([status(429), status(503), status(200)]).await;
        let client = client(&server.uri());
        assert!(client.find(&get("/disputes")).await.unwrap().is_some());
        assert_eq!(counts(&client), (3, 2, 1, 0));
    }

    #[tokio::test]
    async fn trouble_that_stays_is_an_error_that_says_how_long_it_was_tried() {
        let server = answering([status(500), status(502), status(504).insert_header("Cko-Request-Id", "r-3")]).await;
        let client = client(&server.uri());
        let error = client.send(&get("/disputes")).await.unwrap_err();
        let facts = ["status", "attempts", "request id"].map(|name| error.context(name).unwrap_or_default().to_owned());
        assert_eq!((error.kind(), facts), (ErrorKind::Unavailable, ["504", "3", "r-3"].map(str::to_owned)));
        assert!(error.context("seconds").is_some());
    }

    #[tokio::test]
    async fn a_refusal_is_not_asked_again() {
        for (code, kind) in [(422, ErrorKind::Rejected), (401, ErrorKind::Credentials), (403, ErrorKind::Scope)] {
            let server = answering([status(code), status(200)]).await;
            let client = client(&server.uri());
            assert_eq!(client.send(&get("/disputes")).await.unwrap_err().kind(), kind);
            assert_eq!(client.activity().requests, 1);
        }
    }

    #[tokio::test]
    async fn a_redirect_is_an_error_and_takes_the_bearer_nowhere() {
        let elsewhere = answering([status(200)]).await;
        let server = answering([status(302).insert_header("Location", elsewhere.uri().as_str())]).await;
        let error = client(&server.uri()).send(&get("/disputes")).await.unwrap_err();
        assert_eq!((error.kind(), error.context("status")), (ErrorKind::Rejected, Some("302")));
        assert!(elsewhere.received_requests().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn cut_bodies_are_fetched_again() {
        let address = raw(&[
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\":",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"dat\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        ])
        .await;
        let client = client(&address);
        let reply = client.send(&get("/disputes")).await.unwrap();
        assert_eq!((&reply.body[..], client.activity().retries), (&b"[]"[..], 2));
    }

    #[tokio::test]
    async fn a_server_that_hangs_up_without_a_word_is_unavailable() {
        let address = raw(&["", "", ""]).await;
        let error = client(&address).send(&get("/disputes")).await.unwrap_err();
        assert_eq!((error.kind(), error.context("attempts")), (ErrorKind::Unavailable, Some("3")), "{error}");
    }

    #[tokio::test]
    async fn a_server_that_never_answers_runs_into_the_timeout() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut account = account(with_key(), &format!("http://{}", listener.local_addr().unwrap()));
        account.limits.attempt_timeout = Duration::from_millis(20);
        let error = Client::try_new(account, Clock::System).unwrap().send(&get("/disputes")).await.unwrap_err();
        assert_eq!((error.kind(), error.context("attempts")), (ErrorKind::Unavailable, Some("3")), "{error}");
        assert_eq!(error.message(), "cannot read disputes: no whole answer in time");
    }

    #[tokio::test]
    async fn a_host_that_is_not_there_is_unavailable_and_says_why() {
        let error = client("http://127.0.0.1:0").send(&get("/disputes")).await.unwrap_err();
        assert_eq!(error.message(), "cannot read disputes: cannot connect");
        assert!(std::error::Error::source(&error).is_some());
    }

    #[tokio::test]
    async fn json_cut_behind_an_honest_length_is_fetched_again_when_the_decoder_says_so() {
        let server = answering(["[1,", "[1,2]"].map(|body| status(200).set_body_string(body))).await;
        let client = client(&server.uri());
        let decode = |reply: &Reply| {
            serde_json::from_slice::<Vec<u8>>(&reply.body)
                .map_err(|error| Error::new(ErrorKind::Unavailable, "cut short").caused_by(error))
        };
        let read = client.read(&get("/disputes"), &Tally::default(), decode).await.unwrap();
        assert_eq!(read.unwrap().1, [1, 2]);
        assert_eq!(client.activity().retries, 1);
    }

    #[tokio::test]
    async fn what_the_decoder_cannot_read_is_not_fetched_again() {
        let server = answering([status(200).insert_header("Cko-Request-Id", "r-1"), status(200)]).await;
        let client = client(&server.uri());
        let decode = |_: &Reply| Err::<(), _>(Error::new(ErrorKind::Decode, "no number"));
        let error = client.read(&get("/disputes"), &Tally::default(), decode).await.unwrap_err();
        assert_eq!((error.kind(), error.context("request id")), (ErrorKind::Decode, Some("r-1")));
        assert_eq!(client.activity().requests, 1);
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_an_error_that_names_it() {
        let server = answering([11, 10].map(|length| status(200).set_body_string("x".repeat(length)))).await;
        let mut account = account(with_key(), &server.uri());
        account.limits.body_bytes = 10;
        let client = Client::try_new(account, Clock::System).unwrap();
        let error = client.send(&get("/disputes")).await.unwrap_err();
        assert_eq!((error.kind(), error.context("limit_bytes")), (ErrorKind::Incomplete, Some("10")));
        assert_eq!(client.activity().requests, 1);
        assert_eq!(client.send(&get("/disputes")).await.unwrap().body.len(), 10);
    }

    #[tokio::test]
    async fn compressed_bodies_are_read() {
        let zipped = [
            31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 74, 73, 44, 73, 84, 178, 138, 142, 173, 5, 0, 148, 100, 178, 94, 11, 0, 0,
            0,
        ];
        let template = status(200).set_body_bytes(zipped.as_slice()).insert_header("Content-Encoding", "gzip");
        let server = answering([template]).await;
        let reply = client(&server.uri()).send(&get("/disputes")).await.unwrap();
        assert_eq!(&reply.body[..], br#"{"data":[]}"#);
    }

    #[tokio::test]
    async fn a_value_that_would_lead_to_another_path_is_never_sent() {
        let server = answering([status(200)]).await;
        for path in ["/disputes/..", "/disputes/%2e%2e", "/disputes/a\\b", "/disputes/a?b"] {
            let error = client(&server.uri()).send(&get(path)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Query, "{path}");
        }
        assert!(server.received_requests().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn no_secret_and_no_value_is_ever_printed() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.reopen().unwrap());
        let _logging = tracing::subscriber::set_default(subscriber.finish());
        let person = "person@example.com";
        let mut request = get("/disputes");
        request.query.push(("email".into(), person.into()));
        let mut printed = format!("{:?} {request:?}", with_key());
        let body = format!(r#"{{"error_type":"{person}","error_codes":["{person}"],"message":"{KEY}"}}"#);
        let server = answering([422, 422, 401, 403, 400, 302].map(|code| status(code).set_body_string(&body))).await;
        // The first answer is for whoever logs: a line that another test meets first, where nobody listens, is unheard until then.
        for address in std::iter::repeat_n(server.uri(), 6).chain(["http://127.0.0.1:0".to_owned()]) {
            let account = account(with_key(), &address);
            let client = Client::try_new(account.clone(), Clock::System).unwrap();
            tracing::callsite::rebuild_interest_cache();
            let error = client.send(&request).await.unwrap_err();
            printed.push_str(&format!("{account:?} {client:?} {error} {error:?} {:?}", error.advice()));
            printed.push_str(&format!("{:?} {:?}", client.shared.transport, client.shared.auth));
        }
        let logged = std::fs::read_to_string(log.path()).unwrap();
        assert!(logged.contains("/disputes?email=…: 422"), "{logged}");
        printed.push_str(&logged);
        for marker in ["marker", "person"] {
            assert!(!printed.contains(marker), "{printed}");
        }
    }
}
