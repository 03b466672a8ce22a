//! Which servers are supported.

use anyhow::{Result, bail};

/// MariaDB 10.5 is the first whose privileges and words this toolkit uses.
const OLDEST: (u32, u32) = (10, 5);

/// Checks the text of `version()`.
///
/// # Errors
/// MySQL, MariaDB before 10.5, or something unknown; says which.
pub fn check_version(version: &str) -> Result<()> {
    let (major, minor) = OLDEST;
    let needed = format!("MariaDB {major}.{minor} or later is needed");
    if !version.to_ascii_lowercase().contains("mariadb") {
        bail!("this is not MariaDB but MySQL or a relative ({version}); {needed}");
    }
    // Some proxies and old clients see "5.5.5-10.11.6-MariaDB".
    let plain = version.strip_prefix("5.5.5-").unwrap_or(version);
    let mut numbers = plain.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= OLDEST => Ok(()),
        (Some(Ok(major)), Some(Ok(minor))) => {
            bail!("MariaDB {major}.{minor} is too old ({version}); {needed}")
        }
        _ => bail!("MariaDB of unknown version ({version}); {needed}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for (version, expected) in [
            ("10.5.0-MariaDB", None),
            ("10.11.19-MariaDB-0+deb12u1-log", None),
            ("11.8.6-MariaDB-0+deb13u1 from Debian-log", None),
            ("12.0.1-MariaDB", None),
            ("5.5.5-10.6.1-MariaDB", None),
            ("10.4.34-MariaDB", Some("MariaDB 10.4 is too old (10.4.34-MariaDB); MariaDB 10.5 or later is needed")),
            ("5.5.68-MariaDB", Some("MariaDB 5.5 is too old (5.5.68-MariaDB); MariaDB 10.5 or later is needed")),
            (
                "8.0.36-0ubuntu0.22.04.1",
                Some(
                    "this is not MariaDB but MySQL or a relative (8.0.36-0ubuntu0.22.04.1); \
                     MariaDB 10.5 or later is needed",
                ),
            ),
            ("MariaDB", Some("MariaDB of unknown version (MariaDB); MariaDB 10.5 or later is needed")),
        ] {
            assert_eq!(check_version(version).err().map(|e| e.to_string()).as_deref(), expected, "{version}");
        }
    }
}
