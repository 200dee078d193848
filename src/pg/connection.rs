//! A client that is let in: what it says is answered, one message after the other.
//!
//! ```text
//!  Parse ──▶ Prepared ── Bind ──▶ Portal ── Execute ──▶ rows       Query = all of these in one, as text
//! ```
//!
//! While an answer is under way four things can end it: the client leaves, somebody cancels it, its time is up, or
//! that of the whole server is.

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use datafusion::sql::sqlparser::ast::Statement;
use pgwire::messages::PgWireBackendMessage as Backend;
use pgwire::messages::copy::{CopyDone, CopyOutResponse};
use pgwire::messages::data::{FieldDescription, NoData, ParameterDescription, RowDescription};
use pgwire::messages::extendedquery::{BindComplete, CloseComplete, ParseComplete, PortalSuspended};
use pgwire::messages::response::{CommandComplete, EmptyQueryResponse, ReadyForQuery, TransactionStatus};
use pgwire::messages::startup::ParameterStatus;
use tokio_util::sync::CancellationToken;

use super::cancel::Place;
use super::command::{Command, Count, statements};
use super::copy::{Copy, Manner};
use super::failure::{Failure, Trouble, cancelled, stopped};
use super::frontend::{Bind, Format, Message, Target};
use super::portal::{Portal, Running, Sent};
use super::prepared::{Prepared, shown, spread};
use super::settings::{ALL, Extent};
use super::types::{Column, size};
use super::user::{User, no_statement};
use super::wire::{Inbox, Outbox};
use crate::door::listener::Ending;
use crate::engine::aside;
use crate::error::Error;

/// A client and everything it has here.
pub(super) struct Connection {
    out: Outbox,
    user: User,
    statements: HashMap<String, Option<Arc<Prepared>>>,
    portals: HashMap<String, Portal>,
    block: TransactionStatus,
    place: Place,
}

/// Whether the columns are told with the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Describe {
    Now,
    /// When the client asks for it.
    Apart,
}

impl Connection {
    pub(super) fn new(out: Outbox, user: User, place: Place) -> Self {
        let (statements, portals) = (HashMap::new(), HashMap::new());
        Self { out, user, statements, portals, block: TransactionStatus::Idle, place }
    }

    /// Answers until the client leaves, or is sent off because everything stops.
    pub(super) async fn run(mut self, mut inbox: Inbox, ending: Ending) {
        // Whether everything asked for is answered.
        let mut is_idle = true;
        let mut is_skipping = false;
        loop {
            let patience = self.user.settings().idle_timeout().filter(|_| is_idle && self.block != TransactionStatus::Idle);
            let message = tokio::select! {
                biased;
                () = ending.stop.cancelled(), if is_idle => return self.send_off(&stopped()).await,
                () = ending.over.cancelled() => return self.send_off(&stopped()).await,
                message = inbox.next() => message,
                () = after(patience) => {
                    self.send_off(&Failure::fatal("25P03", "terminating connection due to idle-in-transaction timeout")).await;
                    return;
                }
            };
            let message = match message {
                Ok(Message::Terminate) | Err(Trouble::Gone) => return,
                Ok(message) => message,
                Err(Trouble::Said(failure)) => return self.send_off(&failure).await,
            };
            is_idle = matches!(message, Message::Sync | Message::Query(_));
            if is_skipping && message != Message::Sync {
                continue;
            }
            is_skipping = false;
            let is_extended = message.is_extended();
            match self.answer(message, &mut inbox, &ending.over).await {
                Ok(()) => {}
                Err(Trouble::Gone) => return,
                Err(Trouble::Said(failure)) if failure.is_fatal() => return self.send_off(&failure).await,
                Err(Trouble::Said(failure)) => {
                    if self.fail(&failure, is_extended).await.is_err() {
                        return;
                    }
                    is_skipping = is_extended;
                }
            }
        }
    }

