//! Files that are made when they are first read, and are nowhere: those of a source that has no folder.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

/// Path and content of files.
type Made = Vec<(String, Bytes)>;

/// Files that are made when they are first asked for. Clones share them.
#[derive(Clone)]
pub struct Files {
    inner: Arc<Inner>,
}

struct Inner {
    make: Box<dyn Fn() -> Made + Send + Sync>,
    made: OnceLock<Made>,
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}

impl Files {
    /// The files that a function makes.
    pub fn new(make: impl Fn() -> Vec<(String, Bytes)> + Send + Sync + 'static) -> Self {
        Self { inner: Arc::new(Inner { make: Box::new(make), made: OnceLock::new() }) }
    }

    /// All of them.
    pub(super) fn all(&self) -> &[(String, Bytes)] {
        self.inner.made.get_or_init(&self.inner.make)
    }
}
