//! Complete, or an error: full listings against a server that misbehaves, many times over.

use ckosql::api::config::Limits;
use ckosql::sandbox::{Faults, SandboxOptions};
use std::time::Duration;

use crate::ledger::truth;
use crate::stand::{BY_CURRENCY, Stand, by_currency};

const PAYMENTS: u64 = 2_500;

/// Runs a full listing with each seed; each must be exact, or an error with exit code 4. Gives how many were exact.
async fn exact_or_an_error(spec: &str, seeds: std::ops::Range<u64>, attempts: usize) -> usize {
    let mut exact = 0;
    for seed in seeds {
        let faults = Faults::parse(spec).unwrap().with_seed(seed);
        let impatient = |limits: &mut Limits| {
            limits.attempts = attempts;
            limits.longest_wait = Duration::from_millis(5);
        };
        let options = SandboxOptions { faults, ..SandboxOptions::default() };
        let stand = Stand::with(PAYMENTS, options, |account| impatient(&mut account.limits));
        match stand.query(BY_CURRENCY).await {
            Ok(batches) => {
                assert_eq!(by_currency(&batches), truth(&stand.merchant), "seed {seed} of {spec}");
                exact += 1;
            }
            Err(error) => assert_eq!(error.kind().facts().exit_code, 4, "seed {seed} of {spec}: {error}"),
        }
        stand.sandbox.stop();
    }
    exact
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_listings_through_faults_are_exact_or_an_error() {
    let spec = "429=5%,500=2%,503=2%,cut=2%,truncate=1%";
    let exact = exact_or_an_error(spec, 0..200, 6).await;
    // Patience gets nearly all through; with one attempt hardly any page of a listing may fail.
    assert!(exact >= 190, "{exact} of 200");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_patience_the_same_faults_are_errors_never_short_answers() {
    let exact = exact_or_an_error("429=5%,500=2%,503=2%,cut=2%,truncate=1%", 0..40, 1).await;
    assert!(exact < 40, "{exact} of 40");
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_pages_and_expired_tokens_do_not_change_the_answer() {
    exact_or_an_error("duplicate_page=20%,expire_token=5%", 0..40, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn disputes_that_move_while_they_are_paged_are_all_seen() {
    for seed in 0..20 {
        let faults = Faults::parse("shift=30%").unwrap().with_seed(seed);
        let stand = Stand::new(60_000, SandboxOptions { faults, ..SandboxOptions::default() });
        let truth = i64::try_from(stand.merchant.ledger().disputed()).unwrap();
        assert!(truth > 250);
        match stand.query("select count(*), count(distinct id) from disputes").await {
            Ok(batches) => {
                use arrow::array::AsArray;
                use arrow::datatypes::Int64Type;
                let value = |column: usize| batches[0].column(column).as_primitive::<Int64Type>().value(0);
                assert_eq!((value(0), value(1)), (truth, truth), "seed {seed}");
            }
            Err(error) => assert_eq!(error.kind().facts().exit_code, 4, "seed {seed}: {error}"),
        }
        stand.sandbox.stop();
    }
}
