//! A report and its files, as `GET /reports` and `GET /reports/{id}` show them.

use super::instant::exact;
use super::writer::Json;
use crate::sandbox::merchant::Merchant;
use crate::sandbox::report::Report;

/// Fills an object with a report; `base` is the address of the main host, for links.
pub(in crate::sandbox) fn write_report(json: &mut Json, merchant: &Merchant, report: &Report, base: &str) {
    let href = format!("{base}reports/{}", report.id(merchant));
    let created_on = exact(report.created_at);
    json.text("id", &report.id(merchant));
    // The vendor at times leaves the zone out, which means UTC.
    json.text("created_on", if report.number.is_multiple_of(5) { created_on.trim_end_matches('Z') } else { &created_on });
    json.text("type", report.kind.type_name);
    json.text("description", report.kind.description);
    json.member("account", |json| {
        json.text("client_id", &merchant.client_number());
        json.text("entity_id", &report.entity_id(merchant));
    });
    json.list("tags", |_| {});
    json.text("from", &exact(report.from));
    json.text("to", &exact(report.to));
    json.list("files", |json| {
        json.object(|json| {
            json.text("id", &report.file_id(merchant));
            json.text("filename", &report.filename(merchant));
            json.text("format", "CSV");
            json.member("_links", |json| {
                json.member("self", |json| json.text("href", &format!("{href}/files/{}", report.file_id(merchant))));
            });
        });
    });
    json.member("_links", |json| json.member("self", |json| json.text("href", &href)));
}
