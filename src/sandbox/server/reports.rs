//! Reports: `GET /reports`, `GET /reports/{id}`; newest first, paged by token.

use super::answer::{Answer, Asked, Routed};
use super::paging::{limit, next_href, offset_token, token_offset};
use super::shared::Shared;
use crate::sandbox::json::{Json, write_report};
use crate::sandbox::report::Report;
use crate::sandbox::schedule::Micros;

/// One report.
pub(super) fn details(shared: &Shared, id: &str) -> Routed {
    let missing = || Answer::error(404, "not_found", "report_not_found");
    let report = Report::find(&shared.merchant, id).ok_or_else(missing)?;
    let base = shared.hosts.main.as_str();
    Ok(Answer::json(Json::document(|json| write_report(json, &shared.merchant, &report, base))))
}

/// Reports made from `created_after` to before `created_before`.
pub(super) fn list(shared: &Shared, asked: &Asked) -> Routed {
    let (limit, offset) = (limit(asked, 100, 100)?, token_offset(asked)?);
    let after = instant(asked, "created_after", Micros::MIN)?;
    let before = instant(asked, "created_before", Micros::MAX)?;
    let entity = asked.parameter("entity_id");
    if entity.is_some_and(|entity| !entity.starts_with("ent_")) {
        return Err(invalid("entity_id_invalid"));
    }
    let mut wanted: Vec<Report> = Report::all(&shared.merchant)
        .filter(|report| (after..before).contains(&report.created_at))
        .filter(|report| entity.is_none_or(|entity| report.entity_id(&shared.merchant) == entity))
        .collect();
    wanted.sort_by_key(|report| (report.created_at, report.number));
    wanted.reverse();
    let page = wanted.get(offset..(offset + limit).min(wanted.len())).unwrap_or_default();
    let base = shared.hosts.main.as_str();
    Ok(Answer::json(Json::document(|json| {
        json.plain("count", page.len());
        json.plain("limit", limit);
        json.list("data", |json| {
            for report in page {
                json.object(|json| write_report(json, &shared.merchant, report, base));
            }
        });
        let next = (offset + page.len() < wanted.len()).then(|| offset_token(offset + page.len()));
        write_links(json, base, asked, next.as_deref());
    })))
}

/// `_links` of a page: itself, and the next where there is one.
pub(super) fn write_links(json: &mut Json, base: &str, asked: &Asked, next: Option<&str>) {
    json.member("_links", |json| {
        json.member("self", |json| json.text("href", &next_href(base, asked, None)));
        if let Some(next) = next {
            json.member("next", |json| json.text("href", &next_href(base, asked, Some(next))));
        }
    });
}

fn instant(asked: &Asked, name: &str, default: Micros) -> Result<Micros, Answer> {
    let Some(text) = asked.parameter(name) else { return Ok(default) };
    let parsed = chrono::DateTime::parse_from_rfc3339(text).map(|at| at.timestamp_micros());
    parsed.ok().ok_or_else(|| invalid(&format!("{name}_invalid")))
}

/// Reports name their refusals differently from payments, and call the media type a problem.
fn invalid(code: &str) -> Answer {
    let mut answer = Answer::error(422, "invalid_request", code);
    answer.headers = vec![("content-type", "application/problem+json".to_owned())];
    answer
}
