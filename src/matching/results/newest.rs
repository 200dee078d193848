//! Things that runs tell of, of which the last word counts.

use std::hash::BuildHasher;

use arrow::array::{Array, Int64Array, RecordBatch, StringArray};
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::cells::{hop, needed, primitives, texts, value};
use super::state::Place;
use crate::error::{Error, Result};

/// What a thing is called: its hop, its table, its id; a match has an id alone.
pub(super) type Name<'a> = (i64, &'a str, &'a str);

/// What a match is called.
pub(super) fn match_name(id: &str) -> Name<'_> {
    (0, "", id)
}

/// What a row is called.
pub(super) fn row_name(Place { hop, table, id }: &Place) -> Name<'_> {
    (i64::from(*hop), table, id)
}

/// The names of the things that rows tell of.
pub(super) trait Names: Sized {
    /// Those in rows of a kept table.
    fn of(rows: &RecordBatch) -> Result<Self>;
    /// How many there are.
    fn len(&self) -> usize;
    /// The number of the run that a row is of.
    fn run(&self, row: usize) -> i64;
    /// The thing that a row is of.
    fn name(&self, row: usize) -> Result<Name<'_>>;
}

/// The names of matches.
#[derive(Debug)]
pub(super) struct Matches {
    run: Int64Array,
    id: StringArray,
}

impl Matches {
    pub(super) fn id(&self, row: usize) -> Result<&str> {
        needed(&self.id, row)
    }
}

impl Names for Matches {
    fn of(rows: &RecordBatch) -> Result<Self> {
        Ok(Self { run: primitives(rows, "run")?, id: texts(rows, "match_id")? })
    }

    fn len(&self) -> usize {
        self.id.len()
    }

    fn run(&self, row: usize) -> i64 {
        value(&self.run, row).unwrap_or_default()
    }

    fn name(&self, row: usize) -> Result<Name<'_>> {
        Ok(match_name(self.id(row)?))
    }
}

/// The names of rows that are left.
#[derive(Debug)]
pub(super) struct Left {
    run: Int64Array,
    hop: Int64Array,
    table: StringArray,
    id: StringArray,
}

impl Left {
    pub(super) fn place(&self, row: usize) -> Result<Place> {
        let (table, id) = (needed(&self.table, row)?.to_owned(), needed(&self.id, row)?.to_owned());
        Ok(Place { hop: hop(&self.hop, row)?, table, id })
    }
}

impl Names for Left {
    fn of(rows: &RecordBatch) -> Result<Self> {
        let (table, id) = (texts(rows, "table")?, texts(rows, "line_id")?);
        Ok(Self { run: primitives(rows, "run")?, hop: primitives(rows, "hop")?, table, id })
    }

    fn len(&self) -> usize {
        self.id.len()
    }

    fn run(&self, row: usize) -> i64 {
        value(&self.run, row).unwrap_or_default()
    }

    fn name(&self, row: usize) -> Result<Name<'_>> {
        Ok((value(&self.hop, row).unwrap_or_default(), needed(&self.table, row)?, needed(&self.id, row)?))
    }
}

/// A row of rows that came in batches.
#[derive(Debug, Clone, Copy)]
struct At {
    batch: usize,
    row: usize,
}

/// Things, in the order that they were first told of, of each the row of the last run that tells of it.
#[derive(Debug)]
pub(super) struct Newest<N, R> {
    /// Their names, and what else is told of them, batch by batch.
    rows: Vec<(N, R)>,
    newest: Vec<At>,
    /// Hashes of names, and places in `newest`.
    places: HashTable<(u64, usize)>,
    hasher: RandomState,
}

impl<N, R> Default for Newest<N, R> {
    fn default() -> Self {
        Self { rows: Vec::new(), newest: Vec::new(), places: HashTable::new(), hasher: RandomState::default() }
    }
}

impl<N: Names, R> Newest<N, R> {
    /// Those that rows of a kept table tell of, and what else is told of them.
    pub(super) fn of(rows: &[RecordBatch], told: impl Fn(&RecordBatch) -> Result<R>) -> Result<Self> {
        let rows = rows.iter().map(|rows| Ok((N::of(rows)?, told(rows)?))).collect::<Result<_>>()?;
        let mut newest = Self { rows, ..Self::default() };
        newest.places.reserve(newest.rows.iter().map(|(names, _)| names.len()).sum(), |(hash, _)| *hash);
        for (batch, (names, _)) in newest.rows.iter().enumerate() {
            for row in 0..names.len() {
                let name = names.name(row)?;
                let hash = newest.hasher.hash_one(name);
                match place(&newest.rows, &newest.newest, &newest.places, hash, name) {
                    None => {
                        newest.places.insert_unique(hash, (hash, newest.newest.len()), |(hash, _)| *hash);
                        newest.newest.push(At { batch, row });
                    }
                    Some(place) => {
                        let run = |at: &At| newest.rows.get(at.batch).map(|(names, _)| names.run(at.row));
                        if let Some(known) = newest.newest.get_mut(place)
                            && run(known) < Some(names.run(row))
                        {
                            *known = At { batch, row };
                        }
                    }
                }
            }
        }
        Ok(newest)
    }

    /// The place of a thing. Where it is looked for first is only a guess: things are mostly looked for in the order that they
    /// were told of.
    pub(super) fn find(&self, name: Name<'_>, guess: usize) -> Option<usize> {
        if is_at(&self.rows, &self.newest, guess, name) == Some(true) {
            return Some(guess);
        }
        place(&self.rows, &self.newest, &self.places, self.hasher.hash_one(name), name)
    }

    /// How many things there are.
    pub(super) fn len(&self) -> usize {
        self.newest.len()
    }

    /// The row that tells last of a thing.
    pub(super) fn get(&self, place: usize) -> Result<(&(N, R), usize)> {
        let row = self.newest.get(place).and_then(|at| Some((self.rows.get(at.batch)?, at.row)));
        row.ok_or_else(|| Error::bug("a thing that no run has told of"))
    }
}

fn place<N: Names, R>(
    rows: &[(N, R)],
    newest: &[At],
    places: &HashTable<(u64, usize)>,
    hash: u64,
    name: Name<'_>,
) -> Option<usize> {
    let is_it = |known: usize| is_at(rows, newest, known, name) == Some(true);
    places.find(hash, |(of, known)| *of == hash && is_it(*known)).map(|(_, place)| *place)
}

/// Whether the thing of a name has this place; nothing where there is no such place.
fn is_at<N: Names, R>(rows: &[(N, R)], newest: &[At], place: usize, name: Name<'_>) -> Option<bool> {
    let at = newest.get(place)?;
    let (names, _) = rows.get(at.batch)?;
    Some(names.name(at.row).ok()? == name)
}
