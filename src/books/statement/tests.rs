//! Every format's quirks, and that no damage to a file is taken for a statement that is right.

use chrono::NaiveDate;
use proptest::prelude::*;

use super::{Bank, Judged, Line, Problem, Statement, judge};
use crate::money::DECIMAL_SCALE;

const CAMT: &str = include_str!("../../../tests/fixtures/books/day31.camt053.xml");
const MT940: &str = include_str!("../../../tests/fixtures/books/january.mt940");
const BAI2: &str = include_str!("../../../tests/fixtures/books/day31.bai2");
const SGML: &str = include_str!("../../../tests/fixtures/books/january.sgml.ofx");
const XML: &str = include_str!("../../../tests/fixtures/books/january.xml.ofx");
const ALL: [(Bank, &str); 5] =
    [(Bank::Camt053, CAMT), (Bank::Mt940, MT940), (Bank::Bai2, BAI2), (Bank::Ofx, SGML), (Bank::Ofx, XML)];

/// An amount as people write it.
fn text(amount: i128) -> String {
    rust_decimal::Decimal::from_i128_with_scale(amount, DECIMAL_SCALE).normalize().to_string()
}

fn amounts(statement: &Statement) -> Vec<String> {
    statement.lines.iter().map(|line| text(line.amount)).collect()
}

fn day(text: &str) -> Option<NaiveDate> {
    Some(text.parse().unwrap())
}

fn one(bank: Bank, text: &str) -> Statement {
    let mut statements = bank.read(text).unwrap();
    assert_eq!(statements.len(), 1);
    statements.remove(0)
}

fn refusal(bank: Bank, text: &str) -> String {
    bank.read(text).unwrap_err().to_string()
}

fn judged(texts: &[(Bank, &str)]) -> Vec<Judged> {
    let files = texts.iter().enumerate().map(|(index, (bank, text))| (format!("file{index}"), bank.read(text).unwrap()));
    judge(files.collect()).unwrap()
}

fn problems(judged: &[Judged]) -> Vec<Option<Problem>> {
    judged.iter().map(|one| one.problem).collect()
}

#[test]
fn camt_entries_are_lines_with_the_remittance_of_all_their_transactions() {
    let statement = one(Bank::Camt053, CAMT);
    assert_eq!(amounts(&statement), ["2345.67", "-150.11", "-50", "-41"]);
    assert_eq!(statement.difference().unwrap(), Some(0));
    assert_eq!((statement.account.as_str(), statement.id.as_str()), ("DE02120300000000202051", "STMT-2026-031"));
    assert_eq!((statement.sequence, statement.from, statement.to), (Some(31), day("2026-01-31"), day("2026-01-31")));
    let [first, batch, reversal, _] = statement.lines.as_slice() else { panic!("four lines") };
    let raw = first.raw.clone();
    assert!(raw.starts_with("<Ntry>") && raw.ends_with("</Ntry>"), "{raw}");
    let wanted = Line {
        amount: 234_567_000_000,
        booking_date: day("2026-01-31"),
        value_date: day("2026-02-01"),
        reference: Some("ZV01260131000001".into()),
        end_to_end_id: Some("CKO-PAYOUT-4711".into()),
        remittance: Some("Payout 4711 settled 2026-01-30".into()),
        counterparty: Some("Example Payments & Co".into()),
        code: Some("PMNT/RCDT/ESCT".into()),
        is_reversal: false,
        own_id: None,
        raw,
    };
    assert_eq!(*first, wanted);
    assert_eq!((batch.remittance.as_deref(), &batch.end_to_end_id), (Some("Salary A RF18539007547034"), &None));
    assert_eq!((batch.code.as_deref(), batch.reference.as_deref()), (Some("NMSC"), Some("2")));
    assert_eq!((reversal.is_reversal, reversal.booking_date), (true, day("2026-01-31")));
    assert_eq!(reversal.remittance.as_deref(), Some("Reversal of a credit"));
}

#[test]
fn camt_of_another_version_and_with_a_prefix_is_read_alike() {
    let older = CAMT.replace("001.08", "001.02").replace("<Sts><Cd>BOOK</Cd></Sts>", "<Sts>BOOK</Sts>");
    let older = older.replace("<Pty><Nm>", "<Nm>").replace("</Nm></Pty>", "</Nm>");
    let prefixed = older.replace("</", "\u{1}").replace('<', "<n:").replace('\u{1}', "</n:").replace("<n:?", "<?");
    assert!(one(Bank::Camt053, &prefixed.replace("xmlns=", "xmlns:n=")).says_same(&one(Bank::Camt053, CAMT)));
}

