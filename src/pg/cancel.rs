//! Cancelling: what each connection does right now, so that another connection which knows its secret can stop it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::door::verifier::random;
use crate::error::Result;

/// The connections there are, by process number.
#[derive(Debug, Default)]
pub(super) struct Processes {
    last: AtomicI32,
    running: Mutex<HashMap<i32, Process>>,
}

#[derive(Debug)]
struct Process {
    secret: [u8; 4],
    statement: CancellationToken,
}

/// A connection's place among them, left when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    processes: Arc<Processes>,
    number: i32,
    secret: [u8; 4],
}

impl Processes {
    /// Enters a connection.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the system has no randomness.
    pub(super) fn enter(self: &Arc<Self>) -> Result<Place> {
        let secret = random()?;
        let number = self.last.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        self.running().insert(number, Process { secret, statement: CancellationToken::new() });
        Ok(Place { processes: Arc::clone(self), number, secret })
    }

    /// Stops what a connection does; nothing when it is none, or the secret is not its own.
    pub(super) fn cancel(&self, number: i32, secret: &[u8]) {
        if let Some(process) = self.running().get(&number).filter(|process| process.secret == secret) {
            process.statement.cancel();
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<i32, Process>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The number of the connection.
    pub(super) fn number(&self) -> i32 {
        self.number
    }

    /// What is to be known to cancel its statements.
    pub(super) fn secret(&self) -> i32 {
        i32::from_be_bytes(self.secret)
    }

    /// Begins a statement; the token tells when it is to stop.
    pub(super) fn begin(&self) -> CancellationToken {
        let statement = CancellationToken::new();
        if let Some(process) = self.processes.running().get_mut(&self.number) {
            process.statement = statement.clone();
        }
        statement
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.processes.running().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_statement_of_one_who_is_known_is_cancelled() {
        let processes = Arc::new(Processes::default());
        let (one, other) = (processes.enter().unwrap(), processes.enter().unwrap());
        let before = one.begin();
        let (statement, others) = (one.begin(), other.begin());
        processes.cancel(one.number(), &[1, 2, 3]);
        processes.cancel(99, &one.secret().to_be_bytes());
        assert!(!statement.is_cancelled());
        processes.cancel(one.number(), &one.secret().to_be_bytes());
        assert_eq!([before.is_cancelled(), statement.is_cancelled(), others.is_cancelled()], [false, true, false]);
        drop(one);
        assert_eq!(processes.running().len(), 1);
    }
}
