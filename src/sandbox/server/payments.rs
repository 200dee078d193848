//! Payments by key: `GET /payments/{id}`, `GET /payments?reference=`, `GET /payments/{id}/actions`.

use super::answer::{Answer, Asked, Routed};
use super::paging::{limit, skip};
use super::shared::Shared;
use crate::sandbox::json::{Json, write_actions, write_details};

/// One payment.
pub(super) fn details(shared: &Shared, id: &str) -> Routed {
    let payment = shared.merchant.find_payment(id).ok_or(Answer::not_found())?;
    let base = shared.hosts.main.as_str();
    Ok(Answer::json(Json::document(|json| write_details(json, &shared.merchant, &payment, base))))
}

/// The actions of one payment.
pub(super) fn actions(shared: &Shared, id: &str) -> Routed {
    let payment = shared.merchant.find_payment(id).ok_or(Answer::not_found())?;
    Ok(Answer::json(write_actions(&shared.merchant, &payment)))
}

/// The payments with a reference, newest first.
pub(super) fn by_reference(shared: &Shared, asked: &Asked) -> Routed {
    let (limit, skip) = (limit(asked, 10, 100)?, skip(asked)?);
    let reference = asked.parameter("reference").ok_or_else(|| Answer::invalid("reference_required"))?;
    let found = shared.merchant.find_reference(reference);
    Ok(Answer::json(Json::document(|json| {
        json.plain("limit", limit);
        json.plain("skip", skip);
        json.plain("total_count", found.len());
        json.list("data", |json| {
            for payment in found.iter().rev().skip(skip).take(limit) {
                json.object(|json| write_details(json, &shared.merchant, payment, shared.hosts.main.as_str()));
            }
        });
    })))
}
