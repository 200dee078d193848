//! A report and its files, as `GET /reports` and `GET /reports/{id}` show them.

use super::instant::exact;
use super::writer::Json;
use crate::sandbox::files;
use crate::sandbox::merchant::Merchant;
use crate::sandbox::report::Report;

/// Fills an object with a report; `base` is the address of the main host, for links.
pub(in crate::sandbox) fn write_report(json: &mut Json, merchant: &Merchant, report: &Report, base: &str) {
    let href = format!("{base}reports/{}", report.id(merchant));
    let created_on = exact(report.created_at);
    json.text("id", &report.id(merchant));
    // The vendor at times leaves the zone out, which means UTC.
    json.text("created_on", if report.number.is_multiple_of(3) { created_on.trim_end_matches('Z') } else { &created_on });
    json.text("type", report.kind.type_name);
    json.text("description", report.kind.description);
    json.member("account", |json| {
        json.text("client_id", &merchant.client_number());
        json.text("entity_id", &report.entity_id(merchant));
    });
    json.list("tags", |json| {
        if let Some(settlement) = report.settlement {
            json.element(&format!("payout_id:{}", settlement.id(merchant)));
        }
    });
    json.text("from", &exact(report.from));
    json.text("to", &exact(report.to));
    json.list("files", |json| {
        for place in 0..files::count(merchant, report) {
            let id = report.file_id(merchant, place);
            json.object(|json| {
                json.text("id", &id);
                json.text("filename", &report.filename(merchant, place));
                json.text("format", "CSV");
                json.member("_links", |json| {
                    json.member("self", |json| json.text("href", &format!("{href}/files/{id}")));
                });
            });
        }
    });
    json.member("_links", |json| json.member("self", |json| json.text("href", &href)));
}
