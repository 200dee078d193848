//! SWIFT MT940, with or without the envelope of a message.
//!
//! ```text
//!  :20: reference   :25: account   :28C: number/page   :60F: opening   (:61: line  :86: what about)*   :62F: closing
//! ```
//!
//! A statement may go over several messages, its pages: they end in `:62M:` and begin with `:60M:`.

use chrono::{Datelike as _, NaiveDate};

use super::{Line, Statement, amount, joined, said, short_date, wrong};
use crate::error::Result;

/// The statements in a text.
pub(super) fn read(text: &str) -> Result<Vec<Statement>> {
    let mut pages = Pages::default();
    for field in fields(text)? {
        pages.take(&field)?;
    }
    pages.finish()
}

/// A tag and what stands behind it.
struct Field<'a> {
    tag: &'a str,
    /// What follows on its lines, of which there is one at least.
    lines: Vec<&'a str>,
    line: usize,
}

impl Field<'_> {
    fn first(&self) -> &str {
        self.lines.first().copied().unwrap_or_default()
    }
}

fn fields(text: &str) -> Result<Vec<Field<'_>>> {
    let mut fields: Vec<Field<'_>> = Vec::new();
    let mut is_inside = false;
    for (index, line) in text.lines().enumerate() {
        let mut line = line.trim_end();
        if line.starts_with('{') {
            // The envelope; its block 4 is the message.
            line = line.split_once("{4:").map_or("", |(_, rest)| rest);
        }
        if line == "-" || line.starts_with("-}") {
            is_inside = false;
        } else if let Some((tag, rest)) = tagged(line) {
            is_inside = true;
            fields.push(Field { tag, lines: vec![rest], line: index + 1 });
        } else if let Some(field) = fields.last_mut().filter(|_| is_inside) {
            field.lines.push(line);
        } else if !line.is_empty() {
            return Err(wrong(index + 1, "not MT940: a line belongs to no field")
                .hint("a file begins with :20: or with {1:…; check the format of this source"));
        }
    }
    Ok(fields)
}

/// `:61:…` as `61` and the rest.
fn tagged(line: &str) -> Option<(&str, &str)> {
    let (tag, rest) = line.strip_prefix(':')?.split_once(':')?;
    let (digits, letter) = tag.split_at_checked(2)?;
    let is_tag = digits.bytes().all(|byte| byte.is_ascii_digit()) && letter.len() < 2;
    (is_tag && letter.bytes().all(|byte| byte.is_ascii_uppercase())).then_some((tag, rest))
}

/// A balance, of a whole statement or of a page.
#[derive(Clone)]
struct Balance {
    amount: i128,
    on: NaiveDate,
    currency: String,
    is_of_page: bool,
}

/// The pages that were read, put together.
#[derive(Default)]
struct Pages {
    done: Vec<Statement>,
    page: Option<Page>,
    /// The statement whose next page must follow: its last line, its number and its balance so far.
    open: Option<(usize, String, Balance)>,
}

struct Page {
    line: usize,
    number: String,
    statement: Statement,
    opening: Option<Balance>,
    closing: Option<Balance>,
    /// Whether the last field was a line of the statement, which `:86:` then is about.
    is_at_line: bool,
}

impl Pages {
    fn take(&mut self, field: &Field<'_>) -> Result<()> {
        if field.tag == "20" {
            self.close()?;
            let statement = Statement::default();
            let number = String::new();
            self.page = Some(Page { line: field.line, number, statement, opening: None, closing: None, is_at_line: false });
            return Ok(());
        }
        let Some(page) = &mut self.page else {
            return Err(wrong(field.line, format!("not MT940: :{}: stands before any :20:", field.tag)));
        };
        page.take(field)
    }

