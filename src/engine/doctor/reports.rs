//! The reports: which kinds are made for the account, by the last ones there are.
//!
//! The vendor has no list of type names; those that are known are looked for in the type and in the description.

use serde::Deserialize;

use super::sample::{self, Sample};
use super::scopes::{Answers, Trial, is_let_in, trials};
use super::{Check, Outcome, Patient, Subject};
use crate::api::client::Tally;
use crate::error::{Error, ErrorKind, Result};
use crate::resources::report_kind::{ACTIONS_BY_DATE, ACTIONS_BY_PAYOUT, BALANCE, PAYOUTS, ReportKind, SETTLEMENT_BREAKDOWN};

/// The scope of reports.
pub(super) const SCOPE: &str = "reports:view";

/// How many of the last reports are looked at.
const LAST: usize = 100;

/// The kinds that reconciliation reads.
static KINDS: [&ReportKind; 5] = [&PAYOUTS, &SETTLEMENT_BREAKDOWN, &ACTIONS_BY_PAYOUT, &ACTIONS_BY_DATE, &BALANCE];

/// What is read of a report.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Seen {
    r#type: Option<String>,
    description: Option<String>,
    account: Option<Owner>,
}

/// Whom a report is about.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Owner {
    entity_id: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Seen>,
}

impl Seen {
    pub(super) fn entity_id(&self) -> Option<&str> {
        self.account.as_ref()?.entity_id.as_deref()
    }

    fn is_of(&self, kind: &ReportKind) -> bool {
        [&self.r#type, &self.description].into_iter().flatten().any(|text| ReportKind::of(text, "") == Some(kind))
    }
}

/// The last reports.
pub(super) async fn last(patient: &Patient) -> Result<Vec<Seen>> {
    let listing = trials().into_iter().find(|trial| trial.scope == SCOPE);
    let Trial { resource, call, .. } = listing.ok_or_else(|| Error::bug("there is a listing of reports"))?;
    let request = sample::request(resource, call, Sample { entity: None, rows: LAST, now: patient.clock.now() });
    let tally = Tally::default();
    let page = patient.client.read(&request, &tally, |reply| {
        serde_json::from_slice::<Page>(&reply.body).map_err(|error| {
            Error::new(ErrorKind::Decode, "cannot read reports: the answer is no page of them").with("column", error.column())
        })
    });
    Ok(page.await?.map(|(_, page)| page.data).unwrap_or_default())
}

/// Which kinds are made, and which are not; nothing where reports may not be read, which the scope's check says.
pub(super) fn checks(answers: &Answers, seen: &Result<Vec<Seen>>) -> Vec<Check> {
    if !is_let_in(answers, SCOPE) {
        return Vec::new();
    }
    let seen = match seen {
        Ok(seen) => seen,
        Err(error) => return vec![Check::new(Subject::Reports, "", Outcome::Unknown, error.to_string())],
    };
    let is_made = |kind: &&ReportKind| seen.iter().any(|report| report.is_of(kind));
    let (made, missing): (Vec<&ReportKind>, Vec<&ReportKind>) = KINDS.into_iter().partition(is_made);
    let join = |kinds: Vec<&ReportKind>| kinds.into_iter().map(|kind| kind.title).collect::<Vec<_>>().join(", ");
    let mut checks = Vec::new();
    if !made.is_empty() {
        checks.push(Check::new(Subject::Reports, "", Outcome::Ok, format!("made: {}", join(made))));
    }
    if !missing.is_empty() {
        let found = format!("not among the last {LAST}: {}", join(missing));
        let remedy = "schedule these, daily and as CSV, in Dashboard > Reports, for every entity";
        checks.push(Check::new(Subject::Reports, "", Outcome::Unknown, found).with_remedy(remedy));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::doctor::ask::Answered;

    #[test]
    fn a_kind_is_known_by_type_or_description_and_the_others_are_missed() {
        let answers = trials().into_iter().filter(|trial| trial.scope == SCOPE).map(|trial| (trial, Answered::Found)).collect();
        let seen = r#"[{"type":"settlement_breakdown"},{"type":"New","description":"Financial Actions by Payout ID"},{}]"#;
        let checks = checks(&answers, &Ok(serde_json::from_str(seen).unwrap()));
        let told: Vec<(Outcome, &str)> = checks.iter().map(|check| (check.outcome, check.found.as_str())).collect();
        let made = (Outcome::Ok, "made: Settlement Breakdown, Financial Actions by Payout ID");
        let missing = "not among the last 100: Payouts, Financial Actions by Date Range, Balance";
        assert_eq!(told, [made, (Outcome::Unknown, missing)]);
    }
}
