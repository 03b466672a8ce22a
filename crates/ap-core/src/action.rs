//! What the steps of plans consist of. An action is one effect for an adapter, or
//! something the agent does or waits for by itself.

use std::time::Duration;

use crate::agent::Site;
use crate::agent::effect::{Act, FileChange, Look};
use crate::mode::{Fault, Mode, Role, Service};
use crate::sql::{self, Sql};
use crate::state::{Intention, State};
use crate::step::Step;

/// One statement about replication; stopping the IO thread against a vanished
/// host takes up to 2 s (docs/FACTS.md#stop-io-dials-a-vanished-master).
const REPLICATION: Duration = Duration::from_secs(10);
/// `read_only` waits for commits under way; in a session these end when the
/// standby acknowledges.
const READ_ONLY: Duration = Duration::from_secs(5);
/// Longest stop in the ordinary way; a database writes its buffers out.
const STOP: Duration = Duration::from_secs(90);
/// keepalived sends priority 0 and is gone a second later; its start is as quick.
const KEEPALIVED: Duration = Duration::from_secs(10);
/// From SIGKILL to the end of the last process.
const FENCE: Duration = Duration::from_secs(10);
/// MariaDB tries again each second to connect to a server that was restarted.
const STANDBY: Duration = Duration::from_secs(10);
/// Priority 0, takeover, promotion.
const TAKEOVER: Duration = Duration::from_secs(15);
/// Connecting to the peer and receiving from it.
const CONNECTED: Duration = Duration::from_secs(30);
/// A standby that is close opens a session within a few questions.
const PROTECTION: Duration = Duration::from_secs(60);
/// The peer tells what it saw at its last look at its database. A node that has
/// just been replicating may have more than that, and no fork.
const BEHIND: Duration = Duration::from_secs(1);

/// A part of a step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// An adapter does it.
    Do(Act),
    /// An adapter does it; if it fails, that is told, and the plan goes on.
    Try(Act),
    /// An adapter does it if something is so.
    When(When, Act),
    /// Change `state.toml`.
    Write(Change),
    /// Look at these now, at the same time.
    Look(&'static [Look]),
    /// Ask the peer now, unless a lease is alive: a vanished one costs the whole deadline.
    AskUnlessLeased,
    /// Make the peer reachable again if it was made unreachable. That it fails ends no plan.
    Reachable,
    /// Claim the promotion.
    Claim,
    /// Give up the lease: off the disk first, and only then is it a promise.
    DropLease(String),
    /// The fence command; where it is required its failure ends the plan.
    FencePeer,
    /// Everything received is applied, by GTID: with parallel appliers the file
    /// positions never meet. However far behind: slower, never lossy.
    Drain,
    /// The lease, or the permission of a fenced active, once more.
    Confirm,
    /// End here if the data directory is a copy that was interrupted; remember
    /// whether it is one that was finished.
    DataMark,
    /// Save what this server wrote beyond what the peer knows.
    SaveOwnTail,
    /// Compare histories for so long; save what the peer lacks, and end here.
    CompareHistories(Duration),
    /// Save the relay logs if they could not be applied, and nobody sends them again.
    SaveRelayLogs,
    /// Wait until it is so.
    Await(Until, Duration),
    /// Run the operator's alert command.
    Alert(String),
}

/// What an action depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum When {
    /// Replication is configured.
    Replica,
    /// The binary log has no transaction.
    NoHistory,
    /// The peer did not answer.
    PeerSilent,
    /// keepalived made this node MASTER, and has said nothing else since.
    Master,
}

/// What the agent waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Until {
    /// The database answers, with our settings.
    Database,
    /// The API's health check passes.
    Api,
    /// The standby replicates from here.
    Standby,
    /// This standby may take over: its active has opened a session.
    Lease,
    /// The peer has taken over.
    PeerServes,
    /// The peer holds no lease and no word, asks for none, and has not gone on to this
    /// epoch by itself.
    NoClaim {
        /// The epoch that is to be taken here.
        epoch: u64,
    },
    /// Replication receives.
    Replication,
    /// A session is whole, and the standby says that it may take over.
    Protection,
    /// No lease can be alive any more, and this node acknowledges alone.
    Solo,
}

