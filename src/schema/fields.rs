//! Declared columns as Arrow fields: one list of fields per table, the common columns at its end.
//!
//! The order here is the table's order everywhere: decoders, catalogue, reference.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};

use super::{Column, Kind};
use crate::money::{DECIMAL_PRECISION, DECIMAL_SCALE, MAJOR_PRECISION, MAJOR_SCALE};

/// Name of the column that says which configured account a row came from.
pub const ACCOUNT: &str = "account";
/// Name of the column that says when a row was read.
pub const FETCHED_AT: &str = "_fetched_at";
/// Name of the column that holds the source's own row, as JSON.
pub const RAW: &str = "_raw";
/// Metadata key under which a field's meaning is kept.
pub const COMMENT: &str = "comment";

/// Metadata key under which the words of a column of words are kept, with `|` between them.
const WORDS: &str = "words";

/// The vendor's words that the values of a column are of, as they are spelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    /// Those of a field, where its values are words.
    pub fn of(field: &Field) -> Option<Self> {
        field.metadata().get(WORDS).map(|words| Self::parse(words))
    }

    /// Words as they are displayed.
    pub fn parse(words: &str) -> Self {
        Self(words.split('|').map(str::to_owned).collect())
    }

    /// The word that a text is; see [`is_word`].
    pub fn find(&self, text: &str) -> Option<&str> {
        self.0.iter().map(String::as_str).find(|word| is_word(text, word))
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("|"))
    }
}

/// Whether a text is a word, whatever its case and whether its parts are joined by `_` or a space.
pub fn is_word(text: &str, word: &str) -> bool {
    let plain = |byte: u8| if byte == b'_' { b' ' } else { byte.to_ascii_lowercase() };
    text.len() == word.len() && text.bytes().zip(word.bytes()).all(|(one, other)| plain(one) == plain(other))
}

/// What fills a field of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filler {
    /// The declared column of this index.
    Column(usize),
    /// The declared amount of this index, in major units.
    Major(usize),
    /// The declared amount of this index, in minor units.
    Minor(usize),
    /// The account's name.
    Account,
    /// When the page was read.
    FetchedAt,
    /// The source's own row.
    Raw,
}

/// The type of every instant.
pub fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The fields of a table with what fills each, in table order.
pub fn fields(columns: &[Column]) -> Vec<(FieldRef, Filler)> {
    let mut fields = Vec::with_capacity(columns.len() + 8);
    for (index, column) in columns.iter().enumerate() {
        let mut push = |name: &str, data_type, about: &str, filler| fields.push((field(name, data_type, about), filler));
        match column.kind {
            Kind::Minor(currency) | Kind::AssumedMinor(currency) => {
                let major = format!("{} Major units of `{currency}`.", column.about);
                push(column.name, decimal(MAJOR_PRECISION, MAJOR_SCALE), &major, Filler::Major(index));
                let minor = format!("{} Minor units of `{currency}`.", column.about);
                push(&format!("{}_minor", column.name), DataType::Int64, &minor, Filler::Minor(index));
            }
            Kind::Word(words) => {
                let field = field(column.name, DataType::Utf8, column.about);
                let metadata = field.metadata().clone().into_iter().chain([(WORDS.to_owned(), words.join("|"))]);
                let field = Field::clone(&field).with_metadata(metadata.collect());
                fields.push((Arc::new(field), Filler::Column(index)));
            }
            kind => push(column.name, data_type(kind), column.about, Filler::Column(index)),
        }
    }
    fields.push((field(ACCOUNT, DataType::Utf8, "The configured account the row came from."), Filler::Account));
    fields.push((field(FETCHED_AT, instant(), "When the row was read, UTC."), Filler::FetchedAt));
    fields.push((field(RAW, DataType::Utf8, "The source's own row, as JSON."), Filler::Raw));
    fields
}

/// The Arrow schema of a table.
pub fn schema(columns: &[Column]) -> SchemaRef {
    Arc::new(Schema::new(fields(columns).into_iter().map(|(field, _)| field).collect::<Vec<_>>()))
}

fn field(name: &str, data_type: DataType, about: &str) -> FieldRef {
    let metadata = HashMap::from([(COMMENT.to_owned(), about.to_owned())]);
    Arc::new(Field::new(name, data_type, true).with_metadata(metadata))
}

fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Text | Kind::Word(_) | Kind::Json => DataType::Utf8,
        Kind::Flag => DataType::Boolean,
        Kind::Int => DataType::Int64,
        Kind::Time => instant(),
        Kind::LocalTime => DataType::Timestamp(TimeUnit::Microsecond, None),
        Kind::Date => DataType::Date32,
        Kind::Decimal | Kind::Minor(_) | Kind::AssumedMinor(_) => decimal(DECIMAL_PRECISION, DECIMAL_SCALE),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the scales are 3 and 8")]
const fn decimal(precision: u8, scale: u32) -> DataType {
    DataType::Decimal128(precision, scale as i8)
}