    /// Answers a message, unless something comes in between.
    async fn answer(&mut self, message: Message, inbox: &mut Inbox, over: &CancellationToken) -> Result<(), Trouble> {
        let cancel = self.place.begin();
        let timeout = self.user.settings().statement_timeout();
        tokio::select! {
            biased;
            () = over.cancelled() => Err(stopped().into()),
            () = cancel.cancelled() => Err(cancelled("user request").into()),
            () = after(timeout) => Err(cancelled("statement timeout").into()),
            answered = self.handle(message) => answered,
            () = inbox.client_left() => Err(Trouble::Gone),
        }
    }

    async fn handle(&mut self, message: Message) -> Result<(), Trouble> {
        match message {
            Message::Query(sql) => self.query(&sql.into()).await,
            Message::Parse { name, sql, types } => self.parse(name, &sql.into(), &types).await,
            Message::Bind(bind) => self.bind(&bind).await,
            Message::Describe(target) => self.describe(&target),
            Message::Execute { portal, most } => self.execute_named(portal, (most > 0).then_some(most)).await,
            Message::Close(target) => {
                match target {
                    Target::Statement(name) => drop(self.statements.remove(&name)),
                    Target::Portal(name) => drop(self.portals.remove(&name)),
                }
                Ok(self.out.say(&Backend::CloseComplete(CloseComplete::new()))?)
            }
            Message::Flush => self.out.flush().await,
            Message::Sync => self.ready().await,
            Message::Terminate => Err(Trouble::Gone),
            // What is left of a COPY that failed.
            Message::CopyIn => Ok(()),
            Message::Password(_) => Err(Failure::protocol("nobody asked for a password").into()),
        }
    }

    /// Tells an error, and that the next thing may be asked for where the client waits for that.
    async fn fail(&mut self, failure: &Failure, is_extended: bool) -> Result<(), Trouble> {
        self.out.say(&failure.message())?;
        if self.block == TransactionStatus::Transaction {
            self.block = TransactionStatus::Error;
        }
        if is_extended { self.out.flush().await } else { self.ready().await }
    }

    async fn send_off(&mut self, failure: &Failure) {
        if self.out.say(&failure.message()).is_ok() {
            self.out.close().await;
        }
    }

    /// The end of what belongs together: outside of a transaction, portals end with it.
    async fn ready(&mut self) -> Result<(), Trouble> {
        if self.block == TransactionStatus::Idle {
            self.portals.retain(|_, portal| portal.is_held);
            // As set_config sets it, something may hold for a transaction that nobody began.
            self.user.end(true).await?;
        }
        self.out.say(&Backend::ReadyForQuery(ReadyForQuery::new(self.block)))?;
        self.out.flush().await
    }

    /// The statements of a text, which may be a long one.
    async fn read(&mut self, sql: &Arc<str>) -> Result<Vec<Statement>, Failure> {
        let text = Arc::clone(sql);
        let read = aside::run(async move { statements(&text) }).await.flatten();
        read.map_err(|error| {
            self.user.session().refuse(None, &error);
            Failure::of(&error, sql)
        })
    }

    /// Runs all statements of a text, and sends their answers as text.
    async fn query(&mut self, sql: &Arc<str>) -> Result<(), Trouble> {
        let statements = self.read(sql).await?;
        if statements.is_empty() {
            self.out.say(&Backend::EmptyQueryResponse(EmptyQueryResponse::new()))?;
        }
        let is_only = statements.len() == 1;
        for statement in statements {
            self.portals.remove("");
            let prepared = Arc::new(Prepared::new(&self.user, sql, (statement, is_only), &[]).await?);
            self.check_block(&prepared)?;
            let bind = Bind { portal: String::new(), statement: String::new(), formats: vec![], values: vec![], results: vec![] };
            if !prepared.parameters.is_empty() {
                return Err(Failure::new("42P02", "there is no parameter $1 in a simple query").into());
            }
            let bound = prepared.bind(&bind)?;
            let mut portal = Portal { prepared, bound, formats: vec![], running: None, is_held: false };
            self.execute(&mut portal, None, Describe::Now).await?;
        }
        self.ready().await
    }

