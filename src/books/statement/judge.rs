//! What the statements of one source are to each other: one that is there twice counts once, one that is missing is
//! noticed, and none is taken for right whose lines do not lead from its opening to its closing balance.

use std::collections::BTreeMap;

use super::{Line, Statement};
use crate::error::{Error, ErrorKind, Result};

/// What is wrong with a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::books) enum Problem {
    /// Its lines do not lead from its opening to its closing balance.
    BalanceMismatch,
    /// Its opening balance is not the closing balance of the one before it: one is missing.
    Gap,
    /// It is there already, and its lines are not counted again.
    Duplicate,
}

impl Problem {
    /// Its name in SQL.
    pub(in crate::books) fn name(self) -> &'static str {
        match self {
            Self::BalanceMismatch => "balance_mismatch",
            Self::Gap => "gap",
            Self::Duplicate => "duplicate",
        }
    }
}

/// A statement with what was found about it.
#[derive(Debug, Clone)]
pub(in crate::books) struct Judged {
    /// The file it is in.
    pub(in crate::books) file: String,
    /// Itself.
    pub(in crate::books) statement: Statement,
    /// What its lines do not explain of closing less opening; `None` where a balance is not said.
    pub(in crate::books) difference: Option<i128>,
    /// What is wrong with it.
    pub(in crate::books) problem: Option<Problem>,
    /// Entries of the file before its first.
    rows_before: usize,
    /// The places of the lines that are not those of another file.
    kept: Vec<usize>,
}

impl Judged {
    /// The lines that count: the row in the file, the identity, and the line.
    pub(in crate::books) fn lines(&self) -> impl Iterator<Item = (usize, String, &Line)> {
        let line = |place: &usize| {
            let line = self.statement.lines.get(*place)?;
            Some((self.rows_before + place + 1, self.statement.line_id(place + 1, line), line))
        };
        self.kept.iter().filter_map(line)
    }

    fn at(&self, error: Error) -> Error {
        error.with("statement", &self.statement.id).with("file", &self.file)
    }

    /// The error of a statement that does not add up.
    pub(in crate::books) fn mismatch(&self) -> Error {
        self.at(Error::new(
            ErrorKind::Decode,
            "a statement does not add up: opening balance and lines do not come to the closing balance",
        ))
    }
}

/// Judges the statements of some files, in the order of the files.
///
/// # Errors
/// [`ErrorKind::Decode`] when two statements, or two lines, have the same identity and say different things.
pub(in crate::books) fn judge(files: Vec<(String, Vec<Statement>)>) -> Result<Vec<Judged>> {
    let mut judged: Vec<Judged> = Vec::new();
    for (file, statements) in files {
        let mut rows_before = 0;
        for statement in statements {
            let difference = statement.difference()?;
            let problem = difference.filter(|difference| *difference != 0).map(|_| Problem::BalanceMismatch);
            let (rows, kept) = (statement.lines.len(), (0..statement.lines.len()).collect());
            judged.push(Judged { file: file.clone(), statement, difference, problem, rows_before, kept });
            rows_before += rows;
        }
    }
    drop_duplicates(&mut judged)?;
    drop_overlaps(&mut judged)?;
    find_gaps(&mut judged);
    Ok(judged)
}

fn drop_duplicates(judged: &mut [Judged]) -> Result<()> {
    let mut firsts: BTreeMap<(String, String, String), (String, Statement)> = BTreeMap::new();
    for one in judged {
        let statement = &one.statement;
        // Where lines have an identity of their own, that of the statement is only its days.
        if statement.lines.iter().any(|line| line.own_id.is_some()) {
            continue;
        }
        let key = (statement.account.clone(), statement.currency.clone(), statement.id.clone());
        match firsts.get(&key) {
            Some((_, first)) if first.says_same(statement) => {
                one.problem = Some(Problem::Duplicate);
                one.kept.clear();
            }
            Some((file, _)) => {
                return Err(one
                    .at(Error::new(ErrorKind::Decode, "a statement is there twice, and says different things"))
                    .with("other", file)
                    .hint("keep the one that is right, and move the other out of this source"));
            }
            None => {
                firsts.insert(key, (one.file.clone(), statement.clone()));
            }
        }
    }
    Ok(())
}

/// Lets go of lines that another file has already, by the bank's own identity of them.
fn drop_overlaps(judged: &mut [Judged]) -> Result<()> {
    let mut firsts: BTreeMap<(String, String), (String, Line)> = BTreeMap::new();
    for one in judged {
        let mut kept = Vec::with_capacity(one.kept.len());
        for place in &one.kept {
            let Some(line) = one.statement.lines.get(*place) else { continue };
            let Some(own_id) = &line.own_id else {
                kept.push(*place);
                continue;
            };
            let plain = Line { raw: String::new(), ..line.clone() };
            let key = (one.statement.account.clone(), own_id.clone());
            match firsts.get(&key) {
                Some((file, first)) if *first == plain && *file != one.file => {}
                Some((file, _)) => {
                    return Err(one
                        .at(Error::new(ErrorKind::Decode, "two entries have the same identity at the bank"))
                        .with("line_id", one.statement.line_id(place + 1, line))
                        .with("other", file)
                        .hint("keep the file that is right, and move the other out of this source"));
                }
                None => {
                    firsts.insert(key, (one.file.clone(), plain));
                    kept.push(*place);
                }
            }
        }
        one.kept = kept;
    }
    Ok(())
}

/// Finds statements that do not begin where the one before them of the same account ends.
fn find_gaps(judged: &mut [Judged]) {
    let mut order: Vec<&mut Judged> = judged.iter_mut().filter(|one| one.problem != Some(Problem::Duplicate)).collect();
    // In the bank's order; where it says none, as the files are.
    order.sort_by(|one, other| {
        let key = |judged: &Judged| {
            let Statement { account, currency, to, from, sequence, .. } = &judged.statement;
            (account.clone(), currency.clone(), *to, *from, *sequence)
        };
        key(one).cmp(&key(other))
    });
    let mut before: Option<(String, String, Option<i128>)> = None;
    for one in order {
        let Statement { account, currency, opening, closing, .. } = &one.statement;
        if let (Some((last_account, last_currency, Some(ended))), Some(opening)) = (&before, opening)
            && (last_account, last_currency) == (account, currency)
            && ended != opening
            && one.problem.is_none()
        {
            one.problem = Some(Problem::Gap);
        }
        before = Some((account.clone(), currency.clone(), *closing));
    }
}
