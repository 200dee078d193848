//! The acceptance cases of matching are tests that begin with their numbers: `fn case_21_…` and `fn cases_22_and_23_…` in Rust,
//! `--- case: 4 and 5 …` beside rules. A number in a comment is no test.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// What the tests of a file in Rust, or the cases beside a rule, begin with.
fn headings<'a>(end: &str, text: &'a str) -> Vec<&'a str> {
    let lines = text.lines().map(str::trim);
    if end == "test" {
        return lines.filter_map(|line| line.strip_prefix("--- case: ")).collect();
    }
    let mut headings = Vec::new();
    let mut is_test = false;
    for line in lines {
        let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        let heading = name.and_then(|name| name.strip_prefix("case_").or_else(|| name.strip_prefix("cases_")));
        headings.extend(heading.filter(|_| is_test));
        // Other attributes may stand between.
        is_test = line.starts_with("#[test]") || line.starts_with("#[tokio::test") || is_test && line.starts_with("#[");
    }
    headings
}

/// The numbers that a heading begins with.
fn numbers(heading: &str) -> Vec<u32> {
    let words = heading.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.take_while(|word| *word == "and" || word.parse::<u32>().is_ok()).filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn every_acceptance_case_is_a_test_that_begins_with_its_number() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut told = BTreeSet::new();
    for file in
        ["src/matching", "sql/rules", "tests/it", "tests/fixtures/rules"].iter().flat_map(|folder| files(&root.join(folder)))
    {
        let end = file.extension().and_then(|end| end.to_str()).unwrap_or_default();
        if ["rs", "test"].contains(&end) {
            let text = fs::read_to_string(&file).unwrap();
            told.extend(headings(end, &text).into_iter().flat_map(numbers));
        }
    }
    let missing: Vec<u32> = (1..=55).filter(|case| !told.contains(case)).collect();
    assert_eq!(missing, [0; 0]);
}

#[test]
fn a_heading_tells_the_numbers_that_it_begins_with_and_no_others() {
    assert_eq!(numbers("10_12_and_50_of_3_rows() {"), [10, 12, 50]);
    assert_eq!(numbers("13, 16 and 52 each of 2"), [13, 16, 52]);
    assert_eq!(numbers("two of 7"), [0; 0]);
}

#[test]
fn only_a_test_is_one() {
    let rust = "// fn case_1_told\n#[test]\nfn case_2_is() {\nfn case_3_helps() {\n#[tokio::test(flavor = \"multi_thread\")]\n\
                #[ignore]\nasync fn cases_4_and_5_are() {\n//! `fn case_6_…`\n#[test]\n// fn case_7_told\nlet case_8 = 9;";
    assert_eq!(headings("rs", rust), ["2_is() {", "4_and_5_are() {"]);
    assert_eq!(headings("test", "# case: 1\n--- case: 2 and 3 are\n--- expect: error # --- case: 4"), ["2 and 3 are"]);
}
