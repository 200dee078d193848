//! The log of a lake's table, in the folder or bucket where the lake is.

use std::sync::Arc;

use deltalake_core::logstore::{LogStoreRef, StorageConfig, default_logstore};
use object_store::prefix::PrefixStore;

use crate::error::{Error, Result};
use crate::store::Location;

/// The log of the table of this name.
///
/// # Errors
/// [`crate::error::ErrorKind::Bug`] when the name is none of a folder.
pub(super) fn log_of(location: &Location, table: &str) -> Result<LogStoreRef> {
    let no_folder = |error| Error::bug("a table's name is no folder's").with("table", table).caused_by(error);
    let url = location.url().join(&format!("{table}/")).map_err(no_folder)?;
    let folder = object_store::path::Path::from_url_path(url.path())
        .map_err(|error| Error::bug("a table's folder is no path").caused_by(error))?;
    let store = Arc::new(PrefixStore::new(location.root(), folder));
    Ok(default_logstore(store, location.root(), &url, &StorageConfig::default()))
}
