//! The members of a JSON object that are wanted, as a tree compiled once: from a member's name to the cell its value
//! is kept in, or to the members wanted inside it.
//!
//! A cell is a place in the flat list of values of one object. Cell 0 is the object itself, as it is written.
//! Knows pointers (RFC 6901), not columns.

use crate::error::{Error, Result};

/// The cell of the whole object.
pub(super) const WHOLE: usize = 0;

/// The wanted members of an object and of everything inside it.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    /// The object's own members.
    pub(super) root: Node,
    /// How many cells one object fills.
    pub(super) width: usize,
}

/// The wanted members of one object.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    /// Its number among all nodes of a plan.
    pub(super) place: usize,
    members: Vec<Member>,
}

/// A wanted member.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// Name in the JSON.
    pub(super) name: String,
    /// JSON pointer from the tree's object.
    pub(super) pointer: String,
    /// The cell that takes the value itself.
    pub(super) cell: Option<usize>,
    /// What is wanted inside it.
    pub(super) inside: Inside,
    /// The cells filled from inside it.
    pub(super) inner_cells: Vec<usize>,
}

/// What is wanted inside a member.
#[derive(Debug, Clone)]
pub(super) enum Inside {
    /// Nothing.
    Nothing,
    /// Members of the object that it is.
    Object(Node),
    /// Every element of the array that it is.
    Elements,
}

impl Tree {
    /// A tree that wants only the object itself.
    pub(super) fn new() -> Self {
        Self { root: Node::default(), width: WHOLE + 1 }
    }

    /// Wants the value at this pointer, and gives the cell it will be in.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the pointer is none, or leads through an array of rows.
    pub(super) fn want(&mut self, pointer: &str) -> Result<usize> {
        if pointer.is_empty() {
            return Ok(WHOLE);
        }
        if let Some(cell) = self.root.reach(pointer, 0, None)?.cell {
            return Ok(cell);
        }
        let fresh = self.width;
        self.width += 1;
        self.root.reach(pointer, 0, Some(fresh))?.cell = Some(fresh);
        Ok(fresh)
    }

    /// Wants the elements of the array at this pointer.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the pointer is none, or members are wanted there.
    pub(super) fn want_elements(&mut self, pointer: &str) -> Result<()> {
        let member = self.root.reach(pointer, 0, None)?;
        match member.inside {
            Inside::Object(_) => Err(inconsistent(pointer)),
            Inside::Nothing | Inside::Elements => {
                member.inside = Inside::Elements;
                Ok(())
            }
        }
    }
}

impl Node {
    /// Numbers this node and those inside it from `next` on.
    pub(super) fn number(&mut self, next: &mut usize) {
        self.place = *next;
        *next += 1;
        for member in &mut self.members {
            if let Inside::Object(node) = &mut member.inside {
                node.number(next);
            }
        }
    }

    /// The wanted member of this name.
    pub(super) fn find(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// The member at a pointer, made if need be; `start` is where this node's part of the pointer begins, and `fresh`
    /// the cell to note as inner in the members on the way.
    fn reach(&mut self, pointer: &str, start: usize, fresh: Option<usize>) -> Result<&mut Member> {
        let rest = pointer.get(start..).and_then(|rest| rest.strip_prefix('/')).ok_or_else(|| inconsistent(pointer))?;
        let (token, deeper) = rest.split_once('/').map_or((rest, false), |(token, _)| (token, true));
        let end = start + 1 + token.len();
        let member = self.member(&token.replace("~1", "/").replace("~0", "~"), pointer.get(..end).unwrap_or_default())?;
        if !deeper {
            return Ok(member);
        }
        member.inner_cells.extend(fresh);
        if matches!(member.inside, Inside::Nothing) {
            member.inside = Inside::Object(Self::default());
        }
        match &mut member.inside {
            Inside::Object(node) => node.reach(pointer, end, fresh),
            Inside::Nothing | Inside::Elements => Err(inconsistent(pointer)),
        }
    }

    fn member(&mut self, name: &str, pointer: &str) -> Result<&mut Member> {
        let index = self.members.iter().position(|member| member.name == name).unwrap_or(self.members.len());
        if index == self.members.len() {
            self.members.push(Member {
                name: name.to_owned(),
                pointer: pointer.to_owned(),
                cell: None,
                inside: Inside::Nothing,
                inner_cells: Vec::new(),
            });
        }
        self.members.get_mut(index).ok_or_else(|| inconsistent(pointer))
    }
}

fn inconsistent(pointer: &str) -> Error {
    Error::bug("a declared JSON pointer cannot be followed").with("pointer", pointer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_pointer_asked_for_twice_has_one_cell() {
        let mut tree = Tree::new();
        let first = tree.want("/source/type").unwrap();
        assert_eq!((tree.want("").unwrap(), tree.want("/source").unwrap()), (WHOLE, 2));
        assert_eq!((tree.want("/source/type").unwrap(), tree.width), (first, 3));
    }

    #[test]
    fn a_member_knows_the_cells_inside_it() {
        let mut tree = Tree::new();
        let cells = ["/a/b/c", "/d", "/a/e"].map(|pointer| tree.want(pointer).unwrap());
        tree.want("/a/e").unwrap();
        assert_eq!(tree.root.find("a").unwrap().inner_cells, [cells[0], cells[2]]);
    }

    #[test]
    fn an_escaped_pointer_names_what_it_escapes() {
        let mut tree = Tree::new();
        tree.want("/a~1b~0c").unwrap();
        assert!(tree.root.find("a/b~c").is_some());
        assert!(tree.root.find("a").is_none());
    }

    #[test]
    fn members_inside_an_array_of_rows_are_a_bug() {
        let mut tree = Tree::new();
        tree.want_elements("/actions").unwrap();
        assert_eq!(tree.want("/actions/id").map_err(|error| error.kind()), Err(ErrorKind::Bug));
        assert_eq!(tree.want("actions").map_err(|error| error.kind()), Err(ErrorKind::Bug));
    }
}