#[test]
fn camt_that_contradicts_itself_is_refused() {
    for (from, to, why) in [
        ("<NbOfNtries>5<", "<NbOfNtries>6<", "has not as many entries as it says"),
        ("<Amt Ccy=\"EUR\">41.00", "<Amt Ccy=\"USD\">41.00", "an entry is in another currency than its account"),
        ("<Amt Ccy=\"EUR\">41.00", "<Amt Ccy=\"EUR\">-41.00", "an amount has a sign"),
        ("<Amt Ccy=\"EUR\">41.00", "<Amt Ccy=\"EUR\">4x1.00", "cannot read an amount: not a decimal (line 45, shape \"9a9.99\")"),
        ("<Cd>PDNG</Cd>", "<Cd>ODD</Cd>", "whether an entry is booked is not known"),
        ("<CdtDbtInd>CRDT</CdtDbtInd><Sts>", "<Sts>", "Ntry has no CdtDbtInd"),
        ("BkToCstmrStmt>", "BkToCstmrDbtCdtNtfctn>", "not camt.053"),
    ] {
        let refusal = refusal(Bank::Camt053, &CAMT.replace(from, to));
        assert!(refusal.contains(why), "{refusal}");
    }
}

#[test]
fn a_page_of_a_camt_statement_adds_up_by_its_interim_balances() {
    let pages = |page: &str, last: &str| {
        let ends = format!("<StmtPgntn><PgNb>{page}</PgNb><LastPgInd>{last}</LastPgInd></StmtPgntn><ElctrncSeqNb>");
        one(Bank::Camt053, &CAMT.replace("<ElctrncSeqNb>", &ends).replace("OPBD", "ITBD").replace("CLBD", "ITBD"))
    };
    let ids = [("1", "false"), ("2", "true"), ("1", "true")].map(|(page, last)| pages(page, last).id);
    assert_eq!(ids, ["STMT-2026-031/1", "STMT-2026-031/2", "STMT-2026-031"]);
    assert_eq!(pages("2", "true").difference().unwrap(), Some(0));
}

#[test]
fn mt940_pages_are_one_statement_and_marks_give_signs() {
    let statement = one(Bank::Mt940, MT940);
    assert_eq!(amounts(&statement), ["1250.5", "-0.5", "-250", "20"]);
    assert_eq!(statement.lines.iter().map(|line| line.is_reversal).collect::<Vec<_>>(), [false, false, true, true]);
    assert_eq!((statement.id.as_str(), statement.account.as_str()), ("12/2026-01-02", "20041577/0123456"));
    assert_eq!((statement.from, statement.sequence, statement.difference().unwrap()), (day("2025-12-30"), Some(12), Some(0)));
    let [first, charge, recall, structured] = statement.lines.as_slice() else { panic!("four lines") };
    assert_eq!((first.value_date, first.booking_date), (day("2025-12-31"), day("2026-01-02")));
    assert_eq!((recall.value_date, recall.booking_date), (day("2026-01-02"), day("2025-12-31")));
    assert_eq!((first.reference.as_deref(), first.end_to_end_id.as_deref()), (Some("B123"), Some("CKO-17")));
    assert_eq!(first.remittance.as_deref(), Some("from the acquirer /EREF/CKO-17//REMI/Payout 17/"));
    assert_eq!((charge.remittance.as_deref(), &charge.reference), (Some("Charge for the payment"), &None));
    assert_eq!(structured.remittance.as_deref(), Some("Invoice 9 part 2"));
    assert_eq!(structured.counterparty.as_deref(), Some("Example Trading Ltd"));
    assert_eq!((structured.end_to_end_id.as_deref(), structured.code.as_deref()), (Some("E2E-9"), Some("NMSC")));
}

#[test]
fn mt940_without_the_envelope_is_read_alike() {
    let bare: Vec<&str> = MT940.lines().filter(|line| !line.starts_with(['{', '-'])).collect();
    assert_eq!(one(Bank::Mt940, &bare.join("\r\n")), one(Bank::Mt940, MT940));
}

#[test]
fn mt940_that_is_cut_or_odd_is_refused() {
    for (from, to, why) in [
        (":62F:C260102GBP2020,00\n", "", "it has no closing balance"),
        (":60M:", ":60F:", "the next page of the statement that begins here is missing (line 2)"),
        (":62M:", ":62F:", "the page before this one is missing"),
        ("GBP2250,00\n:61:2601021231", "GBP2251,00\n:61:2601021231", "a page is missing"),
        ("C260102GBP2020,00\n:64", "C260102EUR2020,00\n:64", "two currencies"),
        ("260102D0,5", "260102D0.5", "digits and one comma are wanted"),
        ("260102D0,5", "260102X0,5", "neither C, D, RC nor RD"),
        ("260102D0,5", "261302D0,5", "not a date as YYMMDD"),
        ("{1:", "x{1:", "a line belongs to no field"),
    ] {
        let refusal = refusal(Bank::Mt940, &MT940.replacen(from, to, 1));
        assert!(refusal.contains(why), "{from}: {refusal}");
    }
}

