//! The steps plans are made of. The executor runs them and knows no policy;
//! `--dry-run` prints them.

use std::fmt;

use crate::config::Config;
use crate::mode::{Fault, Mode, Role, Service};
use crate::sql;
use crate::state::Intention;

/// One idempotent thing to do. Each has a deadline in the executor.
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
    /// What was begun is finished.
    Finish,
    /// Make keepalived give the VIP away, or no longer.
    Fault(Fault, bool),
    /// Remember, until the machine goes down, that the services are meant to run, or not.
    Started(bool),
    /// SIGKILL for the database: nothing waiting is acknowledged or committed (facts: semi-sync).
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
    /// Run the fence command, if there is one; where it is required its failure forbids to go on.
    FencePeer,
    /// Stop the replication IO thread; the old active can get no acknowledgement from here on.
    StopReceiving,
    /// Wait until everything received is applied, by GTID. Gives way to nothing but a better word.
    Drain,
    /// A last look, after any delay, at the lease or the peer's word.
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
    /// Wait until replication receives from the peer.
    AwaitReplication,
    /// Wait until a session is whole and writes are on both nodes.
    AwaitProtection,
    /// Give up acknowledging alone being forbidden: no lease may be alive.
    GoSolo,
    /// Replace the own data by the peer's.
    Reseed,
    /// Tell the operator.
    Alert(String),
}

impl Step {
    /// What the executor will do, call by call, secrets as `***`.
    pub fn describe(&self, config: &Config, peer: &str, repl: (&str, &str)) -> Vec<String> {
        let unit = |service: Service| config.unit(service).to_owned();
        let sql = |statements: Vec<sql::Sql>| statements.iter().map(|s| format!("SQL   {s}")).collect::<Vec<_>>();
        let one = |text: String| vec![text];
        match self {
            Self::Intend(intention) => one(format!("WRITE {}: intention {intention}", config.state_file().display())),
            Self::Become { mode, role, epoch, solo } => one(format!(
                "WRITE {}: mode {mode}, role {role}, epoch {epoch}{}; {}: {mode}",
                config.state_file().display(),
                if *solo { ", solo" } else { "" },
                config.mode_file().display()
            )),
            Self::RecordFenced => one(format!("WRITE {}: fenced", config.state_file().display())),
            Self::Finish => one(format!("WRITE {}: done", config.state_file().display())),
            Self::Fault(fault, on) => one(format!("WRITE {}: {}", config.fault_file(*fault).display(), u8::from(*on))),
            Self::FenceDatabase => one(format!("UNIT  SIGKILL to all of {}", unit(Service::Database))),
            Self::Start(service) => one(format!("UNIT  StartUnit {}", unit(*service))),
            Self::StartTruncating => one(format!(
                "UNIT  StartUnit {} with --init-rpl-role=SLAVE (MariaDB before 10.6.19: plainly)",
                unit(Service::Database)
            )),
            Self::Stop(service) => one(format!("UNIT  StopUnit {}", unit(*service))),
            Self::UnitFiles(mode) => {
                let services = [Service::Database, Service::Api, Service::Keepalived].map(unit).join(" ");
                let start = config.start_unit();
                match mode {
                    Mode::M => one(format!("UNIT  MaskUnitFiles {start} {services}")),
                    Mode::Ap => vec![
                        format!("UNIT  UnmaskUnitFiles {start} {services}"),
                        format!("UNIT  DisableUnitFiles {start} {services}"),
                    ],
                    Mode::S => vec![
                        format!("UNIT  UnmaskUnitFiles {start} {services}"),
                        format!("UNIT  DisableUnitFiles {services}"),
                        format!("UNIT  EnableUnitFiles {start}"),
                    ],
                }
            }
            Self::Started(on) => one(format!(
                "WRITE {}: {}",
                config.run_dir().join("started").display(),
                if *on { "yes" } else { "removed" }
            )),
            Self::RestoreVip => one(format!("ADDR  add {}/32", config.vip)),
            Self::RemoveVip => one(format!("ADDR  remove {}/32", config.vip)),
            Self::FencePeer if config.fence.command.is_empty() => one("FENCE no command".into()),
            Self::FencePeer => one(format!("FENCE {} {peer}", config.fence.command.join(" "))),
            Self::StopReceiving => sql(sql::stop_io()),
            Self::Drain => one("WAIT  until all that was received is applied (MASTER_GTID_WAIT)".into()),
            Self::Confirm => one(format!("ASK   {peer}: a lease alive, or the word of a fenced active")),
            Self::EndReplication => sql(sql::stop_replication()),
            Self::BeginHistory => {
                let all = sql(sql::begin_history());
                all.into_iter().map(|line| format!("{line} (if the binary log has no transaction)")).collect()
            }
            Self::SemiSync(on) => sql(sql::semi_sync_master(*on)),
            Self::Writable => sql(sql::read_only(false)),
            Self::ReadOnly => sql(sql::read_only(true)),
            Self::CompareHistories => one(format!("ASK   {peer}: gtid_binlog_state covers this node's")),
            Self::Follow => {
                let host = config.host.iter().find(|host| host.name == peer);
                let address = host.map_or_else(|| peer.to_owned(), |host| host.address.to_string());
                sql(sql::change_master(&address, config.database.port, repl.0, repl.1))
            }
            Self::ResumeReplication => sql(sql::start_replication()),
            Self::AwaitPeerServes => one(format!("WAIT  until {peer} serves")),
            Self::AwaitStandby => one(format!("WAIT  until {peer} replicates from here")),
            Self::AwaitLease => one(format!("WAIT  until {peer} grants this node a lease: PROTECTED")),
            Self::AwaitReplication => one(format!("WAIT  until replication receives from {peer}")),
            Self::AwaitProtection => one("WAIT  until a session is whole: PROTECTED".into()),
            Self::GoSolo => one(format!("ASK   {peer}: holds no lease, or wait for its end; then acknowledge alone")),
            Self::Reseed => {
                one(format!("COPY  all data of {peer} over this node's (the old data directory is kept aside)"))
            }
            Self::Alert(text) => one(format!("ALERT {text}")),
        }
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
