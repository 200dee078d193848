//! What a run changes of what is known: a pure function of what was known, what was found, and what is to be kept.
//!
//! A match is known by the version of its rule and its rows. One that is found again is left as it is; one that is found no
//! more is withdrawn, and why is told: a person decided so, the rule changed, its rows were restated, or other rows came
//! late. Where the same rows are matched by another version of a rule, that one takes its place in the same run, so no row
//! is ever without both.
//!
//! What lies in a closed period stays: a match that would be withdrawn or restated there is kept as it is, a match that
//! would take one of its rows, or that lies wholly in the period, is not made, and that is told once.

use std::collections::{BTreeMap, BTreeSet};

use super::state::{After, Entry, Known, Left, Line, Place, State, Status, Values, Why};
use crate::matching::assign::Side;
use crate::matching::overrides::Decided;
use crate::matching::reasons::LATE_CHANGE;

/// What a run found.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// Matches and suggestions, by id.
    pub(super) matches: BTreeMap<String, Entry>,
    /// Why each other row is left.
    pub(super) exceptions: BTreeMap<Place, Why>,
}

/// What else a run knows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    /// The number of the run, of this flow.
    pub(super) run: i64,
    /// Its id.
    pub(super) run_id: &'a str,
    /// Its day, counted since 1970.
    pub(super) as_of: i32,
    /// The last day of the closed periods.
    pub(super) closed: Option<i32>,
    /// What people have decided.
    pub(super) decided: &'a Decided,
    /// The versions of the rules that ran.
    pub(super) versions: &'a BTreeSet<String>,
    /// Those of them that never ran before.
    pub(super) new_versions: &'a BTreeSet<String>,
    /// What a rule compares of a row as it is now; nothing where the row is gone.
    pub(super) now: &'a dyn Now,
}

/// The rows as they are now.
pub(super) trait Now: std::fmt::Debug + Sync {
    /// What a rule compares of a row; nothing where the row is gone.
    fn values(&self, rule: &str, hop: u32, line: &Line) -> Option<Values>;
}

/// What a run changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) matches: Vec<MatchChange>,
    pub(super) exceptions: Vec<ExceptionChange>,
}

/// A match as it is from now on, and what happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MatchChange {
    pub(super) known: Known,
    pub(super) event: &'static str,
    pub(super) cause: Option<&'static str>,
    pub(super) detail: Option<String>,
}

/// A row that is left from now on; nothing where it is not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExceptionChange {
    pub(super) place: Place,
    pub(super) left: Option<Left>,
    /// What happened to the row itself.
    pub(super) event: Option<&'static str>,
    /// Why.
    pub(super) cause: Option<&'static str>,
}

/// What happens to matches.
pub(super) const CREATED: &str = "created";
pub(super) const CONFIRMED: &str = "confirmed";
pub(super) const CHANGED: &str = "changed";
pub(super) const RESTATED: &str = "restated";
pub(super) const RESTORED: &str = "restored";
pub(super) const WITHDRAWN: &str = "withdrawn";
pub(super) const SUPERSEDED: &str = "superseded";

/// Why it happens.
const OVERRIDE: &str = "override";
const RULE_CHANGE: &str = "rule_change";
const RESTATEMENT: &str = "restatement";
const LATE_DATA: &str = "late_data";

impl Changes {
    /// Whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        self.matches.is_empty() && self.exceptions.is_empty()
    }
}

impl State {
    /// What is known after changes.
    pub(super) fn after<'a>(&'a self, changes: &'a Changes) -> After<'a> {
        let mut after = After {
            matches: self.matches.iter().map(|(id, known)| (id.as_str(), known)).collect(),
            exceptions: self.exceptions.iter().collect(),
        };
        after.matches.extend(changes.matches.iter().map(|change| (change.known.entry.id.as_str(), &change.known)));
        for ExceptionChange { place, left, .. } in &changes.exceptions {
            match left {
                Some(left) => drop(after.exceptions.insert(place, left)),
                None => drop(after.exceptions.remove(place)),
            }
        }
        after
    }
}

