//! Who a connection is: a session of the engine, and the settings of PostgreSQL that are its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::sql::sqlparser::ast::Statement;

use super::catalog::Catalog;
use super::failure::Failure;
use super::settings::Settings;
use crate::engine::{Caller, Engine, Session};
use crate::error::Result;

/// A user's session.
#[derive(Debug)]
pub(super) struct User {
    engine: Engine,
    caller: Caller,
    catalog: Arc<Catalog>,
    session: Session,
    settings: Arc<Mutex<Settings>>,
}

impl User {
    /// A session of a name's with these settings.
    ///
    /// # Errors
    /// Those of [`Engine::session_for`].
    pub(super) fn new(engine: &Engine, catalog: &Arc<Catalog>, settings: Settings, caller: Caller) -> Result<Self> {
        let settings = Arc::new(Mutex::new(settings));
        let session = catalog.session(engine, &settings, &caller)?;
        Ok(Self { engine: engine.clone(), caller, catalog: Arc::clone(catalog), session, settings })
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// The ways to read a statement, the truest first.
    pub(super) fn readings(&self, statement: Statement, sql: Option<&str>) -> Vec<Statement> {
        self.catalog.readings(statement, sql)
    }

    pub(super) fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets everything back to what it was at the beginning.
    ///
    /// # Errors
    /// Those of [`Engine::session_for`].
    pub(super) fn reset(&mut self) -> Result<()> {
        self.session = self.catalog.session(&self.engine, &self.settings, &self.caller)?;
        self.settings().reset();
        Ok(())
    }

    /// Forgets a statement that was prepared in SQL.
    ///
    /// # Errors
    /// A failure when there is none of this name.
    pub(super) async fn deallocate(&self, name: &str) -> Result<(), Failure> {
        let forgotten = self.session.query(&format!("deallocate \"{}\"", name.replace('"', "\"\""))).await;
        forgotten.map(drop).map_err(|_error| no_statement(name))
    }

    /// The value of a setting.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let own = self.settings().get(name).map(str::to_owned);
        own.or_else(|| self.session.settings().into_iter().find(|(key, ..)| key == name).map(|(_, value, _)| value))
    }

    /// All settings: name, value, what it is.
    pub(super) fn all(&self) -> Vec<(String, String, String)> {
        let mut all: Vec<_> =
            self.settings().all().map(|(name, value)| (name.to_owned(), value.to_owned(), String::new())).collect();
        all.extend(self.session.settings());
        all.sort();
        all
    }
}

pub(super) fn no_statement(name: &str) -> Failure {
    Failure::new("26000", format!("prepared statement \"{name}\" does not exist"))
}
