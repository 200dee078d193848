//! What Checkout.com offers, as data: one [`Resource`] literal per table, in a file of its own.
//!
//! The literal is the only place that knows a table's endpoints, paging, pushdown, key, cursor, scope and columns;
//! the Arrow schema, the live table, the reference and the completion are derived from it. Adding a table is a file
//! here and its name in `registry!`.

pub mod breakdown_type;
pub mod report_kind;

use std::sync::LazyLock;

use report_kind::ReportKind;

use crate::api::request::{Host, Method};
use crate::schema::{Column, Explode, Kind, Origin, Rows, Shape, col};

/// A table of Checkout.com's data.
#[derive(Debug, Clone, Copy)]
pub struct Resource {
    /// Name in SQL.
    pub name: &'static str,
    /// One sentence: what one row is.
    pub about: &'static str,
    /// The ways to ask, best first: the first whose keys the query gives is used, a listing when none is.
    pub calls: &'static [Call],
    /// The column that says when a row happened.
    pub time: Option<&'static str>,
    /// The column that moves when a row changes; the cursor of a sync.
    pub cursor: Option<&'static str>,
    /// Which object `_raw` holds.
    pub raw: Origin,
    /// The columns, in table order, without the common ones.
    pub columns: &'static [Column],
}

/// One way to ask for rows.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// OAuth scope that lets a key make it.
    pub scope: &'static str,
    /// What the query must give for this call.
    pub by: By,
    /// Columns that the query must also give one value each, for this call's `narrow` to send.
    pub needs: &'static [&'static str],
    /// Which of Checkout.com's hosts answers.
    pub host: Host,
    /// HTTP method.
    pub method: Method,
    /// Path; `{column}` stands for the value of [`By::Key`].
    pub path: &'static str,
    /// Query parameters that are always sent.
    pub fixed: &'static [(&'static str, &'static str)],
    /// Filters the call understands, beside its key.
    pub narrow: &'static [Narrow],
    /// How the answer continues.
    pub paging: Paging,
    /// Where the rows stand in a page.
    pub rows: Rows,
    /// The array inside each row whose elements are the table's rows.
    pub explode: Option<Explode>,
    /// Columns that this call's answers leave out; a query that filters by one of them is asked otherwise.
    pub lacks: &'static [&'static str],
    /// Columns that stand elsewhere in this call's answers: name and JSON pointer.
    pub moved: &'static [(&'static str, &'static str)],
    /// Whether it leaves out rows that the table's listing has. A query that names the key asks for what the call gives; a
    /// join asks for the table, so it does not take this way.
    pub is_partial: bool,
    /// Whether 404 may also mean that the entity asked for has no rows.
    pub may_have_none: bool,
    /// Path of a document to read first for each key, for the parent columns; read only when one is wanted.
    pub parent: Option<&'static str>,
}

/// What a query must give for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Nothing: one listing gives all rows.
    Listing,
    /// A value of this column: one request for each value asked for.
    Key(Key),
    /// A value of `entity_id`, or else every entity the account is configured with.
    Entity,
    /// A span of this time column: the listing is asked for in windows.
    Windows(&'static str),
    /// Nothing: the rows are in report files, which are found by the listing of reports.
    Files(Files),
}

/// The report files whose rows a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Files {
    /// Which reports.
    pub kind: &'static ReportKind,
    /// Whether rows that a later report tells anew are left out.
    pub newest_only: bool,
}

/// A column whose values a call is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Name of the column.
    pub column: &'static str,
    /// The query parameter that takes the value; `None` when it stands in the path.
    pub param: Option<&'static str>,
    /// The earliest instant (UTC, seconds since 1970) of rows this call knows; older ones must be asked for otherwise.
    pub since: Option<i64>,
}

/// A filter a call understands: the rows it leaves out are rows the query does not want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Narrow {
    /// `column = value` as a query parameter.
    Eq {
        /// Name of the column.
        column: &'static str,
        /// Query parameter.
        param: &'static str,
    },
    /// `column in (…)` as one query parameter, its values with commas between.
    In {
        /// Name of the column.
        column: &'static str,
        /// Query parameter.
        param: &'static str,
    },
    /// Past instants of a time column, one request each, as a query parameter; the rows are those of that moment.
    Moment {
        /// Name of the column.
        column: &'static str,
        /// Query parameter.
        param: &'static str,
    },
    /// A span of a time column as two query parameters. Sent one millisecond wider at each end, because whether the
    /// ends are inclusive is not documented for every call.
    Range {
        /// Name of the column.
        column: &'static str,
        /// Query parameter of the start.
        from: &'static str,
        /// Query parameter of the end.
        to: &'static str,
    },
    /// A term of the search language.
    Term {
        /// Name of the column.
        column: &'static str,
        /// Field of the search language.
        field: &'static str,
        /// What is compared.
        kind: TermKind,
    },
}

