//! Which database a source names.

use url::Url;

use super::database::Query;
use super::settings::Origin;
use crate::api::spelling::SecretSource;
use crate::error::{Error, ErrorKind, Result};

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    Postgres,
    MySql,
    Sqlite,
}

impl Server {
    /// The one that a URL is of.
    pub(super) fn of_url(path: &str) -> Option<Self> {
        match path.split_once("://")?.0 {
            "postgres" | "postgresql" => Some(Self::Postgres),
            "mysql" | "mariadb" => Some(Self::MySql),
            _ => None,
        }
    }

    /// What a query of such a database answers, as the origin of rows.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when it says too little or too much.
    pub(super) fn origin(self, path: &str, query: Option<String>, password: Option<SecretSource>) -> Result<Origin> {
        let wrong = |message: &'static str| Error::new(ErrorKind::Config, message);
        let sql = query.ok_or_else(|| wrong("a database needs a query").hint("query = \"select * from orders\""))?;
        let url = match (self, Url::parse(path)) {
            (Self::Sqlite, _) if password.is_some() => return Err(wrong("a file of SQLite has no password")),
            (Self::Sqlite, _) => None,
            (_, Ok(url)) if url.password().is_some() => {
                return Err(
                    wrong("the password of a database does not stand in its path").hint("password = { env = \"VARIABLE\" }")
                );
            }
            (_, Ok(url)) if Self::of_url(path) == Some(self) => Some(url),
            // Nothing of a text that may hold a password is repeated.
            _ => return Err(wrong("the path of a database is a URL").hint("path = \"postgres://user@host:5432/database\"")),
        };
        Ok(Origin::Database(Query::new(self, path, url, password, sql)))
    }
}
