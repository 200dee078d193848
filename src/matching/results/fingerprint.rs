//! What a finding says, as a number that is kept beside it: what is found again and comes to the same number is known as it is,
//! and nothing else of it has to be read.
//!
//! The numbers are kept, so they must not depend on the machine or on the version of a compiler. They are of 64 bits, by XXH64:
//! of two findings under one name that differ, one in 1.8e19 would be taken for the same.

use twox_hash::XxHash64;

use super::state::{Entry, Line, Rest, Values, Why};
use crate::matching::assign::Side;

impl Entry {
    /// The fingerprint of all that it says.
    pub(super) fn fingerprint(&self) -> i64 {
        let Self { id, hop, rule, version, status, score, margin, why, rest, decision, lines } = self;
        let mut print = Print::new();
        print.text(Some(id)).number(Some(*hop)).text(Some(rule)).text(Some(version)).text(Some(status.word()));
        print.number(*score).number(*margin).text(why.as_deref()).number(*decision);
        let rest = rest.as_ref().map(|Rest { kind, amount, currency, account }| {
            print.text(Some(kind)).number(Some(*amount)).text(Some(currency)).text(account.as_deref());
        });
        print.number(rest.map(|()| 1));
        for Line { side, table, id, values, compared_day } in lines {
            print.number(Some(i32::from(*side == Side::Left))).text(Some(table)).text(Some(id));
            print.values(values).number(*compared_day);
        }
        print.end()
    }
}

impl Why {
    /// The fingerprint of all that it says.
    pub(super) fn fingerprint(&self) -> i64 {
        let Self { is_out_of_scope, reason, rule, detail, candidate_table, candidate_count, candidates, due, values } = self;
        let mut print = Print::new();
        print.number(Some(i32::from(*is_out_of_scope))).text(Some(reason)).text(rule.as_deref()).text(detail.as_deref());
        print.text(candidate_table.as_deref()).number(Some(*candidate_count)).text(candidates.as_deref()).number(*due);
        print.values(values);
        print.end()
    }
}

/// The bytes that a fingerprint is of: each value says where it ends, and whether it is there.
#[derive(Debug)]
struct Print(Vec<u8>);

impl Print {
    fn new() -> Self {
        Self(Vec::with_capacity(512))
    }

    fn text(&mut self, text: Option<&str>) -> &mut Self {
        self.number(text.map(|text| text.len() as u64));
        self.0.extend_from_slice(text.unwrap_or_default().as_bytes());
        self
    }

    fn number(&mut self, number: Option<impl Into<i128>>) -> &mut Self {
        match number {
            Some(number) => {
                self.0.push(1);
                self.0.extend_from_slice(&number.into().to_le_bytes());
            }
            None => self.0.push(0),
        }
        self
    }

    fn values(&mut self, Values { amount, currency, day }: &Values) -> &mut Self {
        self.number(*amount).text(currency.as_deref()).number(*day)
    }

