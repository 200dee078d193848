//! The pace: one limiter per credential for the whole process, whatever number of clients and doors there is.
//!
//! Checkout.com counts requests over the whole account and answers 429 beyond its limit, which it adapts. So do we:
//! a 429 takes a quarter off the pace, and every quiet second gives a twentieth of the configured pace back.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::config::{Account, Credential, Limits};
use crate::error::{Error, Result};

/// How long one change of pace is left to show its effect.
const SETTLE: Duration = Duration::from_secs(1);

/// Every limiter in use, by credential and host.
static LIMITERS: LazyLock<Mutex<HashMap<u64, Weak<Limiter>>>> = LazyLock::new(Mutex::default);

/// Whose request goes first when both wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Somebody waits for the answer.
    #[default]
    Interactive,
    /// Nobody does: it lets the others go ahead.
    Background,
}

/// Paces the requests of one credential.
pub(super) struct Limiter {
    clock: Elapsed,
    /// How many interactive requests wait; those in the background start when there is none.
    interactive: watch::Sender<usize>,
    in_flight: Semaphore,
    /// Held by the one waiter that watches the pace; the others queue behind it, first come, first served.
    turn: Semaphore,
    most: NonZeroU32,
    pace: Mutex<Pace>,
}

struct Pace {
    per_second: NonZeroU32,
    cells: Arc<Cells>,
    raised_at: Instant,
    lowered_at: Option<Instant>,
}

type Cells = RateLimiter<NotKeyed, InMemoryState, Elapsed, NoOpMiddleware<Duration>>;

/// Tokio's clock, so that waiting and counting agree, also where a test stops it.
#[derive(Debug, Clone, Copy)]
struct Elapsed {
    since: Instant,
}

impl Clock for Elapsed {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.since.elapsed()
    }
}

impl Limiter {
    /// The limiter of an account's credential; the limits of its first client hold for all.
    pub(super) fn of(account: &Account) -> Arc<Self> {
        let mut limiters = lock(&LIMITERS);
        limiters.retain(|_, limiter| limiter.strong_count() > 0);
        let key = key(account);
        if let Some(limiter) = limiters.get(&key).and_then(Weak::upgrade) {
            return limiter;
        }
        let limiter = Arc::new(Self::new(&account.limits));
        limiters.insert(key, Arc::downgrade(&limiter));
        limiter
    }

    fn new(limits: &Limits) -> Self {
        let clock = Elapsed { since: Instant::now() };
        let most = NonZeroU32::new(limits.requests_per_second).unwrap_or(NonZeroU32::MIN);
        let pace = Pace { per_second: most, cells: cells(most, clock), raised_at: clock.since, lowered_at: None };
        let in_flight = limits.in_flight.clamp(1, Semaphore::MAX_PERMITS);
        let interactive = watch::Sender::new(0);
        Self { clock, interactive, in_flight: Semaphore::new(in_flight), turn: Semaphore::new(1), most, pace: Mutex::new(pace) }
    }

    /// Waits until one more request may be sent; the permit is kept until its answer is read.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Bug`] when the limiter was closed, which nobody does.
    pub(super) async fn permit(&self, urgency: Urgency) -> Result<SemaphorePermit<'_>> {
        let closed = |error| Error::bug("the limiter was closed").caused_by(error);
        let _waiting = (urgency == Urgency::Interactive).then(|| Waiting::among(&self.interactive));
        let (permit, _turn) = loop {
            let permit = self.in_flight.acquire().await.map_err(closed)?;
            let turn = self.turn.acquire().await.map_err(closed)?;
            if urgency == Urgency::Interactive || *self.interactive.borrow() == 0 {
                break (permit, turn);
            }
            // Somebody came while this one was in the queue: it gives its place up and queues anew.
            drop((permit, turn));
            drop(self.interactive.subscribe().wait_for(|waiting| *waiting == 0).await);
        };
        loop {
            // Asked for anew each time round: the pace may have changed meanwhile.
            let wait = match self.cells().check() {
                Ok(()) => return Ok(permit),
                Err(not_until) => not_until.wait_time_from(self.clock.now()),
            };
            sleep(wait).await;
        }
    }

    /// Requests a second that are let through now.
    pub(super) fn per_second(&self) -> u32 {
        lock(&self.pace).per_second.get()
    }

    /// Takes note of a 429.
    pub(super) fn throttled(&self) {
        let mut pace = lock(&self.pace);
        // Several requests that were under way together are one sign, not several.
        if pace.lowered_at.is_some_and(|at| at.elapsed() < SETTLE) {
            return;
        }
        pace.lowered_at = Some(Instant::now());
        let lowest = (self.most.get() / 10).max(1);
        let lower = (pace.per_second.get() - pace.per_second.get() / 4).max(lowest);
        self.set(&mut pace, lower);
        drop(pace);
        warn!(requests_per_second = lower, "Checkout.com answered 429: slowing down to {lower} requests a second");
    }

    /// The cells of the pace that holds now.
    fn cells(&self) -> Arc<Cells> {
        let mut pace = lock(&self.pace);
        let quiet = pace.raised_at.elapsed() >= SETTLE && pace.lowered_at.is_none_or(|at| at.elapsed() >= SETTLE);
        if quiet && pace.per_second < self.most {
            pace.raised_at = Instant::now();
            let step = (self.most.get() / 20).max(1);
            let higher = pace.per_second.get().saturating_add(step).min(self.most.get());
            self.set(&mut pace, higher);
        }
        Arc::clone(&pace.cells)
    }

    fn set(&self, pace: &mut Pace, per_second: u32) {
        pace.per_second = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
        pace.cells = cells(pace.per_second, self.clock);
    }
}

