//! Names of tables and columns with `*` for any.

use crate::error::{Error, ErrorKind, Result};

/// What stands for every name.
pub(super) const ANY: &str = "*";

/// Names that a pattern's part fits.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Any,
    Name(String),
}

impl Part {
    fn of(text: &str) -> Self {
        if text == ANY { Self::Any } else { Self::Name(text.to_lowercase()) }
    }

    fn fits(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Name(own) => own.eq_ignore_ascii_case(name),
        }
    }

    fn is_name(&self) -> bool {
        matches!(self, Self::Name(_))
    }
}

/// Tables, as `schema.table`, `schema.*`, `*.table`, or `*` for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TablePattern {
    schema: Part,
    table: Part,
}

impl TablePattern {
    /// A pattern as it is written; a name alone is a table of this schema.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when it is none.
    pub(super) fn parse(text: &str, schema: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split('.').map(str::trim).collect();
        match parts.as_slice() {
            parts if parts.iter().any(|part| part.is_empty()) => Err(wrong(text, "schema.table, schema.* or *")),
            [ANY] => Ok(Self { schema: Part::Any, table: Part::Any }),
            [table] => Ok(Self { schema: Part::of(schema), table: Part::of(table) }),
            [schema, table] => Ok(Self { schema: Part::of(schema), table: Part::of(table) }),
            _ => Err(wrong(text, "schema.table, schema.* or *")),
        }
    }

    pub(super) fn fits(&self, schema: &str, table: &str) -> bool {
        self.schema.fits(schema) && self.table.fits(table)
    }

    /// The schema that it names.
    pub(super) fn schema(&self) -> Option<&str> {
        match &self.schema {
            Part::Any => None,
            Part::Name(name) => Some(name),
        }
    }

    /// How much it says: of two patterns that fit a table, that which names the table is closer than that which names its schema.
    pub(super) fn closeness(&self) -> u8 {
        2 * u8::from(self.table.is_name()) + u8::from(self.schema.is_name())
    }
}

/// Columns, as `schema.table.column`, with `*` for any schema or table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnPattern {
    table: TablePattern,
    column: Part,
}

impl ColumnPattern {
    /// A pattern as it is written; without a schema it is of the tables of this name in all schemas.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when it is none, or of all columns.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let known = "table.column, schema.table.column or *.column";
        let (table, column) = text.rsplit_once('.').ok_or_else(|| wrong(text, known))?;
        let column = Part::of(column.trim());
        if !column.is_name() || column.fits("") {
            return Err(wrong(text, known));
        }
        Ok(Self { table: TablePattern::parse(table, ANY)?, column })
    }

    pub(super) fn fits(&self, schema: &str, table: &str, column: &str) -> bool {
        self.table.fits(schema, table) && self.column.fits(column)
    }
}

fn wrong(text: &str, known: &'static str) -> Error {
    Error::new(ErrorKind::Config, "this names nothing").with("pattern", text).hint(format!("write {known}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_what_they_name() {
        let fits = |text: &str, schema: &str, table: &str| TablePattern::parse(text, "public").unwrap().fits(schema, table);
        assert!(fits("payments", "public", "payments") && !fits("payments", "live", "payments"));
        assert!(fits("live.*", "live", "disputes") && !fits("live.*", "public", "disputes"));
        assert!(
            fits("*.payments", "lake", "payments")
                && fits("*", "books", "orders")
                && fits("Public.Payments", "public", "payments")
        );
        for wrong in ["", "a.b.c", "a.", ".b"] {
            assert_eq!(TablePattern::parse(wrong, "public").unwrap_err().kind(), ErrorKind::Config, "{wrong}");
        }
    }

    #[test]
    fn the_closest_pattern_is_that_which_says_most() {
        let closeness = |text: &str| TablePattern::parse(text, "public").unwrap().closeness();
        let order = ["*", "live.*", "*.payments", "live.payments"].map(closeness);
        assert!(order.is_sorted_by(|one, other| one < other), "{order:?}");
    }

    #[test]
    fn columns_are_those_of_a_table_in_every_schema_unless_one_is_named() {
        let fits = |text: &str| {
            let pattern = ColumnPattern::parse(text).unwrap();
            ["live", "public"].map(|schema| pattern.fits(schema, "payments", "customer_email"))
        };
        assert_eq!(fits("payments.customer_email"), [true, true]);
        assert_eq!(fits("*.customer_email"), [true, true]);
        assert_eq!(fits("public.payments.customer_email"), [false, true]);
        assert_eq!(fits("disputes.customer_email"), [false, false]);
        for wrong in ["customer_email", "payments.*", "payments.", "a.b.c.d"] {
            assert_eq!(ColumnPattern::parse(wrong).unwrap_err().kind(), ErrorKind::Config, "{wrong}");
        }
    }
}
