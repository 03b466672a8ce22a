//! The steps plans are made of. Each is a list of actions ([`Step::actions`]), and
//! that one list is what the agent goes through, what `--dry-run` prints and what
//! the history keeps.

use std::fmt;

use crate::action::Action;
use crate::agent::Site;
use crate::mode::{Fault, Mode, Role, Service};
use crate::state::Intention;

/// One idempotent thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// Write down what is begun, so that it is resumed after a crash.
    Intend(Intention),
    /// Write down what the node now is.
    Become {
        /// New mode.
        mode: Mode,
        /// New role.
        role: Role,
        /// New epoch.
        epoch: u64,
        /// Acknowledging alone from here on.
        solo: bool,
    },
    /// Write down that the database acknowledges nothing any more, and which
    /// relay log has everything it ever acknowledged.
    RecordFenced,
    /// Write down that the word is taken back which let the standby promote.
    TakeWordBack,
    /// What was begun is finished.
    Finish,
    /// Make keepalived give the VIP away, or no longer.
    Fault(Fault, bool),
    /// Remember, until the machine goes down, that the services are meant to run, or not.
    Started(bool),
    /// SIGKILL for the database: nothing waiting is acknowledged, and what waited can be
    /// taken back (docs/FACTS.md#recovery-truncates).
    FenceDatabase,
    /// Start a service and wait until it is ready.
    Start(Service),
    /// Start the database once so that crash recovery truncates what nobody was
    /// told succeeded; plainly if it refuses or cannot.
    StartTruncating,
    /// Stop a service in the ordinary way.
    Stop(Service),
    /// Unit files as the mode table says.
    UnitFiles(Mode),
    /// Take the VIP off the interface, whatever left it there.
    RemoveVip,
    /// Put the VIP back that keepalived believes to hold.
    RestoreVip,
    /// Claim the promotion: from here on the peer hears that this node promotes itself.
    Claim,
    /// Give the lease up, off the disk as well.
    DropLease(String),
    /// Run the fence command, if there is one; where it is required its failure forbids to go on.
    FencePeer,
    /// Stop the replication IO thread; the old active can get no acknowledgement from here on.
    StopReceiving,
    /// Wait until everything received is applied, by GTID; given up only when keepalived
    /// says something else than MASTER.
    Drain,
    /// Check once more, after any delay: a lease is alive, or the peer has fenced itself
    /// and this node has all that it acknowledged.
    Confirm,
    /// Replication off and forgotten.
    EndReplication,
    /// A first transaction of the pair's own, unless there is one: a binary log
    /// without any cannot tell a copy from a stranger.
    BeginHistory,
    /// No commit is acknowledged before the standby has it, or each at once.
    SemiSync(bool),
    /// `read_only` off.
    Writable,
    /// `read_only` on.
    ReadOnly,
    /// Compare histories with the peer; end here if this node has what the peer lacks.
    CompareHistories,
    /// Replicate from the peer, anew.
    Follow,
    /// Start the replication that is configured.
    ResumeReplication,
    /// Wait until the standby replicates from here.
    AwaitStandby,
    /// Wait until this standby may take over.
    AwaitLease,
    /// Wait until the peer serves.
    AwaitPeerServes,
    /// Wait until the peer has no right to promote itself any more; end here if it has
    /// done so, to that epoch or a higher one.
    AwaitNoClaim {
        /// The epoch that is to be taken here.
        epoch: u64,
    },
    /// Wait until replication receives from the peer.
    AwaitReplication,
    /// Wait until a session is whole and writes are on both nodes.
    AwaitProtection,
    /// Wait until the peer's lease is surely over, then acknowledge alone.
    GoSolo,
    /// Replace the own data by the peer's.
    Reseed,
    /// Tell the operator.
    Alert(String),
}

impl Step {
    /// What will be done, a line for each action, secrets as `***`.
    pub fn describe(&self, site: &Site) -> Vec<String> {
        self.actions(site).iter().flat_map(|action: &Action| action.show(site)).collect()
    }
}

impl fmt::Display for Intention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Promote { epoch } => write!(f, "promoting to epoch {epoch}"),
            Self::Leave { why } => write!(f, "leaving: {why}"),
            Self::Request { request } => write!(f, "{} ({})", request.verb, request.who),
        }
    }
}

impl fmt::Display for crate::message::Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set { mode, role, reseed } => {
                write!(f, "set {mode}")?;
                if let Some(role) = role {
                    write!(f, " --role {role}")?;
                }
                if *reseed {
                    f.write_str(" --reseed")?;
                }
                Ok(())
            }
            Self::Start => f.write_str("start"),
            Self::Stop => f.write_str("stop"),
            Self::Restart => f.write_str("restart"),
            Self::Switchover => f.write_str("switchover"),
        }
    }
}
