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

use super::checksum::Checksum;
use super::client::{Client, Tally};
use super::request::Request;
use super::retry::{Again, Failure};
use super::transport::root_cause;
use crate::error::{Error, ErrorKind, Result};

/// A file on its way.
pub struct Download {
    source: Source,
    /// Where the storage host gave one.
    checksum: Option<Checksum>,
    is_end_proven: bool,
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
    /// The next piece; `None` at the end, which is only reached when as many bytes came as were announced, and when
    /// these have the checksum that was given.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the rest does not come, or what came is not the file.
    pub async fn piece(&mut self) -> Result<Option<Bytes>> {
        let broken = |what| Error::new(ErrorKind::Unavailable, what).with("file", &self.what);
        let response = match &mut self.source {
            Source::Storage(response) => response,
            Source::Whole(body) => return Ok(body.take()),
        };
        match timeout(self.patience, response.chunk()).await {
            Ok(Ok(Some(piece))) => {
                self.checksum.iter_mut().for_each(|checksum| checksum.add(&piece));
                Ok(Some(piece))
            }
            Ok(Ok(None)) if self.checksum.as_ref().is_some_and(|checksum| !checksum.is_met()) => {
                Err(broken("a download is not the file: its checksum is another"))
            }
            Ok(Ok(None)) => Ok(None),
            Ok(Err(error)) => Err(broken("a download broke off").caused_by(root_cause(&error))),
            Err(elapsed) => Err(broken("a download stopped").caused_by(elapsed)),
        }
    }

    /// How many bytes there are, where that was told.
    pub fn length(&self) -> Option<u64> {
        match &self.source {
            Source::Storage(response) => response.content_length(),
            Source::Whole(body) => body.as_ref().map(|body| body.len() as u64),
        }
    }

    /// Whether the end, once reached, is the file's own: its length or its checksum was told. Where neither was, a
    /// connection that ended early looks the same.
    pub fn is_end_proven(&self) -> bool {
        self.is_end_proven
    }
}

impl Download {
    /// A file that is there already.
    pub(super) fn whole(body: Bytes, what: String) -> Self {
        Self { source: Source::Whole(Some(body)), checksum: None, is_end_proven: true, patience: Duration::MAX, what }
    }
}

impl Client {
    /// Opens the file that a request redirects to; `None` when there is no such file (404). `tally` counts the effort.
    ///
    /// # Errors
    /// Those of [`Client::read`]; [`ErrorKind::Unavailable`] when the storage host does not give the file.
    pub async fn open(&self, request: &Request, tally: &Tally) -> Result<Option<Download>> {
        let attempted = format!("cannot read {}", request.table);
        let errand = self.errand(request, &attempted, tally);
        let mut patience = self.patience();
        loop {
            let failure = match self.try_open(request, &errand, &mut patience).await {
                Ok(download) => return Ok(download),
                Err(failure) => failure,
            };
            patience.after(failure).await?;
            self.count_retry(&errand);
        }
    }
}

