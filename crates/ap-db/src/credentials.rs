//! The file of secrets: who we are to MariaDB, and who the replica is.

use std::fmt;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// Longest file that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

const KEYS: [&str; 4] = ["user", "password", "replication-user", "replication-password"];

/// Two accounts. Printing it for debugging shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The account of this toolkit, on the local socket.
    pub user: String,
    /// Its password.
    pub password: String,
    /// The account with which each node replicates from the other.
    pub replication_user: String,
    /// Its password.
    pub replication_password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .field("replication_user", &self.replication_user)
            .finish_non_exhaustive()
    }
}

/// Why there are no credentials. Names the file, never what is in it. A program
/// that gets this ends with [`ap_core::exit::Exit::Config`].
#[derive(Debug)]
pub struct CredentialsError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "credentials file {}: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for CredentialsError {}

impl Credentials {
    /// Reads the file: TOML with `user`, `password`, `replication-user` and
    /// `replication-password`, closed to group and others.
    ///
    /// # Errors
    /// Missing, readable by others than its owner, or not of this form.
    pub fn read(path: &Path) -> Result<Self, CredentialsError> {
        read(path).map_err(|why| CredentialsError { path: path.to_owned(), why })
    }

    /// Takes the text of the file apart.
    ///
    /// # Errors
    /// Says which key is missing, unknown or no text; never a value.
    pub fn parse(text: &str) -> Result<Self, String> {
        // The reader's own message may quote the line, and with it a password.
        let mut table: Table = toml::from_str(text).map_err(|error: toml::de::Error| {
            let line =
                error.span().map_or(0, |span| 1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count());
            format!("line {line} is not TOML: wanted is key = \"text\"")
        })?;
        let mut take = |key: &str| match table.remove(key) {
            Some(Value::String(value)) if !value.is_empty() => Ok(value),
            Some(Value::String(_)) => Err(format!("'{key}' is empty")),
            Some(_) => Err(format!("'{key}' must be a text in quotes")),
            None => Err(format!("'{key}' is missing")),
        };
        let [user, password, replication_user, replication_password] = KEYS;
        let credentials = Self {
            user: take(user)?,
            password: take(password)?,
            replication_user: take(replication_user)?,
            replication_password: take(replication_password)?,
        };
        match table.keys().next() {
            None => Ok(credentials),
            Some(unknown) => Err(format!("unknown key '{unknown}', allowed: {}", KEYS.join(", "))),
        }
    }
}

fn read(path: &Path) -> Result<Credentials, String> {
    let io = |error: std::io::Error| format!("cannot be read: {error}");
    // One descriptor for both: what is judged is what is read.
    let file = std::fs::File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err("is not a file".into());
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(format!(
            "has mode {mode:04o}, open to others than its owner; wanted is 0600: chmod 0600 {}",
            path.display()
        ));
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(io)?;
    Credentials::parse(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "user = \"ap\"\npassword = \"secret1\"\n\
                        replication-user = \"apr\"\nreplication-password = \"secret2\"\n";

    #[test]
    fn what_is_wrong_is_said_without_a_secret() {
        let table = [
            ("", "", "fine"),
            ("password = \"secret1\"\n", "", "'password' is missing"),
            ("\"secret2\"", "\"\"", "'replication-password' is empty"),
            ("\"secret1\"", "123456", "'password' must be a text in quotes"),
            ("\"secret1\"", "secret1", "line 2 is not TOML: wanted is key = \"text\""),
            (
                "password =",
                "pasword = \"secret1\"\npassword =",
                "unknown key 'pasword', allowed: user, password, replication-user, replication-password",
            ),
        ];
        for (from, to, expected) in table {
            let said = match Credentials::parse(&GOOD.replacen(from, to, 1)) {
                Ok(_) => "fine".into(),
                Err(why) => why,
            };
            assert_eq!(said, expected);
            assert!(!said.contains("secret"));
        }
    }

    #[test]
    fn a_file_open_to_others_is_refused_with_its_mode() {
        let path = std::env::temp_dir().join(format!("ap-db-credentials-{}", std::process::id()));
        std::fs::write(&path, GOOD).unwrap();
        for (mode, good) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o666, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            match Credentials::read(&path) {
                Ok(credentials) => {
                    assert!(good);
                    assert!(!format!("{credentials:?}").contains("secret"));
                }
                Err(error) => {
                    assert!(!good);
                    let start = format!("credentials file {}: has mode {mode:04o},", path.display());
                    assert!(error.to_string().starts_with(&start), "{error}");
                }
            }
        }
        std::fs::remove_file(&path).unwrap();
        assert!(Credentials::read(&path).unwrap_err().to_string().contains("cannot be read"));
    }
}
