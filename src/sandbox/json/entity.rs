//! An entity, as `GET /accounts/entities/{id}`, and when it is paid out: the merchant's own and its sellers.

use super::dispute::MCC;
use super::writer::Json;
use crate::sandbox::currency::{ACCOUNTS, CURRENCIES, ENTITIES};
use crate::sandbox::merchant::Merchant;
use crate::sandbox::transfer::SELLERS;

/// The whole answer for one entity.
pub(in crate::sandbox) fn write_entity(merchant: &Merchant, entity: usize, base: &str) -> String {
    let is_ready = is_paid_out(entity);
    Json::document(|json| {
        json.text("id", &merchant.entity_id(entity));
        json.text("reference", &format!("entity-{entity}"));
        json.text("status", if is_ready { "active" } else { "requirements_due" });
        json.member("capabilities", |json| {
            write_capability(json, "payments", true);
            write_capability(json, "payouts", is_ready);
        });
        json.list("requirements_due", |json| {
            if !is_ready {
                json.object(|json| {
                    json.text("field", "company.financial_statements");
                    json.text("reason", "periodic");
                });
            }
        });
        write_company(json, entity);
        json.member("profile", |json| {
            json.list("urls", |json| json.element("https://shop.example.com"));
            json.list("mccs", |json| json.element(MCC));
            json.some_text("default_holding_currency", currencies(entity).first().copied());
            json.list("holding_currencies", |json| currencies(entity).iter().for_each(|code| json.element(code)));
        });
        json.list("instruments", |_| {});
        write_self(json, merchant, entity, base);
    })
}

/// The answer about an entity's payouts, in one of the two forms the vendor has; none while it is not paid out.
pub(in crate::sandbox) fn write_schedules(merchant: &Merchant, entity: usize, base: &str) -> Option<String> {
    is_paid_out(entity).then(|| {
        Json::document(|json| {
            for code in currencies(entity) {
                json.member(code, |json| {
                    if entity.is_multiple_of(2) {
                        json.member("recurrence", |json| {
                            write_payouts(json, entity);
                            json.member("schedule", |json| write_days(json, entity));
                        });
                    } else {
                        write_payouts(json, entity);
                        json.member("recurrence", |json| write_days(json, entity));
                    }
                    write_self(json, merchant, entity, base);
                });
            }
        })
    })
}

/// The last seller has still to prove who it is.
const fn is_paid_out(entity: usize) -> bool {
    entity + 1 < ENTITIES + SELLERS
}

/// The currencies an entity holds; a seller holds all.
fn currencies(entity: usize) -> Vec<&'static str> {
    if entity >= ENTITIES {
        return CURRENCIES.iter().map(|currency| currency.code).collect();
    }
    ACCOUNTS.iter().filter(|account| account.entity == entity).map(|account| account.currency).collect()
}

fn write_capability(json: &mut Json, name: &str, is_enabled: bool) {
    json.member(name, |json| {
        json.plain("available", true);
        json.plain("enabled", is_enabled);
    });
}

/// The name an entity trades under.
pub(in crate::sandbox) fn entity_name(entity: usize) -> String {
    match entity {
        0 => "Sample Shop Europe".to_owned(),
        1 => "Sample Shop World".to_owned(),
        seller => format!("Sample Seller {}", seller - ENTITIES + 1),
    }
}

fn write_company(json: &mut Json, entity: usize) {
    let name = entity_name(entity);
    json.member("contact_details", |json| {
        json.member("phone", |json| json.text("number", &format!("7700900{entity:03}")));
        json.member("email_addresses", |json| json.text("primary", &format!("entity-{entity}@example.com")));
    });
    json.member("company", |json| {
        json.text("business_registration_number", &format!("{:08}", entity + 1));
        json.text("legal_name", &format!("{name} Limited"));
        json.text("trading_name", &name);
        json.member("principal_address", |json| {
            json.text("city", "London");
            json.text("country", "GB");
        });
    });
}

/// The merchant's own balances leave every day, whatever is in them.
fn write_payouts(json: &mut Json, entity: usize) {
    json.plain("enabled", true);
    json.plain("threshold", if entity < ENTITIES { 0 } else { 100 });
}

fn write_days(json: &mut Json, entity: usize) {
    match entity {
        0..ENTITIES => json.text("frequency", "daily"),
        seller if seller.is_multiple_of(2) => {
            json.text("frequency", "weekly");
            json.text("by_day", "monday");
        }
        _ => {
            json.text("frequency", "monthly");
            json.plain("by_month_day", "[15]");
        }
    }
}

fn write_self(json: &mut Json, merchant: &Merchant, entity: usize, base: &str) {
    let href = format!("{base}accounts/entities/{}", merchant.entity_id(entity));
    json.member("_links", |json| json.member("self", |json| json.text("href", &href)));
}
