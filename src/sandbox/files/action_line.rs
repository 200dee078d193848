//! One row of a financial actions file: which of the 36 columns, and of the optional ones, says what.

use super::csv::Row;
use crate::sandbox::card::Card;
use crate::sandbox::currency::{ACCOUNTS, Currency, RATE_DECIMALS, exchange};
use crate::sandbox::effect::Effect;
use crate::sandbox::json::{MCC, arn, decimal, entity_name};
use crate::sandbox::merchant::Merchant;
use crate::sandbox::movement::{CHARGEBACKS, Movement, Rollup};
use crate::sandbox::schedule::Micros;
use crate::sandbox::zone::Zone;

/// What the rows of an action have in common.
#[derive(Debug)]
pub(in crate::sandbox) struct Line<'a> {
    pub account: usize,
    /// None for what no payment made.
    pub effect: Option<&'a Effect>,
    pub action_type: &'static str,
    pub action_id: String,
    /// Empty for what no payment made.
    pub payment_id: String,
    /// From the currency that the payment is in to that of the account, six decimals.
    pub rate: i128,
    pub at: Micros,
    pub reference: String,
}

/// Where both entities are, and the currency of their taxes.
const COUNTRY: &str = "GB";
const TAXED_IN: &str = "GBP";

impl Line<'_> {
    /// Writes the 36 columns.
    pub(super) fn write(&self, row: &mut Row<'_>, merchant: &Merchant, payout_id: &str, movement: &Movement) {
        let Some(account) = ACCOUNTS.get(self.account) else { return };
        let payment = self.effect.map(|effect| &*effect.payment);
        let channel = payment.map(|payment| merchant.channel_id(payment)).unwrap_or_default();
        row.texts([&merchant.entity_id(account.entity), &entity_name(account.entity), "", ""]);
        row.texts([&channel, if payment.is_some() { MCC } else { "" }]);
        row.texts([&merchant.account_id(self.account), account.descriptor, ""]);
        row.texts([self.action_type, &self.action_id, &self.payment_id]);
        row.time(payment.map_or(self.at, |payment| payment.requested_at));
        row.time(self.at);
        let is_exchanged = movement.processing_currency != account.currency;
        let rate = if is_exchanged { decimal(self.rate, RATE_DECIMALS) } else { "1".to_owned() };
        row.texts([movement.processing_currency, &rate, account.currency, "", payout_id, &self.reference]);
        self.write_card(row, merchant);
        self.write_response(row);
        row.text(movement.breakdown_type);
        row.amount(movement.processing);
        row.amount(movement.holding);
        write_tax(row, account.currency, movement);
        row.text(movement.fee_detail.unwrap_or_default());
    }

    /// Payment Method to MID.
    fn write_card(&self, row: &mut Row<'_>, merchant: &Merchant) {
        match self.effect.map(|effect| &effect.payment).filter(|payment| !payment.is_payout()) {
            Some(payment) => {
                let card = Card::of(merchant.seed(), payment);
                row.texts([&card.product.scheme.to_uppercase(), card.product.card_type, card.product.category]);
                row.texts([card.issuer_country, COUNTRY, card.region(payment), ""]);
            }
            None => row.texts(["", "", "", "", COUNTRY, "", ""]),
        }
    }

    /// The gateway's response; of a chargeback, the scheme's reason.
    fn write_response(&self, row: &mut Row<'_>) {
        let dispute = self.effect.filter(|_| self.action_type == CHARGEBACKS).and_then(|effect| effect.payment.dispute);
        match (self.effect, dispute) {
            (_, Some(dispute)) => row.texts([dispute.reason_code, dispute.category]),
            (Some(_), None) => row.texts(["10000", "Approved"]),
            (None, None) => row.texts(["", ""]),
        }
    }

    /// Writes the columns that not every account has.
    pub(super) fn write_optional(&self, row: &mut Row<'_>, zone: Zone) {
        let action = self.effect.filter(|effect| !effect.payment.is_payout());
        let number = action.and_then(|effect| effect.action().map(|action| arn(&effect.payment, action)));
        row.text(&number.unwrap_or_default());
        row.time_utc(self.effect.map_or(self.at, |effect| effect.payment.requested_at));
        row.time_utc(self.at);
        row.text(zone.name);
    }
}

/// Entity Country Tax Currency to Tax Currency Amount.
fn write_tax(row: &mut Row<'_>, holding: &str, movement: &Movement) {
    let currencies = Currency::find(holding).zip(Currency::find(TAXED_IN)).filter(|_| movement.rollup() == Rollup::Tax);
    let Some((holding, taxed)) = currencies else { return row.texts(["", "", ""]) };
    let rate = holding.rate_to(taxed);
    row.texts([TAXED_IN, &decimal(rate, RATE_DECIMALS)]);
    row.amount(exchange(movement.holding, rate));
}
