//! Settings of the other side: `[books.NAME]` of the configuration.

use std::collections::BTreeMap;

use arrow::array::timezone::Tz;
use serde::Deserialize;

use super::database::Query;
use super::made::Files;
use super::place::Place;
use super::server::Server;
use super::shapes::{BANK_LINES, LINE_ID, SHAPES, SOURCE, Shape};
use super::statement::Bank;
use super::text::Encoding;
use crate::api::spelling::{SecretSource, nearest};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::time;
use crate::store::variables;

/// The keys of `[books.NAME]`, as they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct BookSettings {
    /// `bank_lines`, `orders` or `ledger_entries`.
    pub shape: Option<String>,
    /// A file, a folder, a glob, or the same in a bucket; or the URL of a database.
    pub path: Option<String>,
    /// `csv`, `json`, `parquet`, `camt053`, `mt940`, `bai2` or `ofx`; `postgres`, `mysql` or `sqlite`.
    pub format: Option<String>,
    /// What a database is asked, in its own SQL.
    pub query: Option<String>,
    /// Password of a database's user.
    pub password: Option<SecretSource>,
    /// Zone of times that do not say theirs.
    pub zone: Option<String>,
    /// `utf-8`, `windows-1252` or `latin1`.
    pub encoding: Option<String>,
    /// What a statement that does not add up is: `error` or `warn`.
    pub check: Option<String>,
    /// An SQL expression over the file's columns, by column.
    pub columns: Option<BTreeMap<String, String>>,
    /// Which rows are taken, as an SQL expression over the file's columns.
    #[serde(rename = "where")]
    pub filter: Option<String>,
    /// How a CSV file is written.
    pub csv: Option<CsvSettings>,
    /// Options of the store, such as `endpoint` and `region`.
    pub storage: Option<BTreeMap<String, String>>,
}

/// The keys of `csv` in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CsvSettings {
    /// Between two cells.
    pub delimiter: Option<char>,
    /// Whether the first row is one of names.
    pub header: Option<bool>,
    /// Before the decimals of an amount.
    pub decimal: Option<char>,
    /// Between the thousands of an amount.
    pub thousands: Option<char>,
}

impl BookSettings {
    /// These settings where they say something, and else the lower ones.
    #[must_use]
    pub fn over(self, lower: Self) -> Self {
        Self {
            shape: self.shape.or(lower.shape),
            path: self.path.or(lower.path),
            format: self.format.or(lower.format),
            query: self.query.or(lower.query),
            password: self.password.or(lower.password),
            zone: self.zone.or(lower.zone),
            encoding: self.encoding.or(lower.encoding),
            check: self.check.or(lower.check),
            columns: self.columns.or(lower.columns),
            filter: self.filter.or(lower.filter),
            csv: self.csv.or(lower.csv),
            storage: self.storage.or(lower.storage),
        }
    }
}

/// What the files of a source are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Rows of cells.
    Csv,
    /// Objects, one a line or in one array.
    Json,
    /// Parquet.
    Parquet,
    /// Bank statements; of XML it is looked which.
    Bank(Option<Bank>),
}

/// What a source is: files of a format, or what a database answers.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Files(Format),
    Database(Server),
}

const FORMATS: [(&str, Kind); 10] = [
    ("csv", Kind::Files(Format::Csv)),
    ("json", Kind::Files(Format::Json)),
    ("parquet", Kind::Files(Format::Parquet)),
    ("camt053", Kind::Files(Format::Bank(Some(Bank::Camt053)))),
    ("mt940", Kind::Files(Format::Bank(Some(Bank::Mt940)))),
    ("bai2", Kind::Files(Format::Bank(Some(Bank::Bai2)))),
    ("ofx", Kind::Files(Format::Bank(Some(Bank::Ofx)))),
    ("postgres", Kind::Database(Server::Postgres)),
    ("mysql", Kind::Database(Server::MySql)),
    ("sqlite", Kind::Database(Server::Sqlite)),
];

