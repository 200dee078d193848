//! Where files are: a folder or a bucket, by URL.
//!
//! Credentials of buckets are those of the environment, as the vendors' own tools take them; an option of the
//! configuration wins over the variable of the same name.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, parse_url_opts};
use url::Url;

use crate::error::{Error, ErrorKind, Result};

/// Schemes of buckets.
const BUCKETS: [&str; 9] = ["s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl", "memory"];
/// What the variables that buckets are reached by begin with.
const VARIABLES: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];

/// A folder or a bucket.
#[derive(Debug, Clone)]
pub struct Location {
    url: Url,
    /// The whole disk or bucket.
    root: Arc<dyn ObjectStore>,
}

impl Location {
    /// The place that a text names: a path, or a URL of `file`, `s3`, `gs` or `az`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when it is neither, or its store cannot be set up.
    pub fn parse(text: &str, options: &BTreeMap<String, String>) -> Result<Self> {
        Self::of("lake", text, options)
    }

    /// The same, of something else than a lake: what it is, is said in errors.
    ///
    /// # Errors
    /// As [`Location::parse`].
    pub fn of(what: &'static str, text: &str, options: &BTreeMap<String, String>) -> Result<Self> {
        let url = url_of(what, text)?;
        let (store, _path) = parse_url_opts(&url, options.iter()).map_err(|error| {
            Error::new(ErrorKind::Config, format!("the store of the {what} cannot be set up")).with(what, &url).caused_by(error)
        })?;
        Ok(Self { url, root: store.into() })
    }

    /// The same place, reached through another store, whose root is the whole disk or bucket.
    #[must_use]
    pub fn through(self, root: Arc<dyn ObjectStore>) -> Self {
        Self { root, ..self }
    }

    /// Its URL, which ends in `/`.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The whole disk or bucket.
    pub fn root(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.root)
    }

    /// What is at this place, by paths from there on.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when its path is none of files.
    pub fn store(&self) -> Result<Arc<dyn ObjectStore>> {
        let folder = object_store::path::Path::from_url_path(self.url.path()).map_err(|error| {
            Error::new(ErrorKind::Config, "this is no place for files").with("url", &self.url).caused_by(error)
        })?;
        Ok(Arc::new(PrefixStore::new(self.root(), folder)))
    }
}

/// The folder on this machine that a URL names; `None` where it names a bucket.
pub fn folder(url: &Url) -> Option<PathBuf> {
    (url.scheme() == "file").then(|| url.to_file_path().ok()).flatten()
}

/// The variables of an environment that buckets are reached by, in small letters as the store's options are.
pub fn variables(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let reaches = |name: &str| VARIABLES.iter().any(|prefix| name.starts_with(prefix));
    let variables = environment.iter().filter(|(name, _)| reaches(name));
    variables.map(|(name, value)| (name.to_lowercase(), value.clone())).collect()
}

/// The same place by a path without `..`, which a store has no word for: the folders up to the last one are asked of the disk, as
/// one may be a link.
fn without_parents(path: &Path) -> std::io::Result<PathBuf> {
    let parts: Vec<Component<'_>> = path.components().collect();
    let Some(last) = parts.iter().rposition(|part| *part == Component::ParentDir) else { return Ok(path.to_owned()) };
    let (before, after) = parts.split_at(last + 1);
    Ok(before.iter().collect::<PathBuf>().canonicalize()?.join(after.iter().collect::<PathBuf>()))
}

fn url_of(what: &'static str, text: &str) -> Result<Url> {
    let wrong = || {
        Error::new(ErrorKind::Config, format!("the {what} is neither a folder nor a bucket"))
            .with(what, text)
            .hint("write a path, or a URL like s3://bucket/folder, gs://bucket/folder, az://container/folder")
    };
    let url = match Url::parse(text) {
        Ok(url) if url.scheme() == "file" || BUCKETS.contains(&url.scheme()) => url,
        Ok(url) if url.scheme().len() > 1 && text.contains("://") => return Err(wrong()),
        _ => {
            let path = std::path::absolute(Path::new(text)).and_then(|path| without_parents(&path));
            Url::from_directory_path(path.map_err(|error| wrong().caused_by(error))?).map_err(|()| wrong())?
        }
    };
    let mut url = url;
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_by_way_of_a_parent_is_the_folder_that_it_leads_to() {
        let folder = tempfile::TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        let at = |path: &Path| Location::parse(path.to_str().unwrap(), &BTreeMap::new());
        let direct = at(&folder.path().canonicalize().unwrap().join("lake")).unwrap();
        let around = at(&folder.path().join("sub/../sub/.././lake")).unwrap();
        assert_eq!(around.url(), direct.url());
        around.store().unwrap();
        let error = at(&folder.path().join("none/../lake")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
    }
}
