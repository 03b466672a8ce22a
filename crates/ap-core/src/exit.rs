//! The one table of exit codes. It is an interface: scripts branch on it.

use serde::Serialize;

/// How a program ends. `status` and `check` speak Nagios instead, trackers
/// only 0 or not 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// Done, healthy.
    Ok = 0,
    /// Refused or unhealthy; the reason was printed.
    Refused = 1,
    /// The command line is wrong.
    Usage = 64,
    /// Something needed (systemd, database, peer, ap-notify) does not answer.
    Unavailable = 69,
    /// A bug of ours.
    Software = 70,
    /// State cannot be written.
    CannotWrite = 73,
    /// A deadline passed.
    Deadline = 75,
    /// Not permitted.
    NoPermission = 77,
    /// The configuration is wrong.
    Config = 78,
}

impl Exit {
    /// The number the process ends with.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The code of this number, as another of our programs reported it.
    pub fn from_code(code: u8) -> Option<Self> {
        [
            Self::Ok,
            Self::Refused,
            Self::Usage,
            Self::Unavailable,
            Self::Software,
            Self::CannotWrite,
            Self::Deadline,
            Self::NoPermission,
            Self::Config,
        ]
        .into_iter()
        .find(|exit| exit.code() == code)
    }
}

/// How `status` and `check` end, in the words of Nagios plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// All is as it should be.
    Ok = 0,
    /// It serves; somebody should look.
    Warning = 1,
    /// It does not serve, or the next failure would lose service or data.
    Critical = 2,
    /// It could not be found out.
    Unknown = 3,
}

impl Level {
    /// The number the process ends with.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The word Nagios shows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}
