//! Windows: which span to ask for next, so that pages come back nearly full and seldom overflow.
//!
//! The search gives no count and no cursor to trust; what proves a window complete is a page that is not full. A full
//! page is thrown away and its window asked again in parts, so the art is to size windows by the density seen so far.
//! This is a pure state machine: [`Windows::take`] says what to ask, [`Windows::complete`] and [`Windows::overflowed`]
//! tell it what came. It knows nothing of requests, and every instant it was given is handed out until it completes.

use super::connection::NextLink;
use super::span::{DAY, HOUR, SECOND, Span};
use crate::error::{Error, ErrorKind, Result};

/// Widest window sent: the API refuses much more than 90 days, and each end is sent a millisecond wider.
const WIDEST: i64 = 90 * DAY - SECOND;
/// Narrowest window sent; when it overflows, there is no way to see all its rows.
const NARROWEST: i64 = SECOND;
/// How much the expected density may change from one window to the next.
const STEP: i64 = 8;
/// Most pages aimed at in a window whose pages are followed by link; the last is half empty on average.
pub(super) const LONGEST_CHAIN: usize = 64;
/// Most pages followed by link while the density is not known: small accounts are read in one go, and of large ones not
/// much is thrown away.
const FIRST_CHAIN: usize = 5;
/// More rows than this are estimated by the ratio that benches/scan.rs measures, not counted through.
const COUNTED_THROUGH: u64 = 100_000;

/// The spans still to be asked for, and what is known of their density.
#[derive(Debug)]
pub struct Windows {
    /// Oldest first; the newest is taken first.
    pending: Vec<Pending>,
    density: Density,
}

#[derive(Debug)]
struct Pending {
    span: Span,
    widest: i64,
}

/// What to ask next: how large, and how much at once.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Rows to aim at in a window.
    pub rows: u64,
    /// Widest window; a wrong guess at one of many pages costs them all, so it is no wider than what was seen.
    pub widest: i64,
    /// Pages after which a window is given up.
    pub most_pages: usize,
    /// Windows at once.
    pub at_once: usize,
}

impl Windows {
    /// Windows over the spans, which must not overlap.
    pub fn new(spans: &[Span]) -> Self {
        let mut pending: Vec<Pending> =
            spans.iter().filter(|span| !span.is_empty()).map(|span| Pending { span: *span, widest: WIDEST }).collect();
        pending.sort_by_key(|pending| pending.span);
        Self { pending, density: Density::default() }
    }

    /// Windows for a query that wants the latest rows only, of which `per_year` are thought to come: a guess sizes the first
    /// one, and without one it is a day.
    pub fn latest(span: Span, page: usize, per_year: Option<u64>) -> Self {
        let mut windows = Self::new(&[span]);
        let (rows, micros) = per_year.map_or((page as u64, DAY), |rows| (rows, 365 * DAY));
        windows.density.overall = Tally { rows: i64::try_from(rows).unwrap_or(i64::MAX), micros };
        windows
    }

    /// What to ask next, where pages hold `page` rows, `chain` of them can be followed by link, and `most` requests may be
    /// under way. Few rows on a last page are a page wasted, so a bit less than whole pages is aimed at.
    pub fn sizes(&self, page: usize, chain: usize, most: usize) -> Sizes {
        let chain = if self.is_proven() { chain } else { 1 };
        let rows = if chain > 1 { page.saturating_mul(chain) - page / 8 } else { page * 9 / 10 };
        let rows = u64::try_from(rows.max(1)).unwrap_or(u64::MAX);
        let (widest, most_pages) = if chain > 1 { (self.seen(), chain + chain / 4) } else { (i64::MAX, FIRST_CHAIN) };
        Sizes { rows, widest, most_pages, at_once: self.at_once(most, rows) }
    }

    /// The next window, newest first, sized to hold about `rows` rows, and no wider than `widest`.
    pub fn take(&mut self, rows: u64, widest: i64) -> Option<Span> {
        let newest = self.pending.last_mut()?;
        let to = newest.span.to;
        let widest = newest.widest.min(widest).max(NARROWEST);
        let width = self.density.width_back_from(to, rows, widest).clamp(NARROWEST, widest);
        let from = to.saturating_sub(width).max(newest.span.from);
        newest.span.to = from;
        if newest.span.is_empty() {
            self.pending.pop();
        }
        Some(Span { from, to })
    }

