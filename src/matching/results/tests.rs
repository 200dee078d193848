//! What a run changes, on worlds made by chance: nothing is lost, nothing is counted twice, and what is the same stays.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{RecordBatch, new_null_array};
use proptest::prelude::*;

use super::super::reasons::LATE_CHANGE;
use super::before::Before;
use super::recall::recalled;
use super::record::{Changes, Facts, Found, Now, RESTATED, SUPERSEDED, WITHDRAWN, created, left, record};
use super::rows::{self, Run};
use super::sift::{self, Fate, Sieve};
use super::state::{Entry, Line, Place, State, Status, Values, Why};
use crate::matching::assign::Side;
use crate::matching::overrides::{Action, Decided, Decision, Overrides, Rows};

/// The rows there are, by table and id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct World(BTreeMap<(String, String), Values>);

impl Now for World {
    fn values(&self, _rule: &str, _hop: u32, line: &Line) -> Option<Values> {
        self.0.get(&(line.table.clone(), line.id.clone())).cloned()
    }
}

/// A world, what is matched in it, and by which version of the one rule.
#[derive(Debug, Clone)]
struct Turn {
    world: World,
    found: Found,
    version: &'static str,
}

fn values(amount: i128, day: i32) -> Values {
    Values { amount: Some(amount), currency: Some("EUR".to_owned()), day: Some(day) }
}

fn line(side: Side, id: &str, values: Values) -> Line {
    let table = if side == Side::Left { "l" } else { "r" };
    Line { side, table: table.to_owned(), id: id.to_owned(), values, compared_day: None }
}

fn entry(version: &str, status: Status, lines: Vec<Line>) -> Entry {
    let ids: Vec<&str> = lines.iter().map(|line| line.id.as_str()).collect();
    Entry {
        id: format!("{version} {}", ids.join("+")),
        hop: 1,
        rule: "rule".to_owned(),
        version: version.to_owned(),
        status,
        score: None,
        margin: None,
        why: None,
        rest: None,
        decision: None,
        lines,
    }
}

/// A turn of pairs, and of rows that are in none.
fn turn(version: &'static str, pairs: &[(&str, &str)], alone: &[&str], of: impl Fn(&str) -> Values) -> Turn {
    let (mut world, mut found) = (World::default(), Found::default());
    let table = |id: &str| id.chars().take(1).collect::<String>();
    for (left, right) in pairs {
        let lines = vec![line(Side::Left, left, of(left)), line(Side::Right, right, of(right))];
        let entry = entry(version, Status::Confirmed, lines);
        found.matches.insert(entry.id.clone(), entry);
    }
    for id in alone {
        let why = Why { reason: "NO_COUNTERPART".to_owned(), values: of(id), ..Why::default() };
        found.exceptions.insert(Place { hop: 1, table: table(id), id: (*id).to_owned() }, why);
    }
    for id in pairs.iter().flat_map(|(left, right)| [left, right]).chain(alone) {
        world.0.insert((table(id), (*id).to_owned()), of(id));
    }
    Turn { world, found, version }
}

/// What runs of a flow have come to.
#[derive(Debug, Default)]
struct Flow {
    state: State,
    run: i64,
    versions: BTreeSet<String>,
    closed: Option<i32>,
    decided: Decided,
    /// What its runs have written: changes of matches, their rows, changes of why rows are left.
    written: [Vec<RecordBatch>; 3],
}

impl Flow {
    fn run(&mut self, turn: &Turn) -> Changes {
        self.run += 1;
        let run_id = format!("run_{}", self.run);
        let versions = BTreeSet::from([turn.version.to_owned()]);
        let new_versions = versions.difference(&self.versions).cloned().collect();
        let facts = Facts {
            run: self.run,
            run_id: &run_id,
            as_of: 100 + i32::try_from(self.run).unwrap(),
            closed: self.closed,
            decided: &self.decided,
            versions: &versions,
            new_versions: &new_versions,
            now: &turn.world,
        };
        let changes = record(&self.state, turn.found.clone(), &facts);
        assert_eq!(sifted(&self.written, &turn.found, &facts), changes);
        let run = Run { id: &run_id, flow: "f", number: self.run };
        self.written[0].push(rows::matches(run, &changes.matches).unwrap());
        self.written[1].push(rows::match_lines(run, &changes.matches).unwrap());
        self.written[2].push(rows::exceptions(run, &changes.exceptions).unwrap());
        let after = self.state.after(&changes);
        let matches = after.matches.into_iter().map(|(id, known)| (id.to_owned(), known.clone())).collect();
        let exceptions = after.exceptions.into_iter().map(|(place, left)| (place.clone(), left.clone())).collect();
        self.state = State { matches, exceptions };
        self.versions.extend(versions);
        changes
    }

