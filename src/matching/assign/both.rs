//! Two things at once: what is done for one side need not wait for the other.

use std::panic::resume_unwind;
use std::thread;

/// What both give, each on a core of its own where there is one.
pub(in crate::matching) fn both<One, Other: Send>(
    one: impl FnOnce() -> One,
    other: impl FnOnce() -> Other + Send,
) -> (One, Other) {
    thread::scope(|scope| {
        let other = scope.spawn(other);
        let one = one();
        (one, other.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}
