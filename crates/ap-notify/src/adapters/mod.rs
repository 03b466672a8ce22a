//! What the hands use. Everything outside this program is reached through these
//! traits, so that another world can be put in the place of the real one.

mod files;
mod programs;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use ap_core::agent::{Kept, Lease, Tail};
use ap_core::answer::Answer;
use ap_core::config::{Config, Host};
use ap_core::gtid::GtidPos;
use ap_core::message::Reply;
use ap_core::mode::{Fault, Vrrp};
use ap_core::state::State;
use ap_core::verdict::Verdict;
use ap_db::{Credentials, Database, MariaDb};
use ap_net::{Kernel, Net};
use ap_systemd::{Systemd, Units};

use crate::data::DataDirectory;
pub use files::RealFiles;
pub use programs::RealPrograms;

/// Longest answer of systemd to a single call.
pub const DBUS: Duration = Duration::from_secs(5);
/// The same where something more urgent may come meanwhile: a promotion has the
/// length of a lease (F17).
const GLANCE: Duration = Duration::from_secs(1);

/// A connection to the database for one thread; connects when first used.
pub type Connect = Arc<dyn Fn() -> Box<dyn Database> + Send + Sync>;

/// The world of one node.
#[derive(Clone)]
pub struct Adapters {
    /// systemd, asked patiently.
    pub units: Arc<dyn Units>,
    /// systemd, asked in passing: given up on soon.
    pub glance: Arc<dyn Units>,
    /// The database.
    pub database: Connect,
    /// The network.
    pub net: Arc<dyn Net>,
    /// What is kept and told in files.
    pub files: Arc<dyn Files>,
    /// Other programs.
    pub programs: Arc<dyn Programs>,
    /// The database's files.
    pub data: Arc<dyn Data>,
}

impl Adapters {
    /// Those of this machine; `path` is where the configuration lies. Nothing is
    /// opened or connected yet.
    pub fn real(path: &Path, config: &Arc<Config>, credentials: &Credentials, own: &Host, peer: &Host) -> Self {
        let units: Arc<dyn Units> = Arc::new(Systemd::new(DBUS));
        let (socket, account, timeout) =
            (config.database.socket.clone(), credentials.clone(), config.database.timeout.get());
        Self {
            glance: Arc::new(Systemd::new(GLANCE)),
            database: Arc::new(move || Box::new(MariaDb::new(&socket, &account, timeout))),
            net: Arc::new(Kernel),
            files: Arc::new(RealFiles::new(config)),
            programs: Arc::new(RealPrograms::new(path, config)),
            data: Arc::new(DataDirectory::new(
                config.clone(),
                credentials.clone(),
                own.clone(),
                peer.clone(),
                units.clone(),
            )),
            units,
        }
    }
}

/// What is kept over a restart of this program or of the machine, what is shared
/// with keepalived and its checks, and what is told to people.
///
/// # Errors
/// A method that writes fails when the file system refuses; whoever reads takes
/// what is missing for nothing, unless said otherwise.
pub trait Files: Send + Sync {
    /// The state of this node; a node never set up has a fresh one.
    ///
    /// # Errors
    /// It cannot be read, or is damaged: never guessed at.
    fn state(&self) -> Result<State>;

    /// Everything that was kept.
    ///
    /// # Errors
    /// As [`Files::state`].
    fn kept(&self) -> Result<Kept>;

    /// Writes the state, durably, then the mode file.
    fn save(&self, state: &State) -> Result<()>;

    /// Sets or clears one of keepalived's track files.
    fn set_fault(&self, fault: Fault, on: bool) -> Result<()>;

    /// The track files that are set. A missing one counts as set: it must not be overlooked.
    fn faults(&self) -> Vec<Fault>;

    /// The last verdict of each check that has run, and when it did (time since boot).
    fn checks(&self) -> BTreeMap<String, (Verdict, Duration)>;

    /// Remembers keepalived's word until the machine goes down.
    fn keep_vrrp(&self, word: Vrrp) -> Result<()>;

    /// Remembers, until the machine goes down, whether the services are meant to run.
    fn keep_started(&self, on: bool) -> Result<()>;

    /// Keeps the lease over a restart of this program, or forgets it.
    fn keep_lease(&self, lease: Option<&Lease>) -> Result<()>;

    /// Keeps the peer's answer, for people.
    fn keep_peer(&self, answer: &Answer) -> Result<()>;

    /// Names the process whose id a file holds, over all boots; `None`: there is none.
    fn process(&self, pid_file: &str) -> Option<String>;

    /// Adds a line to the history, whole or not at all.
    fn append(&self, line: &str) -> Result<()>;

    /// Tells whoever waits for the outcome of a request. Never waits itself.
    ///
    /// # Errors
    /// Nobody reads.
    fn reply(&self, id: &str, reply: &Reply) -> Result<()>;
}

/// Other programs, each with a deadline of its own.
///
/// # Errors
/// The program cannot be started, fails, or does not end in time.
pub trait Programs: Send + Sync {
    /// The check of the API, once.
    fn check_api(&self) -> Result<()>;

    /// The operator's alert command with `message` on standard input; none: nothing.
    fn alert(&self, message: &str) -> Result<()>;

    /// The fence command.
    fn fence(&self, command: &[String]) -> Result<()>;
}

/// What a data directory says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It is no copy.
    Own,
    /// It is a complete copy of the peer's.
    Copied,
    /// It is a copy that was interrupted.
    Unfinished,
}

impl Mark {
    /// The output of [`ap_core::agent::Act::DataMark`].
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "",
            Self::Copied => "copied",
            Self::Unfinished => "unfinished",
        }
    }
}

/// The files of the database, whose server need not run.
///
/// # Errors
/// Whatever a file, a program or the peer's database refuses. A reason not to go on
/// is a [`Refused`] in the chain of causes.
pub trait Data: Send + Sync {
    /// Whether the directory is a copy.
    fn mark(&self) -> Mark;

    /// Saves a part of the binary log as SQL; says where, in words for the operator.
    fn save_tail(&self, tail: &Tail) -> Result<String>;

    /// Saves the relay logs, named by the position that was applied. Where, if
    /// none were saved for this position before.
    fn save_relay_logs(&self, position: &GtidPos) -> Result<Option<std::path::PathBuf>>;

    /// The next start truncates the tail of the binary log, or no longer. Why the
    /// installed release cannot, or nothing.
    fn truncate_at_start(&self, on: bool) -> Result<String>;

    /// Replaces the directory by the peer's; `tell` hears how far it is.
    fn reseed(&self, tell: &dyn Fn(String)) -> Result<()>;
}

/// A reason not to go on: a refusal, not a failure.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub evidence: String,
    /// What to type.
    pub way: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.evidence)
    }
}

impl std::error::Error for Refused {}

/// A refusal, as an error.
pub fn refused(evidence: impl Into<String>, way: impl Into<String>) -> anyhow::Error {
    Refused { evidence: evidence.into(), way: way.into() }.into()
}
