//! Rows that are proposed pair by pair.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Assigned, Rows, TOLD, Together, UNDATED, Waiting, length, numbers, together, waiting};
use crate::error::{Error, Result};
use crate::matching::assign::suggest::{MOST_MEMBERS, SubsetSum, subset_sum};
use crate::matching::assign::{Mutual, Pair, Scored, Side, Standing, mutual_best};
use crate::matching::outcome::Group;
use crate::matching::proposal::Candidate;
use crate::matching::reasons::{AMBIGUOUS_SUBSET, DATE_OUT_OF_WINDOW, TOO_MANY_CANDIDATES};
use crate::matching::rule::{Assign, Shape, Tie};

/// The candidates of the rows of each side.
type OfSides = [(Side, BTreeMap<u32, Vec<u32>>); 2];

impl Rows<'_> {
    /// Assigns what was proposed pair by pair.
    pub(super) fn by_pair(self, pairs: Vec<Candidate>) -> Result<Assigned> {
        if self.rule.assign == Assign::Unique && self.rule.shape != Shape::OneToOne {
            return Ok(self.several_by_pair(&pairs));
        }
        let (inside, outside): (Vec<Candidate>, Vec<Candidate>) =
            pairs.into_iter().partition(|pair| self.is_within(pair.left, pair.right) || self.is_unknown(pair.left, pair.right));
        let of_sides = [(Side::Left, by(&inside, Side::Left)), (Side::Right, by(&inside, Side::Right))];
        let mut assigned = match self.rule.assign {
            Assign::MutualBest { margin } => self.best(&inside, margin)?,
            Assign::Unique => self.only(&inside, &of_sides)?,
            Assign::Suggest { .. } => self.suggested(&inside, &of_sides)?,
            Assign::Refuse => {
                let mut assigned = Assigned::default();
                let reason = self.rule.reason.ok_or_else(|| Error::bug("a rule refuses rows for no reason"))?;
                left_because(&inside, &of_sides, reason, &mut assigned);
                assigned
            }
        };
        self.let_go_undated(&mut assigned);
        for (side, of) in &of_sides {
            let never = by(&outside, *side).into_iter().filter(|(row, _)| !of.contains_key(row));
            assigned.waiting.extend(never.map(|(row, others)| waiting(*side, row, DATE_OUT_OF_WINDOW, &others)));
        }
        Ok(assigned)
    }

    /// Lets go of pairs of which nobody knows whether they are within days.
    fn let_go_undated(self, assigned: &mut Assigned) {
        let is_known =
            |group: &Group| group.left().iter().all(|left| group.right().iter().all(|right| !self.is_unknown(*left, *right)));
        let (known, unknown): (Vec<_>, Vec<_>) =
            std::mem::take(&mut assigned.together).into_iter().partition(|together| is_known(&together.group));
        assigned.together = known;
        for Together { group, .. } in unknown {
            for (side, own, others) in group.sides() {
                let left = own.iter().map(|row| waiting(side, *row, "AMBIGUOUS_WINDOW", others));
                assigned.waiting.extend(left.map(|left| Waiting { why: Some(UNDATED.into()), ..left }));
            }
        }
    }

    fn several_by_pair(self, pairs: &[Candidate]) -> Assigned {
        let one = self.one();
        let (ones, many) = (by(pairs, one), by(pairs, one.other()));
        let mut assigned = Assigned::default();
        let mut done = BTreeSet::new();
        for (single, members) in &ones {
            if members.iter().all(|member| is_only(&many, *member)) {
                let is_of = |pair: &&Candidate| *single == if one == Side::Left { pair.left } else { pair.right };
                let why = pairs.iter().filter(is_of).find_map(|pair| pair.why.clone());
                self.several(*single, members.clone(), why, &mut assigned);
                done.insert(*single);
            }
        }
        let open = |others: &Vec<u32>| !others.iter().any(|single| done.contains(single));
        let left_ones = ones.iter().filter(|(single, _)| !done.contains(single));
        assigned.waiting.extend(left_ones.map(|(row, others)| waiting(one, *row, "AMBIGUOUS_KEY", others)));
        let left_many = many.iter().filter(|(_, singles)| open(singles));
        assigned.waiting.extend(left_many.map(|(row, others)| waiting(one.other(), *row, "AMBIGUOUS_KEY", others)));
        assigned
    }

    /// Pairs of which each is the other's only candidate.
    fn only(self, inside: &[Candidate], of_sides: &OfSides) -> Result<Assigned> {
        let [(_, of_left), (_, of_right)] = of_sides;
        let only = inside.iter().filter(|pair| is_only(of_left, pair.left) && is_only(of_right, pair.right));
        let mut assigned = Assigned { together: only.map(Together::from).collect(), ..Assigned::default() };
        let reason = if self.spans.is_some() { "AMBIGUOUS_WINDOW" } else { "AMBIGUOUS_KEY" };
        left_over(of_sides, reason, &mut assigned);
        if self.rule.tie == Tie::Suggest {
            let open = of_left.iter().filter(|(_, others)| (2..=TOLD).contains(&others.len()));
            assigned.suggested = self.nearest(open.map(|(left, others)| (*left, others.clone())))?;
        }
        Ok(assigned)
    }

    fn best(self, pairs: &[Candidate], margin: i64) -> Result<Assigned> {
        let [left, right] = self.lines;
        let scored = |pair: &Candidate| Some(Scored { left: pair.left, right: pair.right, score: pair.score? });
        let scored: Vec<Scored> = pairs.iter().filter_map(scored).collect();
        let found: Mutual = mutual_best(&scored, left.table().len(), right.table().len(), margin)?;
        // They come in this order.
        let place = |pair: &Pair| pairs.binary_search_by_key(&(pair.left, pair.right), |known| (known.left, known.right)).ok();
        let pair = |(pair, margin): (&Pair, &Option<u64>)| {
            let margin = margin.map(|margin| i64::try_from(margin).unwrap_or(i64::MAX));
            pairs.get(place(pair)?).map(|pair| Together { margin, ..Together::from(pair) })
        };
        let made = found.assignment.pairs.iter().zip(&found.margins);
        let mut assigned = Assigned { together: made.filter_map(pair).collect(), ..Assigned::default() };
        let reason = if self.spans.is_some() { "AMBIGUOUS_WINDOW" } else { "AMBIGUOUS_KEY" };
        for side in [Side::Left, Side::Right] {
            // Candidates that went to others are no candidates any more.
            for (row, standing) in (0_u32..).zip(found.assignment.standings(side)) {
                if let Standing::Ambiguous { candidates: count } = standing {
                    let candidates = found.candidates(side, row, TOLD);
                    assigned.waiting.push(Waiting { side, row, reason, count: *count, candidates: candidates.into(), why: None });
                }
            }
        }
        Ok(assigned)
    }

    /// The sets of a row's candidates that people have said to make no match with it, as places among them.
    fn forbidden(self, one: Side, single: u32, members: &[u32]) -> BTreeSet<Vec<u32>> {
        let of_single = self.apart.groups().filter(|group| group.of(one) == [single]);
        let places = |group: &Group| {
            let place = |row: &u32| members.binary_search(row).ok().map(length);
            group.of(one.other()).iter().map(place).collect::<Option<Vec<u32>>>()
        };
        of_single.filter_map(places).collect()
    }

    /// What people may decide on: the only candidates of each other, or the rows that add up to an amount.
    fn suggested(self, inside: &[Candidate], of_sides: &OfSides) -> Result<Assigned> {
        let [(_, of_left), (_, of_right)] = of_sides;
        let mut assigned = Assigned::default();
        if self.rule.shape == Shape::OneToOne {
            let only = inside.iter().filter(|pair| is_only(of_left, pair.left) && is_only(of_right, pair.right));
            assigned.suggested = only.map(Together::from).collect();
            left_because(inside, of_sides, "SUGGESTED", &mut assigned);
            return Ok(assigned);
        }
        let one = self.one();
        let ones = if one == Side::Left { of_left } else { of_right };
        let [lefts, rights] = self.lines;
        let (one_lines, many_lines) = if one == Side::Left { (lefts, rights) } else { (rights, lefts) };
        for (single, members) in ones {
            let amounts: Option<Vec<i128>> = members.iter().map(|member| many_lines.amount(*member)).collect();
            let (Some(amounts), Some(target)) = (amounts, one_lines.amount(*single)) else { continue };
            let told = |reason, members: &[u32], assigned: &mut Assigned| {
                assigned.waiting.push(waiting(one, *single, reason, members));
                assigned.waiting.extend(members.iter().map(|member| waiting(one.other(), *member, reason, &[*single])));
            };
            if amounts.len() > MOST_MEMBERS {
                told(TOO_MANY_CANDIDATES, members, &mut assigned);
                continue;
            }
            match subset_sum(&amounts, target, &self.forbidden(one, *single, members))? {
                SubsetSum::None => {}
                SubsetSum::Ambiguous { .. } => told(AMBIGUOUS_SUBSET, members, &mut assigned),
                SubsetSum::Unique(places) => {
                    let members = numbers(members, &places);
                    told("SUGGESTED", &members, &mut assigned);
                    let sides = if one == Side::Left { (vec![*single], members) } else { (members, vec![*single]) };
                    assigned.suggested.push(together(sides.0, sides.1));
                }
            }
        }
        Ok(assigned)
    }
}

