//! Things that runs tell of, of which the last word counts.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use crate::error::{Error, Result};

/// What a thing is called: its hop, its table, its id; a match has an id alone.
pub(super) type Name<'a> = (i64, &'a str, &'a str);

/// Rows that tell of things.
pub(super) trait Tells {
    /// How many there are.
    fn len(&self) -> usize;
    /// The number of the run that a row is of.
    fn run(&self, row: usize) -> i64;
    /// The thing that a row is of.
    fn name(&self, row: usize) -> Result<Name<'_>>;
}

/// A row of rows that came in batches.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct At {
    pub(super) batch: usize,
    pub(super) row: usize,
}

/// Things, in the order that they were first told of, of each the row of the last run that tells of it.
#[derive(Debug)]
pub(super) struct Newest<R> {
    rows: Vec<R>,
    newest: Vec<At>,
    /// Hashes of names, and places in `newest`.
    places: HashTable<(u64, usize)>,
    hasher: RandomState,
}

impl<R> Default for Newest<R> {
    fn default() -> Self {
        Self { rows: Vec::new(), newest: Vec::new(), places: HashTable::new(), hasher: RandomState::new() }
    }
}

impl<R: Tells> Newest<R> {
    pub(super) fn of(rows: Vec<R>) -> Result<Self> {
        let mut newest = Self { rows, ..Self::default() };
        newest.places.reserve(newest.rows.iter().map(R::len).sum(), |(hash, _)| *hash);
        for (batch, rows) in newest.rows.iter().enumerate() {
            for row in 0..rows.len() {
                let name = rows.name(row)?;
                let hash = newest.hasher.hash_one(name);
                match place(&newest.rows, &newest.newest, &newest.places, hash, name) {
                    None => {
                        newest.places.insert_unique(hash, (hash, newest.newest.len()), |(hash, _)| *hash);
                        newest.newest.push(At { batch, row });
                    }
                    Some(place) => {
                        let run = |at: &At| newest.rows.get(at.batch).map(|rows| rows.run(at.row));
                        if let Some(known) = newest.newest.get_mut(place)
                            && run(known) < Some(rows.run(row))
                        {
                            *known = At { batch, row };
                        }
                    }
                }
            }
        }
        Ok(newest)
    }

    /// The place of a thing.
    pub(super) fn find(&self, name: Name<'_>) -> Option<usize> {
        place(&self.rows, &self.newest, &self.places, self.hasher.hash_one(name), name)
    }

    /// How many things there are.
    pub(super) fn len(&self) -> usize {
        self.newest.len()
    }

    /// The row that tells last of a thing.
    pub(super) fn get(&self, place: usize) -> Result<(&R, usize)> {
        let row = self.newest.get(place).and_then(|at| Some((self.rows.get(at.batch)?, at.row)));
        row.ok_or_else(|| Error::bug("a thing that no run has told of"))
    }
}

fn place<R: Tells>(rows: &[R], newest: &[At], places: &HashTable<(u64, usize)>, hash: u64, name: Name<'_>) -> Option<usize> {
    let is_it = |known: usize| {
        let at = newest.get(known)?;
        Some(rows.get(at.batch)?.name(at.row).ok()? == name)
    };
    places.find(hash, |(of, known)| *of == hash && is_it(*known) == Some(true)).map(|(_, place)| *place)
}