/// What a field of the search language compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermKind {
    /// Text: `column = value` and `in (…)` are sent.
    Text,
    /// A word that the vendor spells in one of these ways: `<>` and `not in (…)` of one so spelled are sent too.
    Word(&'static [&'static str]),
    /// A code that the vendor spells in capitals: as for words.
    Code,
    /// An amount in minor units, and its bounds: those of `<column>_minor`, or of the major units where the column
    /// `currency` is given.
    Amount,
}

/// How the answer of a call continues over several pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paging {
    /// It does not.
    Single,
    /// `limit` and `skip`, with `total_count` in the answer.
    SkipLimit(usize),
    /// `limit`, and a `pagination_token` in `_links.next`.
    Token(usize),
    /// `limit` in the body, and perhaps a `_links.next` to follow.
    NextLink(usize),
}

/// A call on the main host that this scope allows: what most tables start from.
pub(crate) const fn get(scope: &'static str, path: &'static str, by: By) -> Call {
    Call {
        scope,
        by,
        needs: &[],
        host: Host::Main,
        method: Method::Get,
        path,
        fixed: &[],
        narrow: &[],
        paging: Paging::Single,
        rows: Rows::Array("/data"),
        explode: None,
        lacks: &[],
        moved: &[],
        is_partial: false,
        may_have_none: false,
        parent: None,
    }
}

/// The files of the reports of a kind, each row as the newest report has it.
pub(crate) const fn files(kind: &'static ReportKind) -> Call {
    get(reports::SCOPE, "/reports/{report_id}/files/{file_id}", By::Files(Files { kind, newest_only: true }))
}

/// The files of the reports of a kind, with all rows of each.
pub(crate) const fn history(kind: &'static ReportKind) -> Call {
    get(reports::SCOPE, "/reports/{report_id}/files/{file_id}", By::Files(Files { kind, newest_only: false }))
}

/// A key that stands in the path.
pub(crate) const fn in_path(column: &'static str) -> By {
    By::Key(Key { column, param: None, since: None })
}

/// A key that is a query parameter.
pub(crate) const fn in_query(column: &'static str, param: &'static str) -> By {
    By::Key(Key { column, param: Some(param), since: None })
}

/// `column = value` as a query parameter.
pub(crate) const fn eq(column: &'static str, param: &'static str) -> Narrow {
    Narrow::Eq { column, param }
}

/// `column in (…)` as one query parameter.
pub(crate) const fn any_of(column: &'static str, param: &'static str) -> Narrow {
    Narrow::In { column, param }
}

/// Text as a term of the search language.
pub(crate) const fn term(column: &'static str, field: &'static str) -> Narrow {
    Narrow::Term { column, field, kind: TermKind::Text }
}

/// A word as a term of the search language.
pub(crate) const fn word(column: &'static str, field: &'static str, words: &'static [&'static str]) -> Narrow {
    Narrow::Term { column, field, kind: TermKind::Word(words) }
}

/// A code in capitals as a term of the search language.
pub(crate) const fn code(column: &'static str, field: &'static str) -> Narrow {
    Narrow::Term { column, field, kind: TermKind::Code }
}

/// An amount as a term of the search language.
pub(crate) const fn amount(column: &'static str, field: &'static str) -> Narrow {
    Narrow::Term { column, field, kind: TermKind::Amount }
}

/// Past instants of a time column as a query parameter.
pub(crate) const fn moment(column: &'static str, param: &'static str) -> Narrow {
    Narrow::Moment { column, param }
}

/// A span of a time column as two query parameters.
pub(crate) const fn range(column: &'static str, from: &'static str, to: &'static str) -> Narrow {
    Narrow::Range { column, from, to }
}

impl Call {
    /// Method and path, as they would be read aloud.
    pub fn title(&self) -> String {
        let method = match self.method {
            Method::Get => "GET",
            Method::Post => "POST",
        };
        format!("{method} {}", self.path)
    }

    /// The column and the query parameter of the moments it answers for.
    pub fn moment(&self) -> Option<(&'static str, &'static str)> {
        self.narrow.iter().find_map(|narrow| match *narrow {
            Narrow::Moment { column, param } => Some((column, param)),
            _ => None,
        })
    }

