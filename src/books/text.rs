//! Bytes of a file to text.

use std::borrow::Cow;

use encoding_rs::WINDOWS_1252;

use crate::error::{Error, ErrorKind, Result};

/// How the letters of a file are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Encoding {
    /// UTF-8, with a byte order mark or without.
    #[default]
    Utf8,
    /// Windows-1252, which Latin-1 is read as by everyone.
    Windows1252,
}

impl Encoding {
    /// The encodings by their names.
    pub(super) const NAMES: [(&str, Self); 4] = [
        ("utf-8", Self::Utf8),
        ("windows-1252", Self::Windows1252),
        ("latin1", Self::Windows1252),
        ("iso-8859-1", Self::Windows1252),
    ];

    /// The text of a file.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] when it is written otherwise.
    pub(super) fn read(self, bytes: &[u8]) -> Result<Cow<'_, str>> {
        match (self, bytes) {
            (_, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]) => {
                Err(Error::new(ErrorKind::Decode, "the file is UTF-16, which is not read").hint("save it as UTF-8"))
            }
            (_, [0xEF, 0xBB, 0xBF, rest @ ..]) => utf8(rest),
            (Self::Utf8, bytes) if says_latin(bytes) => Ok(WINDOWS_1252.decode_without_bom_handling(bytes).0),
            (Self::Utf8, bytes) => utf8(bytes),
            (Self::Windows1252, bytes) => Ok(WINDOWS_1252.decode_without_bom_handling(bytes).0),
        }
    }
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Cow::Borrowed(text)),
        Err(error) => {
            let line = bytes.get(..error.valid_up_to()).unwrap_or_default().split(|byte| *byte == b'\n').count();
            let message = Error::new(ErrorKind::Decode, "the file is not UTF-8").with("line", line).caused_by(error);
            Err(message.hint("if it comes from Windows, say encoding = \"windows-1252\""))
        }
    }
}

/// Whether an XML file says that it is in Latin-1.
fn says_latin(bytes: &[u8]) -> bool {
    let head = String::from_utf8_lossy(bytes.get(..100.min(bytes.len())).unwrap_or_default()).to_ascii_lowercase();
    let head = head.split("?>").next().unwrap_or_default();
    head.starts_with("<?xml") && ["iso-8859-1", "windows-1252"].iter().any(|name| head.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_declarations_are_heeded() {
        let read = |encoding: Encoding, bytes: &'static [u8]| encoding.read(bytes).map(Cow::into_owned);
        assert_eq!(read(Encoding::Utf8, b"\xEF\xBB\xBFa\xC3\xA9").unwrap(), "aé");
        assert_eq!(read(Encoding::Windows1252, b"a\xE9\x80").unwrap(), "aé€");
        assert_eq!(read(Encoding::Utf8, b"<?xml encoding=\"ISO-8859-1\"?>\xE9").unwrap(), "<?xml encoding=\"ISO-8859-1\"?>é");
        let refusal = read(Encoding::Utf8, b"a\nb\xE9").unwrap_err();
        assert!(refusal.to_string().starts_with("the file is not UTF-8 (line 2)"), "{refusal}");
        assert!(read(Encoding::Utf8, b"\xFF\xFEa\0").is_err());
    }
}