    /// How many times each row is in a match that stands, or left.
    fn times(&self) -> BTreeMap<(String, String), usize> {
        let mut times = BTreeMap::new();
        let standing = self.state.matches.values().filter(|known| known.entry.status == Status::Confirmed);
        let lines = standing.flat_map(|known| &known.entry.lines).map(|line| (line.table.clone(), line.id.clone()));
        for row in lines.chain(self.state.exceptions.keys().map(|place| (place.table.clone(), place.id.clone()))) {
            *times.entry(row).or_default() += 1;
        }
        times
    }
}

/// What a run changes, where only what is neither as it was nor new is weighed.
fn sifted([of_matches, of_lines, of_rows]: &[Vec<RecordBatch>; 3], found: &Found, facts: &Facts<'_>) -> Changes {
    let before = Before::of(of_matches, of_rows).unwrap();
    let mut sieve = Sieve::new(&before, facts.closed.is_some());
    let mut sift_match = |entry: &Entry| (sieve.of_match(entry.id.clone(), |_| Ok(entry.clone())).unwrap(), entry.clone());
    let matches: Vec<(Fate, Entry)> = found.matches.values().map(&mut sift_match).collect();
    let mut of_left =
        |(place, why): (&Place, &Why)| (sieve.of_left(place.clone(), || Ok(why.clone())).unwrap(), place.clone(), why.clone());
    let open: Vec<(Fate, Place, Why)> = found.exceptions.iter().map(&mut of_left).collect();
    let (wanted, mut found) = sieve.end().unwrap();
    let mut previous = recalled(of_matches, of_lines, of_rows).unwrap();
    previous.matches.retain(|id, _| wanted.matches.contains(id));
    previous.exceptions.retain(|place, _| wanted.left.contains(place));
    let mut new = Vec::new();
    for (_, entry) in matches.into_iter().filter(|(fate, _)| *fate == Fate::New) {
        let known = sift::rows(&previous, entry.hop);
        if entry.rows().iter().any(|row| known.contains(row)) {
            found.matches.insert(entry.id.clone(), entry);
        } else {
            new.push(created(entry, None, facts));
        }
    }
    let mut changes = record(&previous, found, facts);
    changes.matches.extend(new);
    changes.matches.sort_by(|one, other| one.known.entry.id.cmp(&other.known.entry.id));
    let open = open.into_iter().filter(|(fate, ..)| *fate == Fate::New);
    changes.exceptions.extend(open.map(|(_, place, why)| left(place, why, None, facts)));
    changes.exceptions.sort_by(|one, other| one.place.cmp(&other.place));
    changes
}

fn told(changes: &Changes) -> Vec<String> {
    let told = |change: &super::record::MatchChange| {
        format!("{} {} {}", change.known.entry.id, change.event, change.cause.unwrap_or("-"))
    };
    changes.matches.iter().map(told).collect()
}

fn same(_: &str) -> Values {
    values(100, 5)
}

#[test]
fn what_is_found_again_is_no_change() {
    let mut flow = Flow::default();
    let first = turn("v1", &[("l1", "r1")], &["r2"], same);
    assert_eq!(told(&flow.run(&first)), ["v1 l1+r1 created -"]);
    assert!(flow.run(&first).is_empty());
}

#[test]
fn what_an_older_version_has_told_without_a_fingerprint_is_told_again() {
    let mut flow = Flow::default();
    let first = turn("v1", &[("l1", "r1")], &["r2"], same);
    flow.run(&first);
    flow.state.matches.values_mut().for_each(|known| known.has_fingerprint = false);
    flow.state.exceptions.values_mut().for_each(|left| left.has_fingerprint = false);
    for table in [0, 2] {
        let old = &flow.written[table][0];
        let place = old.schema().index_of("fingerprint").unwrap();
        let mut columns = old.columns().to_vec();
        columns[place] = new_null_array(columns[place].data_type(), old.num_rows());
        flow.written[table][0] = RecordBatch::try_new(old.schema(), columns).unwrap();
    }
    assert_eq!(told(&flow.run(&first)), ["v1 l1+r1 changed -"]);
    assert!(flow.run(&first).is_empty());
}

