//! What an answer is sent as: the format that `Accept` likes best (RFC 9110, 12.5.1).

use std::cmp::Reverse;

use super::problem::Problem;
use crate::output::Format;

/// The formats there are, the one that is sent when any will do first: its names, and what it is called in the answer.
pub(super) const FORMATS: &[(Format, &[&str], &str)] = &[
    (Format::Json, &["application/json"], "application/json"),
    (Format::Ndjson, &["application/x-ndjson", "application/ndjson", "application/jsonl"], "application/x-ndjson"),
    (Format::Csv, &["text/csv"], "text/csv; charset=utf-8; header=present"),
    (Format::Tsv, &["text/tab-separated-values"], "text/tab-separated-values; charset=utf-8; header=present"),
    (Format::Arrow, &["application/vnd.apache.arrow.stream"], "application/vnd.apache.arrow.stream"),
    (Format::Parquet, &["application/vnd.apache.parquet"], "application/vnd.apache.parquet"),
];

/// Thousandths, as weights are written: `q=0.8` is 800.
type Weight = u16;

const WHOLE: Weight = 1000;

/// A range of media types and how much it is liked.
struct Range<'a> {
    kind: &'a str,
    sub: &'a str,
    weight: Weight,
}

/// The format that is liked best, and its media type; of those that are liked alike the one that is named most exactly.
///
/// # Errors
/// 406 when none will do.
pub(super) fn choose(accept: &str) -> Result<(Format, &'static str), Problem> {
    let accept = if accept.trim().is_empty() { "*/*" } else { accept };
    let ranges: Vec<Range<'_>> = accept.split(',').filter_map(Range::parse).collect();
    let liked = FORMATS.iter().enumerate().filter_map(|(place, (format, names, told))| {
        // What is said of it most exactly holds, be it that it will not do.
        let best = names.iter().flat_map(|name| ranges.iter().filter_map(|range| Some((range.exactness(name)?, range.weight))));
        let (exactness, weight) = best.max()?;
        (weight > 0).then_some(((weight, exactness, Reverse(place)), (*format, *told)))
    });
    let (_, chosen) = liked.max_by_key(|(rank, _)| *rank).ok_or_else(none_will_do)?;
    Ok(chosen)
}

fn none_will_do() -> Problem {
    let names: Vec<&str> = FORMATS.iter().filter_map(|(_, names, _)| names.first().copied()).collect();
    Problem::new(406, "no answer can be sent as what Accept asks for").hint(format!("there are {}", names.join(", ")))
}

impl<'a> Range<'a> {
    /// `type/subtype;q=0.5`; nothing where it is none.
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, sub) = parts.next()?.split_once('/')?;
        let mut weight = WHOLE;
        for part in parts {
            if let Some((name, value)) = part.split_once('=')
                && name.trim().eq_ignore_ascii_case("q")
            {
                weight = thousandths(value.trim())?;
            }
        }
        Some(Self { kind: kind.trim(), sub: sub.trim(), weight })
    }

    /// How exactly it names a media type; nothing where it does not.
    fn exactness(&self, name: &str) -> Option<u8> {
        let (kind, sub) = name.split_once('/')?;
        match (self.kind, self.sub) {
            ("*", "*") => Some(0),
            (own, "*") if own.eq_ignore_ascii_case(kind) => Some(1),
            (own, exact) if own.eq_ignore_ascii_case(kind) && exact.eq_ignore_ascii_case(sub) => Some(2),
            _ => None,
        }
    }
}

/// `0`, `0.8` or `1.000` in thousandths.
fn thousandths(text: &str) -> Option<Weight> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_written_so = matches!(whole, "0" | "1") && fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let weight = format!("{whole}{fraction:0<3}").parse().ok().filter(|_| is_written_so);
    weight.filter(|weight| *weight <= WHOLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(accept: &str) -> Option<Format> {
        choose(accept).ok().map(|(format, _)| format)
    }

    #[test]
    fn without_a_wish_it_is_json() {
        assert_eq!(choose("").unwrap().0, Format::Json);
        for any in ["", "*/*", "application/*", "text/html,application/xhtml+xml,*/*;q=0.8", "application/json, text/plain, */*"]
        {
            assert_eq!(chosen(any), Some(Format::Json), "{any}");
        }
    }

    #[test]
    fn what_is_liked_best_is_sent() {
        for (accept, expected) in [
            ("text/csv", Format::Csv),
            ("TEXT/CSV; header=absent", Format::Csv),
            ("application/json;q=0.5, text/csv;q=0.6", Format::Csv),
            ("application/json;q=0.501, text/csv;q=0.5", Format::Json),
            ("text/csv, */*", Format::Csv),
            ("*/*;q=0.1, application/vnd.apache.parquet", Format::Parquet),
            ("application/jsonl", Format::Ndjson),
            ("text/*", Format::Csv),
            ("text/csv;q=0, text/*", Format::Tsv),
            ("application/vnd.apache.arrow.stream;q=1.000, application/json;q=0.999", Format::Arrow),
        ] {
            assert_eq!(chosen(accept), Some(expected), "{accept}");
        }
    }

    #[test]
    fn what_will_not_do_is_not_sent() {
        for accept in ["text/html", "image/*", "*/*;q=0", "application/json;q=0", "application/json;q=2", "json", "text/csv;q=x"]
        {
            assert_eq!(chosen(accept), None, "{accept}");
        }
        assert_eq!(chosen("application/json;q=0, */*;q=0.1"), Some(Format::Ndjson));
    }
}
