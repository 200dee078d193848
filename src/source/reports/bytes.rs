//! The bytes of a report file, wherever it is, and whether two readings of it saw the same.

use std::hash::{DefaultHasher, Hasher as _};
use std::path::Path;

use bytes::{Bytes, BytesMut};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use crate::api::download::Download;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::csv::Ending;

/// Bytes read from a local file at once.
const PIECE: usize = 256 << 10;

/// A file, wherever it comes from.
#[derive(Debug)]
pub(super) enum Source {
    Remote(Download),
    Local(File),
    Whole { bytes: Option<Bytes>, is_end_proven: bool },
}

impl Source {
    /// A file of this machine.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when it cannot be opened.
    pub(super) async fn local(path: &Path) -> Result<Self> {
        File::open(path).await.map(Self::Local).map_err(unreadable)
    }

    /// The next bytes; `None` behind the last.
    ///
    /// # Errors
    /// Those of [`Download::piece`]; [`ErrorKind::File`] when a file of this machine cannot be read.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>> {
        match self {
            Self::Remote(download) => download.piece().await,
            Self::Whole { bytes, .. } => Ok(bytes.take()),
            Self::Local(file) => {
                let mut piece = BytesMut::with_capacity(PIECE);
                let read = file.read_buf(&mut piece).await.map_err(unreadable)?;
                Ok((read > 0).then(|| piece.freeze()))
            }
        }
    }

    /// What is known of the end, once it is reached.
    pub(super) fn ending(&self) -> Ending {
        match self {
            Self::Remote(download) if !download.is_end_proven() => Ending::Unproven,
            Self::Whole { is_end_proven: false, .. } => Ending::Unproven,
            _ => Ending::Proven,
        }
    }
}

fn unreadable(error: std::io::Error) -> Error {
    Error::new(ErrorKind::File, "cannot read a report file").caused_by(error)
}

/// How many bytes were read, and which.
#[derive(Debug, Clone, Default)]
pub(super) struct Passed {
    count: u64,
    hash: DefaultHasher,
}

impl Passed {
    /// How many.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Those of whichever reading came further.
    pub(super) fn max(&self, other: Self) -> Self {
        if other.count > self.count { other } else { self.clone() }
    }

    /// Adds bytes; false when they are found to be others than an earlier reading had in their place.
    pub(super) fn add_like(&mut self, piece: &[u8], earlier: &Self) -> bool {
        let missing = earlier.count.saturating_sub(self.count);
        let known = usize::try_from(missing).unwrap_or(usize::MAX).min(piece.len());
        let (known, fresh) = piece.split_at(known);
        self.add(known);
        let is_alike = missing == 0 || self.count < earlier.count || self.hash.finish() == earlier.hash.finish();
        self.add(fresh);
        is_alike
    }

    fn add(&mut self, bytes: &[u8]) {
        self.count += bytes.len() as u64;
        self.hash.write(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(pieces: &[&str], earlier: &Passed) -> (Passed, bool) {
        let mut passed = Passed::default();
        let alike = pieces.iter().all(|piece| passed.add_like(piece.as_bytes(), earlier));
        (passed, alike)
    }

    #[test]
    fn bytes_are_compared_with_those_of_the_attempt_before_however_they_come() {
        let (earlier, _) = passed(&["abc", "defgh"], &Passed::default());
        for (pieces, is_alike) in [
            (&["abcdefgh", "ij"][..], true),
            (&["a", "bcdef", "ghij"], true),
            (&["abcdefghij"], true),
            (&["abcdefgX", "ij"], false),
            (&["Xbc", "defgh"], false),
            (&["abc"], true),
        ] {
            assert_eq!(passed(pieces, &earlier).1, is_alike, "{pieces:?}");
        }
        assert_eq!(earlier.max(passed(&["abc"], &Passed::default()).0).count(), 8);
    }
}
