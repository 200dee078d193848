//! Flows whose answer is known: what a flow goes by is told as one hash, and where that is the hash of the last run, its rules
//! would find what they found then.
//!
//! In the hash is every value of every column that the plans of the rules use, as the snapshot has it, and the rules, their
//! plans, the conventions, the settings of the session, and the version of the program: functions of rules tell the same of
//! the same, which [`check`](super::check) sees to. A flow of which a rule reads a table that no header names has no hash, as
//! that is read when the rule has its turn; nor has one whose rows are more than the memory that is allowed. What people have
//! decided and the day of the run are for those to compare who know the last one.

use std::collections::BTreeMap;

use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use sha2::{Digest, Sha256};

use super::conventions::Conventions;
use super::outcome::Outcome;
use super::overrides::Overrides;
use super::planned::{Planned, Steps};
use super::rule::Rule;
use super::run::ran;
use super::snapshot::Snapshot;
use crate::error::Result;

/// The hash of what a flow goes by, by flow.
pub type Hashes = BTreeMap<String, String>;

/// What came of flows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ran {
    /// What was found; nothing of flows whose answer was known.
    pub outcome: Outcome,
    /// What they went by, where it can be told.
    pub hashes: Hashes,
}

/// Runs rules under what people have decided, but those of flows that go by what they are known to have gone by.
///
/// # Errors
/// Those of [`run_under`](super::run::run_under).
pub async fn run_unknown(
    rules: &[Rule],
    overrides: &Overrides,
    context: &SessionContext,
    conventions: &Conventions,
    as_of: i32,
    known: &Hashes,
) -> Result<Ran> {
    let Planned { snapshot, steps: [mut steps] } = Planned::of([rules], context).await?;
    let mut hashes = Hashes::new();
    for of_flow in steps.chunk_by(|one, other| one.flow == other.flow) {
        if let (Some(step), Some(hash)) = (of_flow.first(), hash(of_flow, &snapshot, conventions)?) {
            hashes.insert(step.flow.clone(), hash);
        }
    }
    steps.retain(|step| hashes.get(&step.flow).is_none_or(|hash| known.get(&step.flow) != Some(hash)));
    let outcome = ran(steps, &snapshot, overrides, conventions, as_of).await?;
    Ok(Ran { outcome, hashes })
}

/// The hash of what the steps of a flow go by; `None` where it cannot be told.
fn hash(steps: &[Steps], snapshot: &Snapshot, conventions: &Conventions) -> Result<Option<String>> {
    let plans: Vec<&LogicalPlan> = steps.iter().flat_map(Steps::all_plans).collect();
    let Some(rows) = snapshot.hash(&plans)? else { return Ok(None) };
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    };
    add(env!("CARGO_PKG_VERSION"));
    add(&rows);
    // Maps and lists in an order of their own: the same conventions and rules are the same text.
    add(&format!("{conventions:?}"));
    steps.iter().for_each(|step| add(&format!("{} {:?}", step.hop, step.rules)));
    plans.iter().for_each(|plan| add(&plan.display_indent_schema().to_string()));
    for setting in snapshot.context().state().config_options().entries() {
        add(&setting.key);
        add(setting.value.as_deref().unwrap_or_default());
    }
    Ok(Some(hex::encode(hash.finalize())))
}