/// A change of `state.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Change {
    /// Something is begun.
    Intend(Intention),
    /// What the node now is.
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
    /// The database acknowledges nothing any more.
    Fenced,
    /// What was begun is finished.
    Finish,
    /// Acknowledging alone, or no longer.
    Solo(bool),
    /// The relay log that holds everything acknowledged.
    Granted(Option<String>),
}

impl Change {
    /// The state after it; an empty `since` means now. `why` is for people.
    pub fn apply(&self, before: &State, why: &str) -> State {
        let mut state = before.clone();
        match self {
            Self::Intend(intention) => state.intention = Some(intention.clone()),
            Self::Finish => state.intention = None,
            Self::Solo(solo) => state.solo = *solo,
            Self::Granted(relay) => state.granted.clone_from(relay),
            // From here on the answer to the peer is that this node acknowledges nothing.
            // That lets the standby promote only if everything ever acknowledged is in
            // that standby's relay log. And only within a whole session is the tail of
            // the binary log what nobody was told succeeded, and may be truncated on return.
            Self::Fenced => {
                if state.solo {
                    state.granted = None;
                }
                state.fenced = state.granted.is_some();
            }
            Self::Become { mode, role, epoch, solo } => {
                // In `m` the role follows what is learnt of the peer; who entered it, and
                // why, stays.
                let entered = state.mode != *mode || state.is_fresh();
                if entered || (*mode != Mode::M && (state.role, state.epoch) != (*role, *epoch)) {
                    state.who = match &state.intention {
                        Some(Intention::Request { request }) => request.who.clone(),
                        _ => "keepalived".to_owned(),
                    };
                    state.since.clear();
                    state.why = why.to_owned();
                }
                // What it is already keeps what is true of it: its session may be whole.
                let same = (state.mode, state.role, state.epoch, state.solo) == (*mode, *role, *epoch, *solo);
                (state.mode, state.role, state.epoch, state.solo) = (*mode, *role, *epoch, *solo);
                if *mode != Mode::M && !same {
                    state.fenced = false;
                    state.granted = None;
                }
            }
        }
        state
    }

    fn show(&self, site: &Site) -> String {
        let file = site.config.state_file();
        let file = file.display();
        match self {
            Self::Intend(intention) => format!("WRITE {file}: intention {intention}"),
            Self::Become { mode, role, epoch, solo } => format!(
                "WRITE {file}: mode {mode}, role {role}, epoch {epoch}{}; {}: {mode}",
                if *solo { ", solo" } else { "" },
                site.config.mode_file().display()
            ),
            Self::Fenced => format!("WRITE {file}: fenced"),
            Self::Finish => format!("WRITE {file}: done"),
            Self::Solo(on) => format!("WRITE {file}: {}", if *on { "solo" } else { "not solo" }),
            Self::Granted(Some(relay)) => format!("WRITE {file}: granted for the relay log {relay}"),
            Self::Granted(None) => format!("WRITE {file}: granted for no relay log"),
        }
    }
}

