//! A running stand-in: its listeners, its thread, and how to reach it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use chrono::{DateTime, Utc};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use url::Url;

use super::access::{Credentials, Pace, Tokens};
use super::disputes::Changes;
use super::serve::{HostState, serve};
use super::shared::{LoggedRequest, SandboxOptions, Shared, Site};
use crate::api::config::{Account, Credential, Hosts, Limits};
use crate::api::request::Host;
use crate::error::{Error, ErrorKind, Result};
use crate::sandbox::faults::Faults;
use crate::sandbox::merchant::Merchant;
use crate::sandbox::report::Report;
use crate::sandbox::zone::Zone;
use crate::schema::decode::AssumedUnit;
use crate::secret::Secret;

const SITES: [Site; 6] = [
    Site::Api(Host::Main),
    Site::Api(Host::Balances),
    Site::Api(Host::Transfers),
    Site::Api(Host::Files),
    Site::Api(Host::Token),
    Site::Storage,
];
const WORKERS: usize = 2;
const LARGEST_PAGE: usize = 64 << 20;

/// A stand-in for Checkout.com that is up; it stops when it is dropped.
///
/// It runs on a thread of its own, so it can be used with or without an async runtime around it, and a test may stop
/// its own clock without stopping the stand-in's.
pub struct Sandbox {
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// The name of its account, as tables tell it.
    pub const ACCOUNT: &'static str = "sandbox";

