//! What Flight SQL could ask for and is not done here, and what is said of it.

use arrow_flight::sql::Command;
use bytes::Bytes;
use tonic::Status;

use crate::engine::Planned;
use crate::error::{Error, ErrorKind};

/// Refuses to do something inside of a transaction, of which there are none.
///
/// # Errors
/// The refusal.
pub(super) fn transaction(id: Option<&Bytes>) -> Result<(), Status> {
    match id.filter(|id| !id.is_empty()) {
        None => Ok(()),
        Some(_) => Err(transactions()),
    }
}

/// The refusal of a transaction.
pub(super) fn transactions() -> Status {
    Status::unimplemented("there are no transactions: ckosql only reads\nhint: leave autocommit on")
}

/// The refusal of rows that are to be kept.
pub(super) fn ingest() -> Status {
    Error::new(ErrorKind::ReadOnly, "INGEST is refused: ckosql only reads").into()
}

/// The refusal of a plan that is not SQL.
pub(super) fn substrait() -> Status {
    Status::unimplemented("plans of Substrait are not run here\nhint: ask with SQL")
}

/// A statement that may be run where an update is asked for: one that sets something of the session's own. What writes was
/// refused before.
///
/// # Errors
/// The refusal of any other.
pub(super) fn unless_it_sets(planned: Planned) -> Result<Planned, Status> {
    if planned.setting().is_some() {
        return Ok(planned);
    }
    Err(Error::new(ErrorKind::Query, "the statement has rows, and an update has none").hint("run it as a query").into())
}

/// The refusal of what is asked for where it is nothing.
pub(super) fn unknown(command: &Command) -> Status {
    match command {
        Command::CommandStatementSubstraitPlan(_) => substrait(),
        other => Status::unimplemented(format!("{} is not answered by this call", other.type_url())),
    }
}
