//! Where a door may be: on the loopback interface, or anywhere once what passes through it is safe.

use std::net::{SocketAddr, ToSocketAddrs};

use super::Admission;
use crate::error::{Error, ErrorKind, Result};

/// Whether what passes through a door can be read on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// Encrypted.
    Encrypted,
    /// Readable.
    Plain,
    /// Readable, and the one who starts it knows and wants it so.
    PlainOnPurpose,
}

/// The address of `host:port`, or of a port alone on the loopback interface.
///
/// # Errors
/// [`ErrorKind::Usage`] when it is none.
pub fn parse(text: &str) -> Result<SocketAddr> {
    let wrong = || Error::new(ErrorKind::Usage, format!("{text} is no address")).hint("write host:port, as in 127.0.0.1:5432");
    let text = if text.parse::<u16>().is_ok() { format!("127.0.0.1:{text}") } else { text.to_owned() };
    let mut found = text.to_socket_addrs().map_err(|error| wrong().caused_by(error))?;
    found.next().ok_or_else(wrong)
}

/// Refuses an address that others can reach unless passwords are asked for and nobody can listen in.
///
/// # Errors
/// [`ErrorKind::Usage`], saying what is missing.
pub fn check(address: SocketAddr, admission: &Admission, passage: Passage) -> Result<()> {
    if address.ip().is_loopback() {
        return Ok(());
    }
    let refused = |what: &str, hint: &'static str| {
        Err(Error::new(ErrorKind::Usage, format!("{address} can be reached by others, and {what}")).hint(hint))
    };
    match (admission, passage) {
        (Admission::Anybody, _) => refused(
            "nobody is asked for a password",
            "make users with ckosql users add, leave out --trust, and name their file with --users",
        ),
        (Admission::Passwords(_), Passage::Plain) => refused(
            "what passes can be read on its way",
            "say --tls-cert and --tls-key, or --allow-remote-without-tls where the network is encrypted itself",
        ),
        (Admission::Passwords(_), Passage::Encrypted | Passage::PlainOnPurpose) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::door::{Roll, Users};

    fn passwords() -> Admission {
        Admission::Passwords(Arc::new(Roll::from(Users::default())))
    }

    #[test]
    fn a_port_alone_is_on_loopback() {
        assert_eq!(parse("5433").unwrap().to_string(), "127.0.0.1:5433");
        assert_eq!(parse("[::1]:5433").unwrap().to_string(), "[::1]:5433");
        assert_eq!(parse("127.0.0.1").unwrap_err().kind(), ErrorKind::Usage);
    }

    #[test]
    fn loopback_is_allowed_whatever_passes() {
        for address in ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1"] {
            check(parse(address).unwrap(), &Admission::Anybody, Passage::Plain).unwrap();
        }
    }

    #[test]
    fn elsewhere_needs_passwords_and_encryption() {
        let elsewhere = parse("0.0.0.0:5432").unwrap();
        assert!(check(elsewhere, &passwords(), Passage::Encrypted).is_ok());
        assert!(check(elsewhere, &passwords(), Passage::PlainOnPurpose).is_ok());
        for (admission, passage) in [
            (passwords(), Passage::Plain),
            (Admission::Anybody, Passage::Encrypted),
            (Admission::Anybody, Passage::PlainOnPurpose),
        ] {
            assert_eq!(check(elsewhere, &admission, passage).unwrap_err().kind(), ErrorKind::Usage);
        }
    }
}
