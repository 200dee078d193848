//! The file of users: a line each, `"name" "verifier"`, as in the `auth_file` of `PgBouncer`, and after them a line for each
//! token, `token "name" "hash"`. Passwords and tokens are in none.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use ring::hmac;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::token::Token;
use super::verifier::{Verifier, random};
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

/// Passwords that are hashed at a time, whoever guesses: each takes a processor.
static HASHING: Semaphore = Semaphore::const_new(2);
/// What the line of a token begins with.
const TOKEN: &str = "token ";

/// The users there are.
#[derive(Debug, Default)]
pub struct Users {
    users: BTreeMap<String, Verifier>,
    tokens: BTreeMap<String, Vec<Token>>,
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
        let mut tokens: BTreeMap<String, Vec<Token>> = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#')) {
            let wrong = |what: &'static str| Error::new(ErrorKind::Config, what).with("line", number);
            let line = line.trim();
            let token = line.strip_prefix(TOKEN);
            let parts = token.unwrap_or(line).strip_prefix('"').and_then(|line| line.strip_suffix('"'));
            let (name, check) = parts
                .and_then(|parts| parts.rsplit_once("\" \""))
                .ok_or_else(|| wrong("a line of the file of users is not \"name\" \"verifier\""))?;
            let name = name.replace("\"\"", "\"");
            if token.is_some() {
                tokens.entry(name).or_default().push(check.parse().map_err(|error: Error| error.with("line", number))?);
                continue;
            }
            let verifier = check.parse::<Verifier>().map_err(|error| error.with("line", number))?;
            if users.insert(name, verifier).is_some() {
                return Err(wrong("a user is in the file twice"));
            }
        }
        let seed = hmac::Key::new(hmac::HMAC_SHA256, &random::<32>()?);
        Ok(Self { users, tokens, seed: Some(seed) })
    }

    /// These users in the place of others: of a name that is nobody's, the same is told.
    pub(super) fn after(self, others: &Self) -> Self {
        Self { seed: others.seed.clone().or(self.seed), ..self }
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty() && self.tokens.is_empty()
    }

    /// Everybody, with whether there is a password, and the number of tokens.
    pub fn list(&self) -> impl Iterator<Item = (&str, bool, usize)> {
        let names: BTreeSet<&String> = self.users.keys().chain(self.tokens.keys()).collect();
        names.into_iter().map(|name| (name.as_str(), self.has(name), self.tokens.get(name).map_or(0, Vec::len)))
    }

    /// Whether a user of this name has a password.
    pub fn has(&self, name: &str) -> bool {
        self.users.contains_key(name)
    }

    /// What the password of a user is checked with. For a name that is nobody's there is one too, which no password has.
    pub fn verifier(&self, name: &str) -> Option<Verifier> {
        let of_nobody = || self.seed.as_ref().map(|seed| Verifier::of_nobody(name, seed));
        self.users.get(name).cloned().or_else(of_nobody)
    }

    /// Whether this is the password of that user. It takes its time, on a thread of its own, and a few are checked at a time.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] when it is not checked to its end.
    pub async fn is_password(self: &Arc<Self>, name: String, password: Secret) -> Result<bool> {
        let turn =
            HASHING.acquire().await.map_err(|error| Error::bug("the turns for checking passwords ended").caused_by(error))?;
        let users = Arc::clone(self);
        let checked = spawn_blocking(move || {
            // Goes on when nobody waits for it any more, and keeps its turn as long.
            let _turn = turn;
            let is_right = users.verifier(&name).is_some_and(|verifier| verifier.is_of(&password));
            is_right && users.has(&name)
        });
        checked.await.map_err(|error| Error::bug("checking a password ended early").caused_by(error))
    }

    /// Whose token this is; takes as long whoever's it is.
    pub fn of_token(&self, secret: &Secret) -> Option<&str> {
        let shown = Token::of(secret);
        let all = self.tokens.iter().flat_map(|(name, tokens)| tokens.iter().map(move |token| (name, token)));
        all.fold(None, |found, (name, token)| if token.is(&shown) { Some(name.as_str()) } else { found })
    }

    /// Adds a user, or gives one another password.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the name cannot be one.
    pub fn set(&mut self, name: &str, verifier: Verifier) -> Result<()> {
        check_name(name)?;
        self.users.insert(name.to_owned(), verifier);
        Ok(())
    }

    /// Gives a user one more token; who has no password comes in by tokens alone.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the name cannot be one.
    pub fn add_token(&mut self, name: &str, token: Token) -> Result<()> {
        check_name(name)?;
        self.tokens.entry(name.to_owned()).or_default().push(token);
        Ok(())
    }

    /// Takes all tokens of a user away; gives how many there were.
    pub fn remove_tokens(&mut self, name: &str) -> usize {
        self.tokens.remove(name).map_or(0, |tokens| tokens.len())
    }

    /// Takes a user away, with password and tokens; gives whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let had_tokens = self.remove_tokens(name) > 0;
        self.users.remove(name).is_some() || had_tokens
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
        for (name, token) in self.tokens.iter().flat_map(|(name, tokens)| tokens.iter().map(move |token| (name, token))) {
            let _written = writeln!(text, "{TOKEN}\"{}\" \"{token}\"", name.replace('"', "\"\""));
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

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > 63 || name.chars().any(char::is_control) {
        return Err(Error::new(ErrorKind::Usage, "a user's name has 1 to 63 bytes, and no control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
    #[test]
    fn tokens_are_kept_beside_the_users_and_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        let mut users = Users::read_or_none(&path).unwrap();
        users.set("anna", Verifier::of(&Secret::new("one")).unwrap()).unwrap();
        let mut give = |name: &str| {
            let (secret, token) = Token::make().unwrap();
            users.add_token(name, token).unwrap();
            secret
        };
        let (laptop, server, report) = (give("anna"), give("anna"), give("report \"x\""));
        users.write(&path).unwrap();
        let mut users = Users::read(&path).unwrap();
        assert_eq!(users.list().collect::<Vec<_>>(), [("anna", true, 2), ("report \"x\"", false, 1)]);
        assert_eq!([&laptop, &server].map(|token| users.of_token(token)), [Some("anna"); 2]);
        assert_eq!(users.of_token(&report), Some("report \"x\""));
        assert_eq!((users.of_token(&Secret::new("")), users.of_token(&Secret::new("one"))), (None, None));
        assert_eq!((users.remove_tokens("anna"), users.of_token(&laptop), users.has("anna")), (2, None, true));
        assert_eq!((users.remove("report \"x\""), users.remove("report \"x\"")), (true, false));
    }

    #[tokio::test]
    async fn a_password_is_its_user_s_own() {
        let mut users = Users::parse("").unwrap();
        users.set("anna", Verifier::of(&Secret::new("one")).unwrap()).unwrap();
        users.set("bob", Verifier::of(&Secret::new("two")).unwrap()).unwrap();
        let users = Arc::new(users);
        let is = async |name: &str, password: &str| users.is_password(name.to_owned(), Secret::new(password)).await.unwrap();
        assert!(is("anna", "one").await && is("bob", "two").await);
        assert!(!is("anna", "two").await && !is("eve", "one").await && !is("anna", "").await);
    }
}
