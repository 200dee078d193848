//! The session everybody shares: catalogue, options, access; one [`Engine`] per process.
//!
//! Every face (shell, command line, servers) asks an [`Engine`] for [`Session`]s and hands them SQL; none of them makes
//! a DataFusion context of its own, so what is allowed and what is read is decided in one place.

pub mod access;
pub(crate) mod aside;
mod bill;
mod books;
mod bounds;
mod checks;
pub mod config;
mod declared;
pub mod depth;
pub mod doctor;
pub mod journal;
pub mod meaning;
mod memory;
pub mod number;
mod pauses;
mod planned;
mod recon;
pub mod reference;
pub mod roles;
mod sides;
mod system;
pub mod times;
mod views;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::config::{ConfigEntry, Dialect, ExtensionOptions};
use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{FunctionRegistry, SendableRecordBatchStream, SessionState, SessionStateBuilder};
use datafusion::logical_expr::{LogicalPlan, ResetVariable, SetVariable, Statement};
use datafusion::optimizer::Analyzer;
use datafusion::physical_plan::execute_stream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use datafusion::sql::parser::Statement as ParsedStatement;
use futures::{FutureExt, StreamExt, stream};

use crate::api::Client;
use crate::api::config::Account;
use crate::books::Books;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::lake::policy::{Policy, shown};
use crate::lake::public::PublicTable;
use crate::lake::scan;
use crate::lake::sync::{self, Step, Stop, Synced};
use crate::lake::watch::{Time, Told, Watch};
use crate::lake::{Lake, history, no_lake};
use crate::matching::check::check;
use crate::matching::conventions::Conventions;
use crate::matching::functions;
use crate::matching::outcome::Outcome;
use crate::matching::overrides::Overrides;
use crate::matching::results::Results;
use crate::matching::rule::Rule;
use crate::money::Exponents;
use crate::resources::{RESOURCES, resource};
use crate::source::connection::Connection;
use crate::source::statement::Statement as Budget;
use crate::source::{CheckoutOptions, LiveTable, joins, moments, scalar};
use crate::store::Location;
use aside::Deadline;
use bill::Bills;
pub use books::BOOKS;
use books::{OtherSide, WithBooks};
use config::Config;
pub use journal::Caller;
use journal::{Counts, Journal, Running};
use pauses::Awaited;
pub use planned::Planned;
pub use recon::RECON;
use roles::{Admitted, Allowed, Limits, Roles, SeenSchema};

/// Name of the catalogue.
pub const CATALOG: &str = "checkout";
/// Schema of the tables that read the API when queried.
pub const LIVE: &str = "live";
/// Schema of the tables as they were last synced.
pub const LAKE: &str = "lake";
/// Schema of what ckosql knows about itself.
pub const SYSTEM: &str = "system";
/// Schema of what is taken as known.
pub const REF: &str = "ref";
/// Schema of the checks.
pub const CHECKS: &str = "checks";
/// Schema of the sides of the shipped rules.
pub const SIDES: &str = "sides";
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
    lake: Option<Arc<Lake>>,
    books: Arc<Books>,
    conventions: Arc<Conventions>,
    config: Config,
    /// Where all sessions run: their memory, and where they keep what does not fit into it.
    runtime: Arc<RuntimeEnv>,
    /// Known once their tables are.
    roles: OnceLock<Roles>,
    journal: Arc<Journal>,
}

/// Plans the engine's own views, over what a role sees where it is said which.
#[derive(Debug, Clone)]
struct Planner {
    /// Of a catalogue that the engine has.
    engine: Weak<Shared>,
    role: Option<String>,
}

impl Planner {
    fn of(engine: &Engine, role: Option<&str>) -> Self {
        Self { engine: Arc::downgrade(&engine.shared), role: role.map(str::to_owned) }
    }

    /// Whether they are over what a role sees: one that needs more than that is not there.
    fn is_a_role_s(&self) -> bool {
        self.role.is_some()
    }

