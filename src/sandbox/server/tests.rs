//! The stand-in asked over HTTP, as any client would.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{LoggedRequest, NextLink, Sandbox, SandboxOptions, SearchOrder, Site};
use crate::api::request::Host;
use crate::sandbox::files;
use crate::sandbox::report::Report;
use crate::sandbox::{Faults, FileOptions, Lie, Merchant, MerchantOptions};

/// A sandbox, a client and a bearer.
struct Asker {
    sandbox: Sandbox,
    http: reqwest::Client,
    bearer: String,
}

impl Asker {
    fn new(options: SandboxOptions) -> Self {
        Self::over(MerchantOptions::default(), options)
    }

    fn over(merchant: MerchantOptions, options: SandboxOptions) -> Self {
        let merchant = Merchant::new(MerchantOptions { payments: 1_500, seed: 3, ..merchant });
        let sandbox = Sandbox::start(Arc::new(merchant), options).unwrap();
        rustls::crypto::ring::default_provider().install_default().ok();
        let bearer = sandbox.secret_key().to_owned();
        Self { sandbox, http: reqwest::Client::new(), bearer }
    }

    fn with_faults(faults: &str) -> Self {
        let faults = Faults::parse(faults).unwrap();
        Self::new(SandboxOptions { faults, slow: Duration::from_millis(1), ..SandboxOptions::default() })
    }

    fn plain() -> Self {
        Self::new(SandboxOptions::default())
    }

