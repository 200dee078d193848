//! The vault: the merchant's customers and their instruments, by number, found again by id.
//!
//! Every customer has three cards, of which most payments use the first; money is sent to a card or to a bank account
//! that stands beside it.

use super::card::Card;
use super::currency::Currency;
use super::merchant::Merchant;

/// Cards of a customer; card numbers count through all customers.
pub(super) const CARDS: u64 = 3;

/// What a customer pays with or is paid by, with the number of the card that it is or stands beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instrument {
    /// A card payments are made with.
    Card(u64),
    /// A bank account money is sent to.
    BankAccount(u64),
    /// A card money is sent to.
    PayoutCard(u64),
}

impl Instrument {
    /// The instrument of an id.
    pub(super) fn find(merchant: &Merchant, id: &str) -> Option<Self> {
        let (card, kind) = merchant.ids().read("src_", id)?;
        let instrument = match kind {
            0 => Self::Card(card),
            1 => Self::BankAccount(card),
            2 => Self::PayoutCard(card),
            _ => return None,
        };
        (instrument.customer() < merchant.customers()).then_some(instrument)
    }

    /// `src_…`
    pub(super) fn id(self, merchant: &Merchant) -> String {
        let (card, kind) = match self {
            Self::Card(card) => (card, 0),
            Self::BankAccount(card) => (card, 1),
            Self::PayoutCard(card) => (card, 2),
        };
        merchant.ids().make("src_", card, kind)
    }

    /// The customer it belongs to.
    pub(super) const fn customer(self) -> u64 {
        self.number() / CARDS
    }

    /// Number of the card that it is or stands beside.
    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Card(card) | Self::BankAccount(card) | Self::PayoutCard(card) => card,
        }
    }

    /// The currency its customer pays in.
    pub(super) fn currency(self, merchant: &Merchant) -> &'static Currency {
        merchant.home_currency(self.customer())
    }

    /// The card that it is or stands beside.
    pub(super) fn card(self, merchant: &Merchant) -> Card {
        Card::held(merchant.seed(), self.number(), self.currency(merchant))
    }
}

/// The customer of an id or an e-mail address.
pub(super) fn find_customer(merchant: &Merchant, identifier: &str) -> Option<u64> {
    let by_id = || merchant.ids().read("cus_", identifier).filter(|(_, zero)| *zero == 0).map(|(customer, _)| customer);
    let by_email = || {
        let digits = identifier.strip_prefix("customer-")?.strip_suffix("@example.com")?;
        digits.parse().ok().filter(|customer| customer_email(*customer) == identifier)
    };
    by_id().or_else(by_email).filter(|customer| *customer < merchant.customers())
}

/// `cus_…`
pub(super) fn customer_id(merchant: &Merchant, customer: u64) -> String {
    merchant.ids().make("cus_", customer, 0)
}

/// The customer's address, at a domain that is nobody's.
pub(super) fn customer_email(customer: u64) -> String {
    format!("customer-{customer:06}@example.com")
}

/// The customer's name, which is nobody's either.
pub(super) fn customer_name(customer: u64) -> String {
    format!("Customer {customer:06}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::MerchantOptions;

    #[test]
    fn customers_and_instruments_are_found_by_their_ids_and_nobody_else_s() {
        let merchant = Merchant::new(MerchantOptions { payments: 400, ..MerchantOptions::default() });
        assert_eq!(find_customer(&merchant, &customer_id(&merchant, 99)), Some(99));
        assert_eq!(find_customer(&merchant, "customer-000099@example.com"), Some(99));
        for nobody in [&customer_id(&merchant, 100), "customer-000100@example.com", "customer-99@example.com", "", "cus_x"] {
            assert_eq!(find_customer(&merchant, nobody), None, "{nobody}");
        }
        for instrument in [Instrument::Card(299), Instrument::BankAccount(0), Instrument::PayoutCard(7)] {
            assert_eq!(Instrument::find(&merchant, &instrument.id(&merchant)), Some(instrument));
        }
        for nothing in [Instrument::Card(300).id(&merchant), merchant.ids().make("src_", 0, 3), merchant.payment_id(0)] {
            assert_eq!(Instrument::find(&merchant, &nothing), None);
        }
    }
}
