//! The shipped rules over the stand-in merchant and its other side: they find what was planted, for the reason it was planted
//! for, match what belongs together, and nothing else; and in its reports what is not told yet, and what they lie about.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::display::array_value_to_string;
use ckosql::api::config::Account;
use ckosql::books::made::Files;
use ckosql::books::settings::Source;
use ckosql::clock::Clock;
use ckosql::engine::Engine;
use ckosql::engine::config::Config;
use ckosql::matching::assign::Side;
use ckosql::matching::conventions::Conventions;
use ckosql::matching::files::{Folder, with_shipped};
use ckosql::matching::outcome::Outcome;
use ckosql::sandbox::{Faults, FileOptions, Merchant, MerchantOptions, OtherSide, Sandbox, SandboxOptions};
use futures::TryStreamExt;

/// The rows of one of the merchant's files without its header.
fn rows(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

/// The flows whose two sides the truth pairs; of the others it says what is left, and the rest is matched or expects nothing.
const PAIRED: [&str; 2] = ["order_to_payment", "payout_to_bank"];

/// What is planted between the merchant's books and Checkout.com, and what is true of the reports with nothing planted.
const REASONS: [&str; 21] = [
    "AMBIGUOUS_KEY",
    "AMBIGUOUS_WINDOW",
    "AMOUNT_MISMATCH",
    "CARRIED_FORWARD",
    "CURRENCY_MISMATCH",
    "DATE_OUT_OF_WINDOW",
    "DUPLICATE_LEFT",
    "DUPLICATE_RIGHT",
    "FEE_PENDING",
    "NOT_DUE_YET",
    "NO_COUNTERPART_LEFT",
    "NO_COUNTERPART_RIGHT",
    "OVERDUE",
    "OVER_PAID",
    "REFERENCE_CONFLICT",
    "RESERVE_HELD",
    "SETTLEMENT_RETURNED",
    "SHORT_PAID",
    "SIGN_CONFLICT",
    "SOURCE_INCOMPLETE",
    "UNALLOCATED_TO_PAYOUT",
];

/// By flow, side, table and row: whether a row that is in no match is left or out of scope, and why.
type Left = BTreeMap<[String; 4], [String; 2]>;

/// A merchant, its other side, and an engine over both.
struct Shop {
    books: OtherSide,
    engine: Engine,
    clock: Clock,
    sandbox: Sandbox,
}

impl Shop {
    fn new(options: MerchantOptions, faults: &str, change: impl FnOnce(&mut Account)) -> Self {
        let (merchant, clock, faults) = (Merchant::new(options), Clock::Fixed(options.end), Faults::parse(faults).unwrap());
        let books = OtherSide::with(&merchant, &faults);
        let sandbox = Sandbox::start(Arc::new(merchant), SandboxOptions { faults, ..SandboxOptions::default() }).unwrap();
        let mut account = sandbox.account();
        change(&mut account);
        let made: Vec<_> = books.files().map(|(path, text)| (path.to_owned(), text.to_owned().into())).collect();
        let sources = Source::made(OtherSide::SETTINGS, &Files::new(move || made.clone())).unwrap();
        let config = Config { accounts: vec![account], clock, books: sources, ..Config::default() };
        Self { books, engine: Engine::try_new(config).unwrap(), clock, sandbox }
    }

    /// What the shipped rules find.
    async fn found(&self) -> Outcome {
        let as_of = self.clock.now().date_naive().to_epoch_days();
        let session = self.engine.session().unwrap();
        session.query("set checkout.max_requests = 'unlimited'").await.unwrap();
        session.run_rules(&with_shipped(None).unwrap(), as_of).await.unwrap()
    }

    /// The truth about what is left.
    fn truth(&self) -> Left {
        let told = |row: Vec<String>| {
            let [flow, side, table, id, state, reason, _] = <[String; 7]>::try_from(row).unwrap();
            ([flow, side, table, id], [state, reason])
        };
        rows(self.books.file("truth.csv").unwrap()).into_iter().map(told).collect()
    }

    /// The truth about what belongs together: flow, left rows and right rows.
    fn pairs(&self) -> BTreeSet<[String; 3]> {
        let sorted = |ids: &String| {
            let mut ids: Vec<&str> = ids.split(' ').collect();
            ids.sort_unstable();
            ids.join(" ")
        };
        let rows = rows(self.books.file("truth_matches.csv").unwrap());
        rows.iter().map(|row| [row[0].clone(), sorted(&row[1]), sorted(&row[2])]).collect()
    }
}

/// What rows are that are in no match, and why; rows that expect nothing for no reason of the list are not told.
fn left(outcome: &Outcome) -> Left {
    let mut left = BTreeMap::new();
    for step in &outcome.steps {
        let exceptions = step.exceptions.iter().map(|row| (row.table, row.row, "exception", Some(row.reason)));
        let out = step.out_of_scope.iter().map(|row| (row.table, row.row, "out_of_scope", step.rules[row.rule].reason));
        for (place, row, state, reason) in exceptions.chain(out) {
            let (Some(reason), table) = (reason, step.table(place).unwrap()) else { continue };
            let is_right = step.sides.iter().any(|sides| sides.of(Side::Right) == Some(&place));
            let name = table.name().strip_prefix("sides.").unwrap();
            let name = if name == "payouts" { "settlements" } else { name };
            let row = [&*step.flow, if is_right { "right" } else { "left" }, name, table.id(row).unwrap()].map(str::to_owned);
            assert_eq!(left.insert(row, [state, reason].map(str::to_owned)), None);
        }
    }
    left
}

/// Flow, left rows and right rows of what belongs together.
fn together(outcome: &Outcome) -> BTreeSet<[String; 3]> {
    let mut together = BTreeSet::new();
    for step in outcome.steps.iter().filter(|step| PAIRED.contains(&step.flow.as_str())) {
        for found in &step.matches {
            let [left, right] = step.ids(found).unwrap().map(|ids| ids.join(" "));
            assert!(together.insert([step.flow.clone(), left, right]));
        }
    }
    together
}

/// Panics where one of both says otherwise than the other, or alone.
fn assert_left(outcome: &Outcome, truth: &Left) {
    let found = left(outcome);
    let missed: Vec<_> = truth.iter().filter(|(row, why)| found.get(*row) != Some(why)).take(10).collect();
    let false_ones: Vec<_> = found.iter().filter(|(row, why)| truth.get(*row) != Some(why)).take(10).collect();
    assert!(missed.is_empty() && false_ones.is_empty(), "missed {missed:#?}\nfalse {false_ones:#?}");
}

fn reasons(left: &Left) -> BTreeSet<&str> {
    left.values().map(|[_, reason]| reason.as_str()).collect()
}

async fn assert_truth(options: MerchantOptions) {
    let shop = Shop::new(options, "", |_| {});
    let (outcome, truth) = (shop.found().await, shop.truth());
    assert_eq!(outcome.steps.iter().map(|step| step.flow.as_str()).collect::<BTreeSet<_>>().len(), 7);
    assert_eq!(reasons(&truth), REASONS.into());
    assert_left(&outcome, &truth);
    let (found, pairs) = (together(&outcome), shop.pairs());
    let wrong: Vec<_> = found.symmetric_difference(&pairs).take(10).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    shop.sandbox.stop();
}

#[tokio::test]
async fn the_shipped_rules_find_the_truth() {
    assert_truth(MerchantOptions { payments: 3_000, days: 90, ..MerchantOptions::default() }).await;
}

#[tokio::test]
async fn the_shipped_rules_find_the_truth_of_another_merchant() {
    assert_truth(MerchantOptions { seed: 3, payments: 3_000, days: 100, ..MerchantOptions::default() }).await;
}

/// A merchant with a short history.
fn small() -> MerchantOptions {
    MerchantOptions { payments: 900, days: 45, ..MerchantOptions::default() }
}

/// Lies that do not meet in any flow, and what they leave beside what is left without.
type Lies<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)]);

