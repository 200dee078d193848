//! An amount of any scale, and what is made of it exactly or not at all.

use std::fmt;

use crate::error::{Error, ErrorKind, Result};

/// A decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) mantissa: i128,
    pub(super) scale: i32,
}

impl Amount {
    /// In units of the n-th decimal: the whole ones, towards minus infinity, and whether nothing was cut off.
    pub(super) fn floor(self, decimals: u32) -> Result<(i128, bool)> {
        let shift = i32::try_from(decimals).unwrap_or(i32::MAX).saturating_sub(self.scale);
        let power = 10_i128.checked_pow(shift.unsigned_abs());
        if shift >= 0 {
            let units = power.and_then(|power| self.mantissa.checked_mul(power)).ok_or_else(|| self.too_large())?;
            return Ok((units, true));
        }
        // A scale is at most 38, so there is such a power.
        let power = power.ok_or_else(|| self.too_large())?;
        Ok((self.mantissa.div_euclid(power), self.mantissa.rem_euclid(power) == 0))
    }

    pub(super) fn too_large(self) -> Error {
        Error::new(ErrorKind::Query, "an amount is too large").with("amount", self)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = usize::try_from(self.scale).unwrap_or_default();
        let text = format!("{:0width$}", self.mantissa.unsigned_abs(), width = digits + 1);
        let (whole, fraction) = text.split_at(text.len() - digits);
        let sign = if self.mantissa < 0 { "-" } else { "" };
        if fraction.is_empty() { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{fraction}") }
    }
}
