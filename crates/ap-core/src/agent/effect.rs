//! What the agent wants done. Data in words of the domain, no more: who carries it
//! out is an adapter of `ap-notify`, or a simulated world.

use std::time::Duration;

use crate::answer::Answer;
use crate::event::Event;
use crate::exit::Exit;
use crate::gtid::{Gtid, GtidPos, GtidState};
use crate::message::Reply;
use crate::mode::{Fault, Service, Vrrp};
use crate::sql::Sql;
use crate::state::State;
use crate::step::Step;

/// Names an act that is under way; its end comes back under the same number
/// ([`super::Input::Ended`]). Numbers are used again once nothing is under way by them.
pub type Ticket = u32;

/// A lease as it is kept for a restart of the program: its end (time since boot)
/// and the relay log it is for.
pub type Lease = (Duration, String);

/// What is to be done, in this order. Effects do not wait for one another unless
/// they are of one kind. A plan orders an act only when its act before has ended;
/// beside it there may be the active's orders, the fence command, a track file, and
/// what was left behind.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// From here on the peer is told this. Comes before everything else but a fault,
    /// because the answer holds promises: see [`Answer::lease`] and [`Answer::grant`].
    Publish(Box<Answer>),
    /// keepalived's state, kept for a restart of the program: it is not said twice.
    /// Before anything but a fault is done about it.
    KeepVrrp(Vrrp),
    /// A step of a plan begins.
    Begin(Step),
    /// Carry this out, and tell how it ended ([`super::Input::Ended`]).
    Act {
        /// Names it.
        ticket: Ticket,
        /// What to do.
        act: Act,
    },
    /// Ask the peer what it is ([`super::Input::Heard`]).
    Ask {
        /// The moment that counts as that of the question (time since boot).
        asked: Duration,
        /// Longest wait for the answer.
        deadline: Duration,
    },
    /// Look at something ([`super::Input::Seen`]).
    Look {
        /// The moment that counts as that of the look (time since boot).
        at: Duration,
        /// At what.
        what: Look,
    },
    /// Keep the lease for a restart of the program, or remove the one that is kept
    /// ([`super::Input::LeaseKept`]).
    KeepLease(Option<Lease>),
    /// Keep the peer's answer, for people.
    KeepPeer(Box<Answer>),
    /// Save the relay logs before something throws them away. Nothing waits for it.
    SaveRelayLogs(GtidPos),
    /// Append to the history ([`super::Input::Recorded`]); the moment is filled in.
    Record(Event),
    /// Tell whoever waits for the outcome of a request.
    Reply {
        /// Names the reply pipe.
        id: String,
        /// What to say.
        reply: Reply,
    },
    /// Run the operator's alert command.
    Alert {
        /// Kind: `refusal`, `failure`, `protection`, `change`, `fence`; ap-notify adds
        /// `relay-logs`.
        kind: &'static str,
        /// What happened.
        text: String,
    },
    /// A line for the journal that is no event of the history.
    Log(String),
    /// The same, of something that went wrong.
    Warn(String),
}

/// Something to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Look {
    /// The database, with the name of its process.
    Database,
    /// The way out.
    Gateway,
    /// systemd's units; patiently where an operator waits, else in passing: something
    /// more urgent may come meanwhile.
    Units {
        /// Wait for seconds instead of one.
        patient: bool,
    },
    /// Whether the VIP is on the network interface.
    Vip,
    /// keepalived's track files.
    Faults,
    /// The API, by its own check.
    Api,
    /// What the checks of keepalived found last.
    Checks,
}

/// One thing that an adapter does. Can be repeated, and killed half-way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Act {
    /// Write `state.toml`, durably, then the mode file. An empty `since` means now;
    /// the output is the moment written.
    Save(Box<State>),
    /// Set or clear one of keepalived's track files. Setting one is the first of all
    /// effects that are ordered together.
    Fault(Fault, bool),
    /// Remember whether the services are meant to run.
    Started(bool),
    /// Statements in one session, in this order.
    Sql {
        /// The statements.
        statements: Vec<Sql>,
        /// Longest run of all of them.
        limit: Duration,
    },
    /// Wait until everything up to this position is applied; output `applied`, or
    /// nothing when the slice is over.
    WaitApplied {
        /// By GTID.
        position: GtidPos,
        /// Longest wait.
        slice: Duration,
    },
    /// SIGKILL for all processes of a service, and wait until none lives.
    Kill {
        /// Which.
        service: Service,
        /// Longest wait.
        limit: Duration,
    },
    /// Start a unit, unless it runs, and wait until systemd says that it does.
    Start {
        /// Which.
        service: Service,
        /// Longest wait.
        limit: Duration,
    },
    /// Stop a unit in the ordinary way.
    Stop {
        /// Which.
        service: Service,
        /// Longest wait.
        limit: Duration,
    },
    /// Change what may start, then have systemd read its files.
    UnitFiles(Vec<(FileChange, Vec<String>)>),
    /// The next start of the database truncates the tail of its binary log, or no
    /// longer. Output: why the installed release cannot, or nothing.
    TruncateAtStart(bool),
    /// Put the VIP on the network interface, or take it off.
    Vip(bool),
    /// Make the peer unreachable from here, or reachable again.
    Unreachable(bool),
    /// Run the fence command. Output: nothing.
    Fence(Vec<String>),
    /// Look whether the data directory is a copy: output `copied`, `unfinished` or nothing.
    DataMark,
    /// Save a part of the binary log as SQL, read offline. Output: where, for the operator.
    SaveTail(Tail),
    /// Save the relay logs, named by the position that was applied.
    SaveRelayLogs(GtidPos),
    /// Replace the own data by the peer's.
    Reseed,
}