    /// End of the newest span still to be asked for.
    pub fn newest(&self) -> Option<i64> {
        self.pending.iter().map(|pending| pending.span.to).max()
    }

    /// Whether a complete window stands behind what is known of the density.
    fn is_proven(&self) -> bool {
        self.density.is_proven
    }

    /// How many windows of `rows` rows may be asked at once, of `most`: one while the density is a guess, two until as much
    /// is known as one of them holds, and of a day.
    fn at_once(&self, most: usize, rows: u64) -> usize {
        let newest = self.pending.last().map_or(0, |pending| pending.span.to);
        let seen = self.seen();
        match self.density.is_proven {
            false => 1,
            // By night a shop's day is not foreseen.
            true if seen >= DAY && self.density.width_back_from(newest, rows, WIDEST) <= seen => most,
            true => most.min(2),
        }
    }

    /// How much time was seen so far.
    fn seen(&self) -> i64 {
        self.density.overall.micros
    }

    /// All rows of the window came; `times` are theirs.
    pub fn complete(&mut self, window: Span, times: &[i64]) {
        self.density.learn(window, times);
    }

    /// The window has more rows than a page; `times` are those of the page, in an order nobody promises.
    ///
    /// # Errors
    /// [`ErrorKind::Incomplete`] when the window cannot be made any narrower.
    pub fn overflowed(&mut self, window: Span, times: &[i64]) -> Result<()> {
        if window.width() <= NARROWEST {
            return Err(Error::new(
                ErrorKind::Incomplete,
                "more rows in one second than a page holds: they cannot all be listed",
            )
            .with("second", super::span::rfc3339(window.from)));
        }
        let parts = if self.density.is_proven { 2 } else { STEP };
        self.density.learn_overflow(times);
        self.pending.push(Pending { span: window, widest: (window.width() / parts).max(NARROWEST) });
        Ok(())
    }
}

/// Whether the rows of a window's first page lie so close together that the window must hold far more than `most_pages`.
/// Where the order of rows tells nothing, they lie all over the window.
pub fn is_hopeless(window: Span, times: &[i64], most_pages: usize) -> bool {
    let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else { return false };
    let most_pages = i64::try_from(most_pages).unwrap_or(i64::MAX);
    (last - first).saturating_mul(most_pages).saturating_mul(2) < window.width()
}

/// Windows that a span takes at the least.
pub fn fewest(span: Span) -> u64 {
    u64::try_from(span.width()).unwrap_or(0).div_ceil(WIDEST.unsigned_abs()).max(1)
}

/// What a listing by time is foreseen from.
#[derive(Debug, Clone, Copy)]
pub struct Outlook {
    /// Rows a year.
    pub per_year: u64,
    /// Rows a page.
    pub page: usize,
    /// Whether next links are followed; only once one has worked are windows of many pages asked for.
    pub next_link: NextLink,
    /// Requests that may be under way.
    pub in_flight: usize,
    /// How many of the latest rows are wanted; all when it does not say.
    pub wanted: Option<u64>,
}

