//! Whatever is asked, the answer through the API is DataFusion's own answer over the whole table.
//!
//! Each table is read once without filters and put beside the live one as a table in memory; there every predicate is a
//! column, so that it is worked out row by row. Left out are the columns that differ by the way a row came: those that
//! the search leaves out, `_fetched_at` and `_raw`.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::util::display::array_value_to_string;
use chrono::DateTime;
use ckosql::engine::Session;
use ckosql::error::{Error, ErrorKind, Result};
use ckosql::sandbox::{MerchantOptions, NextLink, SandboxOptions, SearchOrder};
use datafusion::datasource::MemTable;
use futures::{StreamExt, TryStreamExt, stream};

use crate::grammar::{Column, Dice, Predicate, columns, predicate};
use crate::stand::Stand;

/// A table, and what of it is compared.
struct Subject {
    table: &'static str,
    /// How its whole is read.
    whole: &'static str,
    /// What is compared; the first few name a row.
    shown: &'static str,
    /// What goes with every predicate, so that the way is comparable.
    also: &'static [&'static str],
    /// The columns of predicates; those that are sent to the API stand more than once.
    columns: &'static [&'static str],
}

static PAYMENTS: Subject = Subject {
    table: "payments",
    whole: "select * from live.payments",
    shown: "id, requested_on, status, amount, currency, reference, source_scheme",
    also: &["true"],
    columns: &[
        "id",
        "reference",
        "reference",
        "source_bin",
        "source_last4",
        "source_issuer",
        "customer_email",
        "status",
        "status",
        "currency",
        "currency",
        "payment_type",
        "payment_type",
        "source_scheme",
        "source_issuer_country",
        "amount",
        "amount",
        "amount_minor",
        "amount_minor",
        "requested_on",
        "requested_on",
        "account",
        "amount_requested",
        "total_captured_minor",
        "total_refunded",
        "processing_channel_id",
        "source_type",
        "source_card_type",
        "source_expiry_year",
        "risk_flagged",
    ],
};

static ACTIONS: Subject = Subject {
    table: "payment_actions",
    whole: "select * from live.payment_actions",
    shown: "payment_id, id, type, status, amount, currency, processed_on",
    // The call by payment knows fewer kinds of actions, and no status: with a filter by it the search is asked.
    also: &["coalesce(status, '') <> '~'"],
    columns: &[
        "payment_id",
        "payment_reference",
        "currency",
        "requested_on",
        "id",
        "type",
        "status",
        "amount",
        "amount_minor",
        "processed_on",
        "response_code",
        "reference",
    ],
};

static DISPUTES: Subject = Subject {
    table: "disputes",
    whole: "select * from live.disputes",
    shown: "id, status, amount, currency, last_update, payment_id, payment_arn, entity_id",
    also: &["true"],
    columns: &[
        "id",
        "last_update",
        "last_update",
        "payment_id",
        "payment_reference",
        "payment_arn",
        "payment_mcc",
        "entity_id",
        "processing_channel_id",
        "sub_entity_id",
        "segment_id",
        "status",
        "status",
        "amount",
        "amount_minor",
        "currency",
        "reason_code",
        "received_on",
        "payment_method",
        "category",
    ],
};

static REPORTS: Subject = Subject {
    table: "reports",
    whole: "select * from live.reports",
    shown: "id, created_on, type, entity_id",
    also: &["true"],
    columns: &["id", "created_on", "created_on", "type", "entity_id", "description", "from", "to"],
};

static REPORT_FILES: Subject = Subject {
    table: "report_files",
    whole: "select * from live.report_files",
    shown: "id, report_id, filename, created_on, entity_id",
    also: &["true"],
    columns: &["id", "report_id", "created_on", "created_on", "report_type", "entity_id", "filename", "format"],
};

