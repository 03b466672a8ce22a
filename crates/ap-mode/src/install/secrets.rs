//! The credentials file: made once, on one host, and copied to the other.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, Result};
use ap_core::exit::Exit;

use crate::failure::Failure;

/// Only root.
const MODE: u32 = 0o600;
const DIR_MODE: u32 = 0o755;
/// 128 bits, 32 characters: the longest that `MASTER_PASSWORD` takes everywhere.
const BYTES: usize = 16;

/// Writes the credentials file with new random passwords.
///
/// # Errors
/// No randomness, or [`Exit::CannotWrite`].
pub fn create(path: &Path, codename: &str) -> Result<()> {
    let text = format!(
        "# Accounts of the pair in MariaDB. The same file on both hosts, readable by root alone.\n\
         user = \"{codename}\"\npassword = \"{}\"\n\
         replication-user = \"{codename}-repl\"\nreplication-password = \"{}\"\n",
        password()?,
        password()?
    );
    let dir = path.parent().unwrap_or(Path::new("/"));
    ap_host::make_dir(dir, DIR_MODE)
        .and_then(|()| ap_host::write_atomically(path, text.as_bytes(), MODE))
        .with_context(|| Failure::new(Exit::CannotWrite, format!("failed to write {}", path.display())))
}

fn password() -> Result<String> {
    let mut bytes = [0; BYTES];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .context("failed to read /dev/urandom")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn passwords_are_random_and_readable_by_root_alone() {
        let dir = std::env::temp_dir().join(format!("ap-mode-secrets-{}", std::process::id()));
        let path = dir.join("credentials.toml");
        create(&path, "ap").unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, MODE);
        let table: toml::Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        assert_eq!(table["user"].as_str(), Some("ap"));
        assert_eq!(table["password"].as_str().unwrap().len(), 32);
        assert_ne!(table["password"], table["replication-password"]);
        ap_db::credentials::Credentials::read(&path).unwrap();
        std::fs::remove_dir_all(dir).unwrap();
    }
}
