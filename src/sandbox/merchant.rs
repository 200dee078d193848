//! The seeded merchant: any of its payments, made again from its index whenever it is asked for.
//!
//! ```text
//!  index ─ schedule ─► instant ┐
//!        ─ id       ─► pay_…   ├─► life ─► Payment ─► json · ledger
//!        ─ dice     ─► who, what, how much ┘
//! ```
//!
//! Nothing is held per payment. Only disputes, a few in a thousand, are found once and kept, because their listing is
//! in the order of their last change.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::OnceLock;

use chrono::{DateTime, Utc};

use super::balance::Balance;
use super::currency::{ACCOUNTS, Currency, ENTITIES};
use super::dice::Dice;
use super::files::FileOptions;
use super::id::Ids;
use super::ledger::Ledger;
use super::life::{Birth, live};
use super::payment::{Payment, PaymentKind, instant};
use super::schedule::{DAY, Micros, Schedule};
use super::vault::CARDS;

/// What merchant to invent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MerchantOptions {
    /// Another seed is another merchant of the same kind.
    pub seed: u64,
    /// Payments in all; at most 100 million.
    pub payments: u64,
    /// Days they are spread over; at least one.
    pub days: u32,
    /// The merchant's present: nothing is later.
    pub end: DateTime<Utc>,
    /// Whether its references hold signs that mean something to a query language or an address.
    pub odd_references: bool,
    /// How its report files are written.
    pub files: FileOptions,
}

impl Default for MerchantOptions {
    fn default() -> Self {
        // To 2026-07-01T00:00:00Z. No round number of payments falls into 90 days, the widest window of the search: pages
        // that all come back exactly full would make every listing look unproven.
        Self {
            seed: 1,
            payments: 10_000,
            days: 182,
            end: DateTime::from_timestamp(1_782_864_000, 0).unwrap_or_default(),
            odd_references: false,
            files: FileOptions::default(),
        }
    }
}

/// A made-up merchant.
///
/// ```
/// use ckosql::sandbox::{Merchant, MerchantOptions};
///
/// let merchant = Merchant::new(MerchantOptions { payments: 100, ..MerchantOptions::default() });
/// let id = merchant.payment_id(42);
/// assert_eq!(merchant.find_payment(&id).map(|payment| payment.index), Some(42));
/// ```
#[derive(Debug)]
pub struct Merchant {
    options: MerchantOptions,
    schedule: Schedule,
    ids: Ids,
    now: Micros,
    customers: u64,
    disputed: OnceLock<BTreeSet<(Micros, u64)>>,
    ledger: OnceLock<Ledger>,
}

const MOST_PAYMENTS: u64 = 100_000_000;
/// One payment in so many may be disputed; regular, so that disputes are found without looking at every payment.
const DISPUTABLE: u64 = 97;
/// One payment in so many repeats the order before it.
const REPEATED: u64 = 70;
const KINDS: [(u64, PaymentKind); 4] =
    [(968, PaymentKind::Sale), (14, PaymentKind::CardVerification), (12, PaymentKind::BankPayout), (6, PaymentKind::CardPayout)];

/// What odd references start with.
const ODD: [&str; 20] = [
    "' OR amount:>=0 OR id:'",
    "it's",
    "a\\'b",
    "back\\",
    "\"quoted\"",
    "(status:'Captured')",
    "new\nline",
    "tab\t",
    "nul\0",
    "../..",
    "%2e%2e%2f",
    "100%",
    "a?b=c&d",
    "#part",
    "a,b",
    " space",
    "a+b",
    "é😀",
    "\u{202e}\u{200f}right",
    "*",
];

mod stream {
    pub(super) const REPEAT: u64 = 11;
    pub(super) const ORDER: u64 = 12;
    pub(super) const CUSTOMER: u64 = 13;
    pub(super) const LIFE: u64 = 14;
}

