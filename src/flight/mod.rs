//! Arrow Flight SQL: ADBC, JDBC and whoever reads Arrow fetch rows as they are in memory.
//!
//! ```text
//!  socket ─ connection ─ gate ─ service ─┬─ statement ──▶ Engine            a ticket, and what it is fetched with
//!           TLS, HTTP/2  who    calls    ├─ rows ◀─────── types ◀─ batches  a message when there is room for it
//!                                        ├─ metadata · facts                the catalogue, and what there is
//!                                        └─ actions · options · cancel
//! ```
//!
//! HTTP/2 is hyper's and the messages are `arrow-flight`'s; tonic turns one into the other. What a client comes back for
//! (tokens, tickets, prepared statements) is on a `shelf`.

mod actions;
mod cancel;
mod connection;
mod facts;
mod failure;
mod gate;
mod metadata;
mod options;
mod refusals;
mod rows;
mod service;
mod shelf;
mod statement;
mod types;
mod visitor;

use std::sync::Arc;
use std::time::Duration;

use arrow_flight::flight_service_server::FlightServiceServer;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::door::listener::{Ending, Limits};
use crate::door::{Admission, Listener};
use crate::engine::Engine;
use crate::error::Result;
use cancel::{Place, Places};
use facts::Facts;
use service::{Face, Service};
use shelf::Shelf;
use statement::{Prepared, Statement};
use visitor::Visitor;

/// The protocol's name in a TLS handshake.
pub const ALPN: &str = "h2";

/// Bytes of a message that is taken from a client.
const LARGEST: usize = 4 << 20;
/// How long rows wait to be fetched, and for how many statements of a user they do.
const TICKETS: shelf::Limits = shelf::Limits { life: Some(Duration::from_secs(600)), most: 1_000 };
/// How long a prepared statement is kept that is not used, and how many of a user.
const PREPARED: Duration = Duration::from_secs(3600);
const MOST_PREPARED: usize = 1_000;
/// Tokens of a user.
const MOST_TOKENS: usize = 100;

/// How a server serves.
#[derive(Clone)]
pub struct Options {
    /// Who may come in.
    pub admission: Admission,
    /// The encryption; with it, nobody comes in without.
    pub tls: Option<TlsAcceptor>,
    /// How many may come in.
    pub limits: Limits,
    /// How long one may take to show who it is.
    pub login_timeout: Duration,
    /// How long a token opens the door after it was last shown.
    pub token_life: Duration,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("limits", &self.limits).field("is_tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}

/// A server of an engine.
pub struct Server {
    engine: Engine,
    options: Options,
    tokens: Shelf<Arc<Visitor>>,
    /// Statements whose rows wait to be fetched.
    statements: Shelf<(Statement, Place)>,
    prepared: Shelf<Arc<Prepared>>,
    /// Statements that can be cancelled.
    places: Places,
    facts: Facts,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Server {
    /// A server that has nobody yet.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when what it tells of itself cannot be written down.
    pub fn try_new(engine: Engine, options: Options) -> Result<Arc<Self>> {
        let tokens = shelf::Limits { life: Some(options.token_life), most: MOST_TOKENS };
        let prepared = shelf::Limits { life: Some(PREPARED), most: MOST_PREPARED };
        Ok(Arc::new(Self {
            engine,
            options,
            tokens: Shelf::new(tokens),
            statements: Shelf::new(TICKETS),
            prepared: Shelf::new(prepared),
            places: Places::default(),
            facts: Facts::try_new(PREPARED)?,
        }))
    }

    /// Serves until a stop is asked for, and then until all have gone.
    pub async fn serve(self: Arc<Self>, listener: Listener, stop: &CancellationToken) {
        let serve = |stream, ending: Ending| {
            let stop = ending.stop.clone();
            ending.bound(connection::serve(Arc::clone(&self), stream, stop))
        };
        // There is nothing to say before both have agreed on HTTP/2: one too many finds the door shut.
        listener.serve(self.options.limits, stop, serve, |stream: TcpStream| drop(stream)).await;
    }

    /// What answers its calls.
    fn face(self: &Arc<Self>) -> Face {
        FlightServiceServer::new(Service { server: Arc::clone(self) }).max_decoding_message_size(LARGEST)
    }
}
