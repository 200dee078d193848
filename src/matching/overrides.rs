//! What people have decided of rows: that they belong together, that they do not, that they are no concern of a flow.
//!
//! Plain values. Decisions are kept for ever and count in the order in which they were made: the later one wins. Here they
//! become what a run has to know; where they are kept is no matter of this file.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::error::{Error, ErrorKind, Result};

/// What is decided of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// They belong together, whatever the rules say.
    Match,
    /// They do not, whatever the rules say.
    Unmatch,
    /// They are no concern of the flow.
    Exclude,
    /// Nothing; something is said of them.
    Comment,
    /// They belong together, and what is left of their amounts is written off.
    WriteOff,
    /// Nothing; somebody is to see to them.
    Assign,
    /// An earlier decision no longer counts.
    Retract,
}

/// The actions by the words they are said with, and what they mean.
pub const WORDS: [(&str, Action, &str); 7] = [
    ("match", Action::Match, "They belong together, whatever the rules say"),
    ("unmatch", Action::Unmatch, "They do not, whatever the rules say"),
    ("exclude", Action::Exclude, "They are no concern of the flow"),
    ("comment", Action::Comment, "Something is said of them"),
    ("writeoff", Action::WriteOff, "They belong together, and what is left of their amounts is written off"),
    ("assign", Action::Assign, "Somebody is to see to them: --owner"),
    ("retract", Action::Retract, "An earlier override no longer counts"),
];

impl Action {
    /// The word it is said with.
    pub fn word(self) -> &'static str {
        WORDS.iter().find(|(_, action, _)| *action == self).map_or("", |(word, ..)| word)
    }

    /// The action of a word.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when there is no such action.
    pub fn of(word: &str) -> Result<Self> {
        let found = WORDS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(word.trim())).map(|(_, action, _)| *action);
        found.ok_or_else(|| {
            let known: Vec<&str> = WORDS.iter().map(|(word, ..)| *word).collect();
            let error = Error::new(ErrorKind::Query, "there is no such action of an override").with("action", word);
            error.hint(format!("there are {}", known.join(", ")))
        })
    }
}

/// Rows of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rows {
    /// The table, by the name that rules have for it.
    pub table: String,
    /// Their ids, in order and none twice.
    ids: Vec<String>,
}

impl Rows {
    /// Rows of a table, in any order.
    pub fn new(table: impl Into<String>, ids: impl IntoIterator<Item = String>) -> Self {
        let ids: BTreeSet<String> = ids.into_iter().collect();
        Self { table: table.into(), ids: ids.into_iter().collect() }
    }

    /// Their ids, in order and none twice.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    fn is(&self, table: &str, ids: &[&str]) -> bool {
        self.ids.len() == ids.len()
            && self.ids.iter().zip(ids).all(|(own, id)| own == id)
            && (ids.is_empty() || self.table == table)
    }

    fn has_any_of(&self, other: &Self) -> bool {
        self.table == other.table && self.ids.iter().any(|id| other.ids.binary_search(id).is_ok())
    }
}

/// What somebody has decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Its number, from 1: the later decision has the larger.
    pub number: i64,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// Who made it.
    pub by: String,
    /// The flow.
    pub flow: String,
    /// What is decided.
    pub action: Action,
    /// The rows of the left and of the right side.
    pub rows: [Rows; 2],
    /// Why.
    pub why: String,
    /// Where a difference is written off to.
    pub account: Option<String>,
    /// The decision that no longer counts.
    pub retracts: Option<i64>,
    /// Who is to see to the rows.
    pub owner: Option<String>,
}

/// Rows that somebody has put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Together {
    /// The rows of the left and of the right side; one of them may have none where a difference is written off.
    pub rows: [Rows; 2],
    /// Whether what is left of their amounts is written off.
    pub is_written_off: bool,
    /// Where to.
    pub account: Option<String>,
    /// Why.
    pub why: String,
    /// The number of the decision.
    pub number: i64,
}