    /// The state of a session in which they are planned.
    fn state(&self) -> Result<SessionState> {
        let shared = self.engine.upgrade().ok_or_else(|| Error::bug("a catalogue outlived its engine"))?;
        let engine = Engine { shared };
        let session = match &self.role {
            None => engine.session()?,
            Some(role) => engine.session_over(engine.roles().named(role)?, Caller::default())?,
        };
        Ok(session.context.state())
    }
}

/// One user's session: settings are its own, everything else is the engine's.
#[derive(Clone)]
pub struct Session {
    context: SessionContext,
    books: Arc<OtherSide>,
    conventions: Arc<Conventions>,
    clock: Clock,
    limits: Limits,
    /// Whether it is somebody's who came in by a door, and not the one's who runs the process.
    is_guest: bool,
    /// The settings by the configuration: what guests may take is no more than they say.
    configured: Arc<CheckoutOptions>,
    journal: Arc<Journal>,
    caller: Arc<Caller>,
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
            check_tables(account)?;
            connections.push(Connection::new(Client::try_new(account.clone(), config.clock)?, config.clock));
        }
        let connections: Arc<[_]> = connections.into();
        let lake = config.lake.as_ref().map(|options| -> Result<_> {
            Ok(Arc::new(Lake::new(Location::parse(&options.url, &options.storage)?, options.retention, &config.policy)?))
        });
        let lake = lake.transpose()?;
        if let (Some(lake), Some(options)) = (&lake, &config.lake) {
            options.schedules.check(lake)?;
        }
        let books = Arc::new(Books::new(config.books.clone()));
        let catalog = catalog(&connections, lake.as_ref(), &books, &config.policy)?;
        let conventions = Arc::new(Conventions { exponents: exponents(&config.accounts)?, ..Conventions::default() });
        let (runtime, roles, journal) = (runtime(&config)?, OnceLock::new(), Arc::default());
        let shared = Shared { connections, catalog, lake, books, conventions, config, runtime, roles, journal };
        let engine = Self { shared: Arc::new(shared) };
        engine.register_views()?;
        let roles = Roles::try_new(&engine, &engine.shared.config.roles)?;
        engine.shared.roles.get_or_init(|| roles);
        Ok(engine)
    }

    /// A new session with the configured settings, for the one who started this process: it sees everything.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when a configured setting does not exist or has a wrong value.
    pub fn session(&self) -> Result<Session> {
        self.session_of_all(Caller::default())
    }

    /// As [`Engine::session`], for a part of the process by whose name its statements are counted.
    ///
    /// # Errors
    /// Those of [`Engine::session`].
    pub fn session_of_part(&self, name: &'static str) -> Result<Session> {
        self.session_of_all(Caller { door: name, ..Caller::default() })
    }

    /// A new session with the configured settings, for one who came by a door: it sees what the caller's role may see, and
    /// everything where there are no roles.
    ///
    /// # Errors
    /// [`ErrorKind::Scope`] when there are roles, and the caller has none; those of [`Engine::session`].
    pub fn session_for(&self, caller: Caller) -> Result<Session> {
        if self.roles().is_empty() {
            return Ok(Session { is_guest: true, ..self.session_of_all(caller)? });
        }
        let admitted = self.roles().of(caller.user.as_deref().unwrap_or_default())?;
        let session = self.session_over(admitted, caller)?;
        let inner = session.context.catalog(CATALOG).ok_or_else(|| Error::bug("a session has no catalogue"))?;
        session.context.register_catalog(CATALOG, Arc::new(Allowed { role: Arc::clone(&admitted.role), inner }));
        Ok(session)
    }

    /// Whether what users of doors may see depends on who they are.
    pub fn has_roles(&self) -> bool {
        !self.roles().is_empty()
    }

    /// A session over everything.
    fn session_of_all(&self, caller: Caller) -> Result<Session> {
        let books = self.other_side();
        let catalog = WithBooks { shared: Arc::clone(&self.shared.catalog), books: Arc::clone(&books) as _ };
        let session = self.session_with(Arc::new(catalog), books, caller)?;
        for (name, function) in history::functions(self.shared.lake.as_ref(), &self.shared.connections) {
            session.context.register_udtf(name, function);
        }
        Ok(session)
    }

    /// A session over all that a role sees, those tables included that it may not name.
    fn session_over(&self, admitted: &Admitted, caller: Caller) -> Result<Session> {
        let Admitted { role, universe, state } = admitted;
        let books = self.other_side();
        let seen = SeenSchema {
            role: Arc::clone(role),
            name: BOOKS.to_owned(),
            inner: Arc::clone(&books) as _,
            state: Arc::clone(state),
        };
        let catalog = WithBooks { shared: Arc::clone(universe), books: Arc::new(seen) };
        let session = self.session_with(Arc::new(catalog), books, caller)?;
        Ok(Session { limits: role.limits, is_guest: true, ..session })
    }

    /// A session over a catalogue, with the functions that read no table.
    fn session_with(&self, catalog: Arc<dyn CatalogProvider>, books: Arc<OtherSide>, caller: Caller) -> Result<Session> {
        let mut context = SessionContext::new_with_state(self.state()?);
        datafusion_functions_json::register_all(&mut context)?;
        bounds::functions(&context)?.into_iter().for_each(|function| context.register_udf(function));
        context.register_udf(words::function().as_ref().clone());
        times::functions().for_each(|function| context.register_udf(function));
        context.register_expr_planner(times::planner())?;
        functions::all(&self.shared.conventions).for_each(|function| context.register_udf(function));
        context.register_catalog(CATALOG, catalog);
        let (conventions, clock) = (Arc::clone(&self.shared.conventions), self.shared.config.clock);
        let (journal, caller) = (Arc::clone(&self.shared.journal), Arc::new(caller));
        let configured = Arc::new(CheckoutOptions::of(context.state_ref().read().config_options()));
        let (limits, is_guest) = (Limits::default(), false);
        Ok(Session { context, books, conventions, clock, limits, is_guest, configured, journal, caller })
    }

    /// The other side, for a session that has no tables of its own yet.
    fn other_side(&self) -> Arc<OtherSide> {
        Arc::new(OtherSide::new(Arc::clone(&self.shared.books)))
    }

    /// The roles; none while they are made.
    fn roles(&self) -> &Roles {
        static NONE: Roles = Roles::NONE;
        self.shared.roles.get().unwrap_or(&NONE)
    }

    /// The accounts it reads.
    pub fn accounts(&self) -> &[Account] {
        &self.shared.config.accounts
    }

    /// Where it has the time from.
    pub fn clock(&self) -> Clock {
        self.shared.config.clock
    }

    /// The lake, where one is configured.
    pub fn lake(&self) -> Option<&Arc<Lake>> {
        self.shared.lake.as_ref()
    }

    /// Whether the policy changes a table: then `public` has it otherwise than `live`.
    pub fn conceals(&self, table: &str) -> bool {
        self.shared.config.policy.of(table).is_some()
    }

    /// Brings the lake up to now; what is not said of how is as the configuration has it.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when there is no lake; those of [`sync::run`].
    pub async fn sync(
        &self,
        tables: &[String],
        since: Option<i64>,
        is_full: bool,
        tell: &(dyn Fn(Step) + Sync),
    ) -> Result<Vec<Synced>> {
        let (Some(lake), Some(options)) = (&self.shared.lake, &self.shared.config.lake) else { return Err(no_lake()) };
        let (since, began) = (since.or(options.since), self.clock().now());
        let (again, reread) = (options.again, options.reread);
        let options = sync::Options { tables: tables.to_vec(), since, is_full, again, reread, ..sync::Options::default() };
        let done = sync::run(lake, &self.shared.connections, &options, tell).await?;
        lake.tries().note(&done, began, &|_| None).await;
        Ok(done)
    }

    /// Brings these tables up to now again and again, or all, each when its schedule says so, until a stop is asked for.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when there is no lake; those of [`Watch::run`].
    pub async fn watch(
        &self,
        tables: &[String],
        since: Option<i64>,
        stop: &Stop,
        time: &dyn Time,
        tell: &(dyn Fn(Told<'_>) + Sync),
    ) -> Result<()> {
        let (Some(lake), Some(options)) = (&self.shared.lake, &self.shared.config.lake) else { return Err(no_lake()) };
        let (schedules, since) = (&options.schedules, since.or(options.since));
        let (again, reread) = (options.again, options.reread);
        let options = sync::Options { tables: tables.to_vec(), since, is_full: false, again, reread, stop: stop.clone() };
        // Others that watch at the same ticks are put off otherwise.
        let seed = RandomState::new().hash_one(());
        Watch { lake, connections: &self.shared.connections, options, schedules, time, seed }.run(tell).await
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
        // What has a zone is an instant, whatever it is made of: also `now()`.
        options.execution.time_zone = Some("UTC".to_owned());
        // The keys that a join hands to a live table: one request each, so many are worth a list.
        options.optimizer.hash_join_inlist_pushdown_max_distinct_values = 10_000;
        options.optimizer.hash_join_inlist_pushdown_max_size = 4 << 20;
        // What columns mean is kept with their fields, and a union of two tables has two meanings: no reason to refuse it.
        options.execution.skip_physical_aggregate_schema_check = true;
        for (name, value) in self.shared.config.settings.iter().filter(|(name, _)| !name.starts_with(RUNTIME)) {
            options.set(name, value).map_err(|error| not_applied(name, error))?;
        }
        let state = SessionStateBuilder::new().with_config(config).with_default_features();
        let state = state.with_runtime_env(Arc::clone(&self.shared.runtime));
        // Before DataFusion's rules what says what is asked for, after them what needs to know the types.
        let analyzers = [vec![scalar::rule()], Analyzer::new().rules, vec![words::rule()]].concat();
        let state = state.with_analyzer_rules(analyzers).with_optimizer_rule(moments::rule());
        Ok(state.with_physical_optimizer_rules(joins::rules()).build())
    }

    fn register_views(&self) -> Result<()> {
        let public = self.shared.catalog.schema(PUBLIC).ok_or_else(|| Error::bug("the catalogue has no public schema"))?;
        let state = self.session()?.context.state();
        views::register(&state, public.as_ref())?;
        let planner = Planner::of(self, None);
        self.shared.catalog.register_schema(CHECKS, Arc::new(checks::Checks::try_new(planner.clone())?))?;
        self.shared.catalog.register_schema(SIDES, Arc::new(sides::Sides::try_new(planner, &self.shared.books)?))?;
        Ok(())
    }

    /// Requests that this engine has made for a table of an account.
    pub fn requests_for(&self, account: &str, table: &str) -> u64 {
        let connection = self.shared.connections.iter().find(|connection| connection.name() == account);
        connection.map_or(0, |connection| connection.client.requests_for(table))
    }

    /// What this engine has done so far.
    pub fn activity(&self) -> Activity {
        self.activities().fold(Activity::default(), |sum, (_, one)| Activity {
            requests: sum.requests + one.requests,
            retries: sum.retries + one.retries,
            throttled: sum.throttled + one.throttled,
            rows: sum.rows + one.rows,
            bytes: sum.bytes + one.bytes,
        })
    }

    /// What this engine has done so far, by account.
    pub fn activities(&self) -> impl Iterator<Item = (&str, Activity)> {
        self.shared.connections.iter().map(|connection| {
            let client = connection.client.activity();
            let (requests, retries, throttled) = (client.requests, client.retries, client.throttled);
            let activity = Activity { requests, retries, throttled, rows: connection.rows(), bytes: client.bytes };
            (connection.name(), activity)
        })
    }

    /// Requests a second that may be sent now, by account.
    pub fn paces(&self) -> impl Iterator<Item = (&str, u32)> {
        self.shared.connections.iter().map(|connection| (connection.name(), connection.client.pace()))
    }

    /// The statements that have been run so far, by whatever door.
    pub fn statements(&self) -> Counts {
        self.shared.journal.counts()
    }

    /// Notes that somebody is not let in.
    pub fn turn_away(&self, caller: &Caller) {
        self.shared.journal.turn_away(caller);
    }

    /// The logins that failed so far, by door.
    pub fn strangers(&self) -> BTreeMap<&'static str, u64> {
        self.shared.journal.strangers()
    }

    /// Writes a line of each statement and of each login that fails to the end of a file from now on.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when it cannot be written to.
    pub fn audit(&self, path: &Path) -> Result<()> {
        self.shared.journal.audit(path)
    }

    /// Warns of each statement that takes longer from now on.
    pub fn warn_of_slow(&self, slow: Duration) {
        self.shared.journal.warn_of_slow(slow);
    }
}

