//! The orders of the merchant's shop: one for each sale, as far as the shop has it right.

use crate::sandbox::currency::Currency;
use crate::sandbox::dice::Dice;
use crate::sandbox::merchant::Merchant;
use crate::sandbox::payment::{Payment, PaymentKind, Status, instant};
use crate::sandbox::schedule::{DAY, Micros, SECOND};

use super::bank::printed;
use super::csv::record;
use super::pick::spread;
use super::truth::{ORDERS, Truth};

/// The orders, in the order of time, and the payments that have none.
#[derive(Debug)]
pub(super) struct Shop {
    orders: Vec<Order>,
    /// Payments whose order is not in the books.
    without: Vec<u64>,
}

/// An order.
#[derive(Debug, Clone)]
struct Order {
    number: u64,
    reference: String,
    currency: &'static Currency,
    /// Minor units; after returns.
    total: i64,
    at: Micros,
    status: &'static str,
    customer: u64,
    /// The payment that it was paid by, and whether that says the reference.
    paid_by: Option<(u64, bool)>,
    is_partly_captured: bool,
    fate: Fate,
}

/// What is wrong with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nothing.
    Plain,
    /// It is not in the books.
    Lost,
    /// It is there, and no payment is.
    Invented,
    /// It is in the export twice.
    Twice,
    /// Another one has its reference.
    Shared,
    /// What was asked for is there, though less was captured.
    Whole,
    /// Twice as much was captured.
    Half,
    /// It is in another currency.
    Exchanged,
    /// Its payment has no reference, and another order of the day is of the same amount.
    Alike,
    /// The same, with nothing planted.
    Found,
    /// Its payment has no reference and comes days later.
    Early,
}

/// Planted on orders whose payments say their reference, in the order of time.
const NAMED: [Fate; 9] =
    [Fate::Lost, Fate::Twice, Fate::Whole, Fate::Shared, Fate::Exchanged, Fate::Invented, Fate::Half, Fate::Whole, Fate::Lost];
/// Planted on orders whose payments do not.
const UNNAMED: [Fate; 2] = [Fate::Alike, Fate::Early];
/// Least total, in minor units, of an order that something is planted on.
const LEAST: i64 = 1_000;
/// How long before its payment an order was placed, at the most.
const BEFORE: i64 = 15 * 60;
/// Days between an order and its payment where that comes late.
const LATE: Micros = 12 * DAY;
/// Higher than the number of any order that was paid.
const INVENTED: u64 = 90_000_000;
const STREAM: u64 = 41;
const STREAM_OF_FATES: u64 = 42;

impl Fate {
    /// The reason for which the order and its payment are left, and why in words.
    const fn reason(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::Plain => return None,
            Self::Lost => ("NO_COUNTERPART_RIGHT", "the shop has no order for it"),
            Self::Invented => ("NO_COUNTERPART_LEFT", "never paid"),
            Self::Twice => ("DUPLICATE_LEFT", "the order is in the export twice"),
            Self::Shared => ("AMBIGUOUS_KEY", "two orders have the reference of one payment"),
            Self::Whole => ("SHORT_PAID", "only a part was captured"),
            Self::Half => ("OVER_PAID", "twice the total was captured"),
            Self::Exchanged => ("CURRENCY_MISMATCH", "the order is in another currency than its payment"),
            Self::Alike | Self::Found => ("AMBIGUOUS_WINDOW", "alike in amount and day, and the payment has no reference"),
            Self::Early => ("DATE_OUT_OF_WINDOW", "paid twelve days later, without a reference"),
        })
    }
}

impl Shop {
    /// The orders of a merchant.
    pub(super) fn of(merchant: &Merchant) -> Self {
        let mut orders = of_payments(merchant);
        plant(merchant, &mut orders);
        find_alike(&mut orders);
        let mut shop = Self { orders: Vec::new(), without: Vec::new() };
        for order in orders {
            shop.take(order);
        }
        shop
    }