    fn end(self) -> i64 {
        XxHash64::oneshot(0, &self.0).cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::state::Status;
    use super::*;

    fn text() -> impl Strategy<Value = String> {
        prop::sample::select(vec!["", "a", "b", "ab"]).prop_map(str::to_owned)
    }

    fn number() -> impl Strategy<Value = Option<i64>> {
        prop::option::of(-1..2_i64)
    }

    fn values() -> impl Strategy<Value = Values> {
        let amount = prop::option::of(-1..2_i128);
        (amount, prop::option::of(text()), prop::option::of(0..2_i32)).prop_map(|(amount, currency, day)| Values {
            amount,
            currency,
            day,
        })
    }

    fn line() -> impl Strategy<Value = Line> {
        let side = prop::sample::select(vec![Side::Left, Side::Right]);
        (side, text(), text(), values(), prop::option::of(0..2_i32)).prop_map(|(side, table, id, values, compared_day)| Line {
            side,
            table,
            id,
            values,
            compared_day,
        })
    }

    fn rest() -> impl Strategy<Value = Rest> {
        (text(), -1..2_i128, text(), prop::option::of(text())).prop_map(|(kind, amount, currency, account)| Rest {
            kind,
            amount,
            currency,
            account,
        })
    }

    prop_compose! {
        fn entry()(
            (id, rule, version, why) in (text(), text(), text(), prop::option::of(text())),
            hop in 0..2_u32,
            status in prop::sample::select(vec![Status::Confirmed, Status::Suggested]),
            (score, margin, decision) in (number(), number(), number()),
            rest in prop::option::of(rest()),
            lines in prop::collection::vec(line(), 0..3),
        ) -> Entry {
            Entry { id, hop, rule, version, status, score, margin, why, rest, decision, lines }
        }
    }

    prop_compose! {
        fn why()(
            is_out_of_scope in any::<bool>(),
            reason in text(),
            (rule, detail, candidate_table, candidates) in
                (prop::option::of(text()), prop::option::of(text()), prop::option::of(text()), prop::option::of(text())),
            candidate_count in 0..2_i64,
            due in prop::option::of(0..2_i32),
            values in values(),
        ) -> Why {
            Why { is_out_of_scope, reason, rule, detail, candidate_table, candidate_count, candidates, due, values }
        }
    }

    /// The first with one part of the second.
    fn mixed(mut one: Entry, other: Entry, part: usize) -> Entry {
        match part {
            0 => one.id = other.id,
            1 => one.hop = other.hop,
            2 => one.rule = other.rule,
            3 => one.version = other.version,
            4 => one.status = other.status,
            5 => one.score = other.score,
            6 => one.margin = other.margin,
            7 => one.why = other.why,
            8 => one.rest = other.rest,
            9 => one.decision = other.decision,
            _ => one.lines = other.lines,
        }
        one
    }

    fn mixed_why(mut one: Why, other: Why, part: usize) -> Why {
        match part {
            0 => one.is_out_of_scope = other.is_out_of_scope,
            1 => one.reason = other.reason,
            2 => one.rule = other.rule,
            3 => one.detail = other.detail,
            4 => one.candidate_table = other.candidate_table,
            5 => one.candidate_count = other.candidate_count,
            6 => one.candidates = other.candidates,
            7 => one.due = other.due,
            _ => one.values = other.values,
        }
        one
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_differs_in_anything_has_another_fingerprint(one in entry(), other in entry(), part in 0..11_usize) {
            let mixed = mixed(one.clone(), other, part);
            prop_assert_eq!(one == mixed, one.fingerprint() == mixed.fingerprint(), "{:?} {:?}", one, mixed);
        }

        #[test]
        fn so_has_what_is_left_for_anything_else(one in why(), other in why(), part in 0..9_usize) {
            let mixed = mixed_why(one.clone(), other, part);
            prop_assert_eq!(one == mixed, one.fingerprint() == mixed.fingerprint(), "{:?} {:?}", one, mixed);
        }
    }

    #[test]
    fn a_fingerprint_that_is_kept_stays_what_it_is() {
        let why = Why { reason: "NO_COUNTERPART".to_owned(), due: Some(20_513), ..Why::default() };
        assert_eq!(why.fingerprint(), -1_442_289_262_216_169_734);
        let values = Values { amount: Some(-100_000_000), currency: Some("EUR".to_owned()), day: Some(20_513) };
        let (table, id) = ("l".to_owned(), "l1".to_owned());
        let entry = Entry {
            id: "mat_1".to_owned(),
            hop: 1,
            rule: "rule".to_owned(),
            version: "v1".to_owned(),
            status: Status::Confirmed,
            score: None,
            margin: Some(-1),
            why: Some("why".to_owned()),
            rest: None,
            decision: None,
            lines: vec![Line { side: Side::Left, table, id, values, compared_day: Some(20_514) }],
        };
        assert_eq!(entry.fingerprint(), 1_346_791_806_691_155_230);
    }
}
