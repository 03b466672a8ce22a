//! What goes wrong.

use ap_core::message::{Message, Request, Verb};
use ap_core::mode::{Mode, Vrrp};
use ap_core::observed::Gateway;

use super::network::Flight;
use super::node::{Mishap, Power};
use super::repair::Repair;
use super::world::World;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    PowerOff(usize),
    /// The whole machine stands still, its clock runs.
    Freeze(usize),
    /// So does its clock: a limit.
    Pause(usize),
    /// `KILL` of commits that wait, which MariaDB answers with OK: a limit.
    Kill(usize),
    /// Cut off from the other node and from the gateway.
    Isolate(usize),
    /// The link between the two alone: a limit.
    Cut,
    Gateway,
    /// `ap-notify` is killed.
    Notify(usize),
    /// Something happens amid what `ap-notify` orders: after so many more acts.
    Amid(usize, u8, Mishap),
    /// A regular question is lost, or its answer.
    Lost(usize),
    Database(usize),
    /// `STOP SLAVE; START SLAVE`.
    Replication(usize),
    /// Nothing is received for a while, though both sides are connected.
    Stall,
    /// The SQL thread stops by an error.
    Applier(usize),
    /// API, NIC or keepalived: the VIP goes.
    Service(usize),
    /// Adverts do not get through, and the active keeps the VIP.
    Adverts(usize),
    /// The same, and the active answers the questions of a promotion too late.
    Usurped,
    /// The active becomes BACKUP without any fault.
    Backup(usize),
    /// No fault: the end of one, where nothing is mended by itself.
    Mend(Repair),
    /// No fault: an operator types `ap-mode set MODE`.
    Set(usize, Mode),
}

impl Fault {
    pub fn possible(self, w: &World) -> bool {
        let on = |n: usize| w.nodes[n].power == Power::On;
        match self {
            Self::PowerOff(n) | Self::Freeze(n) => on(n) && (w.rules.limits || !w.critical(n)),
            Self::Pause(n) => on(n),
            Self::Kill(n) => w.nodes[n].db.waiting != 0,
            Self::Isolate(_) | Self::Cut => !w.cut,
            Self::Stall => !w.stalled,
            Self::Gateway => w.gateway == [Gateway::Answers; 2],
            Self::Notify(n) => w.nodes[n].runs() && (w.rules.limits || !w.critical(n)),
            Self::Amid(n, ..) => w.nodes[n].mishap.is_none(),
            Self::Lost(n) => w.flights[n] != Flight::Idle,
            Self::Database(n) => on(n) && w.nodes[n].db.up,
            Self::Replication(n) | Self::Applier(n) => on(n) && w.nodes[n].db.applies(),
            Self::Service(n) => on(n) && matches!(w.nodes[n].keepalived, Some(Vrrp::Master | Vrrp::Backup)),
            Self::Backup(n) => on(n) && w.nodes[n].keepalived == Some(Vrrp::Master),
            Self::Mend(repair) => {
                let mut repairs = Vec::new();
                w.repairs(&mut repairs);
                repairs.contains(&repair)
            }
            Self::Set(n, mode) => {
                let from = if mode == Mode::S { Mode::M } else { Mode::S };
                let busy = w.nodes[n].agent.as_ref().is_none_or(ap_core::agent::Agent::is_busy);
                on(n) && !busy && w.nodes[n].fifo.is_empty() && w.nodes[n].state.mode == from
            }
            Self::Usurped => w.nodes[0].advertises() && Self::Adverts(1).possible(w),
            Self::Adverts(n) => {
                on(n) && w.nodes[n].state.mode == Mode::Ap && w.nodes[n].keepalived == Some(Vrrp::Backup)
            }
        }
    }

    pub fn strike(self, w: &mut World) {
        match self {
            Self::PowerOff(n) => w.power_off(n),
            Self::Freeze(n) => w.nodes[n].power = Power::Frozen,
            Self::Pause(n) => (w.nodes[n].power, w.nodes[n].paused) = (Power::Frozen, true),
            Self::Kill(n) => w.acknowledged |= std::mem::take(&mut w.nodes[n].db.waiting),
            Self::Isolate(n) => {
                w.cut();
                w.gateway[n] = Gateway::Silent;
            }
            Self::Cut => w.cut(),
            Self::Stall => w.stalled = true,
            Self::Gateway => w.gateway = [Gateway::Silent; 2],
            Self::Notify(n) => w.kill_notify(n),
            Self::Amid(n, after, mishap) => w.nodes[n].mishap = Some((after, mishap)),
            Self::Lost(n) => w.silence(n),
            Self::Database(n) => w.database_dies(n),
            Self::Replication(n) => {
                w.nodes[n].db.restart_replication();
                if w.cut {
                    w.nodes[n].db.acks = 0;
                }
            }
            Self::Applier(n) => w.nodes[n].db.replica.iter_mut().for_each(|replica| replica.sql = false),
            Self::Service(n) => {
                w.nodes[n].ill = true;
                w.keepalived_looks(n);
            }
            Self::Adverts(n) => w.speaks(n, Vrrp::Master),
            Self::Usurped => {
                w.nodes[1].hasty = true;
                w.speaks(1, Vrrp::Master);
            }
            Self::Backup(n) => w.speaks(n, Vrrp::Backup),
            Self::Mend(repair) => w.repair(repair),
            Self::Set(n, mode) => w.nodes[n].fifo.push(Message::Request(Request {
                id: "r".into(),
                who: "operator".into(),
                why: String::new(),
                verb: Verb::Set { mode, role: None, reseed: false },
                force: false,
                dry_run: false,
            })),
        }
    }
}

impl World {
    /// The documented limits: a freeze or a loss of the promoted standby between
    /// its last look and the moment the old active knows, while that one runs on. The same
    /// for `ap-notify` alone is a story of known.rs.
    fn critical(&self, n: usize) -> bool {
        let (node, other) = (&self.nodes[n], &self.nodes[1 - n]);
        let knows = other.state.mode == Mode::M || other.knows;
        let runs = other.runs() && other.state.serves() && self.gateway[1 - n] == Gateway::Answers;
        node.state.mode == Mode::S && runs && !knows
    }
}
