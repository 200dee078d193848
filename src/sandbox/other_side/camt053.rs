//! Statements as camt.053: a file a month, a statement a day.

use std::fmt::Write as _;

use chrono::NaiveDate;
use quick_xml::escape::escape;

use super::bank::{Account, Entry, Written, printed};

/// Writes an account's statements.
pub(super) fn write(account: &Account) -> Written {
    let mut written = Written::default();
    let mut balance = account.opening;
    for (number, (day, entries)) in (1..).zip(&account.days) {
        let opening = balance;
        balance += entries.iter().map(|entry| entry.amount).sum::<i64>();
        if account.unloaded == Some(*day) {
            continue;
        }
        let path = format!("bank_eur/{}.xml", day.format("%Y-%m"));
        if written.files.last().is_none_or(|(last, _)| *last != path) {
            end(&mut written);
            written.files.push((path, begin(*day)));
        }
        let id = format!("{}-{number:04}", account.currency.code);
        if let Some((_, text)) = written.files.last_mut() {
            let statement = Statement { account, id: &id, number, day: *day };
            statement.write(text, [opening, balance], entries);
        }
        let lines = (1..).zip(entries).map(|(place, entry)| (format!("{}/{id}/{place}", account.number), entry.clone()));
        written.lines.extend(lines);
    }
    end(&mut written);
    written
}

fn begin(day: NaiveDate) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\">\n\
         <BkToCstmrStmt>\n<GrpHdr><MsgId>{}</MsgId></GrpHdr>\n",
        day.format("MONTH-%Y-%m")
    )
}

fn end(written: &mut Written) {
    if let Some((_, text)) = written.files.last_mut() {
        text.push_str("</BkToCstmrStmt>\n</Document>\n");
    }
}

struct Statement<'a> {
    account: &'a Account,
    id: &'a str,
    number: u32,
    day: NaiveDate,
}

// Writing to a String cannot fail.
impl Statement<'_> {
    fn write(&self, text: &mut String, [opening, closing]: [i64; 2], entries: &[Entry]) {
        let (code, day) = (self.account.currency.code, self.day);
        let _written = write!(
            text,
            "<Stmt>\n<Id>{}</Id><ElctrncSeqNb>{}</ElctrncSeqNb>\n\
             <FrToDt><FrDtTm>{day}T00:00:00</FrDtTm><ToDtTm>{day}T23:59:59</ToDtTm></FrToDt>\n\
             <Acct><Id><IBAN>{}</IBAN></Id><Ccy>{code}</Ccy></Acct>\n",
            self.id, self.number, self.account.number
        );
        for (kind, amount) in [("OPBD", opening), ("CLBD", closing)] {
            let _written = writeln!(
                text,
                "<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>{}<Dt><Dt>{day}</Dt></Dt></Bal>",
                self.amount(amount)
            );
        }
        let _written = writeln!(text, "<TxsSummry><TtlNtries><NbOfNtries>{}</NbOfNtries></TtlNtries></TxsSummry>", entries.len());
        for (place, entry) in (1..).zip(entries) {
            self.entry(text, place, entry);
        }
        text.push_str("</Stmt>\n");
    }

    fn entry(&self, text: &mut String, place: usize, entry: &Entry) {
        let (day, party) = (self.day, if entry.amount < 0 { "Cdtr" } else { "Dbtr" });
        let kind = if entry.amount < 0 { "ICDT" } else { "RCDT" };
        let _written = write!(
            text,
            "<Ntry><NtryRef>{place}</NtryRef>{}<Sts><Cd>BOOK</Cd></Sts>\
             <BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt><AcctSvcrRef>ZV{:04}{place:03}</AcctSvcrRef>\
             <BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>{kind}</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>\n\
             <NtryDtls><TxDtls><RltdPties><{party}><Pty><Nm>{}</Nm></Pty></{party}></RltdPties>\
             <RmtInf><Ustrd>{}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n",
            self.amount(entry.amount),
            self.number,
            escape(entry.party),
            escape(&entry.text)
        );
    }

    fn amount(&self, amount: i64) -> String {
        let (currency, mark) = (self.account.currency, if amount < 0 { "DBIT" } else { "CRDT" });
        let amount = printed(currency, amount, '.');
        format!("<Amt Ccy=\"{}\">{amount}</Amt><CdtDbtInd>{mark}</CdtDbtInd>", currency.code)
    }
}
