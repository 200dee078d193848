//! The file of users: a line each, `"name" "verifier"`, as in the `auth_file` of `PgBouncer`; passwords are in none.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use ring::hmac;

use super::verifier::{Verifier, random};
use crate::error::{Error, ErrorKind, Result};

/// The users there are.
#[derive(Debug, Default)]
pub struct Users {
    users: BTreeMap<String, Verifier>,
    seed: Option<hmac::Key>,
}

impl Users {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when it cannot be read, or a line is none of a user.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(|error| {
            Error::new(ErrorKind::Config, "the file of users cannot be read")
                .with("path", path.display())
                .hint("make one with ckosql users add NAME")
                .caused_by(error)
        })?;
        Self::parse(&text).map_err(|error| error.with("path", path.display()))
    }

    /// Reads a file, or gives no users where there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] as [`Users::read`].
    pub fn read_or_none(path: &Path) -> Result<Self> {
        if path.exists() { Self::read(path) } else { Self::parse("") }
    }

    fn parse(text: &str) -> Result<Self> {
        let mut users = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#')) {
            let wrong = |what: &'static str| Error::new(ErrorKind::Config, what).with("line", number);
            let parts = line.trim().strip_prefix('"').and_then(|line| line.strip_suffix('"'));
            let (name, verifier) = parts
                .and_then(|parts| parts.rsplit_once("\" \""))
                .ok_or_else(|| wrong("a line of the file of users is not \"name\" \"verifier\""))?;
            let verifier = verifier.parse::<Verifier>().map_err(|error| error.with("line", number))?;
            if users.insert(name.replace("\"\"", "\""), verifier).is_some() {
                return Err(wrong("a user is in the file twice"));
            }
        }
        let seed = hmac::Key::new(hmac::HMAC_SHA256, &random::<32>()?);
        Ok(Self { users, seed: Some(seed) })
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Whether there is a user of this name.
    pub fn has(&self, name: &str) -> bool {
        self.users.contains_key(name)
    }

    /// What the password of a user is checked with. For a name that is nobody's there is one too, which no password has.
    pub fn verifier(&self, name: &str) -> Option<Verifier> {
        let of_nobody = || self.seed.as_ref().map(|seed| Verifier::of_nobody(name, seed));
        self.users.get(name).cloned().or_else(of_nobody)
    }

    /// Adds a user, or gives one another password.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the name cannot be one.
    pub fn set(&mut self, name: &str, verifier: Verifier) -> Result<()> {
        if name.is_empty() || name.len() > 63 || name.chars().any(char::is_control) {
            return Err(Error::new(ErrorKind::Usage, "a user's name has 1 to 63 bytes, and no control characters"));
        }
        self.users.insert(name.to_owned(), verifier);
        Ok(())
    }

    /// Writes the file, readable by its owner only; the old one is there until the new one is whole.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let unwritten = |error| {
            Error::new(ErrorKind::File, "the file of users cannot be written").with("path", path.display()).caused_by(error)
        };
        let mut text = String::new();
        for (name, verifier) in &self.users {
            // Writing to a String cannot fail.
            let _written = writeln!(text, "\"{}\" \"{verifier}\"", name.replace('"', "\"\""));
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(unwritten)?;
        }
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        // What a run that was killed left behind may have another's rights.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unwritten(error)),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside).map_err(unwritten)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(unwritten)?;
        fs::rename(&beside, path).map_err(unwritten)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn a_file_is_read_as_it_is_written_and_is_its_owner_s_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("etc").join("users");
        let mut users = Users::read_or_none(&path).unwrap();
        users.set("anna \"the\" analyst", Verifier::of(&Secret::new("one")).unwrap()).unwrap();
        users.set("bob", Verifier::of(&Secret::new("two")).unwrap()).unwrap();
        users.write(&path).unwrap();
        users.write(&path).unwrap();
        let read = Users::read(&path).unwrap();
        assert_eq!(read.users, users.users);
        assert!(read.verifier("bob").unwrap().is_of(&Secret::new("two")));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_name_that_is_nobody_s_is_answered_like_any_other() {
        let users = Users::parse("").unwrap();
        let (one, again) = (users.verifier("eve").unwrap(), users.verifier("eve").unwrap());
        assert_eq!(one, again);
        assert_ne!(one.salt(), users.verifier("mallory").unwrap().salt());
        assert!(!one.is_of(&Secret::new("")));
    }

    #[test]
    fn a_line_that_is_none_is_named_and_not_repeated() {
        let error = Users::parse("# users\n\"anna\" \"hunter2\"\n").unwrap_err();
        assert_eq!((error.context("line"), error.to_string().contains("hunter2")), (Some("2"), false));
        assert!(Users::parse("anna hunter2").is_err());
    }
}
