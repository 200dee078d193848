//! What the header of a rule asks for, in words.

use crate::matching::rule::{Money, Residual, Rounding, Rule, Shape};

pub(super) fn shape(rule: &Rule) -> &'static str {
    match rule.shape {
        Shape::OneToOne => "one_to_one",
        Shape::ManyToOne => "many_to_one",
        Shape::OneToMany => "one_to_many",
        Shape::OneSided => "one_sided",
    }
}

pub(super) fn amount(rule: &Rule) -> Option<String> {
    let amount = rule.amount.as_ref()?;
    let side = |side: &str, Money { amount, currency }: &Money| format!("{side}.{amount} in {side}.{currency}");
    let mut text = format!("{} = {}", side("left", &amount.left), side("right", &amount.right));
    let tolerances = [(amount.tolerance_minor, "minor"), (amount.tolerance_bps, "bps")];
    let allowed: Vec<String> =
        tolerances.iter().filter(|(most, _)| *most != 0).map(|(most, unit)| format!("{most} {unit}")).collect();
    if !allowed.is_empty() {
        text = format!("{text}, within {}", allowed.join(" or "));
    }
    if let Some(residual) = residual(rule) {
        text = format!("{text}, but for {residual}");
    }
    Some(text)
}

pub(super) fn window(rule: &Rule) -> Option<String> {
    let window = rule.window.as_ref()?;
    let days = match &window.calendar {
        Some(calendar) => format!("business days of {calendar}"),
        None => "days".to_owned(),
    };
    Some(format!("right.{} in [left.{} {:+} .. {:+} {days}]", window.right, window.left, window.from, window.to))
}

pub(super) fn residual(rule: &Rule) -> Option<String> {
    match &rule.residual {
        Residual::None => None,
        Residual::Dust(Rounding::Floor) => Some("dust".to_owned()),
        Residual::Dust(Rounding::HalfEven) => Some("dust(half_even)".to_owned()),
        Residual::Booked { kind, account, up_to_minor } => {
            Some(format!("{}:{account} up to {up_to_minor} minor", kind.to_lowercase().replace('_', "")))
        }
    }
}