    /// Writes an order as often as it is there, and what its fate adds.
    fn take(&mut self, order: Order) {
        let beside = Order {
            number: INVENTED + order.number,
            reference: format!("ORD-{}", INVENTED + order.number),
            customer: order.customer + 1,
            paid_by: None,
            ..order.clone()
        };
        match order.fate {
            Fate::Lost => return self.without.extend(order.paid_by.map(|(payment, _)| payment)),
            Fate::Twice => self.orders.push(order.clone()),
            Fate::Shared => self.orders.push(Order { total: order.total * 2, reference: order.reference.clone(), ..beside }),
            Fate::Alike => self.orders.push(beside),
            Fate::Invented => {
                self.orders.push(Order { fate: Fate::Plain, ..order });
                // One more cent, so that no payment is of its amount.
                return self.orders.push(Order { total: beside.total * 3 + beside.currency.step, ..beside });
            }
            Fate::Plain | Fate::Whole | Fate::Half | Fate::Exchanged | Fate::Found | Fate::Early => {}
        }
        self.orders.push(order);
    }

    /// The export.
    pub(super) fn csv(&self, merchant: &Merchant) -> String {
        let mut text = record(&["Order no", "Reference", "Currency", "Total", "Ordered at", "Status", "Customer"]);
        for order in &self.orders {
            text.push_str(&record(&[
                &format!("{}-{}", merchant.seed(), 100_000 + order.number),
                &order.reference,
                order.currency.code,
                &printed(order.currency, order.total, '.'),
                &instant(order.at).format("%Y-%m-%dT%H:%M:%SZ").to_string(),
                order.status,
                &format!("C-{:06}", order.customer),
            ]));
        }
        text
    }

    /// Tells what is true of the orders and their payments.
    pub(super) fn tell(&self, merchant: &Merchant, truth: &mut Truth) {
        for (row, order) in (1..).zip(&self.orders) {
            let id = format!("orders/orders.csv/{row}");
            if !matches!(order.status, PAID) {
                continue;
            }
            let payment = order.paid_by.map(|(payment, _)| merchant.payment_id(payment));
            match (order.fate.reason(), payment) {
                (Some((reason, why)), payment) => {
                    truth.tell(ORDERS, ["left", "orders", &id], reason, why);
                    // Of an order that is there twice the payment is told once.
                    if let Some(payment) = payment.filter(|_| !self.is_again(row)) {
                        truth.tell(ORDERS, ["right", "payments", &payment], reason, why);
                    }
                }
                (None, Some(payment)) => truth.tell_match(ORDERS, &[id], &[payment]),
                (None, None) => {}
            }
        }
        for payment in &self.without {
            let (reason, why) = Fate::Lost.reason().unwrap_or_default();
            truth.tell(ORDERS, ["right", "payments", &merchant.payment_id(*payment)], reason, why);
        }
    }

    /// Whether a row says the same as the one before it.
    fn is_again(&self, row: usize) -> bool {
        let number = |row: usize| row.checked_sub(1).and_then(|place| self.orders.get(place)).map(|order| order.number);
        row > 1 && number(row) == number(row - 1)
    }
}

/// What the shop calls an order that was paid.
const PAID: &str = "paid";

/// An order for each sale.
fn of_payments(merchant: &Merchant) -> Vec<Order> {
    let mut orders: Vec<Order> = Vec::new();
    for payment in merchant.all_payments().filter(|payment| payment.kind == PaymentKind::Sale) {
        let number = merchant.first_of_order(payment.index);
        let order = match orders.last_mut() {
            Some(last) if last.number == number => last,
            _ => {
                orders.push(order(merchant, number, &payment));
                let Some(order) = orders.last_mut() else { continue };
                order
            }
        };
        settle(order, &payment);
    }
    orders
}

