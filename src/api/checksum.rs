//! The checksum that a storage host gives with a file: the CRC-32 of its bytes, as S3 writes it.
//!
//! A length says how many bytes came, and this that they are the file's. Judges only what it can: a checksum of parts
//! (`…-3`), which is none of the bytes in a row, and one of another kind are as if there were none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Crc;
use reqwest::header::HeaderMap;

const HEADER: &str = "x-amz-checksum-crc32";

/// What a file's checksum should be, and what it is so far.
#[derive(Debug)]
pub(super) struct Checksum {
    told: u32,
    seen: Crc,
}

impl Checksum {
    /// The checksum that these headers give, of no bytes yet.
    pub(super) fn told(headers: &HeaderMap) -> Option<Self> {
        let bytes = STANDARD.decode(headers.get(HEADER)?.as_bytes()).ok()?;
        Some(Self { told: u32::from_be_bytes(bytes.try_into().ok()?), seen: Crc::new() })
    }

    /// Adds the next bytes.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.seen.update(bytes);
    }

    /// Whether the bytes so far are the whole file.
    pub(super) fn is_met(&self) -> bool {
        self.seen.sum() == self.told
    }
}
