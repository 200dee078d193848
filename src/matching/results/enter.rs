//! What people enter: decisions of rows, and the closing of periods.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use datafusion::execution::SessionState;
use deltalake_core::kernel::Transaction;

use super::{Results, rows, tables};
use crate::error::{Error, ErrorKind, Result};
use crate::lake::delta::Note;
use crate::matching::overrides::{Action, Decision};

/// The transactions that number decisions and closings.
const DECISIONS: &str = "ckosql/recon/overrides";
const CLOSES: &str = "ckosql/recon/closes";

/// Who enters something, and when.
#[derive(Debug, Clone)]
pub struct Entered {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub who: String,
}

impl Results {
    /// Keeps decisions, all of them or none, and gives the number of the first. Their own numbers are not looked at.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when one retracts what there is not, or is of no rows; [`ErrorKind::Conflict`] when somebody else
    /// has decided something at the same time; [`ErrorKind::File`] when they cannot be kept.
    pub async fn decide(&self, mut decisions: Vec<Decision>, state: &SessionState) -> Result<i64> {
        let table = self.store.open(&tables::OVERRIDES).await?;
        let last = self.store.number(&tables::OVERRIDES, &table, DECISIONS).await?;
        let known: BTreeMap<i64, Decision> =
            self.store.decisions(state).await?.into_iter().map(|decision| (decision.number, decision)).collect();
        let mut number = last;
        for decision in &mut decisions {
            number += 1;
            decision.number = number;
            check(decision, &known)?;
        }
        let rows = rows::decisions(&decisions)?;
        self.store.add(&tables::OVERRIDES, &table, rows, Some(Transaction::new(DECISIONS, number)), Note::new()).await?;
        Ok(last + 1)
    }

    /// Closes the periods of a flow through a day, counted since 1970.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when that would open what is closed and it is not to be; [`ErrorKind::Conflict`] when somebody else
    /// has closed something at the same time; [`ErrorKind::File`] when it cannot be kept.
    pub async fn close(&self, flow: &str, through: i32, may_reopen: bool, by: &Entered, state: &SessionState) -> Result<()> {
        let table = self.store.open(&tables::CLOSES).await?;
        let closed = self.store.closed(state).await?.get(flow).copied();
        if closed.is_some_and(|closed| through < closed) && !may_reopen {
            return Err(Error::new(ErrorKind::Query, "a later day is closed already")
                .with("flow", flow)
                .with("closed through", closed.and_then(chrono::NaiveDate::from_epoch_days).unwrap_or_default())
                .hint("add --reopen to open what lies after the day again"));
        }
        let number = self.store.number(&tables::CLOSES, &table, CLOSES).await? + 1;
        let row = rows::close(number, by.at, &by.who, flow, through)?;
        self.store.add(&tables::CLOSES, &table, row, Some(Transaction::new(CLOSES, number)), Note::new()).await
    }
}

/// That a decision can count.
fn check(decision: &Decision, known: &BTreeMap<i64, Decision>) -> Result<()> {
    let Decision { action, rows: [left, right], retracts, .. } = decision;
    let wrong = |what: &'static str| Error::new(ErrorKind::Query, what).with("action", action.word());
    match (action, retracts) {
        (Action::Retract, Some(number)) => match known.get(number) {
            Some(known) if known.action != Action::Retract && known.flow == decision.flow => Ok(()),
            _ => Err(wrong("the flow has no such override that could be retracted")
                .with("override_id", number)
                .with("flow", &decision.flow)
                .hint("select * from recon.overrides lists them")),
        },
        (Action::Retract, None) => Err(wrong("an override of none").hint("say which: --id NUMBER, as recon.overrides has it")),
        (Action::Match | Action::Unmatch, _) if left.ids().is_empty() || right.ids().is_empty() => {
            Err(wrong("an override of rows of one side").hint("name rows of both: --left ID … --right ID …"))
        }
        (Action::Exclude | Action::WriteOff | Action::Comment, _) if left.ids().is_empty() && right.ids().is_empty() => {
            Err(wrong("an override of no rows").hint("name some: --left ID … or --right ID …"))
        }
        _ => Ok(()),
    }
}
