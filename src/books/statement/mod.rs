//! Statements of banks: what is in a file of one, whatever its format, and whether it adds up.
//!
//! Each format has a file of its own, which turns text into [`Statement`]s and refuses what is cut or contradicts itself.
//! What statements are to each other (one twice, one missing) is judged by [`judge`](mod@judge). Amounts are mantissas of
//! decimal(38,8), credit positive. Knows nothing of files and tables.

mod bai2;
mod camt053;
mod judge;
mod mt940;
mod ofx;

use chrono::NaiveDate;

use crate::error::{Error, ErrorKind, Result};
use crate::money::{DECIMAL_PRECISION, DECIMAL_SCALE, parse_decimal};
pub(super) use judge::{Judged, Problem, judge};

/// A format of bank statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bank {
    /// ISO 20022 camt.053, any version.
    Camt053,
    /// SWIFT MT940.
    Mt940,
    /// BAI2 cash management balance reporting.
    Bai2,
    /// OFX 1 (SGML) and 2 (XML).
    Ofx,
}

impl Bank {
    /// The statements in a text.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] with the line when it is not of this format, is cut, or contradicts itself.
    pub fn read(self, text: &str) -> Result<Vec<Statement>> {
        let statements = match self {
            Self::Camt053 => camt053::read(text),
            Self::Mt940 => mt940::read(text),
            Self::Bai2 => bai2::read(text),
            Self::Ofx => ofx::read(text),
        }?;
        if statements.is_empty() {
            return Err(wrong(1, "there is no statement in the file"));
        }
        Ok(statements)
    }
}

/// A statement: what a bank says of an account between two moments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statement {
    /// The bank's name of the account.
    pub account: String,
    /// The same whenever the bank hands it out again.
    pub id: String,
    /// Its number among those of the account, where it says one.
    pub sequence: Option<i64>,
    /// ISO 4217.
    pub currency: String,
    /// First day it speaks of.
    pub from: Option<NaiveDate>,
    /// Last day it speaks of.
    pub to: Option<NaiveDate>,
    /// What was there before.
    pub opening: Option<i128>,
    /// What is there after it.
    pub closing: Option<i128>,
    /// The booked entries, in the bank's order.
    pub lines: Vec<Line>,
}

/// An entry of a statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// Credit positive.
    pub amount: i128,
    /// When it was booked.
    pub booking_date: Option<NaiveDate>,
    /// When it counts for interest.
    pub value_date: Option<NaiveDate>,
    /// The bank's reference.
    pub reference: Option<String>,
    /// The payer's reference that went along with the payment.
    pub end_to_end_id: Option<String>,
    /// What the payer wrote.
    pub remittance: Option<String>,
    /// Who paid, or was paid.
    pub counterparty: Option<String>,
    /// What kind of transaction, in the format's own codes.
    pub code: Option<String>,
    /// Whether it takes another entry back.
    pub is_reversal: bool,
    /// The bank's own identity of the entry, unique in the account, where the format has one.
    pub own_id: Option<String>,
    /// As it is written.
    pub raw: String,
}

impl Statement {
    /// The sum of the lines; `None` when it is too large for a decimal(38,8).
    pub fn sum(&self) -> Option<i128> {
        self.lines.iter().try_fold(0, |sum, line| add(sum, line.amount))
    }

    /// What the lines do not explain of closing less opening; `None` where a balance is not said.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`] when a sum is too large.
    pub fn difference(&self) -> Result<Option<i128>> {
        let (Some(opening), Some(closing)) = (self.opening, self.closing) else { return Ok(None) };
        let difference = self.sum().and_then(|sum| add(add(closing, -opening)?, -sum));
        difference.map(Some).ok_or_else(|| {
            Error::new(ErrorKind::Decode, "cannot add up a statement: its amounts are too large").with("statement", &self.id)
        })
    }

    /// Whether another says the same, however it is written.
    pub fn says_same(&self, other: &Self) -> bool {
        let without_raw = |statement: &Self| {
            let mut statement = statement.clone();
            statement.lines.iter_mut().for_each(|line| line.raw.clear());
            statement
        };
        without_raw(self) == without_raw(other)
    }

    /// The identity of a line, from its place in the statement, counted from 1.
    pub fn line_id(&self, place: usize, line: &Line) -> String {
        match &line.own_id {
            Some(own) => format!("{}/{own}", self.account),
            None => format!("{}/{}/{place}", self.account, self.id),
        }
    }
}

/// A sum that fits the column.
fn add(one: i128, other: i128) -> Option<i128> {
    let most = 10_u128.pow(u32::from(DECIMAL_PRECISION));
    one.checked_add(other).filter(|sum| sum.unsigned_abs() < most)
}

/// The error of something at a line.
fn wrong(line: usize, message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Decode, message).with("line", line)
}

/// An amount with a point, exactly.
fn amount(text: &str, line: usize) -> Result<i128> {
    // The value itself is money of somebody's: its shape says enough.
    let why = |error: Error| format!("cannot read an amount: {}", error.message().to_owned());
    parse_decimal(text, DECIMAL_PRECISION, DECIMAL_SCALE).map_err(|error| wrong(line, why(error)).with("shape", shape(text)))
}

/// A text with its letters and digits hidden: `12,5x` is `99,9a`.
pub(super) fn shape(text: &str) -> String {
    let hide = |letter: char| match letter {
        letter if letter.is_ascii_digit() => '9',
        letter if letter.is_alphabetic() => 'a',
        letter => letter,
    };
    let shape: String = text.chars().take(40).map(hide).collect();
    format!("{shape:?}")
}

/// A text, unless it says nothing.
fn said(text: &str) -> Option<String> {
    let text = text.trim();
    let nothing = ["", "NONREF", "NOTPROVIDED"];
    (!nothing.contains(&text)).then(|| text.to_owned())
}

/// Texts with a space between them; `None` when there are none.
fn joined<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let texts: Vec<&str> = texts.into_iter().map(str::trim).filter(|text| !text.is_empty()).collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}

/// The day of `YYMMDD`; years are those from 1980 on.
fn short_date(text: &str, line: usize) -> Result<NaiveDate> {
    let number = |range| text.get(range).and_then(|digits: &str| digits.parse::<u32>().ok());
    let is_plain = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    let (year, month, day) = (number(0..2), number(2..4), number(4..6));
    let date = (|| {
        let year = i32::try_from(year?).ok()?;
        NaiveDate::from_ymd_opt(if year > 79 { 1900 + year } else { 2000 + year }, month?, day?)
    })();
    date.filter(|_| is_plain).ok_or_else(|| wrong(line, format!("not a date as YYMMDD: {}", shape(text))))
}

#[cfg(test)]
mod tests;
