//! Who a connection is: a session of the engine, and the settings of both that are its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::catalog::CatalogProvider;
use datafusion::sql::sqlparser::ast::{Ident, Statement};

use super::catalog::Catalog;
use super::failure::Failure;
use super::settings::{Extent, Settings};
use crate::engine::{CATALOG, Caller, Engine, Session, access};
use crate::error::Result;

/// The schemas that are PostgreSQL's own.
const OWN_SCHEMAS: [&str; 2] = ["pg_catalog", "information_schema"];

/// A user's session.
#[derive(Debug)]
pub(super) struct User {
    engine: Engine,
    caller: Caller,
    catalog: Arc<Catalog>,
    session: Session,
    /// PostgreSQL's.
    settings: Arc<Mutex<Settings>>,
    own: Own,
    /// The statements that were prepared in SQL, with the schema that names were read in.
    prepared: BTreeMap<String, String>,
}

/// The engine's settings, as they were: names and values.
#[derive(Debug, Default)]
struct Own {
    /// What the connection began with.
    first: BTreeMap<String, String>,
    /// Of those that were changed in a transaction, what was so when it began; none where there is no transaction.
    before: Option<BTreeMap<String, String>>,
    /// Of those that hold for the transaction only, what was so before.
    local: BTreeMap<String, String>,
}

impl User {
    /// A session of a name's with these settings.
    ///
    /// # Errors
    /// Those of [`Engine::session_for`].
    pub(super) fn new(engine: &Engine, catalog: &Arc<Catalog>, settings: Settings, caller: Caller) -> Result<Self> {
        let settings = Arc::new(Mutex::new(settings));
        let session = catalog.session(engine, &settings, &caller)?;
        let (engine, catalog, own) = (engine.clone(), Arc::clone(catalog), Own::default());
        Ok(Self { engine, caller, catalog, session, settings, own, prepared: BTreeMap::new() })
    }

