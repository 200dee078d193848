//! What amounts and days are counted by: the decimals of currencies, and business days.

use super::calendar::Calendars;
use crate::money::Exponents;

/// Calendars by name, and the decimals of currencies.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Conventions {
    /// Which days are business days.
    pub calendars: Calendars,
    /// How many decimals a currency has.
    pub exponents: Exponents,
}