#[test]
fn bai2_amounts_have_the_decimals_of_their_currency() {
    let statements = Bank::Bai2.read(BAI2).unwrap();
    let [dollars, yen] = statements.as_slice() else { panic!("two accounts") };
    assert_eq!((amounts(dollars), amounts(yen)), (vec!["3201.5".to_owned(), "-1001".to_owned()], vec!["100".to_owned()]));
    assert_eq!((dollars.currency.as_str(), yen.currency.as_str()), ("USD", "JPY"));
    assert_eq!((dollars.opening.map(text), dollars.closing.map(text)), (Some("5000".into()), Some("7200.5".into())));
    assert_eq!((dollars.difference().unwrap(), yen.difference().unwrap()), (Some(0), Some(0)));
    let first = &dollars.lines[0];
    assert_eq!(first.remittance.as_deref(), Some("Payout, of 31/01 second line of text"));
    assert_eq!((first.reference.as_deref(), first.end_to_end_id.as_deref()), (Some("DD1620"), Some("CKO-PAYOUT-9")));
    assert_eq!((first.booking_date, first.value_date), (day("2026-01-31"), day("2026-02-02")));
}

#[test]
fn bai2_sums_and_counts_are_checked_on_every_level() {
    for (from, to, why) in [
        ("49,1740300,", "49,1740301,", "cannot read record 49: the amounts do not come to its control total"),
        (",7/\n03", ",6/\n03", "cannot read record 49: there are not as many records"),
        ("98,1740480,2", "98,1740480,3", "cannot read record 98: there are not as many parts"),
        ("98,1740480", "98,1740", "cannot read record 98: the amounts"),
        ("1,14/", "1,12/", "cannot read record 99"),
        ("16,475", "16,720", "whether its type code is of credits or debits is not known"),
        ("16,475,100100", "16,475,1001.00", "no whole number"),
        ("16,475,100100,0", "16,475,100100,Q", "type of funds"),
        ("99,1740480,1,14/\n", "", "the file is cut"),
        ("02,031001234,122099999,1", "02,031001234,122099999,3", "corrects"),
        ("88,second", "77,second", "not BAI2"),
    ] {
        let refusal = refusal(Bank::Bai2, &BAI2.replacen(from, to, 1));
        assert!(refusal.contains(why), "{from}: {refusal}");
    }
}

#[test]
fn ofx_of_both_kinds_says_the_same() {
    let (sgml, xml) = (one(Bank::Ofx, SGML), one(Bank::Ofx, XML));
    assert!(sgml.says_same(&xml), "{sgml:?}\n{xml:?}");
    assert_eq!(amounts(&sgml), ["200", "-100.5"]);
    let [first, check] = sgml.lines.as_slice() else { panic!("two lines") };
    assert_eq!(
        (first.counterparty.as_deref(), first.remittance.as_deref()),
        (Some("ACQUIRER & CO"), Some("ACQUIRER & CO Payout 3"))
    );
    assert_eq!((first.booking_date, first.value_date), (day("2026-01-15"), day("2026-01-16")));
    assert_eq!((check.reference.as_deref(), &check.remittance), (Some("1025"), &None));
    assert_eq!(sgml.line_id(1, first), "121099999/999988/F1");
    assert!(first.raw.starts_with("<STMTTRN>") && first.raw.ends_with("</STMTTRN>"), "{}", first.raw);
    assert_eq!((sgml.opening, sgml.closing.map(text), sgml.difference().unwrap()), (None, Some("99.5".into()), None));
}

#[test]
fn ofx_that_is_cut_or_odd_is_refused() {
    for (from, to, why) in [
        ("</BANKTRANLIST>", "", "ended by the end of another element"),
        ("<FITID>F2", "", "has no FITID"),
        ("<TRNAMT>200.00", "<TRNAMT>1,200.00", "a comma and a point"),
        ("<DTPOSTED>20260120", "<DTPOSTED>20261320", "not a date"),
        ("</OFX>", "", "OFX does not end"),
        ("<OFX>", "<QFX>", "there is no <OFX> in it"),
    ] {
        let refusal = refusal(Bank::Ofx, &SGML.replacen(from, to, 1));
        assert!(refusal.contains(why), "{from}: {refusal}");
    }
}

