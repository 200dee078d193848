//! Members that add up: the rows of a key on the left against the one amount of that key on the right.

use super::keys::Keys;
use super::standing::{Side, Standing, at, count, set};
use crate::error::{Error, ErrorKind, Result};
use crate::money::DECIMAL_SCALE;

/// When a sum counts as the amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// When they differ by no more than so many minor units of the currency; with 0, when they are equal.
    Within {
        /// Minor units.
        minor: u32,
    },
    /// When the sum, cut to whole minor units towards minus infinity, is the amount.
    Floor,
    /// When the sum, rounded to whole minor units, halves to the even one, is the amount.
    HalfEven,
}

/// Members and the row that they were compared with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// Row of the right side.
    pub right: u32,
    /// Rows of the left side, smallest first.
    pub members: Vec<u32>,
    /// Sum of the members, with their signs.
    pub sum: i128,
    /// The sum less the amount of the right row.
    pub residual: i128,
    /// Whether that is agreement.
    pub agrees: bool,
}

/// The answer of [`group_sum`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSums {
    /// Every group that has members and one right row, whether they agree or not, by right row.
    pub groups: Vec<Group>,
    /// What became of each row of the left side.
    pub left: Vec<Standing>,
    /// What became of each row of the right side.
    pub right: Vec<Standing>,
}

/// One minor unit of a currency with so many decimals, as a mantissa of decimal(38,8).
///
/// # Errors
/// [`ErrorKind::Query`] when it has more than eight.
pub fn minor_unit(exponent: u32) -> Result<i128> {
    DECIMAL_SCALE
        .checked_sub(exponent)
        .map(|digits| 10_i128.pow(digits))
        .ok_or_else(|| Error::new(ErrorKind::Query, "a currency has at most eight decimals").with("exponent", exponent))
}

/// The sum of each key's rows of a side, by key; of keys without rows 0.
///
/// # Errors
/// [`ErrorKind::Query`] when a sum has more digits than decimal(38,8); [`ErrorKind::Bug`] when there are not as many amounts
/// as rows.
pub fn sums(keys: &Keys, side: Side, amounts: &[i128]) -> Result<Vec<i128>> {
    check(keys, side, amounts)?;
    (0..keys.distinct()).map(|key| sum(keys.group(side, key), amounts)).collect()
}

/// Compares the sum of the left rows of each key with the amount of the right row that has it.
///
/// `units` holds one [`minor_unit`] of each right row's currency. Where several right rows have a key, it cannot be told
/// which of them the members belong to, unless all others are set apart from these.
///
/// # Errors
/// [`ErrorKind::Query`] when a sum or a difference has more digits than decimal(38,8); [`ErrorKind::Bug`] when there are not
/// as many amounts as rows, or a unit is not positive.
pub fn group_sum(keys: &Keys, members: &[i128], amounts: &[i128], units: &[i128], agreement: Agreement) -> Result<GroupSums> {
    check(keys, Side::Left, members)?;
    check(keys, Side::Right, amounts)?;
    check(keys, Side::Right, units)?;
    let mut groups = Vec::new();
    let mut left = vec![Standing::Unkeyed; members.len()];
    let mut right = vec![Standing::Unkeyed; amounts.len()];
    for (side, standings) in [(Side::Left, &mut left), (Side::Right, &mut right)] {
        for (row, standing) in (0..).zip(standings).filter(|(row, _)| keys.id(side, *row).is_some()) {
            *standing = Standing::among(keys.count(side, row));
        }
    }
    for (one, (amount, unit)) in (0..).zip(amounts.iter().zip(units)) {
        let Some(rows) = keys.gathered(Side::Right, one) else { continue };
        if *unit <= 0 {
            return Err(Error::bug("a minor unit is not positive"));
        }
        let sum = sum(&rows, members)?;
        let residual = sum.checked_sub(*amount).ok_or_else(overflow)?;
        let agrees = agreement.holds(sum, residual, *unit)?;
        groups.push(Group { right: one, members: rows, sum, residual, agrees });
    }
    groups.sort_unstable();
    for (index, group) in (0..count(groups.len())).zip(&groups) {
        let standing = if group.agrees { Standing::Matched { index } } else { Standing::Unequal { index } };
        group.members.iter().for_each(|row| set(&mut left, *row, standing));
        set(&mut right, group.right, standing);
    }
    Ok(GroupSums { groups, left, right })
}

impl Agreement {
    fn holds(self, sum: i128, residual: i128, unit: i128) -> Result<bool> {
        Ok(match self {
            Self::Within { minor } => {
                let most = unit.checked_mul(i128::from(minor)).ok_or_else(overflow)?;
                residual.unsigned_abs() <= most.unsigned_abs()
            }
            // What is cut off is what is left over.
            Self::Floor => residual == sum.rem_euclid(unit),
            Self::HalfEven => {
                let (whole, rest) = (sum.div_euclid(unit), sum.rem_euclid(unit));
                let is_up = match rest.cmp(&(unit - rest)) {
                    std::cmp::Ordering::Less => false,
                    std::cmp::Ordering::Equal => whole.rem_euclid(2) == 1,
                    std::cmp::Ordering::Greater => true,
                };
                residual == if is_up { rest - unit } else { rest }
            }
        })
    }
}

fn sum(rows: &[u32], amounts: &[i128]) -> Result<i128> {
    // Credits and debits apart, so that what is too large does not depend on the order of rows.
    let (mut credit, mut debit): (u128, u128) = (0, 0);
    for amount in rows.iter().filter_map(|row| amounts.get(at(*row))) {
        let part = if *amount < 0 { &mut debit } else { &mut credit };
        *part = part.checked_add(amount.unsigned_abs()).ok_or_else(overflow)?;
    }
    let size = credit.abs_diff(debit);
    if size >= 10_u128.pow(38) {
        return Err(overflow());
    }
    let size = i128::try_from(size).ok().ok_or_else(overflow)?;
    Ok(if debit > credit { -size } else { size })
}

fn check(keys: &Keys, side: Side, amounts: &[i128]) -> Result<()> {
    if amounts.len() == keys.rows(side) { Ok(()) } else { Err(Error::bug("there are not as many amounts as rows")) }
}

fn overflow() -> Error {
    Error::new(ErrorKind::Query, "a sum of amounts is too large for decimal(38,8)")
}
