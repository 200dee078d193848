//! camt.053, the bank to customer statement of ISO 20022, in any of its versions.
//!
//! Elements are known by their local names, which the versions agree in; where one has moved, both places are looked at.
//! An entry is a line, with the remittance of all its transactions; entries that are not booked are not on the account
//! and are left out.

use chrono::NaiveDate;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{Line, Statement, amount, joined, said, shape, wrong};
use crate::error::{Error, Result};

/// Deeper than any message goes.
const DEPTH: usize = 64;

/// The statements in a text.
pub(super) fn read(text: &str) -> Result<Vec<Statement>> {
    let root = tree(text)?;
    let message = root.at(&["Document", "BkToCstmrStmt"]).ok_or_else(|| {
        wrong(1, "not camt.053: there is no Document with a BkToCstmrStmt in it").hint("check the format of this source")
    })?;
    message.all("Stmt").map(|node| statement(node, text)).collect()
}

/// An element.
#[derive(Default)]
struct Node {
    name: String,
    currency: Option<String>,
    text: String,
    inside: Vec<Self>,
    start: usize,
    end: usize,
}

impl Node {
    fn all(&self, name: &'static str) -> impl Iterator<Item = &Self> {
        self.inside.iter().filter(move |node| node.name == name)
    }

    fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, name| node.inside.iter().find(|inside| inside.name == *name))
    }

    fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path).map(|node| node.text.trim()).filter(|text| !text.is_empty())
    }

    /// The text at the first of some places.
    fn text_of(&self, paths: &[&[&str]]) -> Option<&str> {
        paths.iter().find_map(|path| self.text_at(path))
    }

    fn line(&self, text: &str) -> usize {
        line_at(text, self.start)
    }
}

fn line_at(text: &str, at: usize) -> usize {
    text.get(..at).map_or(1, |before| before.matches('\n').count() + 1)
}

