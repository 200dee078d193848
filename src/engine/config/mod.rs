//! The configuration: `ckosql.toml`, the environment and the flags, in that order of increasing weight.
//!
//! ```text
//!  file ── its profile ── environment ── --set        each a Layer of the same shape, the later one wins key by key
//! ```
//!
//! The environment is handed in, never read here, so that a test has its own. The keys of an account belong to
//! [`AccountSettings`](crate::api::config::AccountSettings); only the variables' own list names some of them here. No message repeats a value: any of them may be a secret.

mod file;
mod keys;
mod layer;
pub mod template;
mod variables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::api::config::Account;
use crate::books::settings::{BookSettings, Source};
use crate::clock::Clock;
use crate::engine::roles::Role;
use crate::error::{Error, ErrorKind, Result};
use crate::lake::policy::Policy;
use crate::lake::settings::LakeOptions;
use layer::Layer;

/// Name of the account that is configured without one.
pub const DEFAULT_ACCOUNT: &str = "default";

/// Everything an engine is made from.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The accounts to read.
    pub accounts: Vec<Account>,
    /// Settings of every new session, as `set key = value` would make them.
    pub settings: BTreeMap<String, String>,
    /// Where now comes from.
    pub clock: Clock,
    /// The lake, where there is one.
    pub lake: Option<LakeOptions>,
    /// What of people the lake may know.
    pub policy: Policy,
    /// The other side.
    pub books: Vec<Source>,
    /// What users of doors may see; everything, where there are none.
    pub roles: Vec<Role>,
}

/// Name of the file.
pub const FILE_NAME: &str = "ckosql.toml";

/// What a configuration is loaded from.
#[derive(Clone, Default)]
pub struct Sources {
    /// The file that must be read, instead of the usual places.
    pub file: Option<PathBuf>,
    /// The profile of the file that is laid over it.
    pub profile: Option<String>,
    /// `key=value` of each `--set`, in order.
    pub flags: Vec<String>,
    /// The environment of the process.
    pub environment: BTreeMap<String, String>,
    /// The working directory.
    pub directory: PathBuf,
}

impl std::fmt::Debug for Sources {
    /// Without the environment and the flags, which hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources").field("file", &self.file).field("profile", &self.profile).finish_non_exhaustive()
    }
}

impl Config {
    /// The configuration of a process.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] names the file, line and key, or the variable or flag, that is wrong, and the nearest right
    /// one; [`ErrorKind::Credentials`] when there is no credential; [`ErrorKind::File`] when a file cannot be read.
    pub fn load(sources: &Sources) -> Result<Self> {
        let mut layer = match sources.find_file()? {
            Some((path, text)) => file::read(&path, &text, sources.profile.as_deref())?,
            None => no_file(sources.profile.as_deref())?,
        };
        variables::overlay_environment(&mut layer, &sources.environment)?;
        variables::overlay_flags(&mut layer, &sources.flags)?;
        let mut accounts = Vec::with_capacity(layer.accounts.len());
        for (name, settings) in layer.accounts_or_default() {
            accounts.push(settings.resolve(&name)?);
        }
        let lake = layer.lake.resolve(&sources.environment)?;
        let policy = layer.policy.resolve(&sources.environment)?;
        let books = books(layer.books, &sources.environment)?;
        let roles = layer.roles.into_iter().map(|(name, role)| role.resolve(&name)).collect::<Result<_>>()?;
        Ok(Self { accounts, settings: layer.settings, clock: Clock::System, lake, policy, books, roles })
    }

    /// The account that environment and flags describe by themselves, whatever files there are.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn of_environment(sources: &Sources) -> Result<Account> {
        let mut layer = Layer::default();
        variables::overlay_environment(&mut layer, &sources.environment)?;
        variables::overlay_flags(&mut layer, &sources.flags)?;
        let first = layer.accounts_or_default().into_iter().next();
        let (name, settings) = first.ok_or_else(|| Error::bug("there is an account where none is configured"))?;
        settings.resolve(&name)
    }

    /// A configuration of given accounts, with the lake, the policy and the settings that the flags make.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when a flag is about an account: these are not the user's.
    pub fn of_accounts(accounts: Vec<Account>, sources: &Sources, clock: Clock) -> Result<Self> {
        let mut layer = Layer::default();
        variables::overlay_flags(&mut layer, &sources.flags)?;
        if layer.accounts.is_empty() {
            let lake = layer.lake.resolve(&sources.environment)?;
            let policy = layer.policy.resolve(&sources.environment)?;
            return Ok(Self { accounts, settings: layer.settings, clock, lake, policy, ..Self::default() });
        }
        Err(Error::new(ErrorKind::Config, "the demo merchant's account cannot be configured; --set takes session settings here"))
    }
}

/// The sources of the other side.
fn books(settings: BTreeMap<String, BookSettings>, environment: &BTreeMap<String, String>) -> Result<Vec<Source>> {
    let sources: Vec<Source> =
        settings.into_iter().map(|(name, settings)| settings.resolve(&name, environment)).collect::<Result<_>>()?;
    match sources.iter().find(|source| sources.iter().any(|other| source.name == format!("{}_statements", other.name))) {
        Some(source) => Err(Error::new(ErrorKind::Config, "a source has the name of another's table of statements")
            .with("source", format!("books.{}", source.name))),
        None => Ok(sources),
    }
}

impl Sources {
    /// The file to read and its text; `None` when none was named and none is in the usual places.
    fn find_file(&self) -> Result<Option<(PathBuf, String)>> {
        if let Some(path) = &self.file {
            return read_text(path).map(|text| Some((path.clone(), text)));
        }
        let home = |variable: &str| self.environment.get(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
        let folder = home("XDG_CONFIG_HOME").or_else(|| home("HOME").map(|home| home.join(".config")));
        let beside = self.directory.join(FILE_NAME);
        let usual = [Some(beside), folder.map(|folder| folder.join("ckosql").join(FILE_NAME))];
        for path in usual.into_iter().flatten() {
            if path.is_file() {
                let text = read_text(&path)?;
                return Ok(Some((path, text)));
            }
        }
        Ok(None)
    }
}

fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| Error::new(ErrorKind::Config, format!("cannot read {}", path.display())).caused_by(error))
}

fn no_file(profile: Option<&str>) -> Result<Layer> {
    match profile {
        None => Ok(Layer::default()),
        Some(profile) => {
            Err(Error::new(ErrorKind::Config, format!("there is no profile {profile}: no configuration file was found"))
                .hint("name the file with --config, or write ckosql.toml here"))
        }
    }
}

#[cfg(test)]
mod tests;
