//! `ckosql query`: SQL from the command line, a file or standard input; answers to stdout or a file.

use std::io::{Read, Write, stdin};
use std::path::PathBuf;

use clap::Args;

use super::whole_file::WholeFile;
use super::{Global, open, terminal};
use crate::engine::{Engine, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::output::Format;
use crate::shell::answer::{self, Destination, Manner};
use crate::shell::failure::Failure;
use crate::shell::pipe::{Pipe, Reader};
use crate::shell::statements::split;

/// What `ckosql query` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// SQL; several statements with semicolons between them run in order; - reads standard input.
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    sql: Option<String>,
    /// File with the SQL.
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// How to print: by the ending of the output file, else as a table.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// File to write, whole or not at all.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the statements and prints their answers.
///
/// # Errors
/// Those of the configuration, the statements, and the files.
pub(super) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    let format = arguments.format()?;
    let sql = arguments.text()?;
    let statements = split(&sql).map_err(|error| Failure::in_sql(error, &sql))?.statements;
    if statements.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "there is no SQL to run").into());
    }
    let opened = open::open(global)?;
    let session = opened.engine.session()?;
    let run = Run { engine: &opened.engine, session: &session, statements: &statements };
    let progress = terminal::progress(global);
    if let Some(path) = &arguments.output {
        let mut file = WholeFile::create(path)?;
        let manner = Manner { format, progress, destination: Destination::Elsewhere };
        let answers = run.print(manner, format.file_holds_one_answer(), &mut file).await;
        if answers.map_err(|error| Failure::in_sql(error, &sql))? == 0 {
            return Err(Error::new(ErrorKind::Usage, format!("there is no answer to write to {}", path.display())).into());
        }
        return Ok(file.keep()?);
    }
    let destination = terminal::destination();
    if format.is_binary() && destination == Destination::Terminal {
        let error = Error::new(ErrorKind::Usage, format!("{} is not for a terminal", format.name()));
        return Err(error.hint("write it to a file with -o, or pipe it to a program").into());
    }
    let mut out = Pipe::stdout();
    let outcome = run.print(Manner { format, progress, destination }, format.holds_one_answer(), &mut out).await;
    if out.reader() == Reader::Gone {
        return Ok(());
    }
    outcome.map(|_answers| ()).map_err(|error| Failure::in_sql(error, &sql))
}

impl Arguments {
    fn format(&self) -> Result<Format> {
        if let Some(format) = self.format {
            return Ok(format);
        }
        let Some(path) = &self.output else {
            return Ok(Format::Table);
        };
        Format::of_file(path).ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("cannot tell the format from the name {}", path.display()))
                .hint("say --format, or end the name in .csv, .tsv, .json, .ndjson, .md, .parquet or .arrow")
        })
    }

    fn text(&self) -> Result<String> {
        match (&self.sql, &self.file) {
            (Some(sql), _) if sql == "-" => {
                let mut text = String::new();
                stdin()
                    .read_to_string(&mut text)
                    .map_err(|error| Error::new(ErrorKind::File, "cannot read standard input").caused_by(error))?;
                Ok(text)
            }
            (Some(sql), _) => Ok(sql.clone()),
            (None, Some(path)) => std::fs::read_to_string(path)
                .map_err(|error| Error::new(ErrorKind::File, format!("cannot read {}", path.display())).caused_by(error)),
            (None, None) => Err(Error::new(ErrorKind::Usage, "there is no SQL to run")),
        }
    }
}

/// The statements of one command, in one session.
struct Run<'a> {
    engine: &'a Engine,
    session: &'a Session,
    statements: &'a [String],
}

impl Run<'_> {
    /// Prints the answers, at most one where `holds_one`; gives how many there were.
    async fn print(&self, manner: Manner, holds_one: bool, out: &mut (dyn Write + Send)) -> Result<usize> {
        let mut answers = 0_usize;
        for statement in self.statements {
            if answers > 0 && holds_one {
                return Err(Error::new(
                    ErrorKind::Usage,
                    format!("{} holds one answer, and there are more", manner.format.name()),
                )
                .hint("run the statements one by one, or choose another format"));
            }
            let summary = answer::print(self.engine, self.session, statement, manner, out).await?;
            answers += usize::from(summary.columns > 0);
        }
        Ok(answers)
    }
}
