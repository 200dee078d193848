//! Disputes: `GET /disputes`, `GET /disputes/{id}`; the last changed comes first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::answer::{Answer, Asked, Routed};
use super::paging::{limit, skip};
use super::shared::Shared;
use crate::sandbox::json::{Json, MCC, dispute_arn, write_dispute, write_dispute_summary};
use crate::sandbox::merchant::Merchant;
use crate::sandbox::payment::{Dispute, Payment};
use crate::sandbox::schedule::{Micros, SECOND};

/// Filters that the answer repeats.
const FILTERS: [&str; 12] = [
    "from",
    "to",
    "id",
    "entity_ids",
    "sub_entity_ids",
    "processing_channel_ids",
    "segment_ids",
    "statuses",
    "payment_id",
    "payment_reference",
    "payment_arn",
    "payment_mcc",
];

/// Disputes that changed since the server started, by payment, and when.
#[derive(Debug, Default)]
pub(super) struct Changes {
    moved: Mutex<BTreeMap<u64, Micros>>,
}

impl Changes {
    /// Changes the dispute that has not changed for longest: it becomes the newest.
    pub(super) fn shift(&self, merchant: &Merchant) {
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = merchant.disputed().iter().find(|(_, index)| !moved.contains_key(index));
        if let Some((_, index)) = oldest {
            let so_far = Micros::try_from(moved.len()).unwrap_or(0);
            moved.insert(*index, merchant.now() + (so_far + 1) * SECOND);
        }
    }

    /// Disputed payments by last change, as it is now.
    fn order(&self, merchant: &Merchant) -> BTreeSet<(Micros, u64)> {
        let moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        let mut order: BTreeSet<(Micros, u64)> = merchant.disputed().clone();
        order.retain(|(_, index)| !moved.contains_key(index));
        order.extend(moved.iter().map(|(index, at)| (*at, *index)));
        order
    }

    fn find(&self, merchant: &Merchant, index: u64) -> Option<(Payment, Dispute)> {
        let moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        let payment = merchant.payment(index);
        let mut dispute = payment.dispute?;
        dispute.updated_at = moved.get(&index).copied().unwrap_or(dispute.updated_at);
        Some((payment, dispute))
    }
}

/// One dispute.
pub(super) fn details(shared: &Shared, id: &str) -> Routed {
    let (payment, dispute) = find(shared, id).ok_or(Answer::not_found())?;
    Ok(Answer::json(write_dispute(&shared.merchant, &payment, &dispute, shared.hosts.main.as_str())))
}

/// Disputes, filtered.
pub(super) fn list(shared: &Shared, asked: &Asked) -> Routed {
    if shared.options.refused_fields.iter().any(|field| asked.parameter(field).is_some()) {
        return Err(Answer::invalid("filter_invalid"));
    }
    let (limit, skip) = (limit(asked, 50, 250)?, skip(asked)?);
    let from = instant(asked, "from", Micros::MIN)?;
    let to = instant(asked, "to", Micros::MAX)?;
    let mut wanted = Vec::new();
    if from <= to {
        for (_, index) in shared.changes.order(&shared.merchant).range((from, 0)..=(to, u64::MAX)).rev() {
            if admits(shared, asked, *index) {
                wanted.push(*index);
            }
        }
    }
    Ok(Answer::json(Json::document(|json| {
        json.plain("limit", limit);
        json.plain("skip", skip);
        for name in FILTERS {
            json.some_text(name, asked.parameter(name));
        }
        json.plain("total_count", wanted.len());
        json.list("data", |json| {
            for index in wanted.iter().skip(skip).take(limit) {
                if let Some((payment, dispute)) = shared.changes.find(&shared.merchant, *index) {
                    write_dispute_summary(json, &shared.merchant, &payment, &dispute, shared.hosts.main.as_str());
                }
            }
        });
    })))
}

/// The dispute of an id, as it is now.
pub(super) fn find(shared: &Shared, id: &str) -> Option<(Payment, Dispute)> {
    let (index, zero) = shared.merchant.ids().read("dsp_", id)?;
    let exists = zero == 0 && index < shared.merchant.options().payments;
    if exists { shared.changes.find(&shared.merchant, index) } else { None }
}

fn instant(asked: &Asked, name: &str, default: Micros) -> Result<Micros, Answer> {
    let Some(text) = asked.parameter(name) else { return Ok(default) };
    let parsed = chrono::DateTime::parse_from_rfc3339(text).map(|at| at.timestamp_micros());
    parsed.ok().ok_or_else(|| Answer::invalid("date_invalid"))
}

/// Whether every filter but the times admits the dispute of a payment.
fn admits(shared: &Shared, asked: &Asked, index: u64) -> bool {
    let filters: Vec<(&str, &str)> = FILTERS.iter().skip(2).filter_map(|name| Some((*name, asked.parameter(name)?))).collect();
    if filters.is_empty() {
        return true;
    }
    let merchant = &shared.merchant;
    let Some((payment, dispute)) = shared.changes.find(merchant, index) else { return false };
    filters.iter().all(|(name, wanted)| match *name {
        "id" => merchant.dispute_id(index) == *wanted,
        "entity_ids" => is_any(wanted, &merchant.entity_id(payment.currency.settled_to().entity)),
        "processing_channel_ids" => is_any(wanted, &merchant.channel_id(&payment)),
        "statuses" => is_any(wanted, dispute.status),
        "payment_id" => merchant.payment_id(index) == *wanted,
        "payment_reference" => merchant.reference(&payment).as_deref() == Some(*wanted),
        "payment_arn" => dispute_arn(&payment, &dispute).as_deref() == Some(*wanted),
        "payment_mcc" => *wanted == MCC,
        // No dispute here has a sub-entity or a segment.
        _ => false,
    })
}

/// Whether one of the values with commas between is this one.
fn is_any(wanted: &str, value: &str) -> bool {
    wanted.split(',').any(|wanted| wanted.trim() == value)
}
