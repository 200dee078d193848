//! What a decoder does with a page, worked out once: which members of which object are wanted, and which field of the
//! batch each of them becomes.
//!
//! ```text
//!  page ── rows at a pointer ── row (own) ── no explode; `around` is the document the call read beforehand
//!  page ── rows at a pointer ── row (around) ── elements at a pointer ── element (own)
//! ```
//!
//! `own` is where [`Origin::Row`] paths start, `around` where [`Origin::Parent`] paths do.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};

use super::decode::Settings;
use super::fields::{Filler, fields};
use super::tree::{Tree, WHOLE};
use super::{Column, Kind, Origin, Rows, Shape};
use crate::error::{Error, Result};

/// Where a row that is a member of the document has its name.
pub(super) const MEMBER_NAME: &str = "/key";

/// A decoder's work.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) settings: Settings,
    pub(super) shape: Shape,
    pub(super) schema: SchemaRef,
    /// One per field of the schema.
    pub(super) outputs: Vec<Output>,
    /// The page around the rows.
    pub(super) page: Tree,
    /// Cell of `total_count` in the page.
    pub(super) total: usize,
    /// Cell of `_links.next` in the page.
    pub(super) next: usize,
    /// The objects that are the table's rows.
    pub(super) own: Tree,
    /// The objects around them.
    pub(super) around: Tree,
    /// How many nodes the three trees have.
    pub(super) places: usize,
    /// Cell of `id`, or of a member's name, in a row of the page.
    pub(super) id: usize,
}

/// What becomes a field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    pub(super) filler: Filler,
    /// The declared column; the common columns have none.
    pub(super) column: Option<&'static Column>,
    /// Where the value is.
    pub(super) place: Place,
    /// Where the value is when it is not there.
    pub(super) other: Option<Place>,
    /// Where the currency of an amount is.
    pub(super) currency: Option<Place>,
}

/// A cell of one of the two objects a table's row is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) origin: Origin,
    pub(super) cell: usize,
}

impl Plan {
    /// Works out how the fields `projection` of `columns` are read.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the declaration is inconsistent.
    pub(super) fn new(columns: &'static [Column], shape: Shape, projection: &[usize], settings: Settings) -> Result<Self> {
        let mut trees = Trees { own: Tree::new(), around: Tree::new(), shape };
        let all = fields(columns);
        let mut chosen = Vec::with_capacity(projection.len());
        let mut outputs = Vec::with_capacity(projection.len());
        for index in projection {
            let (field, filler) = all.get(*index).ok_or_else(|| Error::bug("a projected field is not in the table"))?;
            chosen.push(Arc::clone(field));
            outputs.push(trees.output(columns, *filler)?);
        }
        let rows = if shape.explode.is_some() { Origin::Parent } else { Origin::Row };
        let id = trees.of(rows).want(if shape.rows == Rows::Members { MEMBER_NAME } else { "/id" })?;
        if let Some(explode) = shape.explode {
            trees.around.want_elements(explode.path)?;
        }
        let mut page = Tree::new();
        let (mut total, mut next) = (WHOLE, WHOLE);
        if let Rows::Array(pointer) = shape.rows
            && !pointer.is_empty()
        {
            page.want_elements(pointer)?;
            total = page.want("/total_count")?;
            next = page.want("/_links/next/href")?;
        }
        let Trees { mut own, mut around, .. } = trees;
        let mut places = 0;
        for tree in [&mut page, &mut own, &mut around] {
            tree.root.number(&mut places);
        }
        Ok(Self { settings, shape, schema: Arc::new(Schema::new(chosen)), outputs, page, total, next, own, around, places, id })
    }

    /// Whether anything is read from a parent document that the given keys do not fill.
    pub(super) fn needs_parent(&self, keys: &[(&'static str, String)]) -> bool {
        let around = |place: Place| place.origin == Origin::Parent;
        let is_key = |output: &Output| output.column.is_some_and(|column| keys.iter().any(|(key, _)| *key == column.name));
        let wants = |output: &Output| (around(output.place) && !is_key(output)) || output.currency.is_some_and(around);
        self.shape.explode.is_none() && self.outputs.iter().any(wants)
    }
}

struct Trees {
    own: Tree,
    around: Tree,
    shape: Shape,
}

impl Trees {
    fn of(&mut self, origin: Origin) -> &mut Tree {
        match origin {
            Origin::Row => &mut self.own,
            Origin::Parent => &mut self.around,
        }
    }

    fn output(&mut self, columns: &'static [Column], filler: Filler) -> Result<Output> {
        let (Filler::Column(index) | Filler::Major(index) | Filler::Minor(index)) = filler else {
            let origin = if filler == Filler::Raw { self.shape.raw } else { Origin::Row };
            return Ok(Output { filler, column: None, place: Place { origin, cell: WHOLE }, other: None, currency: None });
        };
        let column = columns.get(index).ok_or_else(|| Error::bug("a field's column is not declared"))?;
        let currency = match column.kind {
            Kind::Minor(currency) | Kind::AssumedMinor(currency) => {
                let declared = columns.iter().find(|column| column.name == currency);
                let missing = || Error::bug("an amount's currency column is not declared").with("column", column.name);
                Some(self.place(declared.ok_or_else(missing)?)?)
            }
            _ => None,
        };
        let other = match column.other_path {
            "" => None,
            pointer => Some(self.at(column.origin, pointer)?),
        };
        Ok(Output { filler, column: Some(column), place: self.place(column)?, other, currency })
    }

    fn place(&mut self, column: &Column) -> Result<Place> {
        let pointer = self.shape.pointer(column);
        self.at(column.origin, &pointer)
    }

    fn at(&mut self, origin: Origin, pointer: &str) -> Result<Place> {
        Ok(Place { origin, cell: self.of(origin).want(pointer)? })
    }
}