/// The whole message.
fn tree(text: &str) -> Result<Node> {
    let mut reader = Reader::from_str(text);
    let mut stack = vec![Node::default()];
    loop {
        let start = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let not_xml = |at: u64, error: quick_xml::Error| {
            wrong(line_at(text, usize::try_from(at).unwrap_or(usize::MAX)), "not XML, or cut").caused_by(error)
        };
        let event = reader.read_event().map_err(|error| not_xml(reader.error_position(), error))?;
        match event {
            Event::Start(element) if stack.len() < DEPTH => stack.push(node(&element, start)),
            Event::Start(_) => return Err(wrong(line_at(text, start), "not camt.053: its elements are too deep")),
            Event::Empty(element) => {
                if let Some(parent) = stack.last_mut() {
                    parent.inside.push(node(&element, start));
                }
            }
            Event::End(_) => {
                let end = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
                if let (Some(mut node), Some(parent)) = (stack.pop(), stack.last_mut()) {
                    node.end = end;
                    parent.inside.push(node);
                }
            }
            Event::Text(words) => {
                let words = words.decode().map_err(|error| not_xml(reader.buffer_position(), error.into()))?;
                append(&mut stack, &words);
            }
            Event::CData(words) => {
                let words = words.decode().map_err(|error| not_xml(reader.buffer_position(), error.into()))?;
                append(&mut stack, &words);
            }
            Event::GeneralRef(entity) => {
                let letter = match entity.resolve_char_ref() {
                    Ok(Some(letter)) => Some(letter.to_string()),
                    _ => entity.decode().ok().and_then(|name| quick_xml::escape::resolve_xml_entity(&name)).map(str::to_owned),
                };
                let letter = letter.ok_or_else(|| wrong(line_at(text, start), "not XML: an entity is not known"))?;
                append(&mut stack, &letter);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    match (stack.pop(), stack.is_empty()) {
        (Some(root), true) => Ok(root),
        _ => Err(wrong(text.lines().count(), "the file is cut: an element does not end")),
    }
}

fn append(stack: &mut [Node], words: &str) {
    if let Some(node) = stack.last_mut() {
        node.text.push_str(words);
    }
}

fn node(element: &BytesStart<'_>, start: usize) -> Node {
    let name = String::from_utf8_lossy(element.local_name().as_ref()).into_owned();
    let currency = element.try_get_attribute("Ccy").ok().flatten();
    let currency = currency.map(|currency| String::from_utf8_lossy(&currency.value).into_owned());
    Node { name, currency, start, ..Node::default() }
}

fn statement(node: &Node, text: &str) -> Result<Statement> {
    let line = node.line(text);
    let lacks = |what: &str| wrong(line, format!("the statement that begins here has no {what}"));
    let mut id = node.text_at(&["Id"]).ok_or_else(|| lacks("Id"))?.to_owned();
    let page = node.text_at(&["StmtPgntn", "PgNb"]);
    if let Some(page) = page.filter(|page| *page != "1" || node.text_at(&["StmtPgntn", "LastPgInd"]) == Some("false")) {
        id = format!("{id}/{page}");
    }
    let account = node.text_of(&[&["Acct", "Id", "IBAN"], &["Acct", "Id", "Othr", "Id"]]).ok_or_else(|| lacks("account"))?;
    let opening = balance(node, &["OPBD", "PRCD", "ITBD"], false, text)?;
    let closing = balance(node, &["CLBD", "ITBD"], true, text)?;
    let currency = [&opening, &closing].into_iter().flatten().map(|balance| balance.currency.clone()).next();
    let currency = currency.or_else(|| node.text_at(&["Acct", "Ccy"]).map(str::to_owned)).ok_or_else(|| lacks("currency"))?;
    if [&opening, &closing].into_iter().flatten().any(|balance| balance.currency != currency) {
        return Err(wrong(line, "the balances of the statement that begins here are in two currencies"));
    }
    let entries: Vec<&Node> = node.all("Ntry").collect();
    check_summary(node, &entries, line)?;
    let mut lines = Vec::with_capacity(entries.len());
    for node in entries {
        lines.extend(entry(node, &currency, text)?);
    }
    let day = |moment: &str| node.text_at(&["FrToDt", moment]).map(|text| date(text, line)).transpose();
    let sequence = node.text_of(&[&["ElctrncSeqNb"], &["LglSeqNb"]]).and_then(|number| number.parse().ok());
    Ok(Statement {
        account: account.to_owned(),
        id,
        sequence,
        currency,
        from: day("FrDtTm")?.or_else(|| opening.as_ref().map(|balance| balance.on)),
        to: day("ToDtTm")?.or_else(|| closing.as_ref().map(|balance| balance.on)),
        opening: opening.map(|balance| balance.amount),
        closing: closing.map(|balance| balance.amount),
        lines,
    })
}

struct Balance {
    amount: i128,
    currency: String,
    on: NaiveDate,
}

/// The balance of the first of these kinds that there is; of several, which are those of pages, the first or the last.
fn balance(statement: &Node, kinds: &[&str], is_last: bool, text: &str) -> Result<Option<Balance>> {
    let of = |kind: &str| -> Vec<&Node> {
        statement.all("Bal").filter(|balance| balance.text_at(&["Tp", "CdOrPrtry", "Cd"]) == Some(kind)).collect()
    };
    let found = kinds.iter().map(|kind| of(kind)).find(|found| !found.is_empty()).unwrap_or_default();
    let Some(node) = (if is_last { found.last() } else { found.first() }) else { return Ok(None) };
    let line = node.line(text);
    let (amount, currency) = signed(node, line)?;
    let on = node.text_of(&[&["Dt", "Dt"], &["Dt", "DtTm"]]).ok_or_else(|| wrong(line, "a balance has no date"))?;
    Ok(Some(Balance { amount, currency, on: date(on, line)? }))
}

/// `Amt` with the sign that `CdtDbtInd` gives it, and its currency.
fn signed(node: &Node, line: usize) -> Result<(i128, String)> {
    let lacks = |what: &str| wrong(line, format!("{} has no {what}", node.name));
    let money = node.at(&["Amt"]).ok_or_else(|| lacks("Amt"))?;
    let digits = money.text.trim();
    if digits.starts_with('-') {
        return Err(wrong(line, "an amount has a sign, which only CdtDbtInd may give it"));
    }
    let amount = amount(digits, line)?;
    let currency = money.currency.clone().ok_or_else(|| lacks("currency"))?;
    match node.text_at(&["CdtDbtInd"]) {
        Some("CRDT") => Ok((amount, currency)),
        Some("DBIT") => Ok((-amount, currency)),
        _ => Err(lacks("CdtDbtInd of CRDT or DBIT")),
    }
}

/// Refuses a statement that says it has another number of entries.
fn check_summary(statement: &Node, entries: &[&Node], line: usize) -> Result<()> {
    let told = statement.text_at(&["TxsSummry", "TtlNtries", "NbOfNtries"]).and_then(|number| number.parse::<usize>().ok());
    match told {
        Some(told) if told != entries.len() => {
            Err(wrong(line, "the statement that begins here has not as many entries as it says")
                .with("said", told)
                .with("found", entries.len()))
        }
        _ => Ok(()),
    }
}

/// The line of an entry; none while it is not booked.
fn entry(node: &Node, currency: &str, text: &str) -> Result<Option<Line>> {
    let line = node.line(text);
    match node.text_of(&[&["Sts", "Cd"], &["Sts", "Prtry"], &["Sts"]]) {
        Some("BOOK") => {}
        Some("PDNG" | "INFO" | "FUTR") => return Ok(None),
        _ => return Err(wrong(line, "whether an entry is booked is not known: its status is none of BOOK, PDNG, INFO, FUTR")),
    }
    let (amount, own_currency) = signed(node, line)?;
    if own_currency != currency {
        return Err(wrong(line, "an entry is in another currency than its account"));
    }
    let details: Vec<&Node> = node.all("NtryDtls").flat_map(|details| details.all("TxDtls")).collect();
    let day = |place: &str| -> Result<Option<NaiveDate>> {
        node.text_of(&[&[place, "Dt"], &[place, "DtTm"]]).map(|text| date(text, line)).transpose()
    };
    let party = if amount < 0 { "Cdtr" } else { "Dbtr" };
    let party =
        |details: &&Node| details.text_of(&[&["RltdPties", party, "Nm"], &["RltdPties", party, "Pty", "Nm"]]).and_then(said);
    // An end-to-end reference is that of one transaction: a batch has none.
    let only = if let [only] = details.as_slice() { Some(only) } else { None };
    Ok(Some(Line {
        amount,
        booking_date: day("BookgDt")?,
        value_date: day("ValDt")?,
        reference: node.text_of(&[&["AcctSvcrRef"], &["NtryRef"]]).and_then(said),
        end_to_end_id: only.and_then(|only| only.text_at(&["Refs", "EndToEndId"])).and_then(said),
        remittance: remittance(node, &details),
        counterparty: only.and_then(party),
        code: code(node),
        is_reversal: matches!(node.text_at(&["RvslInd"]), Some("true" | "1")),
        own_id: None,
        raw: text.get(node.start..node.end).unwrap_or_default().to_owned(),
    }))
}

/// What was written along with all transactions of an entry, or else what the bank adds.
fn remittance(entry: &Node, details: &[&Node]) -> Option<String> {
    let mut texts = Vec::new();
    for place in details.iter().flat_map(|details| details.all("RmtInf")) {
        texts.extend(place.all("Ustrd").map(|node| node.text.as_str()));
        texts.extend(place.all("Strd").filter_map(|node| node.text_at(&["CdtrRefInf", "Ref"])));
    }
    joined(texts).or_else(|| joined([entry.text_at(&["AddtlNtryInf"])?]))
}

/// `PMNT/RCDT/ESCT`, or the bank's own code.
fn code(entry: &Node) -> Option<String> {
    let code = entry.at(&["BkTxCd"])?;
    let domain = [&["Domn", "Cd"][..], &["Domn", "Fmly", "Cd"], &["Domn", "Fmly", "SubFmlyCd"]];
    let domain: Vec<&str> = domain.iter().filter_map(|path| code.text_at(path)).collect();
    if domain.is_empty() { code.text_at(&["Prtry", "Cd"]).and_then(said) } else { Some(domain.join("/")) }
}

/// The day of a date, or of a moment as the bank's clock shows it.
fn date(text: &str, line: usize) -> Result<NaiveDate> {
    let day = text.get(..10).and_then(|day| day.parse().ok());
    let bad = || -> Error { wrong(line, "not a date as YYYY-MM-DD").with("shape", shape(text)) };
    day.filter(|_| matches!(text.as_bytes().get(10), None | Some(b'T' | b'Z' | b'+' | b'-'))).ok_or_else(bad)
}