impl Step {
    /// What this step consists of, in order.
    pub fn actions(&self, site: &Site) -> Vec<Action> {
        use Action::{Await, Do, Write};
        let config = &site.config;
        match self {
            Self::Intend(intention) => vec![Write(Change::Intend(intention.clone()))],
            Self::Become { mode, role, epoch, solo } => {
                vec![Write(Change::Become { mode: *mode, role: *role, epoch: *epoch, solo: *solo })]
            }
            Self::RecordFenced => vec![Write(Change::Fenced)],
            Self::TakeWordBack => vec![Write(Change::Granted(None))],
            Self::Finish => vec![Write(Change::Finish)],
            Self::Fault(fault, on) => vec![Do(Act::Fault(*fault, *on))],
            Self::Started(true) => vec![Do(Act::Started(true))],
            // A standby that is about to stop gives its lease up first, and says so to the
            // active, which then need not wait for its end (F6).
            Self::Started(false) => {
                vec![Do(Act::Started(false)), Action::DropLease("the services were stopped".into())]
            }
            Self::FenceDatabase => vec![Do(Act::Kill { service: Service::Database, limit: FENCE })],
            Self::Start(service) => start(*service, site),
            Self::StartTruncating => start_truncating(site),
            Self::Stop(service) => {
                let limit = if *service == Service::Keepalived { KEEPALIVED } else { STOP };
                vec![Do(Act::Stop { service: *service, limit })]
            }
            Self::UnitFiles(mode) => vec![Do(Act::UnitFiles(unit_files(*mode, site)))],
            Self::RemoveVip => vec![Do(Act::Vip(false))],
            Self::RestoreVip => vec![Do(Act::Vip(true))],
            Self::Claim => vec![Action::Claim],
            Self::DropLease(why) => vec![Action::DropLease(why.clone())],
            Self::FencePeer if config.fence.command.is_empty() => Vec::new(),
            Self::FencePeer => vec![Action::FencePeer],
            Self::StopReceiving
            | Self::Drain
            | Self::Confirm
            | Self::EndReplication
            | Self::BeginHistory
            | Self::SemiSync(_)
            | Self::Writable
            | Self::ReadOnly
            | Self::CompareHistories
            | Self::Follow
            | Self::ResumeReplication => self.database_actions(site),
            Self::AwaitStandby => vec![Await(Until::Standby, STANDBY)],
            Self::AwaitLease => vec![Await(Until::Lease, PROTECTION)],
            Self::AwaitPeerServes => vec![Await(Until::PeerServes, TAKEOVER)],
            Self::AwaitReplication => vec![Await(Until::Replication, CONNECTED)],
            Self::AwaitProtection => vec![Await(Until::Protection, PROTECTION)],
            Self::AwaitNoClaim { epoch } => vec![Await(Until::NoClaim { epoch: *epoch }, lease_over(site))],
            Self::GoSolo => vec![Await(Until::Solo, lease_over(site))],
            Self::Reseed => vec![Do(Act::Reseed)],
            Self::Alert(text) => vec![Action::Alert(text.clone())],
        }
    }

    /// What is done to the database.
    fn database_actions(&self, site: &Site) -> Vec<Action> {
        use Action::{Do, Look as LookAt, When as If};
        const DATABASE: &[Look] = &[Look::Database];
        let run = |statements: Vec<Sql>| Act::Sql { statements, limit: REPLICATION };
        match self {
            // A silent peer is made unreachable for the moment, because MariaDB dials it.
            Self::StopReceiving => {
                vec![If(When::PeerSilent, Act::Unreachable(true)), Do(run(sql::stop_io())), Action::Reachable]
            }
            Self::Drain => vec![LookAt(DATABASE), Action::Drain],
            // As they are now, not as they were before the drain.
            Self::Confirm => {
                vec![LookAt(DATABASE), Action::AskUnlessLeased, LookAt(&[Look::Gateway]), Action::Confirm]
            }
            Self::EndReplication => vec![
                LookAt(DATABASE),
                Action::SaveRelayLogs,
                If(When::Replica, run(sql::stop_replication())),
                Do(run(sql::semi_sync_slave(false))),
            ],
            Self::BeginHistory => vec![LookAt(DATABASE), If(When::NoHistory, run(sql::begin_history()))],
            Self::SemiSync(on) => vec![Do(semi_sync(*on))],
            Self::Writable => vec![If(When::Master, Act::Sql { statements: sql::read_only(false), limit: READ_ONLY })],
            Self::ReadOnly => vec![Do(Act::Sql { statements: sql::read_only(true), limit: READ_ONLY })],
            Self::CompareHistories => vec![LookAt(DATABASE), Action::DataMark, Action::CompareHistories(BEHIND)],
            Self::Follow => {
                let mut statements = sql::change_master(
                    &site.peer.address.to_string(),
                    site.config.database.port,
                    &site.replication_user,
                    &site.replication_password,
                );
                statements.extend(sql::semi_sync_slave(true));
                statements.extend(sql::start_replication());
                vec![Action::SaveRelayLogs, Do(run(statements))]
            }
            Self::ResumeReplication => {
                let mut statements = sql::semi_sync_slave(true);
                statements.extend(sql::start_replication());
                vec![Action::SaveRelayLogs, Do(run(statements))]
            }
            _ => Vec::new(),
        }
    }
}

/// By then no lease granted so far can be alive, and the peer has been asked.
fn lease_over(site: &Site) -> Duration {
    let pair = &site.config.pair;
    pair.lease.get() + pair.gap.get() + Duration::from_secs(5)
}

/// Semi-sync on the active's side.
pub fn semi_sync(on: bool) -> Act {
    Act::Sql { statements: sql::semi_sync_master(on), limit: REPLICATION }
}

