//! Somebody who was let in: whose things it finds, and a session of the engine that nobody else sees the settings of.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::door::Users;
use crate::door::verifier::Verifier;
use crate::engine::{Caller, Engine, Planned, Session};
use crate::error::Result;

/// The door's name, where it is told by which door somebody came.
pub(super) const DOOR: &str = "flight";

/// A user with a session, which lasts as long as a token, or a connection without one.
#[derive(Debug)]
pub(super) struct Visitor {
    login: Login,
    address: Option<SocketAddr>,
    session: Session,
}

/// Who it is that was let in, and what it was let in by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Login {
    /// Nobody's where nobody is asked who it is.
    pub(super) name: Arc<str>,
    /// What the password was checked with; none where none was asked for.
    pub(super) verifier: Option<Verifier>,
}

impl Visitor {
    /// A user with a new session, who is somewhere.
    ///
    /// # Errors
    /// Those of [`Engine::session_for`].
    pub(super) fn try_new(engine: &Engine, login: Login, address: Option<SocketAddr>) -> Result<Arc<Self>> {
        let user = Some(login.name.to_string()).filter(|name| !name.is_empty());
        let session = engine.session_for(Caller { door: DOOR, user, address })?;
        Ok(Arc::new(Self { login, address, session }))
    }

    /// Who it is.
    pub(super) fn login(&self) -> &Login {
        &self.login
    }

    /// Whether these users have it still, and with the password it was let in by.
    pub(super) fn is_among(&self, users: &Users) -> bool {
        self.login.verifier == users.verifier(self.name())
    }

    /// The same user with a session of its own.
    ///
    /// # Errors
    /// Those of [`Engine::session_for`].
    pub(super) fn again(&self, engine: &Engine) -> Result<Arc<Self>> {
        Self::try_new(engine, self.login.clone(), self.address)
    }

    /// The user's name.
    pub(super) fn name(&self) -> &Arc<str> {
        &self.login.name
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// Plans a statement.
    ///
    /// # Errors
    /// Those of [`Session::plan`].
    pub(super) async fn plan(&self, sql: &str) -> Result<Planned> {
        self.session.plan(sql).await
    }
}
