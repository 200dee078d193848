//! Which files a source has: one, all of a folder, or those that a glob matches, on this machine, in a bucket, or among files
//! that are only made when they are read.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use futures::TryStreamExt;
use glob::{MatchOptions, Pattern};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore as _, ObjectStoreExt as _};

use super::made::Files;
use crate::error::{Error, ErrorKind, Result};
use crate::store::Location;

/// Letters that make a path a glob.
const WILD: [char; 3] = ['*', '?', '['];
/// A star stays within a folder, two go deeper.
const MATCH: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// Where the files of a source are.
#[derive(Debug, Clone)]
pub(super) struct Place {
    location: Location,
    pattern: Option<Pattern>,
    /// As it is configured, for people.
    written: String,
    /// Where files are looked for instead, with what comes before the glob.
    made: Option<(Files, String)>,
}

/// A file of a source.
#[derive(Debug, Clone)]
pub(super) struct File {
    /// Its name, from the folder of the source on.
    pub(super) name: String,
    path: Path,
    /// How many bytes it has.
    pub(super) size: u64,
}

impl Place {
    /// The place that a text names.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when it names none.
    pub(super) fn parse(text: &str, options: &BTreeMap<String, String>) -> Result<Self> {
        let (plain, glob) = split(text);
        let pattern = (!glob.is_empty()).then(|| Pattern::new(glob)).transpose().map_err(|error| {
            Error::new(ErrorKind::Config, "the path is not a glob that can be read").with("path", text).caused_by(error)
        })?;
        let location = Location::of("source", if plain.is_empty() { "." } else { plain }, options)?;
        Ok(Self { location, pattern, written: text.to_owned(), made: None })
    }

    /// The same place among other files.
    pub(super) fn among(self, files: Files) -> Self {
        let start = split(&self.written).0.trim_end_matches('/').to_owned();
        Self { made: Some((files, start)), ..self }
    }

    /// The files that are there now, by name.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when there is none, or the place cannot be read.
    pub(super) async fn files(&self) -> Result<Vec<File>> {
        let unread = |error| {
            Error::new(ErrorKind::File, "cannot look for the files of a source").with("path", &self.written).caused_by(error)
        };
        if let Some((files, start)) = &self.made {
            return self.found(files.all().iter().filter_map(|(path, content)| {
                let name = match path.strip_prefix(start.as_str())? {
                    "" => path.rsplit('/').next().unwrap_or_default(),
                    rest if start.is_empty() => rest,
                    rest => rest.strip_prefix('/')?,
                };
                let size = u64::try_from(content.len()).ok()?;
                Some(File { name: name.to_owned(), path: Path::from(path.as_str()), size })
            }));
        }
        let root = self.location.root();
        let path = Path::from_url_path(self.location.url().path()).map_err(|error| unread(error.into()))?;
        if self.pattern.is_none() {
            match root.head(&path).await {
                Ok(ObjectMeta { size, .. }) => {
                    return Ok(vec![File { name: path.filename().unwrap_or_default().to_owned(), path, size }]);
                }
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(unread(error)),
            }
        }
        let all: Vec<ObjectMeta> = root.list(Some(&path)).try_collect().await.map_err(unread)?;
        let name = |file: &ObjectMeta| {
            let parts = file.location.prefix_match(&path)?;
            Some(parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"))
        };
        self.found(all.into_iter().filter_map(|file| Some(File { name: name(&file)?, path: file.location, size: file.size })))
    }

    /// Those of some files that are meant, by name.
    fn found(&self, files: impl Iterator<Item = File>) -> Result<Vec<File>> {
        let mut files: Vec<File> = files.filter(|file| self.is_meant(&file.name)).collect();
        if files.is_empty() {
            return Err(Error::new(ErrorKind::File, "a source has no file")
                .with("path", &self.written)
                .hint("the path is taken from the configuration file's folder"));
        }
        files.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(files)
    }

    /// Whether a file is matched, or, in a folder, is none of those that tools hide.
    fn is_meant(&self, name: &str) -> bool {
        match &self.pattern {
            Some(pattern) => pattern.matches_with(name, MATCH),
            None => !name.split('/').any(|part| part.starts_with(['.', '_'])),
        }
    }

    /// What is in a file.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when it cannot be read.
    pub(super) async fn read(&self, file: &File) -> Result<Bytes> {
        let unread = |error| Error::new(ErrorKind::File, "cannot read a file").with("file", &file.name).caused_by(error);
        if let Some(made) = self.made(file) {
            return made;
        }
        let answer = self.location.root().get(&file.path).await.map_err(unread)?;
        answer.bytes().await.map_err(unread)
    }

    /// Parts of a file.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) async fn read_parts(&self, file: &File, parts: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let unread = |error| Error::new(ErrorKind::File, "cannot read a file").with("file", &file.name).caused_by(error);
        let Some(made) = self.made(file) else {
            return self.location.root().get_ranges(&file.path, parts).await.map_err(unread);
        };
        let made = made?;
        let part = |part: &Range<u64>| {
            let bounds = usize::try_from(part.start).ok().zip(usize::try_from(part.end).ok());
            let part =
                bounds.filter(|(start, end)| start <= end && *end <= made.len()).map(|(start, end)| made.slice(start..end));
            part.ok_or_else(|| Error::bug("a part of a file that it has not").with("file", &file.name))
        };
        parts.iter().map(part).collect()
    }

    /// What is in a file that is only made.
    fn made(&self, file: &File) -> Option<Result<Bytes>> {
        let (files, _) = self.made.as_ref()?;
        let made = files.all().iter().find(|(path, _)| Path::from(path.as_str()) == file.path);
        Some(made.map(|(_, content)| content.clone()).ok_or_else(|| Error::bug("a file that was made is gone")))
    }
}

/// A path as its folder and its glob; a path without one is all folder.
fn split(text: &str) -> (&str, &str) {
    let start = match text.find(WILD) {
        Some(wild) => text.get(..wild).and_then(|plain| plain.rfind('/')).map_or(0, |slash| slash + 1),
        None => text.len(),
    };
    text.split_at_checked(start).unwrap_or((text, ""))
}
