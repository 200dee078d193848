//! Calendars, against the lists that those who keep them publish.

use chrono::NaiveDate;
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> i32 {
    number(text.parse::<NaiveDate>().unwrap())
}

fn get(name: &str) -> Arc<Calendar> {
    Arc::clone(Calendars::default().get(name).unwrap())
}

/// Days from Monday to Friday of a year that are no business days.
fn holidays(name: &str, year: i32) -> Vec<String> {
    let (calendar, weekends) = (get(name), get("WEEKENDS"));
    let days = day(year, 1, 1)..=day(year, 12, 31);
    let holidays = days.filter(|day| weekends.is_business_day(*day).unwrap() && !calendar.is_business_day(*day).unwrap());
    holidays.map(|day| text(day)[5..].to_owned()).collect()
}

#[test]
fn target2_is_closed_on_the_published_days() {
    assert_eq!(holidays("TARGET2", 2024), ["01-01", "03-29", "04-01", "05-01", "12-25", "12-26"]);
    assert_eq!(holidays("TARGET2", 2026), ["01-01", "04-03", "04-06", "05-01", "12-25"]);
    assert_eq!(holidays("TARGET2", 2038), ["01-01", "04-23", "04-26"]);
}

#[test]
fn england_and_wales_have_the_published_bank_holidays() {
    assert_eq!(holidays("UK", 2015), ["01-01", "04-03", "04-06", "05-04", "05-25", "08-31", "12-25", "12-28"]);
    assert_eq!(holidays("UK", 2016), ["01-01", "03-25", "03-28", "05-02", "05-30", "08-29", "12-26", "12-27"]);
    assert_eq!(holidays("UK", 2020), ["01-01", "04-10", "04-13", "05-08", "05-25", "08-31", "12-25", "12-28"]);
    assert_eq!(holidays("UK", 2021), ["01-01", "04-02", "04-05", "05-03", "05-31", "08-30", "12-27", "12-28"]);
    let jubilee = ["01-03", "04-15", "04-18", "05-02", "06-02", "06-03", "08-29", "09-19", "12-26", "12-27"];
    assert_eq!(holidays("UK", 2022), jubilee);
    assert_eq!(holidays("UK", 2023), ["01-02", "04-07", "04-10", "05-01", "05-08", "05-29", "08-28", "12-25", "12-26"]);
    assert_eq!(holidays("UK", 2026), ["01-01", "04-03", "04-06", "05-04", "05-25", "08-31", "12-25", "12-28"]);
}

#[test]
fn the_federal_reserve_banks_are_closed_on_the_published_days() {
    let of_2021 = ["01-01", "01-18", "02-15", "05-31", "07-05", "09-06", "10-11", "11-11", "11-25"];
    assert_eq!(holidays("US_FED", 2021), of_2021);
    let of_2022 = ["01-17", "02-21", "05-30", "06-20", "07-04", "09-05", "10-10", "11-11", "11-24", "12-26"];
    assert_eq!(holidays("US_FED", 2022), of_2022);
    let of_2026 = ["01-01", "01-19", "02-16", "05-25", "06-19", "09-07", "10-12", "11-11", "11-26", "12-25"];
    assert_eq!(holidays("US_FED", 2026), of_2026);
}

#[test]
fn a_day_that_is_no_business_day_has_the_number_of_the_one_before() {
    let calendar = get("WEEKENDS");
    let [friday, saturday, sunday, monday] =
        ["2026-05-22", "2026-05-23", "2026-05-24", "2026-05-25"].map(|day| calendar.day_number(at(day)).unwrap());
    assert_eq!([saturday, sunday, monday], [friday, friday, friday + 1]);
}

