//! Accounts as a bank's web page exports them: a CSV file each, of all days, with a running balance.

use super::bank::{Account, Written, printed};

const HEADER: &str = "Booking date,Value date,Account,Currency,Amount,Balance,Text,Counterparty,Bank reference\n";

/// Writes an account's export.
pub(super) fn write(account: &Account) -> Written {
    let path = format!("bank_world/{}.csv", account.currency.code.to_lowercase());
    let (mut text, mut lines) = (HEADER.to_owned(), Vec::new());
    let mut balance = account.opening;
    let signed = |amount: i64| format!("{}{}", if amount < 0 { "-" } else { "" }, printed(account.currency, amount, '.'));
    for (number, (day, entries)) in (1_u32..).zip(&account.days) {
        for (place, entry) in (1_u32..).zip(entries) {
            balance += entry.amount;
            let [amount, balance] = [entry.amount, balance].map(signed);
            let row = [
                &day.to_string(),
                &day.to_string(),
                account.number,
                account.currency.code,
                &amount,
                &balance,
                &entry.text,
                entry.party,
                &format!("ZV{number:04}{place:03}"),
            ];
            for _copy in 0..1 + usize::from(entry.is_twice) {
                text.push_str(&record(&row));
                lines.push((format!("{path}/{}", lines.len() + 1), entry.clone()));
            }
        }
    }
    Written { files: vec![(path, text)], lines }
}

/// A row of a CSV file; a cell is quoted where it must be.
pub(super) fn record(cells: &[&str]) -> String {
    let quoted = |cell: &&str| match cell.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => (*cell).to_owned(),
    };
    cells.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n"
}
