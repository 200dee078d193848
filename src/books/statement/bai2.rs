//! BAI2, the cash management balance reporting of the Bank Administration Institute, version 2.
//!
//! ```text
//!  01 file ( 02 group ( 03 account ( 16 transaction )* 49 )* 98 )* 99      88 goes on with the record before it
//! ```
//!
//! Amounts have no point: how many decimals they have is known from the currency, by ISO 4217. Every level has a sum and
//! a count of what is in it, and all are checked.

use chrono::NaiveDate;

use super::{Line, Statement, add, said, shape, short_date, wrong};
use crate::error::{Error, Result};
use crate::money::{DECIMAL_SCALE, iso_exponent};

/// Currency of a group that says none, by the format's definition.
const USUAL: &str = "USD";

/// The statements in a text.
pub(super) fn read(text: &str) -> Result<Vec<Statement>> {
    let mut reader = Reader::default();
    for record in records(text)? {
        reader.take(&record)?;
    }
    match reader.is_ended {
        true => Ok(reader.done),
        false => Err(wrong(text.lines().count(), "the file is cut: it does not end with record 99")),
    }
}

/// A record with what goes on with it.
struct Record {
    code: String,
    fields: Vec<String>,
    /// The last field of a 16, which may have commas and slashes.
    raw: String,
    line: usize,
    /// Lines that it is written on, each of which counts as a record.
    lines: i64,
}

impl Record {
    fn field(&self, index: usize) -> &str {
        self.fields.get(index).map_or("", |field| field.trim())
    }

    fn bad(&self, what: &str) -> Error {
        wrong(self.line, format!("cannot read record {}: {what}", self.code))
    }
}

fn records(text: &str) -> Result<Vec<Record>> {
    let mut records: Vec<Record> = Vec::new();
    // The text of the record so far, and whether it ended with a slash.
    let mut bodies: Vec<(String, bool)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end();
        if line.is_empty() {
            continue;
        }
        let (code, rest) = line.split_once(',').unwrap_or_else(|| (line.trim_end_matches('/'), ""));
        let is_ended = rest.ends_with('/');
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        match (code, records.last_mut(), bodies.last_mut()) {
            ("88", Some(record), Some((body, was_ended))) => {
                record.lines += 1;
                record.raw.push('\n');
                record.raw.push_str(line);
                // Text goes on as text; fields go on after a comma.
                body.push(if record.code == "16" && !*was_ended { ' ' } else { ',' });
                body.push_str(rest);
                *was_ended = is_ended;
            }
            ("01" | "02" | "03" | "16" | "49" | "98" | "99", ..) => {
                let (code, raw) = (code.to_owned(), line.to_owned());
                records.push(Record { code, fields: Vec::new(), raw, line: index + 1, lines: 1 });
                bodies.push((rest.to_owned(), is_ended));
            }
            _ => {
                return Err(wrong(index + 1, "not BAI2: a line begins with none of 01, 02, 03, 16, 49, 88, 98, 99")
                    .hint("check the format of this source"));
            }
        }
    }
    for (record, (body, _)) in records.iter_mut().zip(bodies) {
        record.fields = body.split(',').map(str::to_owned).collect();
    }
    Ok(records)
}

/// The sums and counts that a level has come to.
#[derive(Default, Clone, Copy)]
struct Tally {
    sum: i128,
    members: i64,
    records: i64,
}

impl Tally {
    /// Checks what a closing record says; of accounts, it says no number of members.
    fn check(&self, record: &Record, sum: &str, members: Option<&str>, records: &str) -> Result<()> {
        let said = |text: &str| text.trim().trim_start_matches('+').parse::<i128>().ok();
        let is = |text: &str, is: i128| said(text) == Some(is);
        if !is(sum, self.sum) {
            return Err(record.bad("the amounts do not come to its control total"));
        }
        if !members.is_none_or(|members| is(members, self.members.into())) {
            return Err(record.bad("there are not as many parts before it as it says"));
        }
        if !is(records, self.records.into()) {
            return Err(record.bad("there are not as many records before it as it says"));
        }
        Ok(())
    }