static BALANCES: Subject = Subject {
    table: "balances",
    whole: "select * from live.balances union all select * from live.balances where as_of in \
            (timestamp '2026-03-01', timestamp '2026-04-02 03:04:05.678901', timestamp '2026-06-30')",
    shown: "entity_id, currency_account_id, available, as_of",
    also: &[
        "as_of is null",
        "as_of = timestamp '2026-03-01'",
        "as_of in (timestamp '2026-04-02 03:04:05.678901', timestamp '2026-06-30')",
        "(as_of = timestamp '2026-03-01' or as_of = '2026-06-30T00:00:00Z') and as_of > timestamp '2026-03-02'",
    ],
    columns: &[
        "entity_id",
        "currency_account_id",
        "holding_currency",
        "descriptor",
        "available",
        "available_minor",
        "pending",
        "collateral_minor",
    ],
};

/// A predicate that gives other rows through the API, or none.
struct Wrong {
    predicate: Predicate,
    also: &'static str,
    why: String,
}

impl Subject {
    /// Compares so many predicates; panics with the least that fails.
    async fn compare(&'static self, stand: &Stand, seed: u64, count: usize) {
        let session = stand.engine.session().unwrap();
        let batches = collect(&session, self.whole).await.unwrap();
        let schema = batches[0].schema();
        let columns = columns(&batches, self.columns);
        session.register(self.table, Arc::new(MemTable::try_new(schema, vec![batches]).unwrap())).unwrap();
        let asked = self.predicates(&columns, seed, count);
        let mut expected = Vec::with_capacity(asked.len());
        for asked in asked.chunks(20) {
            expected.extend(self.expected(&session, asked).await);
        }
        let checks = asked.into_iter().zip(expected).map(|((predicate, also), expected)| {
            let session = session.clone();
            // On a thread of its own: nearly all of the time goes into planning.
            tokio::spawn(async move {
                let why = self.check(&session, &predicate, also, &expected).await?;
                Some(Wrong { predicate, also, why })
            })
        });
        let wrong: Vec<Option<Wrong>> = stream::iter(checks).buffer_unordered(4).map(Result::unwrap).collect().await;
        if let Some(first) = wrong.into_iter().flatten().next() {
            let least = self.shrink(&session, first).await;
            panic!("{}: where ({}) and {}\n{}", self.table, least.predicate, least.also, least.why);
        }
    }

    fn predicates(&self, columns: &[Column], seed: u64, count: usize) -> Vec<(Predicate, &'static str)> {
        let mut dice = Dice(seed);
        let mut one = || {
            let depth = dice.below(4);
            (predicate(&mut dice, columns, depth), dice.pick(self.also))
        };
        (0..count).map(|_| one()).collect()
    }