/// What the settings begin with that are of what a session runs in.
const RUNTIME: &str = "datafusion.runtime.";

/// Where sessions run, as the settings say that are no options of each: how much memory all of them may take.
///
/// # Errors
/// [`ErrorKind::Config`] when one of them does not exist or has a wrong value.
fn runtime(config: &Config) -> Result<Arc<RuntimeEnv>> {
    let context = SessionContext::new();
    for (name, value) in config.settings.iter().filter(|(name, _)| name.starts_with(RUNTIME)) {
        let set = Statement::SetVariable(SetVariable { variable: name.clone(), value: value.clone() });
        // It changes what is in memory and never waits.
        let done = context.execute_logical_plan(LogicalPlan::Statement(set)).now_or_never();
        let done = done.ok_or_else(|| Error::bug("applying a setting waited").with("setting", name))?;
        done.map_err(|error| not_applied(name, error))?;
    }
    Ok(context.runtime_env())
}

fn not_applied(setting: &str, error: DataFusionError) -> Error {
    Error::new(ErrorKind::Config, "cannot apply a setting").with("setting", setting).caused_by(error)
}

/// Refuses numbers of rows for tables that do not exist: they would be estimates of nothing.
fn check_tables(account: &Account) -> Result<()> {
    match account.rows_per_year.keys().find(|table| resource(table).is_none()) {
        Some(table) => Err(Error::new(ErrorKind::Config, "rows_per_year names a table that does not exist")
            .with("table", table)
            .with("account", &account.name)
            .hint("the tables are in system.tables")),
        None => Ok(()),
    }
}

