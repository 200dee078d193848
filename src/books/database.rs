//! What a database of the user's answers: each value as the database writes it, so that no digit is lost on the way.
//!
//! The answer is that of one statement in a transaction that only reads. A binary float stays one, so that a mapping refuses it
//! for money.

use std::fmt;

use futures::TryStreamExt as _;
use sqlx::{
    AssertSqlSafe, Column as _, ColumnIndex, ConnectOptions, Connection, Database, Decode, Either, Executor, Row as _,
    SqlSafeStr as _, Statement, TypeInfo as _, ValueRef as _,
};
use url::Url;

use super::records::{Columns, Records, quoted};
use super::server::Server;
use crate::api::spelling::SecretSource;
use crate::error::{Error, ErrorKind, Result};
use crate::secret::redact_url;

/// Types of a binary float, as the databases call them.
const FLOATS: [&str; 5] = ["FLOAT4", "FLOAT8", "FLOAT", "DOUBLE", "REAL"];

/// A query of a database.
#[derive(Clone)]
pub(super) struct Query {
    server: Server,
    /// For people, and the file of SQLite.
    path: String,
    /// None of SQLite.
    url: Option<Url>,
    password: Option<SecretSource>,
    sql: String,
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query").field("server", &self.server).field("path", &self.path).field("sql", &self.sql).finish()
    }
}

impl Query {
    /// The query of a database at a path, which has a URL where it is a server.
    pub(super) fn new(server: Server, path: &str, url: Option<Url>, password: Option<SecretSource>, sql: String) -> Self {
        let path = url.as_ref().map_or_else(|| path.to_owned(), redact_url);
        Self { server, path, url, password, sql }
    }

    /// The rows of the answer.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when the database cannot be reached or breaks off; [`ErrorKind::Config`] when it refuses the query.
    pub(super) async fn records(&self) -> Result<Records> {
        let columns = match self.server {
            Server::Postgres => {
                let mut options: sqlx::postgres::PgConnectOptions = self.options()?;
                if let Some(password) = self.password()? {
                    options = options.password(password.expose());
                }
                self.ask::<sqlx::Postgres>(&options, Some("begin transaction read only")).await
            }
            Server::MySql => {
                let mut options: sqlx::mysql::MySqlConnectOptions = self.options()?;
                if let Some(password) = self.password()? {
                    options = options.password(password.expose());
                }
                self.ask::<sqlx::MySql>(&options, Some("start transaction read only")).await
            }
            Server::Sqlite => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&self.path).read_only(true);
                self.ask::<sqlx::Sqlite>(&options, None).await
            }
        };
        columns.and_then(|columns| columns.records(&self.path)).map_err(|error| error.with_missing("database", &self.path))
    }

    fn password(&self) -> Result<Option<crate::secret::Secret>> {
        self.password.clone().map(|password| password.fetch("password")).transpose()
    }

    fn options<O: ConnectOptions>(&self) -> Result<O> {
        let url = self.url.as_ref().ok_or_else(|| Error::bug("a server was let in without its URL"))?;
        O::from_url(url).map_err(|error| {
            Error::new(ErrorKind::Config, "the URL of a database cannot be read").with("database", &self.path).caused_by(error)
        })
    }

    /// Asks a database, after what begins a transaction that only reads where the connection does not see to that.
    async fn ask<DB: Database>(
        &self,
        options: &<DB::Connection as Connection>::Options,
        begin: Option<&'static str>,
    ) -> Result<Columns>
    where
        for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
        for<'r> &'r str: Decode<'r, DB>,
        usize: ColumnIndex<DB::Row>,
    {
        let unreached = |error: sqlx::Error| Error::new(ErrorKind::File, "cannot ask a database").caused_by(error);
        let mut connection = options.connect().await.map_err(unreached)?;
        if let Some(begin) = begin {
            sqlx::raw_sql(begin).execute(&mut connection).await.map_err(unreached)?;
        }
        let sql = || AssertSqlSafe(self.sql.as_str()).into_sql_str();
        let refused = |error| Error::new(ErrorKind::Config, "a database does not take the query of a source").caused_by(error);
        // Preparing tells the columns of an answer without rows, and makes servers refuse a second statement before the first.
        let prepared = connection.prepare(sql()).await.map_err(refused)?;
        let names: Vec<String> = prepared.columns().iter().map(|column| column.name().to_owned()).collect();
        let mut are_floats: Vec<bool> = prepared.columns().iter().map(|column| is_float(column.type_info().name())).collect();
        if names.is_empty() {
            return Err(Error::new(ErrorKind::Config, "the query of a source answers no columns").hint("query = \"select …\""));
        }
        let keys: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        let mut rows = Vec::new();
        let mut answer = sqlx::raw_sql(sql()).fetch_many(&mut connection);
        let mut is_whole = false;
        // One that breaks off ends in an error, never early.
        while let Some(step) = answer.try_next().await.map_err(unreached)? {
            let row = match step {
                _ if is_whole => {
                    return Err(Error::new(ErrorKind::Config, "the query of a source is more than one statement"));
                }
                Either::Left(_) => {
                    is_whole = true;
                    continue;
                }
                Either::Right(row) => row,
            };
            let mut cells = Vec::with_capacity(names.len());
            let mut members = Vec::with_capacity(names.len());
            for (index, key) in keys.iter().enumerate() {
                let value = row.try_get_raw(index).map_err(unreached)?;
                if value.is_null() {
                    cells.push(None);
                    members.push(format!("{key}:null"));
                    continue;
                }
                // SQLite knows types by the value.
                if is_float(value.type_info().name())
                    && let Some(float) = are_floats.get_mut(index)
                {
                    *float = true;
                }
                let text = <&str as Decode<'_, DB>>::decode(value).map_err(|error| {
                    let name = names.get(index).map_or("", String::as_str);
                    let error = Error::new(ErrorKind::Decode, "a value of a database is no text").caused_by(error);
                    error.with("column", name).with("row", rows.len() + 1)
                })?;
                members.push(format!("{key}:{}", quoted(text)));
                cells.push(Some(text.to_owned()));
            }
            rows.push((cells, format!("{{{}}}", members.join(","))));
        }
        Columns::of_texts(&names, rows).with_floats(&are_floats)
    }
}

fn is_float(name: &str) -> bool {
    FLOATS.contains(&name)
}
