//! The scopes: each one that some call declares, tried with the cheapest call that takes it.

use futures::future::join_all;

use super::ask::{Answered, ask};
use super::entities::ByEntity;
use super::hosts::Hosts;
use super::{Check, NEEDED, Outcome, Patient, Subject};
use crate::resources::{By, Call, RESOURCES, Resource};

/// A scope, and the cheapest way to try it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trial {
    pub(super) scope: &'static str,
    pub(super) resource: &'static Resource,
    pub(super) call: &'static Call,
}

/// What came of trying each scope that takes no entity.
pub(super) type Answers = Vec<(Trial, Answered)>;

/// Every scope that a call declares, those of the main job first.
pub fn scopes() -> Vec<&'static str> {
    trials().into_iter().map(|trial| trial.scope).collect()
}

/// A trial for each scope, in the order of [`scopes`].
pub(super) fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = Vec::new();
    for resource in RESOURCES.iter().copied() {
        for call in resource.calls {
            let trial = Trial { scope: call.scope, resource, call };
            match trials.iter_mut().find(|known| known.scope == call.scope) {
                Some(known) if cost(call) < cost(known.call) => *known = trial,
                Some(_) => {}
                None => trials.push(trial),
            }
        }
    }
    trials.sort_by_key(|trial| !NEEDED.contains(&trial.scope));
    trials
}

/// All are one request. A listing is surest, because an answer of 404 cannot be about its path; a call about an entity
/// may be refused for the entity's sake.
fn cost(call: &Call) -> u8 {
    match call.by {
        By::Listing => 0,
        By::Windows(_) => 1,
        By::Key(_) => 2,
        By::Entity => 3,
        By::Files(_) => 4,
    }
}

/// Tries every scope that has a call which takes no entity, all at once.
pub(super) async fn ask_without_entity(patient: &Patient, hosts: &Hosts) -> Answers {
    let trials = trials().into_iter().filter(|trial| trial.call.by != By::Entity);
    let asked = trials.map(|trial| async move { (trial, ask(patient, hosts, trial, None).await) });
    join_all(asked).await
}

/// Whether each call that was answered was answered 401: then it is the key, because only some calls say a missing scope
/// that way.
pub(super) fn all_unauthorized(answers: &Answers) -> bool {
    let mut answered = answers.iter().filter(|(_, answer)| !matches!(answer, Answered::Unknown(_))).peekable();
    answered.peek().is_some() && answered.all(|(_, answer)| answer.is_unauthorized())
}

/// Whether a scope was found to be there.
pub(super) fn is_let_in(answers: &Answers, scope: &str) -> bool {
    answers.iter().any(|(trial, answer)| trial.scope == scope && answer.is_let_in())
}

/// A check for each scope.
pub(super) fn checks(patient: &Patient, answers: &Answers, by_entity: &ByEntity) -> Vec<Check> {
    let check = |trial: Trial| {
        let without = answers.iter().find(|(asked, _)| asked.scope == trial.scope).map(|(_, answer)| answer);
        check(patient, trial.scope, without.or_else(|| by_entity.best(trial.scope)))
    };
    trials().into_iter().map(check).collect()
}

fn check(patient: &Patient, scope: &'static str, answer: Option<&Answered>) -> Check {
    let opens = format!("opens {}", tables(scope).join(", "));
    let check = |outcome, found: String| Check::new(Subject::Scope, scope, outcome, found);
    let check = match answer {
        Some(Answered::Found | Answered::Absent) => check(Outcome::Ok, opens),
        Some(Answered::Refused(_)) => {
            let check = check(Outcome::Refused, opens).with_remedy(patient.recipe(&ticked(scope)));
            if is_for_access_keys(patient, scope, answer) { check.with_remedy(ACCESS_KEY) } else { check }
        }
        Some(Answered::Unknown(error)) => {
            Check { remedy: error.advice().map(str::to_owned), ..check(Outcome::Unknown, format!("{opens}; {error}")) }
        }
        None => check(Outcome::Unknown, opens),
    };
    if NEEDED.contains(&scope) { check.needed() } else { check }
}

const ACCESS_KEY: &str = "give it to an access key (client_id and client_secret) instead: secret keys are not let in";

/// A secret key that is known gets 403 where it lacks a scope, and 401 where no secret key is let in; reports alone answer
/// 401 for both.
fn is_for_access_keys(patient: &Patient, scope: &str, answer: Option<&Answered>) -> bool {
    !patient.is_oauth() && scope != super::reports::SCOPE && answer.is_some_and(Answered::is_unauthorized)
}

/// The tables that some call with this scope answers for; one with its history is named once.
fn tables(scope: &str) -> Vec<&'static str> {
    let opens = |resource: &&&Resource| !resource.is_history() && resource.calls.iter().any(|call| call.scope == scope);
    RESOURCES.iter().filter(opens).map(|resource| resource.name).collect()
}

/// A scope as the Dashboard calls it.
pub fn ticked(scope: &str) -> String {
    if scope == super::reports::SCOPE { format!("Reporting ({scope})") } else { scope.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_needed_scope_is_one_that_a_call_declares_and_comes_first() {
        let (scopes, mut needed) = (scopes(), NEEDED.to_vec());
        let mut first = scopes.get(..NEEDED.len()).unwrap().to_vec();
        first.sort_unstable();
        needed.sort_unstable();
        assert_eq!(first, needed);
    }

    #[test]
    fn a_scope_is_tried_with_a_listing_where_there_is_one() {
        let by = |scope| trials().into_iter().find(|trial| trial.scope == scope).unwrap().call.by;
        assert_eq!((by("disputes:view"), by("reports:view"), by("balances:view")), (By::Listing, By::Listing, By::Entity));
    }
}