/// How many decimals currencies have, by what all accounts say.
///
/// # Errors
/// [`ErrorKind::Config`] when two accounts count a currency otherwise: their amounts could not be compared.
fn exponents(accounts: &[Account]) -> Result<Exponents> {
    let mut exponents = Exponents::default();
    for account in accounts {
        exponents.also(&account.exponents).map_err(|error| error.with("account", &account.name))?;
    }
    Ok(exponents)
}

/// The catalogue: every resource in `live`, what was synced of it in `lake`, and in `public` what people want: both put
/// together, or the live table where there is no lake; in either case as the policy lets it be seen.
fn catalog(
    connections: &Arc<[Arc<Connection>]>,
    lake: Option<&Arc<Lake>>,
    books: &Arc<Books>,
    policy: &Policy,
) -> Result<Arc<dyn CatalogProvider>> {
    let catalog = MemoryCatalogProvider::new();
    let [live, synced, public] = [(); 3].map(|()| Arc::new(MemorySchemaProvider::new()));
    for resource in RESOURCES {
        let table = Arc::new(LiveTable::new(resource, Arc::clone(connections)));
        let mut wanted = shown(resource.name, Arc::clone(&table) as _, policy.of(resource.name));
        if let Some(copy) = lake.and_then(|lake| lake.table(resource.name)) {
            synced.register_table(resource.name.to_owned(), scan::table(Arc::clone(copy), Arc::clone(connections)))?;
            wanted = Arc::new(PublicTable::new(Arc::clone(&table), Arc::clone(copy), Arc::clone(connections)));
        }
        live.register_table(resource.name.to_owned(), table)?;
        public.register_table(resource.name.to_owned(), wanted)?;
    }
    if let Some(lake) = lake {
        catalog.register_schema(LAKE, synced)?;
        catalog.register_schema(RECON, Results::at(lake.location())?.schema()?)?;
    }
    catalog.register_schema(LIVE, live)?;
    catalog.register_schema(PUBLIC, public)?;
    catalog.register_schema(REF, declared::schema()?)?;
    catalog.register_schema(SYSTEM, system::schema(connections, lake, books)?)?;
    Ok(Arc::new(catalog))
}

