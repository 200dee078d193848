//! From a socket to calls: encryption, HTTP/2 and its limits, and the end of both.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Server;
use super::gate::Gate;

/// Calls of a connection that are answered at a time; more of them wait.
const CALLS: u32 = 32;
/// Bytes that the headers of a call may have.
const HEADERS: u32 = 16 << 10;
/// After this long without a word a client is asked whether it is still there,
const SILENCE: Duration = Duration::from_secs(60);
/// and has this long to say so.
const ANSWER: Duration = Duration::from_secs(20);
/// Bytes of a stream that are taken from the engine before the client takes them.
const AHEAD: usize = 4 << 20;
/// How long a client has to read what it was sent once all is sent and everything stops.
const LAST_READ: Duration = Duration::from_secs(5);

/// Serves a caller from its first byte to its last.
pub(super) async fn serve(server: Arc<Server>, stream: TcpStream, stop: CancellationToken) {
    let peer = stream.peer_addr().ok();
    let deadline = Instant::now() + server.options.login_timeout;
    let served = async {
        // Answers are waited for.
        stream.set_nodelay(true)?;
        match &server.options.tls {
            None => run(&server, stream, peer, deadline, stop).await,
            Some(tls) => match timeout(server.options.login_timeout, tls.accept(stream)).await {
                Ok(stream) => run(&server, stream?, peer, deadline, stop).await,
                Err(_elapsed) => Err("the caller took too long to agree on encryption".into()),
            },
        }
    };
    if let Err(error) = served.await {
        debug!(?peer, %error, "a connection broke off");
    }
}

/// Why a connection ended.
type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// Answers calls until the client leaves, or everything stops and what was begun is done.
async fn run(
    server: &Arc<Server>,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    address: Option<SocketAddr>,
    deadline: Instant,
    stop: CancellationToken,
) -> Result<(), Trouble> {
    let gate = Arc::new(Gate::try_new(server, address)?);
    let behind = Arc::clone(&gate);
    let service = service_fn(move |request| {
        let gate = Arc::clone(&behind);
        async move { Ok::<_, Infallible>(gate.answer(request).await) }
    });
    let mut connection = http2::Builder::new(Calls::default());
    connection
        .timer(TokioTimer::new())
        .max_concurrent_streams(CALLS)
        .max_header_list_size(HEADERS)
        .max_send_buf_size(AHEAD)
        .keep_alive_interval(SILENCE)
        .keep_alive_timeout(ANSWER);
    let mut connection = Box::pin(connection.serve_connection(TokioIo::new(&mut stream), service));
    tokio::select! {
        biased;
        ended = &mut connection => return Ok(ended?),
        () = gate.entered() => {}
        () = stop.cancelled() => {}
        () = sleep_until(deadline) => return Err("the caller took too long to show who it is".into()),
    }
    tokio::select! {
        biased;
        ended = &mut connection => return Ok(ended?),
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.as_mut().await?;
    drop(connection);
    leave(&mut stream).await;
    Ok(())
}

/// Says that there will be no more, and lets the client read to the end.
///
/// A socket that is closed while something comes in is reset, and what is still to be sent is lost: to the client, rows that
/// were all answered break off.
async fn leave(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let read = async {
        stream.shutdown().await?;
        tokio::io::copy(stream, &mut tokio::io::sink()).await
    };
    let read: io::Result<_> = timeout(LAST_READ, read).await.unwrap_or(Ok(0));
    if let Err(error) = read {
        debug!(%error, "a client left before all was read");
    }
}

/// The calls of a connection that are being answered; they end with it.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Calls {
    fn execute(&self, call: F) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(done) = calls.try_join_next() {
            if let Err(error) = done {
                warn!(%error, "a call ended where it should not have");
            }
        }
        calls.spawn(call);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn what_was_sent_arrives_though_the_client_still_talks() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut served, _) = listener.accept().await.unwrap();
        client.write_all(b"and another thing").await.unwrap();
        served.readable().await.unwrap();
        served.writable().await.unwrap();
        let mut sent = 0;
        while let Ok(count) = served.try_write(&[7; 1 << 16]) {
            sent += count;
        }
        let read = async {
            let mut all = Vec::new();
            client.read_to_end(&mut all).await.unwrap();
            drop(client);
            all.len()
        };
        let (read, ()) = tokio::join!(read, async {
            leave(&mut served).await;
            drop(served);
        });
        assert_eq!(read, sent);
    }
}
