//! `ckosql init`: writes a commented `ckosql.toml` with what can be found out, and says how to make a key.
//!
//! It asks the user nothing. It works without a credential and without a network; what is not known then stands in the
//! file as an example. With `--demo` the file is shown and not written: the demo merchant needs none.

use super::new_file::{create, there_already};
use super::print::print;
use super::{Global, open};
use crate::api::config::Account;
use crate::clock::Clock;
use crate::engine::config::template::Template;
use crate::engine::config::{Config, FILE_NAME, Sources};
use crate::engine::doctor::{NEEDED, discover, ticked};
use crate::error::{Error, Result};
use crate::shell::failure::Failure;

/// What to do where the file is there already.
const INSTEAD: &str = "remove it, or name another file with --config";

/// Finds out what it can, and writes it.
///
/// # Errors
/// [`crate::error::ErrorKind::Usage`] when the file is there already, [`crate::error::ErrorKind::File`] when it cannot be written.
pub(super) async fn run(global: &Global) -> Result<(), Failure> {
    if let Some(seed) = global.demo {
        let opened = open::open_demo(global, seed)?;
        for account in opened.engine.accounts() {
            print(&Template::of(account).render())?;
        }
        return Ok(());
    }
    let sources = open::sources(global)?;
    let path = sources.file.clone().unwrap_or_else(|| sources.directory.join(FILE_NAME));
    if path.exists() {
        return Err(there_already(&path, INSTEAD).into());
    }
    let found = find_out(&sources).await?;
    create(&path, &found.template.render(), INSTEAD)?;
    Ok(print(&format!("wrote {}\n{}\n{}", path.display(), found.summary(), how_to_make_a_key()))?)
}

/// What could be found out, and what stood in the way.
#[derive(Default)]
struct Found {
    template: Template,
    failure: Option<Error>,
}

async fn find_out(sources: &Sources) -> Result<Found> {
    match Config::of_environment(sources) {
        Ok(account) => ask(&account).await,
        Err(_) if !is_credential_given(sources) => Ok(Found::default()),
        Err(error) => Ok(Found { failure: Some(error), ..Found::default() }),
    }
}

async fn ask(account: &Account) -> Result<Found> {
    let mut template = Template::of(account);
    let discovery = discover(account, Clock::System).await?;
    template.prefix = template.prefix.or(discovery.prefix);
    if template.entity_ids.is_empty() {
        template.entity_ids = discovery.entity_ids;
    }
    Ok(Found { template, failure: discovery.failure })
}

fn is_credential_given(sources: &Sources) -> bool {
    ["CHECKOUT_SECRET_KEY", "CHECKOUT_CLIENT_ID"]
        .into_iter()
        .any(|name| sources.environment.get(name).is_some_and(|value| !value.trim().is_empty()))
}

impl Found {
    fn summary(&self) -> String {
        let Template { environment, prefix, entity_ids, .. } = &self.template;
        let entities = if entity_ids.is_empty() { "not known".to_owned() } else { entity_ids.join(", ") };
        let mut text = format!(
            "  environment  {}\n  prefix       {}\n  entities     {entities}\n",
            environment.unwrap_or("not known"),
            prefix.as_deref().unwrap_or("not known"),
        );
        if let Some(error) = &self.failure {
            text.push_str(&format!("  in the way   {error}\n"));
        }
        text
    }
}

fn how_to_make_a_key() -> String {
    format!(
        "A key that reads, and can change nothing:\n  \
         Dashboard > Developers > Keys > new secret key: read-only, customised scopes\n  \
         tick {}\n  \
         all processing channels, every entity wanted\n  \
         export CHECKOUT_SECRET_KEY=sk_…\n\
         Then see what it opens:\n  \
         ckosql doctor\n",
        NEEDED.map(ticked).join(", ")
    )
}
