//! What a query's filters say about single columns: values they must have, spans they must lie in.
//!
//! Only what surely follows from the filters is taken; whatever is not understood is left out, so that a request made
//! from [`Constraints`] asks for all wanted rows and perhaps more. The scan applies the filters themselves afterwards.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::DataType;
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Between, BinaryExpr, Cast, Expr, Operator, TryCast};

use super::span::{DAY, SECOND, Span};

/// What surely follows from a set of filters, by column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Constraints {
    impossible: bool,
    values: BTreeMap<String, BTreeSet<String>>,
    excluded: BTreeMap<String, BTreeSet<String>>,
    nulls: BTreeSet<String>,
    numbers: BTreeMap<String, Numbers>,
    spans: BTreeMap<String, Span>,
    /// The single instants a time column must be one of, where the filters list them.
    instants: BTreeMap<String, BTreeSet<i64>>,
}

/// Bounds of a number, both inside, in thousandths; a whole number is a thousand of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// The least.
    pub least: i128,
    /// The most.
    pub most: i128,
}

impl Numbers {
    const ALL: Self = Self { least: i128::MIN, most: i128::MAX };

    fn intersect(self, other: Self) -> Self {
        Self { least: self.least.max(other.least), most: self.most.min(other.most) }
    }

    fn hull(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), most: self.most.max(other.most) }
    }
}

impl Constraints {
    /// What follows from all filters together.
    pub fn of(filters: &[Expr]) -> Self {
        filters.iter().map(Self::of_one).fold(Self::default(), Self::and)
    }

    /// The values a text column must have one of; `None` when any will do.
    pub fn values(&self, column: &str) -> Option<&BTreeSet<String>> {
        self.values.get(column)
    }

    /// The one value a text column must have.
    pub fn value(&self, column: &str) -> Option<&str> {
        let values = self.values(column)?;
        if values.len() == 1 { values.first().map(String::as_str) } else { None }
    }

    /// The values a text column cannot have.
    pub fn excluded(&self, column: &str) -> impl Iterator<Item = &str> {
        self.excluded.get(column).into_iter().flatten().map(String::as_str)
    }

    /// Whether a column must be null.
    pub fn is_null(&self, column: &str) -> bool {
        self.nulls.contains(column)
    }

    /// The bounds of a number column; `None` when there are none.
    pub fn numbers(&self, column: &str) -> Option<Numbers> {
        self.numbers.get(column).copied()
    }

    /// The single instants a time column must be one of; `None` when the filters do not list them.
    pub fn instants(&self, column: &str) -> Option<BTreeSet<i64>> {
        let span = self.span(column);
        if span.width() == 1 {
            return Some([span.from].into());
        }
        let listed = self.instants.get(column)?;
        Some(listed.iter().copied().filter(|instant| span.contains(*instant)).collect())
    }

    /// The span a time column must lie in.
    pub fn span(&self, column: &str) -> Span {
        self.spans.get(column).copied().unwrap_or(Span::ALWAYS)
    }

    /// Whether no row can satisfy the filters.
    pub fn is_contradiction(&self) -> bool {
        self.impossible
            || self.values.values().any(BTreeSet::is_empty)
            || self.spans.values().any(|span| span.is_empty())
            || self.numbers.values().any(|numbers| numbers.least > numbers.most)
    }

    fn of_one(filter: &Expr) -> Self {
        match filter {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => Self::of_one(left).and(Self::of_one(right)),
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => Self::of_one(left).or(&Self::of_one(right)),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => Self::of_comparison(left, *op, right),
            Expr::Between(Between { expr, negated: false, low, high }) => {
                Self::of_comparison(expr, Operator::GtEq, low).and(Self::of_comparison(expr, Operator::LtEq, high))
            }
            Expr::InList(InList { expr, list, negated }) => Self::of_list(expr, list, *negated),
            Expr::IsNull(expr) => match expr.as_ref() {
                Expr::Column(column) => Self { nulls: [column.name.clone()].into(), ..Self::default() },
                _ => Self::default(),
            },
            Expr::Literal(ScalarValue::Boolean(Some(false) | None), _) => Self { impossible: true, ..Self::default() },
            _ => Self::default(),
        }
    }

