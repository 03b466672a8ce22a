//! What becomes of the pair when it happens.

use ap_core::mode::Vrrp;
use ap_core::plan::Cause;

use super::actions::Action;
use super::world::World;

impl World {
    pub fn act(&mut self, action: &Action) {
        match *action {
            Action::Tick(late) => self.tick(late),
            Action::Ask(n) => self.ask(n),
            Action::Reply(n) => self.reply(n),
            Action::Hear(n) => self.hear(n),
            Action::Silence(n) => self.silence(n),
            Action::Protect(n) => self.protect(n, usize::MAX),
            Action::Handle(n) => {
                if let Some(word) = self.nodes[n].event.take() {
                    self.handle(n, &Cause::Vrrp(word), false);
                }
            }
            Action::Look(n, cut_off) => self.handle(n, &Cause::Look, cut_off),
            Action::Run(n) => self.run(n),
            Action::Probe(n) => {
                self.probe(n);
                // It probes twice a second and looks ten times: each result is looked
                // at, or the active's half knows that it did not run.
                if self.nodes[n].idle() && self.nodes[n].active.is_some() {
                    self.protect(n, usize::MAX);
                }
            }
            Action::See(n) => self.see(n),
            Action::Master(n) => {
                let node = &mut self.nodes[n];
                (node.vrrp, node.event, node.vip) = (Some(Vrrp::Master), Some(Vrrp::Master), true);
                if !self.cut {
                    self.nodes[1 - n].deaf = 0;
                }
            }
            Action::Write(n) => self.write(n),
            Action::Receive(n) => {
                let next = self.next_for(n);
                let db = &mut self.nodes[n].db;
                db.relay |= next;
                db.acks |= next;
            }
            Action::Acknowledge(n) => {
                let acks = std::mem::take(&mut self.nodes[1 - n].db.acks);
                let db = &mut self.nodes[n].db;
                let done = db.waiting & acks;
                db.waiting &= !done;
                db.acknowledged |= done;
                self.acknowledged |= done;
            }
            Action::Apply(n) => self.nodes[n].db.apply(),
            Action::Repair(repair) => self.repair(repair),
            Action::Fault(fault) => {
                self.faults -= 1;
                fault.strike(self);
            }
        }
    }

    fn write(&mut self, n: usize) {
        let write = 1 << self.writes;
        self.writes += 1;
        let db = &mut self.nodes[n].db;
        db.log |= write;
        if db.semi {
            db.waiting |= write;
        } else {
            self.acknowledged |= write;
        }
    }
}
