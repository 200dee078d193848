//! A file that was not there, whole; one that is there already is left alone.

use std::fs::OpenOptions;
use std::io::{ErrorKind as IoErrorKind, Write as _};
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};

/// Writes it; `instead` says what to do where it is there already.
///
/// # Errors
/// [`ErrorKind::Usage`] when it is there already, [`ErrorKind::File`] when it cannot be written.
pub(super) fn create(path: &Path, text: &str, instead: &'static str) -> Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| match error.kind() {
        IoErrorKind::AlreadyExists => there_already(path, instead),
        _ => Error::new(ErrorKind::File, format!("cannot create {}", path.display())).caused_by(error),
    })?;
    file.write_all(text.as_bytes())
        .map_err(|error| Error::new(ErrorKind::File, format!("cannot write {}", path.display())).caused_by(error))
}

/// That a file is there already.
pub(super) fn there_already(path: &Path, instead: &'static str) -> Error {
    Error::new(ErrorKind::Usage, format!("{} is there already, and is left as it is", path.display())).hint(instead)
}
