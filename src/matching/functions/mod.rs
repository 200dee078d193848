//! What rules compare with, as SQL functions: references, amounts, business days, likeness of texts.
//!
//! Each is declared in a file of its own, with what the reference says of it. All are pure, give null for null, and refuse
//! when a query is planned what is no exact amount.

mod add_business_days;
mod amount;
mod amount_minor;
mod business_days;
mod call;
mod exponent;
mod extract;
mod floor_minor;
mod jaro_winkler;
mod local_date;
mod norm;
mod ref_extract;
mod ref_extract_all;
mod ref_fold;
mod ref_norm;
mod within;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

use super::conventions::Conventions;
use call::{Declared, Function};

/// All of them, by name.
const FUNCTIONS: [&Declared; 12] = [
    &add_business_days::DECLARED,
    &amount_minor::DECLARED,
    &business_days::DECLARED,
    &exponent::DECLARED,
    &floor_minor::DECLARED,
    &jaro_winkler::DECLARED,
    &local_date::DECLARED,
    &ref_extract::DECLARED,
    &ref_extract_all::DECLARED,
    &ref_fold::DECLARED,
    &ref_norm::DECLARED,
    &within::DECLARED,
];

/// The functions, as sessions take them; they count by these conventions.
pub fn all(conventions: &Arc<Conventions>) -> impl Iterator<Item = ScalarUDF> {
    FUNCTIONS.into_iter().map(|declared| ScalarUDF::new_from_impl(Function::new(declared, Arc::clone(conventions))))
}

/// Name, arguments and meaning of each.
pub fn list() -> impl Iterator<Item = (&'static str, String, &'static str)> {
    FUNCTIONS.into_iter().map(|declared| (declared.name, declared.arguments(), declared.about))
}
