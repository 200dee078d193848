//! Parts of a payment that several shapes share: where the money comes from, who pays, how risky it looks.

use super::writer::Json;
use crate::sandbox::card::Card;
use crate::sandbox::dice::mix;
use crate::sandbox::merchant::Merchant;
use crate::sandbox::payment::{ActionKind, Payment, PaymentKind};
use crate::sandbox::vault::{Instrument, customer_email, customer_id, customer_name};

/// Which of the vendor's two spellings of a payment is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// `POST /payments/search`: lower case, no ids of customers and instruments, numbers as text here and there.
    Search,
    /// `GET /payments/{id}`: the reference's spelling.
    Details,
}

impl Spelling {
    /// A word as this spelling has it.
    pub(super) fn word(self, word: &str) -> String {
        match self {
            Self::Search => word.to_lowercase(),
            Self::Details => word.to_owned(),
        }
    }
}

/// Draws that belong to a payment and change nothing about its money.
pub(super) fn detail_bits(payment: &Payment, use_for: u64) -> u64 {
    mix(mix(payment.index ^ (use_for << 48)) ^ payment.customer)
}

pub(super) fn write_source(json: &mut Json, merchant: &Merchant, payment: &Payment, spelling: Spelling) {
    json.member("source", |json| {
        if payment.is_payout() {
            json.text("type", "currency_account");
            json.text("id", &merchant.account_id(payment.currency.account));
            return;
        }
        if spelling == Spelling::Details {
            json.text("id", &Instrument::Card(payment.card).id(merchant));
        }
        json.text("type", "card");
        write_card(json, &Card::of(merchant.seed(), payment), payment, spelling);
    });
}

pub(super) fn write_destination(json: &mut Json, merchant: &Merchant, payment: &Payment) {
    let (kind, instrument) = match payment.kind {
        PaymentKind::BankPayout => ("bank_account", Instrument::BankAccount(payment.card)),
        PaymentKind::CardPayout => ("card", Instrument::PayoutCard(payment.card)),
        PaymentKind::Sale | PaymentKind::CardVerification => return,
    };
    json.member("destination", |json| {
        json.text("type", kind);
        json.text("id", &instrument.id(merchant));
        if payment.kind == PaymentKind::CardPayout {
            write_card(json, &Card::of(merchant.seed(), payment), payment, Spelling::Search);
        }
    });
}

/// A card, with what was checked when it was used.
fn write_card(json: &mut Json, card: &Card, payment: &Payment, spelling: Spelling) {
    match spelling {
        Spelling::Search => {
            json.text("expiry_month", &format!("{:02}", card.expiry_month));
            json.text("expiry_year", &card.expiry_year.to_string());
        }
        Spelling::Details => {
            json.plain("expiry_month", card.expiry_month);
            json.plain("expiry_year", card.expiry_year);
        }
    }
    json.text("name", &customer_name(payment.customer));
    json.text("scheme", card.product.scheme);
    write_product(json, card, spelling);
    json.text("avs_check", if card.expiry_month.is_multiple_of(3) { "G" } else { "S" });
    json.text("cvv_check", "Y");
}

/// What a card's number says about it.
pub(super) fn write_product(json: &mut Json, card: &Card, spelling: Spelling) {
    json.text("last4", &card.last4);
    json.text("fingerprint", &card.fingerprint);
    json.text("bin", card.product.bin);
    json.text("card_type", &spelling.word(card.product.card_type));
    json.text("card_category", &spelling.word(card.product.category));
    json.some_text("card_wallet_type", card.wallet);
    json.text("issuer", card.product.issuer);
    json.text("issuer_country", card.issuer_country);
    json.text("product_id", card.product.product_id);
    json.text("product_type", card.product.product_type);
}

pub(super) fn write_customer(json: &mut Json, merchant: &Merchant, payment: &Payment, spelling: Spelling) {
    json.member("customer", |json| {
        if spelling == Spelling::Details {
            json.text("id", &customer_id(merchant, payment.customer));
        }
        json.text("email", &customer_email(payment.customer));
        json.text("name", &customer_name(payment.customer));
    });
}

pub(super) fn write_3ds(json: &mut Json, payment: &Payment, spelling: Spelling) {
    if !payment.actions.iter().any(|action| action.kind == ActionKind::Authentication) {
        return;
    }
    let challenged = detail_bits(payment, 1).is_multiple_of(4);
    json.member("3ds", |json| {
        json.text("eci", "05");
        if spelling == Spelling::Details {
            json.plain("downgraded", false);
            json.text("enrolled", "Y");
            json.text("authentication_response", if challenged { "A" } else { "Y" });
            json.plain("challenged", challenged);
        }
        json.text("version", "2.2.0");
    });
}

/// Risk, with the score as a number, as text or with decimals: the vendor's answers differ.
pub(super) fn write_risk(json: &mut Json, payment: &Payment) {
    let bits = detail_bits(payment, 2);
    let score = bits % 100;
    json.member("risk", |json| {
        json.plain("flagged", score > 92);
        match bits % 7 {
            0 => {}
            1 | 2 => json.text("score", &score.to_string()),
            3 => json.plain("score", format_args!("{score}.5")),
            _ => json.plain("score", score),
        }
    });
}

pub(super) fn write_metadata(json: &mut Json, payment: &Payment) {
    const CHANNELS: [&str; 4] = ["web", "ios", "android", "call-centre"];
    let bits = detail_bits(payment, 3);
    json.member("metadata", |json| {
        if bits.is_multiple_of(5) {
            return;
        }
        let channel = usize::try_from(bits % 4).ok().and_then(|at| CHANNELS.get(at));
        json.some_text("order_channel", channel.copied());
        json.plain("basket_size", bits / 7 % 9 + 1);
        if bits.is_multiple_of(11) {
            json.text("coupon_code", &format!("SAVE{}", bits / 11 % 4 * 5 + 5));
        }
    });
}

/// The payment type, the reference's spelling.
pub(in crate::sandbox) fn payment_type(payment: &Payment) -> &'static str {
    match detail_bits(payment, 4) % 20 {
        _ if payment.is_payout() => "Regular",
        0 => "MOTO",
        1 => "Unscheduled",
        2..5 => "Recurring",
        _ => "Regular",
    }
}
