//! Financial actions: `GET /financial-actions` for a payment or an action.

use super::answer::{Answer, Asked, Routed};
use super::paging::{limit, offset_token, token_offset};
use super::reports::write_links;
use super::shared::Shared;
use crate::sandbox::effect::effective_at;
use crate::sandbox::json::{Json, write_financial_action};
use crate::sandbox::movement::{Clearing, Posting, postings};
use crate::sandbox::payment::Payment;

/// The financial actions of a payment or an action, in the order of time.
pub(super) fn list(shared: &Shared, asked: &Asked) -> Routed {
    let (limit, offset) = (limit(asked, 100, 100)?, token_offset(asked)?);
    let found = match (asked.parameter("payment_id"), asked.parameter("action_id")) {
        (None, None) => return Err(Answer::error(422, "invalid_request", "payment_id_or_action_id_required")),
        (payment_id, action_id) => find(shared, payment_id, action_id),
    };
    let (payment, all) = found.map_or((None, Vec::new()), |(payment, all)| (Some(payment), all));
    let page = all.get(offset..(offset + limit).min(all.len())).unwrap_or_default();
    Ok(Answer::json(Json::document(|json| {
        json.plain("count", page.len());
        json.plain("limit", limit);
        json.list("data", |json| {
            for (posting, payment) in page.iter().zip(std::iter::repeat(payment.as_ref()).flatten()) {
                write_financial_action(json, &shared.merchant, payment, posting);
            }
        });
        let next = (offset + page.len() < all.len()).then(|| offset_token(offset + page.len()));
        write_links(json, shared.hosts.main.as_str(), asked, next.as_deref());
    })))
}

/// A payment and those of its financial actions that are meant and have taken effect; nothing for unknown ids.
fn find(shared: &Shared, payment_id: Option<&str>, action_id: Option<&str>) -> Option<(Payment, Vec<Posting>)> {
    let by_action = match action_id {
        Some(id) => Some(shared.merchant.ids().read("act_", id)?),
        None => None,
    };
    let id = match (payment_id, by_action) {
        (Some(id), _) => id.to_owned(),
        (None, Some((index, _))) => shared.merchant.payment_id(index),
        (None, None) => return None,
    };
    let payment = shared.merchant.find_payment(&id)?;
    let mut all = postings(&payment);
    all.retain(|posting| effective_at(posting) <= shared.merchant.now());
    all.sort_by_key(|posting| (effective_at(posting), posting.number));
    let late = all.extract_if(.., |posting| posting.clearing == Clearing::Late).collect();
    add_late(&mut all, late);
    if let Some((index, number)) = by_action {
        all.retain(|posting| index == payment.index && posting.number == number);
    }
    Some((payment, all))
}

/// Interchange that was billed later is part of the action that it is on.
fn add_late(all: &mut [Posting], late: Vec<Posting>) {
    for billed in late {
        let capture = all.iter_mut().find(|posting| posting.number == billed.number);
        capture.into_iter().for_each(|capture| capture.movements.extend(&billed.movements));
    }
}
