//! The accounts that payouts go to, and what is booked on them: payouts, and everything else that a merchant's bank shows.

use std::collections::BTreeMap;

use chrono::{Datelike as _, NaiveDate};

use super::days;
use super::fate::Fate;
use super::payouts::Payout;
use crate::sandbox::currency::{ACCOUNTS, Currency, exchange};
use crate::sandbox::dice::Dice;
use crate::sandbox::merchant::Merchant;

/// A bank account.
#[derive(Debug)]
pub(super) struct Account {
    /// What is on it.
    pub currency: &'static Currency,
    /// The bank's name of it.
    pub number: &'static str,
    /// How its statements are written.
    pub writes: Writes,
    /// What was there at first, minor units.
    pub opening: i64,
    /// The days on which there is a statement, with the entries of each.
    pub days: BTreeMap<NaiveDate, Vec<Entry>>,
    /// The day of which the statement was not loaded.
    pub unloaded: Option<NaiveDate>,
}

/// How statements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writes {
    Camt053,
    Mt940,
    Csv,
}

/// Something booked.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Minor units, credit positive.
    pub amount: i64,
    /// Who paid, or was paid.
    pub party: &'static str,
    /// What was written along.
    pub text: String,
    /// The payouts that it is, where it is any.
    pub pays: Vec<String>,
    /// Why no payout takes it, and why that in words.
    pub reason: Option<(&'static str, String)>,
    /// Whether the export has it twice.
    pub is_twice: bool,
}

/// A line as it is written: its identity in ckosql, and the entry.
pub(super) type Line = (String, Entry);

/// What is written of an account.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Path and text of each file.
    pub files: Vec<(String, String)>,
    /// The lines in it.
    pub lines: Vec<Line>,
}

/// Who pays payouts.
const PAYER: &str = "CHECKOUT LTD";
/// The account of each of [`ACCOUNTS`].
const NUMBERS: [(&str, Writes); 5] = [
    ("DE89370400440532013000", Writes::Camt053),
    ("GB29NWBK60161331926819", Writes::Mt940),
    ("0331-4711-USD", Writes::Csv),
    ("0331-4711-AED", Writes::Csv),
    ("0331-4711-JPY", Writes::Csv),
];
/// Where what is exchanged arrives.
const EXCHANGED_ON: usize = 2;
/// Accounts that get a line which names a payout there is none of.
const STRAYS: [usize; 2] = [1, 3];
/// What else happens: how often in a thousand working days, who, what for, and from how much to how much in euro cents.
const USUAL: [(u64, &str, &str, (i64, i64)); 5] = [
    (250, "WHOLESALE BUYER", "Invoice", (20_000, 400_000)),
    (300, "PARCEL CARRIER", "Parcels, invoice", (-90_000, -5_000)),
    (200, "SUPPLIER", "Goods, invoice", (-600_000, -50_000)),
    (60, "CUSTOMER BY TRANSFER", "Payment by transfer, invoice", (2_000, 30_000)),
    (40, "OWN ACCOUNT", "Transfer between own accounts", (-300_000, 300_000)),
];
/// What happens once a month, on the first working day.
const MONTHLY: [(&str, &str, i64); 2] = [("LANDLORD", "Rent", -240_000), ("BANK", "Fees of the month", -1_990)];
/// Euro cents on an account at first.
const OPENING: i64 = 2_500_000;
/// Euro cents that a bank takes for a wire.
pub(super) const WIRE_FEE: i64 = 1_500;
/// Working days after which what is late arrives.
const LATE: usize = 14;
const STREAM: u64 = 32;

/// The accounts, with all that is booked on them by the merchant's present.
pub(super) fn accounts(merchant: &Merchant, payouts: &[Payout]) -> Vec<Account> {
    let mut accounts: Vec<Account> = (0..ACCOUNTS.len()).filter_map(|place| account(merchant, place)).collect();
    let mut is_merged = false;
    for (payout, next) in payouts.iter().zip(payouts.iter().skip(1).map(Some).chain([None])) {
        // It came with the one before it.
        if std::mem::replace(&mut is_merged, payout.fate == Fate::Merged) {
            is_merged = false;
            continue;
        }
        for (on, entry) in arrivals(payout, next) {
            let place = if payout.fate == Fate::Exchanged { EXCHANGED_ON } else { payout.account };
            if let Some(entries) = accounts.get_mut(place).and_then(|account| account.days.get_mut(&on)) {
                entries.push(entry);
            }
        }
        if let (Fate::Unloaded, Some(account)) = (payout.fate, accounts.get_mut(payout.account)) {
            account.unloaded = Some(payout.arrives_on);
        }
    }
    for place in STRAYS {
        let stray = payouts.iter().filter(|payout| payout.account == place && payout.amount > 0).nth(STRAY_AFTER);
        if let (Some(payout), Some(account)) = (stray, accounts.get_mut(place))
            && let Some(entries) = account.days.get_mut(&payout.arrives_on)
        {
            entries.push(stray_of(payout));
        }
    }
    accounts
}

/// Which payout's arrival a stray line comes with.
const STRAY_AFTER: usize = 6;

