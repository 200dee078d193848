//! Kinds of report files: how a file is recognised, which reports can have a wanted row, and which rows a later one
//! replaces.
//!
//! The vendor's `type` is an open list, so what a file is follows from the report's type, else from the file's name, else
//! from its header. Nothing here reads a file.

/// A kind of report whose rows make a table.
#[derive(Debug, PartialEq, Eq)]
pub struct ReportKind {
    /// What people call it.
    pub title: &'static str,
    /// Values of the report's `type`, in small letters.
    types: &'static [&'static str],
    /// What names of its files begin with, in small letters.
    names: &'static [&'static str],
    /// Whether those names tell a payout behind the date; else they tell two dates.
    is_by_payout: bool,
    /// Headers that its files have, and those of no other kind have all of.
    headers: &'static [&'static str],
    /// The columns that say what a later report tells anew: of rows alike in all of them, those of the newest report
    /// count. A row that has nothing in the first of them is told once. None where nothing is told twice.
    pub restated: &'static [&'static str],
    /// Columns of times that lie in what the report covers.
    pub within: &'static [&'static str],
    /// Columns of times that lie before the report is made.
    pub before: &'static [&'static str],
}

/// Payouts: one row per settlement.
pub static PAYOUTS: ReportKind = ReportKind {
    title: "Payouts",
    types: &["payouts"],
    names: &["payouts_"],
    is_by_payout: false,
    headers: &["payout id", "payout date", "payout amount"],
    restated: &["payout_id", "currency_account_id"],
    within: &["payout_date"],
    before: &["payout_date"],
};

/// Settlement Breakdown: one row per movement.
pub static SETTLEMENT_BREAKDOWN: ReportKind = ReportKind {
    title: "Settlement Breakdown",
    types: &["settlementbreakdown"],
    names: &["settlement-breakdown_"],
    is_by_payout: true,
    headers: &["payout id", "gross in holding currency", "net in holding currency"],
    restated: &["report_payout_id", "holding_currency"],
    within: &[],
    before: &["processed_on", "processed_on_local"],
};

/// Financial Actions by Payout ID.
pub static ACTIONS_BY_PAYOUT: ReportKind = ReportKind {
    title: "Financial Actions by Payout ID",
    types: &["financialactionsbypayoutid", "financialactionsbypayout"],
    names: &["financial-actions_", "financialactions_"],
    is_by_payout: true,
    headers: ACTIONS,
    restated: &["report_payout_id", "currency_account_id"],
    within: &[],
    before: &["processed_on", "processed_on_local", "requested_on", "requested_on_local"],
};

/// Financial Actions by Date Range.
pub static ACTIONS_BY_DATE: ReportKind = ReportKind {
    title: "Financial Actions by Date Range",
    types: &["financialactions", "financialactionsbydaterange"],
    names: &["financial-actions_", "financialactions_"],
    is_by_payout: false,
    headers: ACTIONS,
    restated: &["action_id", "entity_id", "currency_account_id", "breakdown_type"],
    within: &["processed_on", "processed_on_local"],
    before: &["processed_on", "processed_on_local", "requested_on", "requested_on_local"],
};

/// Balance: opening, movements and closing of each currency account.
pub static BALANCE: ReportKind = ReportKind {
    title: "Balance",
    types: &["balance", "balances"],
    names: &["statement_"],
    is_by_payout: false,
    headers: &["description", "opening available balance", "closing available balance"],
    restated: &["currency_account_id", "reporting_start_date_local", "reporting_end_date_local"],
    within: &["reporting_start_date_local", "reporting_end_date_local"],
    before: &["reporting_start_date_local"],
};

/// Any other report.
pub static OTHER: ReportKind = ReportKind {
    title: "any other",
    types: &[
        "authentication",
        "balancebreakdown",
        "bankpayouts",
        "cardpayouts",
        "disputes",
        "feesummary",
        "frauddetection",
        "payments",
    ],
    names: &["authentication_", "balance-breakdown_", "issuing_", "payments_", "paytocard_"],
    is_by_payout: false,
    headers: &[],
    restated: &[],
    within: &[],
    before: &[],
};

