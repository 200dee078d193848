//! The line editor: prompt, lines until a semicolon, history, completion. All of it is reedline's; this sets it up.

use std::borrow::Cow;
use std::path::PathBuf;

use reedline::{
    ColumnarMenu, Completer, CompletionResult, Emacs, FileBackedHistory, KeyCode, KeyModifiers, MenuBuilder, Prompt,
    PromptEditMode, PromptHistorySearch, Reedline, ReedlineEvent, ReedlineMenu, Span, Suggestion, ValidationResult, Validator,
    default_emacs_keybindings,
};

use super::entry::is_complete;
use super::paint::Paint;
use crate::error::{Error, ErrorKind, Result};
use crate::resources::RESOURCES;

const MENU: &str = "completion";
const HISTORY_LINES: usize = 10_000;
const KEYWORDS: [&str; 32] = [
    "and",
    "as",
    "asc",
    "between",
    "case",
    "cast",
    "coalesce",
    "count",
    "date_trunc",
    "desc",
    "describe",
    "distinct",
    "else",
    "end",
    "explain",
    "from",
    "group by",
    "having",
    "interval",
    "is null",
    "join",
    "left join",
    "limit",
    "not",
    "or",
    "order by",
    "select",
    "sum",
    "then",
    "when",
    "where",
    "with",
];

/// An editor whose history is kept in a file, or nowhere.
///
/// # Errors
/// [`ErrorKind::File`] when the history cannot be opened.
pub(super) fn editor(history: Option<PathBuf>, paint: Paint) -> Result<Reedline> {
    let mut keys = default_emacs_keybindings();
    let complete = ReedlineEvent::UntilFound(vec![ReedlineEvent::Menu(MENU.to_owned()), ReedlineEvent::MenuNext]);
    keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, complete);
    let menu = ColumnarMenu::default().with_name(MENU);
    let editor = Reedline::create()
        .with_edit_mode(Box::new(Emacs::new(keys)))
        .with_validator(Box::new(UntilSemicolon))
        .with_completer(Box::new(Words))
        .with_menu(ReedlineMenu::EngineCompleter(Box::new(menu)))
        .with_ansi_colors(paint == Paint::Coloured);
    let Some(path) = history else {
        return Ok(editor);
    };
    let history = FileBackedHistory::with_file(HISTORY_LINES, path.clone()).map_err(|error| {
        Error::new(ErrorKind::File, "cannot open the shell's history").with("file", path.display()).caused_by(error)
    })?;
    Ok(editor.with_history(Box::new(history)))
}

/// `ckosql> `, and `     -> ` on the lines after it.
pub(super) struct SqlPrompt;

impl Prompt for SqlPrompt {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        Cow::Borrowed("ckosql")
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_indicator(&self, _mode: PromptEditMode) -> Cow<'_, str> {
        Cow::Borrowed("> ")
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        Cow::Borrowed("     -> ")
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        Cow::Owned(format!("(search: {}) ", search.term))
    }
}

struct UntilSemicolon;

impl Validator for UntilSemicolon {
    fn validate(&self, text: &str) -> ValidationResult {
        if is_complete(text) { ValidationResult::Complete } else { ValidationResult::Incomplete }
    }
}

/// Completes keywords, tables and columns.
struct Words;

impl Completer for Words {
    fn complete(&mut self, line: &str, position: usize) -> CompletionResult {
        let before = line.get(..position).unwrap_or(line);
        let start = before.rfind(|letter: char| !letter.is_alphanumeric() && letter != '_').map_or(0, |index| index + 1);
        let Some(word) = before.get(start..).filter(|word| !word.is_empty()) else {
            return CompletionResult::fresh(Vec::new());
        };
        let suggestions = words(&word.to_lowercase()).into_iter().map(|value| Suggestion {
            value: value.to_owned(),
            span: Span::new(start, before.len()),
            append_whitespace: true,
            ..Suggestion::default()
        });
        CompletionResult::fresh(suggestions.collect::<Vec<_>>())
    }
}

/// Tables, columns and keywords that start so, each once, in this order.
fn words(start: &str) -> Vec<&'static str> {
    let tables = RESOURCES.iter().map(|table| table.name);
    let columns = RESOURCES.iter().flat_map(|table| table.columns.iter().map(|column| column.name));
    let mut found: Vec<&'static str> = Vec::new();
    for word in tables.chain(columns).chain(KEYWORDS) {
        if word.starts_with(start) && !found.contains(&word) {
            found.push(word);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_completed_wherever_it_stands() {
        let suggestions = Words.complete("select sum(Report_f", 19);
        let values: Vec<(String, usize)> =
            suggestions.suggestions().iter().map(|found| (found.value.clone(), found.span.start)).collect();
        assert_eq!(values, [("report_files".to_owned(), 11)]);
    }
}
