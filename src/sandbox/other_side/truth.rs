//! The truth: which rows are left for which reason, and which belong together.

use std::collections::BTreeMap;

use super::bank::Line;
use super::csv::record;
use super::payouts::Payout;

/// The flow of orders.
pub(super) const ORDERS: &str = "order_to_payment";
/// The flow of payouts.
const PAYOUTS: &str = "payout_to_bank";
/// Reasons for which nothing is expected, so that a row is out of scope rather than left.
const OUT_OF_SCOPE: [&str; 2] = ["CARRIED_FORWARD", "SETTLEMENT_RETURNED"];

/// What is true of the rows of both sides.
#[derive(Debug, Default)]
pub(super) struct Truth {
    left: Vec<[String; 7]>,
    together: Vec<[String; 3]>,
    /// Lines by the payouts that they are.
    lines: BTreeMap<Vec<String>, Vec<String>>,
}

impl Truth {
    /// Says why a row is left.
    pub(super) fn tell(&mut self, flow: &str, row: [&str; 3], reason: &str, why: &str) {
        let [side, table, id] = row;
        let state = if OUT_OF_SCOPE.contains(&reason) { "out_of_scope" } else { "exception" };
        self.left.push([flow, side, table, id, state, reason, why].map(str::to_owned));
    }

    /// Says which rows belong together.
    pub(super) fn tell_match(&mut self, flow: &str, left: &[String], right: &[String]) {
        self.together.push([flow.to_owned(), left.join(" "), right.join(" ")]);
    }

    /// Tells of the lines of an account.
    pub(super) fn tell_lines(&mut self, lines: &[Line]) {
        for (id, entry) in lines {
            if let Some((reason, why)) = &entry.reason {
                self.tell(PAYOUTS, ["right", "bank_lines", id], reason, why);
            } else if !entry.pays.is_empty() {
                self.lines.entry(entry.pays.clone()).or_default().push(id.clone());
            }
        }
    }

    /// Tells of the payouts, after all lines.
    pub(super) fn tell_payouts(&mut self, payouts: &[Payout]) {
        for payout in payouts {
            if let Some((reason, why)) = payout.fate.reason() {
                self.tell(PAYOUTS, ["left", "settlements", &payout.id], reason, why);
            }
        }
        for (pays, lines) in std::mem::take(&mut self.lines) {
            self.tell_match(PAYOUTS, &pays, &lines);
        }
    }

    /// The rows that are left.
    pub(super) fn exceptions(&mut self) -> String {
        self.left.sort_unstable();
        let header = record(&["flow", "side", "table", "line_id", "state", "reason", "detail"]);
        header + &self.left.iter().map(|row| record(&row.each_ref().map(String::as_str))).collect::<String>()
    }

    /// The rows that belong together, with blanks between ids.
    pub(super) fn matches(&mut self) -> String {
        self.together.sort_unstable();
        let header = record(&["flow", "left", "right"]);
        header + &self.together.iter().map(|row| record(&row.each_ref().map(String::as_str))).collect::<String>()
    }
}