/// What a run changes.
pub(super) fn record(previous: &State, mut found: Found, facts: &Facts<'_>) -> Changes {
    let mut changes = Changes::default();
    let kept = kept(previous, &found, facts);
    let mut late = make_room(&kept, &mut found, facts);
    late.extend(refuse_late(previous, &mut found, facts));
    for (id, known) in &kept {
        if !known.is_kept {
            let cause = Some(cause(known, &found, facts));
            let known = Known { is_kept: true, has_fingerprint: true, ..(*known).clone() };
            let detail = Some(format!("it lies in a closed period and is kept; {id} would be withdrawn or restated otherwise"));
            changes.matches.push(MatchChange { known, event: LATE_CHANGE, cause, detail });
        }
    }
    let gone: Vec<&Known> = previous
        .matches
        .iter()
        .filter(|(id, known)| known.is_live() && !found.matches.contains_key(*id) && !kept.contains_key(id.as_str()))
        .map(|(_, known)| known)
        .collect();
    let heirs = heirs(&gone, &found);
    for known in &gone {
        changes.matches.push(withdraw(known, heirs.get(known.entry.id.as_str()).copied(), &found, facts));
    }
    let inherited: BTreeMap<String, &Known> =
        gone.iter().filter_map(|known| Some((heirs.get(known.entry.id.as_str())?.id.clone(), *known))).collect();
    let Found { matches, exceptions: left } = found;
    for (id, entry) in matches {
        changes.matches.extend(find(entry, previous.matches.get(&id), inherited.get(&id).copied(), facts));
    }
    changes.matches.sort_by(|one, other| one.known.entry.id.cmp(&other.known.entry.id));
    changes.exceptions = exceptions(previous, left, &late, facts);
    changes
}

/// The matches of closed periods that would be withdrawn or restated, by id.
fn kept<'a>(previous: &'a State, found: &Found, facts: &Facts<'_>) -> BTreeMap<&'a str, &'a Known> {
    let Some(closed) = facts.closed else { return BTreeMap::new() };
    let at_stake: Vec<(&str, &Known)> = previous
        .matches
        .iter()
        .filter(|(id, known)| {
            let again = found.matches.get(*id);
            known.entry.status == Status::Confirmed
                && known.entry.is_closed(closed)
                && !again.is_some_and(|again| again.status == Status::Confirmed && again.lines == known.entry.lines)
                && !is_overridden(known, facts)
        })
        .map(|(id, known)| (id.as_str(), known))
        .collect();
    let known: Vec<&Known> = at_stake.iter().map(|(_, known)| *known).collect();
    let heirs = heirs(&known, found);
    // The same rows are matched: nothing of the period changes.
    let is_inherited = |id: &str, known: &Known| heirs.get(id).is_some_and(|heir| heir.lines == known.entry.lines);
    at_stake.into_iter().filter(|(id, known)| !is_inherited(id, known)).collect()
}

/// Why rows are kept from a match by a closed period.
type Late = BTreeMap<Place, &'static str>;

/// Takes out of what was found what would take rows of matches that are kept.
fn make_room(kept: &BTreeMap<&str, &Known>, found: &mut Found, facts: &Facts<'_>) -> Late {
    let mut late = Late::new();
    if kept.is_empty() {
        return late;
    }
    let mut claimed: BTreeMap<Place, &str> = BTreeMap::new();
    for (id, known) in kept {
        claimed.extend(known.entry.lines.iter().map(|line| (place(&known.entry, line), *id)));
    }
    found.exceptions.retain(|place, _| !claimed.contains_key(place));
    let in_the_way: Vec<String> = found
        .matches
        .values()
        .filter(|entry| entry.lines.iter().any(|line| claimed.contains_key(&place(entry, line))))
        .map(|entry| entry.id.clone())
        .collect();
    for id in in_the_way {
        let Some(entry) = found.matches.remove(&id) else { continue };
        if entry.status != Status::Confirmed {
            continue;
        }
        let holders: BTreeSet<&str> = entry.lines.iter().filter_map(|line| claimed.get(&place(&entry, line)).copied()).collect();
        let holders = holders.into_iter().collect::<Vec<_>>().join(" ");
        for line in &entry.lines {
            let place = place(&entry, line);
            if claimed.contains_key(&place) {
                continue;
            }
            let why = late_change(&entry, line, format!("what it belongs to is matched in a closed period: {holders}"));
            late.insert(place.clone(), cause_of(&entry, facts));
            found.exceptions.insert(place, why);
        }
    }
    late
}

