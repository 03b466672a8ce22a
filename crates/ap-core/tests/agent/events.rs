//! What happens to a node, by itself, by hand and by request.

use std::time::Duration;

use ap_core::answer::Answer;
use ap_core::message::Verb;
use ap_core::mode::{Fault, Mode, Role, Service, Vrrp};
use proptest::prelude::*;
use proptest::sample::select;

use crate::keepalived::index;
use crate::peer::{answer, stands_by};
use crate::world::{How, Kill, World};

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
    /// Replication between the two gets through.
    Link(bool),
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
    /// The program is killed before or right after an effect, after so many more.
    Kill(usize, bool),
    /// One of the next acts fails, or happens and is reported as failed.
    Fail(usize, bool),
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

/// Anything that can happen, and how long it is until the next.
pub fn any_event() -> impl Strategy<Value = (Event, Duration)> {
    let service = || select(vec![Service::Database, Service::Api, Service::Keepalived]);
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
        2 => any::<bool>().prop_map(Event::Link),
        8 => (select(verbs()), any::<bool>()).prop_map(|(verb, force)| Event::Ask(verb, force)),
        1 => any::<(bool, bool)>().prop_map(|(io, sql)| Event::Threads(io, sql)),
        1 => any::<bool>().prop_map(Event::Vip),
        1 => select(vec![Fault::Db, Fault::Api, Fault::Role]).prop_map(Event::Track),
        1 => Just(Event::WritableByHand),
        1 => any::<bool>().prop_map(Event::SemiSyncByHand),
        3 => (0..60_usize, any::<bool>()).prop_map(|(effects, after)| Event::Kill(effects, after)),
        2 => (0..12_usize, any::<bool>()).prop_map(|(acts, happens)| Event::Fail(acts, happens)),
        1 => Just(Event::Reboot),
    ];
    let pause = select(vec![0, 4, 90, 1500, 1500, 1500, 6000]).prop_map(Duration::from_millis);
    (event, pause)
}

fn verbs() -> Vec<Verb> {
    let set = |mode| Verb::Set { mode, role: None, reseed: false };
    vec![
        set(Mode::M),
        set(Mode::S),
        set(Mode::Ap),
        Verb::Set { mode: Mode::Ap, role: Some(Role::Active), reseed: false },
        Verb::Set { mode: Mode::Ap, role: None, reseed: true },
        Verb::Start,
        Verb::Stop,
        Verb::Restart,
        Verb::Switchover,
    ]
}

impl World {
    /// It happens.
    pub fn happens(&mut self, event: &Event) {
        match event {
            Event::Elect(word) => self.elect(*word),
            Event::Die(service, clean) => self.run(*service, false, *clean),
            Event::StartByHand(service) => {
                (self.last, self.asked) = (None, None);
                if !self.unit_files[1 + index(*service)].masked {
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
            Event::Link(on) => self.link = *on,
            Event::Ask(verb, force) => self.asks("operator root", verb.clone(), *force),
            Event::Threads(io, sql) => {
                if self.db.up && self.db.replica {
                    self.db.threads_by_hand(*io, *sql);
                }
            }
            // After BACKUP an address may be one that keepalived is about to say it holds.
            Event::Vip(on) => self.vip = *on && self.said != Some(Vrrp::Backup),
            Event::Track(fault) => self.set_fault(*fault, true),
            // Not between the end of `read_only` and the word: nothing can help against that.
            Event::WritableByHand => self.db.read_only &= !self.db.up || self.state.intention.is_some(),
            Event::SemiSyncByHand(on) => {
                (self.db.semi_sync, self.by_hand) = (*on && self.db.up, self.now);
            }
            Event::Kill(left, after) => self.kill = Some(Kill { left: *left, after: *after, power_off: false }),
            Event::Fail(acts, happens) => {
                self.fail_at = Some((*acts, if *happens { How::HappensAndFails } else { How::Fails }));
            }
            Event::Reboot => self.reboot(),
        }
    }

    fn set_peer(&mut self, peer: Peer) {
        let epoch = self.state.epoch.max(1);
        let relay = self.told.as_ref().map(|told| told.relay.clone()).unwrap_or_default();
        self.peer = match peer {
            Peer::Silent => None,
            Peer::Active => Some(answer(Mode::Ap, Role::Active, epoch)),
            Peer::Solo => Some(Answer { solo: true, ..answer(Mode::Ap, Role::Active, epoch) }),
            Peer::Standby => Some(answer(Mode::Ap, Role::Standby, epoch)),
            Peer::Rests => Some(answer(Mode::M, Role::Active, epoch)),
            Peer::Fenced => Some(Answer { fenced: true, grant: Some(relay), ..answer(Mode::M, Role::Active, epoch) }),
            Peer::Promoted => Some(answer(Mode::S, Role::Active, epoch + 1)),
            Peer::Behind => Some(answer(Mode::S, Role::Active, epoch - 1)),
            Peer::PromotedRests => Some(answer(Mode::M, Role::Active, epoch + 1)),
        };
        if self.peer.as_ref().is_some_and(|peer| !stands_by(peer)) {
            self.grant_ended = None;
        }
    }
}
