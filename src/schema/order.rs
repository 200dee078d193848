//! The order members stand in: objects of one place are written alike, so the next name is known before it is read.
//!
//! What was seen is kept as one list per place that grows into a common supersequence of all the orders met, with what
//! each name leads to beside it. A guess is only ever confirmed byte by byte, so what is remembered decides how fast a
//! name is read, never what is read.

use super::grammar::Form;
use super::scan::Scan;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::schema::tree::Tree;

    /// Names as they are written, some alike at the start, one in two spellings; and what they say.
    const NAMES: [(&str, &str); 8] = [
        (r#""id""#, "id"),
        (r#""\u0069d""#, "id"),
        (r#""id_2" "#, "id_2"),
        (r#""i""#, "i"),
        ("\"amount\"\n", "amount"),
        (r#""amount_requested""#, "amount_requested"),
        (r#""""#, ""),
        (r#""status""#, "status"),
    ];
    const WANTED: [&str; 4] = ["id", "i", "amount", "status"];

    fn tree() -> Tree {
        let mut tree = Tree::new();
        for name in WANTED {
            tree.want(&format!("/{name}")).unwrap();
        }
        tree
    }

    /// The members of an object that were found to be wanted, in order.
    fn found<'p, 'a>(orders: &mut Orders<'p, 'a>, node: &'p Node, object: &'a str) -> Vec<&'p str> {
        let mut scan = Scan::new(object.as_bytes()).unwrap();
        let (mut first, mut next, mut found) = (true, 0, Vec::new());
        scan.token();
        scan.open();
        while scan.more(b'}', &mut first).unwrap() {
            found.extend(orders.name(node, &mut next, &mut scan).unwrap().map(|member| member.name.as_str()));
            scan.value().unwrap();
        }
        found
    }

    #[test]
    fn a_map_of_ever_new_names_is_not_remembered_for_ever() {
        let tree = tree();
        let objects: Vec<String> = (0..10)
            .map(|page| (0..100).map(|name| format!(r#""{page}-{name}":1"#)).collect::<Vec<_>>().join(","))
            .map(|members| format!("{{{members},\"id\":2}}"))
            .collect();
        let mut orders = Orders::new(1);
        for object in &objects {
            assert_eq!(found(&mut orders, &tree.root, object), ["id"]);
        }
        assert_eq!(orders.places[0].len(), REMEMBERED);
    }

    #[test]
    fn a_guess_does_not_pass_over_what_is_cut() {
        let tree = tree();
        let mut orders = Orders::new(1);
        found(&mut orders, &tree.root, r#"{"status":1}"#);
        for cut in [r#""status""#, r#""statu"#, r#""status" 1"#] {
            let mut scan = Scan::new(cut.as_bytes()).unwrap();
            assert!(orders.name(&tree.root, &mut 0, &mut scan).is_err(), "{cut}");
        }
    }

    proptest! {
        #[test]
        fn a_member_is_found_whatever_was_seen_before(objects in prop::collection::vec(prop::collection::vec(0..NAMES.len(), 0..12), 0..12)) {
            let tree = tree();
            let written = |members: &Vec<usize>| members.iter().map(|name| format!("{}:1", NAMES[*name].0)).collect::<Vec<_>>().join(", ");
            let texts: Vec<String> = objects.iter().map(|members| format!("{{{}}}", written(members))).collect();
            let mut orders = Orders::new(1);
            for (members, text) in objects.iter().zip(&texts) {
                let says = members.iter().map(|name| NAMES[*name].1).filter(|name| WANTED.contains(name)).collect::<Vec<_>>();
                prop_assert_eq!(found(&mut orders, &tree.root, text), says, "{}", text);
            }
        }
    }
}
