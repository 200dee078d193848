//! What people have set apart, as a rule sees it.

use std::collections::BTreeSet;

use super::assign::{self, Pair};
use super::outcome::{Group, Step};

/// Rows of the two tables of a rule that are not to be matched with each other.
#[derive(Debug, Clone, Default)]
pub(super) struct Apart {
    /// Rows that are no candidates of each other.
    pairs: assign::Apart,
    /// Rows that make no match, just these together, though each may be in another.
    groups: BTreeSet<Group>,
}

impl Apart {
    /// Those of a step that are of a rule's tables, whichever side a person has named first.
    pub(super) fn of(step: &Step, tables: [usize; 2]) -> Self {
        let [left, right] = tables;
        let of_rule = step.apart.iter().filter_map(|apart| match apart.tables {
            own if own == tables => Some(apart.group.clone()),
            own if own == [right, left] => Some(apart.group.turned()),
            _ => None,
        });
        let (pairs, groups): (Vec<Group>, Vec<Group>) = of_rule.partition(|group| group.pair().is_some());
        Self { pairs: assign::Apart::new(pairs.iter().filter_map(Group::pair)), groups: groups.into_iter().collect() }
    }

    /// Whether two rows are no candidates of each other.
    pub(super) fn has(&self, left: u32, right: u32) -> bool {
        self.pairs.has(Pair { left, right })
    }

    /// The rows that are no candidates of each other.
    pub(super) fn pairs(&self) -> impl Iterator<Item = Pair> {
        self.pairs.pairs()
    }

    /// Whether just these rows make no match.
    pub(super) fn forbids(&self, group: &Group) -> bool {
        self.groups.contains(group)
    }

    /// The groups that make no match.
    pub(super) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter()
    }
}
