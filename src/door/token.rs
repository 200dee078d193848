//! Tokens, by which programs come in: told once when they are made, and kept as what checks them only.
//!
//! A token is random and long, so that a plain hash of it gives nothing away; a password's would.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD};
use ring::digest;
use subtle::ConstantTimeEq;

use super::verifier::random;
use crate::error::{Error, ErrorKind, Result};
use crate::secret::{REDACTED, Secret};

/// What tokens begin with, so that one that lies about is known for what it is.
const MARK: &str = "ckosql_";
/// Random bytes of a token.
const BYTES: usize = 32;
const MECHANISM: &str = "SHA-256";

/// What a token is checked with.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    hash: [u8; digest::SHA256_OUTPUT_LEN],
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Token {
    /// A new token, and what it is checked with.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] when the system has no randomness.
    pub fn make() -> Result<(Secret, Self)> {
        let secret = Secret::new(format!("{MARK}{}", URL_SAFE_NO_PAD.encode(random::<BYTES>()?)));
        let token = Self::of(&secret);
        Ok((secret, token))
    }

    /// What this token would be checked with.
    pub fn of(secret: &Secret) -> Self {
        let mut hash = [0; digest::SHA256_OUTPUT_LEN];
        let digest = digest::digest(&digest::SHA256, secret.expose().as_bytes());
        hash.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        Self { hash }
    }

    /// Whether both are of the same token; takes as long whatever they are.
    pub fn is(&self, other: &Self) -> bool {
        self.hash.ct_eq(&other.hash).into()
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MECHANISM}${}", BASE64.encode(self.hash))
    }
}

impl FromStr for Token {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let hash = text.split_once('$').filter(|(mechanism, _)| *mechanism == MECHANISM).and_then(|(_, hash)| {
            let bytes = BASE64.decode(hash).ok()?;
            bytes.try_into().ok()
        });
        // Without what was there instead: it may be a token.
        hash.map(|hash| Self { hash }).ok_or_else(|| Error::new(ErrorKind::Config, "this is not what a token is checked with"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_checked_without_being_kept() {
        let (secret, token) = Token::make().unwrap();
        let (other, _) = Token::make().unwrap();
        let kept = token.to_string();
        assert!(secret.expose().len() == MARK.len() + 43 && !kept.contains(secret.expose().trim_start_matches(MARK)), "{kept}");
        let read: Token = kept.parse().unwrap();
        assert!(read.is(&Token::of(&secret)) && !read.is(&Token::of(&other)) && !read.is(&Token::of(&Secret::new(""))));
        assert_eq!(format!("{token:?}"), REDACTED);
    }

    #[test]
    fn what_checks_no_token_is_not_repeated() {
        for text in ["hunter2", "SHA-256$aGVsbG8=", "SHA-1$qvTGHdzF6KLavt4PO0gs2a6pQ00="] {
            let error = text.parse::<Token>().unwrap_err();
            assert_eq!((error.kind(), error.to_string().contains(text)), (ErrorKind::Config, false));
        }
    }
}
