//! Flights: requests under way, shared by all who want the same page at the same time.
//!
//! Whoever comes first sends; the others wait for that reply. When the first fails or is cancelled, the next one sends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::reply::Reply;
use super::request::Request;

/// A reply that is there, or on its way; `None` inside means that there is no such thing.
pub type Flight = Arc<OnceCell<Option<Reply>>>;

/// The flights of one client.
#[derive(Debug, Default)]
pub(super) struct Flights {
    under_way: Mutex<HashMap<Request, Flight>>,
}

impl Flights {
    /// The flight of a request that is under way, or a new one.
    pub(super) fn board(&self, request: &Request) -> Flight {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(under_way.entry(request.clone()).or_default())
    }

    /// The flight is over: whoever comes now wants a fresh answer.
    pub(super) fn land(&self, request: &Request, flight: &Flight) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.get(request).is_some_and(|current| Arc::ptr_eq(current, flight)) {
            under_way.remove(request);
        }
    }
}
