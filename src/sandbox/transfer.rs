//! Transfers between the sellers on the merchant's platform: known by number, like payments.
//!
//! Sellers are sub-entities whose balances are their own, so that no transfer moves the merchant's.

use super::currency::{Currency, ENTITIES};
use super::dice::Dice;
use super::merchant::Merchant;
use super::schedule::{DAY, Micros};

/// How many sellers the merchant has; their entities are numbered after the merchant's own.
pub(super) const SELLERS: usize = 4;

/// A transfer at the merchant's present.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transfer {
    /// Its place in the order of time, from 0.
    pub number: u64,
    /// The vendor's word for its kind.
    pub kind: &'static str,
    /// The vendor's word for its state.
    pub status: &'static str,
    /// Why it was rejected, in the vendor's words.
    pub reasons: &'static [&'static str],
    /// Amount, minor units.
    pub amount: i64,
    /// Currency of the amount.
    pub currency: &'static Currency,
    /// Number of the entity that the money leaves.
    pub source: usize,
    /// Number of the entity that it goes to.
    pub destination: usize,
    /// When it was asked for.
    pub requested_at: Micros,
}

const TRANSFERS: u64 = 60;
const STREAM: u64 = 21;
const KINDS: [(u64, &str); 3] = [(70, "commission"), (15, "promotion"), (15, "refund")];
const REJECTED: &[&str] =
    &["destination_transfers_capability_disabled", "source_and_destination_currency_accounts_must_be_different"];
/// How long a transfer is pending.
const TIME_TO_DECIDE: Micros = 4 * DAY;

impl Transfer {
    /// The transfer of an id.
    pub(super) fn find(merchant: &Merchant, id: &str) -> Option<Self> {
        let (number, zero) = merchant.ids().read("tra_", id)?;
        (zero == 0 && number < TRANSFERS).then(|| Self::get(merchant, number))
    }

    fn get(merchant: &Merchant, number: u64) -> Self {
        let mut dice = Dice::new(merchant.seed(), STREAM, number);
        let apart = (merchant.now() - merchant.started_at()) / Micros::try_from(TRANSFERS).unwrap_or(1);
        let requested_at = merchant.started_at() + apart * Micros::try_from(number).unwrap_or(0) + dice.between(0, apart);
        let currency = Currency::any(&mut dice);
        let (kind, is_rejected) = (dice.weighted(&KINDS), dice.chance(150));
        let source = usize::try_from(dice.below(SELLERS as u64)).unwrap_or(0);
        let further = 1 + usize::try_from(dice.below(SELLERS as u64 - 1)).unwrap_or(0);
        let (status, reasons) = match is_rejected {
            _ if merchant.now() - requested_at < TIME_TO_DECIDE => ("pending", &[][..]),
            true => ("rejected", REJECTED),
            false => ("completed", &[][..]),
        };
        Self {
            number,
            kind,
            status,
            reasons,
            amount: currency.price(&mut dice),
            currency,
            source: ENTITIES + source,
            destination: ENTITIES + (source + further) % SELLERS,
            requested_at,
        }
    }

    /// `tra_…`
    pub(super) fn id(&self, merchant: &Merchant) -> String {
        merchant.ids().make("tra_", self.number, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::MerchantOptions;

    #[test]
    fn transfers_lead_from_one_seller_to_another_and_end_in_every_way() {
        let merchant = Merchant::new(MerchantOptions { payments: 1, ..MerchantOptions::default() });
        let transfers: Vec<Transfer> = (0..TRANSFERS).map(|number| Transfer::get(&merchant, number)).collect();
        assert!(transfers.iter().all(|transfer| transfer.source >= ENTITIES && transfer.source != transfer.destination));
        assert!(transfers.windows(2).all(|pair| pair[0].requested_at <= pair[1].requested_at));
        for status in ["pending", "completed", "rejected"] {
            assert!(transfers.iter().any(|transfer| transfer.status == status), "{status}");
        }
    }

    #[test]
    fn a_transfer_is_found_by_its_id() {
        let merchant = Merchant::new(MerchantOptions { payments: 1, ..MerchantOptions::default() });
        let transfer = Transfer::get(&merchant, 7);
        assert_eq!(Transfer::find(&merchant, &transfer.id(&merchant)).map(|found| found.number), Some(7));
        assert!(Transfer::find(&merchant, &merchant.ids().make("tra_", TRANSFERS, 0)).is_none());
    }
}
