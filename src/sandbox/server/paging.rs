//! Page parameters: limits with the vendor's bounds, skips, and tokens that say nothing to anybody else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::answer::{Answer, Asked};
use super::search::Cursor;

/// The parameter `limit`, from 1 to `most`.
pub(super) fn limit(asked: &Asked, default: usize, most: usize) -> Result<usize, Answer> {
    match asked.parameter("limit").map(str::parse) {
        None => Ok(default),
        Some(Ok(limit)) if (1..=most).contains(&limit) => Ok(limit),
        Some(_) => Err(Answer::invalid("paging_limit_invalid")),
    }
}

/// The parameter `skip`, from 0.
pub(super) fn skip(asked: &Asked) -> Result<usize, Answer> {
    let skip = asked.parameter("skip").unwrap_or("0").parse().ok();
    skip.ok_or_else(|| Answer::invalid("paging_skip_invalid"))
}

/// The rows before the page that the parameter `pagination_token` names.
pub(super) fn token_offset(asked: &Asked) -> Result<usize, Answer> {
    let Some(token) = asked.parameter("pagination_token") else { return Ok(0) };
    let offset = open(token).and_then(|text| text.strip_prefix("after ")?.parse().ok());
    offset.ok_or_else(|| Answer::invalid("pagination_token_invalid"))
}

/// The token of the page after so many rows.
pub(super) fn offset_token(offset: usize) -> String {
    seal(&format!("after {offset}"))
}

/// Any text as a token.
pub(super) fn seal(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// The text of a token.
pub(super) fn open(token: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()
}

/// The address of this request with its token replaced.
pub(super) fn next_href(base: &str, asked: &Asked, token: Option<&str>) -> String {
    let mut pairs: Vec<(&str, &str)> = token.map(|token| ("pagination_token", token)).into_iter().collect();
    for (name, value) in &asked.query {
        if name != "pagination_token" || token.is_none() {
            pairs.push((name, value));
        }
    }
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("{base}{}?{query}", asked.path.trim_start_matches('/'))
}

/// Turns a request for a later page into one for the page before it; any other is left as it is.
pub(super) fn step_back(mut asked: Asked) -> Asked {
    const DEFAULTS: [(&str, usize); 2] = [("/payments", 10), ("/disputes", 50)];
    let default = DEFAULTS.iter().find(|(path, _)| *path == asked.path).map_or(100, |(_, limit)| *limit);
    let step = asked.parameter("limit").and_then(|limit| limit.parse().ok()).unwrap_or(default);
    for (name, value) in &mut asked.query {
        let earlier = match name.as_str() {
            "skip" => value.parse::<usize>().ok().map(|skip| skip.saturating_sub(step).to_string()),
            "pagination_token" => earlier_offset(value, step),
            "token" => Cursor::open(value).map(|cursor| cursor.before().seal()),
            _ => None,
        };
        if let Some(earlier) = earlier {
            *value = earlier;
        }
    }
    asked
}

fn earlier_offset(token: &str, step: usize) -> Option<String> {
    let offset: usize = open(token)?.strip_prefix("after ")?.parse().ok()?;
    Some(offset_token(offset.saturating_sub(step)))
}
