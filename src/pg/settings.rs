//! What PostgreSQL's clients set and ask: most of it is as it is here, and asking for it is no error.

use std::collections::BTreeMap;
use std::time::Duration;

use super::failure::Failure;

/// The version that clients are told, and choose their queries by.
pub(super) const SERVER_VERSION: &str = "17.0";

/// A setting: what it is, and what it may be.
struct Setting {
    name: &'static str,
    default: &'static str,
    manner: Manner,
    /// Whether clients are told when it changes.
    is_reported: bool,
}

/// What a setting may be.
enum Manner {
    /// Anything, which changes nothing.
    Free,
    /// Names of schemas; the first that there is counts.
    Names,
    /// As it is.
    Fixed,
    /// As it is, spelled in one of these ways too.
    Spelled(&'static [&'static str]),
    /// A time.
    Time,
    /// On, in one of PostgreSQL's spellings.
    On,
}

const fn setting(name: &'static str, default: &'static str, manner: Manner) -> Setting {
    Setting { name, default, manner, is_reported: false }
}

const fn reported(name: &'static str, default: &'static str, manner: Manner) -> Setting {
    Setting { name, default, manner, is_reported: true }
}

const UTC: &[&str] = &["gmt", "etc/utc", "etc/gmt", "zulu", "universal", "00:00", "+00:00", "0", "z", "uct", "etc/uct"];
const ISO: &[&str] = &["iso", "iso, dmy", "iso, ymd", "iso,mdy", "iso,dmy", "iso,ymd"];
const UTF8: &[&str] = &["utf-8", "unicode", "sql_ascii"];

/// What is shown for everything.
pub(super) const ALL: &str = "all";

/// By lower-case name.
static SETTINGS: &[Setting] = &[
    reported("application_name", "", Manner::Free),
    setting("bytea_output", "hex", Manner::Fixed),
    setting("check_function_bodies", "on", Manner::Free),
    reported("client_encoding", "UTF8", Manner::Spelled(UTF8)),
    setting("client_min_messages", "notice", Manner::Free),
    reported("DateStyle", "ISO, MDY", Manner::Spelled(ISO)),
    setting("default_table_access_method", "heap", Manner::Fixed),
    setting("default_tablespace", "", Manner::Free),
    setting("default_transaction_isolation", "read committed", Manner::Free),
    reported("default_transaction_read_only", "on", Manner::On),
    setting("extra_float_digits", "1", Manner::Free),
    setting("idle_in_transaction_session_timeout", "0", Manner::Time),
    reported("in_hot_standby", "off", Manner::Fixed),
    reported("integer_datetimes", "on", Manner::Fixed),
    reported("IntervalStyle", "postgres", Manner::Fixed),
    reported("is_superuser", "off", Manner::Fixed),
    setting("jit", "off", Manner::Free),
    setting("lc_collate", "C", Manner::Fixed),
    setting("lc_ctype", "C.UTF-8", Manner::Fixed),
    setting("lc_messages", "C", Manner::Free),
    setting("lc_monetary", "C", Manner::Free),
    setting("lc_numeric", "C", Manner::Free),
    setting("lc_time", "C", Manner::Free),
    setting("lock_timeout", "0", Manner::Free),
    setting("max_identifier_length", "63", Manner::Fixed),
    setting("max_index_keys", "32", Manner::Fixed),
    setting("row_security", "on", Manner::Free),
    setting("search_path", "public", Manner::Names),
    reported("server_encoding", "UTF8", Manner::Fixed),
    reported("server_version", SERVER_VERSION, Manner::Fixed),
    setting("server_version_num", "170000", Manner::Fixed),
    reported("session_authorization", "", Manner::Fixed),
    setting("ssl", "", Manner::Fixed),
    reported("standard_conforming_strings", "on", Manner::On),
    setting("statement_timeout", "0", Manner::Time),
    setting("synchronize_seqscans", "on", Manner::Free),
    reported("TimeZone", "UTC", Manner::Spelled(UTC)),
    setting("transaction_isolation", "read committed", Manner::Free),
    setting("transaction_read_only", "on", Manner::On),
    setting("xmloption", "content", Manner::Free),
];

/// The settings of a connection, where they are not the defaults.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    /// What the connection began with.
    first: BTreeMap<&'static str, String>,
    values: BTreeMap<&'static str, String>,
    /// What was so when the transaction began.
    before: Option<BTreeMap<&'static str, String>>,
    /// What holds for the transaction only, with what was so before it.
    local: BTreeMap<&'static str, Option<String>>,
}

/// How long a setting holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Session,
    Transaction,
}

