//! What is kept of a password: enough to check it, not enough to know or to use it (RFC 5802, RFC 7677).
//!
//! Written as PostgreSQL writes it, `SCRAM-SHA-256$iterations:salt$stored:server`, so that its tools and those of
//! `PgBouncer` read it too.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac, pbkdf2};

use crate::error::{Error, ErrorKind, Result};
use crate::secret::{REDACTED, Secret};

/// Four times PostgreSQL's own: about ten milliseconds for one who knows the password, and for each guess.
const ITERATIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(16_383);
const SALT_BYTES: usize = 16;
const MECHANISM: &str = "SCRAM-SHA-256";

type Key = [u8; digest::SHA256_OUTPUT_LEN];

/// The salted verifier of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    iterations: NonZeroU32,
    salt: Vec<u8>,
    stored: Key,
    server: Key,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Verifier {
    /// The verifier of a password, with a salt of its own.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the password is empty; [`ErrorKind::Bug`] when the system has no randomness.
    pub fn of(password: &Secret) -> Result<Self> {
        if password.expose().is_empty() {
            return Err(Error::new(ErrorKind::Usage, "a password must not be empty"));
        }
        Ok(Self::salted(password, ITERATIONS, random::<SALT_BYTES>()?.to_vec()))
    }

    /// A verifier that no password has, always the same for a name: who tries names learns nothing.
    pub(crate) fn of_nobody(name: &str, seed: &hmac::Key) -> Self {
        let derive = |what: &str| key(hmac::sign(seed, format!("{what}:{name}").as_bytes()).as_ref());
        let salt = derive("salt").iter().copied().take(SALT_BYTES).collect();
        Self { iterations: ITERATIONS, salt, stored: derive("stored"), server: derive("server") }
    }

    fn salted(password: &Secret, iterations: NonZeroU32, salt: Vec<u8>) -> Self {
        // What cannot be normalised is taken as it is, as PostgreSQL does.
        let normal = stringprep::saslprep(password.expose()).unwrap_or_else(|_| password.expose().into());
        let mut salted: Key = [0; digest::SHA256_OUTPUT_LEN];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &salt, normal.as_bytes(), &mut salted);
        let client = sign(&salted, b"Client Key");
        Self { iterations, salt, stored: hash(&client), server: sign(&salted, b"Server Key") }
    }

    /// The salt, as it is told to those who want to show that they know the password.
    pub(crate) fn salt(&self) -> String {
        BASE64.encode(&self.salt)
    }

    /// How often the password is hashed.
    pub(crate) fn iterations(&self) -> u32 {
        self.iterations.get()
    }

    /// The server's own proof for a conversation, when the client's is right.
    pub(crate) fn answer(&self, conversation: &str, proof: &[u8]) -> Option<String> {
        let signature = sign(&self.stored, conversation.as_bytes());
        let proof: Key = proof.try_into().ok()?;
        let mut client = proof;
        for (byte, mask) in client.iter_mut().zip(signature) {
            *byte ^= mask;
        }
        (hash(&client) == self.stored).then(|| BASE64.encode(sign(&self.server, conversation.as_bytes())))
    }

    /// Whether this is the password.
    pub fn is_of(&self, password: &Secret) -> bool {
        Self::salted(password, self.iterations, self.salt.clone()).stored == self.stored
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { iterations, stored, server, .. } = self;
        write!(f, "{MECHANISM}${iterations}:{}${}:{}", self.salt(), BASE64.encode(stored), BASE64.encode(server))
    }
}

impl FromStr for Verifier {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parsed = || {
            let (mechanism, rest) = text.split_once('$')?;
            let (salting, keys) = rest.split_once('$')?;
            let (iterations, salt) = salting.split_once(':')?;
            let (stored, server) = keys.split_once(':')?;
            let key = |text: &str| Key::try_from(BASE64.decode(text).ok()?).ok();
            let (stored, server) = (key(stored)?, key(server)?);
            let verifier = Self { iterations: iterations.parse().ok()?, salt: BASE64.decode(salt).ok()?, stored, server };
            (mechanism == MECHANISM).then_some(verifier)
        };
        // Without what was there instead: it may be a password.
        parsed().ok_or_else(|| Error::new(ErrorKind::Config, "this is no verifier of a password"))
    }
}

/// Random bytes.
///
/// # Errors
/// [`ErrorKind::Bug`] when the system has none.
pub(crate) fn random<const BYTES: usize>() -> Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|error| Error::bug("the system has no randomness").caused_by(error))?;
    Ok(bytes)
}

fn sign(secret: &[u8], message: &[u8]) -> Key {
    key(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref())
}

fn hash(bytes: &[u8]) -> Key {
    key(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// The bytes of a digest, whose length is known.
fn key(bytes: &[u8]) -> Key {
    let mut key = Key::default();
    key.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677: user `user`, password `pencil`.
    const CONVERSATION: &str = "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                                s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

    fn pencil() -> Verifier {
        let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        Verifier::salted(&Secret::new("pencil"), NonZeroU32::new(4096).unwrap(), salt)
    }

    #[test]
    fn the_standard_s_own_example_is_answered_as_the_standard_says() {
        let proof = BASE64.decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").unwrap();
        assert_eq!(pencil().answer(CONVERSATION, &proof).as_deref(), Some("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
    }

    #[test]
    fn another_conversation_s_proof_is_no_proof() {
        let proof = BASE64.decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").unwrap();
        assert_eq!(pencil().answer(&CONVERSATION.replace("hNlF", "hNlG"), &proof), None);
        assert_eq!(pencil().answer(CONVERSATION, &[0; 32]), None);
        assert_eq!(pencil().answer(CONVERSATION, &[]), None);
    }

    #[test]
    fn a_verifier_reads_as_it_is_written_and_keeps_no_password() {
        let verifier = Verifier::of(&Secret::new("s3cr3t")).unwrap();
        let text = verifier.to_string();
        assert_eq!(text.parse::<Verifier>().unwrap(), verifier);
        assert!(text.starts_with("SCRAM-SHA-256$16384:") && !text.contains("s3cr3t"), "{text}");
        assert!(verifier.is_of(&Secret::new("s3cr3t")) && !verifier.is_of(&Secret::new("s3cr3T")));
        assert_ne!(Verifier::of(&Secret::new("s3cr3t")).unwrap(), verifier, "salts are alike");
    }

    #[test]
    fn what_is_no_verifier_is_not_repeated() {
        let error = "hunter2".parse::<Verifier>().unwrap_err();
        assert_eq!((error.kind(), error.to_string().contains("hunter2")), (ErrorKind::Config, false));
    }
}
