//! Flights: requests under way, shared by all who want the same page at the same time.
//!
//! Whoever comes first sends; the others wait for that reply. When the first fails or is cancelled, the next one sends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    /// A seat on the flight of a request that is under way, or on a new one.
    pub(super) fn board<'a>(&'a self, request: &'a Request) -> Seat<'a> {
        let flight = Arc::clone(self.lock().entry(request.clone()).or_default());
        Seat { flights: self, request, flight }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Request, Flight>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A seat on a flight. When the first one is left, arrived or given up, the flight is over for whoever comes now: they want
/// a fresh answer. Who sits in it already still gets this one's.
pub(super) struct Seat<'a> {
    flights: &'a Flights,
    request: &'a Request,
    pub(super) flight: Flight,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut under_way = self.flights.lock();
        if under_way.get(self.request).is_some_and(|current| Arc::ptr_eq(current, &self.flight)) {
            under_way.remove(self.request);
        }
    }
}
