//! Standard output and standard error, for all that both programs print.
//!
//! A reader may go before the end, as `head` does. Then the program ends quietly, with the exit code that a shell shows of programs
//! that the signal PIPE ended. Any other failure, such as a full disk, is an error like others.

use std::fmt::{Arguments, Display};
use std::io::{ErrorKind, Result, Stdout, Write};

/// The exit code when the reader has gone: 128 and the number of the signal PIPE.
const READER_HAS_GONE: i32 = 141;

/// What is printed could not be written.
#[derive(Debug, thiserror::Error)]
#[error("standard output cannot be written: {0}")]
pub struct NotPrinted(#[from] std::io::Error);

impl From<NotPrinted> for String {
    fn from(error: NotPrinted) -> String {
        error.to_string()
    }
}

impl From<NotPrinted> for Vec<String> {
    fn from(error: NotPrinted) -> Vec<String> {
        vec![error.to_string()]
    }
}

/// Prints all of a text, or bytes.
///
/// # Errors
/// When they cannot be written, but for a reader that has gone: that ends the process.
pub fn print(text: impl AsRef<[u8]>) -> std::result::Result<(), NotPrinted> {
    let mut out = StandardOutput::new();
    out.write_all(text.as_ref())?;
    Ok(out.flush()?)
}

/// Prints a line.
///
/// # Errors
/// As [`print()`].
pub fn print_line(line: impl Display) -> std::result::Result<(), NotPrinted> {
    print(format!("{line}\n"))
}

/// A line for people, on standard error. There is no place to say that it cannot be written.
pub fn warn(line: Arguments<'_>) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// A part of a line for people, on standard error, at once.
pub fn prompt(text: Arguments<'_>) {
    let mut error = std::io::stderr().lock();
    let _ = write!(error, "{text}").and_then(|()| error.flush());
}

/// Standard output as a writer, for what is too large to be held. Flush it at the end.
pub struct StandardOutput(Stdout);

impl StandardOutput {
    /// The one of this process.
    pub fn new() -> StandardOutput {
        StandardOutput(std::io::stdout())
    }
}

impl Default for StandardOutput {
    fn default() -> StandardOutput {
        StandardOutput::new()
    }
}

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        end_without_reader(self.0.write(bytes))
    }

    fn flush(&mut self) -> Result<()> {
        end_without_reader(self.0.flush())
    }
}

fn end_without_reader<T>(written: Result<T>) -> Result<T> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(READER_HAS_GONE),
        written => written,
    }
}