/// Takes out of what was found the matches that lie wholly in a closed period and do not stand yet: their rows stay left. What
/// people decide is done all the same, and what the first run finds changes nothing that was told.
fn refuse_late(previous: &State, found: &mut Found, facts: &Facts<'_>) -> Late {
    let mut late = Late::new();
    let Some(closed) = facts.closed.filter(|_| facts.run > 1) else { return late };
    let standing = previous.matches.values().filter(|known| known.entry.status == Status::Confirmed);
    let standing: BTreeSet<(u32, Vec<(&str, &str)>)> = standing.map(|known| (known.entry.hop, known.entry.rows())).collect();
    let is_late = |entry: &Entry| {
        let is_new = entry.status == Status::Confirmed && entry.decision.is_none();
        is_new && entry.is_closed(closed) && !standing.contains(&(entry.hop, entry.rows()))
    };
    let refused: Vec<Entry> = found.matches.extract_if(.., |_, entry| is_late(entry)).map(|(_, entry)| entry).collect();
    for entry in refused {
        for line in &entry.lines {
            let others = entry.lines.iter().filter(|other| other.side != line.side);
            let ids: Vec<&str> = others.clone().map(|other| other.id.as_str()).collect();
            let detail = format!("it would be matched by {}, but its period is closed", entry.rule);
            let why = Why {
                candidate_table: others.clone().next().map(|other| other.table.clone()),
                candidate_count: i64::try_from(ids.len()).unwrap_or(i64::MAX),
                candidates: Some(ids.join(" ")).filter(|ids| !ids.is_empty()),
                ..late_change(&entry, line, detail)
            };
            late.insert(place(&entry, line), cause_of(&entry, facts));
            found.exceptions.insert(place(&entry, line), why);
        }
    }
    late
}

/// That a row stays left because a closed period does not change.
fn late_change(entry: &Entry, line: &Line, detail: String) -> Why {
    Why {
        reason: LATE_CHANGE.to_owned(),
        rule: Some(entry.rule.clone()),
        detail: Some(detail),
        values: line.values.clone(),
        ..Why::default()
    }
}

