//! The wish that a sync end soon.

use std::sync::Arc;

use tokio::sync::watch;

/// The wish that a sync end soon: what is being read is committed, and nothing more is begun. Clones are the same wish.
#[derive(Debug, Clone)]
pub struct Stop {
    asked: Arc<watch::Sender<bool>>,
}

impl Default for Stop {
    /// A wish that nobody has yet.
    fn default() -> Self {
        Self { asked: Arc::new(watch::Sender::new(false)) }
    }
}

impl Stop {
    /// Asks for it.
    pub fn ask(&self) {
        self.asked.send_replace(true);
    }

    /// Whether somebody has asked.
    pub fn is_asked(&self) -> bool {
        *self.asked.borrow()
    }

    /// Ends when somebody asks.
    pub async fn asked(&self) {
        let mut asked = self.asked.subscribe();
        // It cannot fail: the sender lives as long as this does.
        let _asked = asked.wait_for(|asked| *asked).await;
    }
}
