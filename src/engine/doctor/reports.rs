//! The reports: which kinds are made for the account, by the last ones there are.
//!
//! The vendor has no list of type names; what is known of them is compared without case, spaces and the like, with the
//! type and with the description.

use serde::Deserialize;

use super::sample::{self, Sample};
use super::scopes::{Answers, Trial, is_let_in, trials};
use super::{Check, Outcome, Patient, Subject};
use crate::api::client::Tally;
use crate::error::{Error, ErrorKind, Result};

/// The scope of reports.
pub(super) const SCOPE: &str = "reports:view";

/// How many of the last reports are looked at.
const LAST: usize = 100;

/// The kinds that reconciliation reads: the Dashboard's name, and the names seen in answers.
const KINDS: [(&str, &[&str]); 5] = [
    ("Payouts", &["payouts"]),
    ("Settlement Breakdown", &["settlementbreakdown"]),
    ("Financial Actions by Payout ID", &["financialactionsbypayoutid", "financialactionsbypayout"]),
    ("Financial Actions by Date Range", &["financialactions", "financialactionsbydaterange"]),
    ("Balance", &["balance", "balances"]),
];

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

    fn is_one_of(&self, names: &[&str]) -> bool {
        [&self.r#type, &self.description].into_iter().flatten().any(|text| names.contains(&letters(text).as_str()))
    }
}

fn letters(text: &str) -> String {
    text.chars().filter(|letter| letter.is_ascii_alphanumeric()).map(|letter| letter.to_ascii_lowercase()).collect()
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
    let is_made = |names: &[&str]| seen.iter().any(|report| report.is_one_of(names));
    let (made, missing): (Vec<_>, Vec<_>) = KINDS.iter().partition(|(_, names)| is_made(names));
    let join = |kinds: Vec<&(&str, &[&str])>| kinds.into_iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
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
