//! Downloads: a file behind a redirect, read piece by piece.
//!
//! Checkout.com answers a request for a report file with a signed link to a storage host. The bearer never goes there:
//! the link is followed by a request of its own, without credential. A link lives for minutes only, so one that is
//! refused is asked for again.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Response, StatusCode};
use tokio::time::timeout;
use url::Url;

use super::client::{Client, Tally};
use super::request::Request;
use super::retry::{Again, Failure};
use super::transport::root_cause;
use crate::error::{Error, ErrorKind, Result};

/// A file on its way.
pub struct Download {
    source: Source,
    /// Longest wait for the next piece.
    patience: Duration,
    /// Names the file in errors.
    what: String,
}

enum Source {
    /// The storage host's answer.
    Storage(Response),
    /// The file itself, where the API answered with it instead of with a link.
    Whole(Option<Bytes>),
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").field("what", &self.what).finish_non_exhaustive()
    }
}

impl Download {
    /// The next piece; `None` at the end, which is only reached when as many bytes came as were announced.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the rest does not come.
    pub async fn piece(&mut self) -> Result<Option<Bytes>> {
        let broke_off = |error: Error| error.with("file", &self.what);
        let response = match &mut self.source {
            Source::Storage(response) => response,
            Source::Whole(body) => return Ok(body.take()),
        };
        match timeout(self.patience, response.chunk()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => {
                let error = Error::new(ErrorKind::Unavailable, "a download broke off").caused_by(root_cause(&error));
                Err(broke_off(error))
            }
            Err(elapsed) => Err(broke_off(Error::new(ErrorKind::Unavailable, "a download stopped").caused_by(elapsed))),
        }
    }
}

impl Download {
    /// A file that is there already.
    pub(super) fn whole(body: Bytes, what: String) -> Self {
        Self { source: Source::Whole(Some(body)), patience: Duration::MAX, what }
    }
}

impl Client {
    /// Opens the file that a request redirects to; `None` when there is no such file (404).
    ///
    /// # Errors
    /// Those of [`Client::read`]; [`ErrorKind::Unavailable`] when the storage host does not give the file.
    pub async fn open(&self, request: &Request, tally: &Tally) -> Result<Option<Download>> {
        let mut patience = self.patience();
        loop {
            let failure = match self.try_open(request, tally, &mut patience).await {
                Ok(download) => return Ok(download),
                Err(failure) => failure,
            };
            patience.after(failure).await?;
        }
    }
}

/// The storage host's answer to a signed link.
pub(super) fn judge(response: Response, patience: Duration, what: String) -> Result<Download, Failure> {
    match response.status() {
        status if status.is_success() => Ok(Download { source: Source::Storage(response), patience, what }),
        status => {
            let again = if status == StatusCode::FORBIDDEN || status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
            {
                Again::Later
            } else {
                Again::Never
            };
            let error = Error::new(ErrorKind::Unavailable, "the storage host refused a file")
                .with("status", status.as_u16())
                .with("file", what);
            Err(Failure { error, again })
        }
    }
}

/// The link of a redirect, if it may be followed: encrypted, or on this machine.
pub(super) fn link(location: &str, base: &Url) -> Result<Url> {
    let refuse = |message| Error::new(ErrorKind::Rejected, message);
    let link = base.join(location).map_err(|error| refuse("a redirect leads nowhere").caused_by(error))?;
    if link.scheme() == "https" || (link.scheme() == "http" && super::config::is_loopback(&link)) {
        return Ok(link);
    }
    Err(refuse("a redirect leads to a host that is asked in the clear"))
}
