//! What PostgreSQL calls what is wrong with a statement, read off DataFusion's error: by its kind wherever it has one, and by
//! its first words where it has none.

use arrow::error::ArrowError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;

/// The text is no SQL.
pub const SYNTAX: &str = "42601";
/// The statement is more than can be planned.
pub const TOO_COMPLEX: &str = "54001";
/// There is no such table.
pub const NO_TABLE: &str = "42P01";
/// There is no such function, or none that takes these arguments.
pub const NO_FUNCTION: &str = "42883";
/// There is no such setting.
pub const NO_SETTING: &str = "42704";
/// A setting cannot be that.
pub const WRONG_SETTING: &str = "22023";
/// It could be answered, and is not.
pub const NOT_SUPPORTED: &str = "0A000";

const NO_COLUMN: &str = "42703";
const AMBIGUOUS: &str = "42702";
const NAMED_TWICE: &str = "42712";
const NOT_GROUPED: &str = "42803";
const OTHER_TYPE: &str = "42804";
const NO_CAST: &str = "42846";
const NO_STATEMENT: &str = "26000";
const OUT_OF_MEMORY: &str = "53200";
const DATA: &str = "22000";
const OUT_OF_RANGE: &str = "22003";
const NO_TIME: &str = "22007";
const DIVIDED_BY_ZERO: &str = "22012";
const NO_VALUE: &str = "22P02";
const MANY_ROWS: &str = "21000";

/// What messages begin with that are all that DataFusion tells.
const WORDS: &[(&str, &str)] = &[
    ("table '", NO_TABLE),
    ("Invalid qualifier ", NO_TABLE),
    ("table function '", NO_FUNCTION),
    ("Invalid function '", NO_FUNCTION),
    ("WITH query name ", NAMED_TWICE),
    ("Column in SELECT must be in GROUP BY", NOT_GROUPED),
    ("Column in HAVING must be in GROUP BY", NOT_GROUPED),
    ("Column in ORDER BY must be in GROUP BY", NOT_GROUPED),
    ("Aggregate function", NOT_GROUPED),
    ("Cannot coerce ", OTHER_TYPE),
    ("Cannot infer common argument type ", OTHER_TYPE),
    ("Cannot automatically convert ", OTHER_TYPE),
    ("Cannot create filter with non-boolean predicate ", OTHER_TYPE),
    ("Unary operator ", OTHER_TYPE),
    ("Unsupported CAST from ", NO_CAST),
    ("UNION queries have different number of columns", SYNTAX),
    ("Prepared statement '", NO_STATEMENT),
    ("Scalar subquery returned more than one row", MANY_ROWS),
];

/// The closest word for an error; none where nothing closer is known than that the statement is wrong.
pub(super) fn of(error: &DataFusionError) -> Option<&'static str> {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => of(inner),
        DataFusionError::Shared(inner) => of(inner),
        DataFusionError::Collection(errors) => errors.iter().find_map(of),
        DataFusionError::External(inner) => inner.downcast_ref().and_then(of_arrow),
        DataFusionError::SQL(parser, _) => Some(of_parser(parser)),
        DataFusionError::SchemaError(inner, _) => Some(of_schema(inner)),
        DataFusionError::ArrowError(inner, _) => of_arrow(inner),
        DataFusionError::Configuration(_) => Some(WRONG_SETTING),
        DataFusionError::NotImplemented(_) => Some(NOT_SUPPORTED),
        DataFusionError::ResourcesExhausted(_) => Some(OUT_OF_MEMORY),
        DataFusionError::Execution(message) => of_words(message).or(Some(DATA)),
        DataFusionError::Plan(message) => of_words(message),
        _ => None,
    }
}

fn of_parser(parser: &ParserError) -> &'static str {
    match parser {
        ParserError::RecursionLimitExceeded => TOO_COMPLEX,
        ParserError::TokenizerError(_) | ParserError::ParserError(_) => SYNTAX,
    }
}

fn of_schema(error: &SchemaError) -> &'static str {
    match error {
        SchemaError::FieldNotFound { .. } => NO_COLUMN,
        SchemaError::AmbiguousReference { .. } => AMBIGUOUS,
        SchemaError::DuplicateQualifiedField { .. } | SchemaError::DuplicateUnqualifiedField { .. } => NAMED_TWICE,
    }
}

fn of_arrow(error: &ArrowError) -> Option<&'static str> {
    Some(match error {
        ArrowError::DivideByZero => DIVIDED_BY_ZERO,
        ArrowError::ArithmeticOverflow(_) => OUT_OF_RANGE,
        ArrowError::CastError(message) => of_cast(message),
        // Texts that are read otherwise than by a cast are of times.
        ArrowError::ParseError(_) => NO_TIME,
        ArrowError::InvalidArgumentError(message) if message.contains(" is too large to store in a ") => OUT_OF_RANGE,
        ArrowError::NotYetImplemented(_) => NOT_SUPPORTED,
        ArrowError::MemoryError(_) => OUT_OF_MEMORY,
        ArrowError::ExternalError(inner) => return inner.downcast_ref().and_then(of),
        ArrowError::ComputeError(_) | ArrowError::InvalidArgumentError(_) => DATA,
        _ => return None,
    })
}

/// Why a value is not cast: its text is none, or it has no place in the other type, or nothing is cast so.
fn of_cast(message: &str) -> &'static str {
    let is_text = message.starts_with("Cannot cast string ");
    let is_time = ["Date", "Time", "Interval", "Duration"].iter().any(|kind| message.contains(&format!(" value of {kind}")));
    match (is_text, is_time) {
        (true, true) => NO_TIME,
        (true, false) => NO_VALUE,
        (false, _) if message.contains("not supported") => NO_CAST,
        (false, _) => OUT_OF_RANGE,
    }
}

fn of_words(message: &str) -> Option<&'static str> {
    if super::no_function(message).is_some() {
        return Some(NO_FUNCTION);
    }
    WORDS.iter().find(|(words, _)| message.starts_with(words)).map(|(_, state)| *state)
}
