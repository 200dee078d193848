//! A new `ckosql.toml`: every key there is, what it means, and the value where it is known.
//!
//! A key whose value is not known stands there behind a `#`, with an example. The text of a secret never stands there.

use std::fmt::Write as _;

use datafusion::config::ExtensionOptions;

use crate::api::config::{Account, Credential, Environment};
use crate::api::probe::{environment_of_key, vendor_host};
use crate::source::CheckoutOptions;

/// What is known of an account before it is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template {
    /// The access key's id, where the credential is one; a secret key is assumed otherwise.
    pub client_id: Option<String>,
    /// `production` or `sandbox`.
    pub environment: Option<&'static str>,
    /// Prefix of its own hosts.
    pub prefix: Option<String>,
    /// Its entities.
    pub entity_ids: Vec<String>,
}

/// A key of the file: its name, what it means, and an example.
type Key = (&'static str, &'static str, &'static str);

const HEAD: &str = "\
# ckosql reads this file from the working folder, or from $XDG_CONFIG_HOME/ckosql/ckosql.toml; the environment wins over
# it, and flags win over both. `ckosql doctor` tries what is written here.
#
# A secret is given as { env = \"VARIABLE\" } or { file = \"path\" }, so that its text stays out of this file.
";

const CREDENTIAL: [Key; 4] = [
    ("secret_key", "A secret key, or", "{ env = \"CHECKOUT_SECRET_KEY\" }"),
    ("client_id", "an access key: its id,", "\"ack_…\""),
    ("client_secret", "its secret,", "{ env = \"CHECKOUT_CLIENT_SECRET\" }"),
    ("scopes", "and the scopes to ask for; all it has, when they are left out.", "[\"reports:view\", \"disputes:view\"]"),
];
const PLACE: [Key; 4] = [
    ("environment", "production or sandbox. A secret key says it itself.", "\"production\""),
    ("prefix", "First 8 characters of the client id after cli_ (Dashboard > Developers > Overview).", "\"vkuhvk4v\""),
    ("entity_ids", "Whose balances to read.", "[\"ent_…\"]"),
    ("rows_per_year", "About how many rows there are, so that a query can be priced before it asks.", "{ payments = 500000 }"),
];
const USUAL: [Key; 15] = [
    ("history_start", "Nothing older is asked for unless a query says so.", "\"2020-01-01\""),
    ("reports_dir", "Folder of report files, read instead of those the API has.", "\"/data/checkout\""),
    (
        "settlement_zone",
        "Zone that report files print times in, where they do not say it: *_on is then known beside *_on_local.",
        "\"Europe/London\"",
    ),
    ("settlement_zones", "The same by entity, where they differ.", "{ \"ent_…\" = \"Asia/Dubai\" }"),
    ("balances_unit", "Unit of the balances, which Checkout.com does not state: minor or major.", "\"minor\""),
    ("requests_per_second", "Pace of all that this process asks with the credential.", "100"),
    ("in_flight", "Requests under way at once.", "16"),
    ("timeout", "For one attempt at a request, in seconds, or as 90s, 5m, 1h.", "60"),
    ("deadline", "For one request over all its attempts.", "\"5m\""),
    ("search_without", "Fields of the payment search that are not to be relied on; the rows are filtered instead.", "[]"),
    ("api_url", "Where the hosts are, when not at Checkout.com.", "\"https://api.checkout.com\""),
    ("balances_url", "", "\"https://balances.checkout.com\""),
    ("transfers_url", "", "\"https://transfers.checkout.com\""),
    ("files_url", "", "\"https://files.checkout.com\""),
    ("token_url", "", "\"https://access.checkout.com\""),
];
const TAIL: &str = "
# The lake: the Parquet copy of everything that ckosql sync keeps, in a folder or a bucket (s3://…, gs://…, az://…).
#[lake]
#url = \"lake\"
# The earliest day to keep; the account's whole history when left out.
#since = \"2024-01-01\"
# How far back every sync reads payments again.
#again = \"7 days\"
# The most requests of a sync, more or less, for reading older payments again by turns; 0 for none.
#reread = 10
# How long what was is kept: lake_at and lake_changes look back so far.
#retention = \"90 days\"
# When ckosql sync --watch syncs, as cron says it (minute hour day month weekday) and in UTC: all tables, and some by their own.
#schedule = \"*/15 * * * *\"
#schedules = { payments = \"*/5 * * * *\" }
# The most that such a sync is put off, so that not everybody asks at the full minute.
#jitter = \"30 seconds\"
# Options of a bucket's store, beside those of the environment (AWS_…, GOOGLE_…, AZURE_…).
#storage = { region = \"eu-west-1\" }

# What of people the lake does not know: columns, as table.column, or *.column for every table that has it. It is applied
# before anything is written, also within _raw, and cannot be changed for a lake that is there.
#[policy]
# Left out.
#drop = [\"payments.payment_ip\", \"*.metadata\"]
# A keyed hash instead: equal values stay equal, also in other tables.
#hash = [\"*.customer_email\"]
# The shape instead, with * for letters and digits; of an e-mail address the domain stays.
#mask = [\"*.customer_name\"]
# Everything that is or may be personal (system.columns says what), and _raw.
#no_pii = true
# Key of the hashes (openssl rand -hex 32), as it is or as above; CKOSQL_POLICY_KEY wins over it.
#key = { env = \"CKOSQL_POLICY_KEY\" }

# The other side: files of bank statements, orders and ledgers, each a table books.NAME. `ckosql docs bank_lines` tells
# the columns; orders and ledger_entries are the other shapes, and without one the file's own columns are taken.
#[books.bank]
# A file, a folder or a glob, from this file's folder on, or in a bucket (s3://…, gs://…, az://…).
#path = \"bank/*.xml\"
# csv, json, parquet, camt053, mt940, bai2 or ofx, where the path does not tell.
#format = \"camt053\"
# What a statement is that does not add up: error, or warn.
#check = \"error\"
#[books.orders]
#shape = \"orders\"
#path = \"orders.csv\"
# SQL over the file's columns, which are written in small letters with _ between words. Amounts are read exactly.
#columns = { reference = \"order_no\", amount = \"total\", currency = \"upper(ccy)\", ordered_at = \"placed\" }
#where = \"state <> 'draft'\"
# Zone of times that do not say theirs.
#zone = \"Europe/London\"
# utf-8, windows-1252 or latin1.
#encoding = \"utf-8\"
#csv = { delimiter = \";\", header = true, decimal = \",\", thousands = \".\" }
# Options of a bucket's store, as those of the lake.
#storage = { region = \"eu-west-1\" }

# Decimals of a currency, where Checkout.com counts it otherwise than its documentation says.
#[exponents]
#CLP = 0

# Several accounts: all of the above, for each of them by its name. Every table then reads all of them.
#[accounts.shop]
#secret_key = { env = \"SHOP_KEY\" }

# Laid over the rest with --profile NAME; any key of this file may stand there.
#[profiles.slow]
#requests_per_second = 10
";

impl Template {
    /// What an account says about itself.
    pub fn of(account: &Account) -> Self {
        let client_id = match &account.credential {
            Credential::SecretKey(_) | Credential::Absent => None,
            Credential::ClientCredentials { id, .. } => Some(id.clone()),
        };
        let host = vendor_host(&account.hosts.main);
        let environment = environment_of_key(account).or_else(|| host.map(|(environment, _)| environment));
        let environment = environment.map(|environment| match environment {
            Environment::Production => "production",
            Environment::Sandbox => "sandbox",
        });
        let prefix = host.and_then(|(_, prefix)| prefix).map(str::to_owned);
        Self { client_id, environment, prefix, entity_ids: account.entity_ids.clone() }
    }

    /// The file.
    pub fn render(&self) -> String {
        let mut text = HEAD.to_owned();
        text.push('\n');
        CREDENTIAL.iter().chain(&PLACE).for_each(|key| self.write(&mut text, key));
        text.push_str("\n# What follows is as it is when left out.\n\n");
        USUAL.iter().for_each(|key| self.write(&mut text, key));
        text.push_str("\n# Settings of every session, as `set key = value` makes them.\n#[settings]\n");
        for entry in CheckoutOptions::default().entries() {
            // Writing to a String cannot fail.
            let value = entry.value.unwrap_or_default();
            let _written = writeln!(text, "# {}\n#{} = {}", entry.description, quoted(&entry.key), quoted(&value));
        }
        text + TAIL
    }

    fn write(&self, text: &mut String, (key, about, example): &Key) {
        // Writing to a String cannot fail.
        if !about.is_empty() {
            let _written = writeln!(text, "# {about}");
        }
        let _written = match self.value(key, example) {
            Some(value) => writeln!(text, "{key} = {value}"),
            None => writeln!(text, "#{key} = {example}"),
        };
    }

    /// The value of a key, as TOML, where it is known.
    fn value(&self, key: &str, example: &str) -> Option<String> {
        match (key, &self.client_id) {
            ("secret_key", None) | ("client_secret", Some(_)) => Some(example.to_owned()),
            ("client_id", Some(id)) => Some(quoted(id)),
            ("environment", _) => self.environment.map(quoted),
            ("prefix", _) => self.prefix.as_deref().map(quoted),
            ("entity_ids", _) if !self.entity_ids.is_empty() => {
                Some(format!("[{}]", self.entity_ids.iter().map(|id| quoted(id)).collect::<Vec<_>>().join(", ")))
            }
            _ => None,
        }
    }
}

/// A text as TOML writes it: what comes from outside must not become a key.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{DEFAULT_ACCOUNT, file, keys};
    use super::*;
    use crate::api::config::AccountSettings;
    use crate::books::settings::BookSettings;
    use crate::lake::policy::settings::PolicySettings;
    use crate::lake::settings::LakeSettings;

    #[test]
    fn every_key_of_an_account_stands_there_and_its_example_can_be_read() {
        let text = Template::default().render();
        let uncommented: Vec<&str> =
            text.lines().map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line)).collect();
        let own = [keys::of::<LakeSettings>(), keys::of::<PolicySettings>(), keys::of::<BookSettings>()].concat();
        for key in keys::of::<AccountSettings>().iter().chain(&own) {
            let stands = |line: &&str| line.starts_with(&format!("{key} = ")) || *line == format!("[{key}]");
            assert!(uncommented.iter().any(stands), "{key} is missing");
        }
        let layer = file::read(Path::new("x"), &uncommented.join("\n"), Some("slow")).unwrap();
        assert_eq!(layer.accounts.keys().collect::<Vec<_>>(), [DEFAULT_ACCOUNT, "shop"]);
    }

    #[test]
    fn what_is_known_is_written_and_stays_one_value() {
        let hostile = "ent_\"]\nsecret_key = \"x";
        let template = Template {
            client_id: Some("ack_1".to_owned()),
            environment: Some("sandbox"),
            prefix: Some("abc".to_owned()),
            entity_ids: vec!["ent_1".to_owned(), hostile.to_owned()],
        };
        let layer = file::read(Path::new("x"), &template.render(), None).unwrap();
        let account = &layer.accounts[DEFAULT_ACCOUNT];
        assert!(account.secret_key.is_none() && account.client_secret.is_some());
        assert_eq!(account.entity_ids.as_deref().unwrap(), ["ent_1", hostile]);
        let known = (account.client_id.as_deref(), account.environment.as_deref(), account.prefix.as_deref());
        assert_eq!(known, (Some("ack_1"), Some("sandbox"), Some("abc")));
    }
}
