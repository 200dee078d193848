//! A trial call: what its answer says about the one who asks.

use super::Patient;
use super::hosts::Hosts;
use super::sample::{self, Sample};
use super::scopes::Trial;
use crate::api::client::Tally;
use crate::error::{Error, ErrorKind};
use crate::resources::By;

/// What came of a trial call.
#[derive(Debug)]
pub(super) enum Answered {
    /// Rows, or none: it is allowed.
    Found,
    /// It is allowed, and there is no such thing.
    Absent,
    /// It is not allowed.
    Refused(Error),
    /// It did not come to that.
    Unknown(Error),
}

/// Makes a call, for an entity where it is one about entities.
pub(super) async fn ask(patient: &Patient, hosts: &Hosts, trial: Trial, entity: Option<&str>) -> Answered {
    let Trial { resource, call, .. } = trial;
    if !hosts.is_reached(call.host) {
        return Answered::Unknown(Error::new(ErrorKind::Unavailable, "its host cannot be reached"));
    }
    let request = sample::request(resource, call, Sample { entity, rows: 1, now: patient.clock.now() });
    match patient.client.read(&request, &Tally::default(), |_| Ok(())).await {
        Ok(Some(_)) => Answered::Found,
        // A listing is always there, so its path is not the vendor's.
        Ok(None) if matches!(call.by, By::Listing | By::Windows(_)) => Answered::Unknown(
            Error::new(ErrorKind::Rejected, format!("the host knows no {}", call.path)).hint("correct the prefix or api_url"),
        ),
        Ok(None) => Answered::Absent,
        Err(error) => match error.kind() {
            ErrorKind::Credentials | ErrorKind::Scope => Answered::Refused(error),
            // Who may not ask is told so before what is asked is looked at.
            ErrorKind::Rejected if matches!(error.context("status"), Some("400" | "409" | "422")) => Answered::Absent,
            _ => Answered::Unknown(error),
        },
    }
}

impl Answered {
    /// Whether the call is allowed.
    pub(super) fn is_let_in(&self) -> bool {
        matches!(self, Self::Found | Self::Absent)
    }

    /// Whether it is refused with 401, as a key that nobody knows is.
    pub(super) fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Refused(error) if error.context("status") == Some("401"))
    }
}
