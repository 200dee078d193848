//! What clients say: messages of the PostgreSQL protocol 3.0, read out of frames whose bytes may be anything.
//!
//! Read here and not by pgwire, whose readers take a length at its word and end the task where a frame is cut short.

use bytes::{Buf, Bytes};

use super::failure::Failure;

/// The first thing a client says, before it is known who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Opening {
    /// Asks for TLS.
    Tls,
    /// Asks for GSSAPI encryption.
    Gss,
    /// Asks to cancel what another connection does.
    Cancel { process: i32, secret: Bytes },
    /// Begins a session.
    Startup { major: u16, minor: u16, parameters: Vec<(String, String)> },
}

/// A statement or a portal, by its name; the unnamed one has an empty name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Statement(String),
    Portal(String),
}

/// Values for the parameters of a statement, and how its answer is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bind {
    pub(super) portal: String,
    pub(super) statement: String,
    pub(super) formats: Vec<Format>,
    pub(super) values: Vec<Option<Bytes>>,
    pub(super) results: Vec<Format>,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Format {
    #[default]
    Text,
    Binary,
}

/// What a client says once it is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    Query(String),
    Parse {
        name: String,
        sql: String,
        types: Vec<u32>,
    },
    Bind(Bind),
    Describe(Target),
    Execute {
        portal: String,
        most: usize,
    },
    Close(Target),
    Flush,
    Sync,
    Terminate,
    /// A part of a password exchange.
    Password(Bytes),
    /// A part of a COPY from the client, which is never asked for.
    CopyIn,
}

impl Opening {
    /// Reads the body of an opening packet, its length left out.
    ///
    /// # Errors
    /// A protocol violation.
    pub(super) fn read(body: Bytes) -> Result<Self, Failure> {
        let mut body = Reader(body);
        let code = body.i32()?;
        Ok(match code {
            80_877_103 => Self::Tls,
            80_877_104 => Self::Gss,
            80_877_102 => Self::Cancel { process: body.i32()?, secret: body.rest() },
            _ => {
                let [a, b, c, d] = code.to_be_bytes();
                let (major, minor) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
                let mut parameters = Vec::new();
                // What other versions say cannot be known.
                if major == 3 {
                    loop {
                        match body.text()? {
                            name if name.is_empty() => break,
                            name => parameters.push((name, body.text()?)),
                        }
                    }
                }
                Self::Startup { major, minor, parameters }
            }
        })
    }
}

impl Message {
    /// Reads the body of a message, its kind and length left out.
    ///
    /// # Errors
    /// A protocol violation.
    pub(super) fn read(kind: u8, body: Bytes) -> Result<Self, Failure> {
        let mut body = Reader(body);
        let message = match kind {
            b'Q' => Self::Query(body.text()?),
            b'P' => {
                let (name, sql) = (body.text()?, body.text()?);
                Self::Parse { name, sql, types: body.list(Reader::u32)? }
            }
            b'B' => Self::Bind(Bind {
                portal: body.text()?,
                statement: body.text()?,
                formats: body.list(Reader::format)?,
                values: body.list(Reader::value)?,
                results: body.list(Reader::format)?,
            }),
            b'D' => Self::Describe(body.target()?),
            b'C' => Self::Close(body.target()?),
            b'E' => Self::Execute { portal: body.text()?, most: usize::try_from(body.i32()?).unwrap_or(0) },
            b'H' => Self::Flush,
            b'S' => Self::Sync,
            b'X' => Self::Terminate,
            b'p' => Self::Password(body.rest()),
            b'd' | b'c' | b'f' => {
                body.rest();
                Self::CopyIn
            }
            _ => return Err(Failure::protocol("a message is of no kind that is known")),
        };
        if body.0.has_remaining() { Err(Failure::protocol("a message is longer than what it says")) } else { Ok(message) }
    }

