//! How single values of a configuration are spelled: secrets, time spans, dates, and names that are spelled almost right.
//!
//! Secrets are given as text, or as the name of a variable or file that holds them. No message repeats one.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer};
use toml::value::Datetime;

use super::key;
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

/// The name that was probably meant; `None` when none is near.
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    let distances = names.into_iter().map(|name| (strsim::damerau_levenshtein(&wrong, name), name));
    distances.min().filter(|(distance, name)| *distance <= 2.max(name.len() / 3)).map(|(_, name)| name)
}

/// Where a secret comes from.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, deny_unknown_fields, expecting = "expected \"text\", { env = \"VARIABLE\" } or { file = \"path\" }")]
pub enum SecretSource {
    /// The secret itself.
    #[serde(deserialize_with = "secret")]
    Text(Secret),
    /// In an environment variable.
    Env {
        /// Name of the variable.
        env: String,
    },
    /// In a file, blanks around it left out.
    File {
        /// Path of the file.
        file: PathBuf,
    },
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(secret) => write!(f, "{secret:?}"),
            Self::Env { env } => write!(f, "env {env}"),
            Self::File { file } => write!(f, "file {}", file.display()),
        }
    }
}

impl From<String> for SecretSource {
    fn from(text: String) -> Self {
        Self::Text(Secret::new(text))
    }
}

impl SecretSource {
    /// The secret, from where it is; `setting` is named in errors.
    ///
    /// # Errors
    /// [`ErrorKind::Credentials`] when it is not there, or is empty.
    pub fn fetch(self, setting: &'static str) -> Result<Secret> {
        let refuse = |message: &'static str| Error::new(ErrorKind::Credentials, message).with("setting", setting);
        let secret = match self {
            Self::Text(secret) => secret,
            // A variable's error may quote its value, so it is not passed on.
            Self::Env { env } => match std::env::var(&env) {
                Ok(text) => Secret::new(text),
                Err(_) => return Err(refuse("the environment variable for a secret is not set, or is not text").with("env", env)),
            },
            Self::File { file } => std::fs::read_to_string(&file)
                .map(Secret::new)
                .map_err(|error| refuse("cannot read the file of a secret").with("file", file.display()).caused_by(error))?,
        };
        let trimmed = secret.expose().trim();
        if trimmed.is_empty() {
            return Err(refuse("the configured secret is empty").hint(key::ADVICE));
        }
        Ok(Secret::new(trimmed))
    }
}

/// A time span of whole seconds, written as a number or as `90s`, `5m`, `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "SecondsText")]
pub struct Seconds(pub u64);

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected seconds, such as 90, \"90s\", \"5m\" or \"1h\"")]
enum SecondsText {
    Number(u64),
    Text(String),
}

impl std::str::FromStr for Seconds {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let number = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let unit = match text.get(number.len()..).unwrap_or_default() {
            "" | "s" => Some(1),
            "m" => Some(60),
            "h" => Some(3600),
            _ => None,
        };
        let seconds = number.trim_end().parse::<u64>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
        seconds
            .map(Self)
            .ok_or_else(|| Error::new(ErrorKind::Config, "not a time span: write seconds, or 90s, 5m, 1h").with("value", text))
    }
}

impl TryFrom<SecondsText> for Seconds {
    type Error = Error;

    fn try_from(text: SecondsText) -> Result<Self> {
        match text {
            SecondsText::Number(seconds) => Ok(Self(seconds)),
            SecondsText::Text(text) => text.parse(),
        }
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

/// TOML has dates of its own; they are as good as text.
pub(super) fn text_or_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a date or an RFC 3339 instant")]
    enum Written {
        Text(String),
        Date(Datetime),
    }
    Ok(Some(match Written::deserialize(deserializer)? {
        Written::Text(text) => text,
        Written::Date(date) => date.to_string(),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::config::AccountSettings;
    use super::*;

    #[test]
    fn other_forms_of_a_secret_are_answered_with_the_right_ones() {
        for form in ["{ keyring = 'x' }", "{ env = 'A', file = 'b' }", "7"] {
            let error = toml::from_str::<AccountSettings>(&format!("secret_key = {form}")).unwrap_err();
            assert_eq!(error.message(), "expected \"text\", { env = \"VARIABLE\" } or { file = \"path\" }");
        }
    }

    #[test]
    fn time_spans_are_read_or_refused() {
        let read = |text: &str| text.parse::<Seconds>().ok().map(|seconds| seconds.0);
        assert_eq!([read("90"), read("90s"), read("5 m"), read("1h")], [Some(90), Some(90), Some(300), Some(3600)]);
        assert_eq!([read("5 min"), read(""), read("-1"), read("1.5"), read("9999999999999999999h")], [None; 5]);
    }
}