/// Starts a service and waits until it does its work, not only runs.
fn start(service: Service, site: &Site) -> Vec<Action> {
    let limit = start_limit(service, site);
    let start = Action::Do(Act::Start { service, limit });
    match service {
        // A copy of the peer's data that was interrupted looks like a database and is half
        // of one. And a start that was to truncate may have been cut short.
        Service::Database => {
            let plainly = Action::Do(Act::TruncateAtStart(false));
            vec![Action::DataMark, plainly, start, Action::Await(Until::Database, limit)]
        }
        Service::Api => vec![start, Action::Await(Until::Api, limit)],
        Service::Keepalived => vec![start],
    }
}

/// Starts the database with its binary log's tail truncated, for one start. Crash
/// recovery then takes out of the binary log what was waiting for its acknowledgement,
/// and rolls it back; on a node that had been solo it would destroy acknowledged rows.
/// DDL behind the tail makes it give up: then the server is started plainly.
fn start_truncating(site: &Site) -> Vec<Action> {
    use Action::{Await, Do, Try};
    let limit = start_limit(Service::Database, site);
    let start = || Act::Start { service: Service::Database, limit };
    vec![
        Action::DataMark,
        Action::SaveOwnTail,
        Do(Act::TruncateAtStart(true)),
        Try(start()),
        Do(Act::TruncateAtStart(false)),
        Do(start()),
        Await(Until::Database, limit),
    ]
}

fn start_limit(service: Service, site: &Site) -> Duration {
    match service {
        Service::Database => site.config.database.start_timeout.get(),
        Service::Api => site.config.api.start_timeout.get(),
        Service::Keepalived => KEEPALIVED,
    }
}

/// The mode table, as far as unit files go.
fn unit_files(mode: Mode, site: &Site) -> Vec<(FileChange, Vec<String>)> {
    let start = vec![site.config.start_unit()];
    let services = [Service::Database, Service::Api, Service::Keepalived].map(|it| site.config.unit(it).to_owned());
    let all: Vec<String> = start.iter().chain(&services).cloned().collect();
    match mode {
        Mode::M => vec![(FileChange::Mask, all)],
        Mode::Ap => vec![(FileChange::Unmask, all.clone()), (FileChange::Disable, all)],
        Mode::S => {
            vec![(FileChange::Unmask, all), (FileChange::Disable, services.to_vec()), (FileChange::Enable, start)]
        }
    }
}

impl Action {
    /// A line for people; two where two things are done, none where nothing is.
    pub fn show(&self, site: &Site) -> Vec<String> {
        let peer = &site.peer.name;
        let one = |text: String| vec![text];
        match self {
            Self::Do(act) => act.show(site),
            Self::Try(act) => but(act.show(site), "if that fails, the plan goes on"),
            Self::When(when, act) => but(
                act.show(site),
                match when {
                    When::Replica => "if there is replication",
                    When::NoHistory => "if the binary log has no transaction",
                    When::PeerSilent => "if it does not answer",
                    When::Master => "if this node is MASTER",
                },
            ),
            Self::Write(change) => one(change.show(site)),
            Self::Look(looks) => looks.iter().map(|look| format!("LOOK  {look}")).collect(),
            Self::AskUnlessLeased => one(format!("ASK   {peer}: what it is (unless a lease is alive)")),
            Self::Reachable => but(Act::Unreachable(false).show(site), "if it was made unreachable"),
            Self::Claim => one(format!("TELL  {peer}: this node promotes itself")),
            Self::DropLease(_) => one(format!("WRITE {}: removed", site.config.run_dir().join("lease").display())),
            Self::FencePeer => one(format!("FENCE {}", site.fence_command().join(" "))),
            Self::Drain => one("WAIT  until all that was received is applied (MASTER_GTID_WAIT)".into()),
            Self::Confirm => one(format!("ASK   {peer}: a lease alive, or the word of a fenced active")),
            Self::DataMark => one("LOOK  data directory: a copy that was interrupted".into()),
            Self::SaveOwnTail => one(format!("SAVE  what the binary log holds beyond {peer}'s position")),
            Self::CompareHistories(_) => one(format!("ASK   {peer}: gtid_binlog_state covers this node's")),
            Self::SaveRelayLogs => one("SAVE  relay logs that could not be applied, if there are any".into()),
            Self::Await(until, _) => one(match until {
                Until::Database => "WAIT  until the database answers".into(),
                Until::Api => format!("WAIT  until {} is healthy", site.config.api.health_url),
                Until::Standby => format!("WAIT  until {peer} replicates from here"),
                Until::Lease => format!("WAIT  until {peer} grants this node a lease: PROTECTED"),
                Until::PeerServes => format!("WAIT  until {peer} serves"),
                Until::NoClaim { .. } => format!("ASK   {peer}: no lease and no promotion, or wait for its end"),
                Until::Replication => format!("WAIT  until replication receives from {peer}"),
                Until::Protection => "WAIT  until a session is whole: PROTECTED".into(),
                Until::Solo => {
                    format!("ASK   {peer}: holds no lease, or wait for its end; then acknowledge alone")
                }
            }),
            Self::Alert(text) => one(format!("ALERT {text}")),
        }
    }
}