#[test]
fn a_statement_that_is_there_twice_counts_once() {
    let twice = judged(&[(Bank::Camt053, CAMT), (Bank::Camt053, &CAMT.replace("\n      ", "\n"))]);
    assert_eq!(problems(&twice), [None, Some(Problem::Duplicate)]);
    assert_eq!((twice[0].lines().count(), twice[1].lines().count()), (4, 0));
    let other = CAMT.replace("Payout 4711", "Payout 4712");
    let files =
        vec![("a.xml".to_owned(), Bank::Camt053.read(CAMT).unwrap()), ("b.xml".to_owned(), Bank::Camt053.read(&other).unwrap())];
    let refusal = judge(files).unwrap_err().to_string();
    assert_eq!(
        refusal,
        "a statement is there twice, and says different things (statement STMT-2026-031, file b.xml, other a.xml)"
    );
}

#[test]
fn entries_of_files_that_overlap_count_once() {
    let overlap = judged(&[(Bank::Ofx, SGML), (Bank::Ofx, XML)]);
    assert_eq!((overlap[0].lines().count(), overlap[1].lines().count()), (2, 0));
    let changed = XML.replace("-100.5", "-100.6");
    let files = vec![("a".to_owned(), Bank::Ofx.read(SGML).unwrap()), ("b".to_owned(), Bank::Ofx.read(&changed).unwrap())];
    let refusal = judge(files).unwrap_err().to_string();
    assert!(
        refusal.contains("two entries have the same identity at the bank (statement 2026-01-01..2026-01-31, file b"),
        "{refusal}"
    );
}

#[test]
fn a_missing_statement_is_a_gap_and_a_missing_line_a_mismatch() {
    let next = CAMT.replace("2026-01-31", "2026-02-02").replace("STMT-2026-031", "STMT-2026-033");
    let found = judged(&[(Bank::Camt053, &next), (Bank::Camt053, CAMT)]);
    assert_eq!(problems(&found), [Some(Problem::Gap), None]);
    let short = judged(&[(Bank::Camt053, &CAMT.replace("3104.56", "3104.57"))]);
    assert_eq!((problems(&short), short[0].difference), (vec![Some(Problem::BalanceMismatch)], Some(1_000_000)));
}

/// Checks what is accepted of a text against a sum of its own.
fn accepted_adds_up(bank: Bank, text: &str) {
    let Ok(statements) = bank.read(text) else { return };
    let Ok(judged) = judge(vec![("file".to_owned(), statements)]) else { return };
    for one in judged.iter().filter(|one| one.problem != Some(Problem::BalanceMismatch)) {
        let statement = &one.statement;
        if let (Some(opening), Some(closing)) = (statement.opening, statement.closing) {
            assert_eq!(opening + statement.lines.iter().map(|line| line.amount).sum::<i128>(), closing, "{text}");
        }
    }
}

#[test]
fn no_file_that_is_cut_is_taken_for_less() {
    for (bank, text) in ALL {
        let whole = bank.read(text).unwrap();
        for (end, _) in text.char_indices() {
            let Ok(statements) = bank.read(&text[..end]) else { continue };
            let is_less = statements.iter().map(|one| one.lines.len()).sum::<usize>()
                != whole.iter().map(|one| one.lines.len()).sum::<usize>();
            let is_wrong = statements.iter().any(|one| one.difference().unwrap().is_some_and(|difference| difference != 0));
            assert!(!is_less || is_wrong, "{bank:?} cut at {end} is taken for less");
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in any::<String>(), bytes in any::<Vec<u8>>()) {
        for (bank, _) in ALL {
            accepted_adds_up(bank, &text);
            accepted_adds_up(bank, &String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn a_damaged_file_is_refused_or_adds_up(
        which in 0..ALL.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..40_usize, "[0-9A-Z,./:<>é-]{0,3}", any::<bool>()), 1..4),
    ) {
        let (bank, text) = ALL[which];
        let mut letters: Vec<char> = text.chars().collect();
        for (at, length, new, is_repeat) in edits {
            let start = at.index(letters.len().max(1)).min(letters.len());
            let end = (start + length).min(letters.len());
            let old: Vec<char> = letters[start..end].to_vec();
            let new = if is_repeat { [old.clone(), old].concat() } else { new.chars().collect() };
            letters.splice(start..end, new);
        }
        accepted_adds_up(bank, &letters.into_iter().collect::<String>());
    }
}
