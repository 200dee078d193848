//! What all doors have in common: who may come in, over what, how many at a time, and until when.
//!
//! A face listens through a [`Listener`], asks the [`Users`] of a [`Roll`] who a caller is, and takes its encryption from
//! [`tls`]. Nothing here knows what is said once somebody is in.

pub mod address;
pub mod listener;
pub mod roll;
pub mod tls;
pub mod token;
pub mod users;
pub mod verifier;

pub use listener::Listener;
pub use roll::Roll;
pub use users::Users;

/// How callers show who they are.
#[derive(Debug, Clone)]
pub enum Admission {
    /// By the password of a user of the file as it is now, or a token of one.
    Passwords(std::sync::Arc<Roll>),
    /// Not at all: whoever can connect may come in.
    Anybody,
}
