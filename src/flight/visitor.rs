//! Somebody who was let in: whose things it finds, and a session of the engine that nobody else sees the settings of.

use std::sync::Arc;

use crate::engine::{Engine, Planned, Session, access};
use crate::error::Result;

/// A user with a session, which lasts as long as a token, or a connection without one.
#[derive(Debug)]
pub(super) struct Visitor {
    name: Arc<str>,
    session: Session,
}

impl Visitor {
    /// A user with a new session.
    ///
    /// # Errors
    /// Those of [`Engine::session`].
    pub(super) fn try_new(engine: &Engine, name: &Arc<str>) -> Result<Arc<Self>> {
        Ok(Arc::new(Self { name: Arc::clone(name), session: engine.session()? }))
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
    /// Those of [`Session::plan`]; [`crate::error::ErrorKind::ReadOnly`] when it sets what is not the session's.
    pub(super) async fn plan(&self, sql: &str) -> Result<Planned> {
        let planned = self.session.plan(sql).await?;
        planned.setting().map_or(Ok(()), access::check_setting)?;
        Ok(planned)
    }
}
