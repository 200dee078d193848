//! What a role may not see is nowhere: in no table, view, listing, plan, error or statistic, however it is asked for.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use ckosql::clock::Clock;
use ckosql::engine::config::Config;
use ckosql::engine::roles::Role;
use ckosql::engine::roles::settings::RoleSettings;
use ckosql::engine::{Caller, Engine, Session};
use ckosql::error::{Error, ErrorKind, Result};
use ckosql::sandbox::SandboxOptions;
use futures::TryStreamExt;

use super::stand::Stand;

/// An engine with roles over a merchant.
struct House {
    stand: Stand,
    engine: Engine,
}

/// Roles as the configuration has them.
pub(crate) fn of(roles: &str) -> Result<Vec<Role>> {
    let roles: BTreeMap<String, RoleSettings> = toml::from_str(roles).unwrap();
    roles.into_iter().map(|(name, role)| role.resolve(&name)).collect()
}

/// An engine over a merchant, under roles as the configuration has them.
pub(crate) fn engine(stand: &Stand, roles: &str) -> Result<Engine> {
    let roles = of(roles)?;
    let (accounts, clock) = (vec![stand.sandbox.account()], Clock::Fixed(stand.merchant.end()));
    Engine::try_new(Config { accounts, clock, roles, ..Config::default() })
}

impl House {
    fn new(roles: &str) -> Self {
        let stand = Stand::new(300, SandboxOptions::default());
        let engine = engine(&stand, roles).unwrap();
        Self { stand, engine }
    }

    fn session(&self, user: &str) -> Session {
        self.engine.session_for(caller(Some(user))).unwrap()
    }
}

pub(crate) fn caller(user: Option<&str>) -> Caller {
    Caller { door: "a door", user: user.map(str::to_owned), address: None }
}

pub(crate) async fn rows(session: &Session, sql: &str) -> Result<Vec<RecordBatch>> {
    session.query(sql).await?.batches.try_collect().await.map_err(Error::from)
}

/// All values of an answer as texts, row by row.
pub(crate) async fn texts(session: &Session, sql: &str) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for batch in rows(session, sql).await? {
        let columns: Vec<_> = batch.columns().iter().map(|column| cast(column, &DataType::Utf8).unwrap()).collect();
        for row in 0..batch.num_rows() {
            texts.extend(columns.iter().map(|column| column.as_string::<i32>().value(row).to_owned()));
        }
    }
    Ok(texts)
}

/// The one part of the rows that a role sees, and another.
const ONE: &str = "EUR";
const OTHER: &str = "GBP";

const ONE_PART: &str = r#"
[seller]
users = ["anna"]
tables = ["public.*", "live.payments", "checks.*", "system.requests"]
rows = { "*" = "currency = 'EUR'" }
"#;

