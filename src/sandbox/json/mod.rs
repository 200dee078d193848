//! The vendor's JSON shapes, all derived here from the core rows: one file a shape.

mod action;
mod details;
mod dispute;
mod entity;
mod event;
mod evidence;
mod financial_action;
mod instant;
mod report;
mod search;
mod source;
mod transfer;
mod vault;
mod writer;

pub(super) use action::{arn, write_actions};
pub(super) use details::write_details;
pub(super) use dispute::{MCC, dispute_arn, write_dispute, write_dispute_summary};
pub(super) use entity::{entity_name, write_entity, write_schedules};
pub(super) use event::{Subject, write_events};
pub(super) use evidence::{write_evidence, write_scheme_files};
pub(super) use financial_action::write_financial_action;
pub(super) use report::write_report;
pub(super) use search::write_search_row;
pub(super) use source::payment_type;
pub(super) use transfer::write_transfer;
pub(super) use vault::{write_customer_details, write_instrument};
pub(super) use writer::{Json, decimal};