    fn of_comparison(left: &Expr, op: Operator, right: &Expr) -> Self {
        let (compared, op, literal) = match (left, right) {
            (compared, Expr::Literal(literal, _)) => (compared, op, literal),
            (Expr::Literal(literal, _), compared) => match op.swap() {
                Some(op) => (compared, op, literal),
                None => return Self::default(),
            },
            _ => return Self::default(),
        };
        match (compared, op, text(literal)) {
            (Expr::Column(column), Operator::Eq, Some(text)) => return Self::one_of(&column.name, [text].into()),
            (Expr::Column(column), Operator::NotEq, Some(text)) => return Self::none_of(&column.name, [text].into()),
            _ => {}
        }
        if let (Some(column), Some(numbers)) = (number_column(compared), numbers_of(op, literal)) {
            return Self { numbers: [(column.name.clone(), numbers)].into(), ..Self::default() };
        }
        match (instant_column(compared), span_of(op, literal)) {
            (Some(column), Some(span)) => Self { spans: [(column.name.clone(), span)].into(), ..Self::default() },
            _ => Self::default(),
        }
    }

    fn of_list(expr: &Expr, list: &[Expr], negated: bool) -> Self {
        let literal = |expr: &Expr| match expr {
            Expr::Literal(literal, _) => text(literal),
            _ => None,
        };
        let texts = || list.iter().map(literal).collect::<Option<BTreeSet<String>>>();
        match (expr, negated) {
            (Expr::Column(column), true) => texts().map(|values| Self::none_of(&column.name, values)),
            (Expr::Column(column), false) if texts().is_some() => texts().map(|values| Self::one_of(&column.name, values)),
            (_, false) => Self::of_instants(expr, list),
            _ => None,
        }
        .unwrap_or_default()
    }

    fn of_instants(expr: &Expr, list: &[Expr]) -> Option<Self> {
        let column = instant_column(expr)?;
        let instant = |expr: &Expr| match expr {
            Expr::Literal(literal, _) => literal_span(literal),
            _ => None,
        };
        let spans = list.iter().map(instant).collect::<Option<Vec<Span>>>()?;
        let hull = spans.iter().copied().reduce(Span::hull)?;
        let mut found = Self { spans: [(column.name.clone(), hull)].into(), ..Self::default() };
        if spans.iter().all(|span| span.width() == 1) {
            found.instants.insert(column.name.clone(), spans.iter().map(|span| span.from).collect());
        }
        Some(found)
    }

    /// That a text column must have one of some values.
    pub fn one_of(column: &str, values: BTreeSet<String>) -> Self {
        Self { values: [(column.to_owned(), values)].into(), ..Self::default() }
    }

    /// That a time column must not lie before an instant.
    pub fn since(column: &str, from: i64) -> Self {
        Self { spans: [(column.to_owned(), Span { from, ..Span::ALWAYS })].into(), ..Self::default() }
    }

    /// That a time column must be one of some instants.
    pub fn at(column: &str, instants: BTreeSet<i64>) -> Self {
        let span = match (instants.first(), instants.last()) {
            (Some(first), Some(last)) => Span { from: *first, to: last.saturating_add(1) },
            _ => return Self { impossible: true, ..Self::default() },
        };
        Self { spans: [(column.to_owned(), span)].into(), instants: [(column.to_owned(), instants)].into(), ..Self::default() }
    }

    fn none_of(column: &str, values: BTreeSet<String>) -> Self {
        Self { excluded: [(column.to_owned(), values)].into(), ..Self::default() }
    }

