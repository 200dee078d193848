//! Listening: callers are let in up to a number, and let finish when the door closes.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::error::{Error, ErrorKind, Result};

/// How long to wait before accepting again when the system has no more sockets.
const BREATH: Duration = Duration::from_millis(100);

/// After this long without a word the system asks whether the other side is still there,
const SILENCE: Duration = Duration::from_secs(60);
/// and again each time after this long, until it gives it up.
const AGAIN: Duration = Duration::from_secs(15);

/// A door that is open: callers wait in line from here on.
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("address", &self.address).finish_non_exhaustive()
    }
}

/// How long those have to take their leave whose time is over, on top of it.
const GOODBYE: Duration = Duration::from_secs(1);

/// How many may come in, and how long they have to leave.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// Time that what is under way has to finish once the door closes.
    pub drain: Duration,
}

/// How a door closes: first for those who ask for nothing, and a while later for all.
#[derive(Debug, Clone)]
pub struct Ending {
    /// Nothing new is begun.
    pub stop: CancellationToken,
    /// What is under way is broken off; who has something to say to that says it now.
    pub over: CancellationToken,
}

impl Ending {
    /// Serves one who has nothing to say when the time is over.
    pub async fn bound(self, served: impl Future<Output = ()>) {
        self.over.run_until_cancelled(served).await;
    }
}

impl Listener {
    /// Opens a door; port 0 takes a free one.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the address cannot be had.
    pub async fn bind(address: SocketAddr) -> Result<Self> {
        let cannot = |error| Error::new(ErrorKind::Usage, format!("cannot listen on {address}")).caused_by(error);
        let listener = TcpListener::bind(address).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        Ok(Self { listener, address })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves callers until a stop is asked for, then lets those who are in finish, and sends off those who do not.
    ///
    /// `refuse` is for callers that are one too many; it must not wait for them.
    pub async fn serve<F>(
        self,
        limits: Limits,
        stop: &CancellationToken,
        serve: impl Fn(TcpStream, Ending) -> F,
        refuse: impl Fn(TcpStream),
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let room = Arc::new(Semaphore::new(limits.connections));
        let mut callers = JoinSet::new();
        let ending = Ending { stop: stop.clone(), over: CancellationToken::new() };
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(done) = callers.join_next() => note(done),
                stream = self.accept() => match Arc::clone(&room).try_acquire_owned() {
                    Ok(place) => {
                        let served = serve(stream, ending.clone());
                        callers.spawn(async move {
                            served.await;
                            drop(place);
                        });
                    }
                    Err(_full) => refuse(stream),
                },
            }
        }
        // Nobody waits in line for a door that is shut.
        drop(self.listener);
        send_off(callers, limits.drain, &ending.over).await;
    }

    /// The next caller.
    async fn accept(&self) -> TcpStream {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let alive = TcpKeepalive::new().with_time(SILENCE).with_interval(AGAIN);
                    if let Err(error) = SockRef::from(&stream).set_tcp_keepalive(&alive) {
                        warn!(%error, "a caller that vanishes will not be missed");
                    }
                    return stream;
                }
                Err(error) => {
                    warn!(%error, "cannot take a caller in");
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    }
}

/// Waits for callers to leave, and breaks off what they do when they do not.
async fn send_off(mut callers: JoinSet<()>, drain: Duration, over: &CancellationToken) {
    if tokio::time::timeout(drain, all_gone(&mut callers)).await.is_ok() {
        return;
    }
    warn!(callers = callers.len(), "what is still under way is broken off");
    over.cancel();
    if tokio::time::timeout(GOODBYE, all_gone(&mut callers)).await.is_err() {
        callers.shutdown().await;
    }
}

async fn all_gone(callers: &mut JoinSet<()>) {
    while let Some(done) = callers.join_next().await {
        note(done);
    }
}

fn note(done: Result<(), tokio::task::JoinError>) {
    if let Err(error) = done
        && error.is_panic()
    {
        warn!(%error, "a connection ended where it should not have");
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn who_vanishes_without_a_word_is_missed() {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let _caller = TcpStream::connect(listener.address()).await.unwrap();
        let (told, mut asked) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let serve = |stream: TcpStream, _ending| {
            let told = told.clone();
            async move { told.send(SockRef::from(&stream).tcp_keepalive_time().unwrap()).unwrap() }
        };
        let limits = Limits { connections: 1, drain: SILENCE };
        tokio::select! {
            () = listener.serve(limits, &stop, serve, drop) => panic!("it ends"),
            time = asked.recv() => assert_eq!(time, Some(SILENCE)),
        }
    }
}
