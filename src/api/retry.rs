//! The patience: which failures are tried again, when, and until when.
//!
//! Every request ckosql sends only reads, so each is safe to repeat. This file knows no status codes; whoever judges
//! an answer says in a [`Failure`] whether asking again may help.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::{Instant, sleep};

use super::config::Limits;
use crate::error::{Error, Result};

/// An attempt that did not give an answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) again: Again,
}

/// Whether to ask again, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// The same request would fail again.
    Never,
    /// After a wait of our own choice.
    Later,
    /// After the wait the other side asks for.
    After(Duration),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let again = if error.is_retryable() { Again::Later } else { Again::Never };
        Self { error, again }
    }
}

impl Failure {
    /// A failure that had its own attempts already.
    pub(super) fn last(error: Error) -> Self {
        Self { error, again: Again::Never }
    }
}

/// What is left of the patience for one request.
#[derive(Debug)]
pub(super) struct Patience<'a> {
    limits: &'a Limits,
    waits: ExponentialBackoff,
    attempts: usize,
    /// When the first attempt left; waiting for a turn before it is not the other side's fault.
    started_at: Option<Instant>,
}

impl<'a> Patience<'a> {
    pub(super) fn new(limits: &'a Limits) -> Self {
        let waits = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(limits.first_wait)
            .with_max_delay(limits.longest_wait)
            .with_max_times(limits.attempts.saturating_sub(1))
            .build();
        Self { limits, waits, attempts: 0, started_at: None }
    }

    /// Begins an attempt: how long it may take.
    pub(super) fn begin(&mut self) -> Duration {
        self.attempts += 1;
        let spent = self.started_at.get_or_insert_with(Instant::now).elapsed();
        self.limits.attempt_timeout.min(self.limits.deadline.saturating_sub(spent))
    }

    /// Waits until the next attempt may be made.
    ///
    /// # Errors
    /// The failure's own error when asking again cannot help, or when attempts or time are used up; then it says how
    /// many and how long.
    pub(super) async fn after(&mut self, failure: Failure) -> Result<()> {
        let told = match failure.again {
            Again::Never => return Err(failure.error),
            Again::Later => None,
            Again::After(wait) => Some(wait.min(self.limits.longest_wait)),
        };
        let spent = self.started_at.map(|at| at.elapsed()).unwrap_or_default();
        let own = self.waits.next().map(|wait| wait.min(self.limits.longest_wait));
        match own.map(|own| told.unwrap_or(own)) {
            Some(wait) if spent.saturating_add(wait) < self.limits.deadline => {
                sleep(wait).await;
                Ok(())
            }
            _ => {
                let seconds = format!("{}.{}", spent.as_secs(), spent.subsec_millis() / 100);
                Err(failure.error.with("attempts", self.attempts).with("seconds", seconds))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn limits() -> Limits {
        Limits { attempts: 4, first_wait: Duration::from_secs(1), deadline: Duration::from_secs(100), ..Limits::default() }
    }

    fn failure(again: Again) -> Failure {
        Failure { error: Error::new(ErrorKind::Unavailable, "no answer"), again }
    }

    #[tokio::test(start_paused = true)]
    async fn waits_double_with_jitter_until_attempts_end() {
        let limits = limits();
        let mut patience = Patience::new(&limits);
        for least in [1, 2, 4] {
            patience.begin();
            let start = Instant::now();
            patience.after(failure(Again::Later)).await.unwrap();
            let wait = start.elapsed().as_millis();
            assert!((least * 1_000..=least * 2_000 + 1).contains(&wait), "{wait}");
        }
        patience.begin();
        let error = patience.after(failure(Again::Later)).await.unwrap_err();
        assert_eq!((error.kind(), error.context("attempts")), (ErrorKind::Unavailable, Some("4")));
        let seconds: u32 = error.context("seconds").unwrap().split('.').next().unwrap().parse().unwrap();
        assert!((7..=14).contains(&seconds), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_other_side_s_wait_is_kept_up_to_the_longest() {
        let limits = Limits { longest_wait: Duration::from_secs(20), ..limits() };
        let mut patience = Patience::new(&limits);
        for (told, kept) in [(7, 7), (3_600, 20)] {
            patience.begin();
            let start = Instant::now();
            patience.after(failure(Again::After(Duration::from_secs(told)))).await.unwrap();
            assert_eq!(start.elapsed().as_secs(), kept);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_the_deadline_is_not_begun() {
        let limits = limits();
        let mut patience = Patience::new(&limits);
        assert_eq!(patience.begin(), Duration::from_secs(60));
        tokio::time::advance(Duration::from_secs(70)).await;
        assert_eq!(patience.begin(), Duration::from_secs(30));
        let start = Instant::now();
        let error = patience.after(failure(Again::After(Duration::from_secs(50)))).await.unwrap_err();
        assert_eq!((start.elapsed(), error.context("seconds")), (Duration::ZERO, Some("70.0")));
    }

    #[tokio::test]
    async fn what_cannot_get_better_ends_at_once_and_unchanged() {
        let limits = limits();
        let mut patience = Patience::new(&limits);
        patience.begin();
        let error = patience.after(Error::new(ErrorKind::Decode, "no number").into()).await.unwrap_err();
        assert_eq!(error.to_string(), "no number");
    }
}
