//! Identities of the books, as they were found when a flow was reconciled: what they say is for whoever evaluates them.

use super::conserve::Assertion;

/// An identity of the books, and where it does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The flow that it is told with.
    pub flow: String,
    /// Its number, such as `I4`.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// How exactly it is to hold.
    pub tolerance: String,
    /// Where it does not.
    pub broken: Vec<Broken>,
}

/// Something that an identity does not hold of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its day, and what it is: a payout, an account, an action.
    pub subject: String,
    /// The currency.
    pub currency: Option<String>,
    /// What it is to be, mantissa of decimal(38,8).
    pub expected: Option<i128>,
    /// What it is.
    pub found: Option<i128>,
}

impl Identity {
    /// A row for each thing that it does not hold of, or one that says it holds.
    pub(super) fn assertions(&self) -> Vec<Assertion> {
        let told = |broken: Option<&Broken>| Assertion {
            hop: None,
            identity: self.id.clone(),
            scope: self.name.clone(),
            currency: broken.and_then(|broken| broken.currency.clone()),
            left: broken.and_then(|broken| broken.expected),
            right: broken.and_then(|broken| broken.found),
            rows: i64::from(broken.is_some()),
            is_passed: broken.is_none(),
            tolerance: Some(self.tolerance.clone()),
            subject: broken.map(|broken| broken.subject.clone()),
        };
        match self.broken.as_slice() {
            [] => vec![told(None)],
            broken => broken.iter().map(|broken| told(Some(broken))).collect(),
        }
    }
}
