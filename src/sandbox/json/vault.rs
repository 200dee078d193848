//! Customers and their instruments, as `GET /customers/{id}` and `GET /instruments/{id}`.

use super::source::{Spelling, write_product};
use super::writer::Json;
use crate::sandbox::merchant::Merchant;
use crate::sandbox::vault::{CARDS, Instrument, customer_email, customer_id, customer_name};

/// The whole answer for one customer.
pub(in crate::sandbox) fn write_customer_details(merchant: &Merchant, customer: u64) -> String {
    let cards = customer * CARDS..(customer + 1) * CARDS;
    Json::document(|json| {
        json.text("id", &customer_id(merchant, customer));
        json.text("email", &customer_email(customer));
        json.text("default", &Instrument::Card(cards.start).id(merchant));
        json.text("name", &customer_name(customer));
        // Numbers that are kept free for invented people.
        json.member("phone", |json| {
            json.text("country_code", "44");
            json.text("number", &format!("7700900{:03}", customer % 1000));
        });
        json.member("metadata", |json| json.text("tier", if customer.is_multiple_of(9) { "gold" } else { "standard" }));
        json.list("instruments", |json| {
            for card in cards {
                json.object(|json| fill_instrument(json, merchant, Instrument::Card(card)));
            }
        });
    })
}

/// The whole answer for one instrument.
pub(in crate::sandbox) fn write_instrument(merchant: &Merchant, instrument: Instrument) -> String {
    let customer = instrument.customer();
    Json::document(|json| {
        fill_instrument(json, merchant, instrument);
        json.member("customer", |json| {
            json.text("id", &customer_id(merchant, customer));
            json.text("email", &customer_email(customer));
            json.text("name", &customer_name(customer));
            json.plain("default", instrument == Instrument::Card(customer * CARDS));
        });
    })
}

fn fill_instrument(json: &mut Json, merchant: &Merchant, instrument: Instrument) {
    let card = instrument.card(merchant);
    json.text("id", &instrument.id(merchant));
    if let Instrument::BankAccount(number) = instrument {
        let currency = instrument.currency(merchant);
        json.text("type", "bank_account");
        json.text("account_type", "current");
        json.text("account_number", &format!("{number:08}"));
        json.text("bank_code", "000000");
        json.text("currency", currency.code);
        json.text("country", currency.country);
        json.member("bank", |json| json.text("name", card.product.issuer));
        json.member("account_holder", |json| json.text("type", "individual"));
        return;
    }
    json.text("type", "card");
    json.plain("expiry_month", card.expiry_month);
    json.plain("expiry_year", card.expiry_year);
    json.text("name", &customer_name(instrument.customer()));
    json.text("scheme", &card.product.scheme.to_uppercase());
    write_product(json, &card, Spelling::Details);
}
