//! The command line: what may be said, who does it, and the exit code it ends with.
//!
//! One file a subcommand. Data goes to stdout, everything else to stderr. The exit code is read off the error's kind:
//! 0 ok, 1 query or data, 2 usage or configuration, 3 credentials or scope, 4 upstream, 5 rows left, 70 a bug, 130 interrupted.

mod demo;
mod diff;
mod docs;
mod doctor;
mod export;
mod init;
mod lake;
mod logs;
mod new_file;
mod new_rule;
mod notify;
mod open;
mod overrides;
mod print;
mod progress;
mod query;
mod reconcile;
mod rules;
mod run;
mod sandbox;
mod serve;
mod shell;
mod sync;
mod terminal;
mod users;
mod whole_file;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "ckosql", version, about = "SQL over Checkout.com", max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every subcommand takes.
#[derive(Debug, Clone, Default, Args)]
struct Global {
    /// Configuration file, instead of ./ckosql.toml or the one in the XDG configuration folder.
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "demo", help_heading = "Global options")]
    config: Option<PathBuf>,
    /// Profile of the configuration file to lay over it.
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "demo", help_heading = "Global options")]
    profile: Option<String>,
    /// Ask the built-in demo merchant instead of Checkout.com; another seed is another merchant.
    #[arg(
        long,
        global = true,
        value_name = "SEED",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1",
        help_heading = "Global options"
    )]
    demo: Option<u64>,
    /// Set a key of the account, or a session setting by its dotted name; wins over file and environment.
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", help_heading = "Global options")]
    set: Vec<String>,
    /// Read report files from this folder instead of asking for them; needs no key.
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "demo", help_heading = "Global options")]
    reports: Option<PathBuf>,
    /// Where the lake is: a folder, or a bucket as s3://…, gs://… or az://….
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    lake: Option<String>,
    /// Log what is done; twice: log every request.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    verbose: u8,
    /// Neither progress nor warnings.
    #[arg(long, global = true, help_heading = "Global options")]
    quiet: bool,
    /// No colour.
    #[arg(long, global = true, help_heading = "Global options")]
    no_color: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A guided tour on the built-in demo merchant; needs nothing.
    Demo,
    /// The SQL shell; runs a script when standard input is not a terminal.
    Shell,
    /// Run SQL and print the answer.
    Query(query::Arguments),
    /// Bring the lake, the Parquet copy of everything, up to now.
    Sync(sync::Arguments),
    /// Write a table or an answer as Parquet or CSV files for a warehouse, with a manifest that proves them.
    Export(export::Arguments),
    /// What the lake holds, how it came to be, and keeping its files in shape.
    Lake(lake::Arguments),
    /// Run the matching rules, and tell what belongs together and what is left.
    Reconcile(reconcile::Arguments),
    /// The matching rules: what there are, whether they can be trusted, and how they are tried.
    Rules(rules::Arguments),
    /// Let programs in: serve the tables to PostgreSQL and Arrow Flight SQL clients, and over HTTP, until Ctrl-C.
    Serve(serve::Arguments),
    /// Who may come in by a door of ckosql serve.
    Users(users::Arguments),
    /// Write ckosql.toml with what can be found out, and say how to make a key.
    Init,
    /// What the configured accounts may read, a line each, and the one thing to do.
    Doctor(doctor::Arguments),
    /// The reference of tables, views, settings and functions, as Markdown.
    Docs(docs::Arguments),
    /// Run the stand-in for Checkout.com until Ctrl-C.
    Sandbox(sandbox::Arguments),
}

/// Runs the program, and says how it ended.
pub fn main() -> ExitCode {
    let Cli { global, command } = Cli::parse();
    logs::start(&global);
    let paint = terminal::paint_of_stderr(&global);
    match command {
        Command::Demo => run::until_interrupted(paint, async move { demo::run(&global).await }),
        Command::Query(arguments) => run::until_interrupted(paint, async move { query::run(&global, arguments).await }),
        Command::Sync(arguments) if arguments.watch => run::to_the_end(paint, sync::watch(global, arguments)),
        Command::Sync(arguments) => run::until_interrupted(paint, async move { sync::run(&global, &arguments).await }),
        Command::Export(arguments) => run::to_the_end(paint, async move { export::run(&global, arguments).await }),
        Command::Lake(arguments) => run::until_interrupted(paint, async move { lake::run(&global, arguments).await }),
        Command::Reconcile(arguments) => run::until_interrupted(paint, async move { reconcile::run(&global, arguments).await }),
        Command::Rules(arguments) => run::until_interrupted(paint, async move { rules::run(&global, arguments).await }),
        Command::Doctor(arguments) => run::until_interrupted(paint, async move { doctor::run(&global, &arguments).await }),
        Command::Serve(arguments) => run::to_the_end(paint, async move { serve::run(&global, &arguments).await }),
        Command::Users(arguments) => run::to_the_end(paint, async move { users::run(&arguments) }),
        Command::Init => run::until_interrupted(paint, async move { init::run(&global).await }),
        Command::Docs(arguments) => run::until_interrupted(paint, async move { docs::run(&arguments).await }),
        Command::Shell if terminal::is_interactive() => run::to_the_end(paint, async move { shell::interact(&global).await }),
        Command::Shell => run::until_interrupted(paint, async move { shell::run_script(&global).await }),
        Command::Sandbox(arguments) => run::to_the_end(paint, async move { sandbox::run(&arguments).await }),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn demo_takes_its_seed_only_after_an_equals_sign() {
        let demo = |line: &[&str]| Cli::try_parse_from(line).map(|cli| cli.global.demo);
        assert_eq!(demo(&["ckosql", "query", "--demo", "select 1"]).unwrap(), Some(1));
        assert_eq!(demo(&["ckosql", "--demo=7", "query", "select 1"]).unwrap(), Some(7));
        assert_eq!(demo(&["ckosql", "query", "select 1"]).unwrap(), None);
        assert!(demo(&["ckosql", "--demo", "--config", "x", "shell"]).is_err());
    }
}
