//! HTTP: SQL comes in, and rows go out as JSON, CSV, Arrow or Parquet; and what those ask who watch a server.
//!
//! ```text
//!  socket ─ connection ─ caller ─ question ─ parameters ──▶ Engine
//!           TLS, HTTP    who      what asked
//!                                 accept ─── answer ◀────── rows
//! ```
//!
//! Each request has a session of its own. No header lets pages of other sites in.

mod accept;
mod answer;
mod caller;
mod connection;
mod metrics;
mod parameters;
mod problem;
mod question;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::http::Version;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::door::listener::{Ending, Limits};
use crate::door::{Admission, Listener};
use crate::engine::{Answer, Caller, Engine};
use crate::error::{Error, ErrorKind, Result};
use answer::within;
use connection::Peer;
use metrics::Gathered;
use problem::Problem;
use question::{Patience, Question};

/// The protocol's name in a TLS handshake.
pub const ALPN: &str = "http/1.1";

/// What [`Caller`] calls this door.
const DOOR: &str = "http";

/// A path, and what answers there.
type Route = (&'static str, fn() -> MethodRouter<Room>);

/// What is answered where; `openapi.json` tells the same, and a test holds one against the other.
const ROUTES: &[Route] = &[
    ("/", || get(about)),
    ("/v1/sql", || post(sql)),
    ("/v1/openapi.json", || get(document)),
    ("/healthz", || get(health)),
    ("/readyz", || get(readiness)),
    ("/metrics", || get(metrics)),
];

/// What is at `/`.
const ABOUT: &str = concat!(
    "ckosql ",
    env!("CARGO_PKG_VERSION"),
    ": SQL over Checkout.com\n\n",
    "POST /v1/sql           run a statement: SQL as text/plain, or {\"sql\": \"...\", \"parameters\": [...]} as application/json\n",
    "GET  /v1/openapi.json  all of it, as an OpenAPI document\n",
    "GET  /healthz          whether it lives\n",
    "GET  /readyz           whether it takes requests\n",
    "GET  /metrics          what it does, for Prometheus\n",
);

/// How a server serves.
#[derive(Clone)]
pub struct Options {
    /// Who may come in.
    pub admission: Admission,
    /// The encryption; with it, nobody comes in without.
    pub tls: Option<TlsAcceptor>,
    /// How many may come in.
    pub limits: Limits,
    /// How long one may take to ask: for TLS, for the headers, and for the body. Who asks nothing more leaves after it.
    pub patience: Duration,
    /// Bytes that a request's body may have.
    pub body_bytes: usize,
    /// Whether everybody who can connect may read `/metrics`.
    pub are_metrics_open: bool,
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
    gathered: Gathered,
}

/// What requests are answered with.
#[derive(Debug, Clone)]
struct Room {
    server: Arc<Server>,
    stop: CancellationToken,
}

impl Server {
    /// A server that has nobody yet.
    pub fn new(engine: Engine, options: Options) -> Arc<Self> {
        Arc::new(Self { engine, options, gathered: Gathered::default() })
    }

    /// Serves until a stop is asked for, and then until all have gone.
    pub async fn serve(self: Arc<Self>, listener: Listener, stop: &CancellationToken) {
        let router = Room { server: Arc::clone(&self), stop: stop.clone() }.router();
        let serve = |stream, ending: Ending| {
            let stop = ending.stop.clone();
            ending.bound(connection::serve(Arc::clone(&self), router.clone(), stream, stop))
        };
        listener.serve(self.options.limits, stop, serve, |stream| connection::refuse(&stream)).await;
    }

    /// Runs a statement, as one who may.
    async fn run(&self, question: Question, caller: Caller) -> Result<Answer> {
        let session = self.engine.session_for(caller)?;
        for (name, value) in &question.settings {
            session.set(name, Some(value)).await?;
        }
        let planned = session.plan(&question.sql).await?;
        let (wanted, given) = (planned.parameters()?.keys().last().copied().unwrap_or(0), question.parameters.len());
        if wanted != given {
            return Err(Error::new(
                ErrorKind::Query,
                format!("the statement has {wanted} parameters, and {given} values are given"),
            ));
        }
        let bound = if given == 0 { planned } else { planned.bind(question.parameters)? };
        session.run(bound).await
    }
}

impl Room {
    fn router(self) -> Router {
        let routed = ROUTES.iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods()));
        routed.fallback(nothing_here).method_not_allowed_fallback(not_so).with_state(self)
    }
}

async fn sql(State(room): State<Room>, Extension(peer): Extension<Peer>, request: Request) -> Result<Response, Problem> {
    let options = &room.server.options;
    let (head, body) = request.into_parts();
    if head.version < Version::HTTP_11 {
        // Its answers end with the connection, so that one that is cut would look whole.
        return Err(Problem::new(505, "HTTP/1.0 cannot tell whether an answer is whole"));
    }
    let caller = caller::admit(&room.server, &head.headers, peer).await?;
    let accept: Vec<_> = head.headers.get_all(ACCEPT).iter().filter_map(|accept| accept.to_str().ok()).collect();
    let format = accept::choose(&accept.join(","))?;
    let question = question::read(&head.headers, body, Patience { bytes: options.body_bytes, time: options.patience }).await?;
    let deadline = question.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let answered = async {
        let answer = within(deadline, room.server.run(question, caller)).await??;
        answer::send(answer, format, deadline).await
    };
    Ok(Box::pin(answered).await?)
}

async fn about() -> &'static str {
    ABOUT
}

async fn document() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], include_str!("openapi.json"))
}

async fn health() -> &'static str {
    "ok\n"
}

async fn readiness(State(room): State<Room>) -> Result<&'static str, Problem> {
    if room.stop.is_cancelled() { Err(Problem::new(503, "ckosql is stopping")) } else { Ok("ok\n") }
}

async fn metrics(
    State(room): State<Room>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<impl IntoResponse, Problem> {
    let Server { engine, options, gathered } = room.server.as_ref();
    if !options.are_metrics_open {
        caller::admit(&room.server, request.headers(), peer).await?;
        if engine.has_roles() {
            return Err(Error::new(ErrorKind::Scope, "metrics count what everybody does, and there are roles")
                .hint("serve with --metrics-open where only Prometheus can connect")
                .into());
        }
    }
    Ok(([(CONTENT_TYPE, metrics::MEDIA_TYPE)], gathered.text(engine).await))
}

async fn nothing_here() -> Problem {
    Problem::new(404, "there is nothing here").hint("/v1/openapi.json tells what there is")
}

async fn not_so() -> Problem {
    Problem::new(405, "this is not to be had by this method").hint("/v1/openapi.json tells what there is")
}
