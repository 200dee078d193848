//! Cancelling: the statements that wait or are being run, each under the handle that its rows are fetched with.

use std::sync::Arc;

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::shelf::{Handle, Limits, Shelf};
use crate::error::Result;

/// The statements that wait or are being run.
#[derive(Debug)]
pub(super) struct Places {
    places: Arc<Shelf<CancellationToken>>,
}

/// A statement's place among them, left when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Shelf<CancellationToken>>,
    owner: Arc<str>,
    handle: Handle,
    cancel: CancellationToken,
}

impl Default for Places {
    fn default() -> Self {
        // There are no more of them than tickets and calls.
        Self { places: Arc::new(Shelf::new(Limits { life: None, most: usize::MAX })) }
    }
}

impl Places {
    /// Enters a statement.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the system has no randomness.
    pub(super) fn enter(&self, owner: &Arc<str>) -> Result<Place> {
        let cancel = CancellationToken::new();
        let handle = self.places.put(owner, cancel.clone())?;
        Ok(Place { places: Arc::clone(&self.places), owner: Arc::clone(owner), handle, cancel })
    }

    /// Stops an owner's statement; whether there is one.
    pub(super) fn cancel(&self, owner: &str, handle: &[u8]) -> bool {
        let found = self.places.get(owner, handle);
        found.inspect(CancellationToken::cancel).is_some()
    }
}

impl Place {
    /// What the statement's rows are fetched with.
    pub(super) fn handle(&self) -> Handle {
        self.handle
    }

    /// Done when the statement is to stop.
    pub(super) fn cancelled(&self) -> WaitForCancellationFutureOwned {
        self.cancel.clone().cancelled_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.take(&self.owner, &self.handle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_owner_cancels_a_statement_and_only_while_it_is_there() {
        let places = Places::default();
        let [place, other] = [(); 2].map(|()| places.enter(&Arc::from("anna")).unwrap());
        let (handle, others) = (place.handle(), other.handle());
        assert_eq!([places.cancel("bob", &handle), places.cancel("anna", b"guessed")], [false; 2]);
        assert!(!place.cancel.is_cancelled());
        assert!(places.cancel("anna", &handle) && place.cancel.is_cancelled() && !other.cancel.is_cancelled());
        drop(place);
        assert_eq!([places.cancel("anna", &handle), places.cancel("anna", &others)], [false, true]);
    }
}