/// The same lines, with a remark behind each.
fn but(lines: Vec<String>, remark: &str) -> Vec<String> {
    lines.into_iter().map(|line| format!("{line} ({remark})")).collect()
}

impl Act {
    /// Lines for people.
    pub fn show(&self, site: &Site) -> Vec<String> {
        let config = &site.config;
        let unit = |service: &Service| config.unit(*service);
        let one = |text: String| vec![text];
        match self {
            Self::Save(state) => {
                one(format!("WRITE {}: mode {}, role {}", config.state_file().display(), state.mode, state.role))
            }
            Self::Fault(fault, on) => one(format!("WRITE {}: {}", config.fault_file(*fault).display(), u8::from(*on))),
            Self::Started(on) => one(format!(
                "WRITE {}: {}",
                config.run_dir().join("started").display(),
                if *on { "yes" } else { "removed" }
            )),
            Self::Sql { statements, .. } => statements.iter().map(|sql| format!("SQL   {sql}")).collect(),
            Self::WaitApplied { position, .. } => one(format!("WAIT  until {position} is applied")),
            Self::Kill { service, .. } => one(format!("UNIT  SIGKILL to all of {}", unit(service))),
            Self::Start { service, .. } => one(format!("UNIT  StartUnit {}", unit(service))),
            Self::Stop { service, .. } => one(format!("UNIT  StopUnit {}", unit(service))),
            Self::UnitFiles(changes) => {
                let verb = |change: &FileChange| match change {
                    FileChange::Mask => "Mask",
                    FileChange::Unmask => "Unmask",
                    FileChange::Enable => "Enable",
                    FileChange::Disable => "Disable",
                };
                changes.iter().map(|(change, it)| format!("UNIT  {}UnitFiles {}", verb(change), it.join(" "))).collect()
            }
            Self::TruncateAtStart(true) => one(format!(
                "UNIT  {} with --init-rpl-role=SLAVE for one start (MariaDB before 10.6.19: without)",
                unit(&Service::Database)
            )),
            Self::TruncateAtStart(false) => one(format!("UNIT  {} without --init-rpl-role", unit(&Service::Database))),
            Self::Vip(true) => one(format!("ADDR  add {}/32", config.vip)),
            Self::Vip(false) => one(format!("ADDR  remove {}/32", config.vip)),
            Self::Unreachable(true) => one(format!("ROUTE {} unreachable", site.peer.address)),
            Self::Unreachable(false) => one(format!("ROUTE {} reachable", site.peer.address)),
            Self::Fence(command) => one(format!("FENCE {}", command.join(" "))),
            Self::DataMark => one("LOOK  data directory".into()),
            Self::SaveTail(_) => one("SAVE  a part of the binary log".into()),
            Self::SaveRelayLogs(_) => one("SAVE  relay logs that could not be applied".into()),
            Self::Reseed => one(format!(
                "COPY  all data of {} over this node's (the old data directory is kept aside)",
                site.peer.name
            )),
        }
    }
}

impl std::fmt::Display for Look {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Database => "database",
            Self::Gateway => "gateway",
            Self::Units { .. } => "units",
            Self::Vip => "VIP",
            Self::Faults => "track files",
            Self::Api => "API",
            Self::Checks => "checks",
        })
    }
}

/// keepalived's track file for a service: none for keepalived itself.
pub fn track_file(service: Service) -> Option<Fault> {
    match service {
        Service::Database => Some(Fault::Db),
        Service::Api => Some(Fault::Api),
        Service::Keepalived => None,
    }
}
