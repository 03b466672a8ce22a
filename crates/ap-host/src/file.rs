//! Files that are whole or not there, whatever happens in between.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{Error, Result, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// Tells the temporaries of two threads apart.
static SERIAL: AtomicU32 = AtomicU32::new(0);

/// Replaces `path` by `bytes` with exactly `mode`, whatever the umask: a
/// temporary in the same directory, synced, renamed, the directory synced.
///
/// # Errors
/// Whatever the file system says; then `path` is as it was.
pub fn write_atomically(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let name = path.file_name().ok_or_else(|| Error::other(format!("{} is no file name", path.display())))?;
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let temporary = dir.join(format!(".{}.{}.{serial}.tmp", name.to_string_lossy(), std::process::id()));
    let written = write_new(&temporary, bytes, mode).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // Best effort: the error that counts is the one above.
        let _ = std::fs::remove_file(&temporary);
    }
    written?;
    File::open(dir)?.sync_all()
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    // A leftover of a process that had our id before.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

/// Makes sure that the directory exists, its parents too; a directory made here
/// gets exactly `mode`, whatever the umask (0177 under keepalived).
///
/// # Errors
/// Whatever the file system says.
pub fn make_dir(path: &Path, mode: u32) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_dir(parent, mode)?;
    }
    match std::fs::create_dir(path) {
        Ok(()) => std::fs::set_permissions(path, Permissions::from_mode(mode)),
        // Another check may have been quicker.
        Err(_) if path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_with_its_mode_and_leaves_no_temporary() {
        let dir = std::env::temp_dir().join(format!("ap-host-file-{}", std::process::id()));
        make_dir(&dir.join("a/b"), 0o755).unwrap();
        let path = dir.join("a/b/state");
        for (bytes, mode) in [(&b"one"[..], 0o600), (b"two", 0o644)] {
            write_atomically(&path, bytes, mode).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
        }
        assert_eq!(std::fs::read_dir(dir.join("a/b")).unwrap().count(), 1);
        assert!(write_atomically(&dir.join("none/state"), b"", 0o600).is_err());
        assert!(write_atomically(&dir.join("a"), b"", 0o600).is_err());
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