impl Session {
    /// Runs matching rules; `as_of` is the day, counted since 1970, that what is due is told by.
    ///
    /// # Errors
    /// Those of [`crate::matching::run::run`].
    pub async fn run_rules(&self, rules: &[Rule], as_of: i32) -> Result<Outcome> {
        self.run_under(rules, &Overrides::default(), as_of).await
    }

    /// Checks a matching rule against the tables there are.
    ///
    /// # Errors
    /// Those of [`check`].
    pub async fn check_rule(&self, rule: &Rule) -> Result<()> {
        check(rule, &self.context).await.map(drop)
    }

    /// The settings of live tables: name, value, what it is.
    pub fn settings(&self) -> Vec<(String, String, String)> {
        let options = self.options();
        let setting = |entry: ConfigEntry| (entry.key, entry.value.unwrap_or_default(), entry.description.to_owned());
        options.entries().into_iter().map(setting).collect()
    }

    /// DataFusion's side of the session: for a face that adds functions and tables which only its own users see.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    /// Puts a table into the session's own schema, [`BOOKS`].
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when it has a table of this name.
    pub fn register(&self, name: &str, table: Arc<dyn TableProvider>) -> Result<()> {
        self.books.register(name, table)
    }

    /// Runs one statement.
    ///
    /// # Errors
    /// The kind says whose fault it is; see [`ErrorKind`].
    pub async fn query(&self, sql: &str) -> Result<Answer> {
        self.run(self.plan(sql).await?).await
    }

