//! That the files tell one story: the identities of the books, worked out from rows read back by header name, hold to the
//! last of eight decimals, and each lie makes one of them fail.

use std::collections::{BTreeMap, BTreeSet};

use super::category::{CATEGORIES, category_of};
use super::tests::{Row, amount, merchant, told};
use super::*;
use crate::sandbox::currency::Currency;
use crate::sandbox::payment::{ActionKind, Outcome};
use crate::sandbox::zone::Zone;

/// The rows of every report of a merchant, with the day they are about.
struct Files<'a> {
    merchant: &'a Merchant,
    by_date: Vec<(usize, Row)>,
    by_payout: Vec<Row>,
    breakdowns: Vec<Row>,
    payouts: Vec<Row>,
    statements: Vec<(usize, Row)>,
}

type Sums<K> = BTreeMap<K, i128>;

const HOLDING: &str = "Holding Currency Amount";
const PROCESSING: &str = "Processing Currency Amount";
const POTS: [&str; 4] = ["Available", "Pending", "Payable", "Collateral"];

impl<'a> Files<'a> {
    fn read(books: &Books<'a>) -> Self {
        let merchant = books.merchant;
        let (by_date, statements) = (Vec::new(), Vec::new());
        let mut files = Self { merchant, by_date, by_payout: vec![], breakdowns: vec![], payouts: vec![], statements };
        for report in Report::all(merchant) {
            let day = report.day;
            let rows = || told(books, &report);
            match report.kind.content {
                Content::ActionsByDate => files.by_date.extend(rows().into_iter().map(|row| (day, row))),
                Content::ActionsByPayout => files.by_payout.extend(rows()),
                Content::SettlementBreakdown => files.breakdowns.extend(rows()),
                Content::Payouts => files.payouts.extend(rows()),
                Content::Balances => files.statements.extend(rows().into_iter().map(|row| (day, row))),
                Content::Disputes => {}
            }
        }
        files
    }

