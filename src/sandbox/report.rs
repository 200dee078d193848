//! The reports the merchant gets: every night, for each entity, one of the day's financial actions and one of its
//! payouts. Known here by number, like payments; their files' contents are not.

use super::currency::ENTITIES;
use super::merchant::Merchant;
use super::payment::instant;
use super::schedule::{DAY, HOUR, MINUTE, Micros};

/// A report.
#[derive(Debug, Clone, Copy)]
pub(super) struct Report {
    /// Its place in the order of time, from 0.
    pub number: u64,
    /// What it reports.
    pub kind: &'static ReportKind,
    /// When it was made.
    pub created_at: Micros,
    /// Start of what it covers.
    pub from: Micros,
    /// End of what it covers.
    pub to: Micros,
    entity: usize,
}

/// A kind of report.
#[derive(Debug)]
pub(super) struct ReportKind {
    /// The vendor's type.
    pub type_name: &'static str,
    /// The vendor's description.
    pub description: &'static str,
    file_prefix: &'static str,
    /// When it is ready, after midnight.
    ready: Micros,
}

static KINDS: [ReportKind; 2] = [
    ReportKind {
        type_name: "FinancialActions",
        description: "Financial Actions by Date Range",
        file_prefix: "financial-actions",
        ready: 2 * HOUR,
    },
    ReportKind { type_name: "Payouts", description: "Payouts", file_prefix: "payouts", ready: 11 * HOUR },
];
const A_DAY: u64 = (KINDS.len() * ENTITIES) as u64;

impl Report {
    /// The report of a number, if it is made by the merchant's present.
    pub(super) fn get(merchant: &Merchant, number: u64) -> Option<Self> {
        let within = usize::try_from(number % A_DAY).ok()?;
        let kind = KINDS.get(within / ENTITIES)?;
        let entity = within % ENTITIES;
        let from = merchant.started_at() + Micros::try_from(number / A_DAY).ok()? * DAY;
        let to = from + DAY;
        // Entities come one after the other, and never on the full minute.
        let created_at = to + kind.ready + Micros::try_from(entity).ok()? * 7 * MINUTE + 12_357_000;
        (created_at <= merchant.now()).then_some(Self { number, kind, created_at, from, to, entity })
    }

    /// All reports, oldest first.
    pub(super) fn all(merchant: &Merchant) -> impl Iterator<Item = Self> + '_ {
        (0..).map_while(|number| Self::get(merchant, number))
    }

    /// The report of an id.
    pub(super) fn find(merchant: &Merchant, id: &str) -> Option<Self> {
        let (number, zero) = merchant.ids().read("rpt_", id)?;
        if zero == 0 { Self::get(merchant, number) } else { None }
    }

    /// `rpt_…`
    pub(super) fn id(&self, merchant: &Merchant) -> String {
        merchant.ids().make("rpt_", self.number, 0)
    }

    /// `file_…`
    pub(super) fn file_id(&self, merchant: &Merchant) -> String {
        merchant.ids().make("file_", self.number, 0)
    }

    /// `ent_…`
    pub(super) fn entity_id(&self, merchant: &Merchant) -> String {
        merchant.entity_id(self.entity)
    }

    /// Name of its file, as the vendor makes names.
    pub(super) fn filename(&self, merchant: &Merchant) -> String {
        let day = |at| instant(at).date_naive().to_string().replace('-', "");
        format!("{}_{}_{}_{}_1.csv", self.kind.file_prefix, self.entity_id(merchant), day(self.from), day(self.to))
    }
}
