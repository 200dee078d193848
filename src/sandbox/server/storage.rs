//! The files of reports: `GET /reports/{id}/files/{file_id}` answers with a signed link to the storage, which is another
//! host, checks the link alone, refuses in XML, and wants no token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::answer::{Answer, Asked, Routed};
use super::shared::Shared;
use crate::clock::Clock;
use crate::sandbox::dice::mix;
use crate::sandbox::files::{self, Books};
use crate::sandbox::report::Report;

/// Sends the client to the storage.
pub(super) fn redirect(shared: &Shared, id: &str, file_id: &str) -> Routed {
    let merchant = &shared.merchant;
    let missing = |code| Answer::error(404, "not_found", code);
    let report = Report::find(merchant, id).ok_or_else(|| missing("report_not_found"))?;
    let (_, place) = Report::of_file(merchant, file_id)
        .filter(|(owner, place)| owner.number == report.number && *place < files::count(merchant, owner))
        .ok_or_else(|| missing("file_not_found"))?;
    let path = format!("/{file_id}/{}", report.filename(merchant, place));
    let until = Clock::System.now().timestamp_micros().saturating_add_unsigned(micros(shared));
    let signature = signature(shared, &path, &until.to_string());
    let link = format!("{}?Expires={until}&Signature={signature}", path.trim_start_matches('/'));
    Ok(Answer { status: 302, headers: vec![("location", format!("{}{link}", shared.storage))], body: Vec::new() })
}

/// A file, to whoever has a link that is still good.
pub(super) fn file(shared: &Shared, asked: &Asked) -> Routed {
    if asked.authorization.is_some() {
        return Err(refusal(400, "InvalidArgument", "Only one auth mechanism allowed"));
    }
    let until = asked.parameter("Expires").unwrap_or_default();
    if asked.parameter("Signature") != Some(signature(shared, &asked.path, until).as_str()) {
        return Err(refusal(403, "SignatureDoesNotMatch", "The request signature we calculated does not match"));
    }
    if until.parse().is_ok_and(|until: i64| until <= Clock::System.now().timestamp_micros()) {
        return Err(refusal(403, "AccessDenied", "Request has expired"));
    }
    let named = match asked.segments().as_slice() {
        [file_id, filename] if asked.method == "GET" => Report::of_file(&shared.merchant, file_id).zip(Some(*filename)),
        _ => None,
    };
    let ((report, place), filename) = named.ok_or_else(|| refusal(404, "NoSuchKey", "The specified key does not exist"))?;
    let body = files::content(&Books::new(&shared.merchant, shared.options.faults.lies()), &report, place);
    let content_type = if filename.ends_with(".gz") { "application/gzip" } else { "text/csv" };
    let checksum = STANDARD.encode(files::crc32(&body).to_be_bytes());
    let headers = vec![("content-type", content_type.to_owned()), ("x-amz-checksum-crc32", checksum)];
    Ok(Answer { status: 200, headers, body })
}

/// Stands for a signature: a keyed sum that changes with the path and the expiry.
fn signature(shared: &Shared, path: &str, until: &str) -> String {
    let key = mix(shared.merchant.seed() ^ 0x5707_a6e5);
    let sum = path.bytes().chain([b'?']).chain(until.bytes()).fold(key, |sum, byte| mix(sum ^ u64::from(byte)));
    format!("{sum:016x}{:016x}", mix(sum ^ key))
}

fn micros(shared: &Shared) -> u64 {
    u64::try_from(shared.options.link_life.as_micros()).unwrap_or(u64::MAX)
}

fn refusal(status: u16, code: &str, message: &str) -> Answer {
    let body =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let headers = vec![("content-type", "application/xml".to_owned())];
    Answer { status, headers, body: body.into_bytes() }
}
