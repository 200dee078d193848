//! A rule to begin with: a name and five questions, and the rule that answers them with cases that it passes as they stand.

use super::rule::Rule;
use crate::api::spelling::nearest;
use crate::error::{Error, ErrorKind, Result};

/// What a rule is to be like.
#[derive(Debug, Clone, Copy)]
pub struct Template<'a> {
    /// What it is called: its flow, a dot, and what it goes by.
    pub name: &'a str,
    /// The step of its flow.
    pub hop: u32,
    /// The side that counterparts are looked for.
    pub left: &'static Known,
    /// The side that they are looked for in.
    pub right: &'static Known,
    /// What rows go by.
    pub by: By,
    /// How many days later the right one may come.
    pub days: u16,
    /// How many minor units amounts may be apart.
    pub tolerance: u16,
}

/// What rows go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// By amount and day.
    Amount,
    /// By a reference.
    Reference,
}

/// A view of `sides` that a rule can begin with.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub name: &'static str,
    key: &'static str,
    day: &'static str,
    reference: &'static str,
    /// Ids of two rows that are made up.
    ids: [&'static str; 2],
}

const fn known(
    name: &'static str,
    key: &'static str,
    day: &'static str,
    reference: &'static str,
    ids: [&'static str; 2],
) -> Known {
    Known { name, key, day, reference, ids }
}

/// The views.
static KNOWN: [Known; 4] = [
    known("orders", "line_id", "ordered_on", "reference", ["o1", "o2"]),
    known("payments", "payment_id", "paid_on", "reference", ["pay_1", "pay_2"]),
    known("payouts", "payout_id", "payout_date", "payout_id", ["000G7HDD96SH", "000B5VXC3Q2M"]),
    known("bank_lines", "line_id", "value_date", "text", ["b1", "b2"]),
];
const PAYOUTS: &str = "payouts";
const BANK_LINES: &str = "bank_lines";
/// A Monday, on which both rows of a case are.
const DAY: &str = "2026-03-02";
/// What both say where they go by a reference.
const REFERENCE: &str = "ORD-1";

impl Known {
    /// The view of a name.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when there is none, with the nearest.
    pub fn find(name: &str) -> Result<&'static Self> {
        let asked = name.strip_prefix("sides.").unwrap_or(name);
        KNOWN.iter().find(|known| known.name == asked).ok_or_else(|| {
            let names: Vec<&str> = KNOWN.iter().map(|known| known.name).collect();
            let error = Error::new(ErrorKind::Usage, "a rule cannot begin with this table").with("table", name);
            let error = match nearest(asked, names.iter().copied()) {
                Some(nearest) => error.with("nearest", nearest),
                None => error,
            };
            error.hint(format!("begin with {}, and put your own table in its place", names.join(", ")))
        })
    }

    /// Its key, where rules do not take it to be that.
    fn keyed(&self) -> String {
        let key = if self.key == "line_id" { String::new() } else { format!("({})", self.key) };
        format!("sides.{}{key}", self.name)
    }

    /// A reference as the rows of a case have it.
    fn told(&self, other: &Self) -> String {
        match (self.name, other.name) {
            (PAYOUTS, _) => self.ids[0].to_owned(),
            (_, PAYOUTS) => format!("CKO {}", other.ids[0]),
            _ => REFERENCE.to_owned(),
        }
    }

    /// The expression that a reference is found by.
    fn found(&self, other: &Self) -> String {
        let column = format!("{}.{}", self.name, self.reference);
        match (self.name, other.name) {
            (PAYOUTS, _) => column,
            (_, PAYOUTS) => format!("ref_extract({column}, 'cko_payout')"),
            _ => format!("ref_norm({column})"),
        }
    }

    /// The table of a case: so many rows, which say the same.
    fn given(&self, other: &Self, many: usize) -> String {
        let has_reference = self.reference != self.key;
        let (name, told) = if has_reference {
            (format!(",{} text", self.reference), format!(",{}", self.told(other)))
        } else {
            (String::new(), String::new())
        };
        let mut text =
            format!("--- given: sides.{}\n{} text,currency text,amount decimal,{} date{name}\n", self.name, self.key, self.day);
        for id in self.ids.iter().take(many) {
            text.push_str(&format!("{id},EUR,100.00,{DAY}{told}\n"));
        }
        text
    }
}

