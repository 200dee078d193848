//! `ckosql.toml`: one account's keys at the top, or several `[accounts.NAME]`; the `[lake]` and its
//! `[policy]`; the other side's `[books.NAME]`; the `[roles.NAME]` of those who come in by a door; `[settings]` of sessions; and `[profiles.NAME]`, each of the same shape, laid over the rest when it is asked for.
//!
//! Every error says the file and the line. The line itself is never shown: it may hold a secret.

use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::layer::Layer;
use super::{DEFAULT_ACCOUNT, keys};
use crate::api::config::AccountSettings;
use crate::api::spelling::nearest;
use crate::books::settings::{BookSettings, CsvSettings};
use crate::engine::roles::settings::RoleSettings;
use crate::error::{Error, ErrorKind, Result};
use crate::lake::policy::settings::PolicySettings;
use crate::lake::settings::LakeSettings;

/// The tables a file may hold beside the keys of an account.
const TABLES: [&str; 7] = ["accounts", "books", "lake", "policy", "roles", "settings", "profiles"];

/// What the file says, with a profile laid over it.
///
/// # Errors
/// [`ErrorKind::Config`] with the line of what is wrong. All profiles are checked, the one asked for must exist.
pub(super) fn read(path: &Path, text: &str, profile: Option<&str>) -> Result<Layer> {
    let document = Document { path, text };
    let mut root = DeTable::parse(text).map_err(|error| document.syntax_error(&error))?.into_inner();
    let profiles = match root.remove("profiles") {
        Some(profiles) => document.table("profiles", profiles)?,
        None => DeTable::new(),
    };
    let mut layer = document.layer(root, &TABLES)?;
    let mut names = Vec::new();
    let mut found = None;
    for (name, table) in profiles {
        let name = name.into_inner();
        // A profile has no profiles of its own.
        let inner =
            document.layer(document.table(&name, table)?, &["accounts", "books", "lake", "policy", "roles", "settings"])?;
        if profile == Some(name.as_ref()) {
            found = Some(inner);
        }
        names.push(name.into_owned());
    }
    match (profile, found) {
        (None, _) => {}
        (Some(_), Some(inner)) => layer.overlay(inner),
        (Some(profile), None) => {
            let error = Error::new(ErrorKind::Config, format!("{} has no profile {profile}", path.display()));
            return Err(with_nearest(error, profile, names.iter().map(String::as_str)));
        }
    }
    Ok(layer)
}

