//! The PostgreSQL wire: psql, drivers and BI tools see a database to read from.
//!
//! ```text
//!  socket ─ startup ─ connection ─┬─ command ── what a statement asks for
//!           TLS, who   messages   ├─ prepared ─ its parameters and columns ──▶ Engine
//!                                 └─ portal ─── its rows ◀── rows · copy
//! ```
//!
//! Messages that go out are pgwire's. What it has for serving them is not used: it gathers whole answers, cancels them only
//! until their first row, and checks passwords with what would be enough to log in with.

mod cancel;
mod catalog;
mod command;
mod connection;
mod copy;
mod dialect;
mod explained;
mod failure;
mod frontend;
mod parameters;
mod portal;
mod prepared;
mod rows;
mod scram;
mod settings;
mod startup;
mod types;
mod user;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::door::listener::Limits;
use crate::door::{Admission, Listener};
use crate::engine::Engine;
use crate::error::Result;
use cancel::Processes;
use catalog::Catalog;

/// The protocol's name in a TLS handshake.
pub const ALPN: &str = "postgresql";

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
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("limits", &self.limits).field("is_tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}

/// A server of an engine.
#[derive(Debug)]
pub struct Server {
    engine: Engine,
    options: Options,
    processes: Arc<Processes>,
    catalog: Arc<Catalog>,
}

impl Server {
    /// A server that has nobody yet.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when PostgreSQL's own catalogue cannot be read.
    pub fn try_new(engine: Engine, options: Options) -> Result<Arc<Self>> {
        let catalog = Arc::new(Catalog::try_new()?);
        Ok(Arc::new(Self { engine, options, processes: Arc::default(), catalog }))
    }

    /// Serves until a stop is asked for, and then until all have gone.
    pub async fn serve(self: Arc<Self>, listener: Listener, stop: &CancellationToken) {
        let serve = |stream, ending| startup::serve(Arc::clone(&self), stream, ending);
        listener.serve(self.options.limits, stop, serve, |stream| startup::refuse(&stream)).await;
    }
}
