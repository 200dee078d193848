//! What a secret key looks like, so that a wrong one is told apart before anything is sent.
//!
//! The patterns are those of the vendor's SDKs. No message repeats any part of a key.

use super::config::Environment;
use crate::error::{Error, ErrorKind, Result};

/// How to make a key that can read everything and change nothing.
pub(super) const ADVICE: &str = "make one in Dashboard > Developers > Keys > new secret key: read-only, scopes Reporting, \
disputes:view, balances:view, payments:search, all processing channels, every entity wanted; then set CHECKOUT_SECRET_KEY \
(or CHECKOUT_CLIENT_ID and CHECKOUT_CLIENT_SECRET), or try everything without a key: --demo";

/// The environment a secret key of the current platform belongs to.
///
/// # Errors
/// [`ErrorKind::Credentials`] when it is anything else: a public key, a key of the old platform, an access key, or
/// mistyped.
pub(super) fn environment(key: &str) -> Result<Environment> {
    let refuse = |message: &'static str, hint: &'static str| Err(Error::new(ErrorKind::Credentials, message).hint(hint));
    if key.starts_with("pk_") {
        return refuse("the configured key is a public key, which cannot read anything", ADVICE);
    }
    if key.starts_with("ack_") {
        return refuse(
            "the configured key is the id of an access key",
            "set it as CHECKOUT_CLIENT_ID, with its secret as CHECKOUT_CLIENT_SECRET",
        );
    }
    let Some(rest) = key.strip_prefix("sk_") else {
        return refuse("the configured key is not a secret key: those start with sk_ or sk_sbox_", ADVICE);
    };
    if is_uuid(rest.strip_prefix("test_").unwrap_or(rest)) {
        return refuse("the configured key belongs to Checkout.com's old platform, which ckosql does not read", ADVICE);
    }
    let (environment, body) = match rest.strip_prefix("sbox_") {
        Some(body) => (Environment::Sandbox, body),
        None => (Environment::Production, rest),
    };
    if !is_body(body) {
        return refuse(
            "the configured key is mistyped: after sk_ or sk_sbox_ come 27 characters, a to z and 2 to 7",
            "copy the key again, whole, without quotes or spaces",
        );
    }
    Ok(environment)
}

/// `[a-z2-7]{26}[a-z2-7*#$=]`
fn is_body(body: &str) -> bool {
    let base32 = |byte: &u8| matches!(byte, b'a'..=b'z' | b'2'..=b'7');
    match body.as_bytes().split_last() {
        Some((last, first)) => {
            first.len() == 26 && first.iter().all(base32) && (base32(last) || matches!(last, b'*' | b'#' | b'$' | b'='))
        }
        None => false,
    }
}

/// `\w{8}-\w{4}-\w{4}-\w{4}-\w{12}`
fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "abcdefghijklmnopqrstuvwxyz";

    #[test]
    fn a_key_names_its_environment() {
        for last in ["a", "7", "*", "#", "$", "="] {
            assert_eq!(environment(&format!("sk_{BODY}{last}")).unwrap(), Environment::Production);
            assert_eq!(environment(&format!("sk_sbox_{BODY}{last}")).unwrap(), Environment::Sandbox);
        }
    }

    #[test]
    fn every_wrong_key_has_its_own_message_and_is_not_repeated() {
        let uuid = "0a1b2c3d-1111-2222-3333-444455556666";
        let wrong = [
            (format!("pk_{BODY}a"), "public key"),
            (format!("pk_sbox_{BODY}a"), "public key"),
            (format!("ack_{BODY}"), "access key"),
            (format!("sk_test_{uuid}"), "old platform"),
            (format!("sk_{uuid}"), "old platform"),
            (format!("Bearer sk_{BODY}a"), "start with sk_"),
            (String::from("hunter2"), "start with sk_"),
            (format!("sk_{BODY}"), "mistyped"),
            (format!("sk_{BODY}aa"), "mistyped"),
            (format!("sk_{BODY}1"), "mistyped"),
            (format!("sk_sbox_{}a", BODY.to_uppercase()), "mistyped"),
            (format!("sk_{}é", "a".repeat(25)), "mistyped"),
            (String::from("sk_x"), "mistyped"),
        ];
        for (key, says) in wrong {
            let error = environment(&key).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Credentials);
            assert!(error.message().contains(says), "{error}");
            assert!(error.advice().is_some());
            assert!(!format!("{error} {error:?}").contains(&key));
        }
    }
}
