//! Who may come in now: the file of users, which is read again when it was changed.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tracing::{info, warn};

use super::Users;
use crate::error::Result;

/// The users of a file, as it is now.
#[derive(Debug)]
pub struct Roll {
    /// None where the users are of no file, and stay as they are.
    path: Option<PathBuf>,
    read: Mutex<Read>,
}

/// What was read last, and of which file.
#[derive(Debug)]
struct Read {
    users: Arc<Users>,
    mark: Option<Mark>,
    /// Why it cannot be read as it is now, as far as the log says so already.
    trouble: Option<String>,
}

/// What is another when there is another file, or something else in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    length: u64,
    changed: Option<SystemTime>,
    /// Files that are written one after the other may have a length and a time in common.
    #[cfg(unix)]
    inode: u64,
}

impl Mark {
    /// None where there is no file.
    fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().as_ref().map(Self::told)
    }

    fn told(metadata: &Metadata) -> Self {
        Self {
            length: metadata.len(),
            changed: metadata.modified().ok(),
            #[cfg(unix)]
            inode: std::os::unix::fs::MetadataExt::ino(metadata),
        }
    }
}

impl Roll {
    /// Reads a file, which is looked at again from now on.
    ///
    /// # Errors
    /// Those of [`Users::read`].
    pub fn read(path: &Path) -> Result<Self> {
        // Looked at first: what is written meanwhile is read once more.
        let mark = Mark::of(path);
        let users = Arc::new(Users::read(path)?);
        Ok(Self { path: Some(path.to_owned()), read: Mutex::new(Read { users, mark, trouble: None }) })
    }

    /// Who may come in now. Where the file is gone, or cannot be read any more, those who were in it before may, and the log
    /// says why.
    pub fn now(&self) -> Arc<Users> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(path) = &self.path else { return Arc::clone(&read.users) };
        let mark = Mark::of(path);
        if mark != read.mark {
            match Users::read(path) {
                Ok(users) => {
                    (read.mark, read.trouble) = (mark, None);
                    read.users = Arc::new(users.after(&read.users));
                    let users = read.users.list().count();
                    info!(path = %path.display(), users, "the file of users was changed and is read again");
                }
                // It is read again for the next one: what keeps it from being read may go without a trace at the file.
                Err(error) => {
                    let trouble = Some(error.to_string());
                    if read.trouble != trouble {
                        warn!(%error, "the file of users was changed and is wrong: who was in it before may come in");
                        read.trouble = trouble;
                    }
                }
            }
        }
        Arc::clone(&read.users)
    }
}

impl From<Users> for Roll {
    /// Users of no file, who stay as they are.
    fn from(users: Users) -> Self {
        Self { path: None, read: Mutex::new(Read { users: Arc::new(users), mark: None, trouble: None }) }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::door::verifier::Verifier;
    use crate::secret::Secret;

    fn write(path: &Path, names: &[&str]) {
        let mut users = Users::default();
        for name in names {
            users.set(name, Verifier::of(&Secret::new("secret")).unwrap()).unwrap();
        }
        users.write(path).unwrap();
    }

    fn names(roll: &Roll) -> Vec<String> {
        roll.now().list().map(|(name, ..)| name.to_owned()).collect()
    }

    #[test]
    fn a_file_that_was_changed_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        write(&path, &["anna"]);
        let roll = Roll::read(&path).unwrap();
        assert!(Arc::ptr_eq(&roll.now(), &roll.now()), "it is read though it is as it was");
        // As long, and maybe in the same moment.
        for name in ["emma", "lisa", "anna"] {
            write(&path, &[name]);
            assert_eq!(names(&roll), [name]);
        }
        write(&path, &[]);
        assert_eq!(names(&roll), [""; 0]);
    }

    #[test]
    fn where_the_file_is_wrong_those_who_were_in_it_may_come_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        write(&path, &["anna"]);
        let roll = Roll::read(&path).unwrap();
        fs::write(&path, "\"bob\" \"hunter2\"\n").unwrap();
        assert_eq!(names(&roll), ["anna"]);
        fs::remove_file(&path).unwrap();
        assert_eq!(names(&roll), ["anna"]);
        write(&path, &["bob"]);
        assert_eq!(names(&roll), ["bob"]);
    }

    #[test]
    fn a_file_that_could_not_be_read_is_read_when_it_can_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        write(&path, &["bob"]);
        let bob = fs::read(&path).unwrap();
        write(&path, &["anna"]);
        let roll = Roll::read(&path).unwrap();
        fs::write(&path, vec![b'?'; bob.len()]).unwrap();
        let changed = fs::metadata(&path).unwrap().modified().unwrap();
        assert_eq!(names(&roll), ["anna"]);
        // The file's own marks stay as they are, as when it is given to who reads it.
        fs::write(&path, bob).unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(changed).unwrap();
        assert_eq!(names(&roll), ["bob"]);
    }

    #[test]
    fn who_tries_names_does_not_learn_that_the_file_was_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        write(&path, &["anna"]);
        let roll = Roll::read(&path).unwrap();
        let before = roll.now().verifier("eve");
        write(&path, &["anna", "bob"]);
        assert_eq!(roll.now().verifier("eve"), before);
    }
}
