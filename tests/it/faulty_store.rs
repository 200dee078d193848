//! A store of objects some of whose operations fail.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions,
    PutPayload, PutResult,
};

/// What is asked of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Put,
    Get,
    List,
    Delete,
    Copy,
}

type Fails = Box<dyn FnMut(Operation) -> bool + Send>;

pub(crate) struct FaultyStore {
    inner: InMemory,
    fails: Mutex<Fails>,
}

impl FaultyStore {
    /// An empty store of which nothing fails yet.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { inner: InMemory::new(), fails: Mutex::new(Box::new(|_| false)) })
    }

    /// From now on, operations fail of which this is said.
    pub(crate) fn fail_when(&self, fails: impl FnMut(Operation) -> bool + Send + 'static) {
        *self.fails.lock().unwrap() = Box::new(fails);
    }

    /// From now on, this put fails, counted from 1.
    pub(crate) fn fail_at_put(&self, put: usize) {
        let mut puts = 0;
        self.fail_when(move |operation| {
            puts += usize::from(operation == Operation::Put);
            operation == Operation::Put && puts == put
        });
    }

    /// From now on, nothing fails.
    pub(crate) fn mend(&self) {
        self.fail_when(|_| false);
    }

    fn ask(&self, operation: Operation) -> object_store::Result<()> {
        if (self.fails.lock().unwrap())(operation) {
            return Err(object_store::Error::Generic { store: "faulty", source: "503 slow down".into() });
        }
        Ok(())
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyStore")
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
        self.ask(Operation::Put)?;
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.ask(Operation::Put)?;
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.ask(Operation::Get)?;
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        match self.ask(Operation::Delete) {
            Ok(()) => self.inner.delete_stream(paths),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        match self.ask(Operation::List) {
            Ok(()) => self.inner.list(prefix),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.ask(Operation::List)?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.ask(Operation::Copy)?;
        self.inner.copy_opts(from, to, options).await
    }
}
