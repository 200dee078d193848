//! What a run found, sifted: what is known as it was found is left alone, what nothing known has to do with is new, and only
//! what remains is recalled and weighed by [`record`](super::record()). Of a million matches that are a few; in a first run it
//! is none.

use std::collections::HashSet;

use super::before::Before;
use super::found::{Open, Reading};
use super::recall::Wanted;
use super::record::{ExceptionChange, Facts, Found, MatchChange, created, left};
use super::state::{Entry, Place, State, Status, Why};
use crate::error::{Error, Result};
use crate::matching::assign::both;
use crate::matching::outcome::{Match, Step};

/// What a finding is to what was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is known as it is.
    Same,
    /// Nothing of it is known.
    New,
    /// It is to be weighed.
    Weighed,
}

/// Findings against what was known.
#[derive(Debug)]
pub(super) struct Sieve<'a> {
    before: &'a Before,
    /// Whether a closed period may stand against what is new.
    is_closed: bool,
    /// Which of the matches and of the rows that were left are found again.
    met: Vec<bool>,
    met_left: Vec<bool>,
    /// Where what comes next is likely to be among both.
    next: usize,
    next_left: usize,
    /// What is to be weighed: of what was known, and of what was found.
    wanted: Wanted,
    found: Found,
}

impl<'a> Sieve<'a> {
    pub(super) fn new(before: &'a Before, is_closed: bool) -> Self {
        let (met, met_left) = (vec![false; before.matches()], vec![false; before.left()]);
        Self { before, is_closed, met, met_left, next: 0, next_left: 0, wanted: Wanted::default(), found: Found::default() }
    }

    /// What a match is to what was known.
    pub(super) fn of_match(&mut self, id: String, entry: impl FnOnce(String) -> Result<Entry>) -> Result<Fate> {
        let Some(place) = self.before.find(&id, self.next) else {
            return Ok(if self.is_closed { self.weigh(entry(id)?) } else { Fate::New });
        };
        meet(&mut self.met, place);
        self.next = place.saturating_add(1);
        let entry = entry(id)?;
        if self.before.print(place)? == Some(entry.fingerprint()) {
            return Ok(Fate::Same);
        }
        self.wanted.matches.push(entry.id.clone());
        Ok(self.weigh(entry))
    }

    fn weigh(&mut self, entry: Entry) -> Fate {
        self.found.matches.insert(entry.id.clone(), entry);
        Fate::Weighed
    }

    /// What a row in no match is to what was known.
    pub(super) fn of_left(&mut self, place: Place, why: impl FnOnce() -> Result<Why>) -> Result<Fate> {
        let known = self.before.find_left(&place, self.next_left);
        if let Some(known) = known {
            meet(&mut self.met_left, known);
            self.next_left = known.saturating_add(1);
        }
        let known = match known {
            Some(known) if self.before.is_left(known)? => Some(known),
            _ if self.is_closed => None,
            _ => return Ok(Fate::New),
        };
        let why = why()?;
        if let Some(known) = known {
            if self.before.print_left(known)? == Some(why.fingerprint()) {
                return Ok(Fate::Same);
            }
            self.wanted.left.push(place.clone());
        }
        self.found.exceptions.insert(place, why);
        Ok(Fate::Weighed)
    }

    /// Both, as if all had gone through this one.
    fn with(mut self, other: Self) -> Self {
        for (met, other) in [(&mut self.met, &other.met), (&mut self.met_left, &other.met_left)] {
            met.iter_mut().zip(other).for_each(|(met, other)| *met |= *other);
        }
        self.wanted.matches.extend(other.wanted.matches);
        self.wanted.left.extend(other.wanted.left);
        self.found.matches.extend(other.found.matches);
        self.found.exceptions.extend(other.found.exceptions);
        self
    }

    /// What is to be weighed of what was known, with all that is found no more, and of what was found.
    pub(super) fn end(mut self) -> Result<(Wanted, Found)> {
        let unmet = |met: &[bool]| met.iter().enumerate().filter(|(_, is_met)| !**is_met).map(|(place, _)| place).collect();
        let (matches, left): (Vec<usize>, Vec<usize>) = (unmet(&self.met), unmet(&self.met_left));
        for place in matches {
            if self.before.is_live(place)? {
                self.wanted.matches.push(self.before.id(place)?.to_owned());
            }
        }
        for place in left {
            if self.before.is_left(place)? {
                self.wanted.left.push(self.before.place(place)?);
            }
        }
        Ok((self.wanted, self.found))
    }
}

fn meet(met: &mut [bool], place: usize) {
    if let Some(met) = met.get_mut(place) {
        *met = true;
    }
}

/// What a run found of a flow, step by step.
#[derive(Debug)]
pub(super) struct Sifted<'a>(pub(super) Vec<Fates<'a>>);

/// What the findings of a step are to what was known.
#[derive(Debug)]
pub(super) struct Fates<'a> {
    pub(super) reading: Reading<'a>,
    matches: Vec<Fate>,
    open: Vec<Fate>,
}

impl<'a> Fates<'a> {
    /// The matches of this status that are known as they are, or new.
    pub(super) fn settled(&self, status: Status) -> impl Iterator<Item = &'a Match> {
        let matches = self.matches().filter(move |(fate, of, _)| *fate != Fate::Weighed && *of == status);
        matches.map(|(_, _, one)| one)
    }

    /// The rows in no match that are known as they are, or new.
    pub(super) fn settled_open(&self) -> impl Iterator<Item = Open<'a>> {
        self.open().filter(|(fate, _)| *fate != Fate::Weighed).map(|(_, open)| open)
    }

    fn matches(&self) -> impl Iterator<Item = (Fate, Status, &'a Match)> {
        self.matches.iter().zip(self.reading.matches()).map(|(fate, (status, one))| (*fate, status, one))
    }

    fn open(&self) -> impl Iterator<Item = (Fate, Open<'a>)> {
        self.open.iter().copied().zip(self.reading.open())
    }
}