/// One interactive request that waits, until it is dropped.
struct Waiting<'a> {
    all: &'a watch::Sender<usize>,
}

impl<'a> Waiting<'a> {
    fn among(all: &'a watch::Sender<usize>) -> Self {
        all.send_modify(|waiting| *waiting += 1);
        Self { all }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.all.send_modify(|waiting| *waiting -= 1);
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_second = lock(&self.pace).per_second;
        f.debug_struct("Limiter").field("per_second", &per_second).field("most", &self.most).finish_non_exhaustive()
    }
}

/// A fiftieth of a second's requests may come at once: enough to make up for timers, which count milliseconds.
fn cells(per_second: NonZeroU32, clock: Elapsed) -> Arc<Cells> {
    let burst = NonZeroU32::new((per_second.get() / 50).max(2)).unwrap_or(NonZeroU32::MIN);
    Arc::new(RateLimiter::direct_with_clock(Quota::per_second(per_second).allow_burst(burst), clock))
}

/// Stands for credential and host in the list of limiters, which so keeps no secret.
fn key(account: &Account) -> u64 {
    let mut hasher = DefaultHasher::new();
    match &account.credential {
        Credential::SecretKey(secret) => secret.expose().hash(&mut hasher),
        Credential::ClientCredentials { id, .. } => id.hash(&mut hasher),
        Credential::Absent => {}
    }
    account.hosts.main.hash(&mut hasher);
    hasher.finish()
}

/// The content of a lock; a panic elsewhere cannot have left it half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(requests_per_second: u32, in_flight: usize) -> Limiter {
        Limiter::new(&Limits { requests_per_second, in_flight, ..Limits::default() })
    }

    async fn take(limiter: &Limiter, permits: u32) -> Duration {
        let start = Instant::now();
        for _ in 0..permits {
            drop(limiter.permit(Urgency::Interactive).await.unwrap());
        }
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn the_allowed_rate_is_used_and_not_exceeded() {
        for per_second in [1, 7, 50, 100, 2_000, 30_000] {
            let limiter = limiter(per_second, 16);
            let permits = per_second * 20;
            let taken = take(&limiter, permits).await.as_millis();
            // Twenty seconds' worth, less the burst of a fiftieth of a second or two requests.
            let burst_ms = u128::from(2_000 / per_second).max(20);
            assert!(taken >= 20_000 - burst_ms, "{per_second}: {taken} ms");
            assert!(taken <= 20_000 * 100 / 95, "{per_second}: {taken} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_waited_for_goes_ahead_of_the_background() {
        let limiter = limiter(10, 1);
        let order = Mutex::new(Vec::new());
        let request = async |urgency: Urgency| {
            let permit = limiter.permit(urgency).await.unwrap();
            lock(&order).push(urgency);
            sleep(Duration::from_millis(50)).await;
            drop(permit);
        };
        let background = futures::future::join_all((0..20).map(|_| request(Urgency::Background)));
        let interactive = async {
            sleep(Duration::from_millis(500)).await;
            futures::future::join_all((0..20).map(|_| request(Urgency::Interactive))).await;
        };
        futures::future::join(background, interactive).await;
        let order = lock(&order);
        let first = order.iter().position(|urgency| *urgency == Urgency::Interactive).unwrap();
        // One that had its turn already may still go.
        let between = order[first..first + 21].iter().filter(|urgency| **urgency == Urgency::Background).count();
        assert!(first < 15 && between <= 1 && order.len() == 40, "{order:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn requests_under_way_are_capped() {
        let limiter = limiter(1_000, 2);
        let first = limiter.permit(Urgency::Interactive).await.unwrap();
        let _second = limiter.permit(Urgency::Interactive).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_secs(9), limiter.permit(Urgency::Interactive)).await.is_err());
        drop(first);
        assert!(tokio::time::timeout(Duration::from_secs(9), limiter.permit(Urgency::Interactive)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_slows_down_once_and_quiet_seconds_speed_up_again() {
        let limiter = limiter(100, 16);
        let pace = || lock(&limiter.pace).per_second.get();
        limiter.throttled();
        limiter.throttled();
        assert_eq!(pace(), 75);
        tokio::time::advance(SETTLE).await;
        take(&limiter, 1).await;
        assert_eq!(pace(), 80);
        take(&limiter, 79).await;
        assert_eq!(pace(), 80);
        take(&limiter, 1_000).await;
        assert_eq!(pace(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn the_pace_has_a_floor() {
        let limiter = limiter(100, 16);
        for _ in 0..50 {
            limiter.throttled();
            tokio::time::advance(SETTLE).await;
        }
        assert_eq!(lock(&limiter.pace).per_second.get(), 10);
    }

    #[tokio::test]
    async fn clients_of_one_credential_and_host_share_their_limiter() {
        let settings = |url: &str| super::super::config::AccountSettings {
            secret_key: Some("sk_sbox_limiterlimiterlimiterlimit2".to_owned().into()),
            api_url: Some(url.to_owned()),
            ..Default::default()
        };
        let account = |name, url| settings(url).resolve(name).unwrap();
        let first = Limiter::of(&account("one", "http://127.0.0.1:1"));
        assert!(Arc::ptr_eq(&first, &Limiter::of(&account("two", "http://127.0.0.1:1"))));
        assert!(!Arc::ptr_eq(&first, &Limiter::of(&account("two", "http://127.0.0.1:2"))));
    }
}