/// Rows that somebody has set apart: of two, that they are no candidates of each other; of more, that just these together make
/// no match, as it is not said which of them is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetApart {
    /// The rows of the left and of the right side.
    pub rows: [Rows; 2],
    /// Who has said so.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Why.
    pub why: String,
    /// The number of the decision.
    pub number: i64,
}

impl SetApart {
    /// Whether it is of one row of either side.
    fn is_pair(&self) -> bool {
        self.rows.iter().all(|rows| rows.ids.len() == 1)
    }

    /// Whether these rows are not to be matched with each other: of two they have both, of more they are these.
    fn forbids(&self, sides: [(&str, &[&str]); 2]) -> bool {
        if self.is_pair() {
            let has = |(rows, (table, ids)): (&Rows, (&str, &[&str]))| {
                rows.table == table && rows.ids.iter().all(|own| ids.contains(&own.as_str()))
            };
            return self.rows.iter().zip(sides).all(has);
        }
        is_of(&self.rows, sides)
    }

    /// Whether rows that are put together are not to be.
    fn parts(&self, together: &[Rows; 2]) -> bool {
        let ids = together.each_ref().map(|rows| rows.ids.iter().map(String::as_str).collect::<Vec<&str>>());
        let [left, right] = together.each_ref().map(|rows| rows.table.as_str());
        let [left_ids, right_ids] = ids.each_ref().map(Vec::as_slice);
        either_way([(left, left_ids), (right, right_ids)]).into_iter().any(|sides| self.forbids(sides))
    }
}

/// What counts of all decisions, by flow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    flows: BTreeMap<String, Decided>,
}

/// What counts of the decisions of a flow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decided {
    /// Rows that belong together; no row is in two of them.
    matched: Vec<Together>,
    /// Rows that do not, by the first id of their left side.
    apart: BTreeMap<String, Vec<SetApart>>,
    /// Rows that are no concern of the flow, by table and id, with the number of the decision.
    excluded: BTreeMap<String, BTreeMap<String, i64>>,
}

static NOTHING: Decided = Decided { matched: Vec::new(), apart: BTreeMap::new(), excluded: BTreeMap::new() };

impl Overrides {
    /// What counts of decisions.
    pub fn new(mut decisions: Vec<Decision>) -> Self {
        decisions.sort_by_key(|decision| decision.number);
        let retracted: BTreeSet<i64> = decisions.iter().filter_map(|decision| decision.retracts).collect();
        let mut flows: BTreeMap<String, Decided> = BTreeMap::new();
        for decision in decisions {
            if !retracted.contains(&decision.number) {
                flows.entry(decision.flow.clone()).or_default().decide(decision);
            }
        }
        Self { flows }
    }

    /// What counts for a flow.
    pub fn of(&self, flow: &str) -> &Decided {
        self.flows.get(flow).unwrap_or(&NOTHING)
    }
}

impl Decided {
    /// Whether nothing was decided.
    pub fn is_empty(&self) -> bool {
        self == &NOTHING
    }

    /// Rows that belong together; no row is in two of them.
    pub fn matched(&self) -> &[Together] {
        &self.matched
    }

    /// Rows that do not belong together, by decision.
    pub fn apart(&self) -> Vec<&SetApart> {
        let mut apart: Vec<&SetApart> = self.apart.values().flatten().collect();
        apart.sort_unstable_by_key(|apart| apart.number);
        apart
    }

    /// Whether no rule may match these rows with each other: of a table on either side, their ids in order.
    pub fn is_unmatched(&self, tables: [&str; 2], ids: [&[&str]; 2]) -> bool {
        let ([left_table, right_table], [left, right]) = (tables, ids);
        let known = left.iter().chain(right).filter_map(|id| self.apart.get(*id)).flatten();
        let sides = either_way([(left_table, left), (right_table, right)]);
        known.into_iter().any(|apart| sides.into_iter().any(|sides| apart.forbids(sides)))
    }

    /// Who has put exactly these rows together: of a table on either side, their ids in order.
    pub fn together(&self, tables: [&str; 2], ids: [&[&str]; 2]) -> Option<&Together> {
        let ([left_table, right_table], [left, right]) = (tables, ids);
        let sides = either_way([(left_table, left), (right_table, right)]);
        self.matched.iter().find(|together| sides.into_iter().any(|sides| is_of(&together.rows, sides)))
    }

