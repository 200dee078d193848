//! The only source of "now", so that tests and the stand-in merchant can live on a day of their own.

use std::time::SystemTime;

use chrono::{DateTime, Utc};

/// Where the current time comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// A clock that stands still.
    Fixed(DateTime<Utc>),
}

impl Clock {
    /// The current instant, UTC.
    pub fn now(self) -> DateTime<Utc> {
        match self {
            Self::System => DateTime::from(SystemTime::now()),
            Self::Fixed(instant) => instant,
        }
    }
}
