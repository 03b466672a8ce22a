//! What happens to a node, by itself, by hand and by request.

use ap_core::message::{Request, Verb};
use ap_core::mode::{Fault, Mode, Role, Service, Vrrp};
use ap_core::plan::Cause;
use ap_core::state::Intention;
use proptest::prelude::*;
use proptest::sample::select;

use crate::peer::answer;
use crate::world::World;

#[derive(Debug, Clone)]
pub enum Event {
    /// VRRP makes this keepalived MASTER or BACKUP.
    Elect(Vrrp),
    /// A process dies, or is stopped by hand.
    Die(Service, bool),
    /// `systemctl start` by hand.
    StartByHand(Service),
    /// The NIC, as keepalived's check sees it.
    Nic(bool),
    /// What the peer is from now on.
    Peer(Peer),
    /// The peer takes over whenever it may.
    Ambition(bool),
    Gateway(bool),
    /// The active's session opens, or it goes on alone.
    Session(bool),
    Ask(Verb, bool),
    /// `START SLAVE`, `STOP SLAVE` by hand: IO thread, SQL thread.
    Threads(bool, bool),
    /// The address is added or removed by somebody.
    Vip(bool),
    /// A track file is written by somebody.
    Track(Fault),
    /// Somebody with SUPER.
    WritableByHand,
    SemiSyncByHand(bool),
    /// The program is killed after so many more steps, or one of its calls fails.
    Kill(usize),
    Fail(usize),
    /// Power off and on; the boot may start the node.
    Reboot,
}

#[derive(Debug, Clone, Copy)]
pub enum Peer {
    Silent,
    Active,
    Solo,
    Standby,
    Rests,
    Fenced,
    Promoted,
    PromotedRests,
    Behind,
}

/// Anything that can happen, and whether it is looked at before the next.
pub fn any_event() -> impl Strategy<Value = (Event, bool)> {
    let service = || select(vec![Service::Database, Service::Api, Service::Keepalived]);
    let set = |mode| Verb::Set { mode, role: None, reseed: false };
    let verbs = vec![
        set(Mode::M),
        set(Mode::S),
        set(Mode::Ap),
        Verb::Set { mode: Mode::Ap, role: Some(Role::Active), reseed: false },
        Verb::Set { mode: Mode::Ap, role: None, reseed: true },
        Verb::Start,
        Verb::Stop,
        Verb::Restart,
        Verb::Switchover,
    ];
    let peers = vec![
        Peer::Silent,
        Peer::Active,
        Peer::Solo,
        Peer::Standby,
        Peer::Standby,
        Peer::Rests,
        Peer::Fenced,
        Peer::Promoted,
        Peer::PromotedRests,
        Peer::Behind,
    ];
    let event = prop_oneof![
        3 => select(vec![Vrrp::Master, Vrrp::Backup]).prop_map(Event::Elect),
        2 => (service(), any::<bool>()).prop_map(|(service, clean)| Event::Die(service, clean)),
        1 => service().prop_map(Event::StartByHand),
        1 => any::<bool>().prop_map(Event::Nic),
        4 => select(peers).prop_map(Event::Peer),
        1 => any::<bool>().prop_map(Event::Ambition),
        1 => any::<bool>().prop_map(Event::Gateway),
        2 => any::<bool>().prop_map(Event::Session),
        8 => (select(verbs), any::<bool>()).prop_map(|(verb, force)| Event::Ask(verb, force)),
        1 => any::<(bool, bool)>().prop_map(|(io, sql)| Event::Threads(io, sql)),
        1 => any::<bool>().prop_map(Event::Vip),
        1 => select(vec![Fault::Db, Fault::Api, Fault::Role]).prop_map(Event::Track),
        1 => Just(Event::WritableByHand),
        1 => any::<bool>().prop_map(Event::SemiSyncByHand),
        3 => (0..20_usize).prop_map(Event::Kill),
        2 => (0..8_usize).prop_map(Event::Fail),
        1 => Just(Event::Reboot),
    ];
    (event, prop::bool::weighted(0.8))
}

