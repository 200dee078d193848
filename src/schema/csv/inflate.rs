//! The bytes of a file as they were written: gzip is taken off where the first two bytes say so.
//!
//! Knows nothing of what the bytes mean.

use std::io::Write;

use flate2::write::MultiGzDecoder;

use super::Ending;
use crate::error::{Error, ErrorKind, Result};

const GZIP: [u8; 2] = [0x1f, 0x8b];
/// How many bytes are taken at a time: a byte of gzip becomes a thousand at the most, so that none of them, however
/// they are packed, become more than 16 MiB of text at once.
const STEP: usize = 16 * 1024;

/// A file's bytes, unpacked as they come.
#[derive(Debug)]
pub(super) enum Inflate {
    /// Fewer bytes so far than tell.
    Unknown(Vec<u8>),
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
}

impl Inflate {
    /// No bytes yet.
    pub(super) fn new() -> Self {
        Self::Unknown(Vec::new())
    }

    /// Takes some of the bytes off the front, and appends what they unpack to.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when what is packed is damaged.
    pub(super) fn push(&mut self, bytes: &mut &[u8], unpacked: &mut Vec<u8>) -> Result<()> {
        if let Self::Unknown(start) = self {
            let (more, rest) = bytes.split_at(bytes.len().min(GZIP.len() - start.len()));
            start.extend_from_slice(more);
            *bytes = rest;
            if start.len() < GZIP.len() {
                return Ok(());
            }
            let start = std::mem::take(start);
            *self = if start == GZIP { Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))) } else { Self::Plain };
            return self.unpack(&start, unpacked);
        }
        let (step, rest) = bytes.split_at(bytes.len().min(STEP));
        *bytes = rest;
        self.unpack(step, unpacked)
    }

    fn unpack(&mut self, bytes: &[u8], unpacked: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Unknown(_) | Self::Plain => unpacked.extend_from_slice(bytes),
            Self::Gzip(gzip) => {
                gzip.write_all(bytes).map_err(|error| damaged("the packed file is damaged").caused_by(error))?;
                unpacked.append(gzip.get_mut());
            }
        }
        Ok(())
    }

    /// Appends what is left when no more bytes come, and says what the packing knows of the end.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the packed file goes on.
    pub(super) fn finish(&mut self, unpacked: &mut Vec<u8>) -> Result<Ending> {
        match self {
            Self::Plain => Ok(Ending::Unproven),
            Self::Unknown(start) => {
                unpacked.append(start);
                Ok(Ending::Unproven)
            }
            Self::Gzip(gzip) => {
                gzip.try_finish().map_err(|error| damaged("the packed file ends too early, or is damaged").caused_by(error))?;
                unpacked.append(gzip.get_mut());
                Ok(Ending::Proven)
            }
        }
    }
}

fn damaged(what: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, what)
}
