//! Standard output, whose reader may leave: `ckosql query … | head` is no error.
//!
//! The writers above turn a broken pipe into errors of their own, some of them into text only; so it is noted here,
//! where it is seen first.

use std::io::{self, BufWriter, ErrorKind, Stdout, Write};

/// Standard output, buffered.
#[derive(Debug)]
pub struct Pipe<W: Write = Stdout> {
    out: BufWriter<W>,
    reader: Reader,
}

/// Whether anyone still reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// As far as is known.
    Present,
    /// A write was refused.
    Gone,
}

impl Pipe {
    /// The standard output of this process.
    pub fn stdout() -> Self {
        Self::new(io::stdout())
    }
}

impl<W: Write> Pipe<W> {
    fn new(out: W) -> Self {
        Self { out: BufWriter::new(out), reader: Reader::Present }
    }

    /// Whether anyone still reads.
    pub fn reader(&self) -> Reader {
        self.reader
    }

    fn note<T>(&mut self, outcome: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &outcome
            && error.kind() == ErrorKind::BrokenPipe
        {
            self.reader = Reader::Gone;
        }
        outcome
    }
}

impl<W: Write> Write for Pipe<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let outcome = self.out.write(bytes);
        self.note(outcome)
    }

    fn flush(&mut self) -> io::Result<()> {
        let outcome = self.out.flush();
        self.note(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_left_is_noted() {
        let mut pipe = Pipe::new(Closed);
        pipe.write_all(b"x").unwrap();
        assert_eq!(pipe.reader(), Reader::Present);
        assert!(pipe.flush().is_err());
        assert_eq!(pipe.reader(), Reader::Gone);
    }
}
