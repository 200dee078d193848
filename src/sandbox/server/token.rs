//! `POST /connect/token`: client credentials for a token that looks like the vendor's.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use url::form_urlencoded;

use super::answer::{Answer, Asked, Routed};
use super::shared::Shared;
use crate::clock::Clock;
use crate::sandbox::dice::mix;
use crate::sandbox::json::Json;

/// Answers with a token, or with the OAuth error that says why not.
pub(super) fn token(shared: &Shared, asked: &Asked) -> Routed {
    let form: Vec<(String, String)> = form_urlencoded::parse(asked.body.as_bytes()).into_owned().collect();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    match field("grant_type").as_deref() {
        Some("client_credentials") => {}
        Some(_) => return Err(refusal("unsupported_grant_type")),
        None => return Err(refusal("invalid_request")),
    }
    let given = basic(asked).or_else(|| Some((field("client_id")?, field("client_secret")?)));
    let known = (shared.credentials.client_id.as_str(), shared.credentials.client_secret.expose());
    if given.as_ref().map(|(id, secret)| (id.as_str(), secret.as_str())) != Some(known) {
        return Err(refusal("invalid_client"));
    }
    let scopes = scopes(shared, field("scope").as_deref())?;
    let token = mint(shared, asked.number, &scopes);
    let body = Json::document(|json| {
        json.text("access_token", &token);
        json.text("token_type", "Bearer");
        json.plain("expires_in", shared.options.token_life.as_secs());
        json.text("scope", &scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" "));
    });
    shared.tokens.add(token, shared.options.token_life, scopes);
    Ok(Answer::json(body))
}

/// The scopes asked for; all there are when none is. One that is not granted refuses the whole request.
fn scopes(shared: &Shared, asked: Option<&str>) -> Result<BTreeSet<String>, Answer> {
    let granted = &shared.options.scopes;
    let wanted: BTreeSet<String> = asked.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    match wanted.is_subset(granted) {
        _ if wanted.is_empty() => Ok(granted.clone()),
        true => Ok(wanted),
        false => Err(refusal("invalid_scope")),
    }
}

fn basic(asked: &Asked) -> Option<(String, String)> {
    let encoded = asked.authorization.as_deref()?.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// A JSON web token with the vendor's claims; the signature is none.
fn mint(shared: &Shared, number: u64, scopes: &BTreeSet<String>) -> String {
    let now = Clock::System.now().timestamp();
    let expires = now.saturating_add_unsigned(shared.options.token_life.as_secs());
    let merchant = &shared.merchant;
    let header = Json::document(|json| {
        json.text("alg", "RS256");
        json.text("typ", "at+jwt");
    });
    let claims = Json::document(|json| {
        json.plain("nbf", now);
        json.plain("iat", now);
        json.plain("exp", expires);
        json.text("iss", shared.hosts.token.as_str().trim_end_matches('/'));
        json.text("aud", "gateway");
        json.text("jti", &format!("{:016X}", mix(number)));
        json.text("client_id", &shared.credentials.client_id);
        json.text("cko_client_id", &merchant.client_number());
        json.text("cko_entity_id", &merchant.entity_id(0));
        json.list("scope", |json| scopes.iter().for_each(|scope| json.element(scope)));
    });
    let signature = format!("{:016x}", mix(merchant.seed() ^ number));
    [header, claims, signature].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
}

fn refusal(error: &str) -> Answer {
    Answer { status: 400, ..Answer::json(Json::document(|json| json.text("error", error))) }
}
