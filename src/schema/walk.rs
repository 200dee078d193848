//! One pass over a page: notes the wanted values of a row as they go by, in whatever order they stand, and hands the
//! row on when it ends.
//!
//! All cells lie in one vector, an object's cells side by side:
//!
//! ```text
//!  page | parent document | row | element 0 | element 1 | …
//! ```
//!
//! The part from `row` on is used again for every row; an exploded array may stand before or after the members of the
//! object around it. Where the members of the document are the rows, each is walked as an object of a `key`, the name it
//! has, and a `value`. Knows where things stand, not what their values mean.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher};

use super::columns::{Cell, Columns, Pair, Unreadable};
use super::decode::{Given, OnMalformed, Page, PageFacts};
use super::grammar::Form;
use super::malformed::Stray;
use super::order::Orders;
use super::plan::Plan;
use super::scan::{Raw, Scan};
use super::tree::{Inside, Member, Node, Tree, WHOLE};
use super::{Rows, WhenEmpty, value};
use crate::error::{Error, ErrorKind, Result};

/// Where the page's own cells are.
const PAGE: usize = 0;
const NOT_OBJECT: &str = "not an object";
const NOT_ARRAY: &str = "not an array";
/// What empties a cell.
const NULL: Raw<'static> = Raw { text: "null", form: Form::Null };

/// Reads a page.
///
/// # Errors
/// Those of [`super::decode::Decoder::decode`].
pub(super) fn page(plan: &Plan, body: &[u8], given: &Given<'_>) -> Result<Page> {
    let mut walk = Walk::new(plan, body, given)?;
    if let Some(parent) = given.parent.filter(|_| plan.needs_parent(given.keys)) {
        walk.parent(parent)?;
    }
    walk.document()?;
    walk.finish(given)
}

struct Walk<'p, 'a> {
    plan: &'p Plan,
    scan: Scan<'a>,
    orders: Orders<'p, 'a>,
    cells: Vec<Cell<'a>>,
    strays: Vec<Stray<'p>>,
    columns: Columns<'p>,
    facts: PageFacts,
    /// One per row so far, where rows explode.
    exploded_into: Vec<usize>,
    found_rows: bool,
    /// Where the cells of the row begin.
    row_at: usize,
    /// Where the cells of its exploded elements begin.
    elements_at: usize,
}

impl<'p, 'a> Walk<'p, 'a> {
    fn new(plan: &'p Plan, body: &'a [u8], given: &Given<'_>) -> Result<Self> {
        let (parent, row) = if plan.shape.explode.is_some() { (0, &plan.around) } else { (plan.around.width, &plan.own) };
        let row_at = plan.page.width + parent;
        Ok(Self {
            plan,
            scan: Scan::new(body)?,
            orders: Orders::new(plan.places),
            cells: vec![None; row_at],
            strays: Vec::new(),
            columns: Columns::new(plan, given, body.len()),
            facts: PageFacts { ids_are_identities: true, ..PageFacts::default() },
            exploded_into: Vec::new(),
            found_rows: false,
            row_at,
            elements_at: row_at + row.width,
        })
    }

    fn parent(&mut self, document: &'a [u8]) -> Result<()> {
        let body = std::mem::replace(&mut self.scan, Scan::new(document)?);
        self.object(&self.plan.around, self.plan.page.width)?;
        self.scan.end()?;
        self.scan = body;
        self.judge_strays("the parent document")
    }

    fn document(&mut self) -> Result<()> {
        match self.plan.shape.rows {
            Rows::Document => self.row()?,
            Rows::Array("") if self.scan.token() == b'[' => self.rows()?,
            Rows::Array("") => self.scan.value().map(drop)?,
            Rows::Array(_) => self.object(&self.plan.page, PAGE)?,
            Rows::Members if self.scan.token() == b'{' => self.entries()?,
            Rows::Members => self.scan.value().map(drop)?,
        }
        self.scan.end()?;
        let place = match self.plan.shape.rows {
            Rows::Document => return Ok(()),
            Rows::Array("") | Rows::Members => "its top",
            Rows::Array(pointer) => pointer,
        };
        if self.found_rows { Ok(()) } else { Err(Error::new(ErrorKind::Decode, format!("the answer has no rows at {place}"))) }
    }