    /// Whether what follows an error in it is skipped up to the next Sync.
    pub(super) fn is_extended(&self) -> bool {
        matches!(
            self,
            Self::Parse { .. } | Self::Bind(_) | Self::Describe(_) | Self::Execute { .. } | Self::Close(_) | Self::Flush
        )
    }
}

/// Reads a body, never past its end.
pub(super) struct Reader(pub(super) Bytes);

impl Reader {
    pub(super) fn bytes(&mut self, count: usize) -> Result<Bytes, Failure> {
        if count > self.0.len() {
            return Err(Failure::protocol("a message is shorter than what it says"));
        }
        Ok(self.0.split_to(count))
    }

    pub(super) fn i16(&mut self) -> Result<i16, Failure> {
        self.bytes(2).map(|mut bytes| bytes.get_i16())
    }

    pub(super) fn i32(&mut self) -> Result<i32, Failure> {
        self.bytes(4).map(|mut bytes| bytes.get_i32())
    }

    pub(super) fn u32(&mut self) -> Result<u32, Failure> {
        self.bytes(4).map(|mut bytes| bytes.get_u32())
    }

    pub(super) fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.0)
    }

    /// A text up to its zero byte.
    fn text(&mut self) -> Result<String, Failure> {
        let end = self.0.iter().position(|byte| *byte == 0);
        let bytes = self.bytes(end.ok_or_else(|| Failure::protocol("a text in a message has no end"))?)?;
        self.bytes(1)?;
        String::from_utf8(bytes.into())
            .map_err(|_invalid| Failure::new("22021", "a text is not UTF-8, which is the only encoding here"))
    }

    /// A list, with its length before it.
    fn list<T>(&mut self, one: impl Fn(&mut Self) -> Result<T, Failure>) -> Result<Vec<T>, Failure> {
        // Grown as it is read: a length may be a lie.
        (0..self.bytes(2)?.get_u16()).map(|_| one(self)).collect()
    }

    /// A value with its length before it; none when that is below zero.
    pub(super) fn value(&mut self) -> Result<Option<Bytes>, Failure> {
        let length = usize::try_from(self.i32()?).ok();
        length.map(|length| self.bytes(length)).transpose()
    }

    fn format(&mut self) -> Result<Format, Failure> {
        match self.i16()? {
            0 => Ok(Format::Text),
            1 => Ok(Format::Binary),
            _ => Err(Failure::protocol("a value is neither text nor binary")),
        }
    }

    fn target(&mut self) -> Result<Target, Failure> {
        match self.bytes(1)?.get_u8() {
            b'S' => Ok(Target::Statement(self.text()?)),
            b'P' => Ok(Target::Portal(self.text()?)),
            _ => Err(Failure::protocol("neither a statement nor a portal is meant")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bind_is_read_whole() {
        let body = b"p\0s\0\0\x01\0\x01\0\x02\0\0\0\x02ab\xff\xff\xff\xff\0\0";
        let bind = Bind {
            portal: "p".to_owned(),
            statement: "s".to_owned(),
            formats: vec![Format::Binary],
            values: vec![Some(Bytes::from_static(b"ab")), None],
            results: vec![],
        };
        assert_eq!(Message::read(b'B', Bytes::from_static(body)).unwrap(), Message::Bind(bind));
    }

    #[test]
    fn what_is_cut_short_or_too_long_is_a_violation() {
        for (kind, body) in [
            (b'Q', &b"select 1"[..]),
            (b'Q', b"select 1\0more\0"),
            (b'P', b"\0\0\xff\xff"),
            (b'B', b"\0\0\0\0\0\x01\0\0\xff\xffx"),
            (b'D', b"Xname\0"),
            (b'?', b""),
        ] {
            assert_eq!(Message::read(kind, Bytes::copy_from_slice(body)).unwrap_err().sqlstate(), "08P01");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(kind: u8, body: Vec<u8>) {
            let body = Bytes::from(body);
            let _read = (Message::read(kind, body.clone()), Opening::read(body));
        }
    }
}
