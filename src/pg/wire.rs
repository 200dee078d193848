//! A connection's two directions: frames that come in, and bytes that go out.
//!
//! Both can be waited for and left again at any time without losing a byte, because what was read or is to be written
//! stays here: a statement that is cancelled while its rows go out is followed by its error, not by half a row.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};
use pgwire::messages::PgWireBackendMessage;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

use super::failure::{Failure, Trouble};
use super::frontend::Message;

/// What a connection goes through: a socket, or one with TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The longest message of one who is not let in yet.
pub(super) const LONGEST_OPENING: usize = 10_000;
/// The longest message: a statement with its parameters.
const LONGEST: usize = 64 << 20;
/// What is read ahead of a statement that runs.
const AHEAD: usize = 64 << 10;
/// What is gathered before it is sent.
const PARCEL: usize = 64 << 10;

/// What comes in.
pub(super) struct Inbox {
    reader: ReadHalf<Box<dyn Stream>>,
    buffer: BytesMut,
    longest: usize,
}

/// What goes out.
pub(super) struct Outbox {
    writer: WriteHalf<Box<dyn Stream>>,
    /// Messages to be sent; whole ones, whoever looks.
    pub(super) buffer: BytesMut,
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").finish_non_exhaustive()
    }
}

/// The two directions of a stream.
pub(super) fn split(stream: Box<dyn Stream>) -> (Inbox, Outbox) {
    let (reader, writer) = tokio::io::split(stream);
    let inbox = Inbox { reader, buffer: BytesMut::new(), longest: LONGEST_OPENING };
    (inbox, Outbox { writer, buffer: BytesMut::new() })
}

impl Inbox {
    /// From here on messages may be long.
    pub(super) fn trust(&mut self) {
        self.longest = LONGEST;
    }

    /// The next message.
    ///
    /// # Errors
    /// [`Trouble::Gone`] when the client left; a protocol violation.
    pub(super) async fn next(&mut self) -> Result<Message, Trouble> {
        loop {
            if let Some((kind, body)) = self.frame()? {
                return Ok(Message::read(kind, body)?);
            }
            self.read_more().await?;
        }
    }

    /// Ends when the client leaves. What it says meanwhile is kept, up to a measure.
    pub(super) async fn client_left(&mut self) {
        while self.buffer.len() < AHEAD {
            if self.read_more().await.is_err() {
                return;
            }
        }
        std::future::pending().await
    }

    async fn read_more(&mut self) -> Result<(), Trouble> {
        match self.reader.read_buf(&mut self.buffer).await? {
            0 => Err(Trouble::Gone),
            _ => Ok(()),
        }
    }

    fn frame(&mut self) -> Result<Option<(u8, Bytes)>, Failure> {
        let Some((header, _)) = self.buffer.split_first_chunk::<5>() else { return Ok(None) };
        let [kind, a, b, c, d] = *header;
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if length < 4 || length > self.longest {
            return Err(Failure::protocol("a message is longer than any may be, or shorter"));
        }
        if self.buffer.len() <= length {
            return Ok(None);
        }
        self.buffer.advance(5);
        Ok(Some((kind, self.buffer.split_to(length - 4).freeze())))
    }
}

impl Outbox {
    /// Says something, when the rest is sent.
    ///
    /// # Errors
    /// A failure when it is longer than any message may be.
    pub(super) fn say(&mut self, message: &PgWireBackendMessage) -> Result<(), Failure> {
        message.encode(&mut self.buffer).map_err(|error| Failure::new("54000", error.to_string()))
    }

    /// Sends everything.
    ///
    /// # Errors
    /// [`Trouble::Gone`] when the client left.
    pub(super) async fn flush(&mut self) -> Result<(), Trouble> {
        while self.buffer.has_remaining() {
            if self.writer.write_buf(&mut self.buffer).await? == 0 {
                return Err(Trouble::Gone);
            }
        }
        self.writer.flush().await?;
        if self.buffer.capacity() > 4 * PARCEL {
            self.buffer = BytesMut::new();
        }
        Ok(())
    }

    /// Sends when there is much: whoever makes rows waits here for the client to take them.
    ///
    /// # Errors
    /// [`Trouble::Gone`] when the client left.
    pub(super) async fn relieve(&mut self) -> Result<(), Trouble> {
        if self.buffer.len() >= PARCEL { self.flush().await } else { Ok(()) }
    }

    /// Sends everything and says that there will be no more.
    pub(super) async fn close(&mut self) {
        if self.flush().await.is_ok() {
            // A client that left already needs no goodbye.
            let _closed = self.writer.shutdown().await;
        }
    }
}