    async fn parse(&mut self, name: String, sql: &Arc<str>, types: &[u32]) -> Result<(), Trouble> {
        let mut statements = self.read(sql).await?;
        let statement = statements.pop();
        if !statements.is_empty() {
            return Err(Failure::new("42601", "cannot insert multiple commands into a prepared statement").into());
        }
        let prepared = match statement {
            Some(statement) => {
                let prepared = Prepared::new(&self.user, sql, (statement, true), types).await?;
                Some(Arc::new(prepared.with_columns(&self.user)?))
            }
            None => None,
        };
        prepared.iter().try_for_each(|prepared| self.check_block(prepared))?;
        if !name.is_empty() && self.statements.contains_key(&name) {
            return Err(Failure::new("42P05", format!("prepared statement \"{name}\" already exists")).into());
        }
        self.statements.insert(name, prepared);
        Ok(self.out.say(&Backend::ParseComplete(ParseComplete::new()))?)
    }

    /// Refuses everything but its end in a transaction that failed.
    fn check_block(&self, prepared: &Prepared) -> Result<(), Failure> {
        let ends_it = matches!(prepared.command, Command::Commit | Command::Rollback | Command::RollbackTo);
        if self.block == TransactionStatus::Error && !ends_it {
            return Err(Failure::new("25P02", "current transaction is aborted, commands ignored until end of transaction block"));
        }
        Ok(())
    }

    async fn bind(&mut self, bind: &Bind) -> Result<(), Trouble> {
        let mut prepared = self.statement(&bind.statement)?;
        if !bind.portal.is_empty() && self.portals.contains_key(&bind.portal) {
            return Err(Failure::new("42P03", format!("cursor \"{}\" already exists", bind.portal)).into());
        }
        self.portals.remove(&bind.portal);
        if let Some(outdated) = &prepared
            && let Some(anew) = outdated.anew(&self.user).await?
        {
            prepared = Some(Arc::new(anew));
            self.statements.insert(bind.statement.clone(), prepared.clone());
        }
        if let Some(prepared) = prepared {
            let bound = prepared.bind(bind)?;
            let formats = bind.results.clone();
            self.portals.insert(bind.portal.clone(), Portal { prepared, bound, formats, running: None, is_held: false });
        }
        Ok(self.out.say(&Backend::BindComplete(BindComplete::new()))?)
    }

    /// A statement by its name; none for one that is empty.
    fn statement(&self, name: &str) -> Result<Option<Arc<Prepared>>, Failure> {
        self.statements.get(name).cloned().ok_or_else(|| no_statement(name))
    }

    fn describe(&mut self, target: &Target) -> Result<(), Trouble> {
        match target {
            Target::Statement(name) => {
                let prepared = self.statement(name)?;
                let parameters =
                    prepared.iter().flat_map(|prepared| &prepared.parameters).map(postgres_types::Type::oid).collect();
                self.out.say(&Backend::ParameterDescription(ParameterDescription::new(parameters)))?;
                let columns = prepared.map(|prepared| self.columns_of(&prepared)).transpose()?.unwrap_or_default();
                self.tell_columns(&columns, &[])
            }
            Target::Portal(name) => {
                // The unnamed portal of an empty statement is none.
                let Some(portal) = self.portals.get(name) else {
                    return if name.is_empty() { self.tell_columns(&[], &[]) } else { Err(no_portal(name).into()) };
                };
                let columns = match &portal.running {
                    Some(running) => Arc::clone(&running.columns),
                    None => self.columns_of(&portal.prepared)?,
                };
                let formats = portal.formats.clone();
                self.tell_columns(&columns, &formats)
            }
        }
    }

