//! A transfer, as `GET /transfers/{id}`.

use super::instant::drifting;
use super::writer::Json;
use crate::sandbox::merchant::Merchant;
use crate::sandbox::transfer::Transfer;

/// The whole answer for one transfer; `base` is the address of the host of transfers.
pub(in crate::sandbox) fn write_transfer(merchant: &Merchant, transfer: &Transfer, base: &str) -> String {
    let id = transfer.id(merchant);
    Json::document(|json| {
        json.text("id", &id);
        json.text("reference", &format!("TR-{:05}", transfer.number));
        json.text("status", transfer.status);
        json.text("transfer_type", transfer.kind);
        json.text("requested_on", &drifting(transfer.requested_at));
        json.list("reason_codes", |json| transfer.reasons.iter().for_each(|reason| json.element(reason)));
        json.member("source", |json| {
            json.text("entity_id", &merchant.entity_id(transfer.source));
            json.plain("amount", transfer.amount);
            json.text("currency", transfer.currency.code);
        });
        json.member("destination", |json| json.text("entity_id", &merchant.entity_id(transfer.destination)));
        json.member("_links", |json| {
            json.member("self", |json| json.text("href", &format!("{base}transfers/{id}")));
        });
    })
}
