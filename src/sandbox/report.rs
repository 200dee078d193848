//! The reports the merchant gets: every night some for each entity and some for each settlement. Known here by number,
//! like payments; what is in them is written by [`super::files`].

use super::currency::{ACCOUNTS, ENTITIES};
use super::merchant::Merchant;
use super::payment::instant;
use super::schedule::{DAY, HOUR, MINUTE, Micros};
use super::settlement::Settlement;
use super::zone::Zone;

/// A report.
#[derive(Debug, Clone, Copy)]
pub(super) struct Report {
    /// Its number, from 0; later days have higher ones.
    pub number: u64,
    /// What it reports.
    pub kind: &'static ReportKind,
    /// When it was made.
    pub created_at: Micros,
    /// Start of what it covers.
    pub from: Micros,
    /// End of what it covers.
    pub to: Micros,
    /// The settlement it is about, where it is about one.
    pub settlement: Option<Settlement>,
    /// Whose it is.
    pub entity: usize,
    /// The day of the entity's zone that it is about, counted from 0.
    pub day: usize,
}

/// A kind of report.
#[derive(Debug)]
pub(super) struct ReportKind {
    /// The vendor's type.
    pub type_name: &'static str,
    /// The vendor's description.
    pub description: &'static str,
    /// What its rows are.
    pub content: Content,
    /// Whether it is the first of its day and type, or comes to correct that.
    pub issue: Issue,
    /// When it is ready, after the day that it is about.
    ready: Micros,
}

/// What the rows of a report are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    ActionsByDate,
    ActionsByPayout,
    SettlementBreakdown,
    Payouts,
    Balances,
    Disputes,
}

/// Whether a report is the first of its day and type, or comes to correct that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Issue {
    First,
    Corrected,
}

const fn kind(content: Content, issue: Issue, type_name: &'static str, description: &'static str, ready: Micros) -> ReportKind {
    ReportKind { type_name, description, content, issue, ready }
}

const BY_DATE: &str = "Financial Actions by Date Range";
const BY_PAYOUT: &str = "Financial Actions by Payout ID";
static KINDS: [ReportKind; 8] = [
    kind(Content::SettlementBreakdown, Issue::First, "SettlementBreakdown", "Settlement Breakdown", HOUR / 2),
    kind(Content::ActionsByDate, Issue::First, "FinancialActions", BY_DATE, 2 * HOUR),
    kind(Content::ActionsByPayout, Issue::First, "FinancialActionsByPayoutId", BY_PAYOUT, 3 * HOUR),
    kind(Content::Balances, Issue::First, "Balance", "Balance", 5 * HOUR),
    kind(Content::Disputes, Issue::First, "Disputes", "Disputes", 8 * HOUR),
    kind(Content::Payouts, Issue::First, "Payouts", "Payouts", 11 * HOUR),
    kind(Content::ActionsByDate, Issue::Corrected, "FinancialActions", BY_DATE, 2 * DAY + 2 * HOUR),
    kind(Content::ActionsByPayout, Issue::Corrected, "FinancialActionsByPayoutId", BY_PAYOUT, 2 * DAY + 3 * HOUR),
];
/// Numbers that a kind has a day, used or not.
const A_KIND: usize = ACCOUNTS.len();
/// One day in so many is corrected, where any is.
const CORRECTED: usize = 7;

impl Report {
    /// The report of a number, if there is one by the merchant's present.
    pub(super) fn get(merchant: &Merchant, number: u64) -> Option<Self> {
        let place = usize::try_from(number).ok()?;
        let (unit, kind_place, day) = (place % A_KIND, place / A_KIND % KINDS.len(), place / A_KIND / KINDS.len());
        let kind = KINDS.get(kind_place)?;
        // Of the last day nothing is there, though east of Greenwich its night has begun: what is there must add up.
        if day + 1 >= merchant.days() {
            return None;
        }
        let settlement = if kind.is_by_settlement() { Some(Settlement::of(merchant, unit, day)?) } else { None };
        let entity = settlement.map_or(unit, |settlement| settlement.known.entity);
        let start = Zone::of(entity).start_of(merchant, day);
        let (from, to) = settlement.map_or((start, start + DAY), |settlement| (settlement.from, settlement.to));
        // One comes after the other, and never on the full minute.
        let created_at = start + DAY + kind.ready + Micros::try_from(unit).ok()? * 7 * MINUTE + 12_357_000;
        let is_there = entity < ENTITIES
            && created_at <= merchant.now()
            && (kind.issue == Issue::First || merchant.options().files.restatements && day % CORRECTED == 0);
        is_there.then_some(Self { number, kind, created_at, from, to, settlement, entity, day })
    }

