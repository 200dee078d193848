//! Somebody who was let in: whose things it finds, and a session of the engine that nobody else sees the settings of.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::engine::{Caller, Engine, Planned, Session};
use crate::error::Result;

/// The door's name, where it is told by which door somebody came.
const DOOR: &str = "flight";

/// A user with a session, which lasts as long as a token, or a connection without one.
#[derive(Debug)]
pub(super) struct Visitor {
    name: Arc<str>,
    address: Option<SocketAddr>,
    session: Session,
}

impl Visitor {
    /// A user with a new session, who is somewhere.
    ///
    /// # Errors
    /// Those of [`Engine::session_for`].
    pub(super) fn try_new(engine: &Engine, name: &Arc<str>, address: Option<SocketAddr>) -> Result<Arc<Self>> {
        let user = Some(name.to_string()).filter(|name| !name.is_empty());
        let session = engine.session_for(Caller { door: DOOR, user, address })?;
        Ok(Arc::new(Self { name: Arc::clone(name), address, session }))
    }

    /// The same user with a session of its own.
    ///
    /// # Errors
    /// Those of [`Engine::session_for`].
    pub(super) fn again(&self, engine: &Engine) -> Result<Arc<Self>> {
        Self::try_new(engine, &self.name, self.address)
    }

    /// The user's name, which is nobody's where nobody is asked who it is.
    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
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
