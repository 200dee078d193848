//! A financial action with its breakdown, as `GET /financial-actions` shows it: decimals in major units.

use super::instant::exact;
use super::writer::{Json, decimal};
use crate::sandbox::card::Card;
use crate::sandbox::currency::{MOVEMENT_DECIMALS, RATE_DECIMALS};
use crate::sandbox::effect::effective_at;
use crate::sandbox::merchant::Merchant;
use crate::sandbox::movement::{Movement, Posting};
use crate::sandbox::payment::Payment;

/// Writes a financial action as an element.
pub(in crate::sandbox) fn write_financial_action(json: &mut Json, merchant: &Merchant, payment: &Payment, posting: &Posting) {
    let account = payment.currency.settled_to();
    let card = Card::of(merchant.seed(), payment);
    json.object(|json| {
        json.text("payment_id", &merchant.payment_id(payment.index));
        json.text("action_id", &merchant.ids().make("act_", payment.index, posting.number));
        json.text("action_type", posting.action_type);
        json.text("entity_id", &merchant.entity_id(account.entity));
        json.text("currency_account_id", &merchant.account_id(payment.currency.account));
        json.text("processing_channel_id", &merchant.channel_id(payment));
        json.some_text("reference", merchant.reference(payment).as_deref());
        if !payment.is_payout() {
            json.text("payment_method", &card.product.scheme.to_uppercase());
            json.text("card_type", card.product.card_type);
            json.text("card_category", card.product.category);
            json.text("issuer_country", card.issuer_country);
            json.text("region", card.region(payment));
        }
        // Numbers here, texts elsewhere: the vendor's answers differ.
        json.plain("merchant_category_code", 5311);
        json.plain("response_code", 10000);
        json.text("response_description", "Approved");
        json.text("processed_on", &exact(effective_at(posting)));
        json.text("requested_on", &exact(payment.requested_at));
        json.list("breakdown", |json| {
            for movement in &posting.movements {
                json.object(|json| write_breakdown(json, movement, payment));
            }
        });
    });
}

fn write_breakdown(json: &mut Json, movement: &Movement, payment: &Payment) {
    let holding_currency = payment.currency.settled_to().currency;
    let exchanged = movement.processing_currency != holding_currency;
    json.text("breakdown_type", movement.breakdown_type);
    let rate = if exchanged { decimal(payment.currency.rate(), RATE_DECIMALS) } else { "1".to_owned() };
    json.plain("fx_rate_applied", rate);
    json.text("holding_currency", holding_currency);
    json.plain("holding_currency_amount", decimal(movement.holding, MOVEMENT_DECIMALS));
    json.text("processing_currency", movement.processing_currency);
    json.plain("processing_currency_amount", decimal(movement.processing, MOVEMENT_DECIMALS));
    json.some_text("fee_detail", movement.fee_detail);
}
