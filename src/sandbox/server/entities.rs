//! Entities and what moves between them: `GET /accounts/entities/{id}` and its payout schedules, `GET /transfers/{id}`.

use super::answer::{Answer, Routed};
use super::shared::Shared;
use crate::sandbox::currency::ENTITIES;
use crate::sandbox::json::{write_entity, write_schedules, write_transfer};
use crate::sandbox::transfer::{SELLERS, Transfer};

/// One entity.
pub(super) fn details(shared: &Shared, id: &str) -> Routed {
    let entity = find(shared, id).ok_or(Answer::not_found())?;
    Ok(Answer::json(write_entity(&shared.merchant, entity, shared.hosts.main.as_str())))
}

/// When an entity is paid out.
pub(super) fn payout_schedules(shared: &Shared, id: &str) -> Routed {
    let entity = find(shared, id).ok_or(Answer::not_found())?;
    let schedules = write_schedules(&shared.merchant, entity, shared.hosts.main.as_str());
    schedules.map(Answer::json).ok_or(Answer::not_found())
}

/// One transfer.
pub(super) fn transfer(shared: &Shared, id: &str) -> Routed {
    let transfer = Transfer::find(&shared.merchant, id).ok_or(Answer::not_found())?;
    Ok(Answer::json(write_transfer(&shared.merchant, &transfer, shared.hosts.transfers.as_str())))
}

fn find(shared: &Shared, id: &str) -> Option<usize> {
    let (entity, zero) = shared.merchant.ids().read("ent_", id)?;
    usize::try_from(entity).ok().filter(|entity| zero == 0 && *entity < ENTITIES + SELLERS)
}