/// Requests that a span takes whose rows lie evenly in time.
pub fn foresee(span: Span, outlook: Outlook) -> u64 {
    let Outlook { per_year, page, wanted, .. } = outlook;
    let (has_links, mut has_worked) = (outlook.next_link != NextLink::Broken, outlook.next_link == NextLink::Works);
    let per_year = i64::try_from(per_year.max(1)).unwrap_or(i64::MAX);
    let even = Even { gap: (365 * DAY / per_year).max(1) };
    let (all, page_rows) = (even.count(span), u64::try_from(page.max(1)).unwrap_or(1));
    let most = if wanted.is_some() { 1 } else { outlook.in_flight };
    if all.min(wanted.unwrap_or(u64::MAX)) > COUNTED_THROUGH {
        let pages = all.div_ceil(page_rows);
        return pages + pages * if has_links { 2 } else { 13 } / 100 + fewest(span);
    }
    let mut windows = match wanted {
        Some(_) => Windows::latest(span, page, u64::try_from(per_year).ok()),
        None => Windows::new(&[span]),
    };
    let (mut requests, mut seen) = (0, 0);
    while wanted.is_none_or(|wanted| seen < wanted) {
        let chain = if has_worked { LONGEST_CHAIN } else { 1 };
        let sizes = windows.sizes(page, chain, most);
        let asked: Vec<Span> = std::iter::from_fn(|| windows.take(sizes.rows, sizes.widest)).take(sizes.at_once).collect();
        if asked.is_empty() {
            break;
        }
        for window in asked {
            let pages = even.count(window) / page_rows + 1;
            let most_pages = if has_links { u64::try_from(sizes.most_pages).unwrap_or(u64::MAX) } else { 1 };
            has_worked |= has_links && pages > 1;
            if pages <= most_pages {
                requests += pages;
                seen += even.count(window);
                windows.complete(window, &even.latest(window, usize::MAX));
                continue;
            }
            let first = even.latest(window, page);
            requests += if is_hopeless(window, &first, sizes.most_pages) { 1 } else { most_pages };
            if windows.overflowed(window, &first).is_err() {
                return requests;
            }
        }
    }
    requests
}

/// Rows that lie evenly in time.
#[derive(Clone, Copy)]
struct Even {
    gap: i64,
}

impl Even {
    fn count(self, span: Span) -> u64 {
        let before = |instant: i64| (instant - 1).div_euclid(self.gap);
        u64::try_from(before(span.to) - before(span.from)).unwrap_or(0)
    }

    /// The instants of the latest rows of a span, at most so many.
    fn latest(self, span: Span, most: usize) -> Vec<i64> {
        let last = (span.to - 1).div_euclid(self.gap) * self.gap;
        std::iter::successors(Some(last), |at| Some(at - self.gap)).take_while(|at| *at >= span.from).take(most).collect()
    }
}

/// Rows per time, by hour of the day, with a level for now: shops sleep at night and grow over the years.
#[derive(Debug)]
struct Density {
    hours: [Tally; 24],
    overall: Tally,
    /// What the last window held against what the profile expected, in 1/1024.
    level: i64,
    /// Whether a complete window stands behind it.
    is_proven: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    rows: i64,
    micros: i64,
}

/// Expected rows are counted in 1/1024, so that sparse hours are not rounded away.
const UNIT: i64 = 1024;

impl Default for Density {
    fn default() -> Self {
        Self { hours: [Tally::default(); 24], overall: Tally::default(), level: UNIT, is_proven: false }
    }
}

impl Tally {
    /// Rows expected in so much time, in 1/1024.
    fn expect(self, micros: i64) -> i64 {
        let rows = i128::from(self.rows) * i128::from(micros) * i128::from(UNIT) / i128::from(self.micros.max(1));
        i64::try_from(rows).unwrap_or(i64::MAX)
    }

    fn add(&mut self, rows: i64, micros: i64, keep: i64) {
        self.rows += rows;
        self.micros += micros;
        if self.micros > keep {
            // The past counts half: density drifts.
            self.rows /= 2;
            self.micros /= 2;
        }
    }
}

/// The hour of the day an instant is in.
fn hour_of(micros: i64) -> usize {
    usize::try_from(micros.rem_euclid(DAY) / HOUR).unwrap_or(0)
}

/// The pieces of a span that lie in one clock hour each, newest first.
fn hours_back(span: Span) -> impl Iterator<Item = Span> {
    let mut to = span.to;
    std::iter::from_fn(move || {
        if to <= span.from {
            return None;
        }
        let from = ((to - 1).div_euclid(HOUR) * HOUR).max(span.from);
        let piece = Span { from, to };
        to = from;
        Some(piece)
    })
}

impl Density {
    /// How far back from an instant about `rows` rows reach.
    fn width_back_from(&self, to: i64, rows: u64, widest: i64) -> i64 {
        if self.overall.micros == 0 {
            return widest;
        }
        let wanted = i64::try_from(rows).unwrap_or(i64::MAX).saturating_mul(UNIT);
        let mut left = wanted;
        for piece in hours_back(Span { from: to.saturating_sub(widest), to }) {
            let expected = self.expect_now(piece);
            if expected >= left {
                let part = i128::from(piece.width()) * i128::from(left) / i128::from(expected.max(1));
                return (to - piece.to).saturating_add(i64::try_from(part).unwrap_or(i64::MAX));
            }
            left -= expected;
        }
        widest
    }

