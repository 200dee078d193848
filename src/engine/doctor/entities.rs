//! The entities: those configured, or else those that the token and the reports name, each tried with its balances.

use futures::future::join_all;

use super::ask::{Answered, ask};
use super::hosts::Hosts;
use super::reports::{self, Seen};
use super::scopes::{Trial, trials};
use super::{Check, Outcome, Patient, Subject};
use crate::api::claims::Claims;
use crate::api::config::Account;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::resources::By;

/// The scope that an entity is tried with.
const SCOPE: &str = "balances:view";

/// The entities of an account, and who says so.
#[derive(Debug)]
pub(super) struct Known {
    ids: Vec<String>,
    source: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Configuration,
    Elsewhere(&'static str),
}

/// What came of trying the scopes that take an entity; one that is not there stands in where none is known.
#[derive(Debug)]
pub(super) struct ByEntity(Vec<(Trial, Option<String>, Answered)>);

impl ByEntity {
    /// The answer that says most about a scope: that it is there for one entity is enough.
    pub(super) fn best(&self, scope: &str) -> Option<&Answered> {
        let rank = |answer: &&Answered| match answer {
            Answered::Found | Answered::Absent => 0,
            Answered::Refused(_) => 1,
            Answered::Unknown(_) => 2,
        };
        self.0.iter().filter(|(trial, ..)| trial.scope == scope).map(|(.., answer)| answer).min_by_key(rank)
    }

