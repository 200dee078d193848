//! Whether the amounts of rows that belong together are equal, and what becomes of a difference.

use super::conventions::Conventions;
use super::outcome::{Difference, Group, decimal};
use super::rule::{Amount, Residual, Rounding, Rule, Shape};
use super::sides::Lines;
use crate::error::{Error, ErrorKind, Result};
use crate::money::DECIMAL_SCALE;

/// What comes of comparing.
#[derive(Debug)]
pub(super) enum Compared {
    /// They are equal, or what is left of them is allowed.
    Equal(Option<Box<Difference>>),
    /// They are not.
    Unequal {
        /// Why the rows of the left and of the right side are left.
        reasons: [&'static str; 2],
        detail: String,
    },
}

/// Compares the sums of both sides.
///
/// # Errors
/// [`ErrorKind::Query`] when a sum has more digits than there are.
pub(super) fn compare(rule: &Rule, lines: [Lines<'_>; 2], group: &Group, conventions: &Conventions) -> Result<Compared> {
    let Some(amount) = &rule.amount else { return Ok(Compared::Equal(None)) };
    let unequal = |reason, detail| Ok(Compared::Unequal { reasons: [reason, reason], detail });
    let (left, right, currency) = match sums(lines, group)? {
        Sums::Of { left, right, currency } => (left, right, currency),
        Sums::Lacking(id) => return unequal("AMOUNT_MISMATCH", format!("{id} has no amount or no currency")),
        Sums::OfSeveral(one, other) => return unequal("CURRENCY_MISMATCH", format!("{one} and {other}")),
    };
    if left == right {
        return Ok(Compared::Equal(None));
    }
    let exponent = conventions.exponents.of(currency);
    let unit = 10_i128.pow(DECIMAL_SCALE.saturating_sub(exponent));
    let apart = Apart { left, right, residual: left.checked_sub(right).ok_or_else(overflow)?, unit };
    let detail = || {
        let apart_by = format!("{} against {} {currency}, {} apart", decimal(left), decimal(right), decimal(apart.residual));
        if apart.has_other_decimals(exponent) { format!("{apart_by}, as if {currency} had other decimals") } else { apart_by }
    };
    if apart.has_other_sign(amount)? {
        return unequal("SIGN_CONFLICT", detail());
    }
    if let Some((kind, account)) = apart.allowed(rule, amount)? {
        let difference = Difference { kind, amount: apart.residual, currency: currency.to_uppercase(), account };
        return Ok(Compared::Equal(Some(Box::new(difference))));
    }
    Ok(Compared::Unequal { reasons: reasons(rule, lines, group, &apart), detail: detail() })
}

/// What rows of both sides come to.
#[derive(Debug)]
pub(super) enum Sums<'a> {
    /// They are of one currency.
    Of { left: i128, right: i128, currency: &'a str },
    /// This row has no amount, or no currency.
    Lacking(&'a str),
    /// They are of several currencies, such as these two.
    OfSeveral(&'a str, &'a str),
}

/// Adds up the rows of both sides.
///
/// # Errors
/// [`ErrorKind::Query`] when a sum has more digits than there are.
pub(super) fn sums<'a>(lines: [Lines<'a>; 2], group: &Group) -> Result<Sums<'a>> {
    let mut sums = [0_i128; 2];
    let mut currency: Option<&str> = None;
    for ((sum, lines), rows) in sums.iter_mut().zip(lines).zip([group.left(), group.right()]) {
        for row in rows {
            let (Some(amount), Some(own)) = (lines.amount(*row), lines.currency(*row)) else {
                return lines.table().id(*row).map(Sums::Lacking);
            };
            match currency {
                Some(other) if !other.eq_ignore_ascii_case(own) => return Ok(Sums::OfSeveral(other, own)),
                _ => currency = Some(own),
            }
            *sum = sum.checked_add(amount).ok_or_else(overflow)?;
        }
    }
    let [left, right] = sums;
    Ok(Sums::Of { left, right, currency: currency.unwrap_or_default() })
}

/// Two sums that are not equal.
#[derive(Debug, Clone, Copy)]
struct Apart {
    left: i128,
    right: i128,
    /// Left less right.
    residual: i128,
    /// The minor unit.
    unit: i128,
}