impl Merchant {
    /// Invents a merchant.
    pub fn new(options: MerchantOptions) -> Self {
        let options = MerchantOptions { payments: options.payments.min(MOST_PAYMENTS), days: options.days.max(1), ..options };
        let now = options.end.timestamp_micros();
        let start = now - Micros::from(options.days) * DAY;
        let schedule = Schedule { seed: options.seed, start, days: options.days, payments: options.payments };
        let ids = Ids::new(options.seed);
        let customers = (options.payments / 4).max(50);
        Self { options, schedule, ids, now, customers, disputed: OnceLock::new(), ledger: OnceLock::new() }
    }

    /// The same merchant at an earlier moment of its story: what comes later has not happened yet.
    pub fn before(options: MerchantOptions, present: DateTime<Utc>) -> Self {
        let whole = Self::new(options);
        let now = present.timestamp_micros().clamp(whole.schedule.start, whole.now);
        let payments = whole.window(whole.schedule.start, now - 1).end;
        Self { options: MerchantOptions { payments, end: instant(now), ..whole.options }, now, ..whole }
    }

    /// What it was made of.
    pub fn options(&self) -> &MerchantOptions {
        &self.options
    }

    /// The start of its history.
    pub fn start(&self) -> DateTime<Utc> {
        instant(self.schedule.start)
    }

    /// Its present.
    pub fn end(&self) -> DateTime<Utc> {
        self.options.end
    }

    /// The payments asked for from `from` to before `to`, in the order of time.
    pub fn payments(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> impl Iterator<Item = Payment> + '_ {
        self.window(from.timestamp_micros(), to.timestamp_micros() - 1).map(|index| self.payment(index))
    }

