//! From arguments to an engine: the configuration, or the demo merchant in its place.

use std::sync::Arc;

use super::Global;
use crate::books::made::Files;
use crate::books::settings::Source;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::engine::config::{Config, Sources};
use crate::error::{Error, ErrorKind, Result};
use crate::sandbox::{Merchant, MerchantOptions, OtherSide, Sandbox, SandboxOptions};

/// An engine, and the stand-in it asks, which lives as long.
pub(super) struct Opened {
    pub(super) engine: Engine,
    _stand_in: Option<Sandbox>,
}

/// The engine that the arguments ask for.
///
/// # Errors
/// [`ErrorKind::Config`] and [`ErrorKind::Credentials`] as [`Config::load`].
pub(super) fn open(global: &Global) -> Result<Opened> {
    match global.demo {
        Some(seed) => open_demo(global, seed),
        None => Ok(Opened { engine: Engine::try_new(Config::load(&sources(global)?)?)?, _stand_in: None }),
    }
}

/// An engine over the demo merchant, whose present is the day its story ends.
///
/// Its shop's orders and its banks' statements are in schema `books`, made when they are first read and written nowhere.
/// Sources of the user's configuration are not: they are about another merchant, as its accounts are.
///
/// # Errors
/// [`ErrorKind::File`] when no port can be had on the loopback interface.
pub(super) fn open_demo(global: &Global, seed: u64) -> Result<Opened> {
    let options = demo_merchant(seed);
    let merchant = Arc::new(Merchant::new(options));
    let sandbox = Sandbox::start(Arc::clone(&merchant), SandboxOptions::default())?;
    let files = Files::new(move || {
        let files = OtherSide::of(&merchant).into_files().into_iter();
        files.map(|(path, text)| (path, text.into())).collect()
    });
    let config = Config::of_accounts(vec![sandbox.account()], &sources(global)?, Clock::Fixed(options.end))?;
    let config = Config { books: Source::made(OtherSide::SETTINGS, &files)?, ..config };
    Ok(Opened { engine: Engine::try_new(config)?, _stand_in: Some(sandbox) })
}

/// What the demo merchant of this seed is.
pub(super) fn demo_merchant(seed: u64) -> MerchantOptions {
    MerchantOptions { seed, ..MerchantOptions::default() }
}

/// What the configuration is loaded from.
///
/// # Errors
/// [`ErrorKind::File`] when the working directory cannot be told.
pub(super) fn sources(global: &Global) -> Result<Sources> {
    let directory = std::env::current_dir()
        .map_err(|error| Error::new(ErrorKind::File, "cannot tell the working directory").caused_by(error))?;
    // A variable that is not text is none that ckosql knows.
    let environment = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Ok(Sources {
        file: global.config.clone(),
        profile: global.profile.clone(),
        flags: flags(global),
        environment: environment.collect(),
        directory,
    })
}

/// What flags set: those of `--set`, and those that have a flag of their own.
fn flags(global: &Global) -> Vec<String> {
    let reports = global.reports.as_ref().map(|folder| format!("reports_dir={}", folder.display()));
    let lake = global.lake.as_ref().map(|lake| format!("lake.url={lake}"));
    global.set.iter().cloned().chain(reports).chain(lake).collect()
}
