//! Which servers are supported, and what one release can that another cannot.

use std::fmt;

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

/// A release of MariaDB: each difference that matters here has its name below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release(u32, u32, u32);

impl Release {
    /// Finds it in the text of `version()` or of `mariadbd --version`.
    pub fn find(text: &str) -> Option<Self> {
        let word = text.split_ascii_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
        let plain = word.strip_prefix("5.5.5-").unwrap_or(word);
        let mut numbers = plain.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().ok());
        Some(Self(numbers.next()??, numbers.next()??, numbers.next().flatten().unwrap_or(0)))
    }

    /// A start with `--init-rpl-role=SLAVE` takes out of the binary log, and rolls back,
    /// what was never acknowledged. From 10.6.19, 10.11.9 and 11.4.3 on (MDEV-33465);
    /// Debian 11 has 10.5.
    pub fn takes_back(self) -> bool {
        match self {
            Self(10, 6, patch) => patch >= 19,
            Self(10, 11, patch) => patch >= 9,
            Self(11, 4, patch) => patch >= 3,
            Self(11, minor, _) => minor > 4,
            Self(major, ..) => major > 11,
        }
    }

    /// `mariadb-binlog --start-position` takes a GTID. From 10.8 on (MDEV-4989); that of
    /// Debian 11 knows file positions only.
    pub fn binlog_from_gtid(self) -> bool {
        self >= Self(10, 8, 0)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_releases_can() {
        let debian = "mariadbd  Ver 10.5.29-MariaDB-0+deb11u1 for debian-linux-gnu on x86_64 (Debian 11)";
        for (text, takes_back, from_gtid) in [
            (debian, false, false),
            ("10.6.18", false, false),
            ("5.5.5-10.6.19-MariaDB", true, false),
            ("10.8.3-MariaDB", false, true),
            ("10.11.8-MariaDB-log", false, true),
            ("10.11.19-MariaDB-0+deb12u1", true, true),
            ("11.4.2", false, true),
            ("mariadbd  Ver 11.8.9-MariaDB-0+deb13u1 from Debian for debian-linux-gnu on x86_64", true, true),
            ("12.0.1-MariaDB", true, true),
        ] {
            let release = Release::find(text).unwrap();
            assert_eq!((release.takes_back(), release.binlog_from_gtid()), (takes_back, from_gtid), "{text}");
        }
        assert_eq!((Release::find(""), Release::find("MariaDB")), (None, None));
        assert_eq!(Release::find(debian).unwrap().to_string(), "10.5.29");
    }

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
