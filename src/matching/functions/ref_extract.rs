//! `ref_extract`: the one reference of a kind that a text holds.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::DataType;

use super::call::{Call, Declared, Takes};
use super::extract::{Kind, extract};
use crate::error::Result;

pub(super) const DECLARED: Declared = Declared {
    name: "ref_extract",
    takes: &[("text", Takes::Text), ("kind", Takes::Text)],
    about: "The reference of a kind that a text holds, as its issuer writes it, also when case, blanks or line breaks have \
            changed; null when there is none, or two that differ. Kinds: `cko_payout` (twelve letters and digits from 0 on, as \
            bank statements show payouts), `cko_payment` and `cko_action` (`pay_` or `act_` and 26 more), `iban` (with right \
            check digits), `number` (four digits or more, alone).",
    gives: || DataType::Utf8,
    call,
};

fn call(call: &Call<'_>) -> Result<ArrayRef> {
    let (texts, kinds) = (call.texts(0)?, call.texts(1)?);
    let found = call.each(|row| {
        let mut found = extract(texts.value(row), Kind::named(kinds.value(row))?);
        Ok(if found.len() == 1 { found.pop() } else { None })
    })?;
    Ok(Arc::new(found.into_iter().map(Option::flatten).collect::<StringArray>()))
}