#[test]
fn a_window_is_right_from_a_weekend_and_for_days_on_one() {
    let calendar = get("WEEKENDS");
    let holds = |from: &str, days, day: &str| {
        let (first, last) = calendar.window(at(from), 0, days).unwrap();
        (first..=last).contains(&at(day))
    };
    // From a Saturday, the first business day is Monday.
    let days = ["2026-05-22", "2026-05-23", "2026-05-24", "2026-05-25", "2026-05-26"];
    assert_eq!(days.map(|day| holds("2026-05-23", 1, day)), [false, true, true, true, false]);
    assert_eq!(days.map(|day| holds("2026-05-23", 0, day)), [false, true, false, false, false]);
    // From a Friday, the weekend comes before the first business day.
    assert_eq!(days.map(|day| holds("2026-05-22", 1, day)), [true, true, true, true, false]);
    assert_eq!(days.map(|day| holds("2026-05-22", 0, day)), [true, false, false, false, false]);
}

#[test]
fn days_that_no_calendar_knows_are_refused() {
    let error = get("UK").business_days(at("2014-12-31"), at("2015-01-05")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a day is outside the years that a calendar knows (calendar UK, day 2014-12-31, first 2015-01-01, last 2050-12-31)"
    );
    assert!(get("UK").add(at("2050-12-30"), 9).is_err());
    assert!(get("UK").add(at("2015-01-02"), i32::MIN).is_err());
}

#[test]
fn an_unknown_calendar_is_answered_with_the_nearest() {
    let error = Calendars::default().get("target").map(|_| ()).unwrap_err();
    assert_eq!(
        (error.context("nearest"), error.advice()),
        (Some("TARGET2"), Some("the calendars are TARGET2, UK, US_FED, WEEKENDS"))
    );
}

#[test]
fn a_file_lists_its_days_and_perhaps_its_weekend() {
    let mut calendars = Calendars::default();
    calendars.add("Riyadh", "# of a bank\nweekend: Friday, Saturday\n\n2026-02-22 # founding day\n2026-09-23\n").unwrap();
    let calendar = calendars.get("riyadh").unwrap();
    let is_open = |day| calendar.is_business_day(at(day)).unwrap();
    assert_eq!(["2026-02-22", "2026-02-23", "2026-02-27", "2026-03-01"].map(is_open), [false, true, false, true]);
    assert!(calendar.is_business_day(at("2027-01-01")).is_err());
    calendars.add("every day", "weekend: none").unwrap();
    assert!(calendars.get("EVERY DAY").unwrap().is_business_day(at("2026-05-23")).unwrap());
}

#[test]
fn a_file_that_cannot_be_read_is_refused_with_its_line() {
    let refused = |text: &str| {
        let error = Calendars::default().add("mine", text).unwrap_err();
        (error.message().to_owned(), error.context("line").map(str::to_owned))
    };
    let line = |number: &str| Some(number.to_owned());
    assert_eq!(refused("2026-01-01\n2026-02-30"), ("a line of a calendar is no day".to_owned(), line("2")));
    assert_eq!(refused("2026-01-01\nweekend: Friday"), ("a line of a calendar is no day".to_owned(), line("2")));
    assert_eq!(refused("weekend: sometimes"), ("a calendar's weekend is no list of weekdays".to_owned(), line("1")));
    assert_eq!(refused("0026-01-01").1, None);
    assert!(Calendars::default().add("uk", "2026-01-01").is_err());
}

proptest! {
    #[test]
    fn business_days_add_up(start in 0..12_000_i32, n in -200..200_i32, other in 0..12_000_i32) {
        let calendar = get("TARGET2");
        let (start, other) = (at("2016-01-01") + start, at("2016-01-01") + other);
        let there = calendar.add(start, n).unwrap();
        if n != 0 {
            prop_assert!(calendar.is_business_day(there).unwrap());
            let between = if n > 0 { start + 1..=there } else { there..=start - 1 };
            let passed = between.filter(|day| calendar.is_business_day(*day).unwrap()).count();
            prop_assert_eq!(u32::try_from(passed).unwrap(), n.unsigned_abs());
        }
        let one = calendar.business_days(start, other).unwrap();
        prop_assert_eq!(one, -calendar.business_days(other, start).unwrap());
        let passed = (start.min(other) + 1..=start.max(other)).filter(|day| calendar.is_business_day(*day).unwrap()).count();
        prop_assert_eq!(u32::try_from(passed).unwrap(), one.unsigned_abs());
    }
}