/// Says of all rows that have candidates and are in no group why they are left.
fn left_over(of_sides: &OfSides, reason: &'static str, assigned: &mut Assigned) {
    for (side, of) in of_sides {
        let rows = |together: &Together| {
            if *side == Side::Left { together.group.left().to_vec() } else { together.group.right().to_vec() }
        };
        let done: BTreeSet<u32> = assigned.together.iter().flat_map(rows).collect();
        let left = of.iter().filter(|(row, _)| !done.contains(row));
        assigned.waiting.extend(left.map(|(row, others)| waiting(*side, *row, reason, others)));
    }
}

/// Like [`left_over`], with what the rule says of each row.
fn left_because(pairs: &[Candidate], of_sides: &OfSides, reason: &'static str, assigned: &mut Assigned) {
    left_over(of_sides, reason, assigned);
    let sides = |pair: &Candidate| [(Side::Left, pair.left), (Side::Right, pair.right)].map(|row| (row, pair.why.clone()));
    // Of several the first by candidate.
    let whys: BTreeMap<(Side, u32), Option<Arc<str>>> = pairs.iter().rev().flat_map(sides).collect();
    for waiting in &mut assigned.waiting {
        waiting.why = whys.get(&(waiting.side, waiting.row)).cloned().flatten();
    }
}

/// The candidates of each row of a side, in order.
fn by(pairs: &[Candidate], side: Side) -> BTreeMap<u32, Vec<u32>> {
    let mut of: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for pair in pairs {
        let (row, other) = if side == Side::Left { (pair.left, pair.right) } else { (pair.right, pair.left) };
        of.entry(row).or_default().push(other);
    }
    of.values_mut().for_each(|others| others.sort_unstable());
    of
}

fn is_only(of: &BTreeMap<u32, Vec<u32>>, row: u32) -> bool {
    of.get(&row).is_some_and(|others| others.len() == 1)
}

impl From<&Candidate> for Together {
    fn from(pair: &Candidate) -> Self {
        Self { score: pair.score, why: pair.why.clone(), ..together(vec![pair.left], vec![pair.right]) }
    }
}
