//! Memory: one pool for all sessions of a process, and of it what a single statement may take.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::{Result as DataFusionResult, resources_datafusion_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};

use crate::error::Result;

/// The runtime of a statement that may take so much of the memory that all share.
///
/// # Errors
/// [`crate::error::ErrorKind::File`] when there is no place for what is spilled.
pub(super) fn share(runtime: &RuntimeEnv, most: usize) -> Result<Arc<RuntimeEnv>> {
    let share = Share { all: Arc::clone(&runtime.memory_pool), most, taken: AtomicUsize::new(0) };
    Ok(RuntimeEnvBuilder::from_runtime_env(runtime).with_memory_pool(Arc::new(share)).build_arc()?)
}

/// What one statement takes of the memory that all share.
#[derive(Debug)]
struct Share {
    all: Arc<dyn MemoryPool>,
    most: usize,
    taken: AtomicUsize,
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes of a statement's, in {}", self.reserved(), self.most, self.all)
    }
}

impl MemoryPool for Share {
    fn name(&self) -> &'static str {
        "share"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.all.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.all.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.taken.fetch_add(additional, Ordering::Relaxed);
        self.all.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.taken.fetch_sub(shrink, Ordering::Relaxed);
        self.all.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> DataFusionResult<()> {
        let taken = self.taken.fetch_add(additional, Ordering::Relaxed).saturating_add(additional);
        let grown = if taken <= self.most {
            self.all.try_grow(reservation, additional)
        } else {
            let most = self.most;
            Err(resources_datafusion_err!(
                "the statement may take {most} bytes of memory (checkout.max_memory), and wants {additional} more than it has"
            ))
        };
        if grown.is_err() {
            self.taken.fetch_sub(additional, Ordering::Relaxed);
        }
        grown
    }

    fn reserved(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        match self.all.memory_limit() {
            MemoryLimit::Finite(most) => MemoryLimit::Finite(most.min(self.most)),
            _ => MemoryLimit::Finite(self.most),
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::GreedyMemoryPool;

    use super::*;

    #[test]
    fn a_statement_takes_no_more_than_its_share_and_all_no_more_than_there_is() {
        let all: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(100));
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::clone(&all)).build().unwrap();
        let [one, other] = [60, 60].map(|most| share(&runtime, most).unwrap());
        let taken = MemoryConsumer::new("one").register(&one.memory_pool);
        taken.try_grow(50).unwrap();
        let refused = taken.try_grow(11).unwrap_err().to_string();
        assert!(refused.contains("60 bytes of memory (checkout.max_memory)"), "{refused}");
        let rest = MemoryConsumer::new("other").register(&other.memory_pool);
        assert!(rest.try_grow(51).is_err(), "there were 50 left for all");
        rest.try_grow(50).unwrap();
        assert_eq!((all.reserved(), one.memory_pool.reserved()), (100, 50));
        drop((taken, rest));
        assert_eq!((all.reserved(), one.memory_pool.reserved(), other.memory_pool.reserved()), (0, 0, 0));
    }
}