#[test]
fn a_match_that_is_found_no_more_is_withdrawn_and_it_is_told_why() {
    let first = turn("v1", &[("l1", "r1")], &[], same);
    let late = turn("v1", &[], &["l1", "l2", "r1"], same);
    let restated = turn("v1", &[], &["l1", "r1"], |id| values(if id == "l1" { 98 } else { 100 }, 5));
    let gone = turn("v1", &[], &["r1"], same);
    let other_rule = turn("v2", &[], &["l1", "r1"], same);
    for (next, why) in [(late, "late_data"), (restated, "restatement"), (gone, "restatement"), (other_rule, "rule_change")] {
        let mut flow = Flow::default();
        flow.run(&first);
        assert_eq!(told(&flow.run(&next)), [format!("v1 l1+r1 withdrawn {why}")]);
        assert_eq!(flow.state.matches["v1 l1+r1"].last_run, Some(1));
    }
}

#[test]
fn the_same_rows_by_another_version_of_a_rule_are_a_match_without_a_gap() {
    let mut flow = Flow::default();
    flow.run(&turn("v1", &[("l1", "r1")], &[], same));
    let changes = flow.run(&turn("v2", &[("l1", "r1")], &[], same));
    assert_eq!(told(&changes), ["v1 l1+r1 superseded rule_change", "v2 l1+r1 created rule_change"]);
    let (old, new) = (&flow.state.matches["v1 l1+r1"], &flow.state.matches["v2 l1+r1"]);
    assert_eq!(old.superseded_by.as_deref(), Some("v2 l1+r1"));
    assert_eq!((new.first_run, new.first_seen), (2, old.first_seen));
}

#[test]
fn a_match_whose_rows_say_something_else_is_restated() {
    let mut flow = Flow::default();
    flow.run(&turn("v1", &[("l1", "r1")], &["r2"], same));
    let changes = flow.run(&turn("v1", &[("l1", "r1")], &["r2"], |_| values(98, 5)));
    assert_eq!(told(&changes), ["v1 l1+r1 restated restatement"]);
    assert_eq!(changes.matches[0].event, RESTATED);
    assert_eq!(changes.matches[0].known.lines_run, "run_2");
    assert_eq!(changes.exceptions[0].event, Some(RESTATED));
}

#[test]
fn what_is_closed_stays_and_what_would_take_its_rows_is_left() {
    let mut flow = Flow { closed: Some(5), ..Flow::default() };
    flow.run(&turn("v1", &[("l1", "r1"), ("l3", "r3")], &[], |id| values(100, if id.ends_with('3') { 6 } else { 5 })));
    let late = turn("v1", &[("l2", "r1")], &["l1", "l3", "r3"], same);
    let changes = flow.run(&late);
    assert_eq!(told(&changes), [format!("v1 l1+r1 {LATE_CHANGE} late_data"), "v1 l3+r3 withdrawn restatement".to_owned()]);
    let left = &flow.state.exceptions[&Place { hop: 1, table: "l".to_owned(), id: "l2".to_owned() }];
    assert_eq!(left.why.reason, LATE_CHANGE);
    assert!(flow.times().values().all(|times| *times == 1));
    // It is told once.
    assert!(flow.run(&late).is_empty());
    let again = flow.run(&turn("v1", &[("l1", "r1")], &["l2", "l3", "r3"], same));
    assert_eq!(told(&again), ["v1 l1+r1 restored -"]);
}

#[test]
fn a_match_that_would_be_new_in_a_closed_period_is_not_made_and_its_rows_say_so_once() {
    let mut flow = Flow { closed: Some(5), ..Flow::default() };
    let days = |id: &str| values(100, if id == "r2" { 6 } else { 5 });
    flow.run(&turn("v1", &[], &["l1", "l2", "r1", "r2"], days));
    let late = turn("v1", &[("l1", "r1"), ("l2", "r2")], &[], days);
    let changes = flow.run(&late);
    assert_eq!(told(&changes), ["v1 l2+r2 created -"]);
    let late_rows =
        changes.exceptions.iter().filter(|change| change.event == Some(LATE_CHANGE) && change.cause == Some("late_data"));
    assert_eq!(late_rows.map(|change| change.place.id.as_str()).collect::<Vec<_>>(), ["l1", "r1"]);
    let left = &flow.state.exceptions[&Place { hop: 1, table: "l".to_owned(), id: "l1".to_owned() }];
    assert_eq!((left.why.reason.as_str(), left.why.candidates.as_deref()), (LATE_CHANGE, Some("r1")));
    assert!(flow.run(&late).is_empty());
}