fn order(merchant: &Merchant, number: u64, payment: &Payment) -> Order {
    let mut dice = Dice::new(merchant.seed(), STREAM, number);
    let placed = payment.requested_at - dice.between(30, BEFORE) * SECOND;
    Order {
        number,
        reference: merchant.reference(payment).unwrap_or_else(|| format!("ORD-{number:08}")),
        currency: payment.currency,
        total: payment.amount,
        // On the same day, so that the shop and Checkout.com agree on it.
        at: placed.max(payment.requested_at / DAY * DAY),
        status: "cancelled",
        customer: payment.customer,
        paid_by: None,
        is_partly_captured: false,
        fate: Fate::Plain,
    }
}

/// What another attempt at an order makes of it.
fn settle(order: &mut Order, payment: &Payment) {
    let captured = payment.totals.captured;
    if captured > 0 {
        order.total = captured - payment.totals.refunded;
        order.status = if order.total == 0 { "returned" } else { PAID };
        order.paid_by = Some((payment.index, payment.order.is_some()));
        order.is_partly_captured = payment.status == Status::PartiallyCaptured && payment.totals.refunded == 0;
    } else if matches!(payment.status, Status::Pending | Status::Authorized) {
        order.status = "placed";
    }
}

/// Gives some orders a fate of their own.
fn plant(merchant: &Merchant, orders: &mut [Order]) {
    for (stream, is_named, fates) in [(0, true, NAMED.as_slice()), (1, false, UNNAMED.as_slice())] {
        let is_eligible = |order: &Order| {
            let is_paid = order.status == PAID && order.total >= LEAST;
            is_paid && order.paid_by.is_some_and(|(_, named)| named == is_named)
        };
        let eligible: Vec<usize> =
            orders.iter().enumerate().filter(|(_, order)| is_eligible(order)).map(|(place, _)| place).collect();
        let mut dice = Dice::new(merchant.seed(), STREAM_OF_FATES, stream);
        let fits = |fate: usize, place: usize| {
            let order = eligible.get(place).and_then(|place| orders.get(*place));
            match fates.get(fate) {
                Some(Fate::Whole) => order.is_some_and(|order| order.is_partly_captured),
                Some(Fate::Early) => order.is_some_and(|order| order.at - LATE > merchant.started_at()),
                _ => true,
            }
        };
        for (fate, place) in fates.iter().zip(spread(&mut dice, eligible.len(), fates.len(), fits)) {
            let order = place.and_then(|place| eligible.get(place)).and_then(|place| orders.get_mut(*place));
            if let Some(order) = order {
                go_wrong(merchant, order, *fate);
            }
        }
    }
}

fn go_wrong(merchant: &Merchant, order: &mut Order, fate: Fate) {
    order.fate = fate;
    match fate {
        Fate::Whole => order.total = order.paid_by.map_or(order.total, |(payment, _)| merchant.payment(payment).amount),
        Fate::Half => order.total = order.currency.round(order.total / 2),
        Fate::Exchanged => {
            let other = if order.currency.code == "EUR" { "USD" } else { "EUR" };
            order.currency = Currency::find(other).unwrap_or(order.currency);
        }
        Fate::Early => order.at -= LATE,
        _ => {}
    }
}

/// Orders of one amount on neighbouring days whose payments have no reference cannot be told from each other, with nothing
/// planted.
fn find_alike(orders: &mut [Order]) {
    let mut unnamed: Vec<(&str, i64, Micros, usize)> = Vec::new();
    for (place, order) in orders.iter().enumerate() {
        if order.status == PAID && order.fate == Fate::Plain && order.paid_by.is_some_and(|(_, is_named)| !is_named) {
            unnamed.push((order.currency.code, order.total, order.at / DAY, place));
        }
    }
    unnamed.sort_unstable();
    let alike: Vec<usize> = unnamed
        .windows(2)
        .filter_map(|two| match two {
            [one, other] if (one.0, one.1) == (other.0, other.1) && other.2 - one.2 <= 1 => Some([one.3, other.3]),
            _ => None,
        })
        .flatten()
        .collect();
    for place in alike {
        if let Some(order) = orders.get_mut(place) {
            order.fate = Fate::Found;
        }
    }
}
