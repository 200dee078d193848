//! The journal: what a client asked lately, for `system.requests`. Parameters and keys stay unsaid; paths are templates.

use chrono::{DateTime, Utc};

use super::request::{Host, Method};

/// One attempt at a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was sent.
    pub at: DateTime<Utc>,
    /// The table it was made for; none for access tokens.
    pub table: Option<&'static str>,
    /// Which host.
    pub host: Host,
    /// HTTP method.
    pub method: Method,
    /// Path, with its keys unsaid.
    pub path: &'static str,
    /// HTTP status; `None` when no whole answer came.
    pub status: Option<u16>,
    /// From sending to the last byte.
    pub milliseconds: u64,
    /// Time spent waiting for a turn at the limiter.
    pub waited_milliseconds: u64,
    /// Bytes of the body, decompressed.
    pub bytes: u64,
    /// `Cko-Request-Id`, for support.
    pub request_id: Option<String>,
}
