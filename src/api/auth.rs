//! The bearer of an account: its secret key, or a token swapped for its client credentials.
//!
//! A token is cached, replaced a little before it ends, and minted once however many requests wait for it. What a 401
//! means is judged elsewhere; here is only the way to another token.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::claims::claims;
use super::config::{Account, Credential};
use super::limit::Urgency;
use super::reply::Answer;
use super::request::{Host, Method};
use super::retry::{Failure, Patience};
use super::transport::{Errand, Tally, Transport};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

const ATTEMPTED: &str = "cannot get an access token";
const PATH: &str = "/connect/token";
/// A token is replaced this long before its end, or a tenth of its life if that is shorter.
const MARGIN: Duration = Duration::from_secs(60);
/// Life of a token that does not say how long it lives; the vendor's tokens live an hour.
const USUAL_LIFE_SECONDS: u64 = 3600;

/// What goes into the `Authorization` header.
#[derive(Debug, Clone)]
pub(super) struct Bearer {
    pub(super) secret: Secret,
    pub(super) origin: Origin,
}

/// Where a bearer comes from, which decides whether another one can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The account's secret key: there is no other.
    Key,
    /// The cache; it may have ended early.
    Cached,
    /// Just minted.
    Minted,
}

/// Gives the bearers of one account.
#[derive(Debug, Default)]
pub(super) struct Auth {
    token: Mutex<Option<Token>>,
}

#[derive(Debug)]
struct Token {
    secret: Secret,
    replace_at: Instant,
    entity_id: Option<String>,
}

/// The token host's answer.
#[derive(Deserialize)]
struct Minted {
    access_token: String,
    expires_in: Option<u64>,
}

/// Client credentials, borrowed from the account.
struct Swap<'a> {
    id: &'a str,
    secret: &'a Secret,
    scopes: &'a [String],
}

/// The error of asking with an account that only has files.
fn absent(account: &Account) -> Error {
    Error::new(ErrorKind::Credentials, "the account has no key to read Checkout.com with, only a folder of report files")
        .with("account", &account.name)
        .hint(super::key::ADVICE)
}

impl Auth {
    /// A bearer to try.
    ///
    /// # Errors
    /// [`ErrorKind::Credentials`] or [`ErrorKind::Scope`] when the token host refuses; [`ErrorKind::Unavailable`] when it
    /// does not answer.
    pub(super) async fn bearer(&self, account: &Account, transport: &Transport, clock: Clock) -> Result<Bearer> {
        let swap = match &account.credential {
            Credential::SecretKey(secret) => return Ok(Bearer { secret: secret.clone(), origin: Origin::Key }),
            Credential::ClientCredentials { id, secret, scopes } => Swap { id, secret, scopes },
            Credential::Absent => return Err(absent(account)),
        };
        // Held while minting, on purpose: the others wait for this token instead of asking for more.
        let token = self.token.lock().await;
        match token.as_ref().filter(|token| Instant::now() < token.replace_at) {
            Some(token) => Ok(Bearer { secret: token.secret.clone(), origin: Origin::Cached }),
            None => mint(token, &swap, account, transport, clock).await,
        }
    }

    /// Another bearer than one that was refused: minted, unless somebody else did that meanwhile.
    ///
    /// # Errors
    /// As [`Auth::bearer`].
    pub(super) async fn another(
        &self,
        refused: &Bearer,
        account: &Account,
        transport: &Transport,
        clock: Clock,
    ) -> Result<Bearer> {
        let mut token = self.token.lock().await;
        if token.as_ref().is_some_and(|token| token.secret == refused.secret) {
            *token = None;
        }
        drop(token);
        self.bearer(account, transport, clock).await
    }

    /// The entity named in the token in use, if there is one and it names one.
    pub(super) async fn entity_id(&self) -> Option<String> {
        self.token.lock().await.as_ref().and_then(|token| token.entity_id.clone())
    }
}