    /// The columns of a statement's answer; those of FETCH are its cursor's.
    fn columns_of(&self, prepared: &Prepared) -> Result<Arc<[Column]>, Failure> {
        match &prepared.command {
            Command::Fetch { name, .. } => {
                let portal = self.portals.get(name).ok_or_else(|| no_portal(name))?;
                Ok(portal
                    .running
                    .as_ref()
                    .map_or_else(|| Arc::clone(&portal.prepared.columns), |running| Arc::clone(&running.columns)))
            }
            _ => Ok(Arc::clone(&prepared.columns)),
        }
    }

    fn tell_columns(&mut self, columns: &[Column], formats: &[Format]) -> Result<(), Trouble> {
        if columns.is_empty() {
            return Ok(self.out.say(&Backend::NoData(NoData::new()))?);
        }
        let formats = spread(formats, columns.len())?;
        let field = |(column, format): (&Column, Format)| {
            let Column { name, postgres, modifier, .. } = column;
            let name = name.replace('\0', "\u{fffd}");
            FieldDescription::new(name, 0, 0, postgres.oid(), size(postgres), *modifier, i16::from(format == Format::Binary))
        };
        let fields = columns.iter().zip(formats).map(field).collect();
        Ok(self.out.say(&Backend::RowDescription(RowDescription::new(fields)))?)
    }

    async fn execute_named(&mut self, name: String, most: Option<usize>) -> Result<(), Trouble> {
        let Some(mut portal) = self.portals.remove(&name) else {
            if name.is_empty() {
                return Ok(self.out.say(&Backend::EmptyQueryResponse(EmptyQueryResponse::new()))?);
            }
            return Err(no_portal(&name).into());
        };
        self.execute(&mut portal, most, Describe::Apart).await?;
        self.portals.insert(name, portal);
        Ok(())
    }

    async fn execute(&mut self, portal: &mut Portal, most: Option<usize>, describe: Describe) -> Result<(), Trouble> {
        let prepared = Arc::clone(&portal.prepared);
        match &prepared.command {
            Command::Rows(statement) => {
                portal.start(self.user.session()).await?;
                self.rows(portal, most, describe, tag(statement)).await?;
                if let Statement::Prepare { name, .. } = &**statement {
                    self.user.prepare(name, &prepared.schema);
                }
                Ok(())
            }
            Command::Show(name) => {
                if portal.running.is_none() {
                    portal.running = Some(self.show(name)?);
                }
                self.rows(portal, most, describe, "SHOW").await
            }
            Command::Fetch { name, count } => self.fetch(name, *count, &portal.formats, describe).await,
            Command::Copy(_, manner) => self.copy(portal, manner).await,
            Command::Declare { name, is_held, .. } => {
                self.declare(name, *is_held, portal).await?;
                self.done("DECLARE CURSOR")
            }
            Command::Set { name, value, extent } => {
                // Outside of a transaction it holds for no time; what may not be set, or so, is refused all the same.
                let is_alone = *extent == Extent::Transaction && self.block == TransactionStatus::Idle;
                if is_alone {
                    self.out.say(&Failure::new("25P01", "SET LOCAL can only be used in transaction blocks").notice())?;
                    self.user.begin();
                }
                let set = self.user.set(name, value.as_deref(), *extent).await;
                if is_alone {
                    self.user.end(false).await?;
                }
                let told = set.inspect_err(|failure| prepared.refuse(&self.user, failure))?;
                if let Some((name, value)) = told.filter(|_| !is_alone) {
                    self.out.say(&Backend::ParameterStatus(ParameterStatus::new(name.to_owned(), value)))?;
                }
                self.done(if value.is_some() { "SET" } else { "RESET" })
            }
            command => self.run_own(command).await,
        }
    }

