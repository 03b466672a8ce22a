//! Reading `/etc/ap/ap.toml` from disk.

use std::fmt;
use std::path::{Path, PathBuf};

use ap_core::config::{Config, ConfigError};

/// Where the configuration is unless said otherwise.
pub const CONFIG_FILE: &str = "/etc/ap/ap.toml";

/// Names another configuration file, for tests and for a second pair on a host.
pub const CONFIG_ENV: &str = "AP_CONFIG";

/// Longest configuration that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// Why there is no configuration. A program that gets this ends with
/// [`ap_core::exit::Exit::Config`].
#[derive(Debug)]
pub enum LoadError {
    /// The file cannot be read.
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file is wrong.
    Wrong(ConfigError),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, error } => {
                write!(f, "failed to read the configuration {}: {error}", path.display())
            }
            Self::Wrong(error) => error.fmt(f),
        }
    }
}

// No `source`: Display already says all of it.
impl std::error::Error for LoadError {}

/// The configuration file: the one asked for, else `$AP_CONFIG`, else the default.
pub fn config_path(asked: Option<PathBuf>) -> PathBuf {
    asked.or_else(|| std::env::var_os(CONFIG_ENV).map(PathBuf::from)).unwrap_or_else(|| CONFIG_FILE.into())
}

/// Reads, parses and checks the configuration.
///
/// # Errors
/// Each names the file.
pub fn load_config(path: &Path) -> Result<Config, LoadError> {
    let text = read(path).map_err(|error| LoadError::Read { path: path.to_owned(), error })?;
    ap_core::config::parse(&text, &path.display().to_string()).map_err(LoadError::Wrong)
}

fn read(path: &Path) -> std::io::Result<String> {
    let length = std::fs::metadata(path)?.len();
    if length > LONGEST {
        return Err(std::io::Error::other(format!("{length} bytes is no configuration")));
    }
    std::fs::read_to_string(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_named() {
        let error = load_config(Path::new("/nonexistent/ap.toml")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "failed to read the configuration /nonexistent/ap.toml: No such file or directory (os error 2)"
        );
    }
}
