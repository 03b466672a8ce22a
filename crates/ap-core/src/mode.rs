//! The words every program of the pair shares: mode, role, VRRP state, unit.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A word that is none of those allowed.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownWord {
    /// What was read.
    pub word: String,
    /// What may stand there, for the error message.
    pub allowed: &'static str,
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown word '{}', allowed: {}", self.word, self.allowed)
    }
}

impl std::error::Error for UnknownWord {}

/// Defines an enum of words: what is written, parsed and printed is the same word.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident, $allowed:literal, { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// The word as files, messages and people write it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { word: word.to_owned(), allowed: $allowed }),
                }
            }
        }
    };
}

words!(
    /// What a node is for, as the operator's table says.
    Mode, "ap, s, m", {
        /// Active-standby: one half of a pair. Starts only when told to.
        Ap = "ap",
        /// Standalone: holds the data alone, may come back by itself after a reboot.
        S = "s",
        /// Maintenance: out of service, everything masked.
        M = "m",
    }
);

words!(
    /// Which half of the pair a node is.
    Role, "active, standby", {
        /// Holds, or last held, the truth.
        Active = "active",
        /// Receives it.
        Standby = "standby",
    }
);

words!(
    /// What keepalived says of its instance, in the words of its notify interface.
    Vrrp, "MASTER, BACKUP, FAULT, STOP", {
        /// Holds the VIP.
        Master = "MASTER",
        /// Waits for it.
        Backup = "BACKUP",
        /// A tracked thing is bad; the VIP is given away.
        Fault = "FAULT",
        /// keepalived is leaving, or gone.
        Stop = "STOP",
    }
);

words!(
    /// The three services of a node, in starting order.
    Service, "database, api, keepalived", {
        /// MariaDB.
        Database = "database",
        /// The REST API.
        Api = "api",
        /// keepalived.
        Keepalived = "keepalived",
    }
);

words!(
    /// A file that keepalived tracks: not zero means this node gives the VIP away.
    Fault, "db, api, role", {
        /// The database is down.
        Db = "db",
        /// The API is down.
        Api = "api",
        /// The node may not be what keepalived would make it.
        Role = "role",
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_as_written() {
        for mode in [Mode::Ap, Mode::S, Mode::M] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        assert_eq!("STOP".parse(), Ok(Vrrp::Stop));
    }

    #[test]
    fn an_unknown_word_names_what_is_allowed() {
        let error = "standby".parse::<Mode>().unwrap_err();
        assert_eq!(error.to_string(), "unknown word 'standby', allowed: ap, s, m");
    }
}
