//! What the tables say is what the merchant's own ledger says, to the last digit.

use ckosql::money::Exponents;
use ckosql::sandbox::{Merchant, NextLink, SandboxOptions, SearchOrder};

use crate::stand::{BY_CURRENCY, Stand, by_currency};

/// The merchant's own sums, in the columns' scale.
pub(crate) fn truth(merchant: &Merchant) -> Vec<(String, i64, i128)> {
    let exponents = Exponents::default();
    let sums = merchant.ledger().currencies.iter();
    sums.map(|(currency, sum)| {
        let shift = 3 - exponents.of(currency);
        ((*currency).to_owned(), i64::try_from(sum.count).unwrap(), sum.amount * 10_i128.pow(shift))
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_by_currency_equal_the_ledger() {
    let stand = Stand::new(5_000, SandboxOptions::default());
    let rows = by_currency(&stand.query(BY_CURRENCY).await.unwrap());
    assert!(rows.len() >= 8);
    assert_eq!(rows, truth(&stand.merchant));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_gives_fewer_rows_than_asked_for_is_seen_through() {
    for page_cap in [100, 499, 999] {
        let stand = Stand::new(5_000, SandboxOptions { page_cap, ..SandboxOptions::default() });
        assert_eq!(by_currency(&stand.query(BY_CURRENCY).await.unwrap()), truth(&stand.merchant), "{page_cap} rows a page");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_the_search_does_not_matter() {
    for order in [SearchOrder::NewestFirst, SearchOrder::OldestFirst, SearchOrder::Scattered] {
        for next_link in [NextLink::Working, NextLink::Absent] {
            let stand = Stand::new(5_000, SandboxOptions { order, next_link, ..SandboxOptions::default() });
            let rows = by_currency(&stand.query(BY_CURRENCY).await.unwrap());
            assert_eq!(rows, truth(&stand.merchant), "{order:?} {next_link:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_and_disputes_equal_the_ledger() {
    let stand = Stand::new(3_000, SandboxOptions::default());
    let ledger = stand.merchant.ledger();
    let searched = i64::try_from(ledger.searched_actions).unwrap();
    assert_eq!(stand.count("select count(*) from payment_actions").await, searched);
    let disputed = i64::try_from(ledger.disputed()).unwrap();
    assert!(disputed > 0);
    assert_eq!(stand.count("select count(*) from disputes").await, disputed);
}
