//! Things that clients come back for: each under a handle that nobody can guess, found by its owner only, and gone when
//! nobody has asked for it for a while, or its owner has too many.
//!
//! Of a handle only the hash is kept: what is on a shelf opens nothing.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ring::digest;
use tokio::time::Instant;

use crate::door::verifier::random;
use crate::error::Result;

/// What a thing is found by.
pub(super) type Handle = [u8; 32];

/// Things of one kind.
pub(super) struct Shelf<T> {
    limits: Limits,
    kept: Mutex<HashMap<Hash, Kept<T>>>,
}

/// How long things are kept, and how many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Time since one was last asked for; without, one stays until it is taken.
    pub(super) life: Option<Duration>,
    /// Things that one owner may have; with one more, the one that was longest not asked for goes.
    pub(super) most: usize,
}

type Hash = Vec<u8>;

struct Kept<T> {
    owner: Arc<str>,
    thing: T,
    used: Instant,
}

impl<T> fmt::Debug for Shelf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl<T> Shelf<T> {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, kept: Mutex::default() }
    }

    /// Keeps a thing, and tells what it is found by.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the system has no randomness.
    pub(super) fn put(&self, owner: &Arc<str>, thing: T) -> Result<Handle> {
        let handle = random()?;
        self.put_under(&handle, owner, thing);
        Ok(handle)
    }

    /// Keeps a thing under a handle that somebody has.
    pub(super) fn put_under(&self, handle: &[u8], owner: &Arc<str>, thing: T) {
        let now = Instant::now();
        let mut kept = self.kept();
        kept.retain(|_, one| !self.is_over(one, now));
        let own = || kept.iter().filter(|(_, one)| one.owner == *owner);
        if own().count() >= self.limits.most
            && let Some(oldest) = own().min_by_key(|(_, one)| one.used).map(|(hash, _)| hash.clone())
        {
            kept.remove(&oldest);
        }
        kept.insert(hash(handle), Kept { owner: Arc::clone(owner), thing, used: now });
    }

    /// The thing of an owner, which is not kept any more.
    pub(super) fn take(&self, owner: &str, handle: &[u8]) -> Option<T> {
        let mut kept = self.kept();
        let hash = hash(handle);
        kept.get(&hash).filter(|one| one.owner.as_ref() == owner && !self.is_over(one, Instant::now()))?;
        kept.remove(&hash).map(|one| one.thing)
    }

    /// Keeps only those of the things that are wanted.
    pub(super) fn retain(&self, is_wanted: impl Fn(&T) -> bool) {
        self.kept().retain(|_, one| is_wanted(&one.thing));
    }

    fn is_over(&self, one: &Kept<T>, now: Instant) -> bool {
        self.limits.life.is_some_and(|life| now.duration_since(one.used) >= life)
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Hash, Kept<T>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Shelf<T> {
    /// The thing of an owner.
    pub(super) fn get(&self, owner: &str, handle: &[u8]) -> Option<T> {
        self.find(handle, |one| one.owner.as_ref() == owner)
    }

    /// The thing of whoever has its handle.
    pub(super) fn get_of_bearer(&self, handle: &[u8]) -> Option<T> {
        self.find(handle, |_| true)
    }

    fn find(&self, handle: &[u8], is_allowed: impl Fn(&Kept<T>) -> bool) -> Option<T> {
        let now = Instant::now();
        let mut kept = self.kept();
        let one = kept.get_mut(&hash(handle)).filter(|one| !self.is_over(one, now) && is_allowed(one))?;
        one.used = now;
        Some(one.thing.clone())
    }
}

fn hash(handle: &[u8]) -> Hash {
    digest::digest(&digest::SHA256, handle).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn owner(name: &str) -> Arc<str> {
        Arc::from(name)
    }

    #[test]
    fn a_thing_is_its_owner_s_and_is_taken_once() {
        let shelf = Shelf::new(Limits { life: None, most: 10 });
        let handle = shelf.put(&owner("anna"), 7).unwrap();
        assert_eq!([shelf.get("bob", &handle), shelf.take("bob", &handle), shelf.get("anna", b"guessed")], [None; 3]);
        assert_eq!(shelf.get_of_bearer(&handle), Some(7));
        assert_eq!([shelf.take("anna", &handle), shelf.take("anna", &handle)], [Some(7), None]);
    }

    #[test]
    fn an_owner_with_too_many_loses_the_one_not_asked_for_longest_and_no_other_s() {
        let shelf = Shelf::new(Limits { life: None, most: 2 });
        let others = shelf.put(&owner("bob"), 0).unwrap();
        let handles = [1, 2].map(|thing| shelf.put(&owner("anna"), thing).unwrap());
        shelf.get("anna", &handles[0]).unwrap();
        let third = shelf.put(&owner("anna"), 3).unwrap();
        assert_eq!(shelf.get("anna", &handles[1]), None);
        assert_eq!(shelf.get("anna", &handles[0]).zip(shelf.get("anna", &third)), Some((1, 3)));
        assert_eq!(shelf.get("bob", &others), Some(0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_thing_that_is_asked_for_lives_on_and_another_does_not() {
        let shelf = Shelf::new(Limits { life: Some(HOUR), most: 10 });
        let [asked_for, forgotten] = [1, 2].map(|thing| shelf.put(&owner("anna"), thing).unwrap());
        tokio::time::advance(HOUR / 2).await;
        assert_eq!(shelf.get("anna", &asked_for), Some(1));
        tokio::time::advance(HOUR / 2).await;
        assert_eq!((shelf.get("anna", &asked_for), shelf.get("anna", &forgotten)), (Some(1), None));
        // What is over is not only hidden.
        shelf.put(&owner("bob"), 3).unwrap();
        assert_eq!(shelf.kept().len(), 2);
    }
}
