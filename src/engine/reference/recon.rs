//! The sections of the schema `recon`: what matching has found.

use super::super::RECON;
use super::{COLUMNS, column};
use crate::matching::results::tables::{VIEWS, View};

/// The sections of all views.
pub(super) fn sections() -> String {
    let all: String = VIEWS.iter().map(of).collect();
    format!(
        "## What matching has found\n\nIn schema `{RECON}`, where there is a lake: what `ckosql reconcile` has recorded, as of the \
         last run of each flow that came to its end.\n\n{all}"
    )
}

/// The section of the view of a name.
pub(super) fn section(name: &str) -> Option<String> {
    VIEWS.iter().find(|view| view.name == name).map(of)
}

fn of(view: &View) -> String {
    let mut text = format!("### {RECON}.{}\n\n{}\n\n{COLUMNS}", view.name, view.about);
    for (place, field) in view.schema().fields().iter().enumerate() {
        text.push_str(&column(field, if place < view.keys { "key" } else { "" }));
    }
    text.push('\n');
    text
}
