//! CSV: every cell is text, and an empty one is null.

use ::csv::{ReaderBuilder, StringRecord};

use super::{Columns, quoted};
use crate::books::settings::Csv;
use crate::error::{Error, ErrorKind, Result};

/// The columns of a text.
///
/// # Errors
/// [`ErrorKind::Decode`] with the line of a row that is not as wide as the header.
pub(super) fn read(text: &str, csv: Csv) -> Result<Columns> {
    let mut reader = ReaderBuilder::new().delimiter(csv.delimiter).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut names: Vec<String> = Vec::new();
    let mut keys: Vec<String> = Vec::new();
    let mut rows = Vec::new();
    let mut record = StringRecord::new();
    loop {
        let line = reader.position().line();
        let unread = |error| Error::new(ErrorKind::Decode, "not CSV").with("line", line).caused_by(error);
        if !reader.read_record(&mut record).map_err(unread)? {
            break;
        }
        let line = record.position().map_or(line, ::csv::Position::line);
        if names.is_empty() {
            let name = |(index, cell): (usize, &str)| {
                if csv.has_header { cell.trim().to_owned() } else { format!("column_{}", index + 1) }
            };
            names = record.iter().enumerate().map(name).collect();
            if let Some(index) = names.iter().position(String::is_empty) {
                return Err(Error::new(ErrorKind::Decode, "a column has no name").with("column", index + 1).with("line", line));
            }
            keys = names.iter().map(|name| quoted(name)).collect();
            if csv.has_header {
                continue;
            }
        }
        if record.len() != names.len() {
            let message = format!("a row has {} columns and the header has {}", record.len(), names.len());
            return Err(Error::new(ErrorKind::Decode, message)
                .with("line", line)
                .hint("say csv = { delimiter = \";\" } if that is what stands between them"));
        }
        let members: Vec<String> = keys.iter().zip(&record).map(|(key, cell)| format!("{key}:{}", quoted(cell))).collect();
        let cells = record.iter().map(|cell| (!cell.is_empty()).then(|| cell.to_owned())).collect();
        rows.push((cells, format!("{{{}}}", members.join(","))));
    }
    // A text that ends within quotes is cut, and its last row would be taken for whole.
    if text.bytes().filter(|byte| *byte == b'"').count() % 2 == 1 {
        return Err(Error::new(ErrorKind::Decode, "not CSV: a quote is not closed"));
    }
    if names.is_empty() {
        return Err(Error::new(ErrorKind::Decode, "the file is empty: it has not even a header"));
    }
    Ok(Columns::of_texts(&names, rows))
}