    /// Rows expected in a piece of one clock hour, in 1/1024, at the present level.
    fn expect_now(&self, piece: Span) -> i64 {
        let rows = i128::from(self.profile(piece)) * i128::from(self.level) / i128::from(UNIT);
        i64::try_from(rows).unwrap_or(i64::MAX)
    }

    /// Rows expected in a piece of one clock hour by the profile alone, in 1/1024.
    fn profile(&self, piece: Span) -> i64 {
        let hour = self.hours.get(hour_of(piece.from)).copied().unwrap_or_default();
        let known = if hour.micros >= HOUR / 2 { hour } else { self.overall };
        known.expect(piece.width())
    }

    fn learn(&mut self, window: Span, times: &[i64]) {
        for piece in hours_back(window) {
            if let Some(hour) = self.hours.get_mut(hour_of(piece.from)) {
                hour.add(0, piece.width(), 30 * HOUR);
            }
        }
        for time in times {
            if let Some(hour) = self.hours.get_mut(hour_of(*time)) {
                hour.rows += 1;
            }
        }
        if !self.is_proven {
            self.overall = Tally::default();
            self.is_proven = true;
        }
        self.overall.add(count(times.len()), window.width(), WIDEST);
        // Against the profile that has learnt the window too: hours that were never seen before say nothing of drift.
        self.set_level(window, times.len());
    }

    /// A full page's times tell at least how dense the part they lie in is.
    fn learn_overflow(&mut self, times: &[i64]) {
        let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else { return };
        let seen = Span { from: *first, to: last.saturating_add(1) };
        let expected = hours_back(seen).map(|piece| self.expect_now(piece)).fold(0, i64::saturating_add);
        let came = count(times.len()).saturating_mul(UNIT);
        if came > expected.saturating_mul(STEP) {
            // Another world than the one that was known: no level leads from nothing to something.
            let overall = Tally { rows: count(times.len()), micros: seen.width().max(1) };
            *self = Self { overall, is_proven: self.is_proven, ..Self::default() };
        } else {
            let level = self.level;
            self.set_level(seen, times.len());
            self.level = self.level.max(level);
        }
    }

    fn set_level(&mut self, window: Span, rows: usize) {
        if self.overall.micros == 0 {
            return;
        }
        // Eight rows on both sides keep the level of nearly empty windows steady.
        let expected = hours_back(window).map(|piece| self.profile(piece)).fold(8 * UNIT, i64::saturating_add);
        let came = count(rows).saturating_add(8).saturating_mul(UNIT);
        let level = i128::from(came) * i128::from(UNIT) / i128::from(expected);
        let level = i64::try_from(level).unwrap_or(i64::MAX);
        // Within a fifth it may be chance, and is averaged; beyond that the density has changed, and is believed.
        let drift = (level - self.level).saturating_mul(5).abs();
        let level = if drift <= self.level { (self.level.saturating_mul(3).saturating_add(level)) / 4 } else { level };
        self.level = level.clamp((self.level / STEP).max(1), self.level.saturating_mul(STEP));
    }
}

fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Asks windows against a set of times the way a search would, `page` rows at the most.
    fn list(times: &[i64], span: Span, page: usize, scattered: bool) -> Result<(Vec<i64>, usize)> {
        chained(times, span, page, scattered, 1)
    }

    /// The same where next links lead on, several windows at once.
    fn chained(times: &[i64], span: Span, page: usize, scattered: bool, chain: usize) -> Result<(Vec<i64>, usize)> {
        let mut windows = Windows::new(&[span]);
        let (mut seen, mut requests) = (Vec::new(), 0);
        loop {
            let sizes = windows.sizes(page, chain, 16);
            let most_rows = if chain > 1 && windows.is_proven() { sizes.most_pages * page } else { page };
            let asked: Vec<Span> = std::iter::from_fn(|| windows.take(sizes.rows, sizes.widest)).take(sizes.at_once).collect();
            if asked.is_empty() {
                break;
            }
            for window in asked {
                assert!(window.width() <= 90 * DAY);
                let start = times.partition_point(|time| *time < window.from);
                let end = times.partition_point(|time| *time < window.to);
                let inside = &times[start..end];
                requests += (inside.len() / page + 1).min(most_rows / page);
                if inside.len() >= most_rows {
                    let shown: Vec<i64> = if scattered {
                        inside.iter().copied().step_by(inside.len() / most_rows).take(most_rows).collect()
                    } else {
                        inside.iter().rev().copied().take(most_rows).collect()
                    };
                    windows.overflowed(window, &shown)?;
                } else {
                    windows.complete(window, inside);
                    seen.extend_from_slice(inside);
                }
            }
        }
        seen.sort_unstable();
        Ok((seen, requests))
    }

    fn shop(rows: i64, days: i64) -> Vec<i64> {
        // A day's rows lie denser around noon; a small generator keeps the gaps irregular.
        let mut state = 7_u64;
        let mut times: Vec<i64> = (0..rows)
            .map(|row| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let jitter = i64::try_from(state >> 33).unwrap();
                let day = row * days / rows;
                let a = jitter % DAY;
                let b = (jitter * 7_919) % DAY;
                day * DAY + i64::midpoint(a, b)
            })
            .collect();
        times.sort_unstable();
        times
    }

    #[test]
    fn a_million_rows_take_at_most_1250_requests() {
        let times = shop(1_000_000, 90);
        for scattered in [false, true] {
            let (seen, requests) = list(&times, Span { from: 0, to: 90 * DAY }, 1000, scattered).unwrap();
            assert_eq!(seen.len(), times.len());
            assert!(requests <= 1250, "{requests} requests, scattered {scattered}");
        }
    }

    #[test]
    fn a_million_rows_take_hardly_more_requests_than_pages_where_links_lead_on() {
        let times = shop(1_000_000, 90);
        // After a gap a wrong guess may cost two chains.
        for (days_after, most) in [(0, 1020), (200, 1200)] {
            let span = Span { from: 0, to: (90 + days_after) * DAY };
            let (seen, requests) = chained(&times, span, 1000, false, 64).unwrap();
            assert_eq!(seen.len(), times.len());
            assert!(requests <= most, "{requests} requests, {days_after} empty days after");
        }
    }

    #[test]
    fn empty_years_cost_a_request_for_90_days() {
        let (seen, requests) = list(&[], Span { from: 0, to: 2_000 * DAY }, 1000, false).unwrap();
        assert_eq!((seen.len(), requests), (0, 23));
    }

    #[test]
    fn years_before_the_first_sale_are_crossed_in_few_requests() {
        let times: Vec<i64> = shop(100_000, 90).into_iter().map(|time| time + 2_000 * DAY).collect();
        let (seen, requests) = list(&times, Span { from: 0, to: 2_090 * DAY }, 1000, false).unwrap();
        assert_eq!(seen.len(), times.len());
        assert!(requests <= 125 + 70, "{requests}");
    }

    #[test]
    fn a_second_with_more_rows_than_a_page_is_an_error_that_names_it() {
        let times = vec![1_600_000_000_500_000; 1000];
        let error = list(&times, Span { from: 1_600_000_000_000_000, to: 1_600_000_001_000_000 }, 1000, false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Incomplete);
        assert_eq!(error.context("second"), Some("2020-09-13T12:26:40.000Z"));
    }

    proptest! {
        #[test]
        fn every_row_is_seen_once(
            mut times in proptest::collection::vec(0_i64..400 * DAY, 0..600),
            burst in 0_i64..400 * DAY,
            page in 8_usize..100,
            scattered: bool,
        ) {
            times.extend((0..i64::try_from(page).unwrap() * 3).map(|row| (burst + row * SECOND).min(400 * DAY - 1)));
            times.sort_unstable();
            times.dedup();
            let (seen, _) = list(&times, Span { from: 0, to: 400 * DAY }, page, scattered).unwrap();
            prop_assert_eq!(seen, times);
        }
    }
}