    /// Changes a setting of this session, or sets it back where no value is given.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when there is none of this name, or it cannot be that; [`ErrorKind::ReadOnly`] when it is not for
    /// who came in by a door to change.
    pub async fn set(&self, name: &str, value: Option<&str>) -> Result<()> {
        self.check_setting(name)?;
        let variable = name.to_lowercase();
        let statement = match value {
            Some(value) => Statement::SetVariable(SetVariable { variable, value: value.to_owned() }),
            None => Statement::ResetVariable(ResetVariable { variable }),
        };
        self.context.execute_logical_plan(LogicalPlan::Statement(statement)).await?;
        Ok(())
    }

    /// Plans one statement.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when it cannot be answered as it is written, [`ErrorKind::ReadOnly`] when it would change
    /// something.
    pub async fn plan(&self, sql: &str) -> Result<Planned> {
        let (session, sql) = (self.clone(), sql.to_owned());
        let plan = async move {
            let statement = session.read(&sql).inspect_err(|error| session.refuse(None, error))?;
            let written = Arc::new(statement.clone());
            session.planned(statement).await.inspect_err(|error| session.refuse(Some(written), error))
        };
        aside::run(plan).await?
    }

    /// Plans a statement that was parsed. What is wrong with it is not noted: it may be one of several ways to read it.
    ///
    /// # Errors
    /// Those of [`Session::plan`].
    pub async fn plan_statement(&self, statement: ParsedStatement) -> Result<Planned> {
        let session = self.clone();
        aside::run(async move { session.planned(statement).await }).await?
    }

    async fn planned(&self, statement: ParsedStatement) -> Result<Planned> {
        access::check_written(&statement)?;
        let statement = meaning::plain(statement)?;
        let written = Arc::new(statement.clone());
        let planned = Planned::try_new(self.context.state().statement_to_plan(statement).await?, written)?;
        planned.setting().map_or(Ok(()), |setting| self.check_setting(setting))?;
        Ok(planned)
    }

