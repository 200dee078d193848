//! The currencies the merchant sells in, plausible amounts in them, and fixed exchange rates.
//!
//! Rates have six decimals and never change. An amount that is exchanged has six significant digits, as the vendor prints
//! them, and is what the books add up from then on, so they tie out to the last digit all the same.

use super::dice::Dice;

/// A currency the merchant sells in.
#[derive(Debug, PartialEq, Eq)]
pub struct Currency {
    /// ISO 4217 code.
    pub code: &'static str,
    /// Country of most of its customers, two letters.
    pub country: &'static str,
    /// Smallest amount that can be charged, in minor units: 10 where the last digit must be 0.
    pub step: i64,
    /// Decimals of its minor unit, as [`crate::money`] says.
    pub(super) exponent: u32,
    /// Minor units that are worth one euro cent, in thousandths.
    per_cent: i64,
    /// US dollars for one major unit, six decimals.
    dollars: i128,
    /// How often it is used, against the others.
    weight: u64,
    /// Which of [`ACCOUNTS`] its sales are settled to.
    pub(super) account: usize,
}

/// Every currency; JPY has no minor unit, KWD a thousandth whose last digit is 0, CLP hundredths that nobody uses.
pub(super) static CURRENCIES: [Currency; 10] = [
    Currency { code: "EUR", country: "DE", step: 1, exponent: 2, per_cent: 1_000, dollars: 1_084_300, weight: 30, account: 0 },
    Currency { code: "GBP", country: "GB", step: 1, exponent: 2, per_cent: 850, dollars: 1_271_500, weight: 22, account: 1 },
    Currency { code: "USD", country: "US", step: 1, exponent: 2, per_cent: 1_080, dollars: 1_000_000, weight: 20, account: 2 },
    Currency { code: "JPY", country: "JP", step: 1, exponent: 0, per_cent: 1_700, dollars: 6_400, weight: 6, account: 4 },
    Currency { code: "KWD", country: "KW", step: 10, exponent: 3, per_cent: 3_300, dollars: 3_254_000, weight: 4, account: 2 },
    Currency { code: "CLP", country: "CL", step: 1_000, exponent: 2, per_cent: 1_030_000, dollars: 1_050, weight: 3, account: 2 },
    Currency { code: "AED", country: "AE", step: 1, exponent: 2, per_cent: 3_980, dollars: 272_294, weight: 5, account: 3 },
    Currency { code: "SEK", country: "SE", step: 100, exponent: 2, per_cent: 11_400, dollars: 94_800, weight: 4, account: 0 },
    Currency { code: "PLN", country: "PL", step: 1, exponent: 2, per_cent: 4_300, dollars: 251_600, weight: 4, account: 0 },
    Currency { code: "CHF", country: "CH", step: 5, exponent: 2, per_cent: 940, dollars: 1_153_000, weight: 2, account: 1 },
];

/// A currency account of one of the merchant's entities: where sales are settled to.
#[derive(Debug)]
pub(super) struct CurrencyAccount {
    /// Which of the merchant's entities owns it.
    pub entity: usize,
    /// ISO 4217 code of its balances.
    pub currency: &'static str,
    /// Its name.
    pub descriptor: &'static str,
}

/// How many entities the merchant has.
pub(super) const ENTITIES: usize = 2;

pub(super) static ACCOUNTS: [CurrencyAccount; 5] = [
    CurrencyAccount { entity: 0, currency: "EUR", descriptor: "Europe Revenue EUR" },
    CurrencyAccount { entity: 0, currency: "GBP", descriptor: "Europe Revenue GBP" },
    CurrencyAccount { entity: 1, currency: "USD", descriptor: "World Revenue USD" },
    CurrencyAccount { entity: 1, currency: "AED", descriptor: "World Revenue AED" },
    CurrencyAccount { entity: 1, currency: "JPY", descriptor: "World Revenue JPY" },
];

/// Decimals of an exchange rate.
pub(super) const RATE_DECIMALS: u32 = 6;
const ONE: i128 = 1_000_000;
/// Decimals of a movement on a currency account.
pub(super) const MOVEMENT_DECIMALS: u32 = 8;

/// What basket sizes look like, in euro cents: weight, and range.
const BASKETS: [(u64, (i64, i64)); 4] =
    [(40, (500, 3_000)), (35, (3_000, 10_000)), (20, (10_000, 40_000)), (5, (40_000, 250_000))];

