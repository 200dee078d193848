//! Where rules are: shipped, and in folders of one's own. A rule is a file `NAME.sql`; the cases that try it are beside it, in `NAME.test`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use include_dir::{Dir, include_dir};

use super::conventions::Conventions;
use super::rule::Rule;
use super::test::Cases;
use crate::error::{Error, ErrorKind, Result};

static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sql/rules");

/// A folder of rules and cases, by the names of their files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folder {
    /// What is shown before the names.
    place: String,
    files: BTreeMap<String, String>,
}

/// What a case came to.
#[derive(Debug)]
pub struct Tried {
    /// The file of the case.
    pub file: String,
    /// Its line.
    pub line: usize,
    /// What it shows.
    pub name: String,
    /// How what came of it differs from what is expected, or why nothing did.
    pub outcome: Result<Vec<String>>,
}

/// The shipped rules, and those of a path beside them, one of which takes the place of the shipped one of its name.
///
/// # Errors
/// Those of [`Folder::read`] and of reading a rule.
pub fn with_shipped(path: Option<&Path>) -> Result<Vec<Rule>> {
    let shipped = read(&Folder::shipped()?)?;
    match path {
        Some(path) => beside(shipped, path),
        None => Ok(shipped),
    }
}

/// The rules of a path beside others, one of which takes the place of that of its name.
///
/// # Errors
/// Those of [`Folder::read`] and of reading a rule.
pub fn beside(mut others: Vec<Rule>, path: &Path) -> Result<Vec<Rule>> {
    let own = read(&Folder::read(path)?)?;
    others.retain(|other| own.iter().all(|rule| rule.id != other.id));
    others.extend(own);
    Ok(others)
}

fn read(folder: &Folder) -> Result<Vec<Rule>> {
    folder.rules().into_iter().map(|(_, rule)| rule).collect()
}

impl Folder {
    /// The shipped rules and their cases.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] when one is not text.
    pub fn shipped() -> Result<Self> {
        let mut files = BTreeMap::new();
        for file in SHIPPED.files() {
            let (name, text) = (file.path().display().to_string(), file.contents_utf8());
            let text = text.ok_or_else(|| Error::bug("a shipped rule is not text").with("file", &name))?;
            files.insert(name, text.to_owned());
        }
        Ok(Self { place: "shipped/".to_owned(), files })
    }

    /// The rules of a folder, or of one file with the cases and rules beside it that it names.
    ///
    /// # Errors
    /// [`ErrorKind::File`] when it cannot be read, [`ErrorKind::Usage`] when there is no rule in it.
    pub fn read(path: &Path) -> Result<Self> {
        let unread = |path: &Path| {
            let path = path.display().to_string();
            move |error| Error::new(ErrorKind::File, "a rule cannot be read").with("path", path).caused_by(error)
        };
        if !path.exists() {
            return Err(Error::new(ErrorKind::Usage, "there is no such file or folder").with("path", path.display()));
        }
        let mut files = BTreeMap::new();
        let folder = if path.is_dir() { path } else { path.parent().unwrap_or_else(|| Path::new("")) };
        let beside = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        for entry in fs::read_dir(beside).map_err(unread(beside))? {
            let file: PathBuf = entry.map_err(unread(beside))?.path();
            let is_ours = file.extension().is_some_and(|extension| extension == "sql" || extension == "test");
            if let (true, Some(name)) = (is_ours, file.file_name().and_then(|name| name.to_str())) {
                files.insert(name.to_owned(), fs::read_to_string(&file).map_err(unread(&file))?);
            }
        }
        let mut place = folder.display().to_string();
        if !place.is_empty() {
            place.push('/');
        }
        let folder = Self { place, files };
        let name = path.file_name().and_then(|name| name.to_str()).filter(|_| !path.is_dir());
        match name {
            None if folder.files.is_empty() => Err(Error::new(ErrorKind::Usage, "a folder without rules")
                .with("path", path.display())
                .hint("a rule is a file NAME.sql")),
            None => Ok(folder),
            Some(name) => folder.only(name, path),
        }
    }

    /// One rule with its cases, or one file of cases with its rules.
    fn only(self, name: &str, path: &Path) -> Result<Self> {
        let Some(text) = self.files.get(name) else {
            return Err(Error::new(ErrorKind::Usage, "a file that is no rule")
                .with("path", path.display())
                .hint("a rule is a file NAME.sql"));
        };
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let mut wanted = vec![format!("{stem}.sql"), format!("{stem}.test")];
        if name.ends_with(".test") {
            wanted.extend(Cases::parse(text, name)?.rules);
        }
        Ok(Self { place: self.place, files: self.files.into_iter().filter(|(file, _)| wanted.contains(file)).collect() })
    }

    /// The rules, each with its file, by turn; what cannot be read in the place of a rule.
    pub fn rules(&self) -> Vec<(String, Result<Rule>)> {
        let mut names = BTreeSet::new();
        let mut rules: Vec<(String, Result<Rule>)> = self
            .of("sql")
            .map(|(name, text)| {
                let file = format!("{}{name}", self.place);
                let rule = match Rule::parse(text, &file) {
                    Ok(rule) if !names.insert(rule.id.clone()) => Err(rule.is_twin().with("file", &file)),
                    rule => rule,
                };
                (file, rule)
            })
            .collect();
        rules.sort_by(|(_, one), (_, other)| {
            let turns = [one, other].map(|rule| rule.as_ref().ok().map(Rule::turn));
            let [one, other] = turns;
            one.cmp(&other)
        });
        rules
    }

    /// Runs all cases.
    ///
    /// # Errors
    /// [`ErrorKind::Query`] when a file of cases, or a rule that one names, cannot be read.
    pub async fn try_all(&self, conventions: &Arc<Conventions>) -> Result<Vec<Tried>> {
        let mut tried = Vec::new();
        for (name, text) in self.of("test") {
            let file = format!("{}{name}", self.place);
            let cases = Cases::parse(text, &file)?;
            let own = format!("{}.sql", name.trim_end_matches(".test"));
            let named = if cases.rules.is_empty() { vec![own] } else { cases.rules };
            let rules = named.iter().map(|rule| self.rule(rule, &file)).collect::<Result<Vec<Rule>>>()?;
            for case in cases.cases {
                let outcome = case.differs(&rules, conventions).await;
                tried.push(Tried { file: file.clone(), line: case.line, name: case.name, outcome });
            }
        }
        Ok(tried)
    }

    fn rule(&self, name: &str, file: &str) -> Result<Rule> {
        let missing = || {
            let error = Error::new(ErrorKind::Query, "cases of a rule that is not there").with("rule", name).with("cases", file);
            error.hint("name the rule's file as --- rules: NAME.sql")
        };
        let text = self.files.get(name).ok_or_else(missing)?;
        Rule::parse(text, &format!("{}{name}", self.place))
    }

    fn of(&self, extension: &'static str) -> impl Iterator<Item = (&String, &String)> {
        self.files.iter().filter(move |(name, _)| name.rsplit_once('.').is_some_and(|(_, own)| own == extension))
    }
}
