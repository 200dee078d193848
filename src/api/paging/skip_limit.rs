//! Listings by `limit` and `skip`, which move under the reader: rows that come or go shift all later ones.
//!
//! A pass over the listing is believed when its `total_count` stood still and it gave that many different rows. Else
//! the listing is read again from the start, rows seen before being no longer fresh; after five passes it is an error.

use std::collections::HashSet;

use super::{Accepted, incomplete, with_query};
use crate::api::request::Request;
use crate::error::Result;
use crate::schema::decode::PageFacts;

const MOST_PASSES: usize = 5;

#[derive(Debug, Clone, Default)]
pub(super) struct SkipLimit {
    pass: Pass,
    passes_failed: usize,
    seen: HashSet<u64>,
    done: bool,
}

/// One reading of the listing, from its start.
#[derive(Debug, Clone, Default)]
struct Pass {
    skip: usize,
    distinct: HashSet<u64>,
    /// `total_count` of its first page.
    total: Option<u64>,
    has_moved: bool,
}

impl SkipLimit {
    pub(super) fn next(&self, first: &Request, page_size: usize) -> Option<Request> {
        let query = || [("limit", page_size.to_string()), ("skip", self.pass.skip.to_string())];
        (!self.done).then(|| Request { pass: self.passes_failed, ..with_query(first, query()) })
    }

    pub(super) fn accept(&mut self, facts: &PageFacts, first: &Request, page_size: usize) -> Result<Accepted> {
        let ends = self.pass.accept(facts, page_size);
        let fresh: Vec<bool> = facts.ids.iter().map(|id| self.seen.insert(*id)).collect();
        if ends && self.pass.is_whole() {
            self.done = true;
        } else if ends {
            self.passes_failed += 1;
            if self.passes_failed == MOST_PASSES {
                let error = incomplete(first, "its rows kept changing while they were listed")
                    .with("passes", MOST_PASSES)
                    .with("rows", self.pass.distinct.len())
                    .hint("try again, or ask for a narrower time span");
                return Err(match facts.total_count {
                    Some(total) => error.with("total_count", total),
                    None => error,
                });
            }
            self.pass = Pass::default();
        }
        Ok(Accepted { fresh: fresh.contains(&false).then_some(fresh) })
    }
}

impl Pass {
    /// Takes a page; whether it is the pass's last.
    fn accept(&mut self, facts: &PageFacts, page_size: usize) -> bool {
        if self.skip == 0 {
            self.total = facts.total_count;
        }
        self.has_moved |= self.total != facts.total_count;
        self.skip = self.skip.saturating_add(facts.rows);
        let known = self.distinct.len();
        self.distinct.extend(&facts.ids);
        // A page of known rows only: the listing goes in circles, however often `skip` grows.
        let is_stuck = self.distinct.len() == known;
        let is_short = facts.rows < page_size;
        is_short || is_stuck || facts.total_count.is_some_and(|total| self.skip as u64 >= total)
    }

