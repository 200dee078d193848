//! Text that must not be seen: keys, client secrets, tokens; and URLs with what must not be seen taken out.
//!
//! [`Secret`] has no `Display`, and its `Debug` says `[redacted]`. It is opened in one place, where the request header
//! is written.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// What stands in the place of anything secret.
pub const REDACTED: &str = "[redacted]";

/// A secret text; wiped from memory when dropped.
#[derive(Clone, Default)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a text into custody.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text itself: for a header or a form, never for a message.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

/// The URL for people to read: without user, password, and the values of its query, which may hold tokens,
/// signatures or e-mail addresses.
pub fn redact_url(url: &Url) -> String {
    let mut shown = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
    if let Some(port) = url.port() {
        shown.push_str(&format!(":{port}"));
    }
    shown.push_str(&redact_path(url.path()));
    let names: Vec<String> = url.query_pairs().map(|(name, _)| format!("{name}=…")).collect();
    if !names.is_empty() {
        shown.push('?');
        shown.push_str(&names.join("&"));
    }
    shown
}

/// A path whose segments that look like e-mail addresses are hidden (`GET /customers/{email}` exists).
fn redact_path(path: &str) -> String {
    let hide =
        |segment: &str| if segment.contains('@') || segment.contains("%40") { "…".to_owned() } else { segment.to_owned() };
    path.split('/').map(hide).collect::<Vec<_>>().join("/")
}

/// The text with every e-mail address in it hidden.
pub fn redact_emails(text: &str) -> String {
    let ends_word = |letter: char| !(letter.is_alphanumeric() || "@.!#$&*+/=?^_`{|}~%-".contains(letter));
    let hide = |piece: &str| match piece.trim_end_matches(ends_word) {
        word if word.contains('@') && !word.starts_with('@') && word.chars().any(char::is_alphabetic) && !is_indexed(word) => {
            piece.replacen(word, "…", 1)
        }
        _ => piece.to_owned(),
    };
    text.split_inclusive(ends_word).map(hide).collect()
}

/// Whether a word is a column of a plan with its number, as in `status@3`.
fn is_indexed(word: &str) -> bool {
    word.rsplit_once('@').is_some_and(|(_, index)| index.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_text() {
        assert_eq!(format!("{:?}", Some(Secret::new("sk_marker"))), "Some([redacted])");
    }

    #[test]
    fn emails_are_hidden_and_columns_of_plans_are_not() {
        let plan = "filter=customer_email@3 = a.b+c@example.com AND id@12 = x, [email:'a@b.c'] @ 5";
        assert_eq!(redact_emails(plan), "filter=customer_email@3 = … AND id@12 = x, [email:'…'] @ 5");
    }

    #[test]
    fn urls_keep_their_shape_and_lose_their_values() {
        let url: Url = "https://me:pw@files.example:8443/reports/rpt_1/files/f?token=abc&limit=5".parse().unwrap();
        assert_eq!(redact_url(&url), "https://files.example:8443/reports/rpt_1/files/f?token=…&limit=…");
        let url: Url = "https://api.example/customers/a@b.c".parse().unwrap();
        assert_eq!(redact_url(&url), "https://api.example/customers/…");
    }
}
