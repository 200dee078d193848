//! What to ask: a request as plain data, before any host, credential or attempt is known.

use std::fmt;
use std::hash::{Hash, Hasher};

/// One of Checkout.com's hosts; each can be overridden in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// `api.checkout.com`, with the account's prefix.
    Main,
    /// `balances.checkout.com`.
    Balances,
    /// `transfers.checkout.com`.
    Transfers,
    /// `files.checkout.com`.
    Files,
    /// `access.checkout.com`, with the account's prefix.
    Token,
}

/// HTTP method; search is a POST that reads only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
}

/// A request to Checkout.com, without credential; those that ask the same are equal, whatever they are asked for.
#[derive(Clone)]
pub struct Request {
    /// Which host.
    pub host: Host,
    /// HTTP method.
    pub method: Method,
    /// Absolute path, percent-encoded.
    pub path: String,
    /// The path with its keys unsaid, for journals and plans.
    pub template: &'static str,
    /// Query parameters, not encoded.
    pub query: Vec<(String, String)>,
    /// JSON body.
    pub body: Option<String>,
    /// The table it is asked for, for errors and logs.
    pub table: &'static str,
    /// The OAuth scope it needs, for errors.
    pub scope: &'static str,
    /// How often the listing it belongs to was begun again; not sent, it only tells a second reading from the first.
    pub pass: usize,
}

impl Request {
    /// What tells one question from another.
    fn question(&self) -> impl Eq + Hash {
        ((self.host, self.method, &self.path), (&self.query, &self.body, self.pass))
    }
}

impl PartialEq for Request {
    fn eq(&self, other: &Self) -> bool {
        self.question() == other.question()
    }
}

impl Eq for Request {}

impl Hash for Request {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.question().hash(state);
    }
}

impl fmt::Debug for Request {
    /// Method, host, path template and parameter names: values may be personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.query.iter().map(|(name, _)| name.as_str()).collect();
        write!(f, "{:?} {:?} {} {names:?}", self.method, self.host, self.template)
    }
}
