//! The merchant's other side: the orders of its shop and the statements of its banks, as files, and the truth about them.
//!
//! ```text
//!  merchant ─► orders ──────────────────────────────► orders.csv
//!      └─► payouts ─► bank ─► camt053 · mt940 · csv ─► bank_eur/ · bank_gbp/ · bank_world/
//!            └── fate: what goes wrong on the way ──► truth.csv · truth_matches.csv
//!  reports ─► what they do not tell yet, and lie about ──┘
//! ```
//!
//! A few orders and payouts have a fate of their own, and the truth says which rows are left for which reason, and which
//! belong together. All of it follows from the merchant, which it changes nothing of. Payouts that the bank sends back are
//! the merchant's own; everything else that goes wrong between its books and Checkout.com is planted here, one to three of
//! a kind. Of the flows over Checkout.com's own reports the truth says which rows are left, for want of a later report or
//! by a lie; all other rows are matched, or expect nothing.

mod bank;
mod camt053;
mod csv;
mod days;
mod fate;
mod lies;
mod mt940;
mod orders;
mod payouts;
mod pick;
mod reports;
mod row;
#[cfg(test)]
mod tests;
mod truth;

use super::faults::Faults;
use super::files::Books;
use super::merchant::Merchant;
use orders::Shop;
use payouts::payouts;
use truth::Truth;

/// The files of the merchant's other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherSide {
    files: Vec<(String, String)>,
}

impl OtherSide {
    /// The part of a configuration that makes tables of the files; paths are from their folder on.
    pub const SETTINGS: &str = include_str!("ckosql.toml");

    /// That of a merchant, at its present.
    pub fn of(merchant: &Merchant) -> Self {
        Self::with(merchant, &Faults::default())
    }

    /// That of a merchant, where the truth also tells of what its report files tell wrongly.
    pub fn with(merchant: &Merchant, faults: &Faults) -> Self {
        let mut truth = Truth::default();
        let shop = Shop::of(merchant);
        shop.tell(merchant, &mut truth);
        let mut files = vec![("orders.csv".to_owned(), shop.csv(merchant))];
        let payouts = payouts(merchant);
        for account in bank::accounts(merchant, &payouts) {
            let written = match account.writes {
                bank::Writes::Camt053 => camt053::write(&account),
                bank::Writes::Mt940 => mt940::write(&account),
                bank::Writes::Csv => csv::write(&account),
            };
            truth.tell_lines(&written.lines);
            files.extend(written.files);
        }
        truth.tell_payouts(&payouts);
        let books = Books::new(merchant, faults.lies());
        reports::tell(&books, &mut truth);
        lies::tell(&books, &mut truth);
        files.push(("truth.csv".to_owned(), truth.exceptions()));
        files.push(("truth_matches.csv".to_owned(), truth.matches()));
        Self { files }
    }

    /// Path and text of each file.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The files, each with its path.
    pub fn into_files(self) -> Vec<(String, String)> {
        self.files
    }

    /// What is in a file.
    pub fn file(&self, path: &str) -> Option<&str> {
        self.files().find(|(own, _)| *own == path).map(|(_, text)| text)
    }
}