/// What the end of a file's name says, where it is sure.
const EXTENSIONS: [(&str, Kind); 16] = [
    ("csv", Kind::Files(Format::Csv)),
    ("tsv", Kind::Files(Format::Csv)),
    ("json", Kind::Files(Format::Json)),
    ("ndjson", Kind::Files(Format::Json)),
    ("jsonl", Kind::Files(Format::Json)),
    ("parquet", Kind::Files(Format::Parquet)),
    ("xml", Kind::Files(Format::Bank(None))),
    ("mt940", Kind::Files(Format::Bank(Some(Bank::Mt940)))),
    ("940", Kind::Files(Format::Bank(Some(Bank::Mt940)))),
    ("sta", Kind::Files(Format::Bank(Some(Bank::Mt940)))),
    ("bai", Kind::Files(Format::Bank(Some(Bank::Bai2)))),
    ("bai2", Kind::Files(Format::Bank(Some(Bank::Bai2)))),
    ("ofx", Kind::Files(Format::Bank(Some(Bank::Ofx)))),
    ("qfx", Kind::Files(Format::Bank(Some(Bank::Ofx)))),
    ("sqlite", Kind::Database(Server::Sqlite)),
    ("sqlite3", Kind::Database(Server::Sqlite)),
];

/// How a CSV file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Csv {
    /// Between two cells.
    pub(super) delimiter: u8,
    /// Whether the first row is one of names.
    pub(super) has_header: bool,
}

/// The marks in an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Before the decimals.
    pub(super) decimal: char,
    /// Between the thousands.
    pub(super) thousands: Option<char>,
}

/// What a statement that does not add up is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// An error.
    Error,
    /// A warning, and its lines are counted all the same.
    Warn,
}

const CHECKS: [(&str, Check); 2] = [("error", Check::Error), ("warn", Check::Warn)];

/// Where the rows of a source come from.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// Files of a format.
    Files(Place, Format),
    /// The answer of a database.
    Database(Query),
}

/// A source of the other side.
#[derive(Debug, Clone)]
pub struct Source {
    /// Name of its table.
    pub name: String,
    pub(super) shape: Option<&'static Shape>,
    pub(super) origin: Origin,
    pub(super) zone: Option<Tz>,
    pub(super) encoding: Encoding,
    pub(super) check: Check,
    pub(super) columns: Vec<(String, String)>,
    pub(super) filter: Option<String>,
    pub(super) csv: Csv,
    pub(super) marks: Marks,
}

impl Source {
    /// The sources of a part of a configuration, `[books.NAME]` and nothing else, whose paths are among these files.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when a value cannot be read.
    pub fn made(settings: &str, files: &Files) -> Result<Vec<Self>> {
        #[derive(Deserialize)]
        struct Part {
            books: BTreeMap<String, BookSettings>,
        }
        let wrong = |error| Error::new(ErrorKind::Config, "sources cannot be read").caused_by(error);
        let part: Part = toml::from_str(settings).map_err(wrong)?;
        let source = |(name, settings): (String, BookSettings)| {
            let source = settings.resolve(&name, &BTreeMap::new())?;
            let origin = match source.origin {
                Origin::Files(place, format) => Origin::Files(place.among(files.clone()), format),
                database @ Origin::Database(_) => database,
            };
            Ok(Self { origin, ..source })
        };
        part.books.into_iter().map(source).collect()
    }

    /// Whether it is statements of a bank.
    pub(super) fn is_of_bank(&self) -> bool {
        matches!(self.origin, Origin::Files(_, Format::Bank(_)))
    }
}

impl BookSettings {
    /// The source of this name.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when a value cannot be read, or the shape lacks a column it must have.
    pub fn resolve(self, name: &str, environment: &BTreeMap<String, String>) -> Result<Source> {
        self.read(name, environment).map_err(|error| error.with("source", format!("books.{name}")))
    }