    /// The ids of a table's rows that are no concern of the flow, in order, with the number of the decision.
    pub fn excluded(&self, table: &str) -> impl Iterator<Item = (&str, i64)> {
        self.excluded.get(table).into_iter().flatten().map(|(id, number)| (id.as_str(), *number))
    }

    /// Whether a row is no concern of the flow.
    pub fn is_excluded(&self, table: &str, id: &str) -> bool {
        self.excluded.get(table).is_some_and(|ids| ids.contains_key(id))
    }

    /// Whether a row is in one of the groups that people have made.
    pub fn is_put_together(&self, table: &str, id: &str) -> bool {
        let has = |rows: &Rows| rows.table == table && rows.ids.binary_search_by(|own| own.as_str().cmp(id)).is_ok();
        self.matched.iter().any(|together| together.rows.iter().any(has))
    }

    fn decide(&mut self, decision: Decision) {
        let Decision { number, at, by, action, rows, why, account, .. } = decision;
        match action {
            Action::Match | Action::WriteOff => {
                self.dissolve(|other| rows.iter().any(|own| other.iter().any(|other| own.has_any_of(other))));
                for Rows { table, ids } in &rows {
                    if let Some(excluded) = self.excluded.get_mut(table) {
                        excluded.retain(|id, _| ids.binary_search(id).is_err());
                    }
                }
                self.apart.values_mut().for_each(|sets| sets.retain(|set| !set.parts(&rows)));
                self.matched.push(Together { rows, is_written_off: action == Action::WriteOff, account, why, number });
            }
            Action::Unmatch => {
                let apart = SetApart { rows, by, at, why, number };
                self.dissolve(|other| apart.parts(other));
                let [left, _] = &apart.rows;
                if let Some(id) = left.ids.first() {
                    let sets = self.apart.entry(id.clone()).or_default();
                    sets.retain(|set| set.rows != apart.rows);
                    sets.push(apart);
                }
            }
            Action::Exclude => {
                self.dissolve(|other| rows.iter().any(|own| other.iter().any(|other| own.has_any_of(other))));
                for Rows { table, ids } in rows {
                    self.excluded.entry(table).or_default().extend(ids.into_iter().map(|id| (id, number)));
                }
            }
            Action::Comment | Action::Assign | Action::Retract => {}
        }
    }

    fn dissolve(&mut self, is_gone: impl Fn(&[Rows; 2]) -> bool) {
        self.matched.retain(|together| !is_gone(&together.rows));
    }
}

/// Both sides as they are, and the other way round, as a rule may have them.
fn either_way<T: Copy>([left, right]: [T; 2]) -> [[T; 2]; 2] {
    [[left, right], [right, left]]
}

