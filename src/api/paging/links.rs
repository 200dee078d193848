//! Listings by what a page says of the next one: a token, or a link to follow.
//!
//! No link is followed to the host it names: the token, or path and query, are taken out of it, and the request goes
//! to the account's own host.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use url::form_urlencoded;

use super::{Accepted, incomplete, with_query};
use crate::api::request::{Method, Request};
use crate::error::Result;
use crate::schema::decode::PageFacts;

/// A listing by `pagination_token`.
#[derive(Debug, Clone, Default)]
pub(super) struct Token {
    next: Next,
    tokens: HashMap<String, usize>,
    /// Number of each page, by its rows.
    pages: HashMap<u64, usize>,
    /// The rows: a listing that grows at its front pushes some of them into the next page again.
    seen: HashSet<u64>,
}

#[derive(Debug, Clone, Default)]
enum Next {
    #[default]
    First,
    Token(String),
    End,
}

impl Token {
    pub(super) fn next(&self, first: &Request, page_size: usize) -> Option<Request> {
        let limit = ("limit", page_size.to_string());
        match &self.next {
            Next::First => Some(with_query(first, [limit])),
            Next::Token(token) => Some(with_query(first, [limit, ("pagination_token", token.clone())])),
            Next::End => None,
        }
    }

    pub(super) fn accept(&mut self, facts: &PageFacts, first: &Request, page: usize) -> Result<Accepted> {
        let repeats = |earlier: usize| incomplete(first, &format!("page {page} repeats page {earlier}"));
        if facts.rows > 0
            && let Some(earlier) = self.pages.insert(hash(&facts.ids), page)
        {
            return Err(repeats(earlier));
        }
        self.next = match &facts.next {
            None => Next::End,
            Some(link) => {
                let token = token_of(link)
                    .ok_or_else(|| incomplete(first, "a page names a next one, without a token for it").with("page", page))?;
                if let Some(earlier) = self.tokens.insert(token.clone(), page) {
                    return Err(repeats(earlier).with("because", "both name the same next page"));
                }
                Next::Token(token)
            }
        };
        let fresh: Vec<bool> = facts.ids.iter().map(|id| self.seen.insert(*id)).collect();
        let repeats_rows = facts.ids_are_identities && fresh.contains(&false);
        Ok(Accepted { fresh: repeats_rows.then_some(fresh) })
    }
}

/// A listing by next links. Whether they work is undocumented, so the caller takes any error for "unusable".
#[derive(Debug, Clone, Default)]
pub(super) struct NextLink {
    next: Link,
    seen: HashSet<u64>,
}

#[derive(Debug, Clone, Default)]
enum Link {
    #[default]
    First,
    Follow(Request),
    End,
}

impl NextLink {
    pub(super) fn next(&self, first: &Request) -> Option<Request> {
        match &self.next {
            Link::First => Some(first.clone()),
            Link::Follow(request) => Some(request.clone()),
            Link::End => None,
        }
    }

    pub(super) fn accept(&mut self, facts: &PageFacts, first: &Request, is_full: bool) -> Result<Accepted> {
        for id in &facts.ids {
            if !self.seen.insert(*id) {
                return Err(incomplete(first, "a page behind a next link repeats a row"));
            }
        }
        self.next = match facts.next.as_deref().filter(|_| is_full).and_then(|link| follow(link, first)) {
            Some(request) => Link::Follow(request),
            None => Link::End,
        };
        Ok(Accepted::default())
    }
}

fn hash(ids: &[u64]) -> u64 {
    let mut hasher = DefaultHasher::new();
    ids.hash(&mut hasher);
    hasher.finish()
}

fn token_of(link: &str) -> Option<String> {
    let (_, query) = path_and_query(link);
    let token = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "pagination_token");
    token.map(|(_, token)| token.into_owned()).filter(|token| !token.is_empty())
}

/// The request behind a link, if it leads to a page of this listing: below the path of its first request.
fn follow(link: &str, first: &Request) -> Option<Request> {
    let (path, query) = path_and_query(link);
    path.strip_prefix(first.path.as_str())?.strip_prefix('/')?;
    Some(Request {
        method: Method::Get,
        path: path.to_owned(),
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        body: None,
        ..first.clone()
    })
}

