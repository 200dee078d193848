//! Which of the three streams is a terminal, and what that means for colour and progress.

use std::io::{IsTerminal, Write, stderr, stdin, stdout};

use super::Global;
use crate::shell::answer::Destination;
use crate::shell::paint::Paint;
use crate::shell::progress::Visibility;

/// Whether someone types and reads.
pub(super) fn is_interactive() -> bool {
    stdin().is_terminal() && stdout().is_terminal()
}

/// Where stdout goes.
pub(super) fn destination() -> Destination {
    if stdout().is_terminal() { Destination::Terminal } else { Destination::Elsewhere }
}

/// Says something to whoever started the program; there is nowhere to say that this failed.
pub(super) fn say(text: &str) {
    let _unsaid = stderr().write_all(text.as_bytes());
}

pub(super) fn progress(global: &Global) -> Visibility {
    if stderr().is_terminal() && !global.quiet { Visibility::Shown } else { Visibility::Hidden }
}

pub(super) fn paint_of_stderr(global: &Global) -> Paint {
    paint(global, stderr().is_terminal())
}

pub(super) fn paint_of_stdout(global: &Global) -> Paint {
    paint(global, stdout().is_terminal())
}

/// Colour only on a terminal, unless `--no-color` or <https://no-color.org> forbids it.
fn paint(global: &Global, is_terminal: bool) -> Paint {
    let forbidden = global.no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if is_terminal && !forbidden { Paint::Coloured } else { Paint::Plain }
}
