//! What comes through the FIFO: keepalived's lines, units that ended, requests.
//!
//! One line is one message and at most 4096 bytes, so that a write is atomic
//! (pipe(7), PIPE_BUF).

use serde::{Deserialize, Serialize};

use crate::mode::{Mode, Role, Service, Vrrp};
use crate::plan::Cause;

/// Longest line that the kernel writes in one piece.
pub const MAX_LINE: usize = 4096;

/// One line of the FIFO.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Message {
    /// `INSTANCE "ap" MASTER 254`, as keepalived writes it.
    Vrrp(Vrrp),
    /// `UNIT database stopped RESULT`, from the `ExecStopPost` drop-ins.
    Stopped {
        /// Which service.
        service: Service,
        /// `$SERVICE_RESULT` was `success`: somebody stopped it, it did not crash.
        clean: bool,
    },
    /// `UNIT database started`, from `ExecStartPost`.
    Started(Service),
    /// A request, as JSON.
    Request(Request),
}

/// What an operator, the boot or a scheduler asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Request {
    /// Names the reply pipe `RUN/reply/ID`; letters, digits and dashes.
    pub id: String,
    /// Who asks: `operator root`, `boot`, `at`, `cron`.
    pub who: String,
    /// Why, in the asker's words.
    #[serde(default)]
    pub why: String,
    /// What is asked.
    pub verb: Verb,
    /// Override a refusal that protects data.
    #[serde(default)]
    pub force: bool,
    /// Say what would be done, and do nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Verb {
    /// `ap-mode set MODE`.
    Set {
        /// The mode wanted.
        mode: Mode,
        /// Role in a fresh pair.
        #[serde(default)]
        role: Option<Role>,
        /// Copy the peer's data first.
        #[serde(default)]
        reseed: bool,
    },
    /// `ap-mode start`.
    Start,
    /// `ap-mode stop`.
    Stop,
    /// `ap-mode restart`.
    Restart,
    /// `ap-mode switchover`.
    Switchover,
}

impl Verb {
    /// Whether this is `set` with that mode.
    pub fn is_set(&self, wanted: Mode) -> bool {
        matches!(self, Self::Set { mode, .. } if *mode == wanted)
    }
}

/// Why a line was not understood.
#[derive(Debug, PartialEq, Eq)]
pub struct BadLine(pub String);

impl std::fmt::Display for BadLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadLine {}

impl Message {
    /// What this says of keepalived's state, if anything.
    pub fn vrrp(&self) -> Option<Vrrp> {
        match self {
            Self::Vrrp(word) => Some(*word),
            Self::Stopped { service: Service::Keepalived, .. } => Some(Vrrp::Stop),
            _ => None,
        }
    }

    /// What came, in a sentence; requests are recorded with what became of them.
    pub fn told(&self) -> Option<String> {
        match self {
            Self::Vrrp(vrrp) => Some(Cause::Vrrp(*vrrp).to_string()),
            Self::Stopped { service, clean: true } => Some(format!("{service} was stopped")),
            Self::Stopped { service, clean: false } => Some(Cause::Gone(*service).to_string()),
            Self::Started(service) => Some(format!("{service} was started")),
            Self::Request(_) => None,
        }
    }

    /// Reads one line. `Ok(None)` for lines that concern other instances or
    /// that say nothing about this node (`DELETED`, priority changes).
    ///
    /// # Errors
    /// A line of unknown form; garbage is reported and otherwise ignored.
    pub fn parse(line: &str, instance: &str) -> Result<Option<Self>, BadLine> {
        let line = line.trim();
        if line.starts_with('{') {
            let request: Request =
                serde_json::from_str(line).map_err(|error| BadLine(format!("not a request: {error}")))?;
            if request.id.is_empty() || !request.id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
                return Err(BadLine(format!("request id '{}' is not made of letters, digits and dashes", request.id)));
            }
            return Ok(Some(Self::Request(request)));
        }
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words.as_slice() {
            ["INSTANCE" | "GROUP", name, word, ..] => {
                if name.trim_matches('"') != instance {
                    return Ok(None);
                }
                match *word {
                    "DELETED" => Ok(Some(Self::Vrrp(Vrrp::Stop))),
                    "MASTER_RX_LOWER_PRI" | "MASTER_PRIORITY" | "BACKUP_PRIORITY" => Ok(None),
                    word => word.parse().map(|vrrp| Some(Self::Vrrp(vrrp))).map_err(|error| BadLine(error.to_string())),
                }
            }
            ["UNIT", service, "stopped", result] => Ok(Some(Self::Stopped {
                service: service.parse().map_err(|error: crate::mode::UnknownWord| BadLine(error.to_string()))?,
                clean: *result == "success",
            })),
            ["UNIT", service, "started"] => {
                service.parse().map(|service| Some(Self::Started(service))).map_err(|error| BadLine(error.to_string()))
            }
            [] => Ok(None),
            _ => Err(BadLine(format!("not understood: {:?}", line.chars().take(80).collect::<String>()))),
        }
    }

    /// The line as written into the FIFO, newline included.
    pub fn to_line(&self, instance: &str) -> String {
        match self {
            Self::Vrrp(vrrp) => format!("INSTANCE \"{instance}\" {vrrp} 0\n"),
            Self::Stopped { service, clean } => {
                format!("UNIT {service} stopped {}\n", if *clean { "success" } else { "crash" })
            }
            Self::Started(service) => format!("UNIT {service} started\n"),
            Self::Request(request) => {
                format!("{}\n", serde_json::to_string(request).unwrap_or_default())
            }
        }
    }
}

/// One line on the reply pipe of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    /// A step begins, or progress of one.
    Step {
        /// What is done, as `--dry-run` prints it.
        text: String,
    },
    /// The end.
    Done {
        /// Exit code of the asker.
        exit: u8,
        /// What came of it, and the way forward if it was refused.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let table: [(&str, Option<Message>); 7] = [
            ("INSTANCE \"ap\" MASTER 254\n", Some(Message::Vrrp(Vrrp::Master))),
            ("INSTANCE \"ap\" STOP 254", Some(Message::Vrrp(Vrrp::Stop))),
            ("GROUP \"other\" FAULT 254", None),
            ("UNIT database stopped signal", Some(Message::Stopped { service: Service::Database, clean: false })),
            ("UNIT api stopped success", Some(Message::Stopped { service: Service::Api, clean: true })),
            ("UNIT api started", Some(Message::Started(Service::Api))),
            ("", None),
        ];
        for (line, expected) in table {
            assert_eq!(Message::parse(line, "ap"), Ok(expected), "{line}");
        }
    }

    #[test]
    fn garbage_is_an_error() {
        for line in ["MASTER", "INSTANCE \"ap\" SLAVE 1", "UNIT disk started", "{\"id\":1}", "\u{0}\u{1}"] {
            assert!(Message::parse(line, "ap").is_err(), "{line:?}");
        }
    }

    #[test]
    fn a_request_survives_the_fifo() {
        let message = Message::Request(Request {
            id: "42-1".into(),
            who: "operator root".into(),
            why: "test".into(),
            verb: Verb::Set { mode: Mode::Ap, role: Some(Role::Active), reseed: false },
            force: false,
            dry_run: false,
        });
        assert_eq!(Message::parse(&message.to_line("ap"), "ap"), Ok(Some(message)));
    }
}
