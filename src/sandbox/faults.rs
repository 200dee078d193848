//! Faults on demand: which request goes wrong, and how, decided from a seed and the request's number alone.
//!
//! `429=5%,cut=2%` means that five requests in a hundred are answered 429 and two have their bodies cut; a request has
//! at most one fault. What a fault does is the server's business. `books=breakdown_net` is a lie in the report files.

use std::fmt;
use std::str::FromStr;

use super::dice::Dice;
use super::files::Lie;
use crate::error::{Error, ErrorKind, Result};

/// Something that goes wrong with a request or its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Answered 429, now and then with `Retry-After`.
    TooManyRequests,
    /// Answered 500.
    InternalError,
    /// Answered 503.
    Unavailable,
    /// The connection closes in the middle of the body.
    Cut,
    /// The body ends in the middle of the JSON, with status 200 and a length that fits it.
    Truncate,
    /// The answer takes a while.
    Slow,
    /// A later page is answered with the page before it.
    DuplicatePage,
    /// The token is refused from now on.
    ExpireToken,
    /// A row changes while it is being paged: the oldest dispute becomes the newest.
    Shift,
}

const NAMES: [(&str, Fault); 9] = [
    ("429", Fault::TooManyRequests),
    ("500", Fault::InternalError),
    ("503", Fault::Unavailable),
    ("cut", Fault::Cut),
    ("truncate", Fault::Truncate),
    ("slow", Fault::Slow),
    ("duplicate_page", Fault::DuplicatePage),
    ("expire_token", Fault::ExpireToken),
    ("shift", Fault::Shift),
];
/// What a lie in the books is asked for by.
const BOOKS: &str = "books";
const STREAM: u64 = 21;
const MILLION: u64 = 1_000_000;
/// Parts per million in one percent.
const PERCENT: u64 = 10_000;

/// How often each fault happens, and what is told wrongly in the report files; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    seed: u64,
    /// Parts per million.
    rates: Vec<(Fault, u64)>,
    lies: Vec<Lie>,
}

impl Faults {
    /// Reads `429=5%,500=2%,books=breakdown_net`; an empty text is no fault.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when a name is unknown, a rate is no percentage, or all rates together exceed 100 %.
    pub fn parse(text: &str) -> Result<Self> {
        let (mut rates, mut lies) = (Vec::new(), Vec::new());
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (name, rate) = entry.split_once('=').ok_or_else(|| wrong("a fault is written name=rate%", entry))?;
            if name.trim() == BOOKS {
                lies.push(find_lie(rate.trim())?);
                continue;
            }
            let known = NAMES.iter().find(|(known, _)| *known == name.trim());
            let (_, fault) = known.ok_or_else(|| wrong("there is no such fault", name.trim()).hint(all_names()))?;
            rates
                .push((*fault, parts_per_million(rate.trim()).ok_or_else(|| wrong("the rate of a fault is 0% to 100%", entry))?));
        }
        if rates.iter().map(|(_, rate)| rate).sum::<u64>() > MILLION {
            return Err(wrong("all faults together are more than 100%", text));
        }
        Ok(Self { seed: 0, rates, lies })
    }

    /// The same rates, falling on other requests.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// What is told wrongly in the report files.
    pub(super) fn lies(&self) -> &[Lie] {
        &self.lies
    }

    /// The fault of the request of this number, if it has one.
    pub fn of(&self, request: u64) -> Option<Fault> {
        let mut left = Dice::new(self.seed, STREAM, request).below(MILLION);
        for (fault, rate) in &self.rates {
            if left < *rate {
                return Some(*fault);
            }
            left -= rate;
        }
        None
    }
}

impl FromStr for Faults {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

fn wrong(why: &'static str, what: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Usage, why).with("faults", what)
}

/// The lie of a name.
fn find_lie(name: &str) -> Result<Lie> {
    let known = Lie::ALL.iter().find(|(known, _)| *known == name);
    known.map(|(_, lie)| *lie).ok_or_else(|| {
        let names: Vec<&str> = Lie::ALL.iter().map(|(name, _)| *name).collect();
        wrong("there is no such lie for the books", name).hint(format!("lies are {}", names.join(", ")))
    })
}

fn all_names() -> String {
    let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
    format!("faults are {}, {BOOKS}", names.join(", "))
}

/// `2.5%` as 25,000: at most four decimals, at most 100 %.
fn parts_per_million(rate: &str) -> Option<u64> {
    let number = rate.strip_suffix('%')?.trim();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || fraction.len() > 4 {
        return None;
    }
    let parts = whole.parse::<u64>().ok()?.checked_mul(PERCENT)? + format!("{fraction:0<4}").parse::<u64>().ok()?;
    (parts <= MILLION).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_without_rounding() {
        let faults = Faults::parse(" 429=5%, cut=0.25% ,slow=100.0000%").map(|faults| faults.rates);
        assert!(faults.is_err(), "more than 100% together");
        let faults = Faults::parse(" 429=5%, cut=0.25% ,slow=0.0001%").unwrap();
        assert_eq!(faults.rates, [(Fault::TooManyRequests, 50_000), (Fault::Cut, 2_500), (Fault::Slow, 1)]);
        assert_eq!(Faults::parse("").unwrap(), Faults::default());
    }

    #[test]
    fn lies_stand_beside_rates_and_do_not_count_as_faults() {
        let faults = Faults::parse("books=breakdown_net,cut=100%,books=payout_rows").unwrap();
        assert_eq!((faults.lies(), faults.rates.len()), ([Lie::BreakdownNet, Lie::PayoutRows].as_slice(), 1));
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        for (text, message) in [
            ("429=5%,teapot=1%", "there is no such fault (faults teapot)"),
            ("books=everything", "there is no such lie for the books (faults everything)"),
            ("cut", "a fault is written name=rate% (faults cut)"),
            ("cut=5", "the rate of a fault is 0% to 100% (faults cut=5)"),
            ("cut=-1%", "the rate of a fault is 0% to 100% (faults cut=-1%)"),
            ("cut=101%", "the rate of a fault is 0% to 100% (faults cut=101%)"),
            ("cut=1.23456%", "the rate of a fault is 0% to 100% (faults cut=1.23456%)"),
            ("cut=60%,slow=60%", "all faults together are more than 100% (faults cut=60%,slow=60%)"),
        ] {
            let error = Faults::parse(text).unwrap_err();
            assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Usage, message));
        }
    }

    #[test]
    fn a_request_always_has_the_same_fault_and_rates_are_kept() {
        let faults = Faults::parse("429=5%,cut=2%").unwrap().with_seed(3);
        let drawn: Vec<_> = (0..100_000).map(|request| faults.of(request)).collect();
        assert_eq!(drawn, (0..100_000).map(|request| faults.of(request)).collect::<Vec<_>>());
        let count = |fault| drawn.iter().filter(|drawn| **drawn == Some(fault)).count();
        assert!((4_700..5_300).contains(&count(Fault::TooManyRequests)));
        assert!((1_800..2_200).contains(&count(Fault::Cut)));
        assert_ne!(drawn, (0..100_000).map(|request| faults.clone().with_seed(4).of(request)).collect::<Vec<_>>());
    }
}
