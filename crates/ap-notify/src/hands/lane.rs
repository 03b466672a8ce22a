//! Which thread carries out what.

use ap_core::agent::{Act, Effect, Look};
use ap_core::mode::Service;

/// Where an effect is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On the thread that does all of this kind, one after the other.
    Lane(Lane),
    /// On a thread of its own: a second one must not wait for the first, which may
    /// last as long as its deadline.
    Alone,
}

/// A thread that carries out effects, in the order in which they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// `state.toml`.
    State,
    /// Files that live until the machine goes down.
    Run,
    /// Statements.
    Statements,
    /// Looks at the database.
    Database,
    /// Start and stop of one service: a start that hangs holds up nothing but what
    /// is to become of the same service afterwards.
    Unit(Service),
    /// Unit files.
    UnitFiles,
    /// Looks at units, in passing or patiently.
    Units {
        /// Patiently.
        patient: bool,
    },
    /// SIGKILL, which needs no answer from systemd.
    Kill,
    /// Addresses and routes.
    Addresses,
    /// The check of the API.
    Api,
    /// What the data directory says of itself.
    Mark,
    /// What takes minutes or hours: the binary log's tail, a copy.
    Data,
    /// Relay logs.
    RelayLogs,
    /// Files of keepalived's checks.
    Track,
    /// History and journal.
    History,
    /// Replies.
    Replies,
}

impl Lane {
    /// All there are.
    pub fn all() -> impl Iterator<Item = Self> {
        let units = [Service::Database, Service::Api, Service::Keepalived].map(Self::Unit);
        let looks = [true, false].map(|patient| Self::Units { patient });
        let others = [
            Self::State,
            Self::Run,
            Self::Statements,
            Self::Database,
            Self::UnitFiles,
            Self::Kill,
            Self::Addresses,
            Self::Api,
            Self::Mark,
            Self::Data,
            Self::RelayLogs,
            Self::Track,
            Self::History,
            Self::Replies,
        ];
        units.into_iter().chain(looks).chain(others)
    }

    /// The thread's name, at most 15 letters.
    pub fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Run => "run",
            Self::Statements => "statements",
            Self::Database => "database",
            Self::Unit(Service::Database) => "unit-database",
            Self::Unit(Service::Api) => "unit-api",
            Self::Unit(Service::Keepalived) => "unit-keepalived",
            Self::UnitFiles => "unit-files",
            Self::Units { patient: true } => "units",
            Self::Units { patient: false } => "glance",
            Self::Kill => "kill",
            Self::Addresses => "addresses",
            Self::Api => "api",
            Self::Mark => "mark",
            Self::Data => "data",
            Self::RelayLogs => "relay-logs",
            Self::Track => "track",
            Self::History => "history",
            Self::Replies => "replies",
        }
    }
}

/// Where an effect is carried out, unless that is done in passing.
pub fn place(effect: &Effect) -> Place {
    Place::Lane(match effect {
        Effect::Ask { .. } | Effect::Alert { .. } => return Place::Alone,
        Effect::Act { act, .. } => match act {
            Act::Fence(_) => return Place::Alone,
            Act::Save(_) => Lane::State,
            Act::Started(_) => Lane::Run,
            Act::Fault(..) => Lane::Track,
            Act::Sql { .. } | Act::WaitApplied { .. } => Lane::Statements,
            Act::Kill { .. } => Lane::Kill,
            Act::Start { service, .. } | Act::Stop { service, .. } => Lane::Unit(*service),
            Act::UnitFiles(_) | Act::TruncateAtStart(_) => Lane::UnitFiles,
            Act::Vip(_) | Act::Unreachable(_) => Lane::Addresses,
            Act::DataMark => Lane::Mark,
            Act::SaveTail(_) | Act::Reseed => Lane::Data,
            Act::SaveRelayLogs(_) => Lane::RelayLogs,
        },
        Effect::Look { what, .. } => match what {
            Look::Gateway => return Place::Alone,
            Look::Database => Lane::Database,
            Look::Units { patient } => Lane::Units { patient: *patient },
            Look::Vip => Lane::Addresses,
            Look::Faults | Look::Checks => Lane::Track,
            Look::Api => Lane::Api,
        },
        Effect::KeepVrrp(_) | Effect::KeepLease(_) | Effect::KeepPeer(_) => Lane::Run,
        Effect::SaveRelayLogs(_) => Lane::RelayLogs,
        Effect::Reply { .. } => Lane::Replies,
        Effect::Record(_) | Effect::Log(_) | Effect::Warn(_) | Effect::Publish(_) | Effect::Begin(_) => Lane::History,
    })
}
