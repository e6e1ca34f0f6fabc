//! What a command prints, and the one place that prints.
//!
//! Lines go out whole, one write each, so that a reader down a pipe sees them as they are said. A reader that has gone
//! away (`holdfast demo | head`) is no failure: what it does not want to read is dropped.

use std::env;
use std::fmt::{self, Display};
use std::io::{self, ErrorKind, IsTerminal, Write};

/// How a piece of text stands out on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Headings.
    Bold,
    /// What matters less.
    Dim,
    /// What went well.
    Green,
    /// What to look at.
    Yellow,
    /// What went wrong.
    Red,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Red => "31",
        }
    }
}

/// Prints a line to standard output.
pub fn line<T: Display + ?Sized>(text: &T) {
    if let Err(failure) = write_line(&mut io::stdout().lock(), text) {
        error(&format!("standard output cannot be written: {failure}"));
    }
}

/// Prints a line to standard error. That it cannot be read there is nothing to act on.
pub fn error<T: Display + ?Sized>(text: &T) {
    let output = Palette::of(io::stderr().is_terminal());
    drop(write_line(
        &mut io::stderr().lock(),
        &format_args!("{} {text}", output.styled(Style::Red, "error:")),
    ));
}

/// Shows how far something is, in place of what was shown before, if standard error is a terminal.
pub fn progress(text: &str) {
    let mut to = io::stderr().lock();
    if to.is_terminal() {
        drop(write!(to, "\r\u{1b}[K{text}").and_then(|()| to.flush()));
    }
}

/// What standard output can show.
#[derive(Debug, Clone, Copy)]
pub struct Palette {
    colour: bool,
}

impl Palette {
    /// Standard output's: in colour if it is a terminal and `NO_COLOR` is not set.
    #[must_use]
    pub fn standard() -> Self {
        Self::of(io::stdout().is_terminal())
    }

    fn of(is_terminal: bool) -> Self {
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            colour: is_terminal && !refused,
        }
    }

    /// The text, made to stand out if the output can show it.
    #[must_use]
    pub fn styled<T: Display>(self, style: Style, text: T) -> Styled<T> {
        let style = self.colour.then_some(style);
        Styled { style, text }
    }
}

/// A text that may stand out.
#[derive(Debug, Clone, Copy)]
pub struct Styled<T> {
    style: Option<Style>,
    text: T,
}

impl<T: Display> Display for Styled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.style {
            Some(style) => write!(f, "\u{1b}[{}m{}\u{1b}[0m", style.code(), self.text),
            None => self.text.fmt(f),
        }
    }
}

fn write_line<T: Display + ?Sized>(to: &mut impl Write, text: &T) -> io::Result<()> {
    let line = format!("{text}\n");
    match to.write_all(line.as_bytes()).and_then(|()| to.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_gone_away_is_no_failure() {
        write_line(&mut Failing(ErrorKind::BrokenPipe), "text").expect("dropped");
        write_line(&mut Failing(ErrorKind::StorageFull), "text").expect_err("a full disk is one");
    }

    #[test]
    fn text_is_plain_without_colour() {
        let text = |colour| Palette { colour }.styled(Style::Red, "no").to_string();
        assert_eq!(text(false), "no");
        assert_eq!(text(true), "\u{1b}[31mno\u{1b}[0m");
    }
}