/// Path and query of a link, absolute or not.
fn path_and_query(link: &str) -> (&str, &str) {
    let link = link.split('#').next().unwrap_or_default();
    let (address, query) = link.split_once('?').unwrap_or((link, ""));
    let path = match address.split_once("://") {
        Some((_, after)) => after.find('/').and_then(|at| after.get(at..)).unwrap_or_default(),
        None => address,
    };
    (path, query)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{facts, request};
    use super::super::{Manner, Pager};
    use super::*;
    use crate::error::ErrorKind;

    fn by_token() -> Pager {
        Pager::new(request(Method::Get, "/reports"), Manner::Token, 2)
    }

    fn by_link() -> Pager {
        Pager::new(Request { body: Some("{}".into()), ..request(Method::Post, "/payments/search") }, Manner::NextLink, 2)
    }

    fn linked(link: &str, ids: impl IntoIterator<Item = u64>) -> PageFacts {
        PageFacts { next: Some(link.to_owned()), ..facts(ids) }
    }

    fn query(pager: &Pager) -> Option<Vec<(String, String)>> {
        pager.next_request().map(|request| request.query)
    }

    #[test]
    fn tokens_are_followed_to_the_last_page() {
        let mut pager = by_token();
        assert_eq!(query(&pager).unwrap().last().unwrap(), &("limit".to_owned(), "2".to_owned()));
        pager.accept(&linked("https://evil.example/elsewhere?a=b&pagination_token=x%2By#z", [1, 2])).unwrap();
        let next = pager.next_request().unwrap();
        assert_eq!((next.host, next.path.as_str()), (crate::api::request::Host::Main, "/reports"));
        let names: Vec<&str> = next.query.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["fixed", "limit", "pagination_token"]);
        assert_eq!(next.query.last().unwrap().1, "x+y");
        pager.accept(&facts([3])).unwrap();
        assert_eq!(query(&pager), None);
    }

    #[test]
    fn a_short_page_with_a_next_one_is_not_the_last() {
        let mut pager = by_token();
        pager.accept(&linked("/reports?pagination_token=1", [])).unwrap();
        pager.accept(&linked("/reports?pagination_token=2", [])).unwrap();
        assert!(pager.next_request().is_some());
    }

    #[test]
    fn a_repeated_page_is_named() {
        let mut pager = by_token();
        pager.accept(&linked("?pagination_token=1", [1, 2])).unwrap();
        pager.accept(&linked("?pagination_token=2", [3, 4])).unwrap();
        let error = pager.accept(&linked("?pagination_token=3", [1, 2])).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Incomplete, "cannot list disputes: page 3 repeats page 1"));
    }

    #[test]
    fn a_token_given_twice_is_a_circle() {
        let mut pager = by_token();
        pager.accept(&linked("?pagination_token=1", [1, 2])).unwrap();
        let error = pager.accept(&linked("?pagination_token=1", [3, 4])).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Incomplete, "cannot list disputes: page 2 repeats page 1"));
    }

    #[test]
    fn a_next_link_without_a_token_is_an_error() {
        for link in ["https://api.example/reports", "?pagination_token=", "", "?token=1"] {
            assert_eq!(by_token().accept(&linked(link, [1])).unwrap_err().kind(), ErrorKind::Incomplete, "{link}");
        }
    }

    #[test]
    fn a_row_repeated_by_a_shifted_page_is_not_fresh() {
        let mut pager = by_token();
        assert_eq!(pager.accept(&linked("?pagination_token=1", [1, 2])).unwrap().fresh, None);
        assert_eq!(pager.accept(&linked("?pagination_token=2", [2, 3])).unwrap().fresh, Some(vec![false, true]));
        assert_eq!(pager.accept(&facts([4])).unwrap().fresh, None);
    }

    #[test]
    fn equal_rows_without_ids_are_different_rows() {
        let without_ids = |page: PageFacts| PageFacts { ids_are_identities: false, ..page };
        let mut pager = by_token();
        pager.accept(&without_ids(linked("?pagination_token=1", [1, 1]))).unwrap();
        assert_eq!(pager.accept(&without_ids(facts([1, 2]))).unwrap().fresh, None);
    }

    #[test]
    fn search_links_are_followed_by_get_on_the_own_host() {
        let mut pager = by_link();
        assert_eq!(pager.next_request().unwrap().body.as_deref(), Some("{}"));
        pager.accept(&linked("https://other.example/payments/search/s1?token=t%3D", [1, 2])).unwrap();
        let next = pager.next_request().unwrap();
        assert_eq!((next.method, next.path.as_str(), next.body.as_deref()), (Method::Get, "/payments/search/s1", None));
        assert_eq!(next.query, [("token".to_owned(), "t=".to_owned())]);
        pager.accept(&linked("/payments/search/s1?token=u", [3])).unwrap();
        assert_eq!((pager.next_request(), pager.is_full()), (None, false));
    }

    #[test]
    fn a_full_page_whose_link_leads_elsewhere_is_not_believed_complete() {
        for link in ["https://x.example/payments/searches/1", "/payments/search", "/reports/1", "payments/search/1", ""] {
            let mut pager = by_link();
            pager.accept(&linked(link, [1, 2])).unwrap();
            assert_eq!((pager.next_request(), pager.is_full()), (None, true), "{link}");
        }
    }

    #[test]
    fn a_row_repeated_behind_a_link_is_an_error() {
        let mut pager = by_link();
        pager.accept(&linked("/payments/search/1", [1, 2])).unwrap();
        assert_eq!(pager.accept(&facts([2])).unwrap_err().kind(), ErrorKind::Incomplete);
    }

    proptest! {
        #[test]
        fn pages_of_any_size_are_all_read_or_the_circle_is_found(
            sizes in prop::collection::vec(0_usize..5, 1..20),
            back_to in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let mut pager = by_token();
            let mut got = Vec::new();
            let whole = loop {
                let Some(request) = pager.next_request() else { break true };
                let token = request.query.iter().find(|(name, _)| name == "pagination_token");
                let page: usize = token.map_or(0, |(_, token)| token.parse().unwrap());
                let start: usize = sizes[..page].iter().sum();
                let ids: Vec<u64> = (start..start + sizes[page]).map(|id| id as u64).collect();
                // A listing in circles leads back from its end to any page.
                let next = if page + 1 < sizes.len() { Some(page + 1) } else { back_to.map(|index| index.index(sizes.len())) };
                let next = next.map(|page| format!("https://api.example/reports?pagination_token={page}"));
                if pager.accept(&PageFacts { next, ..facts(ids.clone()) }).is_err() {
                    break false;
                }
                got.extend(ids);
            };
            prop_assert_eq!(whole, back_to.is_none());
            if whole {
                prop_assert_eq!(got, (0..sizes.iter().sum::<usize>() as u64).collect::<Vec<_>>());
            }
        }

        #[test]
        fn a_listing_that_grows_at_its_front_loses_nothing_and_doubles_nothing(
            rows in 0_u64..40,
            page_size in 1_usize..9,
            growths in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        ) {
            // Newest row first; a token is a place counted from the front, and less than a page arrives between two.
            let mut listing: Vec<u64> = (0..rows).rev().collect();
            let mut growths = growths.into_iter().map(|growth| growth.index(page_size));
            let mut pager = Pager::new(request(Method::Get, "/reports"), Manner::Token, page_size);
            let mut got = Vec::new();
            while let Some(request) = pager.next_request() {
                let token = request.query.iter().find(|(name, _)| name == "pagination_token");
                let start: usize = token.map_or(0, |(_, token)| token.parse().unwrap());
                let end = listing.len().min(start + page_size);
                let page = listing[start..end].to_vec();
                let next = (end < listing.len()).then(|| format!("/reports?pagination_token={end}"));
                let fresh = pager.accept(&PageFacts { next, ..facts(page.clone()) }).unwrap().fresh;
                let fresh = fresh.unwrap_or_else(|| vec![true; page.len()]);
                got.extend(page.iter().zip(fresh).filter(|(_, fresh)| *fresh).map(|(id, _)| *id));
                for _ in 0..growths.next().unwrap_or_default() {
                    listing.insert(0, listing.len() as u64);
                }
            }
            prop_assert_eq!(got, (0..rows).rev().collect::<Vec<_>>());
        }
    }
}