    /// Whether it answers for moments of this column.
    pub fn is_at(&self, column: &str) -> bool {
        self.moment().is_some_and(|(name, _)| name == column)
    }

    /// Whether its rows, or those of the listing that makes up for what it does not know, are claimed by their time.
    pub fn claims_by_time(&self) -> bool {
        match self.by {
            By::Windows(_) => true,
            By::Key(key) => key.since.is_some(),
            By::Listing | By::Entity | By::Files(_) => false,
        }
    }

    /// Whether it is made for values of this column.
    pub fn is_by(&self, column: &str) -> bool {
        matches!(self.by, By::Key(key) if key.column == column) || self.by == By::Entity && column == "entity_id"
    }

    /// The columns that say what a later report tells anew, where rows of older ones are to be left out.
    pub fn restated(&self) -> &'static [&'static str] {
        match self.by {
            By::Files(Files { kind, newest_only: true }) => kind.restated,
            _ => &[],
        }
    }

    /// The table that this call lists first of all: `payments` for the search, though other tables come out of it too.
    pub fn listed_as(&self) -> Option<&'static str> {
        let lists = |resource: &&&Resource| resource.calls.iter().any(|call| call.path == self.path);
        RESOURCES.iter().find(lists).map(|resource| resource.name)
    }
}

impl Resource {
    /// The shape of a call's pages.
    pub fn shape(&self, call: &Call) -> Shape {
        Shape { rows: call.rows, explode: call.explode, raw: self.raw, moved: call.moved }
    }

    /// The table that it is, with or without what later reports told anew.
    pub fn family(&self) -> &'static str {
        self.name.strip_suffix("_history").filter(|table| resource(table).is_some()).unwrap_or(self.name)
    }

    /// Whether it is another table with what later reports told anew.
    pub fn is_history(&self) -> bool {
        let keeps_all =
            |call: &Call| matches!(call.by, By::Files(files) if !files.newest_only && !files.kind.restated.is_empty());
        self.calls.iter().all(keeps_all)
    }

    /// The same table, known only by the call that comes last: the one that gives all rows.
    pub fn listed(&self) -> Self {
        Self { calls: self.calls.get(self.calls.len().saturating_sub(1)..).unwrap_or(self.calls), ..*self }
    }

    /// The declared column of this name.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

const REPORT_ID: Column = col("report_id", Kind::Text, "Report (`rpt_…`) the row comes from; none for a file of one's own.");
const FILE_ID: Column = col("file_id", Kind::Text, "File (`file_…`) the row comes from; the name of a file of one's own.").key();
const ROW_NUMBER: Column = col("row_number", Kind::Int, "Number of the row in its file, from 1.").key();
const REPORT_CREATED_ON: Column = col("report_created_on", Kind::Time, "When the report was made, UTC.");

/// The columns of a table of report files: its own, and behind them where each row comes from.
macro_rules! rows_of_files {
    ($($column:expr),* $(,)?) => {
        &[$($column,)* super::REPORT_ID, super::FILE_ID, super::ROW_NUMBER, super::REPORT_CREATED_ON]
    };
}

macro_rules! registry {
    ($($name:ident $(with $more:ident)?),* $(,)?) => {
        $(mod $name;)*

        /// Every table, in the order of the reference.
        pub static RESOURCES: &[&Resource] = &[$(&$name::RESOURCE $(, &$name::$more)?),*];
    };
}

registry! {
    payments,
    payment_actions,
    disputes,
    dispute_evidence,
    dispute_files,
    balances,
    settlements with HISTORY,
    settlement_breakdown with HISTORY,
    settlement_actions with HISTORY,
    financial_actions with HISTORY,
    balance_statements with HISTORY,
    report_rows,
    reports,
    report_files,
    transfers,
    fx_rates,
    entities,
    payout_schedules,
    customers,
    instruments,
    events,
}

/// Every table as its last call gives it; see [`Resource::listed`].
static LISTED: LazyLock<Vec<Resource>> = LazyLock::new(|| RESOURCES.iter().map(|resource| resource.listed()).collect());

/// The table of this name, as its last call gives it.
pub fn listed(name: &str) -> Option<&'static Resource> {
    LISTED.iter().find(|resource| resource.name == name)
}

/// The table of this name.
pub fn resource(name: &str) -> Option<&'static Resource> {
    RESOURCES.iter().copied().find(|resource| resource.name == name)
}