    /// Opens the five hosts and the storage on loopback; they accept connections when this returns.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when a given port is taken; [`ErrorKind::Bug`] when no port or thread is to be had.
    pub fn start(merchant: Arc<Merchant>, options: SandboxOptions) -> Result<Self> {
        let mut listeners = Vec::with_capacity(SITES.len());
        for (place, site) in (0_u16..).zip(SITES) {
            listeners.push((site, listen(options.base_port.map(|port| port.saturating_add(place)))?));
        }
        let shared = Arc::new(Shared {
            hosts: hosts_of(&listeners)?,
            storage: url_of(&listeners, Site::Storage)?,
            credentials: Credentials::of(&merchant),
            merchant,
            faults: Mutex::new(options.faults.clone()),
            options,
            tokens: Tokens::default(),
            pace: Pace::default(),
            changes: Changes::default(),
            count: AtomicU64::new(0),
            log: Mutex::new(VecDeque::new()),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("sandbox")
            .enable_all()
            .build()
            .map_err(|error| cannot("start", error))?;
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&shared);
        let run = move || runtime.block_on(serve_all(serving, listeners, stopped));
        let thread = std::thread::Builder::new().name("sandbox".to_owned()).spawn(run).map_err(|error| cannot("start", error))?;
        Ok(Self { shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Where its hosts are.
    pub fn hosts(&self) -> Hosts {
        self.shared.hosts.clone()
    }

    /// Where its report files are; a host of its own.
    pub fn storage(&self) -> Url {
        self.shared.storage.clone()
    }

    /// The secret key that it takes.
    pub fn secret_key(&self) -> &str {
        self.shared.credentials.secret_key.expose()
    }

    /// The OAuth client that it knows.
    pub fn client_id(&self) -> &str {
        &self.shared.credentials.client_id
    }

    /// The OAuth client's secret.
    pub fn client_secret(&self) -> &str {
        self.shared.credentials.client_secret.expose()
    }

    /// The merchant's entities.
    pub fn entity_ids(&self) -> Vec<String> {
        self.shared.merchant.entity_ids()
    }

    /// The start of the merchant's history.
    pub fn history_start(&self) -> DateTime<Utc> {
        self.shared.merchant.start()
    }

    /// The merchant it stands for.
    pub fn merchant(&self) -> &Arc<Merchant> {
        &self.shared.merchant
    }

    /// A connection to it, with its secret key and no limits to speak of.
    pub fn account(&self) -> Account {
        Account {
            name: Self::ACCOUNT.to_owned(),
            credential: Credential::SecretKey(Secret::new(self.secret_key())),
            hosts: self.hosts(),
            entity_ids: self.entity_ids(),
            history_start: self.history_start(),
            limits: Limits {
                requests_per_second: 100_000,
                in_flight: 32,
                attempts: 8,
                attempt_timeout: Duration::from_secs(30),
                deadline: Duration::from_secs(120),
                first_wait: Duration::from_millis(5),
                longest_wait: Duration::from_millis(100),
                body_bytes: LARGEST_PAGE,
            },
            exponents: Arc::default(),
            reports_dir: None,
            settlement_zone: None,
            settlement_zones: self.settlement_zones(),
            balances_unit: AssumedUnit::Minor,
            rows_per_year: self.rows_per_year(),
            search_without: Vec::new(),
        }
    }

    /// The zones of its entities' report files, as an account's configuration says them.
    fn settlement_zones(&self) -> BTreeMap<String, String> {
        let entities = self.entity_ids().into_iter().enumerate();
        entities.map(|(entity, id)| (id, Zone::of(entity).name.to_owned())).collect()
    }

    /// How many payments, disputes and reports its merchant has in a year, as an account's configuration says it.
    fn rows_per_year(&self) -> BTreeMap<String, u64> {
        let merchant = &self.shared.merchant;
        let days = u64::from(merchant.options().days.max(1));
        let rows = [
            ("payments", merchant.options().payments),
            ("disputes", merchant.disputed().len() as u64),
            ("reports", Report::all(merchant).count() as u64),
        ];
        rows.map(|(table, rows)| (table.to_owned(), rows * 365 / days)).into()
    }

    /// The requests answered since the start or [`Sandbox::reset_log`], the last 100,000 of them.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.shared.log.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Forgets the requests so far.
    pub fn reset_log(&self) {
        self.shared.log.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// From now on other things go wrong; what is told wrongly in its report files stays as it was.
    pub fn set_faults(&self, faults: Faults) {
        *self.shared.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// Closes its hosts and waits until they are closed.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        // A failed send means that the thread has ended already.
        self.stop.take().map(|stop| stop.send(()));
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed when it happened, and there is nobody left to serve.
            let _ = thread.join();
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.shut_down();
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("main", &self.shared.hosts.main.as_str()).finish_non_exhaustive()
    }
}

/// Serves until told to stop, or until nobody could tell any more; ends every connection by ending its tasks.
async fn serve_all(shared: Arc<Shared>, listeners: Vec<(Site, TcpListener)>, stopped: oneshot::Receiver<()>) {
    let mut serving = JoinSet::new();
    for (site, listener) in listeners {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { continue };
        // Small answers must not wait for more to send with them; where the option is refused, they do.
        let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
        let router = Router::new().fallback(serve).with_state(HostState { shared: Arc::clone(&shared), site });
        serving.spawn(async move { axum::serve(listener, router).await });
    }
    let _ = stopped.await;
}

fn listen(port: Option<u16>) -> Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).map_err(|error| match port {
        Some(port) => Error::new(ErrorKind::Usage, "cannot open the sandbox on this port").with("port", port).caused_by(error),
        None => cannot("open a port", error),
    })?;
    listener.set_nonblocking(true).map_err(|error| cannot("open a port", error))?;
    Ok(listener)
}

fn hosts_of(listeners: &[(Site, TcpListener)]) -> Result<Hosts> {
    let url = |host| url_of(listeners, Site::Api(host));
    Ok(Hosts {
        main: url(Host::Main)?,
        balances: url(Host::Balances)?,
        transfers: url(Host::Transfers)?,
        files: url(Host::Files)?,
        token: url(Host::Token)?,
    })
}

fn url_of(listeners: &[(Site, TcpListener)], wanted: Site) -> Result<Url> {
    let listener = listeners.iter().find(|(site, _)| *site == wanted).map(|(_, listener)| listener);
    let listener = listener.ok_or_else(|| Error::bug("every site has a listener"))?;
    let address = listener.local_addr().map_err(|error| cannot("open a port", error))?;
    format!("http://{address}/").parse().map_err(|error| Error::bug("an address makes a URL").caused_by(error))
}

fn cannot(what: &str, error: std::io::Error) -> Error {
    Error::bug(format!("the sandbox cannot {what} on this machine")).caused_by(error)
}
