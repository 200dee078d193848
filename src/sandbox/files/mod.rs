//! What is in the merchant's report files: CSV with the vendor's columns, made from the effects of the span of time that
//! a report covers, one file at a time.
//!
//! ```text
//!  effect ─► financial_actions · breakdown · category ─► payouts · balances ─► csv ─► (gzip)
//!                └── lie bends what they say
//! ```

mod action_line;
mod balances;
mod breakdown;
mod category;
mod csv;
mod disputes;
mod financial_actions;
mod gzip;
#[cfg(test)]
mod identities;
mod lie;
mod options;
mod payouts;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub(super) use action_line::Line;
pub(super) use financial_actions::each as each_action;
pub(super) use gzip::crc32;
pub use lie::Lie;
pub(super) use lie::{Books, Spot};
pub use options::{FileOptions, LineEnd};

use self::csv::Csv;
use super::merchant::Merchant;
use super::report::{Content, Report};

/// How many files a report has.
pub(super) fn count(merchant: &Merchant, report: &Report) -> usize {
    let Some(most) = merchant.options().files.rows_per_file.filter(|_| is_split(report)) else { return 1 };
    write(&Books::new(merchant, &[]), report, 0..0).rows().div_ceil(most.max(1)).max(1)
}

/// The bytes of one of a report's files.
pub(super) fn content(books: &Books<'_>, report: &Report, place: usize) -> Vec<u8> {
    let options = books.merchant.options().files;
    let most = options.rows_per_file.filter(|_| is_split(report)).map_or(usize::MAX, |most| most.max(1));
    let bytes = write(books, report, most.saturating_mul(place)..most.saturating_mul(place + 1)).into_bytes();
    let is_packed = options.gzip && report.kind.content == Content::SettlementBreakdown;
    if is_packed { gzip::gzip(&bytes) } else { bytes }
}

/// Only the large ones, whose names have a number for it.
const fn is_split(report: &Report) -> bool {
    matches!(report.kind.content, Content::ActionsByDate | Content::ActionsByPayout | Content::SettlementBreakdown)
}

fn write(books: &Books<'_>, report: &Report, part: Range<usize>) -> Csv {
    match report.kind.content {
        Content::ActionsByDate | Content::ActionsByPayout => financial_actions::write(books, report, part),
        Content::SettlementBreakdown => breakdown::write(books, report, part),
        Content::Payouts => payouts::write(books, report, part),
        Content::Balances => balances::write(books, report, part),
        Content::Disputes => disputes::write(books.merchant, report, part),
    }
}
