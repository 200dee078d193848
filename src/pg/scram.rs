//! The password exchange, SCRAM-SHA-256 of RFC 7677, on the side of one who has only verifiers.
//!
//! pgwire's own needs the salted password, with which a thief of the file could log in; a verifier is worth nothing to one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use super::failure::Failure;
use super::frontend::Reader;
use crate::door::verifier::{Verifier, random};
use crate::error::Result as OwnResult;

/// The name of the exchange.
pub(super) const MECHANISM: &str = "SCRAM-SHA-256";

/// An exchange whose first half is over.
#[derive(Debug)]
pub(super) struct Exchange {
    verifier: Verifier,
    /// `n,,` or `y,,`, as the client said it.
    header: String,
    /// The client's first message without its header.
    asked: String,
    /// What the server answered.
    answered: String,
    nonce: String,
}

impl Exchange {
    /// Answers the client's first message, which names the mechanism and carries its nonce.
    ///
    /// # Errors
    /// A protocol violation.
    pub(super) fn begin(message: Bytes, verifier: Verifier) -> Result<Self, Failure> {
        let own = fresh_nonce()?;
        Self::with_nonce(message, verifier, &own)
    }

    fn with_nonce(message: Bytes, verifier: Verifier, own: &str) -> Result<Self, Failure> {
        let (mechanism, first) = first_message(message)?;
        if mechanism != MECHANISM {
            return Err(Failure::fatal("28000", format!("the only way to show a password is {MECHANISM}")));
        }
        let wrong = || Failure::protocol("the password exchange does not begin as RFC 5802 says");
        let (header, asked) =
            first.match_indices(',').nth(1).and_then(|(comma, _)| first.split_at_checked(comma + 1)).ok_or_else(wrong)?;
        match header {
            "n,," | "y,," => {}
            _ if header.starts_with("n,") || header.starts_with("y,") => {
                return Err(Failure::fatal("0A000", "nobody is let in as somebody else: leave the authorization identity out"));
            }
            _ => return Err(Failure::fatal("28000", "channel binding is not offered")),
        }
        if asked.starts_with("m=") {
            return Err(Failure::fatal("0A000", "the password exchange asks for an extension that is not known here"));
        }
        let theirs =
            asked.split(',').find_map(|part| part.strip_prefix("r=")).filter(|nonce| !nonce.is_empty()).ok_or_else(wrong)?;
        let nonce = format!("{theirs}{own}");
        let answered = format!("r={nonce},s={},i={}", verifier.salt(), verifier.iterations());
        Ok(Self { header: header.to_owned(), asked: asked.to_owned(), answered, nonce, verifier })
    }

    /// What is answered.
    pub(super) fn answer(&self) -> Bytes {
        Bytes::copy_from_slice(self.answered.as_bytes())
    }

    /// Checks the client's proof, and gives the server's; none when it is not the password's.
    ///
    /// # Errors
    /// A protocol violation.
    pub(super) fn finish(self, message: &[u8]) -> Result<Option<Bytes>, Failure> {
        let wrong = || Failure::protocol("the password exchange does not end as RFC 5802 says");
        let last = std::str::from_utf8(message).map_err(|_invalid| wrong())?;
        let (without_proof, proof) = last.rsplit_once(",p=").ok_or_else(wrong)?;
        let part = |name: &str| without_proof.split(',').find_map(|part| part.strip_prefix(name));
        let (binding, nonce) = (part("c=").ok_or_else(wrong)?, part("r=").ok_or_else(wrong)?);
        // Another nonce is a message of another time.
        if binding != BASE64.encode(&self.header) || nonce != self.nonce {
            return Err(wrong());
        }
        let proof = BASE64.decode(proof).map_err(|_invalid| wrong())?;
        let conversation = format!("{},{},{without_proof}", self.asked, self.answered);
        Ok(self.verifier.answer(&conversation, &proof).map(|signature| format!("v={signature}").into()))
    }
}

fn fresh_nonce() -> OwnResult<String> {
    Ok(BASE64.encode(random::<18>()?))
}

/// The mechanism that a client chose, and what it says first.
fn first_message(message: Bytes) -> Result<(String, String), Failure> {
    let wrong = || Failure::protocol("the password exchange does not begin as RFC 5802 says");
    let end = message.iter().position(|byte| *byte == 0).ok_or_else(wrong)?;
    let mut rest = Reader(message);
    let mechanism = rest.bytes(end)?;
    rest.bytes(1)?;
    let first = rest.value()?.ok_or_else(wrong)?;
    let text = |bytes: Bytes| String::from_utf8(bytes.into()).map_err(|_invalid| wrong());
    Ok((text(mechanism)?, text(first)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677.
    const VERIFIER: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
    const PROOF: &[u8] =
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

    fn begun(own: &str) -> Exchange {
        let first = b"SCRAM-SHA-256\0\0\0\0\x20n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
        Exchange::with_nonce(Bytes::from_static(first), VERIFIER.parse().unwrap(), own).unwrap()
    }

    #[test]
    fn the_standard_s_own_exchange_ends_as_the_standard_says() {
        let exchange = begun("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
        assert_eq!(exchange.answer(), "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
        assert_eq!(exchange.finish(PROOF).unwrap().unwrap(), "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn a_proof_that_was_overheard_is_no_proof_the_next_time() {
        assert!(begun("another nonce").finish(PROOF).is_err());
    }

    #[test]
    fn what_is_no_exchange_is_refused() {
        for first in [
            &b""[..],
            b"SCRAM-SHA-256",
            b"SCRAM-SHA-256\0\0\0\0\x09n,,n=user",
            b"SCRAM-SHA-256\0\0\0\0\x17n,,m=x,n=user,r=rOprNGf",
            b"SCRAM-SHA-256\0\0\0\0\x18n,a=bob,n=user,r=rOprNGf",
            b"SCRAM-SHA-256-PLUS\0\0\0\0\x03n,,",
            b"MD5\0\0\0\0\0",
        ] {
            let verifier = VERIFIER.parse().unwrap();
            assert!(Exchange::begin(Bytes::copy_from_slice(first), verifier).is_err(), "{first:?}");
        }
    }
}