    /// What follows from both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.impossible |= other.impossible;
        for (column, values) in other.values {
            let both = match self.values.remove(&column) {
                Some(own) => own.intersection(&values).cloned().collect(),
                None => values,
            };
            self.values.insert(column, both);
        }
        for (column, values) in other.excluded {
            self.excluded.entry(column).or_default().extend(values);
        }
        self.nulls.extend(other.nulls);
        for (column, numbers) in other.numbers {
            let both = self.numbers(&column).unwrap_or(Numbers::ALL).intersect(numbers);
            self.numbers.insert(column, both);
        }
        for (column, span) in other.spans {
            let both = self.span(&column).intersect(span);
            self.spans.insert(column, both);
        }
        for (column, instants) in other.instants {
            let both = match self.instants.remove(&column) {
                Some(own) => own.intersection(&instants).copied().collect(),
                None => instants,
            };
            self.instants.insert(column, both);
        }
        self
    }

    /// Only what both sides constrain stays constrained, to the union.
    fn or(self, other: &Self) -> Self {
        if self.is_contradiction() {
            return other.clone();
        }
        if other.is_contradiction() {
            return self;
        }
        let mut either = Self::default();
        for (column, values) in &self.values {
            if let Some(others) = other.values(column) {
                either.values.insert(column.clone(), values | others);
            }
        }
        for (column, values) in &self.excluded {
            if let Some(others) = other.excluded.get(column) {
                either.excluded.insert(column.clone(), values & others);
            }
        }
        either.nulls = &self.nulls & &other.nulls;
        for (column, numbers) in &self.numbers {
            if let Some(others) = other.numbers(column) {
                either.numbers.insert(column.clone(), numbers.hull(others));
            }
        }
        for (column, span) in &self.spans {
            if let Some(others) = other.spans.get(column) {
                either.spans.insert(column.clone(), span.hull(*others));
            }
            if let (Some(instants), Some(others)) = (self.instants(column), other.instants(column)) {
                either.instants.insert(column.clone(), &instants | &others);
            }
        }
        either
    }
}

/// The column an expression is a number of: the column itself, or cast to a decimal, which changes no value that fits.
fn number_column(expr: &Expr) -> Option<&Column> {
    match expr {
        Expr::Column(column) => Some(column),
        Expr::Cast(Cast { expr, field }) => match (expr.as_ref(), field.data_type()) {
            (Expr::Column(column), DataType::Decimal128(_, 3..)) => Some(column),
            _ => None,
        },
        _ => None,
    }
}

/// A literal in thousandths, cut down and rounded up to a whole one.
fn thousandths(literal: &ScalarValue) -> Option<(i128, i128)> {
    match literal {
        ScalarValue::Int64(Some(value)) => i128::from(*value).checked_mul(1000).map(|value| (value, value)),
        ScalarValue::Decimal128(Some(value), _, scale @ 0..=3) => {
            let value = value.checked_mul(10_i128.checked_pow(3 - u32::from(scale.unsigned_abs()))?)?;
            Some((value, value))
        }
        ScalarValue::Decimal128(Some(value), _, scale @ 4..) => {
            let unit = 10_i128.checked_pow(u32::from(scale.unsigned_abs()) - 3)?;
            let down = value.div_euclid(unit);
            Some((down, if down.checked_mul(unit)? == *value { down } else { down + 1 }))
        }
        _ => None,
    }
}

/// The numbers that may compare so with a literal; both ends stay inside, rounded outwards: a column may be finer.
fn numbers_of(op: Operator, literal: &ScalarValue) -> Option<Numbers> {
    let (down, up) = thousandths(literal)?;
    match op {
        Operator::Eq => Some(Numbers { least: down, most: up }),
        Operator::Gt | Operator::GtEq => Some(Numbers { least: down, ..Numbers::ALL }),
        Operator::Lt | Operator::LtEq => Some(Numbers { most: up, ..Numbers::ALL }),
        _ => None,
    }
}

fn text(literal: &ScalarValue) -> Option<String> {
    literal.try_as_str().flatten().map(str::to_owned)
}

/// The column an expression is an instant of: the column itself, or cast to another precision of UTC or to its UTC
/// date, as comparisons with literals of those types are planned.
fn instant_column(expr: &Expr) -> Option<&Column> {
    match expr {
        Expr::Column(column) => Some(column),
        Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) => match (expr.as_ref(), field.data_type()) {
            (Expr::Column(column), DataType::Date32) => Some(column),
            (Expr::Column(column), DataType::Timestamp(_, zone)) if zone.as_deref().is_none_or(is_utc) => Some(column),
            _ => None,
        },
        _ => None,
    }
}