    /// Notes that a statement cannot be run at all; none where it could not even be read.
    pub fn refuse(&self, statement: Option<Arc<ParsedStatement>>, error: &Error) {
        Running::begin(&self.journal, &self.caller, statement).fail(error);
    }

    fn read(&self, sql: &str) -> Result<ParsedStatement> {
        depth::check(sql)?;
        let state = self.context.state();
        Ok(state.sql_to_statement(sql, &state.config_options().sql_parser.dialect)?)
    }

    /// The columns of a statement's answer; types are those that the answer will have, where they can be told.
    pub fn columns(&self, planned: &Planned) -> SchemaRef {
        let state = self.context.state();
        let typed = |plan: LogicalPlan| state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {});
        match &planned.plan {
            // What is explained is not what is answered.
            LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::Statement(_) => planned.schema(),
            plan => typed(plan.clone()).map_or_else(|_| planned.schema(), |plan| Arc::clone(plan.schema().inner())),
        }
    }

    /// Whether a statement that was planned can be run as well, with nothing for its parameters.
    pub async fn can_run(&self, planned: &Planned) -> bool {
        let (session, planned) = (self.clone(), planned.without_parameters());
        let runs = async move {
            let physical = session.frame(planned?.plan).await?.create_physical_plan().await;
            physical.map(drop).map_err(Error::from)
        };
        matches!(aside::run(runs).await, Ok(Ok(())))
    }

    /// Runs a statement that was planned.
    ///
    /// # Errors
    /// The kind says whose fault it is; see [`ErrorKind`].
    pub async fn run(&self, planned: Planned) -> Result<Answer> {
        let running = Running::begin(&self.journal, &self.caller, Some(planned.statement));
        let (session, deadline) = (self.clone(), self.deadline());
        let starting = aside::run(async move { session.start(planned.plan, deadline).await });
        match aside::until(deadline, starting).await.flatten().flatten() {
            Ok((answer, budget)) => Ok(running.follow(answer, budget)),
            Err(error) => {
                running.fail(&error);
                Err(error)
            }
        }
    }

    /// Begins to run a plan; gives the answer, and what its requests are taken off.
    async fn start(&self, plan: LogicalPlan, deadline: Option<Deadline>) -> Result<(Answer, Arc<Budget>)> {
        let most = self.most_requests();
        let (is_plan, explained) = match &plan {
            LogicalPlan::Explain(explain) => (true, Some(self.bills(LogicalPlan::clone(&explain.plan)).await?)),
            LogicalPlan::Analyze(_) => (true, None),
            _ => (false, None),
        };
        let frame = match plan {
            LogicalPlan::Statement(Statement::Execute(_)) => self.frame(plan).await?,
            // These change the session.
            LogicalPlan::Statement(_) => self.context.execute_logical_plan(plan).await?,
            _ => self.frame(plan).await?,
        };
        let context = Arc::new(frame.task_ctx());
        let budget = Budget::of(context.session_config());
        let physical = frame.create_physical_plan().await?;
        Bills::of(&physical).check(most)?;
        let awaited = Awaited::default();
        let batches = aside::rows(execute_stream(awaited.within(physical)?, context)?, awaited, deadline)?;
        let schema = batches.schema();
        if !is_plan {
            return Ok((Answer { schema, batches }, budget));
        }
        let row = explained.map(|bills| bills.row(&schema, most)).transpose()?;
        let rows = batches.chain(stream::iter(row.map(Ok))).map(|batch| Ok(bill::without_emails(&batch?)?));
        let batches = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), rows));
        Ok((Answer { schema, batches }, budget))
    }

    /// What a statement will ask for, without asking.
    ///
    /// # Errors
    /// Those of planning it.
    pub async fn price(&self, sql: &str) -> Result<Bills> {
        let (session, sql) = (self.clone(), sql.to_owned());
        aside::run(async move { session.bills(session.planned(session.read(&sql)?).await?.plan).await }).await?
    }

    /// The tables that a statement reads, as schema and name; of views those that they read.
    ///
    /// # Errors
    /// Those of planning it.
    pub async fn tables(&self, sql: &str) -> Result<BTreeSet<(String, String)>> {
        let plan = self.context.state().create_logical_plan(sql).await?;
        let mut tables = BTreeSet::new();
        plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node {
                let schema = scan.table_name.schema().unwrap_or(PUBLIC);
                tables.insert((schema.to_owned(), scan.table_name.table().to_owned()));
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(tables)
    }

    /// The settings as they are now.
    fn options(&self) -> CheckoutOptions {
        CheckoutOptions::of(self.context.state_ref().read().config_options())
    }

    /// Requests that a statement may make: what the session says, and no more than what its role may.
    fn most_requests(&self) -> Option<u64> {
        [self.options().max_requests, self.limits.max_requests].into_iter().flatten().min()
    }

    /// The least of what a setting says in the session and, for guests, in the configuration.
    fn least<T: Ord>(&self, setting: fn(&CheckoutOptions) -> Option<T>) -> Option<T> {
        let most = if self.is_guest { setting(&self.configured) } else { None };
        [setting(&self.options()), most].into_iter().flatten().min()
    }

    /// When a statement that begins now must be done.
    fn deadline(&self) -> Option<Deadline> {
        let most = self.least(|options| options.max_time)?;
        Deadline::after(Duration::from_micros(most.unsigned_abs()))
    }

    /// Refuses guests the settings of how the server itself does things.
    fn check_setting(&self, setting: &str) -> Result<()> {
        if !self.is_guest {
            return Ok(());
        }
        if self.limits.leaves_rows_out && setting.eq_ignore_ascii_case("checkout.max_requests") {
            return Err(Error::new(ErrorKind::ReadOnly, "checkout.max_requests is said by the role")
                .hint("the role leaves rows out, and how many requests are enough would tell how many"));
        }
        access::check_setting(setting)
    }

    async fn bills(&self, plan: LogicalPlan) -> Result<Bills> {
        Ok(Bills::of(&self.frame(plan).await?.create_physical_plan().await?))
    }

    async fn frame(&self, plan: LogicalPlan) -> Result<DataFrame> {
        Ok(DataFrame::new(self.state_now()?, self.prepared(plan).await?))
    }

    /// The plan, where it is the execution of a prepared statement with the statement itself.
    async fn prepared(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        match plan {
            LogicalPlan::Statement(Statement::Execute(_)) => {
                Ok(self.context.execute_logical_plan(plan).await?.into_unoptimized_plan())
            }
            LogicalPlan::Explain(mut explain) => {
                if let LogicalPlan::Statement(Statement::Execute(_)) = explain.plan.as_ref() {
                    let inner = self.context.execute_logical_plan(LogicalPlan::clone(&explain.plan)).await?;
                    explain.plan = Arc::new(inner.into_unoptimized_plan());
                }
                Ok(LogicalPlan::Explain(explain))
            }
            plan => Ok(plan),
        }
    }

    /// The session as it is for one statement: with a budget and a share of the memory of its own, and where `now()` is the
    /// engine's now: the stand-in merchant lives on a day of its own.
    fn state_now(&self) -> Result<SessionState> {
        let mut state = self.context.state();
        if let Some(most) = self.least(|options| options.max_memory) {
            let share = memory::share(state.runtime_env(), most)?;
            state = SessionStateBuilder::new_from_existing(state).with_runtime_env(share).build();
        }
        state.config_mut().set_extension(Arc::new(Budget::new(self.most_requests())));
        if let Some(options) = state.config_mut().options_mut().extensions.get_mut::<CheckoutOptions>() {
            options.is_offline |= self.limits.is_offline;
        }
        if let Clock::Fixed(now) = self.clock {
            state.execution_props_mut().query_execution_start_time = Some(now);
        }
        Ok(state)
    }
}