async fn mint(
    mut cache: MutexGuard<'_, Option<Token>>,
    swap: &Swap<'_>,
    account: &Account,
    transport: &Transport,
    clock: Clock,
) -> Result<Bearer> {
    let url = format!("{}{PATH}", account.hosts.base(Host::Token).as_str().trim_end_matches('/'));
    let mut form = vec![("grant_type", "client_credentials".to_owned())];
    if !swap.scopes.is_empty() {
        form.push(("scope", swap.scopes.join(" ")));
    }
    let tally = Tally::default();
    let errand = Errand {
        attempted: ATTEMPTED,
        table: None,
        host: Host::Token,
        method: Method::Post,
        template: PATH,
        urgency: Urgency::Interactive,
        tally: &tally,
    };
    let mut patience = Patience::new(&account.limits);
    loop {
        let request = transport.http.post(&url).basic_auth(swap.id, Some(swap.secret.expose())).form(&form).build();
        let request = request.map_err(|error| Error::bug("cannot build the token request").caused_by(error.without_url()))?;
        let outcome = transport.exchange(request, &mut patience, &errand).await;
        match outcome.and_then(|answer| token(&answer, clock)) {
            Ok(token) => {
                let secret = token.secret.clone();
                *cache = Some(token);
                return Ok(Bearer { secret, origin: Origin::Minted });
            }
            Err(failure) => patience.after(failure).await?,
        }
        transport.tally.retries.fetch_add(1, Ordering::Relaxed);
    }
}

/// Reads the token host's answer; a success has been seen with 201 too.
fn token(answer: &Answer, clock: Clock) -> Result<Token, Failure> {
    if !answer.status.is_success() {
        return Err(refusal(answer).map_or_else(|| answer.failure(ATTEMPTED, clock.now()), Failure::from));
    }
    // The parser's message may quote the token, so only its position is kept.
    let minted: Minted = match serde_json::from_slice(&answer.body) {
        Ok(minted) => minted,
        Err(error) => {
            let message = format!("{ATTEMPTED}: the answer cannot be read");
            return Err(answer.error(ErrorKind::Unavailable, &message).with("byte", error.column()).into());
        }
    };
    let life = Duration::from_secs(minted.expires_in.unwrap_or(USUAL_LIFE_SECONDS));
    let entity_id = claims(&minted.access_token).and_then(|claims| claims.cko_entity_id);
    // A life beyond what the clock can count is as good as none: a 401 will end it.
    let replace_at = Instant::now().checked_add(life.saturating_sub(MARGIN.min(life / 10))).unwrap_or_else(Instant::now);
    Ok(Token { secret: Secret::new(minted.access_token), replace_at, entity_id })
}

