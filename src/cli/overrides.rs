//! `ckosql rules override` and `ckosql rules close`: what people decide of rows, and which periods are closed.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::print::print;
use super::{Global, open};
use crate::error::{Error, ErrorKind, Result};
use crate::matching::files::with_shipped;
use crate::matching::overrides::{Action, WORDS};
use crate::matching::results::{Asked, Entered};
use crate::matching::rule::Rule;

/// Variables of the environment that say who is there.
const USER: [&str; 3] = ["USER", "LOGNAME", "USERNAME"];

/// What `ckosql rules override` takes.
#[derive(Debug, Args)]
pub(super) struct Override {
    /// What is decided of the rows.
    #[arg(value_parser = actions(), required_unless_present = "csv")]
    action: Option<Action>,
    /// The flow.
    #[arg(long, required_unless_present = "csv")]
    flow: Option<String>,
    /// Ids of rows of the left side.
    #[arg(long, value_name = "ID", num_args = 1..)]
    left: Vec<String>,
    /// Ids of rows of the right side.
    #[arg(long, value_name = "ID", num_args = 1..)]
    right: Vec<String>,
    /// The table of the left side, where the flow has several.
    #[arg(long, value_name = "TABLE")]
    left_table: Option<String>,
    /// The table of the right side, where the flow has several.
    #[arg(long, value_name = "TABLE")]
    right_table: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT", required_unless_present = "csv")]
    why: Option<String>,
    /// Where a difference is written off to.
    #[arg(long)]
    account: Option<String>,
    /// Who is to see to the rows.
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// The override that is retracted.
    #[arg(long, value_name = "NUMBER")]
    id: Option<i64>,
    /// Overrides as CSV, with the columns action, flow, left, right, why; several ids have blanks between them.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["action", "flow", "left", "right", "why", "id"])]
    csv: Option<PathBuf>,
    #[command(flatten)]
    by: By,
}

/// What `ckosql rules close` takes.
#[derive(Debug, Args)]
pub(super) struct Close {
    /// The flow.
    #[arg(long)]
    flow: String,
    /// The last day that is closed.
    #[arg(long, value_name = "DATE")]
    through: NaiveDate,
    /// Open what lies after the day again, where a later one is closed.
    #[arg(long)]
    reopen: bool,
    #[command(flatten)]
    by: By,
}

/// Who says it, and of which rules.
#[derive(Debug, Args)]
struct By {
    /// Who decides it; the user when left out.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Folder or file of rules of your own, beside the shipped ones.
    #[arg(long, value_name = "PATH")]
    rules: Option<PathBuf>,
}

/// The words of actions, each with what it means.
fn actions() -> impl TypedValueParser<Value = Action> {
    let words = WORDS.map(|(word, _, about)| PossibleValue::new(word).help(about));
    PossibleValuesParser::new(words).try_map(|word| Action::of(&word))
}

/// Keeps overrides.
///
/// # Errors
/// Those of [`crate::engine::Engine::decide`], and of reading the file.
pub(super) async fn decide(global: &Global, arguments: Override) -> Result<()> {
    let Override { action, flow, left, right, left_table, right_table, why, account, owner, id, csv, by } = arguments;
    let asked = match (csv, action, flow, why) {
        (Some(path), ..) => {
            let bytes = std::fs::read(&path).map_err(|error| {
                Error::new(ErrorKind::File, "overrides cannot be read").with("path", path.display()).caused_by(error)
            })?;
            Asked::of_csv(&bytes).map_err(|error| error.with("path", path.display()))?
        }
        (None, Some(action), Some(flow), Some(why)) => {
            let (ids, tables) = ([left, right], [left_table, right_table]);
            vec![Asked { action, flow, ids, tables, why, who: None, account, retracts: id, owner }]
        }
        _ => return Err(Error::new(ErrorKind::Usage, "an override without action, flow or reason")),
    };
    let count = asked.len();
    let opened = open::open(global)?;
    let first = opened.engine.decide(asked, &by.rules()?, &by.entered(opened.engine.clock())?).await?;
    let last = first.saturating_add(i64::try_from(count).unwrap_or(i64::MAX)).saturating_sub(1);
    let which = if first == last { format!("override {first}") } else { format!("overrides {first} to {last}") };
    print(&format!("{which} kept; the next ckosql reconcile goes by it\n"))
}

/// Closes the periods of a flow.
///
/// # Errors
/// Those of [`crate::engine::Engine::close`].
pub(super) async fn close(global: &Global, arguments: Close) -> Result<()> {
    let Close { flow, through, reopen, by } = arguments;
    let opened = open::open(global)?;
    let entered = by.entered(opened.engine.clock())?;
    opened.engine.close(&flow, through.to_epoch_days(), reopen, &by.rules()?, &entered).await?;
    print(&format!("{flow} is closed through {through}\n"))
}

impl By {
    fn rules(&self) -> Result<Vec<Rule>> {
        with_shipped(self.rules.as_deref())
    }

    fn entered(&self, clock: crate::clock::Clock) -> Result<Entered> {
        let of_environment = || USER.iter().find_map(|name| std::env::var(name).ok()).filter(|name| !name.is_empty());
        let who = self.by.clone().or_else(of_environment);
        let who = who.ok_or_else(|| Error::new(ErrorKind::Usage, "nobody says who decides").hint("say it: --by NAME"))?;
        Ok(Entered { at: clock.now(), who })
    }
}