    async fn rows(&mut self, portal: &mut Portal, most: Option<usize>, describe: Describe, tag: &str) -> Result<(), Trouble> {
        let Some(running) = &mut portal.running else { return Err(Error::bug("a portal is not running").into()) };
        if running.columns.is_empty() {
            running.send(&[], None, &mut self.out).await?;
            return self.done(tag);
        }
        if describe == Describe::Now {
            let columns = Arc::clone(&running.columns);
            self.tell_columns(&columns, &portal.formats)?;
        }
        let Some(running) = &mut portal.running else { return Ok(()) };
        let sent = running.send(&portal.formats, most, &mut self.out).await?;
        self.sent(tag, sent, most)
    }

    fn sent(&mut self, tag: &str, sent: Sent, most: Option<usize>) -> Result<(), Trouble> {
        if sent.is_suspended && most.is_some() {
            return Ok(self.out.say(&Backend::PortalSuspended(PortalSuspended::new()))?);
        }
        let tag = if matches!(tag, "SELECT" | "FETCH") { format!("{tag} {}", sent.rows) } else { tag.to_owned() };
        self.done(&tag)
    }

    fn done(&mut self, tag: &str) -> Result<(), Trouble> {
        Ok(self.out.say(&Backend::CommandComplete(CommandComplete::new(tag.to_owned())))?)
    }

    async fn declare(&mut self, name: &str, is_held: bool, portal: &mut Portal) -> Result<(), Trouble> {
        if self.block == TransactionStatus::Idle && !is_held {
            return Err(Failure::new("25P01", "DECLARE CURSOR can only be used in transaction blocks").into());
        }
        if self.portals.contains_key(name) {
            return Err(Failure::new("42P03", format!("cursor \"{name}\" already exists")).into());
        }
        portal.start(self.user.session()).await?;
        let cursor = Portal {
            prepared: Arc::clone(&portal.prepared),
            bound: None,
            formats: vec![],
            running: portal.running.take(),
            is_held,
        };
        self.portals.insert(name.to_owned(), cursor);
        Ok(())
    }

    async fn fetch(&mut self, name: &str, count: Count, formats: &[Format], describe: Describe) -> Result<(), Trouble> {
        let mut cursor = self.portals.remove(name).ok_or_else(|| no_portal(name))?;
        let Some(running) = &mut cursor.running else { return Err(no_portal(name).into()) };
        if describe == Describe::Now {
            let columns = Arc::clone(&running.columns);
            self.tell_columns(&columns, formats)?;
        }
        let most = match count {
            Count::Some(count) => Some(count),
            Count::All => None,
        };
        let sent = running.send(formats, most, &mut self.out).await?;
        self.portals.insert(name.to_owned(), cursor);
        self.sent("FETCH", Sent { is_suspended: false, ..sent }, most)
    }

    async fn copy(&mut self, portal: &mut Portal, manner: &Manner) -> Result<(), Trouble> {
        portal.start(self.user.session()).await?;
        let Some(running) = &mut portal.running else { return Err(Error::bug("a portal is not running").into()) };
        let columns = Arc::clone(&running.columns);
        let format = manner.format();
        let code = i16::from(format == Format::Binary);
        let count = i16::try_from(columns.len()).map_err(|_many| Failure::new("54011", "there are too many columns"))?;
        let response = CopyOutResponse::new(i8::from(format == Format::Binary), count, vec![code; columns.len()]);
        self.out.say(&Backend::CopyOutResponse(response))?;
        let mut copy = Copy::new(manner, &columns);
        let formats = vec![format; columns.len()];
        let sent = running.write(&formats, None, &mut self.out, &mut |cells, row, out| copy.write_row(cells, row, out)).await?;
        copy.write_end(&mut self.out.buffer)?;
        self.out.say(&Backend::CopyDone(CopyDone::new()))?;
        self.done(&format!("COPY {}", sent.rows))
    }

