//! The table of routes: which call needs which scope, and who answers it.

use super::access::check;
use super::answer::{Answer, Asked, Routed};
use super::shared::{Shared, Site};
use super::{
    balances, disputes, entities, events, evidence, financial_actions, payments, rates, reports, search, storage, token, vault,
};
use crate::api::request::Host;

/// Answers a request.
pub(super) fn route(shared: &Shared, asked: &Asked) -> Answer {
    let (Ok(answer) | Err(answer)) = routed(shared, asked);
    answer
}

fn routed(shared: &Shared, asked: &Asked) -> Routed {
    let allow = |scope| check(asked, scope, &shared.credentials.secret_key, &shared.options.scopes, &shared.tokens);
    let segments = asked.segments();
    let Site::Api(host) = asked.site else { return storage::file(shared, asked) };
    match (host, asked.method.as_str(), segments.as_slice()) {
        (Host::Token, "POST", ["connect", "token"]) => token::token(shared, asked),
        (Host::Main, "POST", ["payments", "search"]) => {
            allow("payments:search").and_then(|()| search::open_search(shared, asked))
        }
        (Host::Main, "GET", ["payments", "search", _]) => allow("payments:search").and_then(|()| search::follow(shared, asked)),
        (Host::Main, "GET", ["payments"]) => {
            allow("gateway:payment-details").and_then(|()| payments::by_reference(shared, asked))
        }
        (Host::Main, "GET", ["payments", id]) => allow("gateway:payment-details").and_then(|()| payments::details(shared, id)),
        (Host::Main, "GET", ["payments", id, "actions"]) => {
            allow("gateway:payment-details").and_then(|()| payments::actions(shared, id))
        }
        (Host::Main, "GET", ["disputes"]) => allow("disputes:view").and_then(|()| disputes::list(shared, asked)),
        (Host::Main, "GET", ["disputes", id]) => allow("disputes:view").and_then(|()| disputes::details(shared, id)),
        (Host::Main, "GET", ["disputes", id, "evidence"]) => allow("disputes:view").and_then(|()| evidence::evidence(shared, id)),
        (Host::Main, "GET", ["disputes", id, "schemefiles"]) => {
            allow("disputes:scheme-files").and_then(|()| evidence::scheme_files(shared, id))
        }
        (Host::Main, "GET", ["reports"]) => allow("reports:view").and_then(|()| reports::list(shared, asked)),
        (Host::Main, "GET", ["reports", id]) => allow("reports:view").and_then(|()| reports::details(shared, id)),
        (Host::Main, "GET", ["reports", id, "files", file]) => {
            allow("reports:view").and_then(|()| storage::redirect(shared, id, file))
        }
        (Host::Main, "GET", ["financial-actions"]) => {
            allow("financial-actions:view").and_then(|()| financial_actions::list(shared, asked))
        }
        (Host::Balances, "GET", ["balances", entity]) => {
            allow("balances:view").and_then(|()| balances::balances(shared, asked, entity))
        }
        (Host::Transfers, "GET", ["transfers", id]) => allow("transfers:view").and_then(|()| entities::transfer(shared, id)),
        (Host::Main, "GET", ["forex", "rates"]) => allow("fx").and_then(|()| rates::rates(shared, asked)),
        (Host::Main, "GET", ["accounts", "entities", id]) => allow("accounts").and_then(|()| entities::details(shared, id)),
        (Host::Main, "GET", ["accounts", "entities", id, "payout-schedules"]) => {
            allow("accounts").and_then(|()| entities::payout_schedules(shared, id))
        }
        (Host::Main, "GET", ["customers", id]) => allow("vault:customers").and_then(|()| vault::customer(shared, id)),
        (Host::Main, "GET", ["instruments", id]) => allow("vault:instruments").and_then(|()| vault::instrument(shared, id)),
        (Host::Main, "GET", ["workflows", "events", "subject", id]) => {
            allow("flow:events").and_then(|()| events::of_subject(shared, id))
        }
        (Host::Files, ..) => allow("files").and(Err(Answer::not_found())),
        _ => Err(Answer::not_found()),
    }
}