    /// Whether the pass gave every row there is: without a `total_count`, that no row came twice.
    fn is_whole(&self) -> bool {
        !self.has_moved && self.distinct.len() as u64 == self.total.unwrap_or(self.skip as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::tests::{facts, request};
    use super::super::{Manner, Pager};
    use super::*;
    use crate::api::request::Method;
    use crate::error::ErrorKind;

    fn pager(page_size: usize) -> Pager {
        Pager::new(request(Method::Get, "/disputes"), Manner::SkipLimit, page_size)
    }

    /// Skip of the next request.
    fn skip(pager: &Pager) -> Option<usize> {
        let request = pager.next_request()?;
        Some(request.query.iter().find(|(name, _)| name == "skip").unwrap().1.parse().unwrap())
    }

    fn total(total: u64, ids: impl IntoIterator<Item = u64>) -> PageFacts {
        PageFacts { total_count: Some(total), ..facts(ids) }
    }

    #[test]
    fn a_listing_that_stands_still_is_read_once() {
        let mut pager = pager(2);
        let query = pager.next_request().unwrap().query;
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(query, [("fixed", "1"), ("limit", "2"), ("skip", "0")]);
        assert_eq!(pager.accept(&total(3, [1, 2])).unwrap().fresh, None);
        assert_eq!(skip(&pager), Some(2));
        assert_eq!(pager.accept(&total(3, [3])).unwrap().fresh, None);
        assert_eq!(skip(&pager), None);
    }

    #[test]
    fn an_empty_listing_is_one_request() {
        let mut pager = pager(2);
        pager.accept(&total(0, [])).unwrap();
        assert_eq!(skip(&pager), None);
    }

    #[test]
    fn a_full_last_page_needs_no_empty_one() {
        let mut pager = pager(2);
        pager.accept(&total(2, [1, 2])).unwrap();
        assert_eq!(skip(&pager), None);
    }

    #[test]
    fn without_a_total_a_short_page_ends_it() {
        let mut pager = pager(2);
        pager.accept(&facts([1, 2])).unwrap();
        assert_eq!(skip(&pager), Some(2));
        pager.accept(&facts([3])).unwrap();
        assert_eq!(skip(&pager), None);
    }

    #[test]
    fn a_row_pushed_down_starts_a_pass_whose_known_rows_are_not_fresh() {
        let mut pager = pager(2);
        pager.accept(&total(3, [1, 2])).unwrap();
        assert_eq!(pager.accept(&total(4, [2, 3])).unwrap().fresh, Some(vec![false, true]));
        assert_eq!(skip(&pager), Some(0));
        assert_eq!(pager.accept(&total(4, [9, 1])).unwrap().fresh, Some(vec![true, false]));
        assert_eq!(pager.accept(&total(4, [2, 3])).unwrap().fresh, Some(vec![false, false]));
        assert_eq!(skip(&pager), None);
    }

    #[test]
    fn a_listing_that_never_stands_still_is_incomplete() {
        for page in [total(4, [1]), total(9, []), total(4, [1, 1]), facts([1, 1])] {
            let mut pager = pager(2);
            for pass in 1..MOST_PASSES {
                pager.accept(&page).unwrap();
                assert!(skip(&pager).is_some(), "{pass}");
                if skip(&pager) != Some(0) {
                    pager.accept(&page).unwrap();
                }
            }
            let error = (0..2).find_map(|_| pager.accept(&page).err()).unwrap();
            assert_eq!((error.kind(), error.context("passes")), (ErrorKind::Incomplete, Some("5")), "{error}");
        }
    }

    #[test]
    fn a_server_that_ignores_skip_is_found_out() {
        let mut pager = pager(2);
        let outcome = (0..100).find_map(|_| pager.accept(&total(1_000_000, [1, 2])).err());
        assert_eq!(outcome.unwrap().kind(), ErrorKind::Incomplete);
    }

    /// What may happen to a listing, newest row first, between two pages of it.
    #[derive(Debug, Clone)]
    enum Event {
        Insert,
        /// A row changes and so moves to the front.
        Touch(prop::sample::Index),
        Remove(prop::sample::Index),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            Just(Event::Insert),
            any::<prop::sample::Index>().prop_map(Event::Touch),
            any::<prop::sample::Index>().prop_map(Event::Remove),
        ]
    }

    proptest! {
        #[test]
        fn a_moving_listing_loses_nothing_and_doubles_nothing_or_is_an_error(
            rows in 0_u64..40,
            page_size in 1_usize..9,
            events in prop::collection::vec(prop::option::weighted(0.2, event()), 0..60),
        ) {
            let mut listing: Vec<u64> = (0..rows).collect();
            let mut stayed: BTreeSet<u64> = listing.iter().copied().collect();
            let mut events = events.into_iter();
            let mut got = Vec::new();
            let mut next_id = rows;
            let mut pager = pager(page_size);
            let whole = loop {
                let Some(skip) = skip(&pager) else { break true };
                let page: Vec<u64> = listing.iter().skip(skip).take(page_size).copied().collect();
                let facts = total(listing.len() as u64, page.clone());
                let Ok(accepted) = pager.accept(&facts) else { break false };
                let fresh = accepted.fresh.unwrap_or_else(|| vec![true; page.len()]);
                got.extend(page.iter().zip(fresh).filter(|(_, fresh)| *fresh).map(|(id, _)| *id));
                match events.next().flatten() {
                    Some(Event::Insert) => {
                        listing.insert(0, next_id);
                        next_id += 1;
                    }
                    Some(Event::Touch(index)) if !listing.is_empty() => {
                        let id = listing.remove(index.index(listing.len()));
                        listing.insert(0, id);
                    }
                    Some(Event::Remove(index)) if !listing.is_empty() => {
                        let id = listing.remove(index.index(listing.len()));
                        stayed.remove(&id);
                    }
                    _ => {}
                }
            };
            let distinct: BTreeSet<u64> = got.iter().copied().collect();
            prop_assert_eq!(distinct.len(), got.len());
            if whole {
                prop_assert!(stayed.is_subset(&distinct));
            }
        }
    }
}
