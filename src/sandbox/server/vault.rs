//! The vault: `GET /customers/{id or e-mail address}`, `GET /instruments/{id}`.

use super::answer::{Answer, Routed};
use super::shared::Shared;
use crate::sandbox::json::{write_customer_details, write_instrument};
use crate::sandbox::vault::{Instrument, find_customer};

/// One customer.
pub(super) fn customer(shared: &Shared, identifier: &str) -> Routed {
    let identifier = percent_decoded(identifier);
    let customer = find_customer(&shared.merchant, &identifier).ok_or(Answer::not_found())?;
    Ok(Answer::json(write_customer_details(&shared.merchant, customer)))
}

/// One instrument.
pub(super) fn instrument(shared: &Shared, id: &str) -> Routed {
    let instrument = Instrument::find(&shared.merchant, id).ok_or(Answer::not_found())?;
    Ok(Answer::json(write_instrument(&shared.merchant, instrument)))
}

/// A path segment as it was meant; the only letter of an address here that clients write as a code is the `@`.
fn percent_decoded(segment: &str) -> String {
    segment.replace("%40", "@")
}
