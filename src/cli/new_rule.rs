//! `ckosql rules new`: a rule to begin with, and its cases, as files.

use std::fs;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::new_file::{create, there_already};
use super::print::print;
use crate::error::{Error, ErrorKind, Result};
use crate::matching::files::with_shipped;
use crate::matching::template::{By, Known, Template};

// A text, because a name with an underscore would have to be code in a doc comment.
const LEFT: &str = "What counterparts are looked for: orders, payments, payouts or bank_lines of schema sides";

/// What `ckosql rules new` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What it is called: its flow, a dot, and what it goes by.
    #[arg(value_name = "FLOW.NAME")]
    name: String,
    #[arg(long, help = LEFT, value_name = "TABLE", default_value = "payouts")]
    left: String,
    /// Where they are looked for, likewise.
    #[arg(long, value_name = "TABLE", default_value = "bank_lines")]
    right: String,
    /// What rows go by.
    #[arg(long, value_enum, default_value = "amount")]
    by: Key,
    /// How many days later the right one may come.
    #[arg(long, value_name = "N", default_value_t = 5)]
    days: u16,
    /// How many minor units amounts may be apart.
    #[arg(long, value_name = "N", default_value_t = 0)]
    tolerance: u16,
    /// The folder to write into, which is made where there is none.
    #[arg(long, value_name = "DIR", default_value = "rules")]
    folder: PathBuf,
}

/// What rows go by.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Key {
    /// By amount and day.
    Amount,
    /// By a reference.
    Reference,
}

/// What to do where a file is there already.
const INSTEAD: &str = "give the rule another name, or name another --folder";

/// Writes both files, and says what to type next.
///
/// # Errors
/// [`ErrorKind::Usage`] when the answers do not go together or a file is there already, [`ErrorKind::File`] when one cannot be
/// written.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { name, left, right, folder, .. } = arguments;
    let flow = name.split('.').next().unwrap_or(name);
    // A rule of a shipped flow has its turn behind those that are there.
    let hop = with_shipped(None)?.into_iter().filter(|rule| rule.flow == flow).map(|rule| rule.hop).max().unwrap_or(1);
    let by = match arguments.by {
        Key::Amount => By::Amount,
        Key::Reference => By::Reference,
    };
    let (days, tolerance) = (arguments.days, arguments.tolerance);
    let template = Template { name, hop, left: Known::find(left)?, right: Known::find(right)?, by, days, tolerance };
    let texts = [(folder.join(format!("{name}.sql")), template.rule()?), (folder.join(format!("{name}.test")), template.cases())];
    if let Some((there, _)) = texts.iter().find(|(path, _)| path.exists()) {
        return Err(there_already(there, INSTEAD));
    }
    fs::create_dir_all(folder)
        .map_err(|error| Error::new(ErrorKind::File, format!("cannot create {}", folder.display())).caused_by(error))?;
    let mut told = String::new();
    for (path, text) in &texts {
        create(path, text, INSTEAD)?;
        told.push_str(&format!("wrote {}\n", path.display()));
    }
    let folder = folder.display();
    print(&format!(
        "{told}Next:\n  \
         ckosql rules test {folder}                                  # its cases, which need no account\n  \
         ckosql rules check {folder}                                 # over your tables, or with --demo\n  \
         ckosql reconcile {flow} --rules {folder} --dry-run --show exceptions\n  \
         ckosql rules explain ID --rules {folder} --flow {flow}\n"
    ))
}
