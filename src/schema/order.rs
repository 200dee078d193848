//! The order members stand in: objects of one place are written alike, so the next name is known before it is read.
//!
//! What was seen is kept as one list per place that grows into a common supersequence of all the orders met, with what
//! each name leads to beside it. A guess is only ever confirmed byte by byte, so what is remembered decides how fast a
//! name is read, never what is read.

use super::scan::{Form, Scan};
use super::tree::{Member, Node};
use super::value;
use crate::error::Result;

/// How many names are tried: members are often left out, seldom many in a row.
const AHEAD: usize = 6;
/// How many names a place remembers: an object with more of them is a map, and maps do not repeat themselves.
const REMEMBERED: usize = 128;

/// The orders at all places so far.
#[derive(Debug)]
pub(super) struct Orders<'p, 'a> {
    /// By [`Node::place`].
    places: Vec<Vec<Known<'p, 'a>>>,
}

#[derive(Debug)]
struct Known<'p, 'a> {
    /// The name as it is written, from its first quote to the colon.
    text: &'a str,
    wanted: Option<&'p Member>,
}

impl<'p, 'a> Orders<'p, 'a> {
    /// Nothing seen yet, at any of so many places.
    pub(super) fn new(places: usize) -> Self {
        Self { places: std::iter::repeat_with(Vec::new).take(places).collect() }
    }

    /// Passes the next member's name, and gives the member if `node` wants it; `next` is how far along the order of its
    /// place the object is.
    #[inline]
    pub(super) fn name(&mut self, node: &'p Node, next: &mut usize, scan: &mut Scan<'a>) -> Result<Option<&'p Member>> {
        let known = self.places.get(node.place).and_then(|known| known.get(*next..)).unwrap_or_default();
        for (ahead, known) in known.iter().take(AHEAD).enumerate() {
            if scan.pass_text(known.text) {
                *next += ahead + 1;
                return Ok(known.wanted);
            }
        }
        self.learn(node, next, scan)
    }

    #[cold]
    fn learn(&mut self, node: &'p Node, next: &mut usize, scan: &mut Scan<'a>) -> Result<Option<&'p Member>> {
        let start = scan.position();
        let name = value::text(scan.name()?).ok();
        let text = scan.since(start, Form::Plain).text;
        let wanted = name.and_then(|name| node.find(&name));
        if let Some(known) = self.places.get_mut(node.place).filter(|known| known.len() < REMEMBERED) {
            known.insert(*next, Known { text, wanted });
            *next += 1;
        }
        Ok(wanted)
    }
}
