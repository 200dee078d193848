//! From a socket to requests: encryption, and how long one may take to ask.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::Server;

/// Bytes of a request's line and headers.
const LONGEST_HEAD: usize = 64 << 10;

/// What one who is one too many is told.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";

/// Where a caller is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) Option<std::net::SocketAddr>);

/// Serves a caller until it leaves, or everything stops and it has its answer.
pub(super) async fn serve(server: Arc<Server>, router: Router, stream: TcpStream, stop: CancellationToken) {
    let peer = Peer(stream.peer_addr().ok());
    // Where it is refused, the ends of answers wait a moment.
    let _sent_at_once = stream.set_nodelay(true);
    let router = router.layer(Extension(peer));
    let patience = server.options.patience;
    let Some(tls) = &server.options.tls else { return talk(router, stream, patience, &stop).await };
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(patience, tls.accept(stream)) => shaken,
        () = stop.cancelled() => return,
    };
    match shaken {
        Ok(Ok(stream)) => talk(router, stream, patience, &stop).await,
        Ok(Err(error)) => debug!(?peer, %error, "a caller does not come to terms about TLS"),
        Err(_elapsed) => debug!(?peer, "a caller took too long to begin with TLS"),
    }
}

async fn talk<S>(router: Router, stream: S, patience: Duration, stop: &CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // In HTTP/1.1 alone: what is cut is plain to see there, and one connection asks one thing at a time.
    let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(LONGEST_HEAD);
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection by HTTP ends early");
    }
}

/// Tells one who is one too many, at once and without waiting for it to listen.
pub(super) fn refuse(stream: &TcpStream) {
    // Who does not hear it finds the door shut.
    let _told = stream.try_write(FULL);
}
