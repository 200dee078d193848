//! `ckosql users`: who may come in by a door.

use std::io::{BufRead, IsTerminal, stdin};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};

use super::print::print;
use super::terminal::say;
use crate::door::Users;
use crate::door::token::Token;
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
        #[command(flatten)]
        file: File,
        /// Make a password up, and print it.
        #[arg(long)]
        generate: bool,
    },
    /// Make a token by which a program comes in over HTTP, and print it; only what checks it is kept.
    Token {
        /// Name of the user; one who has no password comes in by tokens alone.
        name: String,
        #[command(flatten)]
        file: File,
    },
    /// Take a user away, with password and tokens: a server that runs lets it in no more. Connections of PostgreSQL that are open
    /// stay.
    Remove {
        /// Name of the user.
        name: String,
        #[command(flatten)]
        file: File,
        /// Take the tokens away only.
        #[arg(long)]
        tokens: bool,
    },
    /// Who there is, and by what each may come in.
    List {
        #[command(flatten)]
        file: File,
    },
}

/// Which file of users.
#[derive(Debug, Args)]
struct File {
    /// File of the users, instead of the one in the XDG configuration folder.
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
}

impl File {
    fn path(&self) -> Result<PathBuf> {
        self.users.clone().map_or_else(usual_file, Ok)
    }
}

/// Changes the file of users, or tells what is in it.
///
/// # Errors
/// [`ErrorKind::Usage`] when there is no password, or no such user; those of the file.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    Ok(match &arguments.what {
        What::Add { name, file, generate } => add(name, &file.path()?, *generate),
        What::Token { name, file } => give_token(name, &file.path()?),
        What::Remove { name, file, tokens } => remove(name, &file.path()?, *tokens),
        What::List { file } => list(&file.path()?),
    }?)
}

fn add(name: &str, path: &Path, generate: bool) -> Result<()> {
    let mut users = Users::read_or_none(path)?;
    let password = if generate { made_up()? } else { read()? };
    let is_known = users.has(name);
    users.set(name, Verifier::of(&password)?)?;
    users.write(path)?;
    if generate {
        tell_once(&password)?;
    }
    let done = if is_known { "has another password" } else { "is added" };
    say(&format!("{name} {done} in {}\n", path.display()));
    Ok(())
}

fn give_token(name: &str, path: &Path) -> Result<()> {
    let mut users = Users::read_or_none(path)?;
    let (secret, token) = Token::make()?;
    users.add_token(name, token)?;
    users.write(path)?;
    tell_once(&secret)?;
    say(&format!("{name} has one more token in {}\n", path.display()));
    Ok(())
}

fn remove(name: &str, path: &Path, tokens_only: bool) -> Result<()> {
    let mut users = Users::read(path)?;
    let is_changed = if tokens_only { users.remove_tokens(name) > 0 } else { users.remove(name) };
    if !is_changed {
        let nothing = if tokens_only { format!("{name} has no token") } else { format!("there is no user {name}") };
        return Err(Error::new(ErrorKind::Usage, nothing)
            .with("path", path.display())
            .hint("ckosql users list tells who there is"));
    }
    users.write(path)?;
    say(&format!("{name} {} {}\n", if tokens_only { "has no token any more in" } else { "is no more in" }, path.display()));
    Ok(())
}

fn list(path: &Path) -> Result<()> {
    let users = Users::read(path)?;
    let of = |(name, has_password, tokens): (&str, bool, usize)| {
        let password = has_password.then(|| "a password".to_owned());
        let tokens = match tokens {
            0 => None,
            1 => Some("a token".to_owned()),
            many => Some(format!("{many} tokens")),
        };
        let by: Vec<String> = password.into_iter().chain(tokens).collect();
        format!("{name}: {}\n", by.join(", "))
    };
    print(&users.list().map(of).collect::<String>())
}

/// Prints what is kept nowhere.
fn tell_once(secret: &Secret) -> Result<()> {
    print(&format!("{}\n", secret.expose()))
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
