//! Where one SQL statement ends and the next begins: at a semicolon that stands outside quotes and comments.
//!
//! The parser's own tokenizer decides what is quoted, so that nothing is cut which it would read as one.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use crate::error::{Error, ErrorKind, Result, sqlstate};

/// A text cut into statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statements {
    /// The statements, without their semicolons. Each is preceded by as many line ends and spaces as it takes to leave
    /// it where it stood, so that the positions in its errors are positions in the whole text.
    pub statements: Vec<String>,
    /// Whether the last statement has its semicolon, or nothing follows it but comments.
    pub ended: bool,
}

/// Cuts a text into its statements.
///
/// # Errors
/// [`ErrorKind::Query`] with line and column when a quote or comment does not end.
pub fn split(sql: &str) -> Result<Statements> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql)
        .tokenize_with_location()
        .map_err(|error| Error::new(ErrorKind::Query, format!("cannot read the SQL: {error}")).state(sqlstate::SYNTAX))?;
    let mut statements = Vec::new();
    let mut open: Vec<&TokenWithSpan> = Vec::new();
    for token in &tokens {
        if token.token == Token::SemiColon {
            statements.extend(text_of(sql, &open));
            open.clear();
        } else {
            open.push(token);
        }
    }
    let rest = text_of(sql, &open);
    let ended = rest.is_none();
    statements.extend(rest);
    Ok(Statements { statements, ended })
}

/// The text from the first meaningful token to the last, left where it stood; `None` when there is none.
fn text_of(sql: &str, tokens: &[&TokenWithSpan]) -> Option<String> {
    let meaningful = |token: &&&TokenWithSpan| !matches!(token.token, Token::Whitespace(_) | Token::EOF);
    let first = tokens.iter().find(meaningful)?.span.start;
    let last = tokens.iter().rfind(meaningful)?.span.end;
    let text = sql.get(offset(sql, first)..offset(sql, last))?;
    let lines = usize::try_from(first.line.saturating_sub(1)).ok()?;
    let columns = usize::try_from(first.column.saturating_sub(1)).ok()?;
    Some(format!("{}{}{text}", "\n".repeat(lines), " ".repeat(columns)))
}

/// The byte where a location of the tokenizer stands; both its numbers count from one, columns in characters.
fn offset(sql: &str, location: Location) -> usize {
    let mut line = 1;
    let mut column = 1;
    for (index, character) in sql.char_indices() {
        if (line, column) >= (location.line, location.column) {
            return index;
        }
        if character == '\n' {
            line += 1;
            column = 1;
        } else {
            column += 1;
        }
    }
    sql.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trimmed(sql: &str) -> Vec<String> {
        split(sql).unwrap().statements.iter().map(|text| text.trim().to_owned()).collect()
    }

    #[test]
    fn semicolons_in_quotes_and_comments_do_not_end_a_statement() {
        let sql = "select ';' as \"a;b\"; -- one; two\n/* three; */ select 2 /* ; */;;\n;select 'it''s;'";
        assert_eq!(trimmed(sql), ["select ';' as \"a;b\"", "select 2", "select 'it''s;'"]);
    }

    #[test]
    fn a_statement_stays_where_it_stood() {
        let statements = split("select 1;\n  select 'č', x from;").unwrap().statements;
        assert_eq!(statements, ["select 1", "\n  select 'č', x from"]);
    }

    #[test]
    fn a_text_is_ended_by_a_semicolon_or_by_nothing() {
        let ended = |sql| split(sql).unwrap().ended;
        assert_eq!((ended("select 1;"), ended("select 1; -- done"), ended("")), (true, true, true));
        assert_eq!((ended("select 1"), ended("select 1; select 2")), (false, false));
    }

    #[test]
    fn an_open_quote_is_an_error_with_its_place() {
        let error = split("select 1;\nselect 'open").unwrap_err();
        assert_eq!((error.kind(), error.to_string().contains("Line: 2, Column: 8")), (ErrorKind::Query, true));
    }
}
