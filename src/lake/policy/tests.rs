//! What a policy says of each table, what is refused, and that its words tell one policy from another.

use arrow::array::{ArrayRef, StringArray};

use super::settings::PolicySettings;
use super::*;
use crate::schema::fields;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn settings(toml: &str) -> PolicySettings {
    toml::from_str(toml).unwrap()
}

fn policy(toml: &str) -> Policy {
    settings(toml).resolve(&BTreeMap::new()).unwrap()
}

fn refused(toml: &str) -> String {
    let error = settings(toml).resolve(&BTreeMap::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    format!("{error}; {}", error.advice().unwrap_or_default())
}

/// What becomes of a text in a column.
fn treated(policy: &Policy, table: &str, column: &str, text: &str) -> Option<String> {
    let Some(treatment) = policy.of(table).and_then(|policy| policy.columns.get(column)) else { return Some(text.to_owned()) };
    let texts: ArrayRef = Arc::new(StringArray::from(vec![text]));
    let treated = treatment.apply(&texts).unwrap();
    let treated = treated.as_any().downcast_ref::<StringArray>().unwrap();
    treated.iter().next().unwrap().map(str::to_owned)
}

#[test]
fn nothing_said_changes_nothing() {
    let policy = policy("");
    assert!(RESOURCES.iter().all(|resource| policy.of(resource.name).is_none()));
}

#[test]
fn a_column_goes_from_raw_too() {
    let policy = policy("drop = ['payments.customer_name']\nmask = ['*.customer_email']");
    let raw = r#"{"customer":{"email":"ada@x.org","name":"Ada"},"amount":1.10}"#;
    assert_eq!(
        treated(&policy, "payments", "_raw", raw).unwrap(),
        r#"{"customer":{"email":"***@x.org","name":null},"amount":1.10}"#
    );
    assert_eq!(treated(&policy, "payments", "customer_name", "Ada"), None);
    assert_eq!(treated(&policy, "instruments", "customer_name", "Ada").unwrap(), "Ada");
    assert_eq!(treated(&policy, "instruments", "customer_email", "ada@x.org").unwrap(), "***@x.org");
}

#[test]
fn a_column_goes_from_what_other_tables_keep_of_the_same_answer() {
    let policy = policy("drop = ['payment_actions.metadata', 'report_files.filename']");
    let payment = r#"{"metadata":{"a":1},"actions":[{"id":"act_1","metadata":{"b":2}},{"metadata":null}]}"#;
    assert_eq!(
        treated(&policy, "payments", "_raw", payment).unwrap(),
        r#"{"metadata":{"a":1},"actions":[{"id":"act_1","metadata":null},{"metadata":null}]}"#
    );
    let files = r#"[{"id":"file_1","filename":"x.csv"}]"#;
    assert_eq!(treated(&policy, "reports", "files", files).unwrap(), r#"[{"id":"file_1","filename":null}]"#);
    assert_eq!(policy.of("payments").unwrap().text(), "drop payment_actions.metadata");
    // A payment's own keys are its own column: nothing is said of it.
    assert!(policy.of("payments").unwrap().keeps("metadata"));
}

#[test]
fn a_table_that_has_its_own_column_for_it_says_what_becomes_of_it() {
    let policy = policy("drop = ['payment_actions.payment_reference']");
    assert!(policy.of("payments").is_none());
    assert!(!policy.of("payment_actions").unwrap().keeps("payment_reference"));
}

#[test]
fn a_cell_of_a_file_goes_by_its_header_and_from_the_history_too() {
    let policy = policy("drop = ['settlement_breakdown.bin', 'settlement_breakdown.entity_name']");
    for table in ["settlement_breakdown", "settlement_breakdown_history"] {
        let raw = r#"{"Client Entity Name":"Shop","BIN":"424242","Payout ID":"1"}"#;
        let kept = r#"{"Client Entity Name":null,"BIN":null,"Payout ID":"1"}"#;
        assert_eq!(treated(&policy, table, "_raw", raw).unwrap(), kept);
        let text = policy.of(table).unwrap().text();
        assert_eq!(text, "drop settlement_breakdown.bin, settlement_breakdown.entity_name");
    }
}

#[test]
fn a_value_goes_wherever_a_call_by_key_has_it() {
    let policy = policy("drop = ['disputes.payment_arn']");
    let (listed, by_key) = (r#"{"id":"1","payment_arn":"2"}"#, r#"{"id":"1","payment":{"arn":"2","mcc":"3"}}"#);
    assert_eq!(treated(&policy, "disputes", "_raw", listed).unwrap(), r#"{"id":"1","payment_arn":null}"#);
    assert_eq!(treated(&policy, "disputes", "_raw", by_key).unwrap(), r#"{"id":"1","payment":{"arn":null,"mcc":"3"}}"#);
}

#[test]
fn members_of_an_answer_have_their_value_only_in_raw() {
    let policy = policy("drop = ['dispute_evidence.value', 'payout_schedules.by_day']");
    assert_eq!(treated(&policy, "dispute_evidence", "_raw", "\"file_1\""), None);
    let schedule = r#"{"recurrence":{"schedule":{"frequency":"weekly","by_day":"monday"}}}"#;
    let kept = r#"{"recurrence":{"schedule":{"frequency":"weekly","by_day":null}}}"#;
    assert_eq!(treated(&policy, "payout_schedules", "_raw", schedule).unwrap(), kept);
}

#[test]
fn equal_texts_have_equal_hashes_in_all_tables_and_in_raw() {
    let policy = policy(&format!("hash = ['*.customer_email']\nkey = '{KEY}'"));
    let hash = treated(&policy, "payments", "customer_email", "a@b.c").unwrap();
    assert_eq!(hash, "3886181b3f62cb86a889165310b9fd1359155fe99a53ae3f03be7f10eb23d698");
    assert_eq!(treated(&policy, "instruments", "customer_email", "a@b.c").unwrap(), hash);
    let raw = treated(&policy, "payments", "_raw", r#"{"customer":{"email":"\u0061@b.c"}}"#).unwrap();
    assert_eq!(raw, format!(r#"{{"customer":{{"email":"{hash}"}}}}"#));
    let text = policy.of("payments").unwrap().text();
    assert!(text.starts_with("hash payments.customer_email; key ") && !text.contains(KEY), "{text}");
}

#[test]
fn without_pii_nothing_personal_is_kept_and_no_raw_unless_something_else_is_said() {
    let policy = policy(&format!("no_pii = true\nhash = ['payments.customer_email']\ndrop = ['*.metadata']\nkey = '{KEY}'"));
    for resource in RESOURCES {
        let table = policy.of(resource.name).unwrap();
        let kept = resource.columns.iter().find(|column| column.is_personal && table.keeps(column.name));
        assert!(kept.is_none() && !table.keeps(RAW), "{} {kept:?}", resource.name);
    }
    assert!(treated(&policy, "payments", "customer_email", "a@b.c").unwrap().starts_with("3886181b"));
    assert_eq!(treated(&policy, "payments", "customer_name", "Ada"), None);
    assert!(policy.of("payments").unwrap().text().starts_with("no_pii; hash payments.customer_email; key "));
    assert_eq!(policy.of("payment_actions").unwrap().text(), "no_pii");
}

#[test]
fn what_is_personal_may_go() {
    for resource in RESOURCES {
        for column in resource.columns.iter().filter(|column| column.is_personal) {
            assert_eq!(needed(resource, column.name), None, "{}.{}", resource.name, column.name);
        }
    }
}

#[test]
fn what_sounds_personal_is_declared_so() {
    let sounds = ["email", "phone", "last4", "_bin", "fingerprint", "_ip", "iban", "account_number", "holder", "metadata", "udf"];
    let names = ["name", "bin", "customer_name", "source_name", "description_of_person"];
    for resource in RESOURCES {
        for column in resource.columns.iter().filter(|column| !column.is_personal) {
            let (name, is_money) = (column.name, matches!(column.kind, Kind::Minor(_) | Kind::Decimal));
            let is_named = names.contains(&name) || sounds.iter().any(|sound| name.ends_with(sound) || name.starts_with(sound));
            assert!(!is_named || is_money, "{}.{name} sounds personal", resource.name);
        }
    }
}

#[test]
fn a_table_and_its_history_have_the_same_columns() {
    for resource in RESOURCES {
        let family = crate::resources::resource(resource.family()).unwrap();
        assert_eq!(fields::schema(resource.columns), fields::schema(family.columns), "{}", resource.name);
    }
}

#[test]
fn what_is_said_of_one_table_comes_before_what_is_said_of_all() {
    let policy = policy("drop = ['*.customer_name']\nmask = ['payments.customer_name']");
    assert_eq!(treated(&policy, "payments", "customer_name", "Ada").unwrap(), "***");
    assert_eq!(treated(&policy, "instruments", "customer_name", "Ada"), None);
    let twice = refused("drop = ['payments.customer_name']\nmask = ['payments.customer_name']");
    assert!(twice.starts_with("[policy] has a column twice: under drop and mask (column payments.customer_name)"), "{twice}");
}

#[test]
fn what_cannot_be_is_refused_with_what_can() {
    let cases = [
        ("drop = ['customer_email']", "[policy] names no column (policy drop customer_email); write table.column, such as"),
        (
            "drop = ['paymets.customer_email']",
            "[policy] names a table that does not exist (policy drop paymets.customer_email); did you mean payments?",
        ),
        (
            "mask = ['payments.custmer_email']",
            "[policy] names a column that does not exist (policy mask payments.custmer_email); did you mean customer_email?",
        ),
        (
            "drop = ['*.custmer_email']",
            "[policy] names a column that does not exist (policy drop *.custmer_email); did you mean customer_email?",
        ),
        ("drop = ['payments.id']", "[policy] cannot change a column: it says which row a row is (column payments.id, "),
        (
            "drop = ['payments.requested_on']",
            "[policy] cannot change a column: it is a time, and rows are kept by their times (column",
        ),
        (
            "drop = ['payments.amount_minor']",
            "[policy] cannot change a column: it is an amount or a rate (column payments.amount_minor",
        ),
        ("drop = ['payments.currency']", "[policy] cannot change a column: amounts are counted in it (column"),
        ("drop = ['payments.status']", "[policy] cannot change a column: rows of other tables are found by it (column"),
        ("drop = ['financial_actions.breakdown_type']", "[policy] cannot change a column: it says which row a row is (column"),
        ("drop = ['payments.account']", "[policy] cannot change a column: every row is kept by it (column"),
        ("drop = ['balances._fetched_at']", "[policy] cannot change a column: every row is kept by it (column"),
        (
            "mask = ['payments.metadata']",
            "[policy] can hash and mask texts only, and this is JSON, which would be none any more (column",
        ),
        (
            "mask = ['payments._raw']",
            "[policy] can hash and mask texts only, and this is JSON, which would be none any more (column",
        ),
        ("mask = ['payments.source_expiry_year']", "[policy] can hash and mask texts only, and this is no text (column"),
        ("mask = ['payments.source_scheme']", "[policy] can hash and mask texts only, and this is one of a few words"),
        ("hash = ['payments.customer_email']", "[policy] hashes columns and has no key; make one with: openssl rand -hex 32"),
        ("hash = ['payments.customer_email']\nkey = 'short'", "the key of [policy] has less than 32 characters; make one with"),
    ];
    for (toml, said) in cases {
        let refused = refused(toml);
        assert!(refused.starts_with(said), "{toml}: {refused}");
    }
}

#[test]
fn the_key_of_the_environment_wins_and_one_that_is_not_there_is_named() {
    let environment = BTreeMap::from([(settings::KEY.to_owned(), KEY.to_owned())]);
    let text = |key: &str, environment| {
        let settings = settings(&format!("hash = ['payments.customer_email']\n{key}"));
        settings.resolve(environment).map(|policy| policy.of("payments").unwrap().text().to_owned())
    };
    let (other, none) = (format!("key = '{}'", KEY.repeat(2)), BTreeMap::new());
    assert_eq!(text(&other, &environment).unwrap(), text("", &environment).unwrap());
    assert_ne!(text(&other, &none).unwrap(), text("", &environment).unwrap());
    let error = text("key = { file = '/nowhere/key' }", &none).unwrap_err();
    assert_eq!((error.kind(), error.context("file")), (ErrorKind::Credentials, Some("/nowhere/key")));
}
