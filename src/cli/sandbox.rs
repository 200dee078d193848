//! `ckosql sandbox`: the stand-in for Checkout.com alone, until Ctrl-C.
//!
//! It prints the environment that makes another ckosql, or any other client, ask it, and which days there are to ask for.

use std::fmt::Write as _;
use std::fs;
use std::io::{Write as _, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::TimeDelta;
use clap::Args;

use super::run::interrupt;
use crate::engine::config::FILE_NAME;
use crate::error::{Error, ErrorKind, Result};
use crate::sandbox::{Faults, FileOptions, Merchant, MerchantOptions, NextLink, OtherSide, Sandbox, SandboxOptions};
use crate::shell::failure::Failure;

// Texts, because names with an underscore would have to be code in a doc comment.
const FAULTS: &str =
    "What goes wrong how often, such as 429=5%,500=2%,cut=1%, and what report files tell wrongly, such as books=breakdown_net";
const FILES: &str = "How report files are written, such as gzip,split=1000,restatements,more_columns,trailing_separators,lf";

/// What `ckosql sandbox` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Port of the main host, the other five on the ports after it, the last being where report files are; free ones by default.
    #[arg(long)]
    port: Option<u16>,
    /// Payments the merchant has.
    #[arg(long, default_value_t = MerchantOptions::default().payments, value_name = "N")]
    payments: u64,
    /// Days they are spread over.
    #[arg(long, default_value_t = MerchantOptions::default().days, value_name = "D", value_parser = clap::value_parser!(u32).range(1..))]
    days: u32,
    /// Another seed is another merchant.
    #[arg(long, default_value_t = MerchantOptions::default().seed, value_name = "S")]
    seed: u64,
    #[arg(long, help = FAULTS, default_value = "", hide_default_value = true, value_name = "SPEC")]
    faults: String,
    #[arg(long, help = FILES, default_value = "", hide_default_value = true, value_name = "SPEC")]
    files: String,
    /// Requests let through in a second; more are answered 429.
    #[arg(long, value_name = "N")]
    rate: Option<u32>,
    /// Write the merchant's other side into this folder first: orders, bank statements, the truth about both, and a ckosql.toml.
    #[arg(long, value_name = "DIR")]
    books: Option<PathBuf>,
    /// Leave the link to the next page out of searches.
    #[arg(long)]
    no_next_link: bool,
}

/// Serves until Ctrl-C.
///
/// # Errors
/// [`ErrorKind::Usage`] for faults or options of files there are not, [`ErrorKind::File`] when the ports cannot be had.
pub(super) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let merchant = Merchant::new(MerchantOptions {
        seed: arguments.seed,
        payments: arguments.payments,
        days: arguments.days,
        files: FileOptions::parse(&arguments.files)?,
        ..MerchantOptions::default()
    });
    let options = SandboxOptions {
        base_port: arguments.port,
        requests_per_second: arguments.rate,
        faults: Faults::parse(&arguments.faults)?,
        next_link: if arguments.no_next_link { NextLink::Absent } else { NextLink::Working },
        ..SandboxOptions::default()
    };
    if let Some(folder) = &arguments.books {
        write_books(&OtherSide::with(&merchant, &options.faults), folder)?;
    }
    let days = days(&merchant);
    let sandbox = Sandbox::start(Arc::new(merchant), options)?;
    stdout()
        .write_all(format!("{days}{}", environment(&sandbox)).as_bytes())
        .map_err(|error| Error::new(ErrorKind::File, "cannot write to standard output").caused_by(error))?;
    interrupt().await;
    sandbox.stop();
    Ok(())
}

/// Writes the merchant's other side, and the configuration that makes tables of it.
///
/// # Errors
/// [`ErrorKind::Usage`] where the folder has a configuration of another's, [`ErrorKind::File`] when it cannot be written.
fn write_books(books: &OtherSide, folder: &Path) -> Result<()> {
    let unwritten = |path: &Path| {
        let path = path.display().to_string();
        move |error| Error::new(ErrorKind::File, "a file cannot be written").with("path", path).caused_by(error)
    };
    let config = folder.join(FILE_NAME);
    if fs::read_to_string(&config).is_ok_and(|there| there != OtherSide::SETTINGS) {
        return Err(Error::new(ErrorKind::Usage, "the folder has a configuration already, which would be lost")
            .with("path", config.display())
            .hint("name another folder"));
    }
    for (name, text) in books.files().chain([(FILE_NAME, OtherSide::SETTINGS)]) {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(unwritten(parent))?;
        }
        fs::write(&path, text).map_err(unwritten(&path))?;
    }
    Ok(())
}

/// The merchant's first and last day, as a comment for a shell.
fn days(merchant: &Merchant) -> String {
    // The present is the first instant that has not happened.
    let last = merchant.end() - TimeDelta::microseconds(1);
    format!("# payments from {} to {}\n", merchant.start().date_naive(), last.date_naive())
}

/// Lines for a POSIX shell.
fn environment(sandbox: &Sandbox) -> String {
    let hosts = sandbox.hosts();
    let mut text = String::new();
    for (name, value) in [
        ("CKOSQL_API_URL", hosts.main.as_str()),
        ("CKOSQL_BALANCES_URL", hosts.balances.as_str()),
        ("CKOSQL_TRANSFERS_URL", hosts.transfers.as_str()),
        ("CKOSQL_FILES_URL", hosts.files.as_str()),
        ("CKOSQL_TOKEN_URL", hosts.token.as_str()),
        ("CHECKOUT_SECRET_KEY", sandbox.secret_key()),
        ("CHECKOUT_ENTITY_IDS", &sandbox.entity_ids().join(",")),
    ] {
        // Writing to a String cannot fail.
        let _written = writeln!(text, "export {name}={value}");
    }
    text
}