/// Why a match is found that was not before.
fn cause_of(entry: &Entry, facts: &Facts<'_>) -> &'static str {
    if facts.new_versions.contains(&entry.version) { RULE_CHANGE } else { LATE_DATA }
}

fn place(entry: &Entry, line: &Line) -> Place {
    Place { hop: entry.hop, table: line.table.clone(), id: line.id.clone() }
}

/// The matches of the same rows that take the place of others, by the ids of those.
fn heirs<'a, 'b>(gone: &[&'a Known], found: &'b Found) -> BTreeMap<&'a str, &'b Entry> {
    if gone.is_empty() {
        return BTreeMap::new();
    }
    let wanted: BTreeSet<(u32, Vec<(&str, &str)>)> = gone.iter().map(|known| (known.entry.hop, known.entry.rows())).collect();
    let confirmed = found.matches.values().filter(|entry| entry.status == Status::Confirmed);
    let by_rows: BTreeMap<_, &Entry> =
        confirmed.map(|entry| ((entry.hop, entry.rows()), entry)).filter(|(rows, _)| wanted.contains(rows)).collect();
    gone.iter()
        .filter_map(|known| {
            let heir = by_rows.get(&(known.entry.hop, known.entry.rows()))?;
            (heir.id != known.entry.id).then_some((known.entry.id.as_str(), *heir))
        })
        .collect()
}

fn withdraw(known: &Known, heir: Option<&Entry>, found: &Found, facts: &Facts<'_>) -> MatchChange {
    let mut withdrawn = known.clone();
    withdrawn.entry.status = Status::Withdrawn;
    withdrawn.last_run = Some(facts.run.saturating_sub(1));
    withdrawn.is_kept = false;
    withdrawn.has_fingerprint = true;
    withdrawn.superseded_by = heir.map(|heir| heir.id.clone());
    let event = if heir.is_some() { SUPERSEDED } else { WITHDRAWN };
    let detail = heir.map(|heir| format!("{} by rule {}", heir.id, heir.rule));
    MatchChange { known: withdrawn, event, cause: Some(cause(known, found, facts)), detail }
}

/// What becomes of a match that is found; nothing where it is known as it is.
fn find(entry: Entry, known: Option<&Known>, inherits: Option<&Known>, facts: &Facts<'_>) -> Option<MatchChange> {
    let Some(known) = known else { return Some(created(entry, inherits, facts)) };
    let is_restated = known.entry.lines != entry.lines;
    let event = match (known.entry.status, entry.status) {
        (Status::Withdrawn, _) => RESTORED,
        (Status::Suggested, Status::Confirmed) => CONFIRMED,
        _ if is_restated => RESTATED,
        _ if known.is_kept => RESTORED,
        _ if known.entry != entry || !known.has_fingerprint => CHANGED,
        _ => return None,
    };
    let lines_run = if is_restated { facts.run_id.to_owned() } else { known.lines_run.clone() };
    let cause = if is_restated { Some(RESTATEMENT) } else { None };
    let known = Known {
        entry,
        first_run: known.first_run,
        first_seen: known.first_seen,
        last_run: None,
        is_kept: false,
        superseded_by: None,
        lines_run,
        has_fingerprint: true,
    };
    Some(MatchChange { known, event, cause, detail: None })
}

/// A match that was not known, which may take the place of one that was.
pub(super) fn created(entry: Entry, inherits: Option<&Known>, facts: &Facts<'_>) -> MatchChange {
    let cause = match inherits {
        _ if entry.decision.is_some() => Some(OVERRIDE),
        Some(_) if facts.new_versions.contains(&entry.version) => Some(RULE_CHANGE),
        _ => None,
    };
    let known = Known {
        entry,
        first_run: facts.run,
        // So that a match does not leave its period by a change of its rule.
        first_seen: inherits.map_or(facts.as_of, |known| known.first_seen),
        last_run: None,
        is_kept: false,
        superseded_by: None,
        lines_run: facts.run_id.to_owned(),
        has_fingerprint: true,
    };
    MatchChange { known, event: CREATED, cause, detail: None }
}

/// Whether a person decided that a match is to be no more.
fn is_overridden(known: &Known, facts: &Facts<'_>) -> bool {
    let Entry { lines, decision, .. } = &known.entry;
    let tables = [Side::Left, Side::Right].map(|side| known.entry.table(side));
    let [left, right] = [Side::Left, Side::Right].map(|side| known.entry.ids(side));
    let decided = facts.decided;
    let is_elsewhere = |line: &Line| {
        decided.is_excluded(&line.table, &line.id) || (decision.is_none() && decided.is_put_together(&line.table, &line.id))
    };
    let is_retracted = decision.is_some() && decided.together(tables, [&left, &right]).is_none();
    is_retracted || decided.is_unmatched(tables, [&left, &right]) || lines.iter().any(is_elsewhere)
}

/// Why a match is found no more.
fn cause(known: &Known, found: &Found, facts: &Facts<'_>) -> &'static str {
    let Entry { rule, version, hop, lines, .. } = &known.entry;
    if is_overridden(known, facts) {
        return OVERRIDE;
    }
    let has_changed_rule = known.entry.decision.is_none() && !facts.versions.contains(version);
    let is_taken_by_new = || {
        let rows: BTreeSet<(&str, &str)> = lines.iter().map(Line::row).collect();
        let mut new = found.matches.values().filter(|entry| entry.hop == *hop && facts.new_versions.contains(&entry.version));
        !facts.new_versions.is_empty() && new.any(|entry| entry.lines.iter().any(|line| rows.contains(&line.row())))
    };
    if has_changed_rule || is_taken_by_new() {
        return RULE_CHANGE;
    }
    let is_restated = |line: &Line| facts.now.values(rule, *hop, line).as_ref() != Some(&line.values);
    if lines.iter().any(is_restated) { RESTATEMENT } else { LATE_DATA }
}

/// What changes of the rows that are left.
fn exceptions(previous: &State, found: BTreeMap<Place, Why>, late: &Late, facts: &Facts<'_>) -> Vec<ExceptionChange> {
    let gone = previous.exceptions.keys().filter(|place| !found.contains_key(*place));
    let gone = gone.map(|place| ExceptionChange { place: place.clone(), left: None, event: None, cause: None });
    let mut changes: Vec<ExceptionChange> = gone.collect();
    for (place, why) in found {
        let known = previous.exceptions.get(&place);
        if known.is_some_and(|known| known.why == why && known.has_fingerprint) {
            continue;
        }
        // Another rule that tells of the row may compare other columns of it.
        let is_restated = known.is_some_and(|known| known.why.rule == why.rule && known.why.values != why.values);
        let (event, cause) = match late.get(&place) {
            Some(cause) => (Some(LATE_CHANGE), Some(*cause)),
            None if is_restated => (Some(RESTATED), Some(RESTATEMENT)),
            None => (None, None),
        };
        changes.push(ExceptionChange { event, cause, ..left(place, why, known, facts) });
    }
    changes.sort_by(|one, other| one.place.cmp(&other.place));
    changes
}

/// A row that is left, which may have been left before.
pub(super) fn left(place: Place, why: Why, known: Option<&Left>, facts: &Facts<'_>) -> ExceptionChange {
    let (first_run, first_seen) = known.map_or((facts.run, facts.as_of), |known| (known.first_run, known.first_seen));
    ExceptionChange { place, left: Some(Left { why, first_run, first_seen, has_fingerprint: true }), event: None, cause: None }
}
