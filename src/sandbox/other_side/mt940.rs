//! Statements as MT940: a file a month, a message a day.

use std::fmt::Write as _;

use chrono::NaiveDate;

use super::bank::{Account, Entry, Written, printed};

/// Letters of a part of `:86:`.
const PART: usize = 27;

/// Writes an account's statements. Writing to a String cannot fail.
pub(super) fn write(account: &Account) -> Written {
    let mut written = Written::default();
    let mut balance = account.opening;
    for (number, (day, entries)) in (1_u32..).zip(&account.days) {
        let opening = balance;
        balance += entries.iter().map(|entry| entry.amount).sum::<i64>();
        if account.unloaded == Some(*day) {
            continue;
        }
        let path = format!("bank_gbp/{}.sta", day.format("%Y-%m"));
        if written.files.last().is_none_or(|(last, _)| *last != path) {
            written.files.push((path, String::new()));
        }
        let Some((_, text)) = written.files.last_mut() else { continue };
        let _written = writeln!(text, ":20:STMT{number:05}\n:25:{}\n:28C:{number:05}/001", account.number);
        let _written = writeln!(text, ":60F:{}", balance_of(account, *day, opening));
        for (place, entry) in (1_u32..).zip(entries) {
            line(text, account, *day, entry, &format!("ZV{number:04}{place:03}"));
        }
        let _written = writeln!(text, ":62F:{}\n-", balance_of(account, *day, balance));
        let lines =
            (1..).zip(entries).map(|(place, entry)| (format!("{}/{number}/{day}/{place}", account.number), entry.clone()));
        written.lines.extend(lines);
    }
    written
}

fn balance_of(account: &Account, day: NaiveDate, amount: i64) -> String {
    let mark = if amount < 0 { 'D' } else { 'C' };
    format!("{mark}{}{}{}", day.format("%y%m%d"), account.currency.code, comma(account, amount))
}

/// With the comma that must be there.
fn comma(account: &Account, amount: i64) -> String {
    let amount = printed(account.currency, amount, ',');
    if amount.contains(',') { amount } else { amount + "," }
}

fn line(text: &mut String, account: &Account, day: NaiveDate, entry: &Entry, reference: &str) {
    let mark = if entry.amount < 0 { 'D' } else { 'C' };
    let (value, booked) = (day.format("%y%m%d"), day.format("%m%d"));
    let amount = comma(account, entry.amount);
    let _written = writeln!(text, ":61:{value}{booked}{mark}{amount}NTRFNONREF//{reference}");
    text.push_str(":86:166?00TRANSFER");
    for (number, part) in (20..).zip(parts(&format!("SVWZ+{}", entry.text))) {
        let _written = write!(text, "\n?{number}{part}");
    }
    let _written = writeln!(text, "\n?32{}", entry.party);
}

/// A text in parts, none of which ends in a blank: it would be lost.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for letter in text.chars() {
        let is_full = parts.last().is_some_and(|part| part.len() >= PART);
        match parts.last_mut() {
            Some(part) if !is_full || letter == ' ' && part.len() < PART => part.push(letter),
            _ => {
                let before = parts.last_mut().map(|part| part.split_off(part.trim_end().len())).unwrap_or_default();
                parts.push(format!("{before}{letter}"));
            }
        }
    }
    parts
}