    /// Counts in a part that was checked.
    fn take(&mut self, part: Self, record: &Record) -> Result<()> {
        self.sum = add(self.sum, part.sum).ok_or_else(|| record.bad("its amounts are too large"))?;
        self.members += 1;
        self.records += part.records;
        Ok(())
    }
}

#[derive(Default)]
struct Reader {
    done: Vec<Statement>,
    file: Option<Tally>,
    group: Option<(Group, Tally)>,
    account: Option<(Statement, Tally)>,
    is_ended: bool,
}

#[derive(Clone)]
struct Group {
    as_of: NaiveDate,
    time: String,
    currency: String,
    originator: String,
}

impl Reader {
    fn take(&mut self, record: &Record) -> Result<()> {
        if self.is_ended {
            // Several files one after another are several files.
            if record.code != "01" {
                return Err(record.bad("it stands after the end of the file"));
            }
            self.is_ended = false;
        }
        match (record.code.as_str(), &mut self.file, &mut self.group, &mut self.account) {
            ("01", None, ..) => self.file = Some(Tally { records: record.lines, ..Tally::default() }),
            ("02", Some(_), None, _) => {
                self.group = Some((group(record)?, Tally { records: record.lines, ..Tally::default() }));
            }
            ("03", _, Some((group, _)), None) => self.account = Some(account(record, group)?),
            ("16", _, Some((group, _)), Some((statement, tally))) => {
                let (line, amount) = transaction(record, &statement.currency, group)?;
                statement.lines.extend(line);
                tally.sum = add(tally.sum, amount).ok_or_else(|| record.bad("its amount is too large"))?;
                tally.records += record.lines;
            }
            ("49", _, Some((_, group)), Some((_, tally))) => {
                tally.records += record.lines;
                tally.check(record, record.field(0), None, record.field(1))?;
                group.take(*tally, record)?;
                self.done.extend(self.account.take().map(|(statement, _)| statement));
            }
            ("98", Some(file), Some((_, tally)), None) => {
                tally.records += record.lines;
                tally.check(record, record.field(0), Some(record.field(1)), record.field(2))?;
                file.take(*tally, record)?;
                self.group = None;
            }
            ("99", Some(tally), None, _) => {
                tally.records += record.lines;
                tally.check(record, record.field(0), Some(record.field(1)), record.field(2))?;
                self.file = None;
                self.is_ended = true;
            }
            _ => return Err(record.bad("it does not belong here; a record before it is missing")),
        }
        Ok(())
    }
}

/// `02,receiver,originator,status,as of,time,currency,modifier`.
fn group(record: &Record) -> Result<Group> {
    if !matches!(record.field(2), "" | "1") {
        return Err(record
            .bad("the group takes back, corrects or only tests what another said")
            .hint("leave the file out, and read the one that is right"));
    }
    let currency = match record.field(5) {
        "" => USUAL,
        currency => currency,
    };
    Ok(Group {
        as_of: short_date(record.field(3), record.line)?,
        time: record.field(4).to_owned(),
        currency: currency.to_owned(),
        originator: record.field(1).to_owned(),
    })
}

