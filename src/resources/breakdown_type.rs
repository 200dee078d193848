//! The breakdown types of financial actions that are known, and what each counts as.
//!
//! The vendor's list is open. A type that is not here counts as nothing: it stays visible, and a check reports it; what it
//! might be is not guessed from its name.

/// A breakdown type, or a group of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakdownType {
    /// The vendor's words.
    pub name: String,
    /// What it counts as in the views: gross, interchange, scheme, `processor_fee`, tax, chargeback, reserve or account.
    pub roll_up: &'static str,
    /// The line of the Balance report that it is part of; none where several may be.
    pub balance_line: &'static str,
}

/// Types that count as the same, and are part of the same line of the Balance report. Each
/// has a twin for the tax on it.
struct Group {
    roll_up: &'static str,
    balance_line: &'static str,
    types: &'static [&'static str],
}

const fn group(roll_up: &'static str, balance_line: &'static str, types: &'static [&'static str]) -> Group {
    Group { roll_up, balance_line, types }
}

const GROUPS: &[Group] = &[
    group("gross", "payments", &["Capture", "Partial Capture", "Clearing Failed"]),
    group("gross", "refunds", &["Refund", "Partial Refund"]),
    group("gross", "pay_to_cards", &["Card Payout"]),
    // Money sent to a bank account, and what comes back of it.
    group("gross", "transfers", &["Payout", "Return"]),
    group(
        "chargeback",
        "chargebacks",
        &[
            "Chargeback (ADJM)",
            "Chargeback (CBRV)",
            "Chargeback (RPDW)",
            "Chargeback (ARBW)",
            "Chargeback (ARBL)",
            "Chargeback (ARWS)",
            "Chargeback (AUTO)",
        ],
    ),
    group("interchange", "interchange", &["Interchange Fixed Fee", "Interchange Variable Fee"]),
    group("scheme", "scheme", &["Scheme Fixed Fee", "Scheme Variable Fee"]),
    group(
        "processor_fee",
        "fees",
        &[
            "Premium Fixed Fee",
            "Premium Variable Fee",
            "Blended Fixed Fee",
            "Blended Variable Fee",
            "Gateway Fixed Fee",
            "Authorization Fixed Fee",
            "Card Verification Fixed Fee",
            "Authentication Fixed Fee",
            "Capture Fixed Fee",
            "Capture Variable Fee",
            "Refund Fixed Fee",
            "Void Fixed Fee",
            "Risk Engine Fixed Fee",
            "Chargeback Fixed Fee",
            "Representment Fixed Fee",
            "Payout Confirmed Fixed Fee",
            "Intelligent Acceptance Fixed Fee",
            "Account Updater Fixed Fee",
            "Network Token Provisioning Fixed Fee",
            "Network Token Update Fixed Fee",
            "Acquirer Fee",
            "Alternative Payment Method Fee",
        ],
    ),
    // The Balance report has no line for them.
    group("processor_fee", "adjustments", &["Minimum Billing Fee"]),
    group("reserve", "adjustments", &["Rolling Reserve Deducted", "Rolling Reserve Released"]),
    group(
        "reserve",
        "adjustments",
        &[
            "Security Deposit Release",
            "Security Deposit Reservation",
            "Operational Funding Release",
            "Operational Funding Reservation",
        ],
    ),
    group(
        "account",
        "adjustments",
        // `Fee` alone is an adjustment, not a fee of a payment.
        &["Cover Negative Position", "Invoice Settlement", "Top Up", "Transaction Amount Discrepancy", "Fee"],
    ),
    group("account", "payouts", &["Merchant Payout"]),
];

/// The known types, each with the tax on it behind it.
pub fn breakdown_types() -> Vec<BreakdownType> {
    let mut types = Vec::new();
    for Group { roll_up, balance_line, types: names } in GROUPS {
        for name in *names {
            types.push(BreakdownType { name: (*name).to_owned(), roll_up, balance_line });
            types.push(BreakdownType { name: format!("{name} Tax"), roll_up: "tax", balance_line: "tax" });
        }
    }
    types
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_type_is_known_once_and_has_a_tax() {
        let types = breakdown_types();
        let names: BTreeSet<&str> = types.iter().map(|known| known.name.as_str()).collect();
        assert_eq!(names.len(), types.len());
        let is_taxed = |known: &&BreakdownType| known.roll_up == "tax" || names.contains(format!("{} Tax", known.name).as_str());
        assert_eq!(types.iter().filter(is_taxed).count(), types.len());
    }

    #[test]
    fn what_a_type_counts_as_is_one_of_eight() {
        let roll_ups: BTreeSet<&str> = breakdown_types().iter().map(|known| known.roll_up).collect();
        let all = ["account", "chargeback", "gross", "interchange", "processor_fee", "reserve", "scheme", "tax"];
        assert_eq!(roll_ups, all.into());
    }
}
