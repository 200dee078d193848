//! How to talk HTTP to Checkout.com: one client per configured account.
//!
//! [`request`] says what to ask; [`config`] whom and as whom, made from a user's [`settings`] with their own [`spelling`]
//! and a [`key`] that looks like one. [`auth`] gives the bearer, [`limit`] the pace, [`retry`] the patience,
//! [`transport`] makes one attempt and notes it in the [`journal`] of [`recent`] ones, [`reply`] reads what came back, and
//! [`client`] puts them together; [`flight`] lets several who ask the same at once share one answer. [`paging`] says what to
//! ask next. [`download`] reads files from the hosts where they are stored, by their [`checksum`]. [`probe`] looks at hosts
//! and credential where something does not work, at [`claims`] above all.

mod auth;
mod checksum;
pub mod claims;
pub mod client;
pub mod config;
pub mod download;
pub mod flight;
pub mod journal;
mod key;
mod limit;
pub mod paging;
pub mod probe;
pub mod recent;
pub mod reply;
pub mod request;
mod retry;
mod settings;
pub mod spelling;
mod transport;

pub use client::Client;