    fn read(self, name: &str, environment: &BTreeMap<String, String>) -> Result<Source> {
        let wrong = |message: &'static str| Error::new(ErrorKind::Config, message);
        let is_name = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        if !name.chars().all(is_name) || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
            return Err(wrong("the name of a source is written in small letters, digits and _, and begins with a letter"));
        }
        let path = self.path.ok_or_else(|| wrong("a source needs a path").hint("path = \"bank/*.xml\""))?;
        let kind = match self.format {
            Some(format) => one_of("format", &format, FORMATS)?,
            None => guessed(&path)
                .ok_or_else(|| wrong("a source needs a format where its path does not tell it").hint(known(FORMATS)))?,
        };
        let shapes = SHAPES.map(|shape| (shape.name, shape));
        let mut shape = self.shape.map(|shape| one_of("shape", &shape, shapes)).transpose()?;
        let columns: Vec<(String, String)> = self.columns.unwrap_or_default().into_iter().collect();
        if let Kind::Files(Format::Bank(_)) = kind {
            if shape.is_some_and(|shape| shape != &BANK_LINES) {
                return Err(wrong("statements of a bank have the shape bank_lines"));
            }
            if !columns.is_empty() || self.filter.is_some() {
                return Err(wrong(
                    "columns and where are of csv, json and parquet; statements of a bank have columns of their own",
                ));
            }
            shape = Some(&BANK_LINES);
        } else if let Some(shape) = shape {
            check_columns(shape, &columns)?;
        }
        let origin = match kind {
            Kind::Files(format) => {
                if self.query.is_some() || self.password.is_some() {
                    return Err(wrong("query and password are of databases"));
                }
                let mut storage = variables(environment);
                storage.extend(self.storage.unwrap_or_default());
                Origin::Files(Place::parse(&path, &storage)?, format)
            }
            Kind::Database(server) => {
                // The rows of an answer come in no order that could name them.
                if shape.is_some() && !columns.iter().any(|(name, _)| name == LINE_ID) {
                    return Err(
                        wrong("rows of a database need a column that names them").hint("columns = { line_id = \"id\", … }")
                    );
                }
                server.origin(&path, self.query, self.password)?
            }
        };
        let csv = self.csv.unwrap_or_default();
        let usual = if path.ends_with(".tsv") { '\t' } else { ',' };
        let delimiter = u8::try_from(csv.delimiter.unwrap_or(usual));
        let delimiter = delimiter.map_err(|error| wrong("the delimiter of csv is one plain letter").caused_by(error))?;
        let marks = Marks { decimal: csv.decimal.unwrap_or('.'), thousands: csv.thousands };
        if Some(marks.decimal) == marks.thousands {
            return Err(wrong("decimal and thousands of csv are the same letter"));
        }
        let zone = self.zone.map(|zone| {
            time::zone(&zone).ok_or_else(|| wrong("the zone is not known").with("zone", zone).hint("write it as Europe/London"))
        });
        Ok(Source {
            name: name.to_owned(),
            shape,
            origin,
            zone: zone.transpose()?,
            encoding: self.encoding.map_or(Ok(Encoding::Utf8), |name| one_of("encoding", &name, Encoding::NAMES))?,
            check: self.check.map_or(Ok(Check::Error), |name| one_of("check", &name, CHECKS))?,
            columns,
            filter: self.filter,
            csv: Csv { delimiter, has_header: csv.header.unwrap_or(true) },
            marks,
        })
    }
}

/// What the beginning or the end of a path says.
fn guessed(path: &str) -> Option<Kind> {
    if let Some(server) = Server::of_url(path) {
        return Some(Kind::Database(server));
    }
    let (_, extension) = path.rsplit_once('.')?;
    let extension = extension.to_ascii_lowercase();
    EXTENSIONS.iter().find(|(known, _)| *known == extension).map(|(_, kind)| *kind)
}

/// The value of a name among those there are.
fn one_of<T: Copy, const N: usize>(key: &'static str, name: &str, all: [(&'static str, T); N]) -> Result<T> {
    let found = all.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let error = Error::new(ErrorKind::Config, format!("there is no {key} of this name")).with(key, name);
        error.hint(nearest(name, all.iter().map(|(known, _)| *known)).map_or_else(|| known(all), meant))
    })
}

/// Asks for the name that was probably meant.
fn meant(near: &str) -> String {
    format!("did you mean {near}?")
}