    fn of(&self, entity: &str) -> Option<&Answered> {
        let is_it = |(trial, id, _): &&(Trial, Option<String>, Answered)| trial.scope == SCOPE && id.as_deref() == Some(entity);
        self.0.iter().find(is_it).map(|(.., answer)| answer)
    }
}

/// What could be found out about an account that nobody has configured yet.
#[derive(Debug, Default)]
pub struct Discovery {
    /// The prefix of its own hosts.
    pub prefix: Option<String>,
    /// Its entities.
    pub entity_ids: Vec<String>,
    /// What stood in the way.
    pub failure: Option<Error>,
}

/// Finds out what the account's token and reports name.
///
/// # Errors
/// [`crate::error::ErrorKind::Config`] when the HTTP stack cannot be set up; what goes wrong outside is in the discovery.
pub async fn discover(account: &Account, clock: Clock) -> Result<Discovery> {
    let patient = Patient::try_new(account, clock)?;
    let claims = match patient.probe.claims().await {
        Ok(claims) => claims,
        Err(error) => return Ok(Discovery { failure: Some(error), ..Discovery::default() }),
    };
    let (seen, failure) = match reports::last(&patient).await {
        Ok(seen) => (seen, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let prefix = claims.as_ref().and_then(Claims::prefix).map(str::to_owned);
    Ok(Discovery { prefix, entity_ids: known(account, claims.as_ref(), &seen).ids, failure })
}

/// The entities of an account, from who knows best.
pub(super) fn known(account: &Account, claims: Option<&Claims>, seen: &[Seen]) -> Known {
    if !account.entity_ids.is_empty() {
        return Known { ids: account.entity_ids.clone(), source: Source::Configuration };
    }
    let of_token = claims.and_then(|claims| claims.cko_entity_id.clone());
    let mut ids: Vec<String> = of_token.into_iter().collect();
    let source = if ids.is_empty() { Source::Elsewhere("the reports") } else { Source::Elsewhere("the token") };
    for id in seen.iter().filter_map(Seen::entity_id) {
        if !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }
    Known { ids, source }
}

/// Tries each scope that takes an entity with each entity.
pub(super) async fn ask_each(patient: &Patient, hosts: &Hosts, known: &Known) -> ByEntity {
    let mut ids: Vec<Option<String>> = known.ids.iter().cloned().map(Some).collect();
    if ids.is_empty() {
        ids.push(None);
    }
    let mut asked = Vec::new();
    for trial in trials().into_iter().filter(|trial| trial.call.by == By::Entity) {
        for id in &ids {
            asked.push(async move {
                let answer = ask(patient, hosts, trial, id.as_deref()).await;
                (trial, id.clone(), answer)
            });
        }
    }
    ByEntity(join_all(asked).await)
}

/// A check for each entity.
pub(super) fn checks(patient: &Patient, known: &Known, by_entity: &ByEntity) -> Vec<Check> {
    if known.ids.is_empty() {
        let found = "none is configured, and neither token nor reports name one";
        return vec![
            Check::new(Subject::Entity, "", Outcome::Unknown, found)
                .with_remedy("set entity_ids = [\"ent_…\"], from Dashboard > Settings: balances are read by entity"),
        ];
    }
    let is_scope_there = by_entity.best(SCOPE).is_some_and(Answered::is_let_in);
    known.ids.iter().map(|id| check(patient, known.source, id, by_entity.of(id), is_scope_there)).collect()
}

fn check(patient: &Patient, source: Source, id: &str, answer: Option<&Answered>, is_scope_there: bool) -> Check {
    let check = |outcome, found: &str| Check::new(Subject::Entity, id, outcome, found);
    let check = match answer {
        Some(Answered::Found) => check(Outcome::Ok, "its balances can be read"),
        Some(Answered::Absent) => check(Outcome::Refused, "Checkout.com knows no such entity of this client")
            .with_remedy("correct entity_ids: the ids stand in Dashboard > Settings"),
        Some(Answered::Refused(_)) if is_scope_there => {
            check(Outcome::Refused, "the key does not include it").with_remedy(patient.recipe(&format!("{SCOPE} for {id}")))
        }
        Some(Answered::Unknown(error)) => return check(Outcome::Unknown, &error.to_string()),
        Some(Answered::Refused(_)) | None => return check(Outcome::Unknown, &format!("cannot be tried without {SCOPE}")),
    };
    match source {
        Source::Configuration => check.needed(),
        Source::Elsewhere(who) if check.outcome == Outcome::Ok => {
            Check { found: format!("named by {who}; its balances can be read"), ..check }
                .with_remedy(format!("add \"{id}\" to entity_ids"))
        }
        Source::Elsewhere(_) => check,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_scope_that_is_there_for_one_entity_is_there() {
        let trial = trials().into_iter().find(|trial| trial.scope == SCOPE).unwrap();
        let error = || Error::new(ErrorKind::Scope, "no");
        let best = |answers: Vec<Answered>| {
            let by_entity = ByEntity(answers.into_iter().map(|answer| (trial, None, answer)).collect());
            by_entity.best(SCOPE).map(Answered::is_let_in)
        };
        assert_eq!(best(vec![Answered::Unknown(error()), Answered::Refused(error()), Answered::Found]), Some(true));
        assert_eq!(best(vec![Answered::Unknown(error()), Answered::Refused(error())]), Some(false));
        assert_eq!(best(vec![]), None);
    }

    #[test]
    fn the_configuration_knows_entities_best_and_the_token_s_comes_before_those_of_reports() {
        let account = |entity_ids: &[&str]| Account {
            entity_ids: entity_ids.iter().map(|id| (*id).to_owned()).collect(),
            ..crate::api::config::AccountSettings {
                secret_key: Some("sk_sbox_markermarkermarkermarkeraa2".to_owned().into()),
                ..Default::default()
            }
            .resolve("main")
            .unwrap()
        };
        let claims = Claims { cko_entity_id: Some("ent_token".to_owned()), ..Claims::default() };
        let seen: Vec<Seen> =
            serde_json::from_str(r#"[{"account":{"entity_id":"ent_a"}},{"account":{"entity_id":"ent_token"}},{}]"#).unwrap();
        assert_eq!(known(&account(&["ent_own"]), Some(&claims), &seen).ids, ["ent_own"]);
        assert_eq!(known(&account(&[]), Some(&claims), &seen).ids, ["ent_token", "ent_a"]);
        let of_reports = known(&account(&[]), None, &seen);
        assert_eq!(
            (of_reports.ids, of_reports.source),
            (vec!["ent_a".into(), "ent_token".into()], Source::Elsewhere("the reports"))
        );
    }
}
