//! Settings of live tables: `set checkout.… = …`, read back by `show checkout.…` and `show all`.
//!
//! Written out instead of by DataFusion's macro, which lists settings without their prefix, so that `show` does not find
//! them, and takes any text as a value until it is used.

use std::any::Any;
use std::time::Duration;

use datafusion::common::Result as DataFusionResult;
use datafusion::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};

use crate::error::{Error, ErrorKind, sqlstate};
use crate::schema::decode::OnMalformed;

/// Settings of live tables.
#[derive(Debug, Clone)]
pub struct CheckoutOptions {
    /// What to do with a value that cannot be read as its column's type.
    pub on_malformed: OnMalformed,
    /// What to do when not all that is asked for can be read.
    pub on_incomplete: OnIncomplete,
    /// Requests that one statement may make; any number when there is none.
    pub max_requests: Option<u64>,
    /// How old what is synced may be, in microseconds, to answer in place of the API; any age when there is none.
    pub max_staleness: Option<i64>,
    /// Whether only what is synced answers, and nothing is asked.
    pub is_offline: bool,
    /// Bytes of memory that one statement may take before it spills or ends; all there are when there is none.
    pub max_memory: Option<usize>,
    /// How long one statement may take, in microseconds; as long as it does when there is none.
    pub max_time: Option<i64>,
}

/// What to do when not all that is asked for can be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnIncomplete {
    /// Fail, naming what is missing.
    #[default]
    Error,
    /// Warn, and answer with what was read; `system.coverage` says what is missing.
    Warn,
}

impl Default for CheckoutOptions {
    fn default() -> Self {
        Self {
            on_malformed: OnMalformed::default(),
            on_incomplete: OnIncomplete::default(),
            max_requests: Some(1000),
            max_staleness: None,
            is_offline: false,
            max_memory: None,
            max_time: None,
        }
    }
}

/// A setting: its name, what it means, and how it is written and read.
struct Setting {
    name: &'static str,
    about: &'static str,
    /// The values it takes, in words.
    values: &'static str,
    get: fn(&CheckoutOptions) -> String,
    /// Takes a value over; false when it is none of them.
    set: fn(&mut CheckoutOptions, &str) -> bool,
}

const SETTINGS: &[Setting] = &[
    Setting {
        name: "on_malformed",
        about: "a value that cannot be read as its column's type is an error naming the row and the field, or null",
        values: "error or null",
        get: |options| word(&MALFORMED, &options.on_malformed),
        set: |options, value| choose(&MALFORMED, value, &mut options.on_malformed),
    },
    Setting {
        name: "on_incomplete",
        about: "what cannot be read whole is an error, or a warning and an entry in system.coverage",
        values: "error or warn",
        get: |options| word(&INCOMPLETE, &options.on_incomplete),
        set: |options, value| choose(&INCOMPLETE, value, &mut options.on_incomplete),
    },
    Setting {
        name: "max_requests",
        about: "requests to Checkout.com that one statement may make",
        values: "a whole number, or unlimited",
        get: |options| options.max_requests.map_or_else(|| UNLIMITED.to_owned(), |most| most.to_string()),
        set: |options, value| {
            let most = if value == UNLIMITED { Some(None) } else { value.parse().ok().map(Some) };
            most.map(|most| options.max_requests = most).is_some()
        },
    },
    Setting {
        name: "max_staleness",
        about: "how old what is synced may be to answer in place of the API",
        values: "a time such as 15 minutes, or unlimited",
        get: |options| options.max_staleness.map_or_else(|| UNLIMITED.to_owned(), in_words),
        set: |options, value| {
            let most = if value == UNLIMITED { Some(None) } else { micros(value).map(Some) };
            most.map(|most| options.max_staleness = most).is_some()
        },
    },
    Setting {
        name: "offline",
        about: "only what is synced answers, and nothing is asked",
        values: "true or false",
        get: |options| options.is_offline.to_string(),
        set: |options, value| value.parse().map(|is_offline| options.is_offline = is_offline).is_ok(),
    },
    Setting {
        name: "max_memory",
        about: "memory that one statement may take before it keeps the rest in files, or fails",
        values: "a number of bytes such as 512M or 2G, or unlimited",
        get: |options| options.max_memory.map_or_else(|| UNLIMITED.to_owned(), |most| most.to_string()),
        set: |options, value| {
            let most = if value == UNLIMITED { Some(None) } else { bytes(value).map(Some) };
            most.map(|most| options.max_memory = most).is_some()
        },
    },
    Setting {
        name: "max_time",
        about: "time that one statement may take, that in which its rows are fetched included",
        values: "a time such as 15 minutes, or unlimited",
        get: |options| options.max_time.map_or_else(|| UNLIMITED.to_owned(), in_words),
        set: |options, value| {
            let most = if value == UNLIMITED { Some(None) } else { micros(value).map(Some) };
            most.map(|most| options.max_time = most).is_some()
        },
    },
];

const MALFORMED: [(&str, OnMalformed); 2] = [("error", OnMalformed::Error), ("null", OnMalformed::Null)];
const INCOMPLETE: [(&str, OnIncomplete); 2] = [("error", OnIncomplete::Error), ("warn", OnIncomplete::Warn)];
const UNLIMITED: &str = "unlimited";

/// A time in microseconds.
fn micros(words: &str) -> Option<i64> {
    humantime::parse_duration(words).ok().and_then(|time| i64::try_from(time.as_micros()).ok())
}

/// A number of bytes, counted by 1,024 as DataFusion counts its own.
fn bytes(words: &str) -> Option<usize> {
    let (number, unit) = words.split_at(words.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(words.len()));
    let shift = match unit {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return None,
    };
    number.parse::<usize>().ok()?.checked_mul(1 << shift)
}

fn in_words(micros: i64) -> String {
    humantime::format_duration(Duration::from_micros(micros.unsigned_abs())).to_string()
}

fn word<T: PartialEq>(words: &[(&str, T)], value: &T) -> String {
    words.iter().find(|(_, known)| known == value).map_or_else(String::new, |(word, _)| (*word).to_owned())
}

fn choose<T: Copy>(words: &[(&str, T)], word: &str, value: &mut T) -> bool {
    words.iter().find(|(known, _)| *known == word).map(|(_, known)| *value = *known).is_some()
}

impl CheckoutOptions {
    /// The settings of a session.
    pub fn of(options: &ConfigOptions) -> Self {
        options.extensions.get::<Self>().cloned().unwrap_or_default()
    }
}

impl ConfigExtension for CheckoutOptions {
    const PREFIX: &'static str = "checkout";
}

impl ExtensionOptions for CheckoutOptions {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, value: &str) -> DataFusionResult<()> {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.name == key) else {
            let names: Vec<String> = SETTINGS.iter().map(|setting| format!("checkout.{}", setting.name)).collect();
            return Err(wrong(
                format!("there is no setting checkout.{key}; there are {}", names.join(", ")),
                sqlstate::NO_SETTING,
            ));
        };
        if (setting.set)(self, value) {
            return Ok(());
        }
        Err(wrong(format!("checkout.{key} is {}, not {value}", setting.values), sqlstate::WRONG_SETTING))
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        let entry = |setting: &Setting| ConfigEntry {
            key: format!("{}.{}", Self::PREFIX, setting.name),
            value: Some((setting.get)(self)),
            description: setting.about,
        };
        SETTINGS.iter().map(entry).collect()
    }
}

fn wrong(message: String, sqlstate: &'static str) -> datafusion::error::DataFusionError {
    Error::new(ErrorKind::Query, message).state(sqlstate).into()
}
