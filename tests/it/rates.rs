//! Exchange rates, which only an access key may read: the same session as any other table, with another credential.

use arrow::util::pretty::pretty_format_batches;
use ckosql::api::config::{Account, Credential};
use ckosql::error::{Error, ErrorKind};
use ckosql::sandbox::SandboxOptions;
use ckosql::secret::Secret;
use futures::TryStreamExt;

use crate::stand::Stand;

/// A processing channel of the stand-in merchant.
const CHANNEL: &str = "pc_22q2jej7gaqa33s6tehknj7efq";

async fn ask(stand: &Stand, sql: &str) -> Result<String, Error> {
    let credential = Credential::ClientCredentials {
        id: stand.sandbox.client_id().to_owned(),
        secret: Secret::new(stand.sandbox.client_secret()),
        scopes: Vec::new(),
    };
    let engine = stand.engine_with(Account { credential, ..stand.sandbox.account() });
    let answer = engine.session()?.query(sql).await?;
    let batches: Vec<_> = answer.batches.try_collect().await.map_err(Error::from)?;
    Ok(pretty_format_batches(&batches).unwrap().to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_are_exact_and_a_pair_that_is_not_offered_gives_no_row() {
    let stand = Stand::new(200, SandboxOptions::default());
    stand.sandbox.reset_log();
    let table = ask(
        &stand,
        &format!(
            "select currency_pair, product, source, exchange_rate from fx_rates
             where currency_pair in ('GBPEUR', 'JPYKWD', 'XXXAAA') and product = 'card_payouts' and source = 'visa'
             and processing_channel_id = '{CHANNEL}' order by 1"
        ),
    )
    .await
    .unwrap();
    insta::assert_snapshot!(table, @"
    +---------------+--------------+--------+---------------+
    | currency_pair | product      | source | exchange_rate |
    +---------------+--------------+--------+---------------+
    | GBPEUR        | card_payouts | visa   | 1.14919302    |
    | JPYKWD        | card_payouts | visa   | 0.00192747    |
    +---------------+--------------+--------+---------------+
    ");
    let asked = stand.sandbox.requests().into_iter().filter(|request| request.path == "/forex/rates").count();
    assert_eq!(asked, 3, "one for each pair");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_that_is_none_is_refused_in_the_vendor_s_words() {
    let stand = Stand::new(200, SandboxOptions::default());
    let sql = format!(
        "select * from fx_rates where currency_pair = 'GBPEUR' and product = 'shoes' and source = 'visa'
         and processing_channel_id = '{CHANNEL}'"
    );
    let error = ask(&stand, &sql).await.unwrap_err();
    assert_eq!((error.kind(), error.context("error_codes")), (ErrorKind::Rejected, Some("product_invalid")), "{error}");
}