/// A file's text, for saying where something stands.
struct Document<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Document<'_> {
    /// What a table in the shape of a file says.
    fn layer(&self, root: DeTable<'_>, tables: &[&str]) -> Result<Layer> {
        let mut layer = Layer::default();
        let mut only = toml::Table::new();
        for (key, value) in root {
            match key.get_ref().as_ref() {
                "accounts" => {
                    for (name, account) in self.table("accounts", value)? {
                        let account = self.table(name.get_ref(), account)?;
                        let mut read = toml::Table::new();
                        for (key, value) in account {
                            self.key::<AccountSettings>(&mut read, &key, value, &[])?;
                        }
                        layer.accounts.insert(name.into_inner().into_owned(), keys::settings(read)?);
                    }
                }
                "books" => {
                    for (name, source) in self.table("books", value)? {
                        let source = self.table(name.get_ref(), source)?;
                        layer.books.insert(name.into_inner().into_owned(), self.source(source)?);
                    }
                }
                "lake" => {
                    let mut read = toml::Table::new();
                    for (key, value) in self.table("lake", value)? {
                        self.key::<LakeSettings>(&mut read, &key, value, &[])?;
                    }
                    layer.lake = keys::settings(read)?;
                }
                "policy" => {
                    let mut read = toml::Table::new();
                    for (key, value) in self.table("policy", value)? {
                        self.key::<PolicySettings>(&mut read, &key, value, &[])?;
                    }
                    layer.policy = keys::settings(read)?;
                }
                "roles" => {
                    for (name, role) in self.table("roles", value)? {
                        let mut read = toml::Table::new();
                        for (key, value) in self.table(name.get_ref(), role)? {
                            self.key::<RoleSettings>(&mut read, &key, value, &[])?;
                        }
                        layer.roles.insert(name.into_inner().into_owned(), keys::settings(read)?);
                    }
                }
                "settings" => {
                    let settings = self.table("settings", value)?;
                    self.settings("", settings, &mut layer)?;
                }
                _ => self.key::<AccountSettings>(&mut only, &key, value, tables)?,
            }
        }
        if !only.is_empty() {
            layer.overlay(Layer { accounts: [(DEFAULT_ACCOUNT.to_owned(), keys::settings(only)?)].into(), ..Layer::default() });
        }
        Ok(layer)
    }

    /// The settings of a source of the other side, whose path is taken from the file's folder.
    fn source(&self, source: DeTable<'_>) -> Result<BookSettings> {
        let mut read = toml::Table::new();
        for (key, value) in source {
            if key.get_ref() == "csv" && matches!(value.get_ref(), DeValue::Table(_)) {
                let mut csv = toml::Table::new();
                for (key, value) in self.table("csv", value)? {
                    self.key::<CsvSettings>(&mut csv, &key, value, &[])?;
                }
                read.insert("csv".to_owned(), toml::Value::Table(csv));
                continue;
            }
            self.key::<BookSettings>(&mut read, &key, value, &[])?;
        }
        let mut settings: BookSettings = keys::settings(read)?;
        if let Some(path) = settings.path.take_if(|path| !path.contains("://")) {
            let folder = self.path.parent().unwrap_or_else(|| Path::new(""));
            settings.path = Some(folder.join(path).display().to_string());
        }
        Ok(settings)
    }

    /// Checks one key of such settings and keeps it.
    fn key<T: DeserializeOwned>(
        &self,
        kept: &mut toml::Table,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: Spanned<DeValue<'_>>,
        tables: &[&str],
    ) -> Result<()> {
        let name = key.get_ref().as_ref();
        let known = keys::of::<T>();
        if !known.contains(&name) {
            let error = self.error(format!("unknown key {name}"), key.span());
            return Err(with_nearest(error, name, known.iter().chain(tables).copied()));
        }
        let span = value.span();
        let value = self.value(value)?;
        if let Some(reason) = keys::misfit::<T>(name, &value) {
            return Err(self.error(format!("{name} cannot be read: {reason}"), span));
        }
        kept.insert(name.to_owned(), value);
        Ok(())
    }

    /// Settings by their dotted names, which TOML reads as tables within tables.
    fn settings(&self, prefix: &str, table: DeTable<'_>, layer: &mut Layer) -> Result<()> {
        for (key, value) in table {
            let name = format!("{prefix}{}", key.get_ref());
            let span = value.span();
            let text = match value.get_ref() {
                DeValue::Table(_) => {
                    self.settings(&format!("{name}."), self.table(&name, value)?, layer)?;
                    continue;
                }
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(_) | DeValue::Boolean(_) | DeValue::Float(_) => self.value(value)?.to_string(),
                DeValue::Datetime(_) | DeValue::Array(_) => {
                    return Err(self.error(format!("setting {name} must be a text, a number or a boolean"), span));
                }
            };
            layer.settings.insert(name, text);
        }
        Ok(())
    }

    fn table<'i>(&self, name: &str, value: Spanned<DeValue<'i>>) -> Result<DeTable<'i>> {
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => Ok(table),
            _ => Err(self.error(format!("{name} must be a table"), span)),
        }
    }

    fn value(&self, value: Spanned<DeValue<'_>>) -> Result<toml::Value> {
        let span = value.span();
        toml::Value::deserialize(ValueDeserializer::from(value))
            .map_err(|error| self.error(format!("a value cannot be read: {}", error.message()), span))
    }

    /// TOML's own words about its syntax, which never repeat the text.
    fn syntax_error(&self, error: &toml::de::Error) -> Error {
        self.error(format!("not TOML: {}", error.message()), error.span().unwrap_or_default())
    }

    fn error(&self, message: String, span: Range<usize>) -> Error {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Error::new(ErrorKind::Config, message).with("file", self.path.display()).with("line", line).with("column", column)
    }
}

/// Adds the name that was probably meant, or all there are.
fn with_nearest<'a>(error: Error, wrong: &str, names: impl Iterator<Item = &'a str> + Clone) -> Error {
    match nearest(wrong, names.clone()) {
        Some(name) => error.hint(format!("did you mean {name}?")),
        None => error.hint(format!("known: {}", names.collect::<Vec<_>>().join(", "))),
    }
}
