//! The last things that happened, oldest first; older ones are forgotten.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Entries kept.
const LONGEST: usize = 1000;

/// The last entries of a kind, oldest first.
#[derive(Debug)]
pub struct Recent<T> {
    entries: Mutex<VecDeque<T>>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { entries: Mutex::default() }
    }
}

impl<T: Clone> Recent<T> {
    /// Adds an entry, and forgets the oldest when there are too many.
    pub fn add(&self, entry: T) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= LONGEST {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    /// The entries, oldest first.
    pub fn read(&self) -> Vec<T> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_when_there_are_too_many() {
        let recent = Recent::default();
        (0..=LONGEST).for_each(|entry| recent.add(entry));
        assert_eq!((recent.read().first().copied(), recent.read().len()), (Some(1), LONGEST));
    }
}
