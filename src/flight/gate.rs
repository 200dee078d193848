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
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{HeaderMap, Request, Response, header};
use tracing::info;

use super::Server;
use super::service::Face;
use super::visitor::{DOOR, Login, Visitor};
use crate::door::verifier::random;
use crate::door::{Admission, Users};
use crate::engine::Caller;
use crate::error::Result;
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
    /// The name and the password.
    shown: hmac::Tag,
    visitor: Arc<Visitor>,
}

impl Own {
    /// Whether it is of one who was let in like this.
    fn is_of(&self, login: &Login, shown: &hmac::Tag) -> bool {
        // Both are hashes under a key of this connection: how long it takes to compare them tells nothing.
        self.shown.as_ref() == shown.as_ref() && self.visitor.login() == login
    }
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
        let users = match &self.server.options.admission {
            Admission::Passwords(roll) => Some(roll.now()),
            Admission::Anybody => None,
        };
        match (proof(headers)?, users) {
            (Proof::Token(token), users) => {
                let visitor = self.server.tokens.get_of_bearer(&token);
                visitor.filter(|visitor| users.is_none_or(|users| visitor.is_among(&users))).ok_or_else(|| {
                    self.turn_away(None);
                    Status::unauthenticated(
                        "the token is unknown, was not used for too long, or is of a password that is over\n\
                         hint: log in again for another",
                    )
                })
            }
            (Proof::Nothing | Proof::Login { .. }, None) => {
                self.visit(&Login { name: Arc::from(NOBODY), verifier: None }, self.sign(NOBODY, ""))
            }
            (Proof::Nothing, Some(_)) => {
                Err(Status::unauthenticated("nobody is let in here without a name and a password, or a token"))
            }
            (Proof::Login { name, password }, Some(users)) => {
                let shown = self.sign(&name, password.expose());
                let login = Login { verifier: users.verifier(&name), name: Arc::from(name.as_str()) };
                if let Some(visitor) = self.known(&login, &shown) {
                    return Ok(visitor);
                }
                self.check_password(&users, name, password).await?;
                self.visit(&login, shown)
            }
        }
    }

    /// Who it is that shows what it has shown before.
    fn known(&self, login: &Login, shown: &hmac::Tag) -> Option<Arc<Visitor>> {
        self.own().as_ref().filter(|own| own.is_of(login, shown)).map(|own| Arc::clone(&own.visitor))
    }

    /// The connection's session for one who has shown who it is.
    fn visit(&self, login: &Login, shown: hmac::Tag) -> Result<Arc<Visitor>, Status> {
        if let Some(visitor) = self.known(login, &shown) {
            return Ok(visitor);
        }
        let visitor = Visitor::try_new(&self.server.engine, login.clone(), self.address)?;
        let mut own = self.own();
        // Another call of the same connection may have been faster.
        if let Some(own) = own.as_ref().filter(|own| own.is_of(login, &shown)) {
            return Ok(Arc::clone(&own.visitor));
        }
        *own = Some(Own { shown, visitor: Arc::clone(&visitor) });
        info!(user.name = %login.name, "{} calls", login.name);
        Ok(visitor)
    }

    /// Checks a password.
    ///
    /// # Errors
    /// One that does not tell whether there is such a user.
    async fn check_password(&self, users: &Arc<Users>, name: String, password: Secret) -> Result<(), Status> {
        if users.is_password(name.clone(), password).await? {
            return Ok(());
        }
        let refused = Status::unauthenticated(format!("password authentication failed for user \"{name}\""));
        self.turn_away(Some(name));
        Err(refused)
    }

    /// Notes that somebody is not let in.
    fn turn_away(&self, user: Option<String>) {
        self.server.engine.turn_away(&Caller { door: DOOR, user, address: self.address });
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