#[tokio::test]
async fn rows_that_are_left_out_are_nowhere() {
    let house = House::new(ONE_PART);
    let anna = house.session("anna");
    for table in ["payments", "live.payments", "payment_actions", "public.payments"] {
        let all = texts(&house.stand.engine.session().unwrap(), &format!("select distinct currency from {table}")).await.unwrap();
        assert!(all.iter().any(|own| own == ONE), "{table}");
        assert_eq!(texts(&anna, &format!("select distinct currency from {table}")).await.unwrap(), [ONE], "{table}");
    }
    // A view is over what the role sees, and so is a join, a subquery, a union and a count that statistics could answer.
    let everything = house.stand.engine.session().unwrap();
    for (sql, own) in [
        ("select sum(payments) from payments_by_day", format!("select count(*) from payments where currency = '{ONE}'")),
        ("select count(*) from payments", format!("select count(*) from payments where currency = '{ONE}'")),
        (
            "select count(*) from payments a join payments b on a.id = b.id",
            format!("select count(*) from payments where currency = '{ONE}'"),
        ),
        (
            "select count(*) from (select id from live.payments union select id from payments)",
            format!("select count(*) from payments where currency = '{ONE}'"),
        ),
        ("select max(amount) from payments", format!("select max(amount) from payments where currency = '{ONE}'")),
    ] {
        assert_eq!(texts(&anna, sql).await.unwrap(), texts(&everything, &own).await.unwrap(), "{sql}");
    }
    assert!(texts(&anna, &format!("select id from payments where currency = '{OTHER}'")).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_key_of_a_row_that_is_left_out_finds_nothing() {
    let house = House::new(ONE_PART);
    let everything = house.stand.engine.session().unwrap();
    let ids = texts(&everything, &format!("select id from payments where currency = '{OTHER}' limit 1")).await.unwrap();
    let anna = house.session("anna");
    assert!(texts(&anna, &format!("select id from payments where id = '{}'", ids[0])).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_condition_that_fails_on_hidden_rows_does_not_tell_of_them() {
    let house = House::new(ONE_PART);
    let everything = house.stand.engine.session().unwrap();
    // An amount that only rows of the other part have.
    let sql = format!(
        "select amount_minor from payments where currency = '{OTHER}' and amount_minor > 0 and amount_minor not in \
         (select amount_minor from payments where currency = '{ONE}') limit 1"
    );
    let amount = texts(&everything, &sql).await.unwrap().remove(0);
    let probe = format!("select count(*) from payments where 1 / (amount_minor - {amount}) = 7");
    assert!(texts(&everything, &probe).await.is_err(), "the probe tells nothing");
    let anna = house.session("anna");
    assert_eq!(texts(&anna, &probe).await.unwrap(), ["0"]);
    // Whatever order conditions are looked at in: this one comes after the rows are left out.
    let plan = texts(&anna, &format!("explain {probe}")).await.unwrap().join("\n");
    let (filter, fence) = (plan.find("FilterExec: 1 /"), plan.find("FenceExec"));
    assert!(filter.is_some() && filter < fence, "{plan}");
}

#[tokio::test]
async fn plans_tell_nothing_of_how_rows_are_left_out() {
    let house = House::new(ONE_PART);
    let anna = house.session("anna");
    for sql in ["explain select * from payments", "explain analyze select * from payments where amount > 1"] {
        let plan = texts(&anna, sql).await.unwrap().join("\n");
        assert!(plan.contains("FenceExec") && !plan.contains(OTHER) && !plan.contains("LiveScanExec"), "{plan}");
    }
}

#[tokio::test]
async fn tables_that_have_no_column_for_the_condition_are_not_there() {
    let house = House::new(ONE_PART);
    let anna = house.session("anna");
    let listed = texts(&anna, "select table_schema || '.' || table_name from information_schema.tables").await.unwrap();
    let listed: BTreeSet<&str> = listed.iter().map(String::as_str).collect();
    assert!(listed.contains("public.payments") && listed.contains("public.payments_by_day") && listed.contains("live.payments"));
    for hidden in ["live.disputes", "system.requests", "public.customers", "checks.summary"] {
        assert!(!listed.contains(hidden), "{hidden}");
        let error = rows(&anna, &format!("select * from {hidden}")).await.unwrap_err();
        assert!(error.to_string().contains("not found"), "{hidden}: {error}");
    }
    assert!(rows(&anna, "select * from lake_at('payments', 0)").await.is_err());
}

const COLUMNS: &str = r#"
[clerk]
users = ["*"]
tables = ["public.*", "live.payments"]
hide = ["*.customer_email", "payments.amount"]
mask = ["payments.customer_name"]
"#;

#[tokio::test]
async fn columns_that_are_hidden_are_not_there_and_neither_is_what_repeats_them() {
    let house = House::new(COLUMNS);
    let bob = house.session("bob");
    let columns = texts(&bob, "select column_name from information_schema.columns where table_name = 'payments'").await.unwrap();
    for hidden in ["customer_email", "amount"] {
        assert!(!columns.iter().any(|column| column == hidden), "{hidden}");
        for sql in [format!("select {hidden} from payments"), format!("select id from payments where {hidden} is null")] {
            let error = rows(&bob, &sql).await.unwrap_err().to_string();
            assert!(error.contains(&format!("No field named {hidden}")), "{error}");
            assert!(!error.contains(&format!("payments.{hidden}")), "the hint names it: {error}");
        }
    }
    // The source's own JSON has both, and nothing tells where an amount stands in it.
    assert!(rows(&bob, "select _raw from payments").await.is_err());
    assert!(rows(&bob, "select _raw from live.payments").await.is_err());
    // A view that shows it, or adds it up, is not there.
    assert!(rows(&bob, "select * from payments_by_day").await.is_err());
}

#[tokio::test]
async fn rows_are_those_that_meet_the_condition_before_anything_of_them_is_hidden() {
    let condition = "customer_email is not null";
    let hidden = "hide = ['payments.customer_email']";
    let roles = format!("[clerk]\nusers = ['bob']\ntables = ['*']\n{hidden}\nrows = {{ payments = '{condition}' }}");
    let house = House::new(&roles);
    let everything = house.stand.engine.session().unwrap();
    let own = texts(&everything, &format!("select count(*) from payments where {condition}")).await.unwrap();
    assert_ne!(own, ["0"]);
    assert_eq!(texts(&house.session("bob"), "select count(*) from payments").await.unwrap(), own);
}

#[tokio::test]
async fn columns_that_are_masked_are_so_in_every_schema_and_in_the_raw_row() {
    let house = House::new("[clerk]\nusers = ['bob']\ntables = ['*']\nmask = ['payments.customer_name', 'payments.source_name']");
    let (bob, everything) = (house.session("bob"), house.stand.engine.session().unwrap());
    let sql = "select distinct customer_name from payments where customer_name is not null";
    let names = texts(&everything, sql).await.unwrap();
    for table in ["payments", "live.payments"] {
        let found = texts(&bob, &format!("select customer_name from {table} where customer_name is not null")).await.unwrap();
        assert!(!found.is_empty() && found.iter().all(|name| name.starts_with('*')), "{table}: {found:?}");
        let raw = texts(&bob, &format!("select _raw from {table} where customer_name is not null")).await.unwrap().join("\n");
        assert!(!names.iter().any(|name| raw.contains(name.as_str())), "{table}");
    }
    let found = texts(&bob, &format!("select count(*) from payments where customer_name = '{}'", names[0])).await.unwrap();
    assert_eq!(found, ["0"], "a filter is on what is seen");
}

#[tokio::test]
async fn a_role_asks_for_no_more_than_it_may_whatever_it_sets() {
    let roles =
        "[offline]\nusers = ['anna']\ntables = ['*']\nlive = false\n[few]\nusers = ['bob']\ntables = ['*']\nmax_requests = 1";
    let house = House::new(roles);
    let (anna, bob) = (house.session("anna"), house.session("bob"));
    for setting in ["checkout.offline = false", "checkout.max_requests = 'unlimited'"] {
        rows(&anna, &format!("set {setting}")).await.unwrap();
        rows(&bob, &format!("set {setting}")).await.unwrap();
    }
    house.stand.sandbox.reset_log();
    for table in ["payments", "live.payments", "live.disputes"] {
        assert!(rows(&anna, &format!("select * from {table} limit 1")).await.is_err(), "{table}");
    }
    assert_eq!(house.stand.sandbox.requests().len(), 0, "something was asked");
    rows(&bob, "select * from payments limit 1").await.unwrap();
    let error = rows(&bob, "select * from payments where id in ('pay_a', 'pay_b')").await.unwrap_err();
    assert!(error.to_string().contains("may make 1"), "{error}");
}

/// How many requests are enough would tell how many rows there are that are not seen.
#[tokio::test]
async fn a_role_that_leaves_rows_out_does_not_say_how_many_requests_are_made() {
    let house = House::new(ONE_PART);
    let anna = house.session("anna");
    for sql in ["set checkout.max_requests = 2", "SET Checkout.Max_Requests = 2", "reset checkout.max_requests"] {
        assert_eq!(rows(&anna, sql).await.map(drop).unwrap_err().kind(), ErrorKind::ReadOnly, "{sql}");
    }
    assert_eq!(anna.set("checkout.max_requests", Some("2")).await.unwrap_err().kind(), ErrorKind::ReadOnly);
    rows(&anna, "set checkout.max_time = '5 min'").await.unwrap();
}

#[tokio::test]
async fn a_guest_does_not_change_what_is_of_the_whole_process() {
    let stand = Stand::new(10, SandboxOptions::default());
    let guest = stand.engine.session_for(caller(None)).unwrap();
    for sql in [
        "set datafusion.runtime.memory_limit = '1G'",
        "set DataFusion.Runtime.temp_directory = '/tmp'",
        "reset datafusion.runtime.memory_limit",
    ] {
        assert_eq!(rows(&guest, sql).await.map(drop).unwrap_err().kind(), ErrorKind::ReadOnly, "{sql}");
    }
    assert_eq!(guest.set("datafusion.execution.batch_size", Some("100")).await.unwrap_err().kind(), ErrorKind::ReadOnly);
    guest.set("checkout.max_requests", Some("10")).await.unwrap();
    rows(&stand.engine.session().unwrap(), "set datafusion.runtime.memory_limit = '1G'").await.unwrap();
}

#[tokio::test]
async fn who_has_no_role_sees_nothing_where_there_are_roles() {
    let house = House::new(ONE_PART);
    for user in [Some("eve"), Some(""), Some("*"), None] {
        assert_eq!(house.engine.session_for(caller(user)).map(drop).unwrap_err().kind(), ErrorKind::Scope, "{user:?}");
    }
}

#[tokio::test]
async fn a_role_that_cannot_be_meant_is_refused_with_what_is_wrong() {
    let stand = Stand::new(10, SandboxOptions::default());
    let wrong = [
        ("[a]\ntables = ['*']", "nobody's"),
        ("[a]\nusers = ['x']", "may see no table"),
        ("[a]\nusers = ['x']\ntables = ['pubic.*']", "schema that does not exist"),
        ("[a]\nusers = ['x']\ntables = ['*']\nhide = ['payments.custmer_email']", "did you mean customer_email"),
        ("[a]\nusers = ['x']\ntables = ['*']\nhide = ['customer_email']", "names nothing"),
        ("[a]\nusers = ['x']\ntables = ['*']\nrows = { payments = 'entity = 1' }", "answered by none of its tables"),
        ("[a]\nusers = ['x']\ntables = ['*']\nrows = { '*' = 'currency in (select 1)' }", "answered by none of its tables"),
        ("[a]\nusers = ['x']\ntables = ['*']\n[b]\nusers = ['x']\ntables = ['*']", "two roles"),
    ];
    for (roles, says) in wrong {
        let error = engine(&stand, roles).map(|_| roles).unwrap_err();
        let told = format!("{error} {}", error.advice().unwrap_or_default());
        assert!(error.kind() == ErrorKind::Config && told.contains(says), "{roles}: {told}");
    }
}