    /// The names of the identities that do not hold.
    fn broken(&self) -> Vec<&'static str> {
        let all = [
            ("captured_amount", self.actions_have_the_amounts_of_the_api()),
            ("payout_rows", self.payouts_are_the_floor_of_their_actions()),
            ("breakdown_net", self.net_is_gross_and_deduction_and_the_payout()),
            ("breakdown_fees", self.deductions_are_their_parts()),
            ("payout_columns", self.payouts_are_their_categories()),
            ("available_balance", self.days_of_actions_are_the_change_of_what_is_available()),
            ("opening_balance", self.days_open_where_the_day_before_closed()),
            ("payable_balance", self.payable_is_what_was_paid_out()),
            ("collateral_balance", self.reserves_are_held_and_released()),
            ("disputed_payment", self.disputes_cost_what_was_lost()),
            ("fee_action", self.captures_have_their_gateway_fee()),
            ("exchange_rate", self.amounts_are_what_their_rate_says()),
            ("fee_category", self.categories_are_their_breakdown_types()),
            ("settled_twice", self.captures_are_settled_once()),
        ];
        all.into_iter().filter(|(_, holds)| !holds).map(|(name, _)| name).collect()
    }

    fn last_day(&self) -> usize {
        self.by_date.iter().map(|(day, _)| *day).max().unwrap()
    }

    fn actions_have_the_amounts_of_the_api(&self) -> bool {
        let mut told: Sums<String> = BTreeMap::new();
        for (_, row) in &self.by_date {
            if ["Capture", "Partial Capture", "Refund"].contains(&&*row["Breakdown Type"]) {
                *told.entry(row["Action ID"].clone()).or_default() += amount(row, PROCESSING);
            }
        }
        let mut known: Sums<String> = BTreeMap::new();
        for payment in self.merchant.all_payments() {
            for action in payment.actions.iter().filter(|action| action.outcome == Outcome::Approved) {
                let sign = match action.kind {
                    ActionKind::Capture => 1,
                    ActionKind::Refund => -1,
                    _ => continue,
                };
                let id = self.merchant.ids().make("act_", payment.index, action.number);
                known.insert(id, sign * payment.currency.to_major(action.amount));
            }
        }
        assert!(told.len() > 200);
        told.iter().all(|(id, amount)| known[id] == *amount)
    }

    fn paid(&self) -> Sums<String> {
        self.payouts.iter().map(|row| (row["Payout ID"].clone(), amount(row, "Payout Amount"))).collect()
    }

    fn payouts_are_the_floor_of_their_actions(&self) -> bool {
        let mut sums: Sums<String> = BTreeMap::new();
        for row in self.by_payout.iter().filter(|row| !row["Payout ID"].is_empty()) {
            *sums.entry(row["Payout ID"].clone()).or_default() += amount(row, HOLDING);
        }
        let (paid, mut dusty) = (self.paid(), 0);
        let currencies: BTreeMap<&str, &str> =
            self.payouts.iter().map(|row| (&*row["Payout ID"], &*row["Holding Currency"])).collect();
        assert!(sums.keys().eq(paid.keys()));
        let holds = sums.iter().all(|(id, sum)| {
            let dust = sum - paid[id];
            dusty += usize::from(dust > 0);
            (0..Currency::find(currencies[&**id]).unwrap().to_major(1)).contains(&dust)
        });
        assert!(dusty > 100);
        holds
    }

    fn net_is_gross_and_deduction_and_the_payout(&self) -> bool {
        let mut sums: Sums<String> = BTreeMap::new();
        let mut holds = true;
        for row in &self.breakdowns {
            let of = |name: &str| amount(row, &format!("{name} In Holding Currency"));
            *sums.entry(row["Payout ID"].clone()).or_default() += of("Net");
            holds &= of("Net") == of("Gross") + of("Deduction");
        }
        holds && sums == self.paid()
    }

    fn deductions_are_their_parts(&self) -> bool {
        let fees = ["Processing Fee", "Scheme Fee", "Interchange", "Tax", "Reserve"];
        self.breakdowns.iter().all(|row| {
            let of = |name: &str| amount(row, &format!("{name} In Holding Currency"));
            of("Deduction") == fees.iter().map(|fee| of(fee)).sum::<i128>()
        })
    }

    fn payouts_are_their_categories(&self) -> bool {
        self.payouts
            .iter()
            .all(|row| CATEGORIES.split(',').map(|category| amount(row, category)).sum::<i128>() == amount(row, "Payout Amount"))
    }

    /// Rows of balances, with their day.
    fn balances(&self) -> impl Iterator<Item = (usize, &Row)> {
        let wanted = self.statements.iter().filter(|(_, row)| row["Description"] == "Balances & Payouts");
        wanted.map(|(day, row)| (*day, row))
    }

    /// Sums of the actions of a day and an account that are wanted.
    fn sums(&self, is_wanted: impl Fn(&Row) -> bool) -> Sums<(usize, String)> {
        let mut sums: Sums<(usize, String)> = BTreeMap::new();
        for (day, row) in self.by_date.iter().filter(|(_, row)| is_wanted(row)) {
            *sums.entry((*day, row["Currency Account ID"].clone())).or_default() += amount(row, HOLDING);
        }
        sums
    }

    fn is_change(&self, pot: &str, sums: &Sums<(usize, String)>, sign: i128) -> bool {
        self.balances().all(|(day, row)| {
            let change = amount(row, &format!("Closing {pot} Balance")) - amount(row, &format!("Opening {pot} Balance"));
            change == sign * sums.get(&(day, row["Currency Account ID"].clone())).copied().unwrap_or_default()
        })
    }

    fn days_of_actions_are_the_change_of_what_is_available(&self) -> bool {
        self.is_change("Available", &self.sums(|_| true), 1)
    }

    fn days_open_where_the_day_before_closed(&self) -> bool {
        let mut closed: BTreeMap<&str, &Row> = BTreeMap::new();
        self.balances().all(|(_, row)| {
            let is_same = |pot, before: &Row| row[&format!("Opening {pot} Balance")] == before[&format!("Closing {pot} Balance")];
            let before = closed.insert(&row["Currency Account ID"], row);
            before.is_none_or(|before| POTS.iter().all(|pot| is_same(pot, before)))
        })
    }

    fn payable_is_what_was_paid_out(&self) -> bool {
        self.balances().all(|(_, row)| amount(row, "Closing Payable Balance") == -amount(row, "Payouts"))
    }

    fn reserves_are_held_and_released(&self) -> bool {
        let mut held: BTreeSet<(usize, &str, i128)> = BTreeSet::new();
        let mut released = 0;
        for (day, row) in &self.by_date {
            match &*row["Breakdown Type"] {
                "Rolling Reserve Deducted" => assert!(held.insert((*day, &row["Payment ID"], -amount(row, HOLDING)))),
                "Rolling Reserve Released" => {
                    released += 1;
                    assert!(held.contains(&(day - 90, &row["Payment ID"], amount(row, HOLDING))));
                }
                _ => {}
            }
        }
        assert!(released > 100);
        self.is_change("Collateral", &self.sums(|row| row["Breakdown Type"].starts_with("Rolling Reserve")), -1)
    }

    /// Arbitration fees are not part of what was lost.
    fn disputes_cost_what_was_lost(&self) -> bool {
        let mut told: Sums<String> = BTreeMap::new();
        for (_, row) in &self.by_date {
            if row["Breakdown Type"].starts_with("Chargeback (") && row["Breakdown Type"] != "Chargeback (ARBL)" {
                *told.entry(row["Payment ID"].clone()).or_default() += amount(row, HOLDING);
            }
        }
        let known = self.merchant.all_payments().filter_map(|payment| {
            let end = Zone::of(payment.currency.settled_to().entity).start_of(self.merchant, self.last_day() + 1);
            let dispute = payment.dispute.filter(|dispute| dispute.received_at < end)?;
            let indicators = dispute.timeline().filter(|(_, at)| *at < end).filter_map(|(status, _)| dispute.indicator(status));
            let is_credited = indicators.skip(1).any(|indicator| ["AUTO", "CBRV", "RPDW", "ARBW"].contains(&indicator));
            let lost = if is_credited { 0 } else { payment.currency.to_settled(dispute.amount) };
            Some((self.merchant.payment_id(payment.index), -lost))
        });
        told == known.collect()
    }

    fn captures_have_their_gateway_fee(&self) -> bool {
        let (mut fees, mut expected): (Sums<String>, Sums<String>) = (BTreeMap::new(), BTreeMap::new());
        for (_, row) in &self.by_date {
            let id = row["Action ID"].clone();
            match &*row["Breakdown Type"] {
                "Gateway Fixed Fee" => *fees.entry(id).or_default() += amount(row, HOLDING),
                "Capture" | "Partial Capture" => {
                    expected.insert(id, -Currency::find(&row["Holding Currency"]).unwrap().worth(8));
                }
                _ => {}
            }
        }
        fees == expected
    }

    fn amounts_are_what_their_rate_says(&self) -> bool {
        self.by_date.iter().map(|(_, row)| row).chain(&self.by_payout).all(|row| {
            let (holding, processing, rate) = (amount(row, HOLDING), amount(row, PROCESSING), amount(row, "FX Rate Applied"));
            (holding - processing * rate / 100_000_000).abs() * 200_000 <= holding.abs()
        })
    }

    fn categories_are_their_breakdown_types(&self) -> bool {
        let mut told: Sums<(usize, &str, &str)> = BTreeMap::new();
        for (day, row) in self.statements.iter().filter(|(_, row)| row["Description"] == "Breakdown") {
            for category in CATEGORIES.split(',') {
                *told.entry((*day, &row["Currency Account ID"], category)).or_default() += amount(row, category);
            }
        }
        let mut known: Sums<(usize, &str, &str)> = BTreeMap::new();
        for (day, row) in self.by_date.iter().filter(|(_, row)| row["Breakdown Type"] != "Merchant Payout") {
            *known.entry((*day, &row["Currency Account ID"], category_of(&row["Breakdown Type"]))).or_default() +=
                amount(row, HOLDING);
        }
        told.retain(|_, sum| *sum != 0);
        known.retain(|_, sum| *sum != 0);
        told == known
    }

    fn captures_are_settled_once(&self) -> bool {
        let (paid, mut settled) = (self.paid(), BTreeMap::new());
        let captures = self.by_payout.iter().filter(|row| ["Capture", "Partial Capture"].contains(&&*row["Breakdown Type"]));
        captures.filter(|row| paid[&row["Payout ID"]] > 0).all(|row| settled.insert(&row["Action ID"], row).is_none())
    }
}

