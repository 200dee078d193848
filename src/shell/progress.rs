//! The line on stderr that shows that a long query is alive: requests, rows, time.
//!
//! It appears after a second, so that a quick query leaves no trace, and is gone before anything else is printed.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinSet;

use crate::engine::{Activity, Engine};

/// How long a query may take before the line appears.
const PATIENCE: Duration = Duration::from_secs(1);
const FRAME: Duration = Duration::from_millis(100);

/// Whether progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// On stderr, which is a terminal.
    Shown,
    /// Not at all.
    Hidden,
}

/// The progress line of one statement; dropping it clears the line.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    ticker: JoinSet<()>,
}

impl Progress {
    /// Starts to watch what the engine does.
    pub fn start(engine: &Engine, visibility: Visibility) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()).with_style(ProgressStyle::default_spinner());
        let mut ticker = JoinSet::new();
        if visibility == Visibility::Shown {
            ticker.spawn(tick(bar.clone(), engine.clone()));
        }
        Self { bar, ticker }
    }

    /// Clears the line; nothing is drawn after this returns.
    pub async fn stop(&mut self) {
        self.ticker.shutdown().await;
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.ticker.abort_all();
        self.bar.finish_and_clear();
    }
}

async fn tick(bar: ProgressBar, engine: Engine) {
    let started = Instant::now();
    let before = engine.activity();
    tokio::time::sleep(PATIENCE).await;
    bar.set_draw_target(ProgressDrawTarget::stderr());
    let mut frames = tokio::time::interval(FRAME);
    loop {
        frames.tick().await;
        bar.set_message(line(&before, &engine.activity(), started.elapsed()));
        bar.tick();
    }
}

fn line(before: &Activity, now: &Activity, elapsed: Duration) -> String {
    let requests = now.requests.saturating_sub(before.requests);
    let rows = now.rows.saturating_sub(before.rows);
    let waiting = now.throttled.saturating_sub(before.throttled);
    let throttled = if waiting == 0 { String::new() } else { format!(", {waiting} throttled") };
    format!("{requests} requests, {rows} rows{throttled}, {}", seconds(elapsed))
}

/// A time span for people, to the tenth of a second.
pub(super) fn seconds(elapsed: Duration) -> String {
    format!("{}.{} s", elapsed.as_secs(), elapsed.subsec_millis() / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_counts_from_the_start_of_the_statement() {
        let before = Activity { requests: 10, rows: 1_000, ..Activity::default() };
        let now = Activity { requests: 12, rows: 3_000, throttled: 1, ..Activity::default() };
        assert_eq!(line(&before, &now, Duration::from_millis(2_390)), "2 requests, 2000 rows, 1 throttled, 2.3 s");
    }
}