fn known<T, const N: usize>(all: [(&'static str, T); N]) -> String {
    format!("known: {}", all.map(|(name, _)| name).join(", "))
}

/// Refuses a mapping that leaves out what every row needs, or whose names are nearly those of the shape.
fn check_columns(shape: &'static Shape, columns: &[(String, String)]) -> Result<()> {
    let is_mapped = |name: &str| columns.iter().any(|(column, _)| column == name);
    for (name, _) in columns {
        if name == SOURCE || name.starts_with('_') {
            return Err(Error::new(ErrorKind::Config, "a column that every table has cannot be mapped").with("column", name));
        }
        let is_own = shape.columns.iter().any(|column| column.name == name);
        let near = nearest(name, shape.columns.iter().map(|column| column.name).filter(|known| !is_mapped(known)));
        if let Some(near) = near.filter(|_| !is_own) {
            return Err(Error::new(ErrorKind::Config, format!("the shape {} has no such column", shape.name))
                .with("column", name)
                .hint(meant(near)));
        }
    }
    let lacks = shape
        .columns
        .iter()
        .find(|column| column.is_needed && ![LINE_ID, SOURCE].contains(&column.name) && !is_mapped(column.name));
    match lacks {
        Some(column) => Err(Error::new(ErrorKind::Config, format!("the shape {} needs a column that is not mapped", shape.name))
            .with("column", column.name)
            .hint(format!("columns = {{ {} = \"an SQL expression over the file's columns\", … }}", column.name))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(settings: &str) -> String {
        let settings: BookSettings = toml::from_str(settings).unwrap();
        let error = settings.resolve("bank", &BTreeMap::new()).unwrap_err();
        format!("{error}; {}", error.advice().unwrap_or_default())
    }

    #[test]
    fn what_cannot_be_read_is_said_with_the_nearest_right_one() {
        insta::assert_snapshot!(
            [
                "shape = 'orders'",
                "path = 'a'",
                "path = 'a.csv'\nshape = 'order'",
                "path = 'a.csv'\nformat = 'mt94'",
                "path = 'a.csv'\nshape = 'orders'\ncolumns = { amount = 'total' }",
                "path = 'a.csv'\nshape = 'orders'\ncolumns = { amount = 'total', currency = 'ccy', referense = 'x' }",
                "path = 'a.sta'\nwhere = 'true'",
                "path = 'a.sta'\nshape = 'orders'",
                "path = 'a.csv'\nzone = 'Europe/Londn'",
                "path = 'ftp://a/b.csv'",
                "path = 'a.csv'\ncsv = { decimal = ',', thousands = ',' }",
                "path = 'a.csv'\nquery = 'select 1'",
                "path = 'postgres://me@host/shop'",
                "path = 'postgres://me:marker@host/shop'\nquery = 'select 1'",
                "path = 'me:marker@host/shop'\nformat = 'postgres'\nquery = 'select 1'",
                "path = 'mysql://host/shop'\nformat = 'postgres'\nquery = 'select 1'",
                "path = 'a.sqlite'\nquery = 'select 1'\npassword = 'marker'",
                "path = 'a.sqlite'\nquery = 'select 1'\nshape = 'orders'\ncolumns = { amount = 'a', currency = 'c' }",
            ]
            .map(refusal)
            .join("\n"), @r#"
        a source needs a path (source books.bank); path = "bank/*.xml"
        a source needs a format where its path does not tell it (source books.bank); known: csv, json, parquet, camt053, mt940, bai2, ofx, postgres, mysql, sqlite
        there is no shape of this name (shape order, source books.bank); did you mean orders?
        there is no format of this name (format mt94, source books.bank); did you mean mt940?
        the shape orders needs a column that is not mapped (column currency, source books.bank); columns = { currency = "an SQL expression over the file's columns", … }
        the shape orders has no such column (column referense, source books.bank); did you mean reference?
        columns and where are of csv, json and parquet; statements of a bank have columns of their own (source books.bank); 
        statements of a bank have the shape bank_lines (source books.bank); 
        the zone is not known (zone Europe/Londn, source books.bank); write it as Europe/London
        the source is neither a folder nor a bucket (source ftp://a/b.csv, source books.bank); write a path, or a URL like s3://bucket/folder, gs://bucket/folder, az://container/folder
        decimal and thousands of csv are the same letter (source books.bank); 
        query and password are of databases (source books.bank); 
        a database needs a query (source books.bank); query = "select * from orders"
        the password of a database does not stand in its path (source books.bank); password = { env = "VARIABLE" }
        the path of a database is a URL (source books.bank); path = "postgres://user@host:5432/database"
        the path of a database is a URL (source books.bank); path = "postgres://user@host:5432/database"
        a file of SQLite has no password (source books.bank); 
        rows of a database need a column that names them (source books.bank); columns = { line_id = "id", … }
        "#);
    }
}
