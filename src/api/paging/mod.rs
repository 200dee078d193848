//! What to ask next: how a listing continues over several pages, as a pure state machine.
//!
//! A [`Pager`] gives the next request and takes the facts of its page; who sends and who decodes is none of its
//! business. It believes no listing to be complete that contradicts itself.
//!
//! ```text
//! next_request ─▶ (send, decode) ─▶ accept(facts) ─▶ next_request ─▶ … ─▶ None
//! ```

mod links;
mod skip_limit;

use links::{NextLink, Token};
use skip_limit::SkipLimit;

use super::request::Request;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::decode::PageFacts;

/// More pages than any listing has; one that goes on is going in circles.
const MOST_PAGES: usize = 100_000;

/// How a listing continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It does not.
    Single,
    /// `limit` and `skip`, with `total_count` in the page.
    SkipLimit,
    /// `limit`, and a `pagination_token` in the page's next link.
    Token,
    /// A next link to follow by GET. `limit` is in the first request's body already.
    NextLink,
}

/// What a page brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Which of the page's rows were not in an earlier page; `None` when none was.
    pub fresh: Option<Vec<bool>>,
}

/// The course of one listing.
#[derive(Debug, Clone)]
pub struct Pager {
    first: Request,
    page_size: usize,
    pages: usize,
    last_was_full: bool,
    course: Course,
}

#[derive(Debug, Clone)]
enum Course {
    Single { done: bool },
    SkipLimit(SkipLimit),
    Token(Token),
    NextLink(NextLink),
}

impl Pager {
    /// A listing that starts with `first` and asks for `page_size` rows a page.
    pub fn new(first: Request, manner: Manner, page_size: usize) -> Self {
        let course = match manner {
            Manner::Single => Course::Single { done: false },
            Manner::SkipLimit => Course::SkipLimit(SkipLimit::default()),
            Manner::Token => Course::Token(Token::default()),
            Manner::NextLink => Course::NextLink(NextLink::default()),
        };
        Self { first, page_size: page_size.max(1), pages: 0, last_was_full: false, course }
    }

    /// The request for the next page; `None` when there is none. The same again until its page is accepted.
    pub fn next_request(&self) -> Option<Request> {
        match &self.course {
            Course::Single { done } => (!done).then(|| self.first.clone()),
            Course::SkipLimit(course) => course.next(&self.first, self.page_size),
            Course::Token(course) => course.next(&self.first, self.page_size),
            Course::NextLink(course) => course.next(&self.first),
        }
    }

    /// Takes the page of the last request.
    ///
    /// # Errors
    /// [`ErrorKind::Incomplete`] when the pages contradict each other: one repeats another, they never end, or the rows
    /// kept changing while they were listed.
    pub fn accept(&mut self, facts: &PageFacts) -> Result<Accepted> {
        if facts.ids.len() != facts.rows {
            return Err(Error::bug("a page has as many identities as rows").with("table", self.first.table));
        }
        self.pages += 1;
        if self.pages > MOST_PAGES {
            return Err(incomplete(&self.first, "its pages never end").with("pages", MOST_PAGES));
        }
        self.last_was_full = facts.rows >= self.page_size;
        match &mut self.course {
            Course::Single { done } => {
                *done = true;
                Ok(Accepted::default())
            }
            Course::SkipLimit(course) => course.accept(facts, &self.first, self.page_size),
            Course::Token(course) => course.accept(facts, &self.first, self.pages),
            Course::NextLink(course) => course.accept(facts, &self.first, self.last_was_full),
        }
    }

    /// Whether the last page was full: more rows may exist, whatever the page says about a next one.
    pub fn is_full(&self) -> bool {
        self.last_was_full
    }
}

fn incomplete(request: &Request, why: &str) -> Error {
    Error::new(ErrorKind::Incomplete, format!("cannot list {}: {why}", request.table))
}

/// The request with parameters added.
fn with_query<const N: usize>(request: &Request, added: [(&str, String); N]) -> Request {
    let mut request = request.clone();
    request.query.extend(added.map(|(name, value)| (name.to_owned(), value)));
    request
}

#[cfg(test)]
mod tests {
    use super::super::request::{Host, Method};
    use super::*;

    pub(super) fn request(method: Method, path: &str) -> Request {
        Request {
            host: Host::Main,
            method,
            path: path.to_owned(),
            template: "/template",
            query: vec![("fixed".to_owned(), "1".to_owned())],
            body: None,
            table: "disputes",
            scope: "disputes:view",
            pass: 0,
        }
    }

    pub(super) fn facts(ids: impl IntoIterator<Item = u64>) -> PageFacts {
        let ids: Vec<u64> = ids.into_iter().collect();
        PageFacts { rows: ids.len(), ids, ids_are_identities: true, ..PageFacts::default() }
    }

    #[test]
    fn a_single_page_is_asked_for_once() {
        let mut pager = Pager::new(request(Method::Get, "/balances/ent_1"), Manner::Single, 2);
        assert_eq!(pager.next_request(), Some(request(Method::Get, "/balances/ent_1")));
        assert_eq!(pager.accept(&facts([1, 2, 3])).unwrap(), Accepted { fresh: None });
        assert_eq!(pager.next_request(), None);
        assert!(pager.is_full());
    }

    #[test]
    fn pages_without_end_are_an_error() {
        let mut pager = Pager::new(request(Method::Get, "/reports"), Manner::Token, 1);
        let outcome = (0..=MOST_PAGES as u64).try_for_each(|page| {
            let next = Some(format!("https://api.example/reports?pagination_token={page}"));
            pager.accept(&PageFacts { next, ..facts([page]) }).map(drop)
        });
        assert_eq!(outcome.unwrap_err().to_string(), "cannot list disputes: its pages never end (pages 100000)");
    }
}
