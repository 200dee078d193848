//! The house rule, checked: a file uses its own floor's module and any lower floor; faces never see each other.

#![allow(clippy::expect_used, clippy::panic, clippy::allow_attributes, reason = "tests may panic")]

use std::fs;
use std::path::{Path, PathBuf};

/// Modules by floor, lowest first; the page in `src/lib.rs` shows the same house.
const FLOORS: &[&[&str]] = &[
    &["error", "money", "secret", "clock"],
    &["api", "schema", "store", "output"],
    &["resources"],
    &["source", "sandbox"],
    &["lake", "books"],
    &["matching"],
    &["engine", "door"],
    &["shell", "pg", "flight", "http", "cluster"],
    &["cli"],
];

/// Floor 0 and 1 modules on the same floor may use each other: they are words, and the two halves of one sentence.
const NEIGHBOURS: usize = 1;

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src can be read") {
        let path = entry.expect("src can be read").path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The modules a file names with `crate::`, outside comments, with the line.
fn uses(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for (at, _) in code.match_indices("crate::") {
            let module: String =
                code.split_at(at + "crate::".len()).1.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            found.push((number + 1, module));
        }
    }
    found
}

#[test]
fn a_file_uses_its_own_floor_s_module_and_lower_floors_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    assert!(files.len() > 20, "only {} files found", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&src).expect("a file of src");
        let own = inside.iter().next().and_then(|first| Path::new(first).file_stem()).expect("a name").to_string_lossy();
        // The two roots see the whole house, and a floor's unit tests may climb to build what they test.
        if own == "lib" || own == "main" || inside.ends_with("tests.rs") {
            continue;
        }
        let floor = floor_of(&own).unwrap_or_else(|| panic!("module {own} stands on no floor"));
        for (line, module) in uses(&fs::read_to_string(&file).expect("a readable file")) {
            let Some(other) = floor_of(&module) else { continue };
            let allowed = module == own || other < floor || (other == floor && floor <= NEIGHBOURS);
            if !allowed {
                wrong.push(format!("src/{}:{line}: {own} (floor {floor}) uses {module} (floor {other})", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_use_is_found_wherever_it_stands() {
    let text = "use crate::api::Client; // crate::cli\nlet x = crate::money::MAJOR_SCALE;\n";
    assert_eq!(uses(text), [(1, "api".to_owned()), (2, "money".to_owned())]);
}