    /// Every payment, in the order of time.
    pub fn all_payments(&self) -> impl Iterator<Item = Payment> + '_ {
        (0..self.options.payments).map(|index| self.payment(index))
    }

    /// The payment with this id.
    pub fn find_payment(&self, id: &str) -> Option<Payment> {
        let (index, number) = self.ids.read("pay_", id)?;
        (number == 0 && index < self.options.payments).then(|| self.payment(index))
    }

    /// The id of the payment of an index.
    pub fn payment_id(&self, index: u64) -> String {
        self.ids.make("pay_", index, 0)
    }

    /// The entities' ids.
    pub fn entity_ids(&self) -> Vec<String> {
        (0..ENTITIES).map(|entity| self.entity_id(entity)).collect()
    }

    /// The truth about the merchant as a whole: counts, sums and balances, worked out on first use.
    pub fn ledger(&self) -> &Ledger {
        self.ledger.get_or_init(|| Ledger::of(self))
    }

    /// The payment of an index.
    pub fn payment(&self, index: u64) -> Payment {
        let order = self.first_of_order(index);
        let mut dice = Dice::new(self.options.seed, stream::ORDER, order);
        let kind = dice.weighted(&KINDS);
        let customer = dice.below(self.customers());
        let has_reference = !dice.chance(25);
        let currency = self.home_currency(customer);
        let birth = Birth {
            index,
            kind,
            currency,
            amount: if kind == PaymentKind::CardVerification { 0 } else { currency.price(&mut dice) },
            requested_at: self.schedule.requested_at(index),
            order: has_reference.then_some(order),
            customer,
            card: customer * CARDS + dice.weighted(&[(80, 0), (15, 1), (5, 2)]),
            retried: self.repeats_previous(index + 1),
            disputable: kind == PaymentKind::Sale && index % DISPUTABLE == self.options.seed % DISPUTABLE,
        };
        live(&birth, &mut Dice::new(self.options.seed, stream::LIFE, index), self.now)
    }

    /// How many customers there are.
    pub(super) fn customers(&self) -> u64 {
        self.customers
    }

    /// The currency a customer pays in.
    pub(super) fn home_currency(&self, customer: u64) -> &'static Currency {
        Currency::any(&mut Dice::new(self.options.seed, stream::CUSTOMER, customer))
    }

    /// Whether a payment is another attempt at the order of the payment before it.
    fn repeats_previous(&self, index: u64) -> bool {
        index > 0 && Dice::new(self.options.seed, stream::REPEAT, index).below(REPEATED) == 0
    }

    /// The payment that was the first attempt at the order of a payment.
    pub(super) fn first_of_order(&self, index: u64) -> u64 {
        let mut first = index;
        while self.repeats_previous(first) {
            first -= 1;
        }
        first
    }

    /// The reference the merchant gave a payment.
    pub fn reference(&self, payment: &Payment) -> Option<String> {
        let order = payment.order?;
        let prefix = match (self.options.odd_references, payment.is_payout()) {
            (true, _) => ODD.get(usize::try_from(order).ok()? % ODD.len())?,
            (false, true) => "PO",
            (false, false) => "ORD",
        };
        Some(format!("{prefix}-{order:08}"))
    }

    /// The payments with this reference, in the order of time.
    pub fn find_reference(&self, reference: &str) -> Vec<Payment> {
        let Some(order) = reference.rsplit('-').next().and_then(|digits| digits.parse::<u64>().ok()) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        let mut index = order;
        while index < self.options.payments && self.first_of_order(index) == order {
            let payment = self.payment(index);
            if self.reference(&payment).as_deref() == Some(reference) {
                found.push(payment);
            }
            index += 1;
        }
        found
    }

    /// The balances of every currency account at an instant; the merchant's present, when it is later than that.
    pub fn balances(&self, at: DateTime<Utc>) -> Vec<Balance> {
        let at = at.timestamp_micros().min(self.now);
        (0..ACCOUNTS.len()).filter_map(|account| self.ledger().balance(self, account, at)).collect()
    }

    /// The payments that are disputed at the merchant's present, by their dispute's last change.
    pub(super) fn disputed(&self) -> &BTreeSet<(Micros, u64)> {
        self.disputed.get_or_init(|| {
            let mut disputed = BTreeSet::new();
            let mut index = self.options.seed % DISPUTABLE;
            while index < self.options.payments {
                if let Some(dispute) = self.payment(index).dispute {
                    disputed.insert((dispute.updated_at, index));
                }
                index += DISPUTABLE;
            }
            disputed
        })
    }

    /// Indices of the payments asked for from `from` to `to`, both included.
    pub(super) fn window(&self, from: Micros, to: Micros) -> Range<u64> {
        let Range { start, end } = self.schedule.between(from, to);
        start.min(self.options.payments)..end.min(self.options.payments)
    }

    pub(super) fn ids(&self) -> Ids {
        self.ids
    }

    pub(super) fn seed(&self) -> u64 {
        self.options.seed
    }

    pub(super) fn now(&self) -> Micros {
        self.now
    }

    /// The days of its history.
    pub(super) fn days(&self) -> usize {
        usize::try_from(self.options.days).unwrap_or(usize::MAX)
    }

    pub(super) fn started_at(&self) -> Micros {
        self.schedule.start
    }

    /// The id of an entity.
    pub(super) fn entity_id(&self, entity: usize) -> String {
        self.ids.make("ent_", entity as u64, 0)
    }

    /// The id of the dispute against the payment of an index.
    pub(super) fn dispute_id(&self, index: u64) -> String {
        self.ids.make("dsp_", index, 0)
    }

    /// The processing channel of a payment; each entity has one.
    pub(super) fn channel_id(&self, payment: &Payment) -> String {
        self.ids.make("pc_", payment.currency.settled_to().entity as u64, 0)
    }

    /// The client's id, `cli_…`, which also names its hosts.
    pub(super) fn client_number(&self) -> String {
        self.ids.make("cli_", 0, 0)
    }

    /// The id of one of [`ACCOUNTS`].
    pub(super) fn account_id(&self, account: usize) -> String {
        debug_assert!(account < ACCOUNTS.len());
        self.ids.make("ca_", account as u64, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::payment::Status;

    fn merchant(payments: u64) -> Merchant {
        Merchant::new(MerchantOptions { payments, ..MerchantOptions::default() })
    }

    #[test]
    fn a_merchant_is_the_same_for_ever() {
        let merchant = Merchant::new(MerchantOptions::default());
        let seen: Vec<String> = [0, 1, 5_000, 9_999]
            .map(|index| {
                let payment = merchant.payment(index);
                let (id, on) = (merchant.payment_id(index), payment.requested_on().to_rfc3339());
                format!("{id} {on} {} {} {}", payment.amount, payment.currency.code, payment.status.word())
            })
            .into();
        assert_eq!(seen, PINNED);
    }

    const PINNED: [&str; 4] = [
        "pay_cwnxydqub6clifr24jzjgcq5ca 2025-12-31T00:32:34.147868+00:00 64480 KWD Captured",
        "pay_yiiqou2izhtyymxb6ez2pm3ima 2025-12-31T02:37:35.933990+00:00 1844 EUR Captured",
        "pay_rxqxobzokgyfivhvesn5sdiqpa 2026-04-01T00:05:01.620280+00:00 7294 GBP Captured",
        "pay_7vyrvtxex5pg3diur22sdx4ojm 2026-06-30T23:48:06.304150+00:00 9321 JPY Authorized",
    ];

    #[test]
    fn the_default_present_is_the_first_of_july() {
        let options = MerchantOptions::default();
        assert_eq!(options.end.to_rfc3339(), "2026-07-01T00:00:00+00:00");
        assert_eq!(Merchant::new(options).start().to_rfc3339(), "2025-12-31T00:00:00+00:00");
    }

    #[test]
    fn ids_find_their_payments_and_no_others() {
        let merchant = merchant(300);
        for index in 0..300 {
            assert_eq!(merchant.find_payment(&merchant.payment_id(index)).map(|payment| payment.index), Some(index));
        }
        assert!(merchant.find_payment(&merchant.payment_id(300)).is_none(), "beyond the last payment");
        assert!(merchant.find_payment(&merchant.dispute_id(3)).is_none(), "another kind of id");
    }

    #[test]
    fn a_window_of_payments_is_half_open() {
        let merchant = merchant(500);
        let (from, to) = (merchant.payment(100).requested_on(), merchant.payment(200).requested_on());
        let indices: Vec<u64> = merchant.payments(from, to).map(|payment| payment.index).collect();
        assert_eq!(indices, (100..200).collect::<Vec<_>>());
    }

    #[test]
    fn references_find_their_payments_and_retries_share_one() {
        let merchant = merchant(2_000);
        let (mut shared, mut missing) = (0, 0);
        for payment in merchant.all_payments() {
            let Some(reference) = merchant.reference(&payment) else {
                missing += 1;
                continue;
            };
            let found = merchant.find_reference(&reference);
            assert!(found.iter().any(|found| found.index == payment.index), "{reference}");
            for pair in found.windows(2) {
                assert_eq!((pair[0].amount, pair[0].customer), (pair[1].amount, pair[1].customer));
                assert!(pair[0].kind != PaymentKind::Sale || pair[0].status == Status::Declined);
            }
            shared += usize::from(found.len() > 1);
        }
        assert!(shared > 20 && missing > 20, "{shared} {missing}");
        assert!(merchant.find_reference("ORD-99999999").is_empty() && merchant.find_reference("é").is_empty());
    }

    #[test]
    fn every_state_and_kind_of_action_occurs() {
        let options = MerchantOptions { payments: 20_000, days: 20, ..MerchantOptions::default() };
        let ledger = Merchant::new(options).ledger().clone();
        assert_eq!(ledger.statuses.len(), 13, "{:?}", ledger.statuses);
        assert_eq!(ledger.actions.len(), 8, "{:?}", ledger.actions);
        assert!(merchant(20_000).ledger().disputes.len() >= 7);
    }

    #[test]
    fn odd_options_make_a_merchant_too() {
        let merchant = Merchant::new(MerchantOptions { payments: 0, days: 0, ..MerchantOptions::default() });
        assert_eq!((merchant.all_payments().count(), merchant.ledger().payments(), merchant.disputed().len()), (0, 0, 0));
    }
}