    /// Ends the page that is being read.
    fn close(&mut self) -> Result<()> {
        let Some(page) = self.page.take() else { return Ok(()) };
        let line = page.line;
        let cut = |what: &str| wrong(line, format!("the statement that begins here is cut: it has no {what}"));
        let opening = page.opening.ok_or_else(|| cut("opening balance (:60F: or :60M:)"))?;
        let closing = page.closing.ok_or_else(|| cut("closing balance (:62F: or :62M:)"))?;
        let mut statement = page.statement;
        if statement.account.is_empty() {
            return Err(cut("account (:25:)"));
        }
        if closing.currency != opening.currency {
            return Err(wrong(line, "the balances of the statement that begins here are in two currencies"));
        }
        match self.open.take() {
            Some((_, number, before)) if opening.is_of_page => {
                let last = self.done.last_mut().filter(|last| {
                    last.account == statement.account && number == page.number && before.currency == opening.currency
                });
                let Some(last) = last.filter(|_| before.amount == opening.amount) else {
                    return Err(wrong(line, "this page does not go on where the one before it ended: a page is missing"));
                };
                last.lines.append(&mut statement.lines);
                statement = self.done.pop().unwrap_or_default();
            }
            Some((before, ..)) => return Err(wrong(before, NO_NEXT_PAGE)),
            None if opening.is_of_page => return Err(wrong(line, "the page before this one is missing")),
            None => {
                statement.opening = Some(opening.amount);
                statement.from = Some(opening.on);
                statement.currency.clone_from(&opening.currency);
            }
        }
        statement.closing = Some(closing.amount);
        statement.to = Some(closing.on);
        // Numbers begin anew every year, or are always the same: only with the day they are one statement's.
        statement.id = format!("{}/{}", page.number, closing.on);
        self.done.push(statement);
        if closing.is_of_page {
            self.open = Some((line, page.number, closing));
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Statement>> {
        self.close()?;
        match self.open {
            Some((line, ..)) => Err(wrong(line, NO_NEXT_PAGE)),
            None => Ok(self.done),
        }
    }
}

const NO_NEXT_PAGE: &str = "the next page of the statement that begins here is missing";

impl Page {
    fn take(&mut self, field: &Field<'_>) -> Result<()> {
        let was_at_line = std::mem::replace(&mut self.is_at_line, field.tag == "61");
        match field.tag {
            "25" | "25P" => field.first().trim().clone_into(&mut self.statement.account),
            "28" | "28C" => {
                let number = field.first().trim();
                let number = number.split_once('/').map_or(number, |(number, _page)| number);
                self.statement.sequence = number.parse().ok();
                number.trim_start_matches('0').clone_into(&mut self.number);
            }
            "60F" | "60M" => self.opening = Some(balance(field)?),
            "62F" | "62M" => self.closing = Some(balance(field)?),
            "61" if self.closing.is_some() => return Err(wrong(field.line, "a line stands after the closing balance")),
            "61" => self.statement.lines.push(line(field)?),
            "86" if was_at_line => {
                if let Some(line) = self.statement.lines.last_mut() {
                    about(line, field);
                }
            }
            // What is available, and what is about the whole statement.
            _ => {}
        }
        Ok(())
    }
}

/// `C260131EUR1234,56`.
fn balance(field: &Field<'_>) -> Result<Balance> {
    let text = field.first().trim();
    let parts = (|| {
        let (mark, rest) = text.split_at_checked(1)?;
        let (date, rest) = rest.split_at_checked(6)?;
        let (currency, amount) = rest.split_at_checked(3)?;
        let is_currency = currency.bytes().all(|byte| byte.is_ascii_uppercase());
        is_currency.then_some((mark, date, currency, amount))
    })();
    let Some((mark @ ("C" | "D"), date, currency, digits)) = parts else {
        return Err(wrong(field.line, format!("cannot read a balance: :{}: is not as C260131EUR1234,56", field.tag)));
    };
    let amount = comma_amount(digits, field.line)?;
    let amount = if mark == "D" { -amount } else { amount };
    let is_of_page = field.tag.ends_with('M');
    Ok(Balance { amount, on: short_date(date, field.line)?, currency: currency.to_owned(), is_of_page })
}

/// `1234,5`: the comma must be there.
fn comma_amount(text: &str, line: usize) -> Result<i128> {
    let is_amount = text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b',')
        && text.contains(',');
    if !is_amount {
        return Err(wrong(line, "cannot read an amount: digits and one comma are wanted").with("shape", super::shape(text)));
    }
    amount(&text.replace(',', "."), line)
}

/// `2601310201RCR12,5NTRFcustomer//bank`, and perhaps a second line of text.
fn line(field: &Field<'_>) -> Result<Line> {
    let bad = |what: &str| wrong(field.line, format!("cannot read :61:: {what}"));
    let (date, rest) = field.first().split_at_checked(6).ok_or_else(|| bad("it has no value date"))?;
    let value_date = short_date(date, field.line)?;
    let (entry, rest) = match rest.split_at_checked(4) {
        Some((entry, rest)) if entry.bytes().all(|byte| byte.is_ascii_digit()) => (Some(entry), rest),
        _ => (None, rest),
    };
    let booking_date = match entry {
        Some(entry) => Some(near(entry, value_date).ok_or_else(|| bad("its entry date is no day of a year"))?),
        None => None,
    };
    let marks = [("RC", true, true), ("RD", false, true), ("C", false, false), ("D", true, false)];
    let mark = marks.iter().find_map(|(mark, is_debit, is_reversal)| Some((rest.strip_prefix(mark)?, *is_debit, *is_reversal)));
    let (rest, is_debit, is_reversal) = mark.ok_or_else(|| bad("it says neither C, D, RC nor RD"))?;
    // The third letter of the currency may stand here.
    let rest = rest.strip_prefix(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(rest);
    let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != ',').unwrap_or(rest.len());
    let (digits, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let amount = comma_amount(digits, field.line)?;
    let (code, references) = rest.split_at_checked(4).ok_or_else(|| bad("it has no transaction type after the amount"))?;
    let (customer, bank) = references.split_once("//").unwrap_or((references, ""));
    Ok(Line {
        amount: if is_debit { -amount } else { amount },
        booking_date: booking_date.or(Some(value_date)),
        value_date: Some(value_date),
        reference: said(bank).or_else(|| said(customer)),
        end_to_end_id: None,
        remittance: joined(field.lines.iter().skip(1).copied()),
        counterparty: None,
        code: said(code),
        is_reversal,
        own_id: None,
        raw: format!(":61:{}", field.lines.join("\n")),
    })
}

/// The day `MMDD` that is nearest to another: the year is not written, and may be another.
fn near(entry: &str, value_date: NaiveDate) -> Option<NaiveDate> {
    let (month, day) = entry.split_at_checked(2)?;
    let (month, day) = (month.parse().ok()?, day.parse().ok()?);
    let years = [-1, 0, 1].map(|shift| value_date.year() + shift);
    let days = years.into_iter().filter_map(|year| NaiveDate::from_ymd_opt(year, month, day));
    days.min_by_key(|date| (*date - value_date).num_days().abs())
}

/// Takes from `:86:` what it says of the line before it.
fn about(line: &mut Line, field: &Field<'_>) {
    line.raw.push_str("\n:86:");
    line.raw.push_str(&field.lines.join("\n"));
    let whole = field.lines.concat();
    let Some(parts) = subfields(&whole) else {
        line.end_to_end_id = between(&whole, "/EREF/", '/').and_then(said);
        line.remittance = joined(line.remittance.as_deref().into_iter().chain(field.lines.iter().copied()));
        return;
    };
    let of = |codes: &[std::ops::RangeInclusive<u32>]| -> String {
        parts.iter().filter(|(code, _)| codes.iter().any(|range| range.contains(code))).map(|(_, text)| text.as_str()).collect()
    };
    let remittance = of(&[20..=29, 60..=63]);
    line.counterparty = said(&of(&[32..=33]));
    line.end_to_end_id = word(&remittance, "EREF+").and_then(said);
    line.remittance = said(word(&remittance, "SVWZ+").unwrap_or(&remittance));
}

/// `166?00SEPA?20EREF+…?32NAME`: the parts by their numbers; `None` when it is plain text.
fn subfields(text: &str) -> Option<Vec<(u32, String)>> {
    let (code, rest) = text.split_at_checked(3)?;
    let mark = rest.chars().next().filter(|mark| !mark.is_alphanumeric() && !mark.is_whitespace())?;
    if !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut parts: Vec<(u32, String)> = Vec::new();
    for part in rest.split(mark).skip(1) {
        let numbered = part.split_at_checked(2).filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
        match (numbered.and_then(|(number, text)| Some((number.parse().ok()?, text))), parts.last_mut()) {
            (Some((number, text)), _) => parts.push((number, text.to_owned())),
            (None, Some((_, before))) => {
                before.push(mark);
                before.push_str(part);
            }
            (None, None) => return None,
        }
    }
    Some(parts)
}

/// What follows a code word of SEPA, up to the next one.
fn word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    const WORDS: [&str; 13] =
        ["EREF+", "KREF+", "MREF+", "CRED+", "DEBT+", "COAM+", "OAMT+", "SVWZ+", "ABWA+", "ABWE+", "IBAN+", "BIC+", "PURP+"];
    let (_, rest) = text.split_once(word)?;
    let end = WORDS.iter().filter_map(|next| rest.find(next)).min().unwrap_or(rest.len());
    rest.get(..end)
}

fn between<'a>(text: &'a str, start: &str, end: char) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split(end).next()
}
