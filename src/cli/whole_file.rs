//! A file that is there whole or not at all: written beside its name, and given it at the end.
//!
//! Only a regular file can be replaced. A pipe or a device (`/dev/stdout`) is written to as it is.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufWriter, ErrorKind as IoErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};

/// A file being written; dropped before [`WholeFile::keep`], it leaves nothing behind.
pub(super) struct WholeFile {
    out: BufWriter<File>,
    /// None for what cannot be replaced, and is written to as it is.
    part: Option<Part>,
    path: PathBuf,
}

/// The unfinished file; removed when dropped.
struct Part(PathBuf);

impl WholeFile {
    /// Starts to write a file. One that is there stays until the new one is whole, which gets its permissions.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when it cannot be created, or is a folder.
    pub(super) fn create(path: &Path) -> Result<Self> {
        match std::fs::metadata(path) {
            Ok(old) if old.is_dir() => {
                Err(Error::new(ErrorKind::File, format!("cannot write {}: it is a folder", path.display())))
            }
            Ok(old) if old.is_file() => {
                // Where a link points to, so that the link stays.
                let path = path.canonicalize().map_err(|error| cannot("find", path, error))?;
                Self::beside(path, Some(old.permissions()))
            }
            Ok(_pipe_or_device) => {
                let file = OpenOptions::new().write(true).open(path).map_err(|error| cannot("open", path, error))?;
                Ok(Self { out: BufWriter::new(file), part: None, path: path.to_owned() })
            }
            Err(error) if error.kind() == IoErrorKind::NotFound && !path.is_symlink() => Self::beside(path.to_owned(), None),
            Err(error) => Err(cannot("write", path, error)),
        }
    }

    fn beside(path: PathBuf, permissions: Option<Permissions>) -> Result<Self> {
        let Some(name) = path.file_name() else {
            return Err(Error::new(ErrorKind::File, "cannot write: not the name of a file").with("file", path.display()));
        };
        let part = path.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).open(&part).map_err(|error| cannot("create", &path, error))?;
        let part = Part(part);
        if let Some(permissions) = permissions {
            // Before the first byte: who may not read the old answer may not read the new one either.
            file.set_permissions(permissions).map_err(|error| cannot("set the permissions of", &path, error))?;
        }
        Ok(Self { out: BufWriter::new(file), part: Some(part), path })
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when its end cannot be written, or the name cannot be given.
    pub(super) fn keep(mut self) -> Result<()> {
        self.out.flush().map_err(|error| cannot("write", &self.path, error))?;
        match &self.part {
            Some(part) => std::fs::rename(&part.0, &self.path).map_err(|error| cannot("rename", &self.path, error)),
            None => Ok(()),
        }
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After `keep` it is not there any more, which is as wanted.
        let _gone = std::fs::remove_file(&self.0);
    }
}

fn cannot(what: &'static str, path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::File, format!("cannot {what} {}", path.display())).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_that_is_not_kept_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "old").unwrap();
        let mut file = WholeFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), names(folder.path())), ("old", vec!["a.csv".to_owned()]));
    }

    #[test]
    fn a_file_that_is_kept_replaces_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "old").unwrap();
        let mut file = WholeFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        file.keep().unwrap();
        assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), names(folder.path())), ("new", vec!["a.csv".to_owned()]));
    }

    #[test]
    fn a_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = WholeFile::create(folder.path()).err().unwrap();
        assert_eq!(error.to_string(), format!("cannot write {}: it is a folder", folder.path().display()));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_its_target_is_replaced_with_the_permissions_it_had() {
        use std::os::unix::fs::{PermissionsExt, symlink};

        let folder = tempfile::tempdir().unwrap();
        let (link, path) = (folder.path().join("link.csv"), folder.path().join("a.csv"));
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        symlink("a.csv", &link).unwrap();
        let mut file = WholeFile::create(&link).unwrap();
        let part = file.part.as_ref().unwrap().0.clone();
        assert_eq!(part.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        file.write_all(b"new").unwrap();
        file.keep().unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_nothing_is_refused_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link.csv");
        std::os::unix::fs::symlink("nowhere.csv", &link).unwrap();
        assert!(WholeFile::create(&link).is_err());
        assert_eq!(names(folder.path()), ["link.csv"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_to_and_stays() {
        use std::os::unix::fs::FileTypeExt;

        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("null.csv");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        let mut file = WholeFile::create(&link).unwrap();
        assert!(file.part.is_none());
        file.write_all(b"new").unwrap();
        file.keep().unwrap();
        assert!(link.metadata().unwrap().file_type().is_char_device());
    }
}
