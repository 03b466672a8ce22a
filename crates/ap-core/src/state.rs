//! `state.toml`: what a node is, kept over crashes and reboots.

use serde::{Deserialize, Serialize};

use crate::message::Verb;
use crate::mode::{Mode, Role};

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct State {
    /// The mode.
    pub mode: Mode,
    /// The role.
    pub role: Role,
    /// Incremented by each promotion: who was last.
    pub epoch: u64,
    /// Without the other half: this node acknowledges alone. Only in mode `ap`, role active.
    #[serde(default)]
    pub solo: bool,
    /// This node gave up the active role and its database was fenced by SIGKILL
    /// within a session: its tail may hold what nobody was told succeeded.
    #[serde(default)]
    pub fenced: bool,
    /// The relay log (see `Answer::relay`) that held everything this node had
    /// acknowledged when it was fenced: the word that lets that standby promote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<String>,
    /// When the mode was entered, for people (RFC 3339).
    pub since: String,
    /// Who asked for it: `keepalived`, `boot`, `operator root`, ...
    pub who: String,
    /// Why.
    pub why: String,
    /// What is being done right now; resumed after a crash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intention: Option<Intention>,
}

/// Something begun and not finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Intention {
    /// Standby becoming standalone, with the epoch it will have.
    Promote {
        /// The new epoch.
        epoch: u64,
    },
    /// Leaving service for mode `m`; latched.
    Leave {
        /// The cause.
        why: String,
    },
    /// An operator's request, kept whole so that it can be resumed.
    Request {
        /// The request.
        request: crate::message::Request,
    },
}

impl State {
    /// A node that was never set up: nothing may start by itself.
    pub fn fresh() -> Self {
        Self {
            mode: Mode::M,
            role: Role::Standby,
            epoch: 0,
            solo: false,
            fenced: false,
            granted: None,
            since: String::new(),
            who: "install".into(),
            why: "never set up".into(),
            intention: None,
        }
    }

    /// Reads the text of `state.toml`.
    ///
    /// # Errors
    /// Says which key and what is allowed; a truncated file is an error, never a default.
    pub fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The text of `state.toml`.
    ///
    /// # Errors
    /// Never for a value of this type; passed on all the same.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// Whether an operator never said what this node is: hands off its units.
    pub fn is_fresh(&self) -> bool {
        self.epoch == 0 && self.intention.is_none()
    }

    /// Whether this node is the one whose data counts.
    pub fn serves(&self) -> bool {
        match self.mode {
            Mode::S => true,
            Mode::Ap => self.role == Role::Active,
            Mode::M => false,
        }
    }

    /// An operator asked this node, then active, for a switchover, and it has not ended.
    pub fn switching_over(&self) -> bool {
        matches!(&self.intention, Some(Intention::Request { request }) if request.verb == Verb::Switchover)
    }

    /// In the middle of it: the peer has this node's word that it acknowledges
    /// nothing any more.
    pub fn handing_over(&self) -> bool {
        self.switching_over() && self.fenced && self.mode == Mode::Ap && self.role == Role::Active
    }

    /// Whether no other node can serve: losing the VIP here is an outage, not a failover.
    pub fn alone(&self) -> bool {
        self.mode == Mode::S || (self.mode == Mode::Ap && self.role == Role::Active && self.solo)
    }
}
