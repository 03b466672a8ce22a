//! One line to the systemd journal, for programs whose standard error is /dev/null.
//!
//! The native protocol, as systemd documents it: a datagram of `FIELD=value`
//! lines; a value with a newline in it is written as length and bytes.

use std::io::Result;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// Where journald listens.
const SOCKET: &str = "/run/systemd/journal/socket";

/// Longest message, in bytes; what is longer does not fit a datagram for sure.
const LONGEST: usize = 16 * 1024;

/// How much it matters, in syslog's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Somebody has to act.
    Error = 3,
    /// Somebody should look.
    Warning = 4,
    /// Worth noting: a change.
    Notice = 5,
    /// For the record.
    Info = 6,
}

/// Writes one entry. Never waits: a journal that hangs must not make a check hang.
///
/// # Errors
/// There is no journal, or it is not reading. Most callers let that pass: there
/// is nobody left to tell.
pub fn log(identifier: &str, priority: Priority, text: &str) -> Result<()> {
    log_to(Path::new(SOCKET), identifier, priority, text)
}

fn log_to(socket: &Path, identifier: &str, priority: Priority, text: &str) -> Result<()> {
    let journal = UnixDatagram::unbound()?;
    journal.set_nonblocking(true)?;
    journal.send_to(&entry(identifier, priority, text), socket)?;
    Ok(())
}

fn entry(identifier: &str, priority: Priority, text: &str) -> Vec<u8> {
    let mut entry = format!("SYSLOG_IDENTIFIER={identifier}\nPRIORITY={}\n", priority as u8).into_bytes();
    let text = &text.as_bytes()[..text.len().min(LONGEST)];
    if text.contains(&b'\n') {
        entry.extend_from_slice(b"MESSAGE\n");
        entry.extend_from_slice(&(text.len() as u64).to_le_bytes());
    } else {
        entry.extend_from_slice(b"MESSAGE=");
    }
    entry.extend_from_slice(text);
    entry.push(b'\n');
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_follow_the_protocol() {
        let table: &[(&str, &[u8])] = &[
            ("good: it is", b"SYSLOG_IDENTIFIER=ap-track-nic\nPRIORITY=5\nMESSAGE=good: it is\n"),
            ("a\nb", b"SYSLOG_IDENTIFIER=ap-track-nic\nPRIORITY=5\nMESSAGE\n\x03\0\0\0\0\0\0\0a\nb\n"),
        ];
        for (text, expected) in table {
            assert_eq!(entry("ap-track-nic", Priority::Notice, text), *expected);
        }
    }

    #[test]
    fn a_missing_journal_is_an_error_and_no_wait() {
        assert!(log_to(Path::new("/nonexistent"), "x", Priority::Info, "y").is_err());
    }
}
