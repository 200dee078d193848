//! Single values: environment variables and `--set key=value`.
//!
//! Both come as text. A key of an account takes it as text, as a list (`a,b`), or as TOML, whichever fits first.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::keys;
use super::layer::Layer;
use crate::api::config::AccountSettings;
use crate::api::spelling::nearest;
use crate::error::{Error, ErrorKind, Result};
use crate::lake::policy::settings::PolicySettings;
use crate::lake::settings::LakeSettings;

/// The variables that say something about an account, and the key each of them sets.
const VARIABLES: [(&str, &str); 12] = [
    ("CHECKOUT_SECRET_KEY", "secret_key"),
    ("CHECKOUT_CLIENT_ID", "client_id"),
    ("CHECKOUT_CLIENT_SECRET", "client_secret"),
    ("CHECKOUT_SCOPES", "scopes"),
    ("CHECKOUT_ENVIRONMENT", "environment"),
    ("CHECKOUT_PREFIX", "prefix"),
    ("CHECKOUT_ENTITY_IDS", "entity_ids"),
    ("CKOSQL_API_URL", "api_url"),
    ("CKOSQL_BALANCES_URL", "balances_url"),
    ("CKOSQL_TRANSFERS_URL", "transfers_url"),
    ("CKOSQL_FILES_URL", "files_url"),
    ("CKOSQL_TOKEN_URL", "token_url"),
];

/// The variable that says where the lake is.
const LAKE: &str = "CKOSQL_LAKE";

/// Keys whose value must not stand on a command line, which everyone on the machine can read, and where it may stand.
const SECRETS: [(&str, &str); 3] = [
    ("secret_key", "export CHECKOUT_SECRET_KEY, or write it to ckosql.toml"),
    ("client_secret", "export CHECKOUT_CLIENT_SECRET, or write it to ckosql.toml"),
    ("policy.key", "export CKOSQL_POLICY_KEY, or write it to ckosql.toml"),
];

/// Lays the environment over a layer. A variable that is empty counts as not set.
pub(super) fn overlay_environment(layer: &mut Layer, environment: &BTreeMap<String, String>) -> Result<()> {
    if let Some(url) = environment.get(LAKE).filter(|text| !text.trim().is_empty()) {
        layer.lake.url = Some(url.trim().to_owned());
    }
    let mut account = toml::Table::new();
    let mut from = "";
    for (variable, key) in VARIABLES {
        if let Some(text) = environment.get(variable).filter(|text| !text.trim().is_empty()) {
            account.insert(key.to_owned(), value::<AccountSettings>(variable, key, text.trim())?);
            from = variable;
        }
    }
    if account.is_empty() {
        return Ok(());
    }
    layer.overlay_only_account(keys::settings(account)?, from)
}

/// Lays the flags over a layer: `accounts.NAME.KEY`, `KEY` of the only account, `lake.KEY`, `policy.KEY`, or a session setting by its dotted name.
pub(super) fn overlay_flags(layer: &mut Layer, flags: &[String]) -> Result<()> {
    for flag in flags {
        let Some((name, text)) = flag.split_once('=') else {
            return Err(Error::new(ErrorKind::Usage, "--set takes key=value"));
        };
        let name = name.trim();
        if let Some(key) = name.strip_prefix("lake.") {
            let lake = keys::settings(toml::Table::from_iter([(key.to_owned(), flag_value::<LakeSettings>(name, key, text)?)]))?;
            layer.overlay(Layer { lake, ..Layer::default() });
            continue;
        }
        if let Some(key) = name.strip_prefix("policy.") {
            let policy = toml::Table::from_iter([(key.to_owned(), flag_value::<PolicySettings>(name, key, text)?)]);
            layer.overlay(Layer { policy: keys::settings(policy)?, ..Layer::default() });
            continue;
        }
        let (account, key) = match name.strip_prefix("accounts.").and_then(|rest| rest.split_once('.')) {
            Some((account, key)) => (Some(account), key),
            None if name.contains('.') => {
                layer.settings.insert(name.to_owned(), text.to_owned());
                continue;
            }
            None => (None, name),
        };
        let settings =
            keys::settings(toml::Table::from_iter([(key.to_owned(), flag_value::<AccountSettings>(name, key, text)?)]))?;
        match account {
            Some(account) => layer.overlay(Layer { accounts: [(account.to_owned(), settings)].into(), ..Layer::default() }),
            None => layer.overlay_only_account(settings, &format!("--set {key}"))?,
        }
    }
    Ok(())
}

fn flag_value<T: DeserializeOwned>(name: &str, key: &str, text: &str) -> Result<toml::Value> {
    if let Some((_, place)) = SECRETS.iter().find(|(secret, _)| *secret == key || *secret == name) {
        return Err(Error::new(ErrorKind::Config, format!("--set {name}: a secret on the command line can be read by everyone"))
            .hint(*place));
    }
    let known = keys::of::<T>();
    if !known.contains(&key) {
        let error = Error::new(ErrorKind::Config, format!("unknown key {key} in --set"));
        return Err(match nearest(key, known.iter().copied()) {
            Some(nearest) => error.hint(format!("did you mean {nearest}?")),
            None => error.hint(format!("known: {}; session settings have a dot in their name", known.join(", "))),
        });
    }
    value::<T>(&format!("--set {name}"), key, text)
}

/// The text as the kind of value that the key takes.
fn value<T: DeserializeOwned>(from: &str, key: &str, text: &str) -> Result<toml::Value> {
    let plain = toml::Value::String(text.to_owned());
    let Some(reason) = keys::misfit::<T>(key, &plain) else {
        return Ok(plain);
    };
    let parts = text.split([',', ' ']).filter(|part| !part.is_empty());
    let list = toml::Value::Array(parts.map(|part| toml::Value::String(part.to_owned())).collect());
    let as_toml = toml::from_str::<toml::Table>(&format!("value = {text}")).ok().and_then(|mut table| table.remove("value"));
    for candidate in [Some(list), as_toml].into_iter().flatten() {
        if keys::misfit::<T>(key, &candidate).is_none() {
            return Ok(candidate);
        }
    }
    Err(Error::new(ErrorKind::Config, format!("{from} cannot be read: {reason}")))
}
