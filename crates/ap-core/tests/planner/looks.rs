//! How the program hears and looks, until there is nothing left to do.

use ap_core::mode::{Fault, Service, Vrrp};
use ap_core::plan::Cause;

use crate::world::World;

/// Looks within which a node comes to rest: leases and refusals run out meanwhile.
const SETTLE: usize = 60;

impl World {
    /// FAULT and STOP latch, of other words the latest counts, units come first.
    pub fn reads_fifo(&mut self) -> bool {
        let mut busy = false;
        loop {
            while let Some(cause) = self.fifo.pop_front() {
                match cause {
                    Cause::Vrrp(word) => {
                        (self.word, self.latest) = (Some(word), Some(word));
                        if matches!(word, Vrrp::Fault | Vrrp::Stop) {
                            self.lost = Some(word);
                        }
                    }
                    Cause::Gone(service) => {
                        if service == Service::Keepalived {
                            self.word = Some(Vrrp::Stop);
                        }
                        self.gone.push(service);
                    }
                    Cause::Request(_) | Cause::Look => {}
                }
            }
            let next = if let Some(service) = self.gone.pop() {
                Cause::Gone(service)
            } else if let Some(word) = self.lost.take() {
                if self.latest == Some(word) {
                    self.latest = None;
                }
                Cause::Vrrp(word)
            } else if let Some(word) = self.latest.take() {
                Cause::Vrrp(word)
            } else {
                return busy;
            };
            if let Cause::Gone(service) = next
                && self.started
                && !self.up(service)
            {
                match service {
                    Service::Database => self.set_fault(Fault::Db, true),
                    Service::Api => self.set_fault(Fault::Api, true),
                    Service::Keepalived => {}
                }
            }
            busy |= self.handle(&next);
        }
    }

    /// One look after everything that was said. Returns whether there was anything to do.
    pub fn looks(&mut self) -> bool {
        let busy = self.reads_fifo();
        self.handle(&Cause::Look) | busy
    }

    /// Looks until nothing is left to do. Returns whether that came about.
    pub fn settles(&mut self) -> bool {
        let mut quiet = 0;
        for _ in 0..SETTLE {
            let before = (self.lease, self.refused, self.cut_off);
            self.tick();
            let busy = self.looks() || !self.fifo.is_empty() || before != (self.lease, self.refused, self.cut_off);
            quiet = if busy { 0 } else { quiet + 1 };
            if quiet == 3 {
                return true;
            }
        }
        false
    }
}