fn account(merchant: &Merchant, place: usize) -> Option<Account> {
    let currency = Currency::find(ACCOUNTS.get(place)?.currency)?;
    let (number, writes) = *NUMBERS.get(place)?;
    let mut days = BTreeMap::new();
    let (from, to) = (merchant.start().date_naive(), merchant.end().date_naive());
    let mut month = 0;
    for (index, day) in (0_u64..).zip(days::between(from, to)) {
        let mut dice = Dice::new(merchant.seed(), STREAM + place as u64, index);
        let mut entries = Vec::new();
        if std::mem::replace(&mut month, day.month()) != day.month() {
            let usual =
                MONTHLY.map(|(party, what, cents)| usual(currency, party, format!("{what} {}", day.format("%Y-%m")), cents));
            entries.extend(usual);
        }
        for (often, party, what, (low, high)) in USUAL {
            if dice.chance(often) {
                let (cents, number) = (dice.between(low, high), 1_000 + dice.below(9_000));
                entries.push(usual(currency, party, format!("{what} {number}"), cents));
            }
        }
        days.insert(day, entries);
    }
    let opening = currency.to_minor(currency.worth(OPENING));
    Some(Account { currency, number, writes, opening, days, unloaded: None })
}

fn usual(currency: &Currency, party: &'static str, text: String, euro_cents: i64) -> Entry {
    let amount = currency.to_minor(currency.worth(euro_cents));
    Entry { amount, party, text, pays: Vec::new(), reason: None, is_twice: false }
}

/// What a payout comes to at the bank, and when.
fn arrivals(payout: &Payout, next: Option<&Payout>) -> Vec<(NaiveDate, Entry)> {
    let on = payout.arrives_on;
    let day_after = days::after(on, 1);
    let named = |id: &str| format!("CKO {id}");
    let entry = |amount: i64, text: String| {
        let (pays, reason) = match payout.fate.reason() {
            Some((reason, why)) => {
                let reason = payout.fate.reason_of_lines().unwrap_or(reason);
                (Vec::new(), Some((reason, format!("{why}: {}", payout.id))))
            }
            None => (vec![payout.id.clone()], None),
        };
        Entry { amount, party: PAYER, text, pays, reason, is_twice: false }
    };
    let (amount, id) = (payout.amount, payout.id.as_str());
    let whole = |text: String| vec![(on, entry(amount, text))];
    let unnamed = || "Settlement".to_owned();
    match payout.fate {
        Fate::Carried | Fate::OnItsWay | Fate::Lost => Vec::new(),
        Fate::Plain | Fate::Unloaded => whole(named(id)),
        Fate::SmallLetters => whole(named(id).to_lowercase()),
        Fate::Blank => {
            let (first, rest) = id.split_at_checked(7).unwrap_or((id, ""));
            whole(named(&format!("{first} {rest}")))
        }
        Fate::Parts => {
            let part = amount / 5 * 3;
            vec![(on, entry(part, named(id))), (day_after, entry(amount - part, named(id)))]
        }
        Fate::Merged => {
            let Some(next) = next else { return whole(named(id)) };
            let text = format!("{} {}", named(id), named(&next.id));
            let both = Entry { pays: vec![id.to_owned(), next.id.clone()], ..entry(amount + next.amount, text) };
            vec![(on, both)]
        }
        Fate::NoId => whole(unnamed()),
        Fate::Returned => vec![(on, entry(amount, named(id))), (day_after, entry(-amount, format!("RETURN {}", named(id))))],
        Fate::Fee => {
            let fee = payout.currency.to_minor(payout.currency.worth(WIRE_FEE));
            vec![(on, entry(amount - fee, named(id)))]
        }
        Fate::Part => vec![(on, entry(amount / 5 * 3, named(id)))],
        Fate::Again => vec![(on, entry(amount, named(id))), (day_after, entry(amount, named(id)))],
        Fate::Twice => vec![(on, Entry { is_twice: true, ..entry(amount, named(id)) })],
        Fate::Alike => vec![(on, entry(amount, unnamed())), (day_after, entry(amount, unnamed()))],
        Fate::Exchanged => {
            let to = ACCOUNTS.get(EXCHANGED_ON).and_then(|account| Currency::find(account.currency));
            let Some(to) = to else { return Vec::new() };
            let amount = to.to_minor(exchange(payout.currency.to_major(amount), payout.currency.rate_to(to)));
            vec![(on, entry(amount, named(id)))]
        }
        Fate::Late => vec![(days::after(on, LATE), entry(amount, named(id)))],
        Fate::OtherId => whole(named(&nobodys(id))),
        Fate::Debit => vec![(on, entry(-amount, named(id)))],
    }
}

/// A line that names a payout there is none of.
fn stray_of(payout: &Payout) -> Entry {
    let id = nobodys(&payout.id);
    Entry {
        amount: payout.amount / 3 + 1,
        party: PAYER,
        text: format!("CKO {id}"),
        pays: Vec::new(),
        reason: Some(("NO_COUNTERPART_RIGHT", format!("names a payout there is none of: {id}"))),
        is_twice: false,
    }
}

/// An id that looks like this one and is no payout's: one before or after it, where ids of payouts are seven apart.
fn nobodys(id: &str) -> String {
    let mut letters: Vec<char> = id.chars().collect();
    if let Some(last) = letters.last_mut() {
        *last = match *last {
            '9' => 'A',
            'Z' => 'Y',
            other => char::from_u32(u32::from(other) + 1).unwrap_or(other),
        };
    }
    letters.into_iter().collect()
}

/// An amount as banks print it, with as many decimals as its currency has.
pub(super) fn printed(currency: &Currency, amount: i64, mark: char) -> String {
    let decimals = usize::try_from(currency.exponent).unwrap_or(0);
    let digits = format!("{:0width$}", amount.unsigned_abs(), width = decimals + 1);
    let (whole, part) = digits.split_at_checked(digits.len() - decimals).unwrap_or((&digits, ""));
    if part.is_empty() { whole.to_owned() } else { format!("{whole}{mark}{part}") }
}
