//! Cancelling: the statements that are being run, each under the handle that its rows are fetched with.

use std::sync::Arc;

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::shelf::{Limits, Shelf};

/// The statements that are being run.
#[derive(Debug)]
pub(super) struct Places {
    places: Arc<Shelf<CancellationToken>>,
}

/// A statement's place among them, left when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Shelf<CancellationToken>>,
    owner: Arc<str>,
    handle: Vec<u8>,
    cancel: CancellationToken,
}

impl Default for Places {
    fn default() -> Self {
        // There are no more of them than calls.
        Self { places: Arc::new(Shelf::new(Limits { life: None, most: usize::MAX })) }
    }
}

impl Places {
    /// Enters a statement.
    pub(super) fn enter(&self, owner: &Arc<str>, handle: &[u8]) -> Place {
        let cancel = CancellationToken::new();
        self.places.put_under(handle, owner, cancel.clone());
        Place { places: Arc::clone(&self.places), owner: Arc::clone(owner), handle: handle.to_vec(), cancel }
    }

    /// Stops an owner's statement; whether there is one.
    pub(super) fn cancel(&self, owner: &str, handle: &[u8]) -> bool {
        let found = self.places.get(owner, handle);
        found.inspect(CancellationToken::cancel).is_some()
    }
}

impl Place {
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
    fn only_its_owner_cancels_a_statement_and_only_while_it_runs() {
        let places = Places::default();
        let place = places.enter(&Arc::from("anna"), b"one");
        let _other = places.enter(&Arc::from("anna"), b"other");
        assert_eq!([places.cancel("bob", b"one"), places.cancel("anna", b"none")], [false; 2]);
        assert!(!place.cancel.is_cancelled());
        assert!(places.cancel("anna", b"one") && place.cancel.is_cancelled());
        drop(place);
        assert_eq!([places.cancel("anna", b"one"), places.cancel("anna", b"other")], [false, true]);
    }
}
