//! The session everybody shares: catalogue, options, access; one [`Engine`] per process.
//!
//! Every face (shell, command line, servers) asks an [`Engine`] for [`Session`]s and hands them SQL; none of them makes
//! a DataFusion context of its own, so what is allowed and what is read is decided in one place.

pub mod access;
pub mod config;
pub mod doctor;
pub mod reference;
mod views;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::config::Dialect;
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};

use crate::api::Client;
use crate::api::config::Account;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::resources::RESOURCES;
use crate::source::connection::Connection;
use crate::source::{CheckoutOptions, LiveTable};
use config::Config;

/// Name of the catalogue.
pub const CATALOG: &str = "checkout";
/// Schema of the tables that read the API when queried.
pub const LIVE: &str = "live";
/// Schema that is searched when none is named.
pub const PUBLIC: &str = "public";

/// The engine of a process: its accounts, their limiters, and the catalogue. Clones share everything.
#[derive(Debug, Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    connections: Arc<[Arc<Connection>]>,
    catalog: Arc<dyn CatalogProvider>,
    config: Config,
}

/// One user's session: settings are its own, everything else is the engine's.
#[derive(Clone)]
pub struct Session {
    context: SessionContext,
    clock: Clock,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("id", &self.context.session_id()).finish_non_exhaustive()
    }
}

/// The answer to a statement: rows, as they come.
pub struct Answer {
    /// Columns of the answer.
    pub schema: SchemaRef,
    /// The rows; dropping the stream stops all requests.
    pub batches: SendableRecordBatchStream,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// What a process has done so far, for progress lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Activity {
    /// Requests sent to Checkout.com, retries included.
    pub requests: u64,
    /// Attempts that had to be repeated.
    pub retries: u64,
    /// Answers of 429.
    pub throttled: u64,
    /// Rows decoded.
    pub rows: u64,
    /// Bytes received.
    pub bytes: u64,
}

impl Engine {
    /// An engine over the configured accounts.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when an account cannot be used.
    pub fn try_new(config: Config) -> Result<Self> {
        let mut connections = Vec::with_capacity(config.accounts.len());
        for account in &config.accounts {
            connections.push(Connection::new(Client::try_new(account.clone(), config.clock)?, config.clock));
        }
        let connections: Arc<[_]> = connections.into();
        let catalog = catalog(&connections)?;
        let engine = Self { shared: Arc::new(Shared { connections, catalog, config }) };
        engine.register_views()?;
        Ok(engine)
    }

    /// A new session with the configured settings.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when a configured setting does not exist or has a wrong value.
    pub fn session(&self) -> Result<Session> {
        let mut context = SessionContext::new_with_state(self.state()?);
        datafusion_functions_json::register_all(&mut context)?;
        context.register_catalog(CATALOG, Arc::clone(&self.shared.catalog));
        Ok(Session { context, clock: self.shared.config.clock })
    }

    /// The accounts it reads.
    pub fn accounts(&self) -> &[Account] {
        &self.shared.config.accounts
    }

    fn state(&self) -> Result<SessionState> {
        let mut config = SessionConfig::new()
            .with_create_default_catalog_and_schema(false)
            .with_default_catalog_and_schema(CATALOG, PUBLIC)
            .with_information_schema(true)
            .with_option_extension(CheckoutOptions::default());
        let options = config.options_mut();
        // A decimal literal in SQL must stay one: `amount > 0.1` compares money.
        options.sql_parser.parse_float_as_decimal = true;
        options.sql_parser.collect_spans = true;
        options.sql_parser.dialect = Dialect::PostgreSQL;
        for (name, value) in &self.shared.config.settings {
            options.set(name, value).map_err(|error| {
                Error::new(ErrorKind::Config, "cannot apply a setting").with("setting", name).caused_by(error)
            })?;
        }
        Ok(SessionStateBuilder::new().with_config(config).with_default_features().build())
    }

    fn register_views(&self) -> Result<()> {
        let public = self.shared.catalog.schema(PUBLIC).ok_or_else(|| Error::bug("the catalogue has no public schema"))?;
        views::register(&self.session()?.context.state(), public.as_ref())
    }

    /// What this engine has done so far.
    pub fn activity(&self) -> Activity {
        let mut sum = Activity::default();
        for connection in self.shared.connections.iter() {
            let client = connection.client.activity();
            sum.requests += client.requests;
            sum.retries += client.retries;
            sum.throttled += client.throttled;
            sum.bytes += client.bytes;
            sum.rows += connection.rows();
        }
        sum
    }
}

/// The catalogue: every resource in `live`, and in `public` what people want of it, which is the live table as long as
/// nothing is synced.
fn catalog(connections: &Arc<[Arc<Connection>]>) -> Result<Arc<dyn CatalogProvider>> {
    let catalog = MemoryCatalogProvider::new();
    let (live, public) = (Arc::new(MemorySchemaProvider::new()), Arc::new(MemorySchemaProvider::new()));
    for resource in RESOURCES {
        let table: Arc<dyn TableProvider> = Arc::new(LiveTable::new(resource, Arc::clone(connections)));
        live.register_table(resource.name.to_owned(), Arc::clone(&table))?;
        public.register_table(resource.name.to_owned(), table)?;
    }
    catalog.register_schema(LIVE, live)?;
    catalog.register_schema(PUBLIC, public)?;
    Ok(Arc::new(catalog))
}

impl Session {
    /// Runs one statement.
    ///
    /// # Errors
    /// The kind says whose fault it is; see [`ErrorKind`].
    pub async fn query(&self, sql: &str) -> Result<Answer> {
        let state = self.context.state();
        let plan = state.create_logical_plan(sql).await?;
        access::check(&plan)?;
        let frame = match &plan {
            // These change the session.
            LogicalPlan::Statement(_) => self.context.execute_logical_plan(plan).await?,
            _ => DataFrame::new(self.state_now(), plan),
        };
        let batches = frame.execute_stream().await?;
        Ok(Answer { schema: batches.schema(), batches })
    }

    /// The session as it is, where `now()` is the engine's now: the stand-in merchant lives on a day of its own.
    fn state_now(&self) -> SessionState {
        let mut state = self.context.state();
        if let Clock::Fixed(now) = self.clock {
            state.execution_props_mut().query_execution_start_time = Some(now);
        }
        state
    }
}
