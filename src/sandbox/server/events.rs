//! Events: `GET /workflows/events/subject/{id}`, for payments and disputes.

use super::answer::{Answer, Routed};
use super::disputes;
use super::shared::Shared;
use crate::sandbox::json::{Subject, write_events};

/// The events of a subject.
pub(super) fn of_subject(shared: &Shared, id: &str) -> Routed {
    let (merchant, base) = (&shared.merchant, shared.hosts.main.as_str());
    if let Some(payment) = merchant.find_payment(id) {
        return Ok(Answer::json(write_events(merchant, Subject::Payment(&payment), base)));
    }
    let (payment, dispute) = disputes::find(shared, id).ok_or(Answer::not_found())?;
    Ok(Answer::json(write_events(merchant, Subject::Dispute(&payment, &dispute), base)))
}