impl World {
    /// It happens.
    pub fn happens(&mut self, event: &Event) {
        match event {
            Event::Elect(word) => self.elect(*word),
            Event::Die(service, clean) => self.run(*service, false, *clean),
            Event::StartByHand(service) => {
                self.last = None;
                if self.files[1 + crate::world::index(*service)] != "masked" {
                    self.run(*service, true, true);
                }
            }
            Event::Nic(up) => {
                self.nic = *up;
                self.keepalived_looks();
            }
            Event::Peer(peer) => self.set_peer(*peer),
            Event::Ambition(on) => self.ambitious = *on,
            Event::Gateway(on) => self.gateway = *on,
            Event::Session(open) => self.session(*open),
            Event::Ask(verb, force) => self.asks("operator root", verb, *force),
            Event::Threads(io, sql) => {
                if self.up(Service::Database) && self.replica {
                    (self.io, self.sql) = (*io, *sql);
                }
            }
            // After BACKUP an address may be one that keepalived is about to say it holds.
            Event::Vip(on) => self.vip = *on && self.said() != Some(Vrrp::Backup),
            Event::Track(fault) => self.set_fault(*fault, true),
            Event::WritableByHand => self.read_only = !self.up(Service::Database),
            Event::SemiSyncByHand(on) => self.semi_sync = *on && self.up(Service::Database),
            Event::Kill(steps) => self.kill_after = Some(*steps),
            Event::Fail(calls) => self.fail_at = Some(*calls),
            Event::Reboot => self.reboot(),
        }
    }

    fn set_peer(&mut self, peer: Peer) {
        let epoch = self.state.epoch.max(1);
        let fenced = |mut answer: ap_core::answer::Answer| {
            (answer.fenced, answer.grant) = (true, Some(crate::world::RELAY.to_owned()));
            answer
        };
        self.peer = match peer {
            Peer::Silent => None,
            Peer::Active => Some(answer(Mode::Ap, Role::Active, epoch)),
            Peer::Solo => Some(ap_core::answer::Answer { solo: true, ..answer(Mode::Ap, Role::Active, epoch) }),
            Peer::Standby => Some(answer(Mode::Ap, Role::Standby, epoch)),
            Peer::Rests => Some(answer(Mode::M, Role::Active, epoch)),
            Peer::Fenced => Some(fenced(answer(Mode::M, Role::Active, epoch))),
            Peer::Promoted => Some(answer(Mode::S, Role::Active, epoch + 1)),
            Peer::Behind => Some(answer(Mode::S, Role::Active, epoch - 1)),
            Peer::PromotedRests => Some(answer(Mode::M, Role::Active, epoch + 1)),
        };
    }

    fn asks(&mut self, who: &str, verb: &Verb, force: bool) {
        self.reads_fifo();
        if self.state.mode == Mode::M {
            self.must_rest = false;
        }
        self.last = None;
        let (id, who) = ("1".into(), who.into());
        self.handle(&Cause::Request(Request { id, who, why: String::new(), verb: verb.clone(), force }));
    }

    /// The program is killed: what it had read and remembered is gone.
    pub fn restart_program(&mut self) {
        self.gone.clear();
        (self.lost, self.latest, self.refused, self.blocked) = (None, None, 0, false);
    }

    pub fn reboot(&mut self) {
        self.restart_program();
        self.fifo.clear();
        (self.runs, self.vip, self.word, self.started) = ([false; 3], false, None, false);
        self.faults = vec![Fault::Db, Fault::Api, Fault::Role];
        (self.read_only, self.semi_sync, self.io, self.sql, self.drained) = (true, false, false, false, true);
        self.lease = 0;
        // The program forgets what another boot began, but for a leaving.
        let leaving = matches!(self.state.intention, Some(Intention::Leave { .. }));
        if !leaving {
            self.must_rest = false;
            self.state.intention = None;
        }
        if self.files[0] == "enabled" {
            self.asks("boot", &Verb::Start, false);
        }
    }
}