    /// From now on, what is so now is what the connection began with.
    pub(super) fn settle(&mut self) {
        self.settings().settle();
        self.own.first = self.own_settings();
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// Has names without a schema's be read by the search path; gives the schema they are of.
    pub(super) fn follow_path(&self) -> String {
        let context = self.session.context();
        let catalog = context.catalog(CATALOG);
        // What nothing is in, or nothing that one may see, is passed over; PostgreSQL's own are not listed.
        let is_there = |name: &str| {
            let is_listed = |catalog: &Arc<dyn CatalogProvider>| catalog.schema_names().iter().any(|listed| listed == name);
            OWN_SCHEMAS.contains(&name) || catalog.as_ref().is_some_and(is_listed)
        };
        // Where there is none, no name is found.
        let schema = self.settings().schema(is_there).unwrap_or_default();
        let state = context.state_ref();
        let is_so = state.read().config_options().catalog.default_schema == schema;
        if !is_so {
            state.write().config_mut().options_mut().catalog.default_schema.clone_from(&schema);
        }
        schema
    }

    /// The ways to read a statement, the truest first.
    pub(super) fn readings(&self, statement: Statement, sql: Option<&str>) -> Vec<Statement> {
        self.catalog.readings(statement, sql)
    }

    pub(super) fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a setting, or sets it back; gives its name and value when the client is to be told of it.
    ///
    /// # Errors
    /// A failure when there is no such setting, it cannot be that, or it is the server's.
    pub(super) async fn set(
        &mut self,
        name: &str,
        value: Option<&str>,
        extent: Extent,
    ) -> Result<Option<(&'static str, String)>, Failure> {
        match access::check_setting(name) {
            Ok(()) => self.set_own(&name.to_lowercase(), value, extent).await.map(|()| None).map_err(Failure::from),
            Err(refused) if name.contains('.') => Err(refused.into()),
            // One of PostgreSQL's.
            Err(_refused) => self.settings().set(name, value, extent),
        }
    }

    /// Changes a setting of the engine's, or sets it back.
    async fn set_own(&mut self, name: &str, value: Option<&str>, extent: Extent) -> Result<()> {
        let old = self.own_settings().remove(name);
        self.session.set(name, value.or_else(|| self.own.first.get(name).map(String::as_str))).await?;
        if extent == Extent::Session {
            self.own.local.remove(name);
        }
        let local = (extent == Extent::Transaction).then_some(&mut self.own.local);
        for kept in [self.own.before.as_mut(), local].into_iter().flatten() {
            if let Some(old) = &old {
                kept.entry(name.to_owned()).or_insert_with(|| old.clone());
            }
        }
        Ok(())
    }

    /// The engine's settings and their values.
    fn own_settings(&self) -> BTreeMap<String, String> {
        let own = self.session.settings().into_iter().filter(|(name, ..)| access::check_setting(name).is_ok());
        own.map(|(name, value, _)| (name, value)).collect()
    }

    /// Has the engine's settings be as they were.
    async fn take_back(&self, values: BTreeMap<String, String>) -> Result<()> {
        if values.is_empty() {
            return Ok(());
        }
        let now = self.own_settings();
        for (name, value) in values.iter().filter(|(name, value)| now.get(*name) != Some(value)) {
            self.session.set(name, Some(value)).await?;
        }
        Ok(())
    }

    /// A transaction begins.
    pub(super) fn begin(&mut self) {
        self.settings().begin();
        self.own.before = Some(BTreeMap::new());
    }

    /// A transaction ends, and what was set in it is kept or not.
    ///
    /// # Errors
    /// Those of [`Session::set`].
    pub(super) async fn end(&mut self, is_kept: bool) -> Result<()> {
        self.settings().end(is_kept);
        let (before, local) = (self.own.before.take(), std::mem::take(&mut self.own.local));
        let was = if is_kept { Some(local) } else { before };
        self.take_back(was.unwrap_or_default()).await
    }

    /// Sets all settings back to what they were at the beginning.
    ///
    /// # Errors
    /// Those of [`Session::set`].
    pub(super) async fn reset(&mut self) -> Result<()> {
        self.settings().reset();
        self.own.local.clear();
        let now = self.own_settings();
        if let Some(before) = &mut self.own.before {
            for (name, value) in now {
                before.entry(name).or_insert(value);
            }
        }
        self.take_back(self.own.first.clone()).await
    }

    /// Begins anew, with what there was at the beginning.
    ///
    /// # Errors
    /// Those of [`Engine::session_for`].
    pub(super) async fn discard(&mut self) -> Result<()> {
        self.session = self.catalog.session(&self.engine, &self.settings, &self.caller)?;
        self.prepared.clear();
        self.reset().await
    }

    /// Knows a statement that was prepared in SQL, with names read in a schema.
    pub(super) fn prepare(&mut self, name: &Ident, schema: &str) {
        self.prepared.insert(spelled(name), schema.to_owned());
    }

    /// The schema that the names of a statement were read in which was prepared in SQL.
    pub(super) fn prepared_in(&self, name: &Ident) -> Option<&str> {
        self.prepared.get(&spelled(name)).map(String::as_str)
    }

    /// Forgets a statement that was prepared in SQL.
    ///
    /// # Errors
    /// A failure when there is none of this name.
    pub(super) async fn deallocate(&mut self, name: &str) -> Result<(), Failure> {
        let forgotten = self.session.query(&format!("deallocate \"{}\"", name.replace('"', "\"\""))).await;
        forgotten.map_err(|_error| no_statement(name))?;
        self.prepared.remove(name);
        Ok(())
    }

    /// Forgets all statements that were prepared in SQL.
    ///
    /// # Errors
    /// Those of [`Self::deallocate`].
    pub(super) async fn deallocate_all(&mut self) -> Result<(), Failure> {
        let names: Vec<_> = self.prepared.keys().cloned().collect();
        for name in names {
            self.deallocate(&name).await?;
        }
        Ok(())
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

/// A name as it counts.
pub(super) fn spelled(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

pub(super) fn no_statement(name: &str) -> Failure {
    Failure::new("26000", format!("prepared statement \"{name}\" does not exist"))
}
