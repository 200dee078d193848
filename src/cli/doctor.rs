//! `ckosql doctor`: what the configured accounts may read, a line each, and the one thing to do.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};

use super::print::print;
use super::{Global, open, terminal};
use crate::engine::doctor::{Check, Outcome, examine, misconfigured, verdict};
use crate::error::{Error, Result};
use crate::shell::failure::Failure;
use crate::shell::paint::Paint;

/// What `ckosql doctor` takes.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines for people.
    Text,
    /// An array with an object a check.
    Json,
}

/// Tries everything and prints what came of it.
///
/// # Errors
/// The [`verdict`], after the lines are printed; those of the configuration.
pub(super) async fn run(global: &Global, arguments: &Arguments) -> Result<(), Failure> {
    let (checks, verdict) = match open::open(global) {
        Ok(opened) => {
            let checks = examine(&opened.engine).await?;
            let verdict = verdict(&checks);
            (checks, verdict)
        }
        // A credential that is none is what the doctor was asked about.
        Err(error) => match misconfigured(&error) {
            Some(check) => (vec![check], Err(Error::new(error.kind(), "no account can be asked"))),
            None => return Err(error.into()),
        },
    };
    let text = match arguments.format {
        Format::Text => lines(&checks, terminal::paint_of_stdout(global)),
        Format::Json => json(&checks)?,
    };
    print(&text)?;
    Ok(verdict?)
}

fn json(checks: &[Check]) -> Result<String> {
    let text = serde_json::to_string_pretty(checks);
    text.map(|text| text + "\n").map_err(|error| Error::bug("a check makes JSON").caused_by(error))
}

/// A line a check, under the name of its account; what to do stands on a line of its own.
fn lines(checks: &[Check], paint: Paint) -> String {
    let mut text = String::new();
    let wide = checks.iter().map(|check| check.title().len()).max().unwrap_or_default();
    let mut account = None;
    for check in checks {
        // Writing to a String cannot fail.
        if account != Some(&check.account) {
            let _written = writeln!(text, "{}", paint.bold(&format!("account {}", check.account)));
            account = Some(&check.account);
        }
        let outcome = outcome(check, paint);
        let optional = if check.outcome == Outcome::Refused && !check.needed { "optional: " } else { "" };
        let _written = writeln!(text, "  {outcome}  {:wide$}  {optional}{}", check.title(), check.found);
        if let Some(remedy) = &check.remedy {
            let _written = writeln!(text, "           {} {remedy}", paint.dim("→"));
        }
    }
    text
}

fn outcome(check: &Check, paint: Paint) -> String {
    let padded = format!("{:7}", check.outcome.word());
    match check.outcome {
        Outcome::Refused if check.needed => paint.alarming(&padded),
        Outcome::Refused | Outcome::Warning => paint.bold(&padded),
        Outcome::Ok => padded,
        Outcome::Unknown => paint.dim(&padded),
    }
}