impl Currency {
    /// One of the currencies, each as often as its weight says.
    pub(super) fn any(dice: &mut Dice) -> &'static Self {
        let [first, ..] = &CURRENCIES;
        let mut left = dice.below(CURRENCIES.iter().map(|currency| currency.weight).sum());
        for currency in &CURRENCIES {
            if left < currency.weight {
                return currency;
            }
            left -= currency.weight;
        }
        first
    }

    /// The account its sales are settled to.
    pub(super) fn settled_to(&self) -> &'static CurrencyAccount {
        let [first, ..] = &ACCOUNTS;
        ACCOUNTS.get(self.account).unwrap_or(first)
    }

    /// A plausible price, in minor units.
    pub(super) fn price(&self, dice: &mut Dice) -> i64 {
        let (low, high) = dice.weighted(&BASKETS);
        self.round(dice.between(low, high) * self.per_cent / 1000)
    }

    /// The amount, cut down to what can be charged, and never to nothing.
    pub(super) fn round(&self, amount: i64) -> i64 {
        (amount / self.step * self.step).max(self.step)
    }

    /// The currency of a code.
    pub(super) fn find(code: &str) -> Option<&'static Self> {
        CURRENCIES.iter().find(|currency| currency.code == code)
    }

    /// The rate to the currency it is settled in, six decimals.
    pub(super) fn rate(&self) -> i128 {
        Self::find(self.settled_to().currency).map_or(ONE, |settled| self.rate_to(settled))
    }

    /// The rate to another currency, six decimals.
    pub(super) fn rate_to(&self, other: &Self) -> i128 {
        self.dollars * ONE / other.dollars
    }

    /// What one unit is worth in another currency, eight decimals, less a margin of so many thousandths.
    pub(super) fn rate_into(&self, other: &Self, margin: i128) -> i128 {
        self.dollars * 10_i128.pow(MOVEMENT_DECIMALS) * (1000 - margin) / (other.dollars * 1000)
    }

    /// What some euro cents are worth, in major units, eight decimals.
    pub(super) fn worth(&self, euro_cents: i64) -> i128 {
        self.to_major(euro_cents * self.per_cent) / 1000
    }

    /// An amount in major units, eight decimals, as whole minor units; the rest is dropped.
    pub(super) fn to_minor(&self, major: i128) -> i64 {
        i64::try_from(major.div_euclid(10_i128.pow(MOVEMENT_DECIMALS - self.exponent))).unwrap_or(i64::MAX)
    }

    /// The amount in major units of this currency, eight decimals.
    pub(super) fn to_major(&self, amount_minor: i64) -> i128 {
        i128::from(amount_minor) * 10_i128.pow(MOVEMENT_DECIMALS - self.exponent)
    }

    /// The amount in major units of the currency it is settled in, eight decimals.
    pub(super) fn to_settled(&self, amount_minor: i64) -> i128 {
        let amount = self.to_major(amount_minor);
        if self.rate() == ONE { amount } else { to_six_digits(exchange(amount, self.rate())) }
    }
}

/// An amount at a rate of six decimals; what is below the amount's own decimals is dropped.
pub(super) const fn exchange(amount: i128, rate: i128) -> i128 {
    amount * rate / ONE
}

/// Six significant digits of a value, half a unit going away from zero.
fn to_six_digits(value: i128) -> i128 {
    let mut unit = 1;
    while value.abs() / unit >= ONE {
        unit *= 10;
    }
    (value.abs() + unit / 2) / unit * unit * value.signum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Exponents;

    #[test]
    fn decimals_are_the_vendors() {
        for currency in &CURRENCIES {
            assert_eq!(currency.exponent, Exponents::default().of(currency.code), "{}", currency.code);
        }
    }

    #[test]
    fn settled_amounts_have_six_digits_where_they_are_exchanged() {
        for currency in &CURRENCIES {
            let mut dice = Dice::new(3, 0, 0);
            for _ in 0..500 {
                let price = currency.price(&mut dice);
                let (amount, settled) = (currency.to_major(price), currency.to_settled(price));
                let digits = settled.to_string().trim_end_matches('0').len();
                assert!(currency.rate() == ONE && settled == amount || digits <= 6, "{} {price} {settled}", currency.code);
                // Twice the millionth part of what is off is no more than ten units of the sixth digit.
                assert!((amount * currency.rate() / ONE - settled).abs() * 200_000 <= settled, "{} {price}", currency.code);
                assert_eq!(currency.to_settled(-price), -settled);
            }
        }
    }

    #[test]
    fn prices_are_amounts_the_vendor_accepts() {
        for currency in &CURRENCIES {
            let mut dice = Dice::new(4, 0, 0);
            for _ in 0..500 {
                let price = currency.price(&mut dice);
                assert!((1..1_000_000_000).contains(&price) && price % currency.step == 0, "{} {price}", currency.code);
            }
        }
    }

    #[test]
    fn an_own_account_needs_no_exchange() {
        for currency in &CURRENCIES {
            assert_eq!(currency.settled_to().currency == currency.code, currency.rate() == ONE, "{}", currency.code);
        }
    }
}
