//! The one writer to standard output and error; a closed pipe is no panic.

use std::io::{Result, Write};

/// Data for the asker, newline added.
///
/// # Errors
/// Whatever the system says of standard output.
pub fn data(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Progress for whoever watches; lost without harm.
pub fn progress(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
