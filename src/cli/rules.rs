//! `ckosql rules`: what matching rules there are, whether they can be trusted, and how they are tried.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use chrono::NaiveDate;
use clap::{Args, Subcommand};

use super::print::{print, print_rows};
use super::{Global, diff, new_rule, open, overrides, reconcile, terminal};
use crate::error::{Error, ErrorKind, Result};
use crate::matching::assign::Side;
use crate::matching::conventions::Conventions;
use crate::matching::files::Folder;
use crate::matching::rule::Rule;
use crate::output::Format;
use crate::shell::failure::Failure;
use crate::shell::paint::Paint;

/// What `ckosql rules` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The rules, in the order in which they have their turn.
    List {
        /// Files or folders of rules, instead of the shipped ones.
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Write a rule to begin with, and cases that it passes as they stand.
    New(new_rule::Arguments),
    /// Read rules and plan them over the account's tables, and say what is wrong.
    Check {
        /// Files or folders of rules, instead of the shipped ones.
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Run the cases beside rules: given rows, expected matches; needs no account.
    Test {
        /// Files or folders of rules, instead of the shipped ones.
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Decide of rows what no rule can: keep together, keep apart, leave out, write off.
    Override(overrides::Override),
    /// Close the periods of a flow: what is matched there stays.
    Close(overrides::Close),
    /// Tell which matches come, go, or are made otherwise by rules of yours; nothing is kept.
    Diff(diff::Arguments),
    /// Run the rules, and tell why a row or a match is what it is, with what it was compared with.
    Explain {
        /// Id of a row of either side, or of a match.
        #[arg(value_name = "ID")]
        id: String,
        /// Folder or file of rules of your own, beside the shipped ones.
        #[arg(long, value_name = "PATH")]
        rules: Option<PathBuf>,
        /// Only this flow.
        #[arg(long, value_name = "FLOW")]
        flow: Option<String>,
        /// The day that what is due is told by; today when left out.
        #[arg(long, value_name = "DATE")]
        as_of: Option<NaiveDate>,
    },
}

/// Does it, and prints a line for each rule or case.
///
/// # Errors
/// [`ErrorKind::Query`] when a rule is refused or a case fails, after the lines are printed; those of reading rules.
pub(super) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    match arguments.what {
        What::List { paths, format } => Ok(print_rows(format, &[list(&folders(&paths)?)?])?),
        What::New(arguments) => Ok(new_rule::run(&arguments)?),
        What::Check { paths } => Ok(check(global, &folders(&paths)?).await?),
        What::Override(arguments) => Ok(overrides::decide(global, arguments).await?),
        What::Close(arguments) => Ok(overrides::close(global, arguments).await?),
        What::Test { paths } => Ok(test(&folders(&paths)?, terminal::paint_of_stdout(global)).await?),
        What::Diff(arguments) => diff::run(global, &arguments).await,
        What::Explain { id, rules, flow, as_of } => {
            Ok(print(&reconcile::explained(global, rules.as_deref(), flow.as_slice(), as_of, &id).await?)?)
        }
    }
}

/// The folders; that of the shipped rules where none is named.
fn folders(paths: &[PathBuf]) -> Result<Vec<Folder>> {
    if paths.is_empty() {
        return Ok(vec![Folder::shipped()?]);
    }
    paths.iter().map(|path| Folder::read(path)).collect()
}

fn list(folders: &[Folder]) -> Result<RecordBatch> {
    let rules = folders.iter().flat_map(Folder::rules);
    let rules = rules.map(|(file, rule)| Ok((file, rule?))).collect::<Result<Vec<(String, Rule)>>>()?;
    let texts =
        |of: &dyn Fn(&(String, Rule)) -> String| -> ArrayRef { Arc::new(StringArray::from_iter_values(rules.iter().map(of))) };
    let table = |side: Side| -> ArrayRef {
        let table = |(_, rule): &(String, Rule)| rule.sides.of(side).map(|side| side.table.clone());
        Arc::new(rules.iter().map(table).collect::<StringArray>())
    };
    let numbers = |of: &dyn Fn(&Rule) -> u32| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rules.iter().map(|(_, rule)| i64::from(of(rule)))))
    };
    let columns = [
        ("rule", texts(&|(_, rule)| rule.id.clone())),
        ("flow", texts(&|(_, rule)| rule.flow.clone())),
        ("hop", numbers(&|rule| rule.hop)),
        ("priority", numbers(&|rule| rule.priority)),
        ("left", table(Side::Left)),
        ("right", table(Side::Right)),
        ("version", texts(&|(_, rule)| rule.version.clone())),
        ("file", texts(&|(file, _)| file.clone())),
    ];
    RecordBatch::try_from_iter(columns).map_err(|error| Error::bug("rules are no table").caused_by(error))
}

async fn check(global: &Global, folders: &[Folder]) -> Result<()> {
    let opened = open::open(global)?;
    let session = opened.engine.session()?;
    let paint = terminal::paint_of_stdout(global);
    let (mut text, mut refused) = (String::new(), 0);
    for (file, rule) in folders.iter().flat_map(Folder::rules) {
        let outcome = match &rule {
            Ok(rule) => session.check_rule(rule).await,
            Err(error) => Err(error.copy()),
        };
        let name = rule.map_or(file, |rule| rule.id);
        // Writing to a String cannot fail.
        match outcome {
            Ok(()) => {
                let _written = writeln!(text, "ok       {name}");
            }
            Err(error) => {
                refused += 1;
                let _written = writeln!(text, "{}  {name}\n         {error}", paint.alarming("refused"));
                if let Some(hint) = error.advice() {
                    let _written = writeln!(text, "         {} {hint}", paint.dim("→"));
                }
            }
        }
    }
    print(&text)?;
    ended(refused, "rules are refused")
}

async fn test(folders: &[Folder], paint: Paint) -> Result<()> {
    let conventions = Arc::new(Conventions::default());
    let (mut text, mut failed) = (String::new(), 0);
    for folder in folders {
        for tried in folder.try_all(&conventions).await? {
            let place = format!("{}:{}: {}", tried.file, tried.line, tried.name);
            // Writing to a String cannot fail.
            let differs = match tried.outcome {
                Ok(differs) if differs.is_empty() => {
                    let _written = writeln!(text, "ok      {place}");
                    continue;
                }
                Ok(differs) => differs,
                Err(error) => vec![error.to_string()],
            };
            failed += 1;
            let _written = writeln!(text, "{}  {place}", paint.alarming("FAILED"));
            for line in differs {
                let _written = writeln!(text, "          {line}");
            }
        }
    }
    print(&text)?;
    ended(failed, "cases failed")
}

/// That all went well.
fn ended(bad: usize, what: &'static str) -> Result<()> {
    if bad == 0 { Ok(()) } else { Err(Error::new(ErrorKind::Query, format!("{bad} {what}"))) }
}
