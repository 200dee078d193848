//! Financial actions, by date range or by payout: 36 columns, a row per action and breakdown.
//!
//! Both add up to the last of eight decimals: a day's rows to the change of what is available, where payouts to the bank
//! are rows too; a payout's rows to its amount, where what is carried from one payout to the next is rows too.

use std::ops::Range;

use super::action_line::Line;
use super::csv::Csv;
use crate::sandbox::currency::{ACCOUNTS, CurrencyAccount};
use crate::sandbox::dice::mix;
use crate::sandbox::effect::{Effect, effects};
use crate::sandbox::merchant::Merchant;
use crate::sandbox::movement::Movement;
use crate::sandbox::report::Report;
use crate::sandbox::settlement::Settlement;

const COLUMNS: &str = "Client Entity ID,Client Entity Name,Sub Entity ID,Sub Entity Name,Processing Channel ID,\
    Merchant Category Code,Currency Account ID,Currency Account Name,Currency Account Custom ID,Action Type,Action ID,\
    Payment ID,Requested On,Processed On,Processing Currency,FX Rate Applied,Holding Currency,FX Trade ID,Payout ID,\
    Reference,Payment Method,Card Type,Card Category,Issuer Country,Entity Country,Region,MID,Response Code,\
    Response Description,Breakdown Type,Processing Currency Amount,Holding Currency Amount,Entity Country Tax Currency,\
    Tax Fx Rate,Tax Currency Amount,Fee Detail";
const OPTIONAL: &str = ",Acquirer Reference Number,Requested On UTC,Processed On UTC,Timezone";
/// The entity whose files have more columns, where any has.
const OPTIONAL_OF: usize = 1;

/// Breakdown types, and action types where they stand alone.
const RESERVED: &str = "Rolling Reserve Deducted";
const CARRIED: &str = "Transaction Amount Discrepancy";
const PAID_OUT: &str = "Merchant Payout";

/// Writes a report's rows.
pub(super) fn write(merchant: &Merchant, report: &Report, part: Range<usize>) -> Csv {
    let options = merchant.options().files;
    let has_optional = options.more_columns && report.entity == OPTIONAL_OF;
    let columns = if has_optional { format!("{COLUMNS}{OPTIONAL}") } else { COLUMNS.to_owned() };
    let mut file = File {
        merchant,
        csv: Csv::new(options, part, &columns),
        payout_id: report.settlement.map(|settlement| settlement.id(merchant)).unwrap_or_default(),
        has_optional,
        is_corrected_later: report.is_corrected(merchant),
    };
    let of_entity = |account| ACCOUNTS.get(account).is_some_and(|known: &CurrencyAccount| known.entity == report.entity);
    let is_wanted = |account| match report.settlement {
        Some(settlement) => settlement.account == account,
        None => of_entity(account),
    };
    for effect in effects(merchant, is_wanted, report.from, report.to) {
        file.effect(&effect);
    }
    if let Some(settlement) = report.settlement {
        file.carried(&settlement);
    } else {
        let accounts = (0..ACCOUNTS.len()).filter(|account| of_entity(*account));
        accounts.filter_map(|account| Settlement::of(merchant, account, report.day)).for_each(|paid| file.paid_out(&paid));
    }
    file.csv
}

struct File<'a> {
    merchant: &'a Merchant,
    csv: Csv,
    payout_id: String,
    has_optional: bool,
    is_corrected_later: bool,
}

impl File<'_> {
    fn effect(&mut self, effect: &Effect) {
        let reference = self.merchant.reference(&effect.payment).unwrap_or_default();
        let line = Line {
            account: effect.payment.currency.account,
            effect: Some(effect),
            action_type: effect.action_type,
            action_id: effect.action_id(self.merchant),
            at: effect.at,
            reference: &reference,
        };
        for movement in &effect.movements {
            if let Some(movement) = self.told(effect, movement) {
                self.row(&line, &movement);
            }
        }
        if effect.reserve != 0 {
            let line = Line { action_type: RESERVED, action_id: effect.reserve_id(self.merchant), ..line };
            self.row(&line, &held(effect.payment.currency.settled_to(), RESERVED, -effect.reserve));
        }
    }

    /// A movement as this report has it: where a later one corrects it, some interchange is estimated and some missing.
    fn told(&self, effect: &Effect, movement: &Movement) -> Option<Movement> {
        const HUNDREDTH: i128 = 1_000_000;
        if !self.is_corrected_later || !movement.breakdown_type.starts_with("Interchange") {
            return Some(*movement);
        }
        let estimate = movement.holding / HUNDREDTH * HUNDREDTH;
        match mix(effect.payment.index) % 5 {
            0 => None,
            1 => Some(Movement { holding: estimate, processing: estimate, ..*movement }),
            _ => Some(*movement),
        }
    }

    /// What earlier payouts left for this one, and what this one leaves for later ones.
    fn carried(&mut self, settlement: &Settlement) {
        let Some(payout) = settlement.payout(self.merchant) else { return };
        for (number, reference, amount) in [(0, "brought forward", payout.brought), (1, "carried forward", -payout.carried)] {
            self.adjustment(settlement, "Adjustment", number, reference, &held(settlement.known, CARRIED, amount));
        }
    }

    fn paid_out(&mut self, settlement: &Settlement) {
        let Some(payout) = settlement.payout(self.merchant) else { return };
        let reference = settlement.id(self.merchant);
        self.adjustment(settlement, PAID_OUT, 2, &reference, &held(settlement.known, PAID_OUT, -payout.amount));
    }

    /// A row that no payment made; none for nothing.
    fn adjustment(&mut self, of: &Settlement, action_type: &'static str, number: u64, reference: &str, movement: &Movement) {
        if movement.holding != 0 {
            let action_id = of.adjustment_id(self.merchant, number);
            let line = Line { account: of.account, effect: None, action_type, action_id, at: of.last_instant(), reference };
            self.row(&line, movement);
        }
    }

    fn row(&mut self, line: &Line<'_>, movement: &Movement) {
        let Self { merchant, csv, payout_id, has_optional, .. } = self;
        csv.row(|row| {
            line.write(row, merchant, payout_id, movement);
            if *has_optional {
                line.write_optional(row);
            }
        });
    }
}

/// A movement of the holding currency alone.
const fn held(account: &CurrencyAccount, breakdown_type: &'static str, amount: i128) -> Movement {
    let processing_currency = account.currency;
    Movement { breakdown_type, holding: amount, processing: amount, processing_currency, fee_detail: None }
}
