//! OFX 1, which is SGML whose leaves have no end, and OFX 2, which is XML: read by the same few rules.
//!
//! A file has a balance after it (`LEDGERBAL`) and none before it, so a statement of it cannot be added up; the bank's
//! own identity of a transaction (`FITID`) keeps files that overlap from counting it twice.

use chrono::NaiveDate;

use super::{Line, Statement, amount, joined, said, shape, wrong};
use crate::error::Result;

/// Leaves that some banks write although there is nothing in them.
const LEAVES: [&str; 14] = [
    "MEMO", "NAME", "CHECKNUM", "REFNUM", "DTUSER", "DTAVAIL", "SIC", "PAYEEID", "SRVRTID", "MESSAGE", "BRANCHID", "ORG", "FID",
    "INTU.BID",
];
/// Deeper than any file goes.
const DEPTH: usize = 32;

/// The statements in a text.
pub(super) fn read(text: &str) -> Result<Vec<Statement>> {
    let start =
        text.find("<OFX").ok_or_else(|| wrong(1, "not OFX: there is no <OFX> in it").hint("check the format of this source"))?;
    let (head, body) = text.split_at_checked(start).unwrap_or_default();
    let mut reader = Reader { line: head.matches('\n').count() + 1, ..Reader::default() };
    let mut rest = body;
    while let Some(open) = rest.find('<') {
        let (between, tag) = rest.split_at_checked(open).unwrap_or_default();
        reader.text(between)?;
        let Some((tag, after)) = tag.split_once('>') else { return Err(wrong(reader.line, "the file is cut inside a tag")) };
        reader.tag(tag.trim_start_matches('<'), body.len() - rest.len() + open)?;
        reader.raw(body, body.len() - after.len());
        reader.line += tag.matches('\n').count();
        rest = after;
    }
    reader.text(rest)?;
    match reader.stack.last() {
        None => Ok(reader.done),
        Some(open) => Err(wrong(reader.line, format!("the file is cut: {open} does not end"))),
    }
}

#[derive(Default)]
struct Reader {
    line: usize,
    /// The aggregates that have not ended.
    stack: Vec<String>,
    /// The element that has begun last, if it may be a leaf.
    leaf: Option<(String, String)>,
    done: Vec<Statement>,
    statement: Option<Open>,
    transaction: Option<Transaction>,
    /// Where the transaction that has just ended began.
    ended: Option<usize>,
}

/// A statement that is being read.
#[derive(Default)]
struct Open {
    statement: Statement,
    bank: String,
    has_list: bool,
}

#[derive(Default)]
struct Transaction {
    start: usize,
    amount: Option<i128>,
    day: Option<NaiveDate>,
    value_day: Option<NaiveDate>,
    line: Line,
    texts: [Option<String>; 2],
}

impl Reader {
    /// Text between two tags.
    fn text(&mut self, text: &str) -> Result<()> {
        self.line += text.matches('\n').count();
        match &mut self.leaf {
            Some((_, value)) => value.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(wrong(self.line, "not OFX: text stands between two ends of elements")),
        }
        Ok(())
    }

    fn tag(&mut self, tag: &str, at: usize) -> Result<()> {
        if tag.starts_with(['?', '!']) || tag.ends_with('/') {
            return self.end_leaf();
        }
        let Some(name) = tag.strip_prefix('/') else {
            self.end_leaf()?;
            let name = tag.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
            if name == "STMTTRN" {
                self.transaction = Some(Transaction { start: at, ..Transaction::default() });
            }
            self.leaf = Some((name, String::new()));
            return Ok(());
        };
        let name = name.trim().to_ascii_uppercase();
        if self.leaf.as_ref().is_some_and(|(leaf, _)| *leaf == name) {
            // With its end it may be empty, and is a leaf all the same.
            let (name, value) = self.leaf.take().unwrap_or_default();
            return if self.is_aggregate(&name) && value.trim().is_empty() { self.end(&name) } else { self.value(&name, &value) };
        }
        self.end_leaf()?;
        match self.stack.pop() {
            Some(open) if open == name => self.end(&name),
            Some(open) => Err(wrong(self.line, format!("{open} is ended by the end of another element"))),
            None => Err(wrong(self.line, "an element ends that did not begin")),
        }
    }

    /// What an element is without text: the begin of an aggregate.
    fn end_leaf(&mut self) -> Result<()> {
        let Some((name, value)) = self.leaf.take() else { return Ok(()) };
        if !value.trim().is_empty() {
            return self.value(&name, &value);
        }
        if LEAVES.contains(&name.as_str()) {
            return Ok(());
        }
        if self.stack.len() == DEPTH {
            return Err(wrong(self.line, "not OFX: its elements are too deep"));
        }
        if matches!(name.as_str(), "STMTRS" | "CCSTMTRS") {
            self.statement = Some(Open::default());
        }
        self.stack.push(name);
        Ok(())
    }

    fn is_aggregate(&self, name: &str) -> bool {
        matches!(name, "BANKTRANLIST" | "STMTTRN" | "STMTRS" | "CCSTMTRS") && !self.stack.is_empty()
    }

    /// The end of an aggregate.
    fn end(&mut self, name: &str) -> Result<()> {
        match name {
            "STMTTRN" => self.end_transaction(),
            "BANKTRANLIST" => {
                if let Some(open) = &mut self.statement {
                    open.has_list = true;
                }
                Ok(())
            }
            "STMTRS" | "CCSTMTRS" => self.end_statement(),
            _ => Ok(()),
        }
    }