fn is_of(rows: &[Rows; 2], sides: [(&str, &[&str]); 2]) -> bool {
    rows.iter().zip(sides).all(|(rows, (table, ids))| rows.is(table, ids))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(table: &str, ids: &str) -> Rows {
        Rows::new(table, ids.split_whitespace().map(str::to_owned))
    }

    fn decision(number: i64, action: Action, left: &str, right: &str) -> Decision {
        Decision {
            number,
            at: DateTime::default(),
            by: "ann".to_owned(),
            flow: "f".to_owned(),
            action,
            rows: [rows("l", left), rows("r", right)],
            why: "because".to_owned(),
            account: None,
            retracts: None,
            owner: None,
        }
    }

    fn decided(decisions: &[(Action, &str, &str)]) -> Decided {
        let decisions = (1..).zip(decisions).map(|(number, (action, left, right))| decision(number, *action, left, right));
        let mut decisions: Vec<Decision> = decisions.collect();
        // In any order.
        decisions.reverse();
        Overrides::new(decisions).of("f").clone()
    }

    fn matched(decided: &Decided) -> Vec<String> {
        decided.matched().iter().map(|one| format!("{}|{}", one.rows[0].ids.join("+"), one.rows[1].ids.join("+"))).collect()
    }

    #[test]
    fn rows_that_were_unmatched_are_so_on_whichever_side_a_rule_has_them_and_only_all_of_them() {
        let decided = decided(&[(Action::Unmatch, "b a", "x")]);
        assert!(decided.is_unmatched(["l", "r"], [&["a", "b"], &["x"]]));
        assert!(decided.is_unmatched(["r", "l"], [&["x"], &["a", "b"]]));
        assert!(!decided.is_unmatched(["l", "r"], [&["a"], &["x"]]));
        assert!(!decided.is_unmatched(["l", "other"], [&["a", "b"], &["x"]]));
        assert!(!Overrides::default().of("f").is_unmatched(["l", "r"], [&["a"], &["x"]]));
    }

    #[test]
    fn two_rows_that_were_unmatched_are_so_whatever_else_is_matched_with_them() {
        let decided = decided(&[(Action::Unmatch, "a", "x")]);
        assert!(decided.is_unmatched(["l", "r"], [&["a", "b"], &["x"]]));
        assert!(decided.is_unmatched(["r", "l"], [&["x", "y"], &["a"]]));
        assert!(!decided.is_unmatched(["l", "r"], [&["b"], &["x"]]));
        assert!(!decided.is_unmatched(["l", "other"], [&["a"], &["x"]]));
    }

    #[test]
    fn the_later_decision_wins() {
        let unmatched = decided(&[(Action::Match, "a", "x"), (Action::Unmatch, "a", "x")]);
        assert!(unmatched.is_unmatched(["l", "r"], [&["a"], &["x"]]) && unmatched.matched().is_empty());
        let matched_again = decided(&[(Action::Unmatch, "a", "x"), (Action::Match, "a", "x")]);
        assert!(!matched_again.is_unmatched(["l", "r"], [&["a"], &["x"]]));
        assert_eq!(matched(&matched_again), ["a|x"]);
        let with_others = decided(&[(Action::Unmatch, "a", "x"), (Action::Match, "a b", "x")]);
        assert!(with_others.apart().is_empty() && matched(&with_others) == ["a+b|x"]);
        let dissolved = decided(&[(Action::Match, "a b", "x"), (Action::Unmatch, "a", "x")]);
        assert!(dissolved.apart().len() == 1 && dissolved.matched().is_empty());
        let moved = decided(&[(Action::Match, "a", "x"), (Action::Match, "a b", "y"), (Action::Exclude, "c", "x")]);
        assert_eq!(matched(&moved), ["a+b|y"]);
        assert!(moved.is_excluded("l", "c") && moved.is_excluded("r", "x") && !moved.is_excluded("l", "x"));
        let excluded = decided(&[(Action::Match, "a", "x"), (Action::Exclude, "a", "")]);
        assert!(excluded.matched().is_empty() && excluded.excluded("l").eq([("a", 2)]));
        assert!(decided(&[(Action::Exclude, "a", ""), (Action::Match, "a", "x")]).excluded("l").next().is_none());
    }

    #[test]
    fn what_is_retracted_was_never_said() {
        let retract = Decision { retracts: Some(1), ..decision(2, Action::Retract, "", "") };
        assert!(Overrides::new(vec![retract, decision(1, Action::Match, "a", "x")]).of("f").is_empty());
    }

    #[test]
    fn rows_of_one_side_alone_can_be_written_off() {
        let decided = decided(&[(Action::WriteOff, "a", "")]);
        assert!(decided.together(["l", "r"], [&["a"], &[]]).is_some_and(|one| one.is_written_off));
        assert!(decided.is_put_together("l", "a") && !decided.is_put_together("l", "b"));
    }

    #[test]
    fn an_action_has_one_word() {
        for (word, action, _) in WORDS {
            assert_eq!((Action::of(word).unwrap(), action.word()), (action, word));
        }
        assert_eq!(Action::of("merge").unwrap_err().to_string(), "there is no such action of an override (action merge)");
    }
}
