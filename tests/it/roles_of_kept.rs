//! What a role sees of what is kept: of a lake, of the other side, of what rules have found.

use ckosql::books::made::Files;
use ckosql::books::settings::Source;
use ckosql::clock::Clock;
use ckosql::engine::config::Config;
use ckosql::engine::{Engine, Session};
use ckosql::lake::settings::LakeOptions;
use ckosql::matching::rule::Rule;
use tempfile::TempDir;

use crate::copy::{Copy, merchant, rows_of};
use crate::roles::{self, caller, rows, texts};

/// The tables of which every entity has rows.
const FILLED: [&str; 4] = ["books.shops", "lake.disputes", "lake.financial_actions", "lake.settlements"];

/// A merchant of two entities, of which a lake and the other side are kept.
struct House {
    copy: Copy,
    lake: LakeOptions,
    entities: Vec<String>,
    _folder: TempDir,
}

impl House {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let lake = LakeOptions::at(folder.path().to_str().unwrap());
        let copy = Copy::with(merchant(0), lake.clone());
        copy.sync(&[]).await;
        let entities = copy.rows("select distinct entity_id from lake.settlements").await;
        assert_eq!(entities.len(), 2);
        Self { copy, lake, entities, _folder: folder }
    }

    /// An engine over all that is kept; one that knows no roles where there are none.
    fn engine(&self, given: &str) -> Engine {
        let shops: String = self.entities.iter().enumerate().map(|(shop, entity)| format!("shop {shop},{entity}\n")).collect();
        let files = vec![("shops.csv".to_owned(), format!("shop,entity_id\n{shops}").into())];
        let books = Source::made("[books.shops]\npath = 'shops.csv'", &Files::new(move || files.clone())).unwrap();
        let (accounts, clock) = (vec![self.copy.sandbox.account()], Clock::Fixed(merchant(0).end()));
        let (lake, roles) = (Some(self.lake.clone()), roles::of(given).unwrap());
        Engine::try_new(Config { accounts, clock, lake, books, roles, ..Config::default() }).unwrap()
    }

    /// The same, where somebody has a role.
    fn with_role(&self, role: &str) -> Engine {
        self.engine(&format!("[role]\nusers = ['anna']\n{role}"))
    }
}

/// A session of who has the role.
fn anna(engine: &Engine) -> Session {
    engine.session_for(caller(Some("anna"))).unwrap()
}

async fn count(session: &Session, sql: &str) -> i64 {
    texts(session, &format!("select count(*) from {sql}")).await.unwrap()[0].parse().unwrap()
}

