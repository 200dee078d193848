//! `ckosql serve`: the doors for programs, in one process with one engine and one limiter, until Ctrl-C or SIGTERM.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgGroup, Args};
use futures::future::{BoxFuture, join_all};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::notify::{READY, STOPPING, notify};
use super::run::interrupt;
use super::terminal::say;
use super::{Global, open, users};
use crate::door::address::{self, Passage};
use crate::door::listener::Limits;
use crate::door::{Admission, Listener, Roll, tls};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::shell::failure::Failure;
use crate::{flight, http, pg};

/// Time to show who one is, and to say what one wants.
const LOGIN: Duration = Duration::from_secs(30);
/// Bytes of a statement with its parameters, as a body of HTTP has them.
const LONGEST_BODY: usize = 8 << 20;
/// Time since a token was last shown, after which it opens nothing.
const TOKEN: Duration = Duration::from_secs(12 * 3600);

/// The doors there can be, in the order they are told of.
const DOORS: &[Door] = &[
    Door { speaks: "PostgreSQL", wanted: |arguments| arguments.pg.as_deref(), behind: postgres },
    Door { speaks: "Arrow Flight SQL", wanted: |arguments| arguments.flight.as_deref(), behind: flight_sql },
    Door { speaks: "HTTP", wanted: |arguments| arguments.http.as_deref(), behind: http },
];

/// A door: what is spoken there, where it is wanted, and who stands behind it.
struct Door {
    speaks: &'static str,
    wanted: fn(&Arguments) -> Option<&str>,
    behind: fn(&House) -> Result<Serve>,
}

/// Serves whoever comes by a listener, until a stop is asked for and all have gone.
type Serve = Box<dyn FnOnce(Listener, CancellationToken) -> BoxFuture<'static, ()> + Send>;

/// What all doors have in common.
struct House {
    engine: Engine,
    admission: Admission,
    /// The files of the certificate and its key.
    tls: Option<(PathBuf, PathBuf)>,
    limits: Limits,
    are_metrics_open: bool,
}

fn postgres(house: &House) -> Result<Serve> {
    let (admission, tls) = (house.admission.clone(), house.tls(&[pg::ALPN])?);
    let options = pg::Options { admission, tls, limits: house.limits, login_timeout: LOGIN };
    let server = pg::Server::try_new(house.engine.clone(), options)?;
    Ok(Box::new(|listener, stop| Box::pin(async move { server.serve(listener, &stop).await })))
}

fn flight_sql(house: &House) -> Result<Serve> {
    let (admission, tls) = (house.admission.clone(), house.tls(&[flight::ALPN])?);
    let options = flight::Options { admission, tls, limits: house.limits, login_timeout: LOGIN, token_life: TOKEN };
    let server = flight::Server::try_new(house.engine.clone(), options)?;
    Ok(Box::new(|listener, stop| Box::pin(async move { server.serve(listener, &stop).await })))
}

fn http(house: &House) -> Result<Serve> {
    let (admission, tls) = (house.admission.clone(), house.tls(&[http::ALPN])?);
    let options = http::Options {
        admission,
        tls,
        limits: house.limits,
        patience: LOGIN,
        body_bytes: LONGEST_BODY,
        are_metrics_open: house.are_metrics_open,
    };
    let server = http::Server::new(house.engine.clone(), options);
    Ok(Box::new(|listener, stop| Box::pin(async move { server.serve(listener, &stop).await })))
}

/// What `ckosql serve` takes.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("doors").args(["pg", "flight", "http"]).required(true).multiple(true)))]
pub(super) struct Arguments {
    /// Speak PostgreSQL's protocol here.
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "127.0.0.1:5432")]
    pg: Option<String>,
    /// Speak Arrow Flight SQL here.
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "127.0.0.1:31337")]
    flight: Option<String>,
    /// Answer HTTP here: SQL by POST /v1/sql, and /metrics.
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "127.0.0.1:8080")]
    http: Option<String>,
    /// File of the users who may come in, made by ckosql users add, instead of the one in the XDG configuration folder.
    #[arg(long, value_name = "FILE", conflicts_with = "trust")]
    users: Option<PathBuf>,
    /// Let everybody in who can connect, without a password; on the loopback interface only. The rule with --demo.
    #[arg(long)]
    trust: bool,
    /// Certificate (chain) as PEM; nobody is let in without TLS then.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its key as PEM: PKCS#8, PKCS#1 or SEC1.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Listen elsewhere than on the loopback interface though whoever is in between can read what passes.
    #[arg(long, conflicts_with = "tls_cert")]
    allow_remote_without_tls: bool,
    /// Connections at a time, by each door.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    max_connections: u16,
    /// Seconds that statements have to finish once ckosql is told to stop.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    drain: u64,
    /// Let everybody who can connect read /metrics.
    #[arg(long, requires = "http")]
    metrics_open: bool,
    /// Warn of statements that take longer.
    #[arg(long, value_name = "SECONDS")]
    slow: Option<u64>,
    /// Append a line of JSON to this file for each statement: who, by what door, what without its literals, what came of it.
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
}