/// A part of the own binary log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Tail {
    /// All that this server wrote beyond what the peer knows of it.
    Own(GtidState),
    /// What these servers wrote after these transactions.
    Parts(Vec<Part>),
}

/// What one server wrote after its last transaction that the peer has, too. What
/// others wrote after that is common, or a part of its own: whoever reads the tail
/// must find there what is given up, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Part {
    /// That transaction; none when the peer has none.
    pub after: Option<Gtid>,
    /// Who wrote it.
    pub server: u32,
}

/// A change to the files that decide what may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileChange {
    /// Nothing can start the unit. What runs goes on: stop it first, a masked unit has
    /// lost its drop-ins.
    Mask,
    /// Undoes `Mask`.
    Unmask,
    /// The unit starts at boot.
    Enable,
    /// The unit does not start at boot.
    Disable,
}

/// Why an act did not end well.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Failure {
    /// The exit code of whoever asked for it.
    pub exit: Exit,
    /// What went wrong.
    pub text: String,
    /// What to type, if this is a refusal and no failure.
    pub way: Option<String>,
}

impl Failure {
    /// A failure with an exit code.
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: text.into(), way: None }
    }

    /// A reason not to go on, and what to type.
    pub fn refused(evidence: impl Into<String>, way: impl Into<String>) -> Self {
        Self { exit: Exit::Refused, text: evidence.into(), way: Some(way.into()) }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)?;
        self.way.iter().try_for_each(|way| write!(f, "; {way}"))
    }
}

impl Act {
    /// How long it may take; after that the agent takes it for failed, whatever
    /// becomes of it. Adapters give up a moment earlier, by themselves.
    pub fn deadline(&self) -> Duration {
        /// A file, an address, a route.
        const SHORT: Duration = Duration::from_secs(5);
        /// An adapter that cannot give up by itself.
        const MARGIN: Duration = Duration::from_secs(2);
        /// Reading all unit files on a busy machine, twice.
        const UNIT_FILES: Duration = Duration::from_secs(70);
        /// Reading gigabytes of binary log.
        const TAIL: Duration = Duration::from_secs(900);
        /// A copy, and the start of the copied server.
        const COPY: Duration = Duration::from_secs(25 * 3600);
        match self {
            Self::Save(_)
            | Self::Fault(..)
            | Self::Started(_)
            | Self::Vip(_)
            | Self::Unreachable(_)
            | Self::DataMark => SHORT,
            Self::Sql { limit, .. } => *limit + MARGIN,
            // By the unit's processes, and if that fails once more by systemd.
            Self::Kill { limit, .. } => 2 * *limit + SHORT + MARGIN,
            Self::WaitApplied { slice, .. } => *slice + SHORT,
            // What the unit is, its failures forgotten, and the job.
            Self::Start { limit, .. } | Self::Stop { limit, .. } => *limit + 2 * SHORT + MARGIN,
            Self::UnitFiles(_) | Self::TruncateAtStart(_) => UNIT_FILES,
            // Beyond what the configuration gives it.
            Self::Fence(_) => MARGIN,
            Self::SaveTail(_) | Self::SaveRelayLogs(_) => TAIL,
            Self::Reseed => COPY,
        }
    }

    /// Whether a node that must leave service now may leave this behind: it cannot
    /// bring a database up after the leaving has killed it. A statement that is left
    /// behind dies with the server.
    pub fn may_be_left(&self) -> bool {
        match self {
            Self::Kill { .. } | Self::TruncateAtStart(_) | Self::Reseed => false,
            Self::Start { service, .. } => *service != Service::Database,
            _ => true,
        }
    }
}
