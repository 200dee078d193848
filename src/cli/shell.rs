//! `ckosql shell`: on a terminal the editor, otherwise a script from standard input.

use std::io::Read;
use std::path::PathBuf;

use super::{Global, open, terminal};
use crate::error::{Error, ErrorKind, Result};
use crate::output::Format;
use crate::shell::Shell;
use crate::shell::answer::Manner;
use crate::shell::failure::Failure;
use crate::shell::pipe::{Pipe, Reader};

/// Reads from the terminal until the user leaves.
///
/// # Errors
/// Those of the configuration and the terminal; statements that fail are printed.
pub(super) async fn interact(global: &Global) -> Result<(), Failure> {
    let opened = open::open(global)?;
    let shell = Shell::try_new(opened.engine.clone(), manner(global), terminal::paint_of_stderr(global))?;
    Ok(shell.interact(history()?).await?)
}

/// Runs a script, up to its first error.
///
/// # Errors
/// Those of the configuration and the statements.
pub(super) async fn run_script(global: &Global) -> Result<(), Failure> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Error::new(ErrorKind::File, "cannot read standard input").caused_by(error))?;
    let opened = open::open(global)?;
    let shell = Shell::try_new(opened.engine.clone(), manner(global), terminal::paint_of_stderr(global))?;
    let mut out = Pipe::stdout();
    let outcome = shell.run_script(&text, &mut out).await;
    if out.reader() == Reader::Gone { Ok(()) } else { outcome }
}

fn manner(global: &Global) -> Manner {
    Manner { format: Format::Table, progress: terminal::progress(global), destination: terminal::destination() }
}

/// The file of past lines, in the XDG data folder; none where there is no home.
fn history() -> Result<Option<PathBuf>> {
    let variable = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let data = variable("XDG_DATA_HOME").or_else(|| variable("HOME").map(|home| home.join(".local").join("share")));
    let Some(folder) = data.map(|data| data.join("ckosql")) else {
        return Ok(None);
    };
    std::fs::create_dir_all(&folder)
        .map_err(|error| Error::new(ErrorKind::File, format!("cannot create {}", folder.display())).caused_by(error))?;
    Ok(Some(folder.join("history")))
}
