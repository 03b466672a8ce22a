//! The way into ap-notify: one line into the FIFO of `ap-notify.socket`.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{Error, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;

/// Why a line is not in the FIFO. Who sent it knows what that means, and says it.
#[derive(Debug)]
pub enum SendError {
    /// The FIFO is not there, or nobody has it open to read.
    Absent(Error),
    /// It cannot be opened for another reason, most likely permissions.
    Open(Error),
    /// The pipe has no room: whoever has it open does not read.
    Full(Error),
    /// Only the beginning of the line was taken: longer than what a pipe takes in
    /// one piece, or no FIFO at all.
    Partly {
        /// Bytes taken.
        written: usize,
    },
    /// It cannot be written to for another reason.
    Write(Error),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(_) => f.write_str("the FIFO is not there or nobody reads it"),
            Self::Open(_) => f.write_str("failed to open the FIFO"),
            Self::Full(_) => f.write_str("the FIFO is full"),
            Self::Partly { written } => write!(f, "the FIFO took only {written} bytes of the line"),
            Self::Write(_) => f.write_str("failed to write to the FIFO"),
        }
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Absent(error) | Self::Open(error) | Self::Full(error) | Self::Write(error) => Some(error),
            Self::Partly { .. } => None,
        }
    }
}

/// Puts `line` into the FIFO at `path`. Never waits: whoever calls this must not
/// hang because ap-notify does.
///
/// # Errors
/// The line is not, or not whole, in the FIFO.
pub fn send(path: &Path, line: &str) -> Result<(), SendError> {
    // Not created, and not waited for: without a reader open fails with ENXIO.
    let mut fifo = OpenOptions::new().write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path).map_err(
        |error| match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOENT | Errno::ENXIO) => SendError::Absent(error),
            _ => SendError::Open(error),
        },
    )?;
    // At most MAX_LINE bytes, so the kernel takes all of it or nothing.
    match fifo.write(line.as_bytes()) {
        Ok(written) if written == line.len() => Ok(()),
        Ok(written) => Err(SendError::Partly { written }),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(SendError::Full(error)),
        Err(error) => Err(SendError::Write(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::Mode;
    use std::io::Read;

    #[test]
    fn each_way_to_fail_has_its_name() {
        let dir = std::env::temp_dir().join(format!("ap-host-fifo-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("fifo");
        assert!(matches!(send(&path, "x\n"), Err(SendError::Absent(_))), "no FIFO");
        assert!(matches!(send(&dir, "x\n"), Err(SendError::Open(_))), "a directory");
        nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
        assert!(matches!(send(&path, "x\n"), Err(SendError::Absent(_))), "no reader");
        let mut reader = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&path).unwrap();
        send(&path, "one\n").unwrap();
        let mut bytes = [0; 64];
        let read = reader.read(&mut bytes).unwrap();
        assert_eq!(&bytes[..read], b"one\n");
        // No pipe is that large unless somebody asked for it.
        let long = "x".repeat(4 << 20);
        assert!(matches!(send(&path, &long), Err(SendError::Partly { written }) if written < long.len()));
        assert!(matches!(send(&path, "x\n"), Err(SendError::Full(_))));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