/// Serves until Ctrl-C or SIGTERM, and then until those who are in are done; at the second of them, at once.
///
/// # Errors
/// [`ErrorKind::Usage`] when an address is not to be had, or not safe; those of the configuration.
pub(super) async fn run(global: &Global, arguments: &Arguments) -> Result<(), Failure> {
    let wanted = arguments.doors()?;
    let admission = arguments.admission(global)?;
    for (_, address) in &wanted {
        address::check(*address, &admission, arguments.passage())?;
    }
    let how = how(&admission, arguments.tls_cert.is_some());
    let opened = open::open(global)?;
    if opened.engine.has_roles() && matches!(admission, Admission::Anybody) {
        return Err(Error::new(ErrorKind::Usage, "there are roles, and nobody is asked who he is")
            .hint("leave out --trust, and make users with ckosql users add")
            .into());
    }
    arguments.watch(&opened.engine)?;
    let house = arguments.house(opened.engine.clone(), admission);
    let (mut serving, mut places): (Vec<(Serve, Listener)>, Vec<String>) = Default::default();
    for (door, address) in wanted {
        let serve = (door.behind)(&house)?;
        let listener = Listener::bind(address).await?;
        places.push(format!("{} on {}", door.speaks, listener.address()));
        serving.push((serve, listener));
    }
    let stop = CancellationToken::new();
    let interrupted = async {
        interrupt().await;
        notify(STOPPING);
        say("ckosql stops once what is under way is done; once more stops it at once\n");
        stop.cancel();
        interrupt().await;
    };
    let served = async {
        say(&format!("ckosql is ready: {}, {how}\n", places.join(", ")));
        notify(READY);
        join_all(serving.into_iter().map(|(serve, listener)| serve(listener, stop.clone()))).await;
    };
    tokio::select! {
        // Listened for before anybody is told that it is ready.
        biased;
        () = interrupted => Err(Error::new(ErrorKind::Cancelled, "cancelled").into()),
        () = served => Ok(()),
    }
}

impl House {
    /// The encryption of a door whose clients speak one of these protocols; none where no certificate is named.
    fn tls(&self, protocols: &[&str]) -> Result<Option<TlsAcceptor>> {
        self.tls.as_ref().map(|(certificate, key)| tls::load(certificate, key, protocols)).transpose()
    }
}

impl Arguments {
    /// The doors that are asked for, and where.
    fn doors(&self) -> Result<Vec<(&'static Door, SocketAddr)>> {
        let wanted = DOORS.iter().filter_map(|door| Some((door, (door.wanted)(self)?)));
        wanted.map(|(door, wanted)| Ok((door, address::parse(wanted)?))).collect()
    }

    fn house(&self, engine: Engine, admission: Admission) -> House {
        let tls = self.tls_cert.clone().zip(self.tls_key.clone());
        let limits = Limits { connections: self.max_connections.into(), drain: Duration::from_secs(self.drain) };
        House { engine, admission, tls, limits, are_metrics_open: self.metrics_open }
    }

    /// Has the engine write down what it is asked.
    fn watch(&self, engine: &Engine) -> Result<()> {
        if let Some(seconds) = self.slow {
            engine.warn_of_slow(Duration::from_secs(seconds));
        }
        self.audit.as_ref().map_or(Ok(()), |path| engine.audit(path))
    }

    /// How callers show who they are.
    fn admission(&self, global: &Global) -> Result<Admission> {
        if self.trust || (global.demo.is_some() && self.users.is_none()) {
            return Ok(Admission::Anybody);
        }
        let path = match &self.users {
            Some(path) => path.clone(),
            None => users::usual_file()?,
        };
        let roll = Roll::read(&path)?;
        if roll.now().is_empty() {
            return Err(nobody(&path));
        }
        Ok(Admission::Passwords(Arc::new(roll)))
    }

    fn passage(&self) -> Passage {
        match (&self.tls_cert, self.allow_remote_without_tls) {
            (Some(_), _) => Passage::Encrypted,
            (None, true) => Passage::PlainOnPurpose,
            (None, false) => Passage::Plain,
        }
    }
}

fn nobody(path: &Path) -> Error {
    Error::new(ErrorKind::Config, "there are no users who could come in")
        .with("path", path.display())
        .hint("make one with ckosql users add NAME")
}

/// How one comes in, in words.
fn how(admission: &Admission, is_tls: bool) -> String {
    let asked = match admission {
        Admission::Passwords(_) => "with a password",
        Admission::Anybody => "for everybody who can connect: no password is asked for",
    };
    format!("{asked}, {}", if is_tls { "with TLS" } else { "without TLS" })
}