/// The storage host's answer to a signed link.
pub(super) fn judge(response: Response, patience: Duration, what: String) -> Result<Download, Failure> {
    let status = response.status();
    if status.is_success() {
        let checksum = Checksum::told(response.headers());
        let is_end_proven = checksum.is_some() || response.content_length().is_some();
        return Ok(Download { source: Source::Storage(response), checksum, is_end_proven, patience, what });
    }
    // A link that is over is refused by 403, or, where a token signed it that is over itself, by 400.
    let is_over = matches!(status, StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN);
    let is_busy = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    let error =
        Error::new(ErrorKind::Unavailable, "the storage host refused a file").with("status", status.as_u16()).with("file", what);
    Err(Failure { error, again: if is_over || is_busy { Again::Later } else { Again::Never } })
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use wiremock::matchers::{any, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::super::client::tests::{account, get, with_key};
    use super::*;
    use crate::clock::Clock;

    const FILE: &str = "/reports/rpt_1/files/file_1";
    /// The CRC-32 of `123456789` is the one that every description gives: cbf43926.
    const DIGITS: &str = "123456789";
    const CHECKSUM: &str = "y/Q5Jg==";

    /// An API that answers with links to one place, as often as it is expected to be asked.
    async fn redirecting(link: &str, times: u64) -> (MockServer, Client) {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(302).insert_header("Location", link);
        Mock::given(path(FILE)).respond_with(answer).expect(times).mount(&server).await;
        let client = Client::try_new(account(with_key(), &server.uri()), Clock::System).unwrap();
        (server, client)
    }

    /// A storage host that gives these answers one after the other.
    async fn storage(answers: impl IntoIterator<Item = ResponseTemplate>) -> MockServer {
        let server = MockServer::start().await;
        for answer in answers {
            Mock::given(any()).respond_with(answer).up_to_n_times(1).mount(&server).await;
        }
        server
    }

    fn status(status: u16) -> ResponseTemplate {
        ResponseTemplate::new(status)
    }

    async fn open(client: &Client, tally: &Tally) -> Result<Option<Download>> {
        client.open(&get(FILE), tally).await
    }

    async fn whole(mut download: Download) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(piece) = download.piece().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// The file behind one answer of a storage host, to its end.
    async fn stored(answer: ResponseTemplate) -> Result<Vec<u8>> {
        let storage = storage([answer]).await;
        let (_api, client) = redirecting(&storage.uri(), 1).await;
        whole(open(&client, &Tally::default()).await?.unwrap()).await
    }

    #[tokio::test]
    async fn a_file_is_fetched_from_another_host_without_the_bearer() {
        let storage = storage([status(200).set_body_string("a,b\n")]).await;
        let (api, client) = redirecting(&format!("{}/bucket/file.csv?Signature=s", storage.uri()), 1).await;
        let download = open(&client, &Tally::default()).await.unwrap().unwrap();
        assert!(download.is_end_proven());
        assert_eq!(whole(download).await.unwrap(), b"a,b\n");
        let asked = storage.received_requests().await.unwrap();
        assert_eq!(asked.len(), 1);
        assert_eq!((asked[0].url.path(), asked[0].url.query()), ("/bucket/file.csv", Some("Signature=s")));
        assert_eq!((asked[0].headers.get("authorization"), asked[0].headers.get("accept-encoding")), (None, None));
        assert!(api.received_requests().await.unwrap()[0].headers.contains_key("authorization"));
    }

    #[tokio::test]
    async fn a_link_that_is_over_is_asked_for_again() {
        for over in [403, 400, 503, 429] {
            let storage = storage([status(over), status(200).set_body_string(DIGITS)]).await;
            let (_api, client) = redirecting(&storage.uri(), 2).await;
            let tally = Tally::default();
            let download = open(&client, &tally).await.unwrap().unwrap();
            assert_eq!(whole(download).await.unwrap(), DIGITS.as_bytes(), "{over}");
            assert_eq!((tally.read().requests, tally.read().retries), (2, 1), "{over}");
        }
    }

    #[tokio::test]
    async fn a_storage_that_keeps_refusing_is_an_error_without_the_link() {
        for (refusal, attempts) in [(403, 3), (404, 1), (307, 1)] {
            let storage = storage([]).await;
            Mock::given(any()).respond_with(status(refusal)).mount(&storage).await;
            let (_api, client) = redirecting(&format!("{}/?Signature=marker", storage.uri()), attempts).await;
            let error = open(&client, &Tally::default()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            let told = format!("the storage host refused a file (status {refusal}, file {FILE}");
            assert!(error.to_string().starts_with(&told), "{error}");
            assert!(!format!("{error:?}").contains("marker"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_link_that_leads_into_the_clear_or_nowhere_is_not_followed() {
        for link in ["http://storage.example/file", "ftp://127.0.0.1/file", "https://"] {
            let (_api, client) = redirecting(link, 1).await;
            assert_eq!(open(&client, &Tally::default()).await.unwrap_err().kind(), ErrorKind::Rejected, "{link}");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_none_and_one_that_comes_at_once_is_whole() {
        let api = storage([status(404), status(200).set_body_string(DIGITS)]).await;
        let client = Client::try_new(account(with_key(), &api.uri()), Clock::System).unwrap();
        assert!(open(&client, &Tally::default()).await.unwrap().is_none());
        let download = open(&client, &Tally::default()).await.unwrap().unwrap();
        assert!(download.is_end_proven());
        assert_eq!(whole(download).await.unwrap(), DIGITS.as_bytes());
    }

    #[tokio::test]
    async fn bytes_that_have_not_the_checksum_told_with_them_are_an_error_at_their_end() {
        let with = |checksum: &str, body: &str| status(200).set_body_string(body).insert_header("x-amz-checksum-crc32", checksum);
        assert_eq!(stored(with(CHECKSUM, DIGITS)).await.unwrap(), DIGITS.as_bytes());
        let error = stored(with(CHECKSUM, "12345678")).await.unwrap_err();
        assert_eq!(error.to_string(), format!("a download is not the file: its checksum is another (file {FILE})"));
        assert!(error.is_retryable());
        for of_parts in ["AAAAAA==-3", "AAAA", "?"] {
            assert_eq!(stored(with(of_parts, DIGITS)).await.unwrap(), DIGITS.as_bytes(), "{of_parts}");
        }
    }

    #[tokio::test]
    async fn a_file_comes_as_it_is_stored_though_its_host_says_that_it_is_packed() {
        let packed = [&[0x1f, 0x8b][..], b" and so on"].concat();
        let answer = status(200).set_body_bytes(packed.clone()).insert_header("Content-Encoding", "gzip");
        assert_eq!(stored(answer).await.unwrap(), packed);
    }

    /// A storage host that answers with this text and hangs up.
    async fn raw(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            assert_ne!(socket.read(&mut request).await.unwrap(), 0);
            socket.write_all(answer.as_bytes()).await.unwrap();
        });
        address
    }

    #[tokio::test]
    async fn a_connection_that_ends_before_the_length_that_was_told_is_an_error() {
        let address = raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n1234").await;
        let (_api, client) = redirecting(&address, 1).await;
        let download = open(&client, &Tally::default()).await.unwrap().unwrap();
        let error = whole(download).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("a download broke off (file {FILE})")), "{error}");
        assert!(error.is_retryable());
    }

    #[tokio::test]
    async fn the_end_of_a_connection_proves_nothing_where_no_length_was_told() {
        let address = raw("HTTP/1.1 200 OK\r\n\r\n1234").await;
        let (_api, client) = redirecting(&address, 1).await;
        let download = open(&client, &Tally::default()).await.unwrap().unwrap();
        assert!(!download.is_end_proven());
        assert_eq!(whole(download).await.unwrap(), b"1234");
    }
}
