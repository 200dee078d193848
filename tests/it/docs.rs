//! `ckosql docs`: the shape of the reference, and that nothing declared is missing from it.

use std::process::{Command, Output};

use ckosql::resources::RESOURCES;
use ckosql::schema::fields::fields;
use ckosql::source::CheckoutOptions;
use datafusion::config::ExtensionOptions;

fn docs(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ckosql")).arg("docs").args(arguments).env_clear().output().unwrap()
}

fn text(arguments: &[&str]) -> String {
    let output = docs(arguments);
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), [].as_slice()));
    String::from_utf8(output.stdout).unwrap()
}

/// The lines of one section of the third level.
fn section<'a>(reference: &'a str, name: &str) -> Vec<&'a str> {
    let after = reference.lines().skip_while(|line| *line != format!("### {name}")).skip(1);
    after.take_while(|line| !line.starts_with('#')).collect()
}

#[test]
fn every_table_column_call_and_setting_is_told_of() {
    let reference = text(&[]);
    for resource in RESOURCES {
        let lines = section(&reference, resource.name);
        assert!(lines.contains(&resource.about), "{}", resource.name);
        for (field, _) in fields(resource.columns) {
            let start = format!("| `{}` | ", field.name());
            assert!(lines.iter().any(|line| line.starts_with(&start)), "{}.{}", resource.name, field.name());
        }
        for call in resource.calls {
            let is_told = |line: &&&str| line.contains(call.path) && line.contains(&format!("| `{}` |", call.scope));
            assert!(lines.iter().any(|line| is_told(&line)), "{} {}", resource.name, call.path);
        }
    }
    for setting in CheckoutOptions::default().entries() {
        assert!(reference.contains(&format!("| `{}` | ", setting.key)), "{}", setting.key);
    }
}

#[test]
fn every_shipped_view_is_told_of_with_its_columns() {
    let reference = text(&[]);
    let views = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/views")).unwrap();
    for view in views {
        let path = view.unwrap().path();
        let lines = section(&reference, path.file_stem().unwrap().to_str().unwrap());
        assert!(lines.iter().filter(|line| line.starts_with("| `")).count() > 1, "{}", path.display());
    }
}

#[test]
fn every_line_of_a_list_has_as_many_cells_as_its_head() {
    let mut cells = None;
    for line in text(&[]).lines() {
        if !line.starts_with('|') {
            cells = None;
            continue;
        }
        let here = line.replace("\\|", "").matches('|').count();
        assert_eq!(*cells.get_or_insert(here), here, "{line}");
    }
}

#[test]
fn a_table_and_a_view_look_like_this() {
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("docs_of_a_table", text(&["reports"]));
        insta::assert_snapshot!("docs_of_a_view", text(&["payments_by_day"]));
    });
}

#[test]
fn an_unknown_table_is_a_usage_error_with_the_nearest() {
    let output = docs(&["payment"]);
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @"
    error: there is no table or view payment in schema public
    hint: did you mean payments? ckosql docs without a name tells of all
    ");
}