const ACTIONS: &[&str] = &["action id", "breakdown type", "holding currency amount"];
static KINDS: [&ReportKind; 6] = [&PAYOUTS, &SETTLEMENT_BREAKDOWN, &ACTIONS_BY_PAYOUT, &ACTIONS_BY_DATE, &BALANCE, &OTHER];

impl ReportKind {
    /// Whether a filter on this column tells which files to read.
    pub fn tells(&self, column: &str) -> bool {
        let is_payout = self.is_by_payout && matches!(column, "payout_id" | "report_payout_id");
        is_payout || self.within.contains(&column) || self.before.contains(&column)
    }

    /// The kind of a report of this type, or else of a file of this name; `None` where only the header can tell.
    pub fn of(report_type: &str, filename: &str) -> Option<&'static Self> {
        Self::of_type(report_type).or_else(|| Self::of_name(filename))
    }

    fn of_type(report_type: &str) -> Option<&'static Self> {
        let letters: String = report_type.chars().filter(|letter| letter.is_alphanumeric()).collect();
        let letters = letters.to_lowercase();
        KINDS.into_iter().find(|kind| kind.types.contains(&letters.as_str()))
    }

    fn of_name(filename: &str) -> Option<&'static Self> {
        let lower = filename.to_lowercase();
        let name = ReportName::parse(filename);
        let is_of = |kind: &&Self| {
            let is_named = kind.names.iter().any(|name| lower.starts_with(name));
            // Only financial actions begin alike.
            let is_told = if kind.is_by_payout { name.payout_id.is_some() } else { name.to.is_some() };
            is_named && (kind.headers != ACTIONS || is_told)
        };
        KINDS.into_iter().find(is_of)
    }

    /// The kind of a file under this header; the one by date where it may be by payout too.
    pub fn of_header(header: &[String]) -> &'static Self {
        let may_be = |kind: &&Self| !kind.is_by_payout && kind.missing(header).is_none();
        KINDS.into_iter().find(may_be).unwrap_or(&OTHER)
    }

    /// Whether another report has the same header: what is told by payout is told by date too, on another basis.
    pub fn has_twin(&self) -> bool {
        self.is_by_payout || self.headers == ACTIONS
    }

    /// A header that a file of this kind must have and this one lacks.
    pub fn missing(&self, header: &[String]) -> Option<&'static str> {
        let has = |wanted: &str| header.iter().any(|name| name.to_lowercase() == wanted);
        self.headers.iter().copied().find(|wanted| !has(wanted))
    }
}

/// What the name of a file tells: `<kind>_<entity>_<date>_<payout or date>_<part>.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportName {
    /// Entity (`ent_…`).
    pub entity_id: Option<String>,
    /// First date told.
    pub from: Option<String>,
    /// Second date, where two are told.
    pub to: Option<String>,
    /// The payout, in capitals as rows have it.
    pub payout_id: Option<String>,
    /// Which of the report's files it is, from 1.
    pub part: u32,
}

impl ReportName {
    /// Reads a name; what is not understood is not told.
    pub fn parse(filename: &str) -> Self {
        let parts: Vec<&str> = stem(filename).split('_').collect();
        // An entity's own id has a `_`.
        let Some(entity) = parts.iter().position(|part| part.eq_ignore_ascii_case("ent")) else { return Self::default() };
        let told = |place: usize| parts.get(entity + place).copied();
        let date = |place| told(place).filter(|text| is_date(text)).map(str::to_owned);
        // A copy has `(1)` behind it.
        let payout = told(3).and_then(|text| text.split(|letter: char| !letter.is_ascii_alphanumeric()).next());
        let payout = payout.filter(|text| date(2).is_some() && !is_date(text) && is_payout(text));
        Self {
            entity_id: told(1).map(|id| format!("ent_{id}")),
            from: date(2),
            to: date(3),
            payout_id: payout.map(str::to_uppercase),
            part: told(4).and_then(|part| part.parse().ok()).unwrap_or(1),
        }
    }
}

/// A file's name without its number: `…_1.csv` and `…_2.csv` are of one report.
pub fn unnumbered(filename: &str) -> &str {
    let stem = stem(filename);
    let is_number = |text: &str| !text.is_empty() && text.len() < 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    match stem.rsplit_once('_') {
        Some((report, number)) if is_number(number) => report,
        _ => stem,
    }
}