impl Template<'_> {
    /// The rule.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the questions have answers that do not go together, those of reading a rule.
    pub fn rule(&self) -> Result<String> {
        self.fits()?;
        let (left, right) = (self.left, self.right);
        let (flow, _) = self.name.split_once('.').unwrap_or((self.name, ""));
        let (by, condition) = match self.by {
            By::Amount => ("the amount and the day are the same", format!("{}.amount = {}.amount", right.name, left.name)),
            By::Reference => ("the reference is the same", format!("{} = {}", right.found(left), left.found(right))),
        };
        let text = format!(
            "--- rule: {name}\n\
             --- flow: {flow}   hop: {hop}   priority: 100\n\
             --- left: {keyed_left}   right: {keyed_right}\n\
             --- shape: one_to_one   assign: unique   tie: reject\n\
             --- amount: left.amount = right.amount   tolerance: {tolerance} minor\n\
             --- window: right.{right_day} in [left.{left_day} .. +{days} days]\n\
             -- The SELECT proposes pairs. The header promises the rest: no row is in two matches, and of rows that are alike none is\n\
             -- picked. Joins need an equality; `ckosql docs` lists the keys of a header, and functions for texts, days and amounts.\n\
             select\n  {left_name}.{left_key} as left_id,\n  {right_name}.{right_key} as right_id,\n  '{by}' as why\n\
             from sides.{left_name} as {left_name}\n\
             join sides.{right_name} as {right_name}\n  on {right_name}.currency = {left_name}.currency\n  and {condition}\n",
            name = self.name,
            hop = self.hop,
            keyed_left = left.keyed(),
            keyed_right = right.keyed(),
            tolerance = self.tolerance,
            right_day = right.day,
            left_day = left.day,
            days = self.days,
            left_name = left.name,
            left_key = left.key,
            right_name = right.name,
            right_key = right.key,
        );
        Rule::parse(&text, self.name).map(|_| text)
    }

    /// The cases beside it.
    pub fn cases(&self) -> String {
        let (left, right) = (self.left, self.right);
        let ([one, _], [other, twin]) = (left.ids, right.ids);
        format!(
            "--- case: one that there is one for\n{}{}--- expect: matches\n{one},{other}\n--- expect: exceptions\n\n\
             --- case: one that there are two for, of which none is picked\n{}{}--- expect: matches\n--- expect: exceptions\n\
             sides.{left_name},{one},AMBIGUOUS_WINDOW\n\
             sides.{right_name},{other},AMBIGUOUS_WINDOW\n\
             sides.{right_name},{twin},AMBIGUOUS_WINDOW\n",
            left.given(right, 1),
            right.given(left, 1),
            left.given(right, 1),
            right.given(left, 2),
            left_name = left.name,
            right_name = right.name,
        )
    }

    fn fits(&self) -> Result<()> {
        let wrong =
            |what: &'static str, hint: &'static str| Err(Error::new(ErrorKind::Usage, what).with("rule", self.name).hint(hint));
        if self.left == self.right {
            return wrong("a rule of one table", "name another one as --left or --right");
        }
        if self.by == By::Amount && self.tolerance > 0 {
            return wrong("rows that go by their amount have the same", "leave the tolerance out, or go --by reference");
        }
        let names_payouts = self.right.name == PAYOUTS || self.left.name == PAYOUTS && self.right.name != BANK_LINES;
        if self.by == By::Reference && names_payouts {
            return wrong("payouts are named by bank lines alone", "go --by amount, or --left payouts --right bank_lines");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::matching::conventions::Conventions;
    use crate::matching::test::Cases;

    fn of(left: &'static Known, right: &'static Known, by: By) -> Template<'static> {
        let tolerance = if by == By::Amount { 0 } else { 1 };
        Template { name: "mine.one", hop: 1, left, right, by, days: 0, tolerance }
    }

    #[tokio::test]
    async fn a_rule_of_any_two_sides_passes_its_cases() {
        let mut tried = 0;
        for (left, right) in KNOWN.iter().flat_map(|left| KNOWN.iter().map(move |right| (left, right))) {
            for by in [By::Amount, By::Reference] {
                let template = of(left, right, by);
                let Ok(rule) = template.rule() else { continue };
                let rule = Rule::parse(&rule, "rule").unwrap();
                for case in Cases::parse(&template.cases(), "cases").unwrap().cases {
                    let differs = case.differs(std::slice::from_ref(&rule), &Arc::new(Conventions::default())).await.unwrap();
                    assert_eq!(differs, [""; 0], "{} {} {by:?}: {}", left.name, right.name, case.name);
                    tried += 1;
                }
            }
        }
        // Twelve pairs by amount; by reference those of payouts and bank lines, and of all others.
        assert_eq!(tried, 2 * (12 + 1 + 6));
    }

    #[test]
    fn answers_that_do_not_go_together_are_told() {
        let [orders, _, payouts, bank_lines] = &KNOWN;
        let wrong = |template: Template<'_>| template.rule().unwrap_err().message().to_owned();
        assert_eq!(wrong(of(orders, orders, By::Amount)), "a rule of one table");
        assert_eq!(wrong(of(orders, payouts, By::Reference)), "payouts are named by bank lines alone");
        let loose = Template { tolerance: 1, ..of(payouts, bank_lines, By::Amount) };
        assert_eq!(wrong(loose), "rows that go by their amount have the same");
        let named = Template { name: "a/mine", ..of(payouts, bank_lines, By::Amount) };
        assert_eq!(wrong(named), "a name is expected");
        let unknown = Known::find("bank_line").unwrap_err();
        assert_eq!(unknown.to_string(), "a rule cannot begin with this table (table bank_line, nearest bank_lines)");
    }
}