fn is_utc(zone: &str) -> bool {
    matches!(zone, "UTC" | "+00:00")
}

/// The instants that a literal may stand for, once they are cast to its type: the second, millisecond or day it names.
/// A cast cuts off towards zero, so before 1970 these lie before the literal.
fn literal_span(literal: &ScalarValue) -> Option<Span> {
    let (at, width) = match literal {
        ScalarValue::TimestampSecond(Some(value), _) => (value.checked_mul(SECOND)?, SECOND),
        ScalarValue::TimestampMillisecond(Some(value), _) => (value.checked_mul(1_000)?, 1_000),
        ScalarValue::TimestampMicrosecond(Some(value), _) => (*value, 1),
        ScalarValue::TimestampNanosecond(Some(value), _) => (value.div_euclid(1_000), 1),
        ScalarValue::Date32(Some(days)) => (i64::from(*days).checked_mul(DAY)?, DAY),
        _ => return None,
    };
    let from = if at > 0 { at } else { at.checked_sub(width - 1)? };
    Some(Span { from, to: at.checked_add(width)? })
}

/// The instants that may compare so with a literal; both ends of its own span stay inside.
fn span_of(op: Operator, literal: &ScalarValue) -> Option<Span> {
    let span = literal_span(literal)?;
    match op {
        Operator::Eq => Some(span),
        Operator::Gt | Operator::GtEq => Some(Span { from: span.from, ..Span::ALWAYS }),
        Operator::Lt | Operator::LtEq => Some(Span { to: span.to, ..Span::ALWAYS }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{col, lit};

    use super::*;

    fn at(micros: i64) -> Expr {
        Expr::Literal(ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())), None)
    }

    fn values(filter: Expr, column: &str) -> Option<Vec<String>> {
        Constraints::of(&[filter]).values(column).map(|values| values.iter().cloned().collect())
    }

    #[test]
    fn equality_lists_and_their_mixtures_give_values() {
        assert_eq!(values(col("id").eq(lit("a")), "id"), Some(vec!["a".into()]));
        assert_eq!(values(lit("a").eq(col("id")), "id"), Some(vec!["a".into()]));
        assert_eq!(values(col("id").in_list(vec![lit("b"), lit("a")], false), "id"), Some(vec!["a".into(), "b".into()]));
        assert_eq!(values(col("id").eq(lit("a")).or(col("id").eq(lit("b"))), "id"), Some(vec!["a".into(), "b".into()]));
        let contradiction = Constraints::of(&[col("id").eq(lit("a")), col("id").eq(lit("b"))]);
        assert!(contradiction.is_contradiction());
    }

    #[test]
    fn what_does_not_surely_follow_is_left_out() {
        assert_eq!(values(col("id").not_eq(lit("a")), "id"), None);
        assert_eq!(values(col("id").eq(lit("a")).or(col("reference").eq(lit("b"))), "id"), None);
        assert_eq!(values(col("id").in_list(vec![lit("a")], true), "id"), None);
        assert_eq!(values(Expr::Not(Box::new(col("id").eq(lit("a")))), "id"), None);
        assert_eq!(values(col("id").in_list(vec![lit("a"), col("reference")], false), "id"), None);
        assert_eq!(Constraints::of(&[lit(ScalarValue::Utf8(None)).eq(col("id"))]), Constraints::default());
    }

    #[test]
    fn a_false_filter_is_a_contradiction() {
        assert!(Constraints::of(&[lit(false)]).is_contradiction());
        assert!(Constraints::of(&[lit(false), col("id").eq(lit("a"))]).is_contradiction());
        assert!(!Constraints::of(&[lit(true)]).is_contradiction());
        assert_eq!(values(lit(false).or(col("id").eq(lit("a"))), "id"), Some(vec!["a".into()]));
    }

    #[test]
    fn casts_to_another_utc_precision_or_to_the_date_are_seen_through() {
        let to = |data_type| Expr::Cast(Cast::new(Box::new(col("t")), data_type));
        let span = |filter| Constraints::of(&[filter]).span("t");
        let nanos = || Expr::Literal(ScalarValue::TimestampNanosecond(Some(5_999), Some("UTC".into())), None);
        let utc = |zone: &str| DataType::Timestamp(arrow::datatypes::TimeUnit::Nanosecond, Some(zone.into()));
        assert_eq!(span(to(utc("UTC")).gt(nanos())), Span { from: 5, ..Span::ALWAYS });
        assert_eq!(span(to(utc("Europe/Paris")).gt(nanos())), Span::ALWAYS);
        let day = Expr::Literal(ScalarValue::Date32(Some(2)), None);
        assert_eq!(span(to(DataType::Date32).eq(day)), Span { from: 2 * DAY, to: 3 * DAY });
    }

    #[test]
    fn comparisons_give_spans_with_both_ends_inside() {
        let span = |filters: &[Expr]| Constraints::of(filters).span("t");
        assert_eq!(span(&[col("t").gt_eq(at(5)), col("t").lt(at(9))]), Span { from: 5, to: 10 });
        assert_eq!(span(&[col("t").between(at(5), at(9))]), Span { from: 5, to: 10 });
        assert_eq!(span(&[at(5).lt_eq(col("t"))]), Span { from: 5, ..Span::ALWAYS });
        assert_eq!(span(&[col("t").eq(at(5)).or(col("t").eq(at(8)))]), Span { from: 5, to: 9 });
        assert_eq!(span(&[col("t").eq(at(5)).or(col("id").eq(lit("a")))]), Span::ALWAYS);
    }

    fn decimal(value: i128, scale: i8) -> Expr {
        Expr::Literal(ScalarValue::Decimal128(Some(value), 20, scale), None)
    }

    #[test]
    fn comparisons_of_numbers_give_bounds_in_thousandths() {
        let numbers = |filters: &[Expr]| Constraints::of(filters).numbers("n");
        let (least, most) = (|least| Numbers { least, ..Numbers::ALL }, |most| Numbers { most, ..Numbers::ALL });
        assert_eq!(numbers(&[col("n").gt(lit(7_i64))]), Some(least(7_000)));
        assert_eq!(numbers(&[decimal(75, 1).gt_eq(col("n"))]), Some(most(7_500)));
        assert_eq!(numbers(&[col("n").gt(decimal(-123_456, 4))]), Some(least(-12_346)));
        assert_eq!(numbers(&[col("n").lt(decimal(-123_456, 4))]), Some(most(-12_345)));
        assert_eq!(numbers(&[col("n").between(lit(1_i64), lit(2_i64))]), Some(Numbers { least: 1_000, most: 2_000 }));
        let either = col("n").eq(lit(3_i64)).or(col("n").eq(lit(9_i64)));
        assert_eq!(numbers(&[either]), Some(Numbers { least: 3_000, most: 9_000 }));
        assert_eq!(numbers(&[col("n").not_eq(lit(3_i64))]), None);
        assert_eq!(numbers(&[col("n").eq(decimal(12_345, 4))]), Some(Numbers { least: 1_234, most: 1_235 }));
        assert!(Constraints::of(&[col("n").gt(lit(3_i64)), col("n").lt(lit(2_i64))]).is_contradiction());
        assert_eq!(numbers(&[col("n").gt(decimal(i128::MAX, 0))]), None);
    }

    #[test]
    fn only_casts_that_keep_every_thousandth_are_seen_through() {
        let to = |scale| Expr::Cast(Cast::new(Box::new(col("n")), DataType::Decimal128(20, scale)));
        assert!(Constraints::of(&[to(5).gt(decimal(100_000, 5))]).numbers("n").is_some());
        assert_eq!(Constraints::of(&[to(2).gt(decimal(100, 2))]).numbers("n"), None);
    }

    #[test]
    fn what_is_excluded_is_excluded_by_both_sides_of_an_or() {
        let excluded = |filter: Expr| Constraints::of(&[filter]).excluded("s").map(str::to_owned).collect::<Vec<_>>();
        let none = |values: &[&str]| col("s").in_list(values.iter().map(|value| lit(*value)).collect(), true);
        assert_eq!(excluded(none(&["a", "b"]).and(col("s").not_eq(lit("c")))), ["a", "b", "c"]);
        assert_eq!(excluded(none(&["a", "b"]).or(none(&["b", "c"]))), ["b"]);
        assert!(excluded(none(&["a"]).or(col("t").eq(lit("x")))).is_empty());
    }

    #[test]
    fn listed_instants_stay_listed_through_and_and_or() {
        let instants = |filters: &[Expr]| Constraints::of(filters).instants("t").map(|all| all.into_iter().collect::<Vec<_>>());
        let list = col("t").in_list(vec![at(9), at(5), at(7)], false);
        assert_eq!(instants(std::slice::from_ref(&list)), Some(vec![5, 7, 9]));
        assert_eq!(instants(&[list.clone(), col("t").gt_eq(at(7))]), Some(vec![7, 9]));
        assert_eq!(instants(&[col("t").eq(at(3)).or(list.clone())]), Some(vec![3, 5, 7, 9]));
        assert_eq!(instants(&[list.or(col("t").gt(at(1)))]), None);
        assert_eq!(instants(&[col("t").between(at(5), at(9))]), None);
    }

    mod casts {
        use std::sync::Arc;

        use arrow::array::{AsArray, RecordBatch, TimestampMicrosecondArray};
        use arrow::datatypes::{Field, Schema, TimeUnit};
        use datafusion::common::DFSchema;
        use datafusion::logical_expr::binary_expr;
        use datafusion::prelude::SessionContext;
        use proptest::prelude::*;

        use super::*;

        fn literal(unit: TimeUnit, value: i64) -> Expr {
            let zone = Some("UTC".into());
            let scalar = match unit {
                TimeUnit::Second => ScalarValue::TimestampSecond(Some(value / SECOND), zone),
                TimeUnit::Millisecond => ScalarValue::TimestampMillisecond(Some(value / 1_000), zone),
                TimeUnit::Microsecond => ScalarValue::TimestampMicrosecond(Some(value), zone),
                TimeUnit::Nanosecond => ScalarValue::TimestampNanosecond(Some(value * 1_000), zone),
            };
            Expr::Literal(scalar, None)
        }

        proptest! {
            /// Whatever satisfies the comparison lies in the span that is asked for.
            #[test]
            fn no_instant_that_satisfies_a_comparison_lies_outside_its_span(
                at in -3 * SECOND..3 * SECOND,
                against in -3 * SECOND..3 * SECOND,
                unit in prop_oneof![
                    Just(TimeUnit::Second), Just(TimeUnit::Millisecond), Just(TimeUnit::Microsecond), Just(TimeUnit::Nanosecond)
                ],
                op in prop_oneof![
                    Just(Operator::Eq), Just(Operator::Lt), Just(Operator::LtEq), Just(Operator::Gt), Just(Operator::GtEq)
                ],
            ) {
                let cast = Expr::Cast(Cast::new(Box::new(col("t")), DataType::Timestamp(unit, Some("UTC".into()))));
                let filter = binary_expr(cast, op, literal(unit, against));
                let schema = Schema::new(vec![Field::new("t", crate::schema::fields::instant(), true)]);
                let columns = DFSchema::try_from(schema.clone()).unwrap();
                let physical = SessionContext::new().create_physical_expr(filter.clone(), &columns).unwrap();
                let times = TimestampMicrosecondArray::from(vec![at]).with_timezone("UTC");
                let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(times)]).unwrap();
                let holds = physical.evaluate(&batch).unwrap().into_array(1).unwrap().as_boolean().value(0);
                prop_assert!(!holds || Constraints::of(&[filter]).span("t").contains(at));
            }
        }
    }
}
