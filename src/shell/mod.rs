//! The SQL shell, and what every face that prints for people shares.
//!
//! On a terminal it is an editor with history and completion; otherwise it runs what stands on its standard input and
//! stops at the first error. It knows nothing of where the engine came from.

pub mod answer;
mod editor;
mod entry;
pub mod failure;
pub mod paint;
pub mod pipe;
pub mod progress;
pub mod statements;

use std::io::Write;
use std::path::PathBuf;

use reedline::{Reedline, Signal};
use tokio::task::block_in_place;

use crate::engine::{Engine, Session};
use crate::error::{Error, ErrorKind, Result};
use answer::Manner;
use entry::{Command, Entry};
use failure::Failure;
use paint::Paint;
use pipe::{Pipe, Reader};

/// What `\d` asks.
const TABLES: &str = "select table_schema, table_name, table_type from information_schema.tables \
    where table_schema <> 'information_schema' order by table_schema, table_name";

/// A shell over one session.
#[derive(Debug)]
pub struct Shell {
    engine: Engine,
    session: Session,
    manner: Manner,
    paint: Paint,
    timing: Timing,
}

/// Whether what a statement took is said after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timing {
    On,
    Off,
}

/// Whether the shell goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Go,
    Leave,
}

impl Shell {
    /// A shell that prints in this manner.
    ///
    /// # Errors
    /// As [`Engine::session`].
    pub fn try_new(engine: Engine, manner: Manner, paint: Paint) -> Result<Self> {
        let session = engine.session()?;
        Ok(Self { engine, session, manner, paint, timing: Timing::Off })
    }

    /// Reads from the terminal until the user leaves. Errors are printed, and the shell goes on.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when the history or the terminal cannot be used.
    pub async fn interact(mut self, history: Option<PathBuf>) -> Result<()> {
        self.timing = Timing::On;
        let mut editor = editor::editor(history, self.paint)?;
        let mut out = Pipe::stdout();
        self.say("ckosql: end a statement with ; — \\? helps, \\q leaves\n");
        while let Some(text) = block_in_place(|| read_text(&mut editor))? {
            match self.run_text(&text, &mut out).await {
                Ok(Next::Go) => {}
                Ok(Next::Leave) => break,
                Err(failure) => self.say(&failure.describe(self.paint)),
            }
        }
        Ok(())
    }

    /// Runs a script, and stops at its first error.
    ///
    /// # Errors
    /// Those of the statements.
    pub async fn run_script(mut self, text: &str, out: &mut Pipe) -> Result<(), Failure> {
        for entry in entry::read(text).map_err(|error| Failure::in_sql(error, text))? {
            let next = self.run(&entry, out).await.map_err(|error| Failure::in_sql(error, text));
            if out.reader() == Reader::Gone || next? == Next::Leave {
                break;
            }
        }
        Ok(())
    }

    /// Runs what was typed; Ctrl-C stops it, and the shell stays.
    async fn run_text(&mut self, text: &str, out: &mut Pipe) -> Result<Next, Failure> {
        for entry in entry::read(text).map_err(|error| Failure::in_sql(error, text))? {
            let outcome = tokio::select! {
                outcome = self.run(&entry, out) => outcome,
                _ = tokio::signal::ctrl_c() => Err(Error::new(ErrorKind::Cancelled, "cancelled")),
            };
            if outcome.map_err(|error| Failure::in_sql(error, text))? == Next::Leave {
                return Ok(Next::Leave);
            }
        }
        Ok(Next::Go)
    }

    async fn run(&mut self, entry: &Entry, out: &mut Pipe) -> Result<Next> {
        match entry {
            Entry::Sql(sql) => self.run_sql(sql, out).await?,
            Entry::Command(Command::Quit) => return Ok(Next::Leave),
            Entry::Command(Command::Help) => self.say(entry::HELP),
            Entry::Command(Command::Tables) => self.run_sql(TABLES, out).await?,
            Entry::Command(Command::Columns(table)) => self.run_sql(&format!("describe {table}"), out).await?,
            Entry::Command(Command::Format(format)) => self.manner.format = *format,
            Entry::Command(Command::Timing) => {
                self.timing = if self.timing == Timing::On { Timing::Off } else { Timing::On };
            }
        }
        Ok(Next::Go)
    }

    async fn run_sql(&self, sql: &str, out: &mut Pipe) -> Result<()> {
        let summary = answer::print(&self.engine, &self.session, sql, self.manner, out).await?;
        if self.timing == Timing::On {
            self.say(&format!("{}\n", self.paint.dim(&summary.to_string())));
        }
        Ok(())
    }

    /// Prints to stderr; there is nowhere to say that this failed.
    #[expect(clippy::unused_self, reason = "the shell speaks")]
    fn say(&self, text: &str) {
        let _unsaid = std::io::stderr().write_all(text.as_bytes());
    }
}

/// What the user typed; `None` when there will be no more.
fn read_text(editor: &mut Reedline) -> Result<Option<String>> {
    loop {
        let signal = editor
            .read_line(&editor::SqlPrompt)
            .map_err(|error| Error::new(ErrorKind::File, "cannot read from the terminal").caused_by(error))?;
        match signal {
            Signal::Success(text) => return Ok(Some(text)),
            Signal::CtrlD => return Ok(None),
            _ => {}
        }
    }
}
