//! The shipped rules over the vendor's own books, which need no other side: over those of the stand-in every row is matched, or
//! left for a reason that is true. `truth` says which rows.

use std::collections::{BTreeMap, BTreeSet};

use ckosql::matching::files::with_shipped;
use ckosql::matching::outcome::{Outcome, Step};
use ckosql::sandbox::{MerchantOptions, SandboxOptions};

use crate::stand::Stand;

const FLOWS: [&str; 5] = ["actions_to_payout", "balance_rollforward", "dispute_to_actions", "fee_audit", "payment_to_actions"];

fn stand(seed: u64, options: SandboxOptions) -> Stand {
    Stand::of(MerchantOptions { seed, payments: 900, days: 45, ..MerchantOptions::default() }, options)
}

/// What the rules of some flows find.
async fn found(stand: &Stand, flows: &[&str]) -> Outcome {
    let mut rules = with_shipped(None).unwrap();
    rules.retain(|rule| flows.contains(&rule.flow.as_str()));
    let as_of = stand.merchant.end().date_naive().to_epoch_days();
    stand.engine.session().unwrap().run_rules(&rules, as_of).await.unwrap()
}

/// How many rows are left of each table, by the reason.
fn left(step: &Step) -> BTreeMap<(&str, &str), usize> {
    let mut left = BTreeMap::new();
    for exception in &step.exceptions {
        *left.entry((step.table(exception.table).unwrap().name(), exception.reason)).or_default() += 1;
    }
    left
}

/// Rows of a table that are in a match.
fn matched(step: &Step) -> BTreeMap<&str, usize> {
    let mut matched: BTreeMap<&str, usize> = BTreeMap::new();
    for found in &step.matches {
        let tables = step.tables_of(found).unwrap();
        for (table, rows) in tables.into_iter().zip([found.group.left(), found.group.right()]) {
            *matched.entry(table.name()).or_default() += rows.len();
        }
    }
    matched
}

async fn count(stand: &Stand, sql: &str) -> usize {
    usize::try_from(stand.count(sql).await).unwrap()
}

async fn assert_ties_out(seed: u64) {
    let stand = stand(seed, SandboxOptions::default());
    let outcome = found(&stand, &FLOWS).await;
    let steps: Vec<&str> = outcome.steps.iter().map(|step| step.flow.as_str()).collect();
    assert_eq!(steps, FLOWS);
    let [payouts, balances, disputes, fees, payments] = &outcome.steps[..] else { unreachable!() };

    // Every row that names a settlement is of one, and each settlement is its rows; the others are fees that are billed
    // elsewhere, or were not yet.
    let named = count(&stand, "select count(*) from settlement_actions where payout_id is not null").await;
    let settlements = count(&stand, "select count(*) from settlements").await;
    assert!(named > 1_000 && settlements > 100);
    assert_eq!(matched(payouts), BTreeMap::from([("sides.settlement_rows", named), ("sides.payouts", settlements)]));
    let billed = "from settlement_actions as a join settlement_actions as b on b.action_id = a.action_id and b.breakdown_type = \
                  a.breakdown_type and b.holding_currency_amount = a.holding_currency_amount where a.payout_id is null and \
                  b.payout_id is not null";
    let billed = count(&stand, &format!("select count(distinct concat(a.file_id, ' ', a.row_number)) {billed}")).await;
    let unnamed = count(&stand, "select count(*) from settlement_actions where payout_id is null").await;
    assert!(billed > 0);
    assert_eq!(payouts.out_of_scope.len(), billed);
    let unallocated = BTreeMap::from([(("sides.settlement_rows", "UNALLOCATED_TO_PAYOUT"), unnamed - billed)]);
    assert_eq!(left(payouts), unallocated);
    let dust: BTreeSet<&str> = payouts.matches.iter().filter_map(|found| Some(found.residual.as_ref()?.kind)).collect();
    assert_eq!(dust, BTreeSet::from(["DUST"]));

    assert_balances_and_fees(&stand, balances, fees).await;

    // All disputes come to what their state says.
    let disputed = count(&stand, "select count(*) from disputes").await;
    assert!(disputed > 0);
    assert_eq!(disputes.matches.len(), disputed);
    assert_eq!(left(disputes), BTreeMap::new());

    // What reports tell of is what the API tells; what they do not tell of is of the last days.
    let reported = "select count(distinct action_id) from financial_actions where breakdown_type in \
                    ('Capture', 'Partial Capture', 'Refund', 'Partial Refund')";
    let reported = count(&stand, reported).await;
    let acted = "select count(*) from payment_actions where type in ('Capture', 'Refund') and status = 'Approved'";
    let acted = count(&stand, acted).await;
    assert!(reported > 500 && acted > reported);
    assert_eq!(matched(payments), BTreeMap::from([("sides.payment_actions", reported), ("sides.reported_actions", reported)]));
    assert_eq!(left(payments), BTreeMap::from([(("sides.payment_actions", "NOT_DUE_YET"), acted - reported)]));
}

async fn assert_balances_and_fees(stand: &Stand, balances: &Step, fees: &Step) {
    // Each day's change of what is available is its actions; reserves are held for longer than this merchant is there.
    let moved = "select count(distinct concat(currency_account_id, cast(processed_on_local as date))) from financial_actions";
    let moved = count(stand, moved).await;
    assert_eq!(matched(balances), BTreeMap::from([("sides.balance_days", moved), ("sides.balance_movements", moved)]));
    let reserved = "select count(distinct concat(currency_account_id, payment_id)) from financial_actions \
                    where breakdown_type = 'Rolling Reserve Deducted'";
    let reserved = count(stand, reserved).await;
    assert!(moved > 100 && reserved > 100);
    assert_eq!(left(balances), BTreeMap::from([(("sides.reservations", "RESERVE_HELD"), reserved)]));

    // Fees of captures are as they should be, but for interchange that is billed later.
    let pending = "select count(*) from fee_audit where is_interchange_pending";
    let pending = count(stand, pending).await;
    assert!(pending > 0 && fees.out_of_scope.len() > 500);
    assert_eq!(left(fees), BTreeMap::from([(("sides.captured_fees", "FEE_PENDING"), pending)]));
}

#[tokio::test]
async fn the_books_of_a_merchant_tie_out() {
    assert_ties_out(MerchantOptions::default().seed).await;
}

#[tokio::test]
async fn the_books_of_another_merchant_tie_out() {
    assert_ties_out(11).await;
}