    /// The rows that each predicate should give.
    async fn expected(&self, session: &Session, asked: &[(Predicate, &'static str)]) -> Vec<Vec<String>> {
        let tests: Vec<String> =
            asked.iter().enumerate().map(|(place, (predicate, also))| format!("({predicate}) and {also} as p{place}")).collect();
        let sql = format!("select {}, {} from books.{}", self.shown, tests.join(", "), self.table);
        let batches = collect(session, &sql).await.unwrap_or_else(|error| panic!("{error}\n{sql}"));
        let shown = self.shown.split(',').count();
        let rows_of = |place: usize| {
            let mut rows = Vec::new();
            for batch in &batches {
                let holds = batch.column(shown + place).as_boolean();
                rows.extend(
                    (0..batch.num_rows())
                        .filter(|row| holds.is_valid(*row) && holds.value(*row))
                        .map(|row| text(batch, shown, row)),
                );
            }
            rows.sort_unstable();
            rows
        };
        (0..asked.len()).map(rows_of).collect()
    }

    /// What is wrong with the answer through the API.
    async fn check(&self, session: &Session, predicate: &Predicate, also: &str, expected: &[String]) -> Option<String> {
        let sql = format!("select {} from live.{} where ({predicate}) and {also}", self.shown, self.table);
        let rows = match collect(session, &sql).await {
            Ok(batches) => {
                let shown = self.shown.split(',').count();
                let mut rows: Vec<String> =
                    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(|row| text(batch, shown, row))).collect();
                rows.sort_unstable();
                rows
            }
            Err(error) if is_refusal(&error) => return None,
            Err(error) => return Some(format!("{error:?}")),
        };
        if rows == expected {
            return None;
        }
        let missing: Vec<&String> = expected.iter().filter(|row| !rows.contains(row)).take(3).collect();
        let extra: Vec<&String> = rows.iter().filter(|row| !expected.contains(row)).take(3).collect();
        Some(format!("{} rows instead of {}: missing {missing:#?}, too many {extra:#?}", rows.len(), expected.len()))
    }

    /// The least predicate that still fails.
    async fn shrink(&self, session: &Session, mut wrong: Wrong) -> Wrong {
        loop {
            let mut less = None;
            for predicate in wrong.predicate.smaller() {
                let expected = self.expected(session, &[(predicate.clone(), wrong.also)]).await;
                if let Some(why) = self.check(session, &predicate, wrong.also, &expected[0]).await {
                    less = Some(Wrong { predicate, also: wrong.also, why });
                    break;
                }
            }
            match less {
                Some(less) => wrong = less,
                None => return wrong,
            }
        }
    }
}

/// No answer is no wrong answer: an entity that is not there, a past that is not configured.
fn is_refusal(error: &Error) -> bool {
    const REFUSALS: [&str; 2] =
        ["all that is asked for lies before the account's history_start", "Checkout.com knows no such entity"];
    error.kind() == ErrorKind::Query && REFUSALS.iter().any(|message| error.message().contains(message))
}

async fn collect(session: &Session, sql: &str) -> Result<Vec<RecordBatch>> {
    session.query(sql).await?.batches.try_collect().await.map_err(Error::from)
}

fn text(batch: &RecordBatch, columns: usize, row: usize) -> String {
    let values = batch.columns().iter().take(columns).map(|column| array_value_to_string(column, row).unwrap());
    values.collect::<Vec<_>>().join(" | ")
}

/// Every way the search is known to behave; pages are capped where a link leads on, so that listings have several.
fn modes() -> impl Iterator<Item = SandboxOptions> {
    use NextLink::{Absent, Broken, Empty, Working};
    use SearchOrder::{NewestFirst, OldestFirst, Scattered};
    let modes =
        [(NewestFirst, Working), (OldestFirst, Absent), (Scattered, Working), (NewestFirst, Broken), (OldestFirst, Empty)];
    modes.into_iter().map(|(order, next_link)| {
        let page_cap = if next_link == Working { 25 } else { usize::MAX };
        SandboxOptions { order, next_link, page_cap, ..SandboxOptions::default() }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn six_thousand_predicates_over_payments_give_the_rows_of_the_whole_table() {
    for (seed, options) in (1..).zip(modes()) {
        Box::pin(PAYMENTS.compare(
            &Stand::of(MerchantOptions { payments: 60, days: 85, ..MerchantOptions::default() }, options),
            seed,
            1_200,
        ))
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_predicates_over_actions_give_the_rows_of_the_whole_table() {
    for (seed, options) in (1..).zip(modes()) {
        Box::pin(ACTIONS.compare(
            &Stand::of(MerchantOptions { payments: 40, days: 85, ..MerchantOptions::default() }, options),
            seed,
            200,
        ))
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_five_hundred_predicates_over_disputes_reports_and_balances_give_the_rows_of_the_whole_table() {
    let stand = Stand::new(6_000, SandboxOptions::default());
    Box::pin(DISPUTES.compare(&stand, 1, 1_500)).await;
    for subject in [&REPORTS, &REPORT_FILES] {
        Box::pin(subject.compare(&stand, 2, 300)).await;
    }
    Box::pin(BALANCES.compare(&stand, 3, 400)).await;
}

/// References are known by key since June 2022 only; older payments are asked of the search.
#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_predicates_over_payments_around_the_first_known_reference_give_the_rows_of_the_whole_table() {
    let end = DateTime::parse_from_rfc3339("2022-06-20T00:00:00Z").unwrap().to_utc();
    let merchant = MerchantOptions { payments: 50, days: 40, end, ..MerchantOptions::default() };
    Box::pin(PAYMENTS.compare(&Stand::of(merchant, SandboxOptions::default()), 7, 500)).await;
}