    fn end_transaction(&mut self) -> Result<()> {
        let (line, transaction) = (self.line, self.transaction.take());
        let lacks = |what: &str| wrong(line, format!("the transaction that ends here has no {what}"));
        let (Some(transaction), Some(open)) = (transaction, &mut self.statement) else {
            return Err(wrong(line, "a transaction stands outside of a statement"));
        };
        self.ended = Some(transaction.start);
        let [name, memo] = transaction.texts;
        let mut read = transaction.line;
        read.amount = transaction.amount.ok_or_else(|| lacks("TRNAMT"))?;
        read.booking_date = Some(transaction.day.ok_or_else(|| lacks("DTPOSTED"))?);
        read.value_date = transaction.value_day;
        read.remittance = joined([name.as_deref(), memo.as_deref()].into_iter().flatten());
        read.counterparty = name;
        if read.own_id.is_none() {
            return Err(lacks("FITID"));
        }
        open.statement.lines.push(read);
        Ok(())
    }

    fn end_statement(&mut self) -> Result<()> {
        let Some(Open { mut statement, bank, .. }) = self.statement.take().filter(|open| open.has_list) else {
            return Err(wrong(self.line, "the statement that ends here has no BANKTRANLIST"));
        };
        if statement.account.is_empty() || statement.currency.is_empty() {
            return Err(wrong(self.line, "the statement that ends here has no ACCTID or no CURDEF"));
        }
        if !bank.is_empty() {
            statement.account = format!("{bank}/{}", statement.account);
        }
        let day = |day: Option<NaiveDate>| day.map_or_else(String::new, |day| day.to_string());
        statement.id = format!("{}..{}", day(statement.from), day(statement.to));
        self.done.push(statement);
        Ok(())
    }

    /// Keeps how a transaction is written, once its end is passed.
    fn raw(&mut self, body: &str, end: usize) {
        let Some(start) = self.ended.take() else { return };
        let line = self.statement.as_mut().and_then(|open| open.statement.lines.last_mut());
        if let (Some(line), Some(raw)) = (line, body.get(start..end)) {
            raw.clone_into(&mut line.raw);
        }
    }

    /// The value of a leaf.
    fn value(&mut self, name: &str, value: &str) -> Result<()> {
        let value = plain(value.trim());
        let line = self.line;
        let parent = self.stack.last().map_or("", String::as_str);
        let (Some(open), transaction) = (&mut self.statement, &mut self.transaction) else { return Ok(()) };
        match (name, parent, transaction) {
            ("TRNAMT", _, Some(transaction)) => transaction.amount = Some(money(&value, line)?),
            ("DTPOSTED", _, Some(transaction)) => transaction.day = Some(date(&value, line)?),
            ("DTAVAIL", _, Some(transaction)) => transaction.value_day = Some(date(&value, line)?),
            ("FITID", _, Some(transaction)) => transaction.line.own_id = said(&value),
            ("REFNUM", _, Some(transaction)) => transaction.line.reference = said(&value),
            ("CHECKNUM", _, Some(transaction)) if transaction.line.reference.is_none() => {
                transaction.line.reference = said(&value);
            }
            ("TRNTYPE", _, Some(transaction)) => transaction.line.code = said(&value),
            ("CORRECTACTION", ..) => {
                return Err(wrong(line, "a transaction corrects another one, of an earlier file")
                    .hint("leave out the files that it corrects, or ask the bank for statements in another format"));
            }
            ("NAME", _, Some(Transaction { texts: [name, _], .. })) => *name = said(&value),
            ("MEMO", _, Some(Transaction { texts: [_, memo], .. })) => *memo = said(&value),
            ("CURDEF", ..) => open.statement.currency = value,
            ("BANKID", "BANKACCTFROM", _) => open.bank = value,
            ("ACCTID", "BANKACCTFROM" | "CCACCTFROM", _) => open.statement.account = value,
            ("DTSTART", "BANKTRANLIST", _) => open.statement.from = Some(date(&value, line)?),
            ("DTEND", "BANKTRANLIST", _) => open.statement.to = Some(date(&value, line)?),
            ("BALAMT", "LEDGERBAL", _) => open.statement.closing = Some(money(&value, line)?),
            _ => {}
        }
        Ok(())
    }
}

/// An amount, with a point or, as some banks write it, a comma.
fn money(text: &str, line: usize) -> Result<i128> {
    if text.contains(',') && text.contains('.') {
        return Err(wrong(line, "cannot read an amount: it has a comma and a point").with("shape", shape(text)));
    }
    amount(&text.replace(',', "."), line)
}

/// The day of `20260131120000.000[-5:EST]`, as the bank's clock shows it.
fn date(text: &str, line: usize) -> Result<NaiveDate> {
    let number = |range| text.get(range).and_then(|digits: &str| digits.parse().ok());
    let year: Option<u32> = number(0..4);
    let day = year.and_then(|year| NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, number(4..6)?, number(6..8)?));
    day.ok_or_else(|| wrong(line, "not a date as YYYYMMDD").with("shape", shape(text)))
}

/// A text with its entities replaced.
fn plain(text: &str) -> String {
    const ENTITIES: [(&str, &str); 6] =
        [("&lt;", "<"), ("&gt;", ">"), ("&nbsp;", " "), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    ENTITIES.iter().fold(text.to_owned(), |text, (entity, letter)| text.replace(entity, letter))
}