/// A file's name without what says how it is written.
fn stem(filename: &str) -> &str {
    let without = |name: &'_ str, end: &str| {
        let at = name.len().checked_sub(end.len()).filter(|at| name.is_char_boundary(*at))?;
        name.get(at..).is_some_and(|last| last.eq_ignore_ascii_case(end)).then_some(at)
    };
    let stem = without(filename, ".gz").and_then(|at| filename.get(..at)).unwrap_or(filename);
    without(stem, ".csv").and_then(|at| stem.get(..at)).unwrap_or(stem)
}

/// Whether a text may be a payout's id: twelve letters and digits, as far as is known.
pub fn is_payout(text: &str) -> bool {
    (8..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_date(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(report_type: &str, filename: &str) -> Option<&'static str> {
        ReportKind::of(report_type, filename).map(|kind| kind.title)
    }

    #[test]
    fn a_type_tells_before_a_name_and_a_name_before_a_header() {
        let by_payout = "financial-actions_ent_abc_20260702_00000003k599_1.csv";
        let by_date = "financial-actions_ent_abc_20260701_20260702_1.csv";
        assert_eq!(kind("FinancialActions", by_payout), Some("Financial Actions by Date Range"));
        assert_eq!(kind("financial_actions_by_payout_id", by_date), Some("Financial Actions by Payout ID"));
        assert_eq!(kind("", by_payout), Some("Financial Actions by Payout ID"));
        assert_eq!(kind("Something", by_date), Some("Financial Actions by Date Range"));
        assert_eq!(kind("", "settlement-breakdown_ent_abc_20260702_00000003K599_1.csv.gz"), Some("Settlement Breakdown"));
        assert_eq!(kind("", "statement_ent_abc_20260701_20260702.csv"), Some("Balance"));
        assert_eq!(kind("Disputes", "x.csv"), Some("any other"));
        assert_eq!(kind("", "drop-1.csv"), None);
    }

    #[test]
    fn a_header_tells_what_neither_type_nor_name_do() {
        let header = |names: &str| names.split(',').map(str::to_owned).collect::<Vec<_>>();
        let title = |names: &str| ReportKind::of_header(&header(names)).title;
        assert_eq!(title("Payout Amount,Payout Date,PAYOUT ID"), "Payouts");
        assert_eq!(title("Action ID,Breakdown Type,Holding Currency Amount,Payout ID"), "Financial Actions by Date Range");
        assert_eq!(title("Session Date,Session ID"), "any other");
        assert_eq!(PAYOUTS.missing(&header("Payout ID,Payout Date")), Some("payout amount"));
    }

    #[test]
    fn a_name_tells_entity_dates_payout_and_part() {
        let name = ReportName::parse("settlement-breakdown_ent_abc_20260702_00000003k599_2.csv.gz");
        assert_eq!((name.entity_id.as_deref(), name.from.as_deref()), (Some("ent_abc"), Some("20260702")));
        assert_eq!((name.payout_id.as_deref(), name.part), (Some("00000003K599"), 2));
        let name = ReportName::parse("payouts_ent_abc_20260701_20260708_1.csv");
        assert_eq!((name.to.as_deref(), name.payout_id, name.part), (Some("20260708"), None, 1));
        assert_eq!(ReportName::parse("whatever.csv"), ReportName::default());
        assert_eq!(
            unnumbered("financial-actions_ent_abc_20260701_20260702_12.csv.gz"),
            "financial-actions_ent_abc_20260701_20260702"
        );
        assert_eq!(unnumbered("statement_ent_abc_20260701_20260702.csv"), "statement_ent_abc_20260701_20260702");
        assert_eq!(unnumbered("payouts_1 (1).CSV"), "payouts_1 (1)");
        let copy = ReportName::parse("settlement-breakdown_ent_abc_20260702_00000003k599 (1).csv");
        assert_eq!((copy.entity_id.as_deref(), copy.payout_id.as_deref()), (Some("ent_abc"), Some("00000003K599")));
        assert_eq!(kind("", "financial-actions_ent_abc_20260702.csv"), None);
        let capitals = ReportName::parse("settlement-breakdown_ent_abc_20260702_00000003K599.CSV.GZ");
        assert_eq!(capitals.payout_id.as_deref(), Some("00000003K599"));
    }
}
