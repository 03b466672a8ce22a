//! What the agent is told: everything that comes from outside, and the end of
//! everything it ordered.

use std::collections::BTreeMap;
use std::time::Duration;

use super::effect::{Failure, Lease, Ticket};
use crate::answer::Answer;
use crate::event::Brief;
use crate::message::Message;
use crate::mode::{Fault, Vrrp};
use crate::observed::{DbStatus, Gateway, Units};
use crate::state::State;
use crate::verdict::Verdict;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Input {
    /// Time has passed.
    Tick,
    /// Lines of the FIFO, as many as there were: what comes together is sorted together.
    Lines(Vec<Message>),
    /// The peer's answer to a question, or why there was none.
    Heard {
        /// The moment of the question ([`super::Effect::Ask`]).
        asked: Duration,
        /// What came of it.
        answer: Result<Box<Answer>, String>,
    },
    /// What a look found, or what was noticed without one.
    Seen {
        /// The moment of the look ([`super::Effect::Look`]): what is seen is at least as new.
        at: Duration,
        /// What was seen.
        what: Seen,
    },
    /// The end of an act.
    Ended {
        /// Which.
        ticket: Ticket,
        /// Its output, or why it failed.
        result: Result<String, Failure>,
    },
    /// How far an act is that takes long; for people.
    Progress(String),
    /// What the file that keeps the lease holds now, or that it could not be written.
    LeaseKept(Result<Option<Lease>, String>),
    /// An event has its moment.
    Recorded(Brief),
}

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Seen {
    /// The database, or why it does not answer.
    Database {
        /// What it says.
        status: Result<Box<DbStatus>, String>,
        /// Names the server's process, over all boots; `None`: there is none.
        process: Option<String>,
    },
    /// The way out.
    Gateway(Gateway),
    /// systemd.
    Units {
        /// The four units, or why systemd did not say.
        units: Result<Box<Units>, String>,
        /// The machine is going down.
        shutting_down: bool,
    },
    /// Whether the VIP is here.
    Vip(bool),
    /// The track files that are set.
    Faults(Vec<Fault>),
    /// Whether the API is healthy, or why not.
    Api(Result<(), String>),
    /// The last verdict of each check that has run, and when it did (time since boot).
    Checks(BTreeMap<String, (Verdict, Duration)>),
}

/// What lay on disk at the start.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Kept {
    /// `state.toml`.
    pub state: State,
    /// Whether an intention in it is of this boot.
    pub same_boot: bool,
    /// keepalived's last state.
    pub vrrp: Option<Vrrp>,
    /// Whether the services are meant to run.
    pub started: bool,
    /// The lease that was kept.
    pub lease: Option<Lease>,
    /// What happened last.
    pub event: Option<Brief>,
}