const LIES: [Lies<'_>; 4] = [
    (
        &["captured_amount", "payout_rows", "disputed_payment", "exchange_rate", "available_balance"],
        &[
            ("actions_to_payout", "IDENTITY_BROKEN"),
            ("balance_rollforward", "IDENTITY_BROKEN"),
            ("dispute_to_actions", "NO_COUNTERPART_RIGHT"),
            ("dispute_to_actions", "OVERDUE"),
            ("fee_audit", "FX_OUT_OF_BAND"),
            ("payment_to_actions", "AMOUNT_MISMATCH"),
        ],
    ),
    (
        &["fee_action", "opening_balance"],
        &[
            ("balance_rollforward", "IDENTITY_BROKEN"),
            ("balance_rollforward", "NO_COUNTERPART_RIGHT"),
            ("fee_audit", "FEE_VARIANCE"),
        ],
    ),
    (&["breakdown_type"], &[("fee_audit", "UNKNOWN_BREAKDOWN_TYPE")]),
    (
        &[
            "breakdown_net",
            "breakdown_fees",
            "payout_columns",
            "payable_balance",
            "collateral_balance",
            "fee_category",
            "settled_twice",
        ],
        &[],
    ),
];

#[tokio::test]
async fn what_reports_lie_about_is_left_for_its_reason_and_nothing_else_is() {
    let plain = Shop::new(small(), "", |_| {}).truth();
    let mut told = 0;
    for (lies, expected) in LIES {
        let faults: Vec<String> = lies.iter().map(|lie| format!("books={lie}")).collect();
        let shop = Shop::new(small(), &faults.join(","), |_| {});
        let truth = shop.truth();
        let added = truth.iter().filter(|(row, _)| !plain.contains_key(*row));
        let added: BTreeSet<(&str, &str)> = added.map(|(row, [_, reason])| (row[0].as_str(), reason.as_str())).collect();
        assert_eq!(added, expected.iter().copied().collect(), "{lies:?}");
        assert_left(&shop.found().await, &truth);
        shop.sandbox.stop();
        told += lies.len();
    }
    assert_eq!(told, 15, "every lie is told");
}

