//! An error as gRPC's clients read it: a code from the one table, what happened, and what to do about it.

use tonic::{Code, Status};

use crate::error::{Error, ErrorKind};

/// Characters of a message. It travels in a header, and clients read headers of some kilobytes only.
const LONGEST: usize = 2_000;

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let mut message = error.to_string();
        if let Some(hint) = error.advice() {
            message.push_str("\nhint: ");
            message.push_str(hint);
        }
        Self::new(Code::from(error.kind().facts().grpc), shortened(message))
    }
}

/// The end of a statement that somebody stopped.
pub(super) fn cancelled() -> Status {
    Error::new(ErrorKind::Cancelled, "the statement was cancelled").into()
}

fn shortened(message: String) -> String {
    match message.char_indices().nth(LONGEST) {
        None => message,
        Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_code_and_says_what_to_do() {
        let status = Status::from(Error::new(ErrorKind::ReadOnly, "DELETE is refused").hint("do not"));
        assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "DELETE is refused\nhint: do not"));
        assert_eq!(Status::from(Error::new(ErrorKind::Query, "no field")).code(), Code::InvalidArgument);
        assert_eq!(cancelled().code(), Code::Cancelled);
    }

    #[test]
    fn a_message_that_no_header_holds_is_cut() {
        let status = Status::from(Error::new(ErrorKind::Query, "ž".repeat(LONGEST + 1)));
        assert_eq!(status.message(), format!("{}…", "ž".repeat(LONGEST)));
        let status = Status::from(Error::new(ErrorKind::Query, "ž".repeat(LONGEST)));
        assert_eq!(status.message().chars().count(), LONGEST);
    }
}