#[test]
fn every_identity_of_the_books_holds() {
    for seed in 1..4 {
        let merchant = merchant(seed, FileOptions::default());
        let files = Files::read(&Books::new(&merchant, &[]));
        assert_eq!(files.broken(), [""; 0], "seed {seed}");
        let negative = files.paid().values().filter(|amount| **amount < 0).count();
        assert!(negative > 10 && negative * 2 < files.payouts.len(), "{negative} of {}", files.payouts.len());
    }
}

#[test]
fn each_lie_breaks_its_own_identity_and_no_other() {
    let merchant = merchant(1, FileOptions::default());
    for (name, lie) in Lie::ALL {
        // What nobody knows is part of no category.
        let broken = if lie == Lie::BreakdownType { "fee_category" } else { name };
        assert_eq!(Files::read(&Books::new(&merchant, &[lie])).broken(), [broken]);
    }
}

/// The two have different bases: what was available at a day's end, and what was so at the hour of its payout.
#[test]
fn a_payout_is_not_a_day_of_actions() {
    let merchant = merchant(1, FileOptions::default());
    let files = Files::read(&Books::new(&merchant, &[]));
    let days = files.sums(|row| row["Breakdown Type"] != "Merchant Payout");
    assert!(days.values().filter(|sum| files.paid().values().any(|paid| paid == *sum)).count() < days.len() / 20);
}
