//! What goes with a dispute: `GET /disputes/{id}/evidence`, `GET /disputes/{id}/schemefiles`.

use super::answer::{Answer, Routed};
use super::disputes::find;
use super::shared::Shared;
use crate::sandbox::json::{write_evidence, write_scheme_files};

/// The evidence given so far.
pub(super) fn evidence(shared: &Shared, dispute: &str) -> Routed {
    let (payment, dispute) = find(shared, dispute).ok_or(Answer::not_found())?;
    Ok(Answer::json(write_evidence(&shared.merchant, &payment, &dispute, shared.hosts.main.as_str())))
}

/// The files the scheme sent.
pub(super) fn scheme_files(shared: &Shared, dispute: &str) -> Routed {
    let (payment, dispute) = find(shared, dispute).ok_or(Answer::not_found())?;
    let files = write_scheme_files(&shared.merchant, &payment, &dispute, shared.hosts.main.as_str());
    files.map(Answer::json).ok_or(Answer::not_found())
}