    /// The members of the document, each a row.
    fn entries(&mut self) -> Result<()> {
        self.found_rows = true;
        self.scan.open();
        let mut first = true;
        while self.scan.more(b'}', &mut first)? {
            let name = self.scan.name()?;
            if name.text.starts_with("\"_") || self.scan.token() == b'n' {
                self.scan.value()?;
            } else {
                self.entry(name)?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, name: Raw<'a>) -> Result<()> {
        let node = &self.begin_row().root;
        if let Some(cell) = node.find("key").and_then(|member| member.cell) {
            self.fill(self.row_at + cell, name);
        }
        let value = match node.find("value") {
            Some(member) => self.member(member, self.row_at)?,
            None => self.scan.value()?,
        };
        self.fill(self.row_at + WHOLE, value);
        self.hand_on()
    }

    fn rows(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.found_rows, true) {
            return Err(Error::new(ErrorKind::Decode, "the answer has its rows twice"));
        }
        self.scan.open();
        let mut first = true;
        while self.scan.more(b']', &mut first)? {
            self.row()?;
        }
        Ok(())
    }

    fn row(&mut self) -> Result<()> {
        let tree = self.begin_row();
        self.object(tree, self.row_at)?;
        self.hand_on()
    }

    /// Empties the cells of the row, and gives what is wanted in it.
    fn begin_row(&mut self) -> &'p Tree {
        self.cells.truncate(self.row_at);
        self.cells.resize(self.elements_at, None);
        if self.plan.shape.explode.is_some() { &self.plan.around } else { &self.plan.own }
    }

    /// The exploded array of the row.
    fn elements(&mut self) -> Result<()> {
        self.scan.open();
        let mut first = true;
        while self.scan.more(b']', &mut first)? {
            let base = self.cells.len();
            self.cells.resize(base + self.plan.own.width, None);
            self.object(&self.plan.own, base)?;
        }
        Ok(())
    }

    /// An object with a tree of its own, its cells from `base` on.
    fn object(&mut self, tree: &'p Tree, base: usize) -> Result<()> {
        let whole = if self.scan.token() == b'{' {
            self.members(&tree.root, base)?
        } else {
            self.strays.push(Stray { member: None, element: self.element_at(base), wanted: NOT_OBJECT });
            self.scan.value()?
        };
        self.fill(base + WHOLE, whole);
        Ok(())
    }