    /// All reports, by the day they are about.
    pub(super) fn all(merchant: &Merchant) -> impl Iterator<Item = Self> + '_ {
        let numbers = u64::from(merchant.options().days) * (KINDS.len() * A_KIND) as u64;
        (0..numbers).filter_map(|number| Self::get(merchant, number))
    }

    /// The report of an id.
    pub(super) fn find(merchant: &Merchant, id: &str) -> Option<Self> {
        let (number, zero) = merchant.ids().read("rpt_", id)?;
        if zero == 0 { Self::get(merchant, number) } else { None }
    }

    /// The report of a file's id, and the file's place in it.
    pub(super) fn of_file(merchant: &Merchant, id: &str) -> Option<(Self, usize)> {
        let (number, place) = merchant.ids().read("file_", id)?;
        Some((Self::get(merchant, number)?, usize::try_from(place).ok()?))
    }

    /// Whether the merchant has a report that corrects this one.
    pub(super) fn is_corrected(&self, merchant: &Merchant) -> bool {
        let corrects = |kind: &&ReportKind| kind.content == self.kind.content && kind.issue == Issue::Corrected;
        let own = KINDS.iter().position(|kind| std::ptr::eq(kind, self.kind));
        let (Some(own), Some(corrected)) = (own, KINDS.iter().position(|kind| corrects(&kind))) else { return false };
        let number = (corrected.saturating_sub(own) * A_KIND) as u64 + self.number;
        self.kind.issue == Issue::First && Self::get(merchant, number).is_some()
    }

    /// `rpt_…`
    pub(super) fn id(&self, merchant: &Merchant) -> String {
        merchant.ids().make("rpt_", self.number, 0)
    }

    /// `file_…` of one of its files.
    pub(super) fn file_id(&self, merchant: &Merchant, place: usize) -> String {
        merchant.ids().make("file_", self.number, place as u64)
    }

    /// `ent_…`
    pub(super) fn entity_id(&self, merchant: &Merchant) -> String {
        merchant.entity_id(self.entity)
    }

    /// The zone that its files print times in.
    pub(super) fn zone(&self) -> Zone {
        Zone::of(self.entity)
    }

    /// The name of one of its files, as the vendor makes names.
    pub(super) fn filename(&self, merchant: &Merchant, place: usize) -> String {
        let date = |at| instant(self.zone().local(at)).date_naive().to_string();
        let day = |at| date(at).replace('-', "");
        let (entity, from, to, part) = (self.entity_id(merchant), day(self.from), day(self.to), place + 1);
        let payout = || self.settlement.map(|settlement| settlement.id(merchant).to_lowercase()).unwrap_or_default();
        match self.kind.content {
            Content::ActionsByDate => format!("financial-actions_{entity}_{from}_{to}_{part}.csv"),
            Content::ActionsByPayout => format!("financial-actions_{entity}_{to}_{}_{part}.csv", payout()),
            Content::SettlementBreakdown => {
                let end = if merchant.options().files.gzip { ".gz" } else { "" };
                format!("settlement-breakdown_{entity}_{to}_{}_{part}.csv{end}", payout())
            }
            Content::Payouts => format!("payouts_{entity}_{from}_{to}_{part}.csv"),
            Content::Balances => format!("statement_{entity}_{from}_{to}.csv"),
            Content::Disputes => {
                format!("{}-{}-DisputesReport-{}.csv", date(self.from), date(self.to), merchant.client_number())
            }
        }
    }
}

impl ReportKind {
    const fn is_by_settlement(&self) -> bool {
        matches!(self.content, Content::ActionsByPayout | Content::SettlementBreakdown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{FileOptions, MerchantOptions};

    fn merchant(restatements: bool) -> Merchant {
        let files = FileOptions { restatements, ..FileOptions::default() };
        Merchant::new(MerchantOptions { payments: 10, days: 12, files, ..MerchantOptions::default() })
    }

    #[test]
    fn every_day_has_its_reports_and_each_is_found_again() {
        let merchant = merchant(false);
        let all: Vec<Report> = Report::all(&merchant).collect();
        assert_eq!(all.len(), 11 * (4 * ENTITIES + 2 * ACCOUNTS.len()), "those of the last day are still to come");
        for report in all {
            assert_eq!(Report::find(&merchant, &report.id(&merchant)).map(|found| found.number), Some(report.number));
            let file = Report::of_file(&merchant, &report.file_id(&merchant, 3));
            assert_eq!(file.map(|(found, place)| (found.number, place)), Some((report.number, 3)));
            assert!(report.to < report.created_at && report.created_at <= merchant.now());
        }
    }

    #[test]
    fn a_corrected_report_has_the_range_of_the_first() {
        let merchant = merchant(true);
        let (corrected, first): (Vec<Report>, Vec<Report>) =
            Report::all(&merchant).partition(|report| report.kind.issue == Issue::Corrected);
        let same = |a: &Report, b: &Report| a.filename(&merchant, 0) == b.filename(&merchant, 0);
        for report in &corrected {
            let before: Vec<&Report> = first.iter().filter(|first| same(first, report)).collect();
            assert!(before.len() == 1 && before[0].is_corrected(&merchant) && before[0].created_at < report.created_at);
        }
        assert_eq!(corrected.len(), 2 * (ENTITIES + ACCOUNTS.len()));
        assert_eq!(first.iter().filter(|report| report.is_corrected(&merchant)).count(), corrected.len());
    }
}