#[tokio::test]
async fn a_report_that_is_made_anew_takes_the_place_of_the_first_and_leaves_nothing() {
    let files = FileOptions { restatements: true, ..FileOptions::default() };
    let shop = Shop::new(MerchantOptions { files, ..small() }, "", |_| {});
    let truth = shop.truth();
    assert_eq!(truth, Shop::new(small(), "", |_| {}).truth());
    assert_left(&shop.found().await, &truth);
    shop.sandbox.stop();
}

#[tokio::test]
async fn case_21_captures_at_an_hour_that_the_clock_shows_twice_are_left_and_settlements_tie_out_all_the_same() {
    // On the fifth of April, at three in the morning, Sydney turns its clocks back to two.
    let end = "2026-04-08T00:00:00Z".parse().unwrap();
    let options = MerchantOptions { payments: 4_000, days: 8, end, ..MerchantOptions::default() };
    let entity = Merchant::new(options).entity_ids().remove(0);
    let shop = Shop::new(options, "", |account| {
        account.settlement_zones.insert(entity.clone(), "Australia/Sydney".to_owned());
    });
    let twice = format!(
        "select distinct concat_ws('/', currency_account_id, action_id) from financial_actions where entity_id = '{entity}' \
         and action_type in ('Capture', 'Partial Capture') and processed_on_local >= timestamp '2026-04-05T02:00:00' \
         and processed_on_local < timestamp '2026-04-05T03:00:00'"
    );
    let batches = shop.engine.session().unwrap().query(&twice).await.unwrap().batches;
    let batches: Vec<RecordBatch> = batches.try_collect().await.unwrap();
    let ids =
        batches.iter().flat_map(|rows| (0..rows.num_rows()).map(move |row| array_value_to_string(rows.column(0), row).unwrap()));
    let mut truth = shop.truth();
    let before = truth.len();
    for id in ids {
        let row = ["fee_audit", "left", "captured_fees", &id].map(str::to_owned);
        truth.insert(row, ["exception", "ZONE_UNRESOLVED"].map(str::to_owned));
    }
    assert!(truth.len() > before);
    assert_left(&shop.found().await, &truth);
    shop.sandbox.stop();
}

#[tokio::test]
async fn the_shipped_rules_do_what_their_cases_say() {
    let tried = Folder::shipped().unwrap().try_all(&Arc::new(Conventions::default())).await.unwrap();
    let wrong: Vec<_> = tried.iter().filter(|tried| !matches!(&tried.outcome, Ok(differs) if differs.is_empty())).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(tried.len() >= 50, "{}", tried.len());
}

#[test]
fn the_books_of_a_folder_are_those_of_the_demo() {
    let folder = tempfile::tempdir().unwrap();
    let books = OtherSide::of(&Merchant::new(MerchantOptions::default()));
    for (path, text) in books.files().chain([("ckosql.toml", OtherSide::SETTINGS)]) {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let ask = |demo: &[&str], within: &Path| {
        let sql = "select source, count(*), sum(amount), min(line_id), max(line_id) from \
                   (select source, amount, line_id from books.bank_lines union all select source, amount, line_id from books.orders) \
                   group by source order by source";
        let output = Command::new(env!("CARGO_BIN_EXE_ckosql"))
            .args(["query", sql, "--format", "csv"])
            .args(demo)
            .env_clear()
            .env("CHECKOUT_SECRET_KEY", "sk_sbox_abcdefghijklmnopqrstuvwxyz2")
            .current_dir(within)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
        String::from_utf8(output.stdout).unwrap()
    };
    let elsewhere = tempfile::tempdir().unwrap();
    assert_eq!(ask(&[], folder.path()), ask(&["--demo"], elsewhere.path()));
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}
