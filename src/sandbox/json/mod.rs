//! The vendor's JSON shapes, all derived here from the core rows: one file a shape.

mod action;
mod details;
mod dispute;
mod financial_action;
mod instant;
mod report;
mod search;
mod source;
mod writer;

pub(super) use action::write_actions;
pub(super) use details::write_details;
pub(super) use dispute::{dispute_arn, write_dispute, write_dispute_summary};
pub(super) use financial_action::write_financial_action;
pub(super) use report::write_report;
pub(super) use search::write_search_row;
pub(super) use source::{customer_email, payment_type};
pub(super) use writer::Json;