    fn main(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.hosts().main)
    }

    async fn text(&self, url: &str) -> (u16, String) {
        let answer = self.http.get(url).bearer_auth(&self.bearer).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Asks the main host, or a whole URL.
    async fn get(&self, path: &str) -> (u16, Value) {
        let url = if path.starts_with("http") { path.to_owned() } else { self.main(path) };
        let (status, text) = self.text(&url).await;
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    async fn search(&self, body: Value) -> (u16, Value) {
        let request = self.http.post(self.main("payments/search")).bearer_auth(&self.bearer).json(&body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// Every row of a search, page after page.
    async fn search_all(&self, body: Value) -> Vec<String> {
        let (mut status, mut page) = self.search(body).await;
        let mut all = Vec::new();
        loop {
            assert_eq!(status, 200);
            all.extend(ids(&page));
            let Some(next) = page["_links"]["next"]["href"].as_str().map(str::to_owned) else { return all };
            (status, page) = self.get(&next).await;
        }
    }
}

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

fn code((status, page): (u16, Value)) -> (u16, String) {
    (status, page["error_codes"][0].as_str().unwrap_or_default().to_owned())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn search_pages_hold_every_payment_of_the_window_once_in_any_order() {
    for order in [SearchOrder::NewestFirst, SearchOrder::OldestFirst, SearchOrder::Scattered] {
        let asker = Asker::new(SandboxOptions { order, ..SandboxOptions::default() });
        let merchant = Arc::clone(asker.sandbox.merchant());
        let (from, to) = (merchant.payment(300).requested_on(), merchant.payment(699).requested_on());
        let body = json!({ "query": "amount:>=0", "limit": 90, "from": from.to_rfc3339(), "to": to.to_rfc3339() });
        let mut found = asker.search_all(body).await;
        let newest_first: Vec<String> = (300..700).rev().map(|index| merchant.payment_id(index)).collect();
        match order {
            SearchOrder::NewestFirst => assert_eq!(found, newest_first),
            SearchOrder::OldestFirst => assert_eq!(found, newest_first.into_iter().rev().collect::<Vec<_>>()),
            SearchOrder::Scattered => {
                assert_ne!(found, newest_first);
                found.sort();
                let mut wanted = newest_first;
                wanted.sort();
                assert_eq!(found, wanted);
            }
        }
    }
}

#[tokio::test]
async fn search_refuses_what_the_vendor_refuses() {
    let asker = Asker::plain();
    let day = |n: u32| format!("2026-{:02}-{:02}T00:00:00Z", n / 100, n % 100);
    for (body, expected) in [
        (json!({}), refused(422, "query_required")),
        (json!({ "query": " " }), refused(422, "query_required")),
        (json!({ "query": "shoe_size:43" }), refused(422, "query_field_invalid")),
        (json!({ "query": "amount:>=0", "limit": 0 }), refused(422, "paging_limit_invalid")),
        (json!({ "query": "amount:>=0", "limit": 1001 }), refused(422, "paging_limit_invalid")),
        (json!({ "query": "amount:>=0", "from": day(101) }), refused(422, "to_required")),
        (json!({ "query": "amount:>=0", "to": day(101) }), refused(422, "from_required")),
        (json!({ "query": "amount:>=0", "from": day(102), "to": day(101) }), refused(422, "date_range_invalid")),
        (
            json!({ "query": "amount:>=0", "from": day(101), "to": "2026-04-01T00:00:00.000001Z" }),
            refused(422, "date_range_invalid"),
        ),
        (json!({ "query": "amount:>=0", "from": "yesterday", "to": day(101) }), refused(422, "from_invalid")),
        (json!({ "query": "x".repeat(1025) }), refused(422, "query_too_long")),
        (json!([1]), refused(400, "body_invalid")),
    ] {
        assert_eq!(code(asker.search(body.clone()).await), expected, "{body}");
    }
    let (status, page) = asker.search(json!({ "query": "amount:>=0", "from": day(101), "to": day(401) })).await;
    assert_eq!((status, ids(&page).len()), (200, 10), "90 days are allowed, and ten rows are the default");
}

#[tokio::test]
async fn search_without_a_window_looks_back_ninety_days() {
    let asker = Asker::plain();
    let merchant = asker.sandbox.merchant();
    let from = merchant.end() - chrono::TimeDelta::days(90);
    let expected = merchant.payments(from, merchant.end()).count();
    assert_eq!(asker.search_all(json!({ "query": "amount:>=0", "limit": 1000 })).await.len(), expected);
}

#[tokio::test]
async fn the_next_link_can_be_missing_or_broken() {
    let body = json!({ "query": "amount:>=0", "limit": 5 });
    let asker = Asker::new(SandboxOptions { next_link: NextLink::Absent, ..SandboxOptions::default() });
    assert_eq!(asker.search(body.clone()).await.1.get("_links"), None);
    let asker = Asker::new(SandboxOptions { next_link: NextLink::Broken, ..SandboxOptions::default() });
    let next = asker.search(body).await.1["_links"]["next"]["href"].as_str().unwrap().to_owned();
    assert_eq!(asker.get(&next).await.0, 404);
}

#[tokio::test]
async fn a_payment_is_the_same_by_id_by_reference_and_in_search() {
    let asker = Asker::plain();
    let merchant = asker.sandbox.merchant();
    let payment = merchant.all_payments().find(|payment| payment.totals.refunded > 0 && payment.order.is_some()).unwrap();
    let (id, reference) = (merchant.payment_id(payment.index), merchant.reference(&payment).unwrap());
    let (_, details) = asker.get(&format!("payments/{id}")).await;
    assert_eq!(details["amount"], payment.amount);
    assert_eq!(details["status"], payment.status.word());
    assert_eq!(details["balances"]["total_refunded"], payment.totals.refunded);
    let (_, listed) = asker.get(&format!("payments?reference={reference}")).await;
    assert_eq!((&listed["total_count"], &listed["limit"], &listed["data"][0]), (&json!(1), &json!(10), &details));
    let (from, to) = (payment.requested_on(), payment.requested_on());
    let body = json!({ "query": format!("id:'{id}'"), "from": from.to_rfc3339(), "to": to.to_rfc3339() });
    let row = asker.search(body).await.1["data"][0].clone();
    assert_eq!(row["status"], payment.status.word().to_lowercase());
    assert_eq!((&row["id"], &row["customer"]["id"]), (&json!(id), &Value::Null));
    let (_, actions) = asker.get(&format!("payments/{id}/actions")).await;
    assert_eq!(actions.as_array().unwrap().len(), payment.final_actions().count());
    assert_eq!(actions[0]["type"], "Refund");
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let asker = Asker::plain();
    let nobody = asker.sandbox.merchant().payment_id(1_500);
    for path in [
        format!("payments/{nobody}"),
        format!("payments/{nobody}/actions"),
        format!("workflows/events/subject/{nobody}"),
        "disputes/dsp_x".into(),
        "disputes/dsp_x/evidence".into(),
        "disputes/dsp_x/schemefiles".into(),
        "accounts/entities/ent_x".into(),
        "accounts/entities/ent_x/payout-schedules".into(),
        "customers/nobody@example.com".into(),
        "instruments/src_x".into(),
        "nothing".into(),
    ] {
        assert_eq!(asker.text(&asker.main(&path)).await, (404, String::new()), "{path}");
    }
    assert_eq!(code(asker.get("reports/rpt_x").await), refused(404, "report_not_found"));
    let hosts = asker.sandbox.hosts();
    assert_eq!(asker.text(&format!("{}balances/ent_x", hosts.balances)).await.0, 404);
    assert_eq!(asker.text(&format!("{}transfers/tra_x", hosts.transfers)).await.0, 404);
    assert_eq!(asker.text(&format!("{}files/file_x", hosts.files)).await.0, 404);
    assert_eq!(
        asker.get(&format!("{}payments/{}", hosts.balances, asker.sandbox.merchant().payment_id(0))).await.0,
        404,
        "wrong host"
    );
}

#[tokio::test]
async fn page_limits_are_the_vendors() {
    let asker = Asker::plain();
    for (path, most) in
        [("payments?reference=x", 100), ("disputes?x=", 250), ("reports?x=", 100), ("financial-actions?action_id=x", 100)]
    {
        assert_eq!(asker.get(&format!("{path}&limit={most}")).await.0, 200, "{path}");
        for limit in [0, most + 1] {
            assert_eq!(code(asker.get(&format!("{path}&limit={limit}")).await), refused(422, "paging_limit_invalid"), "{path}");
        }
    }
    assert_eq!(code(asker.get("disputes?skip=-1").await), refused(422, "paging_skip_invalid"));
    assert_eq!(code(asker.get("payments").await), refused(422, "reference_required"));
    assert_eq!(code(asker.get("reports?pagination_token=x").await), refused(422, "pagination_token_invalid"));
    assert_eq!(code(asker.get("reports?created_after=x").await), refused(422, "created_after_invalid"));
    assert_eq!(code(asker.get("disputes?from=x").await), refused(422, "date_invalid"));
    assert_eq!(code(asker.get("financial-actions").await), refused(422, "payment_id_or_action_id_required"));
}

#[tokio::test]
async fn disputes_are_paged_by_skip_last_changed_first_and_filtered() {
    let asker = Asker::plain();
    let (_, all) = asker.get("disputes?limit=250").await;
    let changes: Vec<&str> = all["data"].as_array().unwrap().iter().map(|row| row["last_update"].as_str().unwrap()).collect();
    assert!(changes.is_sorted_by(|a, b| a >= b) && changes.len() > 5);
    assert_eq!(all["total_count"], asker.sandbox.merchant().ledger().disputed());
    let mut paged = Vec::new();
    for skip in (0..changes.len()).step_by(2) {
        paged.extend(ids(&asker.get(&format!("disputes?limit=2&skip={skip}")).await.1));
    }
    assert_eq!(paged, ids(&all));
    let row = &all["data"][3];
    for (filter, field) in [("id", "id"), ("payment_id", "payment_id"), ("payment_arn", "payment_arn")] {
        let value = row[field].as_str().unwrap();
        let (_, page) = asker.get(&format!("disputes?{filter}={value}")).await;
        assert_eq!((&page["data"], &page[filter]), (&json!([row]), &json!(value)), "{filter}");
    }
    let at = row["last_update"].as_str().unwrap();
    assert_eq!(asker.get(&format!("disputes?from={at}&to={at}")).await.1["data"], json!([row]));
    let (_, one) = asker.get(&format!("disputes/{}", row["id"].as_str().unwrap())).await;
    assert_eq!((&one["payment"]["id"], &one["status"]), (&row["payment_id"], &row["status"]));
    for (filter, field) in [
        ("statuses", "status"),
        ("entity_ids", "entity_id"),
        ("processing_channel_ids", "processing_channel"),
        ("payment_mcc", "payment_mcc"),
    ] {
        let (_, page) = asker
            .get(&format!(
                "disputes?limit=250&{filter}={}{}",
                row[field].as_str().unwrap(),
                if filter.ends_with('s') { ",other" } else { "" }
            ))
            .await;
        let wanted = all["data"].as_array().unwrap().iter().filter(|other| other[field] == row[field]).count();
        assert_eq!(page["data"].as_array().unwrap().len(), wanted, "{filter}");
    }
    for nothing in ["sub_entity_ids=ent_x", "segment_ids=seg_x", "payment_mcc=0000", "processing_channel_ids=pc_x"] {
        assert_eq!(asker.get(&format!("disputes?{nothing}")).await.1["total_count"], 0, "{nothing}");
    }
}

#[tokio::test]
async fn a_dispute_has_evidence_once_it_was_answered_and_files_when_it_is_visa_s() {
    let asker = Asker::plain();
    let (_, all) = asker.get("disputes?limit=250").await;
    let (mut answered, mut files) = (0, 0);
    for row in all["data"].as_array().unwrap() {
        let id = row["id"].as_str().unwrap();
        let (status, evidence) = asker.get(&format!("disputes/{id}/evidence")).await;
        let was_answered = matches!(row["status"].as_str().unwrap(), "won" | "lost" | "evidence_under_review");
        let has_file = |(name, value): (&String, &Value)| name.ends_with("_file") && value.is_string();
        assert_eq!((status, evidence["_links"].is_object()), (200, true));
        assert!(!was_answered || evidence.as_object().unwrap().iter().any(has_file), "{evidence}");
        let (status, sent) = asker.get(&format!("disputes/{id}/schemefiles")).await;
        let is_visa = row["payment_method"] == "VISA";
        assert_eq!((status, sent["id"].as_str()), if is_visa { (200, Some(id)) } else { (404, None) });
        answered += usize::from(was_answered);
        files += sent["files"].as_array().map_or(0, Vec::len);
    }
    assert!(answered > 0 && files > 0, "{answered} {files}");
}

#[tokio::test]
async fn the_vault_holds_the_customers_and_instruments_of_payments() {
    let asker = Asker::plain();
    for index in 0..200 {
        let (_, payment) = asker.get(&format!("payments/{}", asker.sandbox.merchant().payment_id(index))).await;
        if let Some(destination) = payment["destination"]["id"].as_str() {
            let (_, instrument) = asker.get(&format!("instruments/{destination}")).await;
            assert_eq!(instrument["type"], payment["destination"]["type"]);
            continue;
        }
        let (_, instrument) = asker.get(&format!("instruments/{}", payment["source"]["id"].as_str().unwrap())).await;
        for field in ["last4", "bin", "fingerprint", "expiry_year", "name", "issuer_country"] {
            assert_eq!(instrument[field], payment["source"][field], "{field}");
        }
        assert_eq!(instrument["customer"]["id"], payment["customer"]["id"]);
        let (_, by_id) = asker.get(&format!("customers/{}", payment["customer"]["id"].as_str().unwrap())).await;
        let (_, by_email) = asker.get(&format!("customers/{}", payment["customer"]["email"].as_str().unwrap())).await;
        assert_eq!((&by_id, &by_id["name"]), (&by_email, &payment["customer"]["name"]));
        assert!(by_id["instruments"].as_array().unwrap().iter().any(|held| held["id"] == instrument["id"]));
    }
}

#[tokio::test]
async fn entities_are_the_merchant_s_and_its_sellers_and_the_last_is_not_paid_out() {
    let asker = Asker::plain();
    let merchant = asker.sandbox.merchant();
    for entity in 0..6 {
        let id = merchant.entity_id(entity);
        let (status, details) = asker.get(&format!("accounts/entities/{id}")).await;
        assert_eq!((status, &details["id"]), (200, &json!(id)));
        let (status, schedules) = asker.get(&format!("accounts/entities/{id}/payout-schedules")).await;
        assert_eq!(status, if entity == 5 { 404 } else { 200 });
        for currency in schedules.as_object().into_iter().flat_map(serde_json::Map::keys) {
            assert!(details["profile"]["holding_currencies"].as_array().unwrap().contains(&json!(currency)));
        }
    }
    assert_eq!(asker.get(&format!("accounts/entities/{}", merchant.entity_id(6))).await.0, 404);
}

#[tokio::test]
async fn events_of_a_payment_are_its_final_actions() {
    let asker = Asker::plain();
    let merchant = asker.sandbox.merchant();
    for payment in merchant.all_payments().take(100) {
        let (_, page) = asker.get(&format!("workflows/events/subject/{}", merchant.payment_id(payment.index))).await;
        assert_eq!(page["data"].as_array().unwrap().len(), payment.final_actions().count());
    }
    let dispute = ids(&asker.get("disputes?limit=1").await.1).remove(0);
    let (_, page) = asker.get(&format!("workflows/events/subject/{dispute}")).await;
    assert_eq!(page["data"][0]["type"], "dispute_received");
}

#[tokio::test]
async fn rates_are_for_tokens_only_and_all_parameters_are_required() {
    let mut asker = Asker::plain();
    let channel = asker.get("disputes?limit=1").await.1["data"][0]["processing_channel"].as_str().unwrap().to_owned();
    let path = |product: &str, source: &str, pairs: &str, channel: &str| {
        format!("forex/rates?product={product}&source={source}&currency_pairs={pairs}&processing_channel_id={channel}")
    };
    assert_eq!(asker.text(&asker.main(&path("card_payouts", "visa", "GBPEUR", &channel))).await, (401, String::new()));
    let (id, secret) = (asker.sandbox.client_id().to_owned(), asker.sandbox.client_secret().to_owned());
    let form = [("grant_type", "client_credentials"), ("client_id", &id), ("client_secret", &secret), ("scope", "fx")];
    asker.bearer = mint(&asker, &form).await.1["access_token"].as_str().unwrap().to_owned();
    let (status, page) = asker.get(&path("card_payouts", "visa", "GBPEUR,EUREUR,XXXAAA,JPYKWD", &channel)).await;
    let pairs: Vec<&Value> = page["rates"].as_array().unwrap().iter().map(|rate| &rate["currency_pair"]).collect();
    assert_eq!((status, pairs), (200, vec![&json!("GBPEUR"), &json!("JPYKWD")]));
    assert_eq!(page["invalid_currency_pairs"], json!(["EUREUR", "XXXAAA"]));
    for (path, expected) in [
        (path("", "visa", "GBPEUR", &channel), "product_required"),
        (path("shoes", "visa", "GBPEUR", &channel), "product_invalid"),
        (path("card_payouts", "amex", "GBPEUR", &channel), "source_invalid"),
        (path("card_payouts", "visa", "", &channel), "currency_pairs_required"),
        (path("card_payouts", "visa", "GBPEUR", "pc_x"), "processing_channel_id_invalid"),
    ] {
        assert_eq!(code(asker.get(&path).await), refused(422, expected), "{path}");
    }
}

#[tokio::test]
async fn balances_are_the_ledgers_now_and_then() {
    let asker = Asker::plain();
    let merchant = asker.sandbox.merchant();
    let entity = &merchant.entity_ids()[1];
    let url = format!("{}balances/{entity}", asker.sandbox.hosts().balances);
    for (parameter, at) in [("", merchant.end()), ("&balancesAt=2026-04-01T10:30:00Z", "2026-04-01T10:30:00Z".parse().unwrap())] {
        let (_, page) = asker.get(&format!("{url}?withCurrencyAccountId=true{parameter}")).await;
        let wanted: Vec<_> = merchant.balances(at).into_iter().filter(|balance| balance.entity_id == *entity).collect();
        assert_eq!(page["data"].as_array().unwrap().len(), wanted.len());
        for (row, balance) in page["data"].as_array().unwrap().iter().zip(wanted) {
            assert_eq!(row["currency_account_id"], balance.currency_account_id);
            assert_eq!(row["balances"]["available"], balance.available);
            assert_eq!(row["balances"]["collateral"], balance.collateral);
            assert_eq!(row["balances_as_of"].is_string(), !parameter.is_empty());
        }
    }
    let (_, page) = asker.get(&format!("{url}?query=currency:USD")).await;
    assert_eq!((page["data"].as_array().unwrap().len(), &page["data"][0]["currency_account_id"]), (1, &Value::Null));
    assert_eq!(code(asker.get(&format!("{url}?query=colour:red")).await), refused(422, "query_invalid"));
    assert_eq!(code(asker.get(&format!("{url}?balancesAt=2027-01-01T00:00:00Z")).await), refused(400, "balances_at_invalid"));
}

#[tokio::test]
async fn reports_are_paged_by_token_and_bounded_by_creation() {
    let asker = Asker::plain();
    let (mut path, mut all) = ("reports?limit=99".to_owned(), Vec::new());
    loop {
        let (status, page) = asker.get(&path).await;
        assert_eq!((status, page["count"].as_u64()), (200, page["data"].as_array().map(|rows| rows.len() as u64)));
        all.extend(page["data"].as_array().unwrap().clone());
        match page["_links"]["next"]["href"].as_str() {
            Some(next) => path = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(all.len(), 181 * 18, "the last day's are not made yet");
    let first = all.iter().find(|report| report["created_on"].as_str().unwrap().ends_with('Z')).unwrap();
    let at = first["created_on"].as_str().unwrap();
    let made = |path: String| {
        let asker = &asker;
        async move { ids(&asker.get(&path).await.1) }
    };
    assert!(made(format!("reports?created_after={at}")).await.contains(&first["id"].as_str().unwrap().to_owned()), "inclusive");
    assert!(!made(format!("reports?created_before={at}")).await.contains(&first["id"].as_str().unwrap().to_owned()), "exclusive");
    let entity = asker.sandbox.entity_ids().remove(0);
    let (_, page) = asker.get(&format!("reports?entity_id={entity}&limit=3")).await;
    assert!(page["data"].as_array().unwrap().iter().all(|report| report["account"]["entity_id"] == *entity));
    let (_, one) = asker.get(&format!("reports/{}", first["id"].as_str().unwrap())).await;
    assert_eq!(&one, first);
}

#[tokio::test]
async fn financial_actions_are_given_for_payments_and_actions() {
    let asker = Asker::plain();
    let merchant = asker.sandbox.merchant();
    let payment = merchant.all_payments().find(|payment| payment.totals.refunded > 0).unwrap();
    let path = format!("financial-actions?payment_id={}", merchant.payment_id(payment.index));
    let (_, all) = asker.get(&path).await;
    assert_eq!(all["count"], all["data"].as_array().unwrap().len());
    let refund =
        all["data"].as_array().unwrap().iter().find(|row| row["action_type"].as_str().unwrap().ends_with("Refund")).unwrap();
    let (_, by_action) = asker.get(&format!("financial-actions?action_id={}", refund["action_id"].as_str().unwrap())).await;
    assert_eq!(by_action["data"], json!([refund]));
    let (_, first) = asker.get(&format!("{path}&limit=1")).await;
    let (_, second) = asker.get(first["_links"]["next"]["href"].as_str().unwrap()).await;
    assert_eq!((&first["data"][0], &second["data"][0]), (&all["data"][0], &all["data"][1]));
    assert_eq!(asker.get("financial-actions?payment_id=pay_x").await.1["count"], 0);
}

/// Where the first file of the latest report of a type is to be asked for, and its name.
async fn latest_file(asker: &Asker, type_name: &str) -> (String, String) {
    let (_, page) = asker.get("reports?limit=100").await;
    let report = page["data"].as_array().unwrap().iter().find(|report| report["type"] == type_name).unwrap().clone();
    let (id, file) = (report["id"].as_str().unwrap(), &report["files"][0]);
    let path = format!("reports/{id}/files/{}", file["id"].as_str().unwrap());
    assert_eq!(file["_links"]["self"]["href"], asker.main(&path));
    (path, file["filename"].as_str().unwrap().to_owned())
}

/// The signed link to a file.
async fn link(asker: &Asker, path: &str) -> String {
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = http.get(asker.main(path)).bearer_auth(&asker.bearer).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 302);
    answer.headers()["location"].to_str().unwrap().to_owned()
}

/// Status and body of a link followed without a bearer.
async fn follow(asker: &Asker, link: &str) -> (u16, String) {
    let answer = asker.http.get(link).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn xml(status: u16, code: &str, message: &str) -> (u16, String) {
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    (status, format!("{head}<Error><Code>{code}</Code><Message>{message}</Message></Error>"))
}

#[tokio::test]
async fn a_file_is_fetched_from_the_storage_with_a_signed_link_and_no_bearer() {
    let asker = Asker::plain();
    for type_name in ["Payouts", "SettlementBreakdown", "FinancialActionsByPayoutId", "FinancialActions", "Balance", "Disputes"] {
        let (path, filename) = latest_file(&asker, type_name).await;
        let link = link(&asker, &path).await;
        assert!(link.starts_with(asker.sandbox.storage().as_str()) && link.contains(&format!("/{filename}?")), "{link}");
        asker.sandbox.reset_log();
        let answer = asker.http.get(&link).send().await.unwrap();
        let length = answer.content_length().unwrap();
        let body = answer.text().await.unwrap();
        assert_eq!(u64::try_from(body.len()).unwrap(), length);
        assert!(body.ends_with("\r\n") && body.contains(','), "{body}");
        assert_eq!(asker.sandbox.requests().iter().map(|request| request.site).collect::<Vec<_>>(), [Site::Storage]);
    }
}

#[tokio::test]
async fn a_bearer_that_reaches_the_storage_is_refused() {
    let asker = Asker::plain();
    let link = link(&asker, &latest_file(&asker, "Payouts").await.0).await;
    assert_eq!(asker.text(&link).await, xml(400, "InvalidArgument", "Only one auth mechanism allowed"));
}

#[tokio::test]
async fn a_link_that_is_over_or_forged_is_refused() {
    let asker = Asker::new(SandboxOptions { link_life: Duration::ZERO, ..SandboxOptions::default() });
    let over = link(&asker, &latest_file(&asker, "Payouts").await.0).await;
    assert_eq!(follow(&asker, &over).await, xml(403, "AccessDenied", "Request has expired"));
    let forged = xml(403, "SignatureDoesNotMatch", "The request signature we calculated does not match");
    assert_eq!(follow(&asker, &over.replace("Expires=", "Expires=9")).await, forged, "a longer life");
    assert_eq!(follow(&asker, &over.replace("payouts_", "payoutz_")).await, forged, "another file");
    assert_eq!(follow(&asker, asker.sandbox.storage().as_str()).await, forged, "no signature");
}

#[tokio::test]
async fn a_file_needs_the_scope_and_belongs_to_its_report() {
    let asker = Asker::plain();
    let (payouts, balance) = (latest_file(&asker, "Payouts").await.0, latest_file(&asker, "Balance").await.0);
    let of = |path: &str, place| path.split('/').nth(place).unwrap().to_owned();
    let other = format!("reports/{}/files/{}", of(&payouts, 1), of(&balance, 3));
    assert_eq!(code(asker.get(&other).await), refused(404, "file_not_found"));
    assert_eq!(code(asker.get("reports/rpt_x/files/file_x").await), refused(404, "report_not_found"));
    let asker = Asker::new(SandboxOptions { scopes: ["disputes".to_owned()].into(), ..SandboxOptions::default() });
    assert_eq!(asker.text(&asker.main(&payouts)).await, (401, String::new()));
}

#[tokio::test]
async fn faults_reach_the_storage_too() {
    let asker = Asker::with_faults("truncate=100%");
    let merchant = Arc::clone(asker.sandbox.merchant());
    let report = Report::all(&merchant).find(|report| report.kind.type_name == "FinancialActions").unwrap();
    let path = format!("reports/{}/files/{}", report.id(&merchant), report.file_id(&merchant, 0));
    let whole = files::content(&files::Books::new(&merchant, &[]), &report, 0);
    let answer = asker.http.get(link(&asker, &path).await).send().await.unwrap();
    let checksum = STANDARD.decode(answer.headers()["x-amz-checksum-crc32"].as_bytes()).unwrap();
    assert_eq!(checksum, files::crc32(&whole).to_be_bytes(), "of the file as it should be");
    assert_eq!(answer.bytes().await.unwrap(), whole[..whole.len() * 2 / 3]);
    let asker = Asker::with_faults("cut=100%");
    let answer = asker.http.get(link(&asker, &path).await).send().await.unwrap();
    assert_eq!(answer.content_length(), Some(whole.len() as u64));
    assert!(answer.bytes().await.is_err());
}

#[tokio::test]
async fn lies_in_the_books_are_in_the_files() {
    let asker = Asker::with_faults("books=available_balance");
    let merchant = Arc::clone(asker.sandbox.merchant());
    let (truth, lie) = (files::Books::new(&merchant, &[]), files::Books::new(&merchant, &[Lie::AvailableBalance]));
    let mut balances = Report::all(&merchant).filter(|report| report.kind.type_name == "Balance");
    let bent = balances.find(|report| files::content(&truth, report, 0) != files::content(&lie, report, 0)).unwrap();
    let path = format!("reports/{}/files/{}", bent.id(&merchant), bent.file_id(&merchant, 0));
    let answer = asker.http.get(link(&asker, &path).await).send().await.unwrap();
    assert_eq!(answer.bytes().await.unwrap(), files::content(&lie, &bent, 0));
}

#[tokio::test]
async fn a_report_of_many_rows_has_many_files_and_a_packed_one_is_gzip() {
    let files = FileOptions { rows_per_file: Some(5), gzip: true, ..FileOptions::default() };
    let asker = Asker::over(MerchantOptions { files, ..MerchantOptions::default() }, SandboxOptions::default());
    let (_, page) = asker.get("reports?limit=100").await;
    let listed = page["data"].as_array().unwrap().iter().flat_map(|report| report["files"].as_array().unwrap());
    let names: Vec<&str> = listed.map(|file| file["filename"].as_str().unwrap()).collect();
    assert!(names.iter().any(|name| name.starts_with("financial-actions_") && name.ends_with("_3.csv")), "{names:?}");
    let (path, filename) = latest_file(&asker, "SettlementBreakdown").await;
    assert!(filename.ends_with("_1.csv.gz"));
    let answer = asker.http.get(link(&asker, &path).await).send().await.unwrap();
    assert_eq!(
        (&answer.headers()["content-type"], answer.headers().get("content-encoding")),
        (&"application/gzip".parse().unwrap(), None)
    );
    assert!(answer.bytes().await.unwrap().starts_with(&[0x1f, 0x8b]));
}

#[tokio::test]
async fn a_payout_s_reports_carry_its_id() {
    let asker = Asker::plain();
    let (_, page) = asker.get("reports?limit=100").await;
    for report in page["data"].as_array().unwrap() {
        let is_of_payout = ["SettlementBreakdown", "FinancialActionsByPayoutId"].contains(&report["type"].as_str().unwrap());
        let tags = report["tags"].as_array().unwrap();
        assert_eq!(tags.len(), usize::from(is_of_payout));
        for tag in tags {
            let id = tag.as_str().unwrap().strip_prefix("payout_id:").unwrap();
            assert!(id.len() == 12 && report["files"][0]["filename"].as_str().unwrap().contains(&id.to_lowercase()));
        }
    }
}

async fn mint(asker: &Asker, form: &[(&str, &str)]) -> (u16, Value) {
    let url = format!("{}connect/token", asker.sandbox.hosts().token);
    let answer = asker.http.post(url).form(form).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn tokens_are_minted_for_the_client_and_carry_its_scopes() {
    let mut asker = Asker::plain();
    let (id, secret) = (asker.sandbox.client_id().to_owned(), asker.sandbox.client_secret().to_owned());
    let grant = ("grant_type", "client_credentials");
    let form = [grant, ("client_id", &id), ("client_secret", &secret), ("scope", "disputes:view reports")];
    let (status, minted) = mint(&asker, &form).await;
    assert_eq!((status, &minted["token_type"], &minted["expires_in"]), (200, &json!("Bearer"), &json!(3600)));
    asker.bearer = minted["access_token"].as_str().unwrap().to_owned();
    assert_eq!(asker.bearer.split('.').count(), 3);
    assert_eq!(asker.get("disputes").await.0, 200);
    assert_eq!(asker.get("reports").await.0, 200, "the parent scope covers its children");
    assert_eq!(asker.get("payments?reference=x").await.0, 403);
    let url = format!("{}connect/token", asker.sandbox.hosts().token);
    let basic = asker.http.post(url).basic_auth(&id, Some(&secret)).form(&[grant]).send().await.unwrap();
    assert_eq!(basic.status().as_u16(), 200);
    for (form, error) in [
        (vec![grant, ("client_id", id.as_str()), ("client_secret", "x")], "invalid_client"),
        (vec![grant], "invalid_client"),
        (vec![("grant_type", "password")], "unsupported_grant_type"),
        (vec![], "invalid_request"),
        (vec![grant, ("client_id", id.as_str()), ("client_secret", secret.as_str()), ("scope", "moon")], "invalid_scope"),
    ] {
        assert_eq!(mint(&asker, &form).await, (400, json!({ "error": error })));
    }
}

#[tokio::test]
async fn a_bearer_must_be_known_alive_and_allowed() {
    let scopes = ["disputes".to_owned()].into();
    let mut asker = Asker::new(SandboxOptions { scopes, token_life: Duration::ZERO, ..SandboxOptions::default() });
    assert_eq!(asker.get("disputes").await.0, 200);
    assert_eq!(asker.text(&asker.main("reports")).await, (401, String::new()), "reports answer 401 to a missing scope");
    assert_eq!(asker.search(json!({ "query": "amount:>=0" })).await.0, 403);
    let (id, secret) = (asker.sandbox.client_id().to_owned(), asker.sandbox.client_secret().to_owned());
    let form = [("grant_type", "client_credentials"), ("client_id", &id), ("client_secret", &secret)];
    asker.bearer = mint(&asker, &form).await.1["access_token"].as_str().unwrap().to_owned();
    assert_eq!(asker.text(&asker.main("disputes")).await, (401, String::new()), "the token is over");
    asker.bearer = "sk_sbox_x".to_owned();
    assert_eq!(asker.text(&asker.main("disputes")).await, (401, String::new()));
}

#[tokio::test]
async fn the_credentials_look_like_the_vendors() {
    let asker = Asker::plain();
    let key = asker.sandbox.secret_key().strip_prefix("sk_sbox_").unwrap();
    assert!(key.len() == 27 && key.bytes().all(|letter| matches!(letter, b'a'..=b'z' | b'2'..=b'7')));
    assert!(asker.sandbox.client_id().starts_with("ack_"));
    assert!(asker.sandbox.entity_ids().iter().all(|id| id.starts_with("ent_") && id.len() == 30));
    let shown = format!("{:?} {:?}", asker.sandbox, asker.sandbox.account());
    assert!(!shown.contains(key) && !shown.contains(asker.sandbox.client_secret()), "{shown}");
}

#[tokio::test]
async fn every_answer_has_a_request_id_that_errors_repeat() {
    let asker = Asker::plain();
    let answer = asker.http.get(asker.main("disputes?limit=0")).bearer_auth(&asker.bearer).send().await.unwrap();
    let id = answer.headers()["cko-request-id"].to_str().unwrap().to_owned();
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body, json!({ "request_id": id, "error_type": "request_invalid", "error_codes": ["paging_limit_invalid"] }));
}

#[tokio::test]
async fn requests_are_remembered_but_not_the_secret() {
    let asker = Asker::plain();
    asker.get("disputes?limit=0").await;
    mint(&asker, &[("grant_type", "x")]).await;
    let expected = |host, method: &str, path: &str, query: &str, status| LoggedRequest {
        site: Site::Api(host),
        method: method.into(),
        path: path.into(),
        query: query.into(),
        body: String::new(),
        status,
    };
    let main = expected(Host::Main, "GET", "/disputes", "limit=0", 422);
    assert_eq!(asker.sandbox.requests(), [main, expected(Host::Token, "POST", "/connect/token", "", 400)]);
    asker.sandbox.reset_log();
    assert_eq!(asker.sandbox.requests(), []);
}

#[tokio::test]
async fn more_requests_than_allowed_are_refused() {
    let asker = Asker::new(SandboxOptions { requests_per_second: Some(0), ..SandboxOptions::default() });
    assert_eq!(code(asker.get("disputes").await), refused(429, "too_many_requests"));
}

#[tokio::test]
async fn faults_with_a_status_have_it() {
    for (name, status) in [("429", 429), ("500", 500), ("503", 503), ("slow", 200)] {
        assert_eq!(Asker::with_faults(&format!("{name}=100%")).get("disputes").await.0, status, "{name}");
    }
}

#[tokio::test]
async fn a_cut_body_is_shorter_than_announced() {
    let asker = Asker::with_faults("cut=100%");
    let answer = asker.http.get(asker.main("disputes")).bearer_auth(&asker.bearer).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert!(answer.content_length().unwrap() > 1_000);
    assert!(answer.bytes().await.is_err());
}

#[tokio::test]
async fn a_truncated_body_ends_within_the_json() {
    let (status, text) = {
        let asker = Asker::with_faults("truncate=100%");
        asker.text(&asker.main("disputes")).await
    };
    assert_eq!(status, 200);
    assert!(text.starts_with('{') && serde_json::from_str::<Value>(&text).is_err());
}

#[tokio::test]
async fn a_duplicated_page_is_the_page_before() {
    let asker = Asker::with_faults("duplicate_page=100%");
    let first = asker.text(&asker.main("disputes?limit=3&skip=0")).await;
    assert_eq!(asker.text(&asker.main("disputes?limit=3&skip=3")).await, first);
    let (_, first) = asker.get("reports?limit=3").await;
    let second = asker.get(first["_links"]["next"]["href"].as_str().unwrap()).await.1;
    assert_eq!(second["data"], first["data"]);
    let first = asker.search(json!({ "query": "amount:>=0", "limit": 3 })).await;
    assert_eq!(asker.get(first.1["_links"]["next"]["href"].as_str().unwrap()).await, first);
}

#[tokio::test]
async fn an_expired_token_is_refused_and_a_key_is_not() {
    let mut asker = Asker::with_faults("expire_token=100%");
    assert_eq!(asker.get("disputes").await.0, 200);
    let (id, secret) = (asker.sandbox.client_id().to_owned(), asker.sandbox.client_secret().to_owned());
    let form = [("grant_type", "client_credentials"), ("client_id", &id), ("client_secret", &secret)];
    asker.bearer = mint(&asker, &form).await.1["access_token"].as_str().unwrap().to_owned();
    assert_eq!(asker.get("disputes").await.0, 401);
}

#[tokio::test]
async fn a_shifted_dispute_moves_rows_between_pages() {
    let asker = Asker::with_faults("shift=100%");
    let (first, second) = (asker.get("disputes?limit=250").await.1, asker.get("disputes?limit=250").await.1);
    let (first, mut second) = (ids(&first), ids(&second));
    assert_eq!(second[0], first[first.len() - 1]);
    second.rotate_left(1);
    assert_eq!(second, first);
}

#[tokio::test]
async fn a_stopped_sandbox_frees_its_ports() {
    let asker = Asker::plain();
    let port = asker.sandbox.hosts().main.port().unwrap();
    let Asker { sandbox, http, .. } = asker;
    let url = sandbox.hosts().main;
    sandbox.stop();
    assert!(http.get(url).send().await.is_err());
    std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
}
