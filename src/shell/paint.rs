//! Colour on stderr and in the demo, or none.

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// With ANSI escapes.
    Coloured,
    /// As it is.
    Plain,
}

impl Paint {
    /// Text of lesser weight.
    pub fn dim(self, text: &str) -> String {
        self.wrapped("\u{1b}[2m", text)
    }

    /// Text that stands out.
    pub fn bold(self, text: &str) -> String {
        self.wrapped("\u{1b}[1m", text)
    }

    /// Text about something wrong.
    pub fn alarming(self, text: &str) -> String {
        self.wrapped("\u{1b}[1;31m", text)
    }

    fn wrapped(self, start: &str, text: &str) -> String {
        match self {
            Self::Coloured => format!("{start}{text}\u{1b}[0m"),
            Self::Plain => text.to_owned(),
        }
    }
}