    fn members(&mut self, node: &'p Node, base: usize) -> Result<Raw<'a>> {
        let start = self.scan.position();
        self.scan.open();
        let (mut first, mut next) = (true, 0);
        while self.scan.more(b'}', &mut first)? {
            match self.orders.name(node, &mut next, &mut self.scan)? {
                Some(member) => drop(self.member(member, base)?),
                None => drop(self.scan.value()?),
            }
        }
        Ok(self.scan.since(start, Form::Object))
    }

    /// The value of a wanted member, kept where it is wanted.
    fn member(&mut self, member: &'p Member, base: usize) -> Result<Raw<'a>> {
        // A repeated member starts afresh: the last one wins.
        for cell in &member.inner_cells {
            self.fill(base + cell, NULL);
        }
        if matches!(member.inside, Inside::Elements) && base == self.row_at {
            self.cells.truncate(self.elements_at);
        }
        let token = self.scan.token();
        let start = self.scan.position();
        let raw = match &member.inside {
            Inside::Object(node) if token == b'{' => self.members(node, base)?,
            Inside::Elements if token == b'[' => {
                if base == PAGE {
                    self.rows()?
                } else {
                    self.elements()?
                }
                self.scan.since(start, Form::Array)
            }
            Inside::Nothing => self.scan.value()?,
            inside => self.stray(member, inside, base)?,
        };
        if let Some(cell) = member.cell {
            self.fill(base + cell, raw);
        }
        Ok(raw)
    }

    /// A value where an object or an array is wanted; null is as good as nothing.
    fn stray(&mut self, member: &'p Member, inside: &Inside, base: usize) -> Result<Raw<'a>> {
        let wanted = if matches!(inside, Inside::Elements) { NOT_ARRAY } else { NOT_OBJECT };
        let raw = self.scan.value()?;
        if raw.form == Form::Null {
            return Ok(raw);
        }
        // Where the page's rows are missing, that is found at its end.
        if base == PAGE && wanted == NOT_OBJECT {
            return Err(envelope(&member.name));
        }
        self.strays.push(Stray { member: Some(member), element: self.element_at(base), wanted });
        Ok(raw)
    }

    fn fill(&mut self, index: usize, raw: Raw<'a>) {
        if let Some(cell) = self.cells.get_mut(index) {
            *cell = (raw.form != Form::Null).then_some(raw);
        }
    }

    fn element_at(&self, base: usize) -> Option<usize> {
        base.checked_sub(self.elements_at).map(|cells| cells / self.plan.own.width)
    }

    /// Hands the row that just ended to the columns.
    fn hand_on(&mut self) -> Result<()> {
        let id = self.cell(self.row_at + self.plan.id);
        let identity = id.or_else(|| self.cell(self.row_at + WHOLE)).map_or("", |raw| raw.text);
        self.facts.ids_are_identities &= id.is_some();
        let mut hasher = DefaultHasher::new();
        hasher.write(identity.as_bytes());
        self.facts.ids.push(hasher.finish());
        self.facts.rows += 1;
        let number = self.facts.rows;
        let row = || id.and_then(|id| value::text(id).ok()).map_or_else(|| format!("number {number}"), Cow::into_owned);
        if !self.strays.is_empty() {
            self.judge_strays(&row())?;
        }
        self.append().map_err(|(unreadable, element)| unreadable.into_error(self.plan, &row(), element))
    }

    fn append(&mut self) -> Result<(), (Unreadable<'p>, usize)> {
        let (before, elements) = self.cells.split_at(self.elements_at);
        let (outside, row) = before.split_at(self.row_at);
        let columns = &mut self.columns;
        let Some(explode) = self.plan.shape.explode else {
            let around = outside.get(self.plan.page.width..).unwrap_or_default();
            return columns.append(Pair { own: row, around }).map_err(|unreadable| (unreadable, 0));
        };
        if elements.is_empty() && explode.when_empty == WhenEmpty::KeepParent {
            self.exploded_into.push(1);
            return columns.append(Pair { own: &[], around: row }).map_err(|unreadable| (unreadable, 0));
        }
        let elements = elements.chunks_exact(self.plan.own.width);
        self.exploded_into.push(elements.len());
        for (index, own) in elements.enumerate() {
            columns.append(Pair { own, around: row }).map_err(|unreadable| (unreadable, index))?;
        }
        Ok(())
    }

    fn judge_strays(&mut self, row: &str) -> Result<()> {
        match self.strays.first() {
            Some(stray) if self.plan.settings.on_malformed == OnMalformed::Error => Err(stray.into_error(self.plan, row)),
            _ => {
                self.strays.clear();
                Ok(())
            }
        }
    }

    fn finish(mut self, given: &Given<'_>) -> Result<Page> {
        // How an answer continues decides whether it is complete, so it is read strictly whatever the rows allow.
        if let Some(total) = self.cell(self.plan.total).filter(|_| self.plan.total != WHOLE) {
            let total = value::whole(total).ok().and_then(|total| u64::try_from(total).ok());
            self.facts.total_count = Some(total.ok_or_else(|| envelope("total_count"))?);
        }
        if let Some(next) = self.cell(self.plan.next).filter(|_| self.plan.next != WHOLE) {
            let next = value::text(next).ok().filter(|_| matches!(next.form, Form::Plain | Form::Escaped));
            self.facts.next = Some(next.ok_or_else(|| envelope("_links"))?.into_owned());
        }
        let exploded_into = self.plan.shape.explode.map(|_| self.exploded_into);
        Ok(Page { batch: self.columns.finish(given)?, facts: self.facts, exploded_into })
    }

    fn cell(&self, index: usize) -> Cell<'a> {
        self.cells.get(index).copied().flatten()
    }
}

fn envelope(name: &str) -> Error {
    Error::new(ErrorKind::Decode, format!("cannot tell how the answer continues: its {name} cannot be read"))
}
