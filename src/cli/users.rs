//! `ckosql users`: who may come in by a door.

use std::io::{BufRead, IsTerminal, Write, stdin, stdout};
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};

use super::terminal::say;
use crate::door::Users;
use crate::door::verifier::{Verifier, random};
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;
use crate::shell::failure::Failure;

/// What `ckosql users` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Add a user, or give one another password, which is read from standard input or made up; only what checks it is kept.
    Add {
        /// Name of the user.
        name: String,
        /// File of the users, instead of the one in the XDG configuration folder.
        #[arg(long, value_name = "FILE")]
        users: Option<PathBuf>,
        /// Make a password up, and print it.
        #[arg(long)]
        generate: bool,
    },
}

/// Changes the file of users.
///
/// # Errors
/// [`ErrorKind::Usage`] when there is no password; those of the file.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let What::Add { name, users: path, generate } = &arguments.what;
    let path = path.clone().map_or_else(usual_file, Ok)?;
    let mut users = Users::read_or_none(&path)?;
    let password = if *generate { made_up()? } else { read()? };
    let is_known = users.has(name);
    users.set(name, Verifier::of(&password)?)?;
    users.write(&path)?;
    if *generate {
        // Said once, and kept nowhere.
        let printed = stdout().write_all(format!("{}\n", password.expose()).as_bytes());
        printed.map_err(|error| Error::new(ErrorKind::File, "cannot write to standard output").caused_by(error))?;
    }
    let done = if is_known { "has another password" } else { "is added" };
    say(&format!("{name} {done} in {}\n", path.display()));
    Ok(())
}

/// The file of users where none is named.
///
/// # Errors
/// [`ErrorKind::Usage`] where there is no home.
pub(super) fn usual_file() -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let folder = variable("XDG_CONFIG_HOME").or_else(|| variable("HOME").map(|home| home.join(".config")));
    let folder =
        folder.ok_or_else(|| Error::new(ErrorKind::Usage, "there is no home folder").hint("name the file with --users"))?;
    Ok(folder.join("ckosql").join("users"))
}

/// A password of 144 random bits.
fn made_up() -> Result<Secret> {
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(random::<18>()?)))
}

/// The first line of standard input.
fn read() -> Result<Secret> {
    if stdin().is_terminal() {
        say("Password (it is shown; --generate makes one up): ");
    }
    let mut line = String::new();
    stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Error::new(ErrorKind::File, "cannot read standard input").caused_by(error))?;
    match line.trim_end_matches(['\r', '\n']) {
        "" => Err(Error::new(ErrorKind::Usage, "no password was given").hint("write it to standard input, or say --generate")),
        password => Ok(Secret::new(password)),
    }
}
