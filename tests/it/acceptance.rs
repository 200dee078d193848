//! The acceptance cases of matching are tests that begin with their numbers: `fn case_21_…` and `fn cases_22_and_23_…` in Rust,
//! `--- case: 4 and 5 …` beside rules, `# Case 20: …` in SQL.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What stands before the numbers of a case.
const MARKS: [&str; 5] = ["fn case_", "fn cases_", "--- case: ", "# Case ", "# Cases "];

/// The files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The numbers that a line begins a case with.
fn numbers(line: &str) -> Vec<u32> {
    let told = MARKS.iter().find_map(|mark| line.split_once(mark)).map_or("", |(_, told)| told);
    let words = told.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.take_while(|word| *word == "and" || word.parse::<u32>().is_ok()).filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn every_acceptance_case_is_a_test_that_begins_with_its_number() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut told = BTreeSet::new();
    for file in ["src/matching", "sql/rules", "tests/it", "tests/slt", "tests/fixtures/rules"]
        .iter()
        .flat_map(|folder| files(&root.join(folder)))
    {
        let is_told = file.extension().is_some_and(|end| ["rs", "test", "slt"].iter().any(|known| end == *known));
        if is_told {
            told.extend(fs::read_to_string(file).unwrap().lines().flat_map(numbers));
        }
    }
    let missing: Vec<u32> = (1..=55).filter(|case| !told.contains(case)).collect();
    assert_eq!(missing, [0; 0]);
}

#[test]
fn a_line_tells_the_numbers_that_it_begins_with_and_no_others() {
    assert_eq!(numbers("async fn cases_10_12_and_50_of_3_rows() {"), [10, 12, 50]);
    assert_eq!(numbers("--- case: 13, 16 and 52 each of 2"), [13, 16, 52]);
    assert_eq!(numbers("# Case 20."), [20]);
    assert_eq!(numbers("--- case: two of 7"), [0; 0]);
    assert_eq!(numbers("let case_3 = 4;"), [0; 0]);
}