#[test]
fn a_match_of_rows_without_a_day_is_in_no_period() {
    let mut flow = Flow { closed: Some(500), ..Flow::default() };
    let no_day = |_: &str| Values { day: None, ..values(100, 0) };
    flow.run(&turn("v1", &[("l1", "r1")], &[], no_day));
    assert_eq!(told(&flow.run(&turn("v1", &[], &["l1", "r1"], no_day))), ["v1 l1+r1 withdrawn late_data"]);
}

#[test]
fn what_a_person_decides_counts_in_a_closed_period_too() {
    let rows = |table: &str, id: &str| Rows::new(table, [id.to_owned()]);
    let unmatch = Decision {
        number: 1,
        at: chrono::DateTime::default(),
        by: "ann".to_owned(),
        flow: "f".to_owned(),
        action: Action::Unmatch,
        rows: [rows("l", "l1"), rows("r", "r1")],
        why: "another order".to_owned(),
        account: None,
        retracts: None,
        owner: None,
    };
    let mut flow = Flow { closed: Some(5), ..Flow::default() };
    flow.run(&turn("v1", &[("l1", "r1")], &[], same));
    flow.decided = Overrides::new(vec![unmatch]).of("f").clone();
    let changes = flow.run(&turn("v1", &[], &["l1", "r1"], same));
    assert_eq!(told(&changes), ["v1 l1+r1 withdrawn override"]);
}

/// A world of few rows, and who is with whom.
fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let one = (
        prop::collection::vec(prop::option::weighted(0.8, (90..92_i128, 3..8_i32)), 8),
        Just((0..4_usize).collect::<Vec<_>>()).prop_shuffle(),
        0..5_usize,
        0..3_usize,
        prop::sample::select(vec!["v1", "v2"]),
    );
    let turn = one.prop_map(|(rows, partners, matched, suggested, version)| {
        let id = |place: usize| format!("{}{}", if place < 4 { "l" } else { "r" }, place % 4);
        let of: BTreeMap<String, Values> = rows
            .iter()
            .enumerate()
            .filter_map(|(place, row)| row.map(|(amount, day)| (id(place), values(amount, day))))
            .collect();
        let is_there = |id: &String| of.contains_key(id);
        let pairs: Vec<(String, String)> = (0..matched.min(4))
            .map(|left| (id(left), id(4 + partners[left])))
            .filter(|(left, right)| is_there(left) && is_there(right))
            .collect();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(left, right)| (left.as_str(), right.as_str())).collect();
        let (suggested, pairs) = pairs.split_at(suggested.min(pairs.len()));
        let alone: Vec<&str> =
            of.keys().map(String::as_str).filter(|id| !pairs.iter().any(|(left, right)| left == id || right == id)).collect();
        let mut turn = turn(version, pairs, &alone, |id| of[id].clone());
        for (left, right) in suggested {
            let lines = vec![line(Side::Left, left, of[*left].clone()), line(Side::Right, right, of[*right].clone())];
            let entry = entry(version, Status::Suggested, lines);
            turn.found.matches.insert(entry.id.clone(), entry);
        }
        turn
    });
    prop::collection::vec(turn, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_each_row_is_told_of_once_and_nothing_vanishes(turns in turns(), closed in prop::option::of(3..8_i32)) {
        let mut flow = Flow { closed, ..Flow::default() };
        for turn in &turns {
            let before = flow.state.clone();
            let changes = flow.run(turn);
            let times = flow.times();
            for row in turn.world.0.keys() {
                prop_assert_eq!(times.get(row), Some(&1), "{:?} {:?}", row, changes);
            }
            for (id, known) in &before.matches {
                let now = &flow.state.matches[id];
                prop_assert_eq!(now.first_run, known.first_run);
                let is_gone = known.is_live() && !now.is_live();
                let change = changes.matches.iter().find(|change| change.known.entry.id == *id);
                if is_gone {
                    let change = change.unwrap();
                    prop_assert!([WITHDRAWN, SUPERSEDED].contains(&change.event) && change.cause.is_some());
                    let is_kept = known.entry.status == Status::Confirmed && closed.is_some_and(|closed| known.entry.is_closed(closed));
                    prop_assert!(!is_kept || change.event == SUPERSEDED, "{:?}", change);
                }
                if let Some(heir) = &now.superseded_by {
                    prop_assert!(!is_gone || flow.state.matches[heir].is_live());
                    prop_assert_eq!(flow.state.matches[heir].entry.rows(), now.entry.rows());
                }
            }
            prop_assert!(flow.run(turn).is_empty(), "the same again is a change");
        }
    }
}
