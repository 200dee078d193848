//! Where an export goes: a folder or a bucket, and the manifest in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutPayload, UpdateVersion};

use super::manifest::{self, Manifest};
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Location, folder};

/// A folder or a bucket to export to.
#[derive(Debug, Clone)]
pub struct Destination {
    location: Location,
    store: Arc<dyn ObjectStore>,
}

/// The manifest that is there.
#[derive(Debug, Clone)]
pub struct Found {
    /// The manifest.
    pub manifest: Manifest,
    pub(super) bytes: Bytes,
    version: UpdateVersion,
}

impl Destination {
    /// A place to export to.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when its path cannot be one of files.
    pub fn new(location: Location) -> Result<Self> {
        let store = location.store()?;
        Ok(Self { location, store })
    }

    /// Its files, by their paths from the manifest on.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// The URL of a file, for people.
    pub fn name_of(&self, path: &Path) -> String {
        format!("{}{path}", self.location.url())
    }

    /// The manifest that is there now; `None` when nothing was ever published.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when it cannot be read, or is none of an export.
    pub async fn find(&self) -> Result<Option<Found>> {
        let path = Path::from(manifest::NAME);
        let about = |error: Error| error.with("file", self.name_of(&path));
        let unread = |error| about(Error::new(ErrorKind::File, "cannot read the manifest of an export").caused_by(error));
        let answer = match self.store.get(&path).await {
            Ok(answer) => answer,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(unread(error)),
        };
        let version = UpdateVersion { e_tag: answer.meta.e_tag.clone(), version: answer.meta.version.clone() };
        let bytes = answer.bytes().await.map_err(unread)?;
        Ok(Some(Found { manifest: Manifest::read(&bytes).map_err(about)?, bytes, version }))
    }

    /// Puts a manifest in the place of the former one, unless that is another one by now.
    pub(super) async fn publish(&self, manifest: Vec<u8>, former: Option<&Found>) -> Result<()> {
        let path = Path::from(manifest::NAME);
        let now = self.find().await?;
        let id = |found: &Found| found.manifest.export_id.clone();
        if now.as_ref().map(id) != former.map(id) {
            return Err(self.overtaken());
        }
        let payload = PutPayload::from(manifest);
        let mode = now.map_or(PutMode::Create, |found| PutMode::Update(found.version));
        let mut put = self.store.put_opts(&path, payload.clone(), mode.into()).await;
        if matches!(put, Err(object_store::Error::NotImplemented { .. })) {
            // A folder cannot compare; what it has was looked at a moment ago.
            put = self.store.put(&path, payload).await;
        }
        match put {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Err(self.overtaken()),
            Err(error) => Err(self.unwritten(&path, error)),
        }
    }

    fn overtaken(&self) -> Error {
        Error::new(ErrorKind::Conflict, "another export to this place was published meanwhile")
            .with("to", self.location.url())
            .hint("its files are left as they are; run this one again, or choose another destination")
    }

    /// The error of not having been able to write a file.
    pub(super) fn unwritten(&self, path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::new(ErrorKind::File, "cannot write a file of the export")
            .with("file", self.name_of(path))
            .hint("nothing was published, and a former export is as it was; see to room and permissions there, and run it again")
            .caused_by(error)
    }

    /// Removes folders that have nothing in them any more, where there are such things as folders.
    pub(super) fn remove_empty(&self, folders: &BTreeSet<Path>) {
        let Some(root) = folder(self.location.url()) else { return };
        for path in folders {
            let parts: Vec<_> = path.parts().map(|part| part.as_ref().to_owned()).collect();
            for depth in (1..=parts.len()).rev() {
                let inner = parts.iter().take(depth).fold(root.clone(), |path, part| path.join(part));
                // One that has something in it is not removed, which is as wanted.
                if std::fs::remove_dir(inner).is_err() {
                    break;
                }
            }
        }
    }
}
