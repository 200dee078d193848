//! What is typed into the shell: SQL statements, and commands of a line that starts with a backslash.

use clap::ValueEnum;

use super::statements::split;
use crate::error::{Error, ErrorKind, Result};
use crate::output::Format;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// Run a statement.
    Sql(String),
    /// Do something about the shell.
    Command(Command),
}

/// A backslash command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Quit,
    Help,
    Tables,
    Columns(String),
    Format(Format),
    Timing,
}

/// What `\?` prints.
pub(super) const HELP: &str = "\
\\d               tables
\\d NAME          columns of a table
\\format NAME     how answers are printed: table, csv, tsv, json, ndjson, markdown
\\timing          rows, requests and time after each answer, on or off
\\?               this help
\\q               leave, as Ctrl-D does
A statement ends with a semicolon and may take several lines. Ctrl-C drops what is typed, or stops a query.
";

/// The entries of a text, in order. A line is a command only where no statement is open.
///
/// # Errors
/// [`ErrorKind::Query`] for SQL whose quotes do not end, [`ErrorKind::Usage`] for a command there is not.
pub(super) fn read(text: &str) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut sql = String::new();
    for (index, line) in text.lines().enumerate() {
        if is_command(line) && split(&sql).is_ok_and(|so_far| so_far.ended) {
            entries.extend(split(&sql)?.statements.into_iter().map(Entry::Sql));
            entries.push(Entry::Command(command(line)?));
            // What follows keeps its line numbers.
            sql = "\n".repeat(index + 1);
        } else {
            sql.push_str(line);
            sql.push('\n');
        }
    }
    entries.extend(split(&sql)?.statements.into_iter().map(Entry::Sql));
    Ok(entries)
}

/// Whether a text can be run as it stands, or more must be typed.
pub(super) fn is_complete(text: &str) -> bool {
    is_command(text) || split(text).is_ok_and(|statements| statements.ended)
}

fn is_command(line: &str) -> bool {
    line.trim_start().starts_with('\\')
}

fn command(line: &str) -> Result<Command> {
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or_default();
    let argument = words.next();
    match (name, argument) {
        ("\\q", None) => Ok(Command::Quit),
        ("\\?", None) => Ok(Command::Help),
        ("\\d", None) => Ok(Command::Tables),
        ("\\d", Some(table)) if is_name(table) => Ok(Command::Columns(table.to_owned())),
        ("\\d", Some(_)) => Err(Error::new(ErrorKind::Usage, "\\d takes the name of a table")),
        ("\\timing", None) => Ok(Command::Timing),
        ("\\format", Some(format)) => {
            let format = <Format as ValueEnum>::from_str(format, true).ok().filter(|format| !format.is_binary());
            format
                .map(Command::Format)
                .ok_or_else(|| Error::new(ErrorKind::Usage, "\\format takes table, csv, tsv, json, ndjson or markdown"))
        }
        _ => Err(Error::new(ErrorKind::Usage, format!("there is no command {name} of this form")).hint("\\? lists all commands")),
    }
}

/// Whether a word can stand in SQL as the name of a table.
fn is_name(word: &str) -> bool {
    word.chars().all(|character| character.is_alphanumeric() || matches!(character, '_' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(text: &str) -> Entry {
        Entry::Sql(text.to_owned())
    }

    #[test]
    fn commands_stand_between_statements() {
        let entries = read("select 1;\n\\format csv\nselect\n2;\n\\d live.payments\n").unwrap();
        let columns = Entry::Command(Command::Columns("live.payments".into()));
        assert_eq!(entries, [sql("select 1"), Entry::Command(Command::Format(Format::Csv)), sql("\n\nselect\n2"), columns]);
    }

    #[test]
    fn a_backslash_inside_a_statement_is_text() {
        assert_eq!(read("select '\n\\q\n';").unwrap(), [sql("select '\n\\q\n'")]);
    }

    #[test]
    fn an_unknown_command_is_refused() {
        for line in ["\\x", "\\q now", "\\format parquet", "\\format", "\\d a;drop"] {
            assert_eq!(read(line).unwrap_err().kind(), ErrorKind::Usage, "{line}");
        }
    }

    #[test]
    fn a_statement_is_complete_at_its_semicolon() {
        assert!(is_complete("select 1;") && is_complete("\\d") && is_complete(""));
        assert!(!is_complete("select 1") && !is_complete("select ';"));
    }
}