/// `03,account,currency,(type,amount,items,funds)*`: the statement with its balances.
fn account(record: &Record, group: &Group) -> Result<(Statement, Tally)> {
    let currency = match record.field(1) {
        "" => group.currency.clone(),
        currency => currency.to_owned(),
    };
    let account = record.field(0).to_owned();
    if account.is_empty() {
        return Err(record.bad("it names no account"));
    }
    let mut tally = Tally { records: record.lines, ..Tally::default() };
    let (mut opening, mut closing) = (None, None);
    let mut at = 2;
    while at < record.fields.len() {
        let (code, text) = (record.field(at), record.field(at + 1));
        if code.is_empty() && text.is_empty() {
            at += 4;
            continue;
        }
        if !text.is_empty() {
            let units = whole(text, record)?;
            tally.sum = add(tally.sum, units).ok_or_else(|| record.bad("its amounts are too large"))?;
            match code {
                "010" => opening = Some(major(units, &currency, record)?),
                "015" => closing = Some(major(units, &currency, record)?),
                _ => {}
            }
        }
        at = after_funds(record, at + 3)?;
    }
    // A day is told of again with another time, or by another of the bank's systems.
    let id = [group.as_of.to_string().as_str(), &group.time, &group.originator].join("/");
    let (from, to) = (Some(group.as_of), Some(group.as_of));
    Ok((Statement { account, id, sequence: None, currency, from, to, opening, closing, lines: Vec::new() }, tally))
}

/// Where the fields go on after a type of funds and what it brings along.
fn after_funds(record: &Record, at: usize) -> Result<usize> {
    match record.field(at) {
        "" | "0" | "1" | "2" | "Z" => Ok(at + 1),
        "S" => Ok(at + 4),
        "V" => Ok(at + 3),
        "D" => {
            let count = record.field(at + 1).parse::<usize>().ok().filter(|count| *count <= record.fields.len());
            let count = count.ok_or_else(|| record.bad("its distributed funds have no number"))?;
            Ok(at + 2 + 2 * count)
        }
        other => Err(record.bad("its type of funds is none of 0, 1, 2, S, V, D, Z").with("shape", shape(other))),
    }
}

/// `16,type,amount,funds,bank reference,customer reference,text`: the line, unless it moves no money, and the amount as
/// it is written.
fn transaction(record: &Record, currency: &str, group: &Group) -> Result<(Option<Line>, i128)> {
    let units = match record.field(1) {
        "" => 0,
        text => whole(text, record)?,
    };
    let code = record.field(0);
    let at = after_funds(record, 2)?;
    let credit = match code.parse::<u16>() {
        Ok(100..=399 | 920..=959) => true,
        Ok(400..=699 | 960..=999) => false,
        Ok(_) if units == 0 => return Ok((None, 0)),
        _ => {
            return Err(record
                .bad("whether its type code is of credits or debits is not known")
                .with("code", shape(code))
                .hint("credits are 100 to 399, debits 400 to 699, the bank's own 920 to 959 and 960 to 999"));
        }
    };
    let amount = major(units, currency, record)?;
    let value_date = match record.field(2) {
        "V" if !record.field(3).is_empty() => Some(short_date(record.field(3), record.line)?),
        _ => None,
    };
    let text = record.fields.get(at + 2..).unwrap_or_default().join(",");
    let line = Line {
        amount: if credit { amount } else { -amount },
        booking_date: Some(group.as_of),
        value_date,
        reference: said(record.field(at)),
        end_to_end_id: said(record.field(at + 1)),
        remittance: said(&text),
        counterparty: None,
        code: said(code),
        is_reversal: false,
        own_id: None,
        raw: record.raw.clone(),
    };
    Ok((Some(line), units))
}

/// Units as they are written, perhaps with a sign.
fn whole(text: &str, record: &Record) -> Result<i128> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let units = text.strip_prefix('+').unwrap_or(text).parse().ok().filter(|_| is_whole).and_then(|units| add(units, 0));
    units.ok_or_else(|| record.bad("an amount is no whole number of the smallest units").with("shape", shape(text)))
}

fn major(units: i128, currency: &str, record: &Record) -> Result<i128> {
    let factor = 10_i128.pow(DECIMAL_SCALE.saturating_sub(iso_exponent(currency)));
    let major = units.checked_mul(factor).and_then(|major| add(major, 0));
    major.ok_or_else(|| record.bad("an amount is too large"))
}