impl Settings {
    /// The settings of a user who begins with these parameters; those that cannot be are left as they are.
    pub(super) fn of(user: &str, parameters: &[(String, String)]) -> Self {
        let mut settings = Self::default();
        settings.values.insert("session_authorization", user.to_owned());
        for (name, value) in parameters {
            // What a client would like is no reason to send it away.
            let _refused = settings.set(name, Some(value), Extent::Session);
        }
        settings
    }

    /// From now on, what is so now is what the connection began with.
    pub(super) fn settle(&mut self) {
        self.first = self.values.clone();
    }

    /// The value of a setting; none when there is no such.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let setting = find(name)?;
        Some(self.values.get(setting.name).map_or(setting.default, String::as_str))
    }

    /// All settings and their values.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, &str)> {
        SETTINGS.iter().map(|setting| (setting.name, self.values.get(setting.name).map_or(setting.default, String::as_str)))
    }

    /// Those that clients are told at the beginning.
    pub(super) fn reported(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let is_reported = |name: &str| find(name).is_some_and(|setting| setting.is_reported);
        self.all().filter(move |(name, _)| is_reported(name))
    }

    /// Changes a setting, or sets it back; gives its name and value when clients are told of it.
    ///
    /// # Errors
    /// A failure when there is no such setting, or it cannot be that.
    pub(super) fn set(
        &mut self,
        name: &str,
        value: Option<&str>,
        extent: Extent,
    ) -> Result<Option<(&'static str, String)>, Failure> {
        let setting =
            find(name).ok_or_else(|| Failure::new("42704", format!("unrecognized configuration parameter \"{name}\"")))?;
        let value = match value {
            Some(value) => Some(setting.taken(value)?),
            None => self.first.get(setting.name).cloned(),
        };
        let old = self.values.remove(setting.name);
        if extent == Extent::Transaction {
            self.local.entry(setting.name).or_insert(old);
        } else {
            self.local.remove(setting.name);
        }
        let told = value.clone().unwrap_or_else(|| setting.default.to_owned());
        self.values.extend(value.map(|value| (setting.name, value)));
        Ok(setting.is_reported.then_some((setting.name, told)))
    }

    /// Sets everything back to what the connection began with.
    pub(super) fn reset(&mut self) {
        self.values = self.first.clone();
        self.local.clear();
    }

    /// A transaction begins.
    pub(super) fn begin(&mut self) {
        self.before = Some(self.values.clone());
    }

    /// A transaction ends, and what was set in it is kept or not.
    pub(super) fn end(&mut self, is_kept: bool) {
        let before = self.before.take();
        let local = std::mem::take(&mut self.local);
        if let (false, Some(before)) = (is_kept, before) {
            self.values = before;
            return;
        }
        for (name, value) in local {
            self.values.remove(name);
            self.values.extend(value.map(|value| (name, value)));
        }
    }

    /// The schema in which tables are that are named without one: the first of the search path that there is; none where there is
    /// none of them.
    pub(super) fn schema(&self, is_there: impl Fn(&str) -> bool) -> Option<String> {
        let path = self.get("search_path").unwrap_or_default();
        let name = |word: &str| match word.strip_prefix('"').and_then(|word| word.strip_suffix('"')) {
            Some(quoted) => quoted.replace("\"\"", "\""),
            None => word.to_lowercase(),
        };
        path.split(',').map(|word| name(word.trim())).find(|name| is_there(name))
    }

    /// How long a statement may take; any time when there is none.
    pub(super) fn statement_timeout(&self) -> Option<Duration> {
        self.time("statement_timeout")
    }

    /// How long a transaction may be open while nothing is asked for; any time when there is none.
    pub(super) fn idle_timeout(&self) -> Option<Duration> {
        self.time("idle_in_transaction_session_timeout")
    }

    /// A time that is set, and not none.
    fn time(&self, name: &str) -> Option<Duration> {
        self.get(name).and_then(time).filter(|time| !time.is_zero())
    }
}

impl Setting {
    /// A value as it is kept.
    fn taken(&self, value: &str) -> Result<String, Failure> {
        let spelled = value.trim().to_lowercase();
        let is_default = spelled == self.default.to_lowercase();
        let cannot = |state: &'static str, why: &str| Err(Failure::new(state, format!("parameter \"{}\" {why}", self.name)));
        match self.manner {
            Manner::Free | Manner::Names => Ok(value.to_owned()),
            Manner::Time if time(value).is_some() => Ok(value.to_owned()),
            Manner::Time => cannot("22023", "is a time, as in 500, '30s' or '5min'"),
            Manner::On if ["on", "true", "yes", "1", "t", "y"].contains(&spelled.as_str()) => Ok("on".to_owned()),
            Manner::On if self.name.contains("read_only") => cannot("25006", "cannot be off: ckosql only reads"),
            Manner::Spelled(ways) if is_default || ways.contains(&spelled.as_str()) => Ok(self.default.to_owned()),
            Manner::Fixed if is_default => Ok(self.default.to_owned()),
            _ => cannot("22023", &format!("cannot be changed from {}", self.default)),
        }
    }
}

fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name.eq_ignore_ascii_case(name))
}

/// A time as PostgreSQL writes one: milliseconds, or a number with its unit.
fn time(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    Some(match unit.trim() {
        "" | "ms" => Duration::from_millis(number),
        "us" => Duration::from_micros(number),
        "s" => Duration::from_secs(number),
        "min" => Duration::from_secs(number.checked_mul(60)?),
        "h" => Duration::from_secs(number.checked_mul(3600)?),
        "d" => Duration::from_secs(number.checked_mul(86_400)?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_postgresql_reads_them() {
        let millis = |text| time(text).map(|time| time.as_millis());
        assert_eq!(
            [millis("500"), millis("2s"), millis("1 min"), millis("1h")],
            [Some(500), Some(2000), Some(60_000), Some(3_600_000)]
        );
        assert_eq!([millis(""), millis("-1"), millis("5 weeks")], [None, None, None]);
    }

    #[test]
    fn what_is_so_may_be_asked_for_and_nothing_else() {
        let mut settings = Settings::of("anna", &[("TimeZone".to_owned(), "Europe/Berlin".to_owned())]);
        assert_eq!(settings.get("timezone"), Some("UTC"));
        assert_eq!(settings.set("datestyle", Some("iso"), Extent::Session).unwrap(), Some(("DateStyle", "ISO, MDY".to_owned())));
        let state =
            |name, value, settings: &mut Settings| settings.set(name, Some(value), Extent::Session).unwrap_err().sqlstate();
        assert_eq!(state("datestyle", "german", &mut settings), "22023");
        assert_eq!(state("transaction_read_only", "off", &mut settings), "25006");
        assert_eq!(state("server_version", "9.0", &mut settings), "22023");
        assert_eq!(state("no_such", "1", &mut settings), "42704");
        assert_eq!(settings.get("session_authorization"), Some("anna"));
    }

    #[test]
    fn a_transaction_takes_back_what_it_set() {
        let mut settings = Settings::of("anna", &[("application_name".to_owned(), "psql".to_owned())]);
        settings.settle();
        let set =
            |settings: &mut Settings, value, extent| settings.set("application_name", Some(value), extent).map(drop).unwrap();
        settings.begin();
        set(&mut settings, "one", Extent::Session);
        settings.end(false);
        assert_eq!(settings.get("application_name"), Some("psql"));
        settings.begin();
        set(&mut settings, "two", Extent::Transaction);
        set(&mut settings, "three", Extent::Transaction);
        settings.end(true);
        assert_eq!(settings.get("application_name"), Some("psql"));
        settings.begin();
        set(&mut settings, "two", Extent::Transaction);
        set(&mut settings, "three", Extent::Session);
        settings.end(true);
        assert_eq!(settings.get("application_name"), Some("three"));
        set(&mut settings, "four", Extent::Session);
        settings.begin();
        set(&mut settings, "five", Extent::Transaction);
        settings.reset();
        settings.end(true);
        assert_eq!(settings.get("application_name"), Some("psql"));
    }

    #[test]
    fn the_first_schema_of_the_search_path_that_there_is_counts() {
        let mut settings = Settings::default();
        let is_there = |name: &str| ["public", "live", "Odd, one"].contains(&name);
        assert_eq!(settings.schema(is_there).as_deref(), Some("public"));
        for (path, expected) in [
            ("live", Some("live")),
            ("\"$user\", public", Some("public")),
            ("nowhere, LIVE,public", Some("live")),
            ("\"live\"", Some("live")),
            ("\"LIVE\"", None),
            ("", None),
        ] {
            settings.set("search_path", Some(path), Extent::Session).unwrap();
            assert_eq!(settings.schema(is_there).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn a_statement_has_any_time_unless_it_is_said() {
        let mut settings = Settings::default();
        assert_eq!(settings.statement_timeout(), None);
        settings.set("statement_timeout", Some("250ms"), Extent::Session).unwrap();
        assert_eq!(settings.statement_timeout(), Some(Duration::from_millis(250)));
    }
}
