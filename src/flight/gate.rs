//! In front of every call: who it is that calls.
//!
//! ```text
//!  Basic name:password ──┬─ Handshake ──▶ a token, with a session of its own ──▶ Bearer token ──▶ that session
//!                        └─ any call  ──▶ the connection's session
//! ```
//!
//! Nothing behind it is reached by a call that does not pass it, whatever its method is.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, URL_SAFE_NO_PAD as TOKEN};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use hyper::body::Incoming;
use ring::hmac;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{HeaderMap, Request, Response, header};
use tonic::{Code, Status};
use tracing::info;

use super::Server;
use super::service::Face;
use super::visitor::Visitor;
use crate::door::verifier::random;
use crate::door::{Admission, Users};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// How a name and a password are written, with signs at the end that fill it up, or without, as ADBC does it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// Whose things those are that come in where nobody is asked who it is.
const NOBODY: &str = "";

/// The gate of one connection.
pub(super) struct Gate {
    server: Arc<Server>,
    face: Face,
    /// Where the caller is.
    address: Option<SocketAddr>,
    /// Who calls with a name and a password each time, or with nothing.
    own: Mutex<Option<Own>>,
    /// What a login is remembered with: of no use to whoever reads the memory of the next connection.
    key: hmac::Key,
    /// Told when somebody was let in.
    is_entered: CancellationToken,
}

/// The session of a connection.
struct Own {
    /// What was shown.
    login: hmac::Tag,
    visitor: Arc<Visitor>,
}

/// What a caller shows.
enum Proof {
    Nothing,
    Login { name: String, password: Secret },
    Token(Vec<u8>),
}

impl Gate {
    /// The gate of a new connection.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the system has no randomness.
    pub(super) fn try_new(server: &Arc<Server>, address: Option<SocketAddr>) -> Result<Self> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &random::<32>()?);
        let (own, is_entered) = (Mutex::default(), CancellationToken::new());
        Ok(Self { server: Arc::clone(server), face: Server::face(server), address, own, key, is_entered })
    }

    /// Done when somebody was let in.
    pub(super) async fn entered(&self) {
        self.is_entered.cancelled().await;
    }

    /// Answers a call.
    pub(super) async fn answer(&self, mut request: Request<Incoming>) -> Response<Body> {
        let visitor = match self.enter(request.headers()).await {
            Ok(visitor) => visitor,
            Err(status) => return status.into_http(),
        };
        self.is_entered.cancel();
        request.extensions_mut().insert(visitor);
        let answered: Result<_, Infallible> = self.face.clone().call(request).await;
        let Ok(response) = answered;
        response
    }

    /// Who calls.
    async fn enter(&self, headers: &HeaderMap) -> Result<Arc<Visitor>, Status> {
        match (proof(headers)?, &self.server.options.admission) {
            (Proof::Token(token), _) => self.server.tokens.get_of_bearer(&token).ok_or_else(|| {
                Status::unauthenticated("the token is unknown, or was not used for too long\nhint: log in again for another")
            }),
            (Proof::Nothing | Proof::Login { .. }, Admission::Anybody) => self.visit(NOBODY, self.sign(NOBODY, "")),
            (Proof::Nothing, Admission::Passwords(_)) => {
                Err(Status::unauthenticated("nobody is let in here without a name and a password, or a token"))
            }
            (Proof::Login { name, password }, Admission::Passwords(users)) => {
                let login = self.sign(&name, password.expose());
                if let Some(visitor) = self.known(&login) {
                    return Ok(visitor);
                }
                self.check_password(users, &name, password).await?;
                self.visit(&name, login)
            }
        }
    }

    /// Who it is that shows what it has shown before.
    fn known(&self, login: &hmac::Tag) -> Option<Arc<Visitor>> {
        let own = self.own();
        // Both are hashes under a key of this connection: how long it takes to compare them tells nothing.
        own.as_ref().filter(|own| own.login.as_ref() == login.as_ref()).map(|own| Arc::clone(&own.visitor))
    }

    /// The connection's session for one who has shown who it is.
    fn visit(&self, name: &str, login: hmac::Tag) -> Result<Arc<Visitor>, Status> {
        if let Some(visitor) = self.known(&login) {
            return Ok(visitor);
        }
        let visitor = Visitor::try_new(&self.server.engine, &Arc::from(name), self.address)?;
        let mut own = self.own();
        // Another call of the same connection may have been faster.
        if let Some(own) = own.as_ref().filter(|own| own.login.as_ref() == login.as_ref()) {
            return Ok(Arc::clone(&own.visitor));
        }
        *own = Some(Own { login, visitor: Arc::clone(&visitor) });
        info!(user.name = %name, "{name} calls");
        Ok(visitor)
    }

    /// Checks a password, of which only a few are checked at a time: each is worth some milliseconds of a processor.
    async fn check_password(&self, users: &Arc<Users>, name: &str, password: Secret) -> Result<(), Status> {
        let verifier = users.verifier(name).ok_or_else(|| Error::bug("users have no verifier for a name"))?;
        let _turn =
            self.server.checks.acquire().await.map_err(|error| Error::bug("passwords are not checked").caused_by(error))?;
        let checked = tokio::task::spawn_blocking(move || verifier.is_of(&password)).await;
        let is_right = checked.map_err(|error| Error::bug("checking a password broke off").caused_by(error))?;
        // Somebody who is not in the file has a verifier too, which no password is right for.
        if is_right && users.has(name) {
            return Ok(());
        }
        info!(user.name = %name, "password authentication failed for {name}");
        Err(Status::new(Code::Unauthenticated, format!("password authentication failed for user \"{name}\"")))
    }

    fn sign(&self, name: &str, password: &str) -> hmac::Tag {
        hmac::sign(&self.key, format!("{}:{name}{password}", name.len()).as_bytes())
    }

    fn own(&self) -> MutexGuard<'_, Option<Own>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A token for somebody who was let in, with a session of its own.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when the system has no randomness; those of [`Visitor::again`].
pub(super) fn token(server: &Server, visitor: &Visitor) -> Result<String> {
    Ok(TOKEN.encode(server.tokens.put(visitor.name(), visitor.again(&server.engine)?)?))
}

/// What a caller shows in its headers.
fn proof(headers: &HeaderMap) -> Result<Proof, Status> {
    let wrong =
        || Status::unauthenticated("the authorization is neither Basic with a name and a password, nor Bearer with a token");
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, others) = (values.next(), values.next());
    let Some(value) = value else { return Ok(Proof::Nothing) };
    let (scheme, shown) =
        value.to_str().ok().filter(|_| others.is_none()).and_then(|text| text.split_once(' ')).ok_or_else(wrong)?;
    let shown = shown.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return TOKEN.decode(shown).map(Proof::Token).map_err(|_other| wrong());
    }
    let login = BASE64
        .decode(shown)
        .ok()
        .filter(|_| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|login| String::from_utf8(login).ok());
    let login = login.ok_or_else(wrong)?;
    let (name, password) = login.split_once(':').ok_or_else(wrong)?;
    Ok(Proof::Login { name: name.to_owned(), password: Secret::new(password) })
}