impl<'a> Sifted<'a> {
    /// Sifts what was found in steps: what becomes of it, and what is to be weighed of what was known and of what was found.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when a finding is not of its step, or what is known is not whole.
    pub(super) fn of(steps: &'a [Step], before: &Before, is_closed: bool) -> Result<(Self, Wanted, Found)> {
        let (mut one, mut other) = (Sieve::new(before, is_closed), Sieve::new(before, is_closed));
        let mut sifted = Vec::new();
        for step in steps {
            let reading = Reading::of(step)?;
            let sift = |sieve: &mut Sieve<'_>, matches: &[(Status, &Match)], open: &[Open<'_>]| {
                let of_match = |(status, one): &(Status, &Match)| {
                    sieve.of_match(step.match_id(one)?, |id| reading.entry_of(id, *status, one))
                };
                let matches = matches.iter().map(of_match).collect::<Result<Vec<_>>>()?;
                let of_open = |open: &Open<'_>| sieve.of_left(reading.place(open.row())?, || reading.why(*open));
                Ok::<_, Error>((matches, open.iter().map(of_open).collect::<Result<Vec<_>>>()?))
            };
            // Half of them for each of two cores.
            let (matches, open): (Vec<_>, Vec<_>) = (reading.matches().collect(), reading.open().collect());
            let (matches, open) = (matches.split_at(matches.len() / 2), open.split_at(open.len() / 2));
            let (half, other_half) = both(|| sift(&mut one, matches.0, open.0), || sift(&mut other, matches.1, open.1));
            let ((matches, open), (more_matches, more_open)) = (half?, other_half?);
            sifted.push(Fates { reading, matches: [matches, more_matches].concat(), open: [open, more_open].concat() });
        }
        let (wanted, found) = one.with(other).end()?;
        Ok((Self(sifted), wanted, found))
    }

    /// Has what is new weighed as well where it is of rows of matches that are: it may take the place of one.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when a finding is not of its step.
    pub(super) fn weigh(&mut self, previous: &State, found: &mut Found) -> Result<()> {
        self.0.iter_mut().try_for_each(|fates| fates.weigh(previous, found))
    }

    /// What becomes of matches that nothing known has to do with, so many at once.
    pub(super) fn created<'b>(
        &'b self,
        facts: &'b Facts<'_>,
        many: usize,
    ) -> impl Iterator<Item = Result<Vec<MatchChange>>> + 'b {
        let new = self.0.iter().flat_map(|fates| {
            let new = fates.matches().filter(|(fate, ..)| *fate == Fate::New);
            new.map(|(_, status, one)| Ok(created(fates.reading.entry(status, one)?, None, facts)))
        });
        chunks(new, many)
    }

    /// What becomes of rows that are left and never were, so many at once.
    pub(super) fn newly_left<'b>(
        &'b self,
        facts: &'b Facts<'_>,
        many: usize,
    ) -> impl Iterator<Item = Result<Vec<ExceptionChange>>> + 'b {
        let new = self.0.iter().flat_map(|fates| {
            let new = fates.open().filter(|(fate, _)| *fate == Fate::New);
            new.map(|(_, open)| Ok(left(fates.reading.place(open.row())?, fates.reading.why(open)?, None, facts)))
        });
        chunks(new, many)
    }

    /// How many matches nothing known has to do with.
    pub(super) fn count_created(&self) -> usize {
        self.0.iter().flat_map(|fates| &fates.matches).filter(|fate| **fate == Fate::New).count()
    }

    /// Whether something is found that nothing known has to do with.
    pub(super) fn has_new(&self) -> bool {
        self.0.iter().flat_map(|fates| fates.matches.iter().chain(&fates.open)).any(|fate| *fate == Fate::New)
    }
}

impl Fates<'_> {
    fn weigh(&mut self, previous: &State, found: &mut Found) -> Result<()> {
        let step = self.reading.step;
        let rows = rows(previous, step.hop);
        if rows.is_empty() {
            return Ok(());
        }
        for (fate, (status, one)) in self.matches.iter_mut().zip(self.reading.matches()).filter(|(fate, _)| **fate == Fate::New) {
            let entry = self.reading.entry(status, one)?;
            if entry.rows().iter().any(|row| rows.contains(row)) {
                found.matches.insert(entry.id.clone(), entry);
                *fate = Fate::Weighed;
            }
        }
        Ok(())
    }
}

/// Table and id of all rows of known matches of a hop.
pub(super) fn rows(known: &State, hop: u32) -> HashSet<(&str, &str)> {
    known.matches.values().filter(|known| known.entry.hop == hop).flat_map(|known| known.entry.rows()).collect()
}

/// What comes, so many at once; the first error is the last.
fn chunks<T>(mut all: impl Iterator<Item = Result<T>>, many: usize) -> impl Iterator<Item = Result<Vec<T>>> {
    std::iter::from_fn(move || {
        let chunk: Result<Vec<T>> = all.by_ref().take(many).collect();
        chunk.map(|chunk| (!chunk.is_empty()).then_some(chunk)).transpose()
    })
}