/// What the token host's own words mean; `None` when it has none.
fn refusal(answer: &Answer) -> Option<Error> {
    let word = answer.token_error()?;
    Some(match word.as_str() {
        "invalid_scope" => answer
            .error(ErrorKind::Scope, &format!("{ATTEMPTED}: the access key does not have all the scopes asked for"))
            .hint("list only scopes the access key has, or leave scopes out to ask for all it has"),
        "invalid_client" | "invalid_grant" | "unauthorized_client" => answer
            .error(
                ErrorKind::Credentials,
                &format!("{ATTEMPTED}: Checkout.com does not know the client id, or the secret is wrong"),
            )
            .hint("check CHECKOUT_CLIENT_ID, CHECKOUT_CLIENT_SECRET, CHECKOUT_ENVIRONMENT and CHECKOUT_PREFIX"),
        _ if answer.status.is_client_error() && answer.status.as_u16() != 429 => {
            answer.error(ErrorKind::Credentials, &format!("{ATTEMPTED}: Checkout.com refused the access key"))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use bytes::Bytes;
    use reqwest::StatusCode;
    use serde_json::json;
    use wiremock::matchers::{body_string, header, method, path, query_param_is_missing};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::super::client::Client;
    use super::super::client::tests::{account, get};
    use super::super::config::AccountSettings;
    use super::super::request::Request;
    use super::*;

    fn client(scopes: Option<Vec<String>>, server: &MockServer) -> Client {
        let settings = AccountSettings {
            client_id: Some("ack_1".to_owned()),
            client_secret: Some("marker".to_owned().into()),
            scopes,
            ..AccountSettings::default()
        };
        Client::try_new(account(settings, &server.uri()), Clock::System).unwrap()
    }

    /// A token host that gives each token once.
    async fn minting(tokens: &[&str]) -> MockServer {
        let server = MockServer::start().await;
        for token in tokens {
            let body = json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 });
            answer("/token-host/connect/token", ResponseTemplate::new(201).set_body_json(body))
                .up_to_n_times(1)
                .mount(&server)
                .await;
        }
        server
    }

    fn answer(at: &str, template: ResponseTemplate) -> Mock {
        Mock::given(path(at)).respond_with(template)
    }

    /// Answers of the API for one token.
    async fn accept(token: &str, status: u16, times: u64, server: &MockServer) {
        let bearer = format!("Bearer {token}");
        Mock::given(path("/reports"))
            .and(header("authorization", bearer.as_str()))
            .respond_with(ResponseTemplate::new(status))
            .up_to_n_times(times)
            .expect(times)
            .mount(server)
            .await;
    }

    fn answered(status: u16, body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            body: Bytes::copy_from_slice(body.as_bytes()),
            request_id: None,
            retry_after: None,
            location: None,
        }
    }

    #[tokio::test]
    async fn one_token_serves_many_waiting_requests() {
        let server = minting(&["t1"]).await;
        accept("t1", 200, 8, &server).await;
        let client = client(None, &server);
        let requests: Vec<Request> = (0..8).map(|pass| Request { pass, ..get("/reports") }).collect();
        for reply in futures::future::join_all(requests.iter().map(|request| client.send(request))).await {
            reply.unwrap();
        }
        assert_eq!(client.activity().requests, 9);
    }

    #[tokio::test]
    async fn credentials_travel_in_the_header_and_scopes_in_the_form() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/token-host/connect/token"))
            .and(header("authorization", format!("Basic {}", STANDARD.encode("ack_1:marker")).as_str()))
            .and(body_string("grant_type=client_credentials&scope=reports%3Aview+disputes%3Aview"))
            .and(query_param_is_missing("client_secret"))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "access_token": "t1" })))
            .expect(1)
            .mount(&server)
            .await;
        let scopes = ["reports:view", "disputes:view"].map(str::to_owned).to_vec();
        assert_eq!(client(Some(scopes), &server).entity_id().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_token_that_ended_early_is_replaced_once() {
        let server = minting(&["t1", "t2"]).await;
        accept("t1", 200, 1, &server).await;
        accept("t1", 401, 1, &server).await;
        accept("t2", 200, 1, &server).await;
        let client = client(None, &server);
        client.send(&get("/reports")).await.unwrap();
        client.send(&get("/reports")).await.unwrap();
        assert_eq!(client.activity().requests, 5);
    }

    #[tokio::test]
    async fn a_fresh_token_refused_lacks_the_scope_and_is_not_replaced() {
        let server = minting(&["t1", "t2"]).await;
        accept("t1", 401, 2, &server).await;
        accept("t2", 401, 1, &server).await;
        let client = client(None, &server);
        let error = client.send(&get("/reports")).await.unwrap_err();
        assert_eq!((error.kind(), error.context("scope")), (ErrorKind::Scope, Some("disputes:view")));
        assert_eq!(client.activity().requests, 2);
        let error = client.send(&get("/reports")).await.unwrap_err();
        assert_eq!((error.kind(), client.activity().requests), (ErrorKind::Scope, 5));
    }

    #[tokio::test]
    async fn the_token_host_s_refusals_are_told_apart() {
        for (word, kind) in [
            ("invalid_client", ErrorKind::Credentials),
            ("invalid_scope", ErrorKind::Scope),
            ("unsupported_grant_type", ErrorKind::Credentials),
        ] {
            let server = MockServer::start().await;
            let template = ResponseTemplate::new(400).set_body_json(json!({ "error": word }));
            answer("/token-host/connect/token", template).expect(1).mount(&server).await;
            let error = client(None, &server).send(&get("/reports")).await.unwrap_err();
            assert_eq!((error.kind(), error.context("error_type")), (kind, Some(word)));
        }
    }

    #[tokio::test]
    async fn a_token_host_in_trouble_is_asked_again() {
        let server = MockServer::start().await;
        answer("/token-host/connect/token", ResponseTemplate::new(503)).up_to_n_times(1).mount(&server).await;
        let payload = URL_SAFE_NO_PAD.encode(r#"{"cko_entity_id":"ent_1","scope":["x"]}"#);
        let body = json!({ "access_token": format!("h.{payload}.s"), "expires_in": 3600 });
        answer("/token-host/connect/token", ResponseTemplate::new(200).set_body_json(body)).mount(&server).await;
        let client = client(None, &server);
        assert_eq!(client.entity_id().await.unwrap().as_deref(), Some("ent_1"));
        assert_eq!((client.activity().requests, client.activity().retries), (2, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_replaced_before_it_ends() {
        for (life, kept) in [(3600, 3540), (100, 90), (0, 0)] {
            let body = format!(r#"{{"access_token":"t","expires_in":{life}}}"#);
            let token = token(&answered(200, &body), Clock::System).unwrap();
            assert_eq!((token.replace_at - Instant::now()).as_secs(), kept);
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_no_token_is_tried_again_and_not_quoted() {
        let failure = token(&answered(200, r#"{"access_token":["marker"]}"#), Clock::System).unwrap_err();
        assert!(failure.error.is_retryable());
        assert!(!format!("{:?}", failure.error).contains("marker"));
    }
}
