//! The standard shapes: what the columns of the other side's tables are, whatever file they come from.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use std::sync::Arc;

use crate::money::DECIMAL_PRECISION;
use crate::schema::fields::{COMMENT, instant};

/// A standard shape.
#[derive(Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its name in the configuration.
    pub name: &'static str,
    /// What a row is.
    pub about: &'static str,
    /// Its columns, without those that all tables have.
    pub columns: &'static [ShapeColumn],
}

/// A column of a shape.
#[derive(Debug, PartialEq, Eq)]
pub struct ShapeColumn {
    /// Its name.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// Whether every row must have one.
    pub is_needed: bool,
    /// What it means.
    pub about: &'static str,
}

/// What values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// An amount in major units.
    Money,
    /// A whole number.
    Number,
    /// A day.
    Date,
    /// An instant, UTC.
    Instant,
    /// True or false.
    Flag,
}

impl Kind {
    /// Its type.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Money => money(),
            Self::Number => DataType::Int64,
            Self::Date => DataType::Date32,
            Self::Instant => instant(),
            Self::Flag => DataType::Boolean,
        }
    }
}

/// The type of every amount.
pub(super) fn money() -> DataType {
    DataType::Decimal128(DECIMAL_PRECISION, 8)
}

/// Column that identifies a row.
pub(super) const LINE_ID: &str = "line_id";
/// Column of the source's name.
pub(super) const SOURCE: &str = "source";
/// Column of the file's name.
pub(super) const FILE: &str = "_file";
/// Column of the row's number.
pub(super) const ROW: &str = "_row";
/// Column of the row as it is written.
pub(super) const RAW: &str = "_raw";

/// What every table of a file has at its end.
pub(super) const COMMON: [ShapeColumn; 3] = [
    column(FILE, Kind::Text, "The file it is in."),
    column(ROW, Kind::Number, "Its number in the file, from 1."),
    column(RAW, Kind::Text, "As it is written: the record as JSON, or a bank's own text."),
];

/// The shapes that a source may have.
pub const SHAPES: [&Shape; 3] = [&BANK_LINES, &ORDERS, &LEDGER_ENTRIES];

const ID: ShapeColumn = needed(
    LINE_ID,
    Kind::Text,
    "Identity, the same whenever the file is read: of a statement the account, the statement and the entry; of mapped files \
     the source, the file and the row, unless mapped.",
);
const NAME: ShapeColumn = needed(SOURCE, Kind::Text, "Name of the source in the configuration.");

/// Lines of bank statements.
pub const BANK_LINES: Shape = Shape {
    name: "bank_lines",
    about: "One row per booked entry of a bank account.",
    columns: &[
        ID,
        NAME,
        column("bank_account", Kind::Text, "The bank's name of the account, such as its IBAN."),
        column("statement_id", Kind::Text, "The statement it is in."),
        needed("currency", Kind::Text, "ISO 4217 code."),
        needed("amount", Kind::Money, "Major units; credit positive."),
        column("booking_date", Kind::Date, "When it was booked."),
        column("value_date", Kind::Date, "When it counts for interest."),
        column("reference", Kind::Text, "The bank's reference."),
        column("end_to_end_id", Kind::Text, "The payer's reference; a batch has none."),
        column("remittance", Kind::Text, "What the payer wrote, with a space between its parts."),
        column("counterparty", Kind::Text, "Who paid, or was paid."),
        column("bank_transaction_code", Kind::Text, "What kind of transaction, in the codes of the format."),
        column("is_reversal", Kind::Flag, "Whether it takes another entry back."),
    ],
};

/// Orders of a shop.
pub const ORDERS: Shape = Shape {
    name: "orders",
    about: "One row per order.",
    columns: &[
        ID,
        NAME,
        column("reference", Kind::Text, "What the payment was told: `payments.reference`."),
        needed("currency", Kind::Text, "ISO 4217 code."),
        needed("amount", Kind::Money, "Major units."),
        column("ordered_at", Kind::Instant, "When it was placed."),
        column("status", Kind::Text, "In the shop's own words."),
        column("customer_reference", Kind::Text, "The shop's reference of who ordered."),
    ],
};

/// Entries of a ledger.
pub const LEDGER_ENTRIES: Shape = Shape {
    name: "ledger_entries",
    about: "One row per entry of a ledger.",
    columns: &[
        ID,
        NAME,
        column("account", Kind::Text, "Account of the ledger."),
        needed("currency", Kind::Text, "ISO 4217 code."),
        needed("amount", Kind::Money, "Major units, with the ledger's sign."),
        column("booked_on", Kind::Date, "When it was booked."),
        column("reference", Kind::Text, "What it is about."),
        column("description", Kind::Text, "In words."),
    ],
};

/// The statements that the lines of a source are in.
pub const STATEMENTS: Shape = Shape {
    name: "bank_statements",
    about: "One row per statement of a source of bank statements, in table NAME_statements.",
    columns: &[
        needed("statement_id", Kind::Text, "The same whenever the bank hands it out again."),
        NAME,
        column("sequence", Kind::Number, "Its number among those of the account, where it says one."),
        needed("bank_account", Kind::Text, "The bank's name of the account."),
        needed("currency", Kind::Text, "ISO 4217 code."),
        column("from_date", Kind::Date, "First day it speaks of."),
        column("to_date", Kind::Date, "Last day it speaks of."),
        column("opening_balance", Kind::Money, "Major units; OFX does not say it."),
        column("closing_balance", Kind::Money, "Major units."),
        needed("lines_sum", Kind::Money, "Sum of its lines."),
        needed("lines", Kind::Number, "How many lines it has."),
        column("difference", Kind::Money, "What the lines do not explain of closing less opening."),
        column(
            "problem",
            Kind::Text,
            "Null, or balance_mismatch, gap (it does not open with what the one before it closed with), or duplicate (its \
             lines count once).",
        ),
        column(FILE, Kind::Text, "The file it is in."),
    ],
};

const fn column(name: &'static str, kind: Kind, about: &'static str) -> ShapeColumn {
    ShapeColumn { name, kind, is_needed: false, about }
}

const fn needed(name: &'static str, kind: Kind, about: &'static str) -> ShapeColumn {
    ShapeColumn { name, kind, is_needed: true, about }
}

impl ShapeColumn {
    /// Its field.
    pub fn field(&self) -> FieldRef {
        let about = HashMap::from([(COMMENT.to_owned(), self.about.to_owned())]);
        Arc::new(Field::new(self.name, self.kind.data_type(), true).with_metadata(about))
    }
}

impl Shape {
    /// The fields of a table of this shape.
    pub fn schema(&self) -> SchemaRef {
        // A statement is no row of a file.
        let common: &[ShapeColumn] = if self == &STATEMENTS { &[] } else { &COMMON };
        Arc::new(Schema::new(self.columns.iter().chain(common).map(ShapeColumn::field).collect::<Vec<_>>()))
    }
}