    /// Runs what is the connection's own matter.
    async fn run_own(&mut self, command: &Command) -> Result<(), Trouble> {
        match command {
            Command::ResetAll => {
                self.user.reset().await?;
                self.tell_settings()?;
                self.done("RESET")
            }
            Command::DiscardAll => {
                if self.block != TransactionStatus::Idle {
                    return Err(Failure::new("25001", "DISCARD ALL cannot run inside a transaction block").into());
                }
                self.portals.clear();
                self.statements.clear();
                self.user.discard().await?;
                self.tell_settings()?;
                self.done("DISCARD ALL")
            }
            Command::Begin => {
                if self.block == TransactionStatus::Idle {
                    self.block = TransactionStatus::Transaction;
                    self.user.begin();
                } else {
                    self.out.say(&Failure::new("25001", "there is already a transaction in progress").notice())?;
                }
                self.done("BEGIN")
            }
            Command::Commit => self.end(self.block != TransactionStatus::Error).await,
            Command::Rollback => self.end(false).await,
            Command::RollbackTo => {
                if self.block == TransactionStatus::Idle {
                    return Err(Failure::new("25P01", "ROLLBACK TO SAVEPOINT can only be used in transaction blocks").into());
                }
                self.block = TransactionStatus::Transaction;
                self.done("ROLLBACK")
            }
            Command::Close(Some(name)) => {
                self.portals.remove(name).ok_or_else(|| no_portal(name))?;
                self.done("CLOSE CURSOR")
            }
            Command::Close(None) => {
                self.portals.clear();
                self.done("CLOSE CURSOR ALL")
            }
            Command::Deallocate(Some(name)) => {
                if self.statements.remove(name).is_none() {
                    self.user.deallocate(name).await?;
                }
                self.done("DEALLOCATE")
            }
            Command::Deallocate(None) => {
                self.statements.clear();
                self.user.deallocate_all().await?;
                self.done("DEALLOCATE ALL")
            }
            Command::Nothing(tag) => self.done(tag),
            _ => Err(Error::bug("a statement is nobody's matter").into()),
        }
    }

    /// Ends a transaction.
    async fn end(&mut self, is_kept: bool) -> Result<(), Trouble> {
        if self.block == TransactionStatus::Idle {
            self.out.say(&Failure::new("25P01", "there is no transaction in progress").notice())?;
        }
        self.block = TransactionStatus::Idle;
        self.portals.retain(|_, portal| portal.is_held);
        self.user.end(is_kept).await?;
        self.tell_settings()?;
        self.done(if is_kept { "COMMIT" } else { "ROLLBACK" })
    }

    /// Tells the settings that clients are told of.
    fn tell_settings(&mut self) -> Result<(), Trouble> {
        let reported: Vec<_> = self.user.settings().reported().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        for (name, value) in reported {
            self.out.say(&Backend::ParameterStatus(ParameterStatus::new(name, value)))?;
        }
        Ok(())
    }

    fn show(&self, name: &str) -> Result<Running, Failure> {
        if name == ALL {
            let [mut names, mut values, mut abouts] = [vec![], vec![], vec![]];
            for (name, value, about) in self.user.all() {
                names.push(name);
                values.push(value);
                abouts.push(about);
            }
            return Ok(Running::of_texts(shown(name), vec![names, values, abouts])?);
        }
        let unknown = || Failure::new("42704", format!("unrecognized configuration parameter \"{name}\""));
        let value = self.user.get(name).ok_or_else(unknown)?;
        Ok(Running::of_texts(shown(name), vec![vec![value]])?)
    }
}

/// Done when a time is up; never, when there is none.
async fn after(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => pending().await,
    }
}

/// What is said of a statement when it is done.
fn tag(statement: &Statement) -> &'static str {
    match statement {
        Statement::Query(_) | Statement::Execute { .. } => "SELECT",
        Statement::Explain { .. } | Statement::ExplainTable { .. } => "EXPLAIN",
        Statement::Prepare { .. } => "PREPARE",
        _ => "SHOW",
    }
}

fn no_portal(name: &str) -> Failure {
    Failure::new("34000", format!("cursor \"{name}\" does not exist"))
}