impl Apart {
    /// Whether one would be the other if its sign were, which no tolerance makes good.
    fn has_other_sign(self, amount: &Amount) -> Result<bool> {
        let is_turned = self.left.signum() * self.right.signum() == -1;
        let turned = Self { residual: self.left.checked_add(self.right).ok_or_else(overflow)?, ..self };
        Ok(is_turned && (turned.residual == 0 || turned.is_tolerated(amount)?))
    }

    /// Whether one is the other with its point elsewhere: minor units that were taken for whole ones, or for hundredths.
    fn has_other_decimals(self, exponent: u32) -> bool {
        let factors = [exponent, exponent.abs_diff(2)].into_iter().filter_map(|places| 10_i128.checked_pow(places));
        let [left, right] = [self.left, self.right];
        let is = |one: i128, factor, other| one.checked_mul(factor) == Some(other);
        factors.filter(|factor| *factor > 1).any(|factor| is(left, factor, right) || is(right, factor, left))
    }

    fn is_tolerated(self, amount: &Amount) -> Result<bool> {
        let (left, right) = (self.left.unsigned_abs(), self.right.unsigned_abs());
        let size = self.residual.unsigned_abs();
        let times = |one: u128, other: i64| one.checked_mul(other.unsigned_abs().into()).ok_or_else(overflow);
        Ok(size <= times(self.unit.unsigned_abs(), amount.tolerance_minor)?
            || times(size, 10_000)? <= times(left.max(right), amount.tolerance_bps)?)
    }

    /// What an allowed difference is, and where it is booked to.
    fn allowed(self, rule: &Rule, amount: &Amount) -> Result<Option<(&'static str, Option<String>)>> {
        if self.is_tolerated(amount)? {
            return Ok(Some(("TOLERANCE", None)));
        }
        match &rule.residual {
            Residual::None => Ok(None),
            Residual::Dust(rounding) => {
                // What is rounded is the sum of the several.
                let (sum, one) = if rule.shape == Shape::OneToMany { (self.right, self.left) } else { (self.left, self.right) };
                Ok((rounded(sum, self.unit, *rounding) == one).then_some(("DUST", None)))
            }
            Residual::Booked { kind, account, up_to_minor } => {
                let most = self.unit.checked_mul((*up_to_minor).into()).ok_or_else(overflow)?;
                let is_small = self.residual.unsigned_abs() <= most.unsigned_abs();
                // A fee is taken off what is expected, and nobody pays one by paying back.
                let is_kind = *kind != "FEE" || self.residual > 0;
                let is_of_one_sign = self.left.signum() * self.right.signum() != -1;
                Ok((is_small && is_kind && is_of_one_sign).then(|| (*kind, Some(account.clone()))))
            }
        }
    }
}

/// To whole minor units.
fn rounded(sum: i128, unit: i128, rounding: Rounding) -> i128 {
    let (whole, part) = (sum.div_euclid(unit), sum.rem_euclid(unit));
    let is_up = match rounding {
        Rounding::Floor => false,
        Rounding::HalfEven => part * 2 > unit || (part * 2 == unit && whole % 2 != 0),
    };
    (whole + i128::from(is_up)) * unit
}

/// Why the rows of both sides are left.
fn reasons(rule: &Rule, [lefts, rights]: [Lines<'_>; 2], group: &Group, apart: &Apart) -> [&'static str; 2] {
    if matches!(rule.residual, Residual::Dust(_)) {
        // A sum that is said to be cut to what the other side has is not what somebody paid more or less.
        return ["IDENTITY_BROKEN"; 2];
    }
    let is_several = group.left().len() > 1 || group.right().len() > 1 || rule.shape != Shape::OneToOne;
    if !is_several {
        return ["AMOUNT_MISMATCH"; 2];
    }
    // The left side is what is expected, the right what came.
    let reason = if apart.residual > 0 { "SHORT_PAID" } else { "OVER_PAID" };
    let are_alike =
        |lines: Lines<'_>, rows: &[u32], one: i128| rows.len() > 1 && rows.iter().all(|row| lines.amount(*row) == Some(one));
    match () {
        () if are_alike(rights, group.right(), apart.left) => [reason, "DUPLICATE_RIGHT"],
        () if are_alike(lefts, group.left(), apart.right) => ["DUPLICATE_LEFT", reason],
        () => [reason; 2],
    }
}

pub(super) fn overflow() -> Error {
    Error::new(ErrorKind::Query, "a sum of amounts has more digits than decimal(38,8)")
}