/// The tables of some schemas that a listing of columns, or of tables, has.
async fn listed(session: &Session, of: &str, schemas: &str) -> Vec<String> {
    let name = "table_schema || '.' || table_name";
    let sql = format!("select distinct {name} from information_schema.{of} and table_schema in ({schemas}) order by 1");
    texts(session, &sql).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_all_that_is_kept_a_role_sees_its_entity_alone() {
    const KEPT: &str = "'lake', 'books', 'recon'";
    let house = House::new().await;
    let engine = house.engine("");
    let everything = engine.session().unwrap();
    for (own, other) in [(0, 1), (1, 0)].map(|(own, other)| (&house.entities[own], &house.entities[other])) {
        let engine = house.with_role(&format!("tables = ['*']\nlive = false\nrows = {{ '*' = \"entity_id = '{own}'\" }}"));
        let anna = anna(&engine);
        // What has no entity is not there, and no listing tells of it.
        let tables = listed(&anna, "tables where true", KEPT).await;
        assert_eq!(tables, listed(&everything, "columns where column_name = 'entity_id'", KEPT).await);
        for table in &tables {
            let (seen, all) = (count(&anna, table).await, count(&everything, table).await);
            assert_eq!(seen, count(&everything, &format!("{table} where entity_id = '{own}'")).await, "{table}");
            assert!(!FILLED.contains(&table.as_str()) || (0 < seen && seen < all), "{table}: {seen} of {all}");
        }
        let both = "(select entity_id from lake.disputes union all select entity_id from lake.settlements)";
        for (asked, meant) in [
            (both.to_owned(), format!("{both} where entity_id = '{own}'")),
            (
                "lake.settlements a join books.shops b on a.entity_id = b.entity_id".to_owned(),
                format!("lake.settlements where entity_id = '{own}'"),
            ),
            (
                format!("lake.financial_actions where entity_id = '{other}' or 1 = 1"),
                format!("lake.financial_actions where entity_id = '{own}'"),
            ),
            (format!("lake.financial_actions where entity_id = '{other}'"), "books.shops where false".to_owned()),
        ] {
            assert_eq!(count(&anna, &asked).await, count(&everything, &meant).await, "{asked}");
        }
        // Whatever is listed, in whatever schema: nothing of the other entity is in any row, plan or error.
        let of = |entity: &str| format!("select action_id as id from lake.financial_actions where entity_id = '{entity}'");
        let mut foreign = texts(&everything, &format!("{} except {} order by 1 limit 200", of(other), of(own))).await.unwrap();
        assert_eq!(foreign.len(), 200);
        foreign.extend(texts(&everything, &format!("select id from lake.disputes where entity_id = '{other}'")).await.unwrap());
        foreign.push(other.clone());
        house.copy.sandbox.reset_log();
        let listed = listed(&anna, "tables where true", "'lake', 'books', 'public', 'sides', 'checks', 'live', 'system'").await;
        let asked = listed.iter().map(|table| format!("select * from {table}"));
        let plans = FILLED.map(|table| format!("explain analyze select * from {table}"));
        let mut dumped = String::new();
        for sql in asked.chain(plans) {
            match rows(&anna, &sql).await {
                Ok(batches) => dumped.push_str(&rows_of(&batches).join("\n")),
                Err(error) => dumped.push_str(&format!("{error} {}", error.advice().unwrap_or_default())),
            }
        }
        assert!(dumped.contains(own.as_str()), "nothing is told");
        for id in foreign {
            assert!(!dumped.contains(&id), "{id} is told to who sees {own} alone");
        }
        assert_eq!(house.copy.sandbox.requests().len(), 0, "something was asked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_was_found_a_role_sees_its_flow_alone() {
    let house = House::new().await;
    let rule = |flow: &str| {
        let text = format!(
            "--- rule: {flow}.disputed flow: {flow}\n--- left: payments(id) right: disputes(id)\n\
             --- amount: left.amount = right.amount\n\
             select p.id as left_id, d.id as right_id from payments p join disputes d on d.payment_id = p.id"
        );
        Rule::parse(&text, "rule").unwrap()
    };
    house.copy.engine.reconcile(&[rule("f"), rule("g")], 20_000, &[]).await.unwrap();
    let engine = house.engine("");
    let everything = engine.session().unwrap();
    let engine = house.with_role("tables = ['recon.*']\nrows = { 'recon.*' = \"flow = 'f'\" }");
    let anna = anna(&engine);
    let tables = listed(&anna, "tables where true", "'recon'").await;
    assert_eq!(tables, listed(&everything, "columns where column_name = 'flow'", "'recon'").await);
    for table in &tables {
        let (seen, all) = (count(&anna, table).await, count(&everything, table).await);
        assert_eq!(seen, count(&everything, &format!("{table} where flow = 'f'")).await, "{table}");
        assert_eq!(seen * 2, all, "{table}: both flows find the same");
    }
    for table in ["recon.matches", "recon.match_lines", "recon.exceptions", "recon.events", "recon.runs"] {
        assert!(tables.iter().any(|listed| listed == table) && count(&anna, table).await > 0, "{table}");
        let dumped = rows_of(&rows(&anna, &format!("select * from {table}")).await.unwrap()).join("\n");
        assert!(!dumped.contains("g.disputed"), "{table}");
    }
    assert!(rows(&anna, "select * from lake.payments").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_asked_what_is_synced_answers() {
    let house = House::new().await;
    let (engine, with_role) = (house.engine(""), house.with_role("tables = ['*']\nlive = false"));
    let (everything, anna) = (engine.session().unwrap(), anna(&with_role));
    house.copy.sandbox.reset_log();
    for table in ["payments", "disputes", "settlements"] {
        assert_eq!(count(&anna, table).await, count(&everything, &format!("lake.{table}")).await, "{table}");
        assert!(rows(&anna, &format!("select * from live.{table}")).await.is_err(), "{table}");
    }
    assert_eq!(house.copy.sandbox.requests().len(), 0, "something was asked");
}
