//! keepalived: VRRP 3, `nopreempt`, track files, checks, what a kill leaves behind.

use std::collections::BTreeMap;
use std::time::Duration;

use ap_core::message::Message;
use ap_core::mode::{Fault, Service, Vrrp};
use ap_core::verdict::Verdict;

use crate::world::{Due, World, ms};

/// Time between two adverts.
const ADVERT: Duration = ms(100);
/// Time between two runs of a check.
const CHECK: Duration = Duration::from_secs(2);
/// keepalived, and its priority on each host.
const PRIORITIES: [u8; 2] = [254, 250];

/// keepalived on one machine.
#[derive(Debug, Clone, Default)]
pub struct Keepalived {
    /// It runs.
    pub up: bool,
    /// What it last said.
    pub said: Option<Vrrp>,
    /// Verdicts of the checks of the API and of the database: bad.
    pub checks: [bool; 2],
    good: [u8; 2],
    /// When they last ran.
    checked: Duration,
    /// Since when it has held the VIP with a database that is read-only.
    idle: Option<Duration>,
    /// When the master counts as lost.
    down_at: Duration,
    /// Counts starts and changes, so that old timers count no more.
    serial: u32,
}

impl Keepalived {
    /// Its clock has stood still for so long.
    pub fn slept(&mut self, by: Duration) {
        self.down_at += by;
        self.idle.iter_mut().for_each(|since| *since += by);
    }
}

/// The wait for a vanished master; after priority 0 only the skew.
fn takeover(node: usize, resigned: bool) -> Duration {
    let skew = ADVERT * (256 - u32::from(PRIORITIES[node])) / 256;
    if resigned { skew } else { ADVERT * 3 + skew }
}

impl World {
    /// keepalived starts or ends; `clean`: it was asked to.
    pub fn keepalived_runs(&mut self, n: usize, on: bool, clean: bool) {
        let keepalived = &mut self.nodes[n].keepalived;
        keepalived.up = on;
        keepalived.serial += 1;
        if on {
            keepalived.said = None;
            self.check(n);
            self.keepalived_looks(n);
            return;
        }
        let master = keepalived.said.take() == Some(Vrrp::Master);
        if clean {
            if master {
                self.advertise(n, 0);
            }
            self.nodes[n].vip = false;
            self.line(n, Message::Vrrp(Vrrp::Stop));
        } else {
            // SIGKILL leaves the VIP; `ExecStopPost` takes it off.
            let after = self.between(1, 20);
            self.later(n, after, Due::RemoveVip);
        }
    }

    /// keepalived looks at what it tracks.
    pub fn keepalived_looks(&mut self, n: usize) {
        let node = &self.nodes[n];
        if !node.keepalived.up {
            return;
        }
        let bad = node.is_bad();
        match (node.keepalived.said, bad) {
            (Some(Vrrp::Fault), true) => {}
            (_, true) => self.speaks(n, Vrrp::Fault),
            (Some(Vrrp::Fault) | None, false) => self.speaks(n, Vrrp::Backup),
            _ => {}
        }
    }

    fn speaks(&mut self, n: usize, word: Vrrp) {
        let keepalived = &mut self.nodes[n].keepalived;
        let before = keepalived.said.replace(word);
        keepalived.serial += 1;
        self.tell(n, || format!("keepalived says {word}"));
        match word {
            Vrrp::Master => {
                self.nodes[n].vip = true;
                self.adverts(n);
            }
            _ => {
                if before == Some(Vrrp::Master) && word == Vrrp::Fault {
                    self.advertise(n, 0);
                }
                // What it finds on the interface at its start it leaves there.
                self.nodes[n].vip &= before.is_none();
            }
        }
        if word == Vrrp::Backup {
            self.waits_for_master(n, false);
        }
        self.line(n, Message::Vrrp(word));
    }

    /// A master advertises, and goes on.
    pub fn adverts(&mut self, n: usize) {
        self.advertise(n, PRIORITIES[n]);
        let serial = self.nodes[n].keepalived.serial;
        let after = ADVERT + self.lateness(n);
        self.later(n, after, Due::Adverts(serial));
    }

    /// The timer of the adverts.
    pub fn adverts_due(&mut self, n: usize, serial: u32) {
        let keepalived = &self.nodes[n].keepalived;
        if keepalived.serial == serial && keepalived.said == Some(Vrrp::Master) {
            self.adverts(n);
        }
    }

    fn advertise(&mut self, n: usize, priority: u8) {
        if !self.passes(n) || self.nodes[n].muted || self.lost(n) {
            return;
        }
        // Nothing in an advert tells one that comes twice, or late, from a new one.
        let copies = if self.one_in(self.loss) { 2 } else { 1 };
        for _ in 0..copies {
            let after = self.latency();
            self.later(1 - n, after, Due::Advert(priority));
        }
    }

    /// The child that speaks VRRP is killed: the parent starts it again at once, and the
    /// VIP stays (docs/FACTS.md#kill-of-one-process).
    pub fn child_is_killed(&mut self, n: usize) {
        let keepalived = &mut self.nodes[n].keepalived;
        keepalived.said = None;
        keepalived.serial += 1;
        self.check(n);
        let after = self.between(5, 50);
        self.later(n, after, Due::Tracked);
    }

    fn waits_for_master(&mut self, n: usize, resigned: bool) {
        let at = self.now + takeover(n, resigned);
        let keepalived = &mut self.nodes[n].keepalived;
        keepalived.down_at = at;
        let serial = keepalived.serial;
        self.later(n, at - self.now, Due::MasterDown(serial));
    }

    /// The master may be lost.
    pub fn master_down(&mut self, n: usize, serial: u32) {
        let now = self.now;
        let keepalived = &self.nodes[n].keepalived;
        if keepalived.serial != serial || keepalived.said != Some(Vrrp::Backup) {
            return;
        }
        if now >= keepalived.down_at {
            self.speaks(n, Vrrp::Master);
        }
    }

    /// An advert has come.
    pub fn advert(&mut self, n: usize, priority: u8) {
        if !self.hears(n) {
            return;
        }
        match self.nodes[n].keepalived.said {
            Some(Vrrp::Backup) => self.waits_for_master(n, priority == 0),
            Some(Vrrp::Master) if priority > PRIORITIES[n] => self.speaks(n, Vrrp::Backup),
            // The lower one hears who is here.
            Some(Vrrp::Master) => self.advertise(n, PRIORITIES[n]),
            _ => {}
        }
    }

    /// The checks run: one bad result is a fault, two good ones end it.
    pub fn check(&mut self, n: usize) {
        let now = self.now;
        // A check that does not end in time is bad.
        let late = self.nodes[n].starved && self.one_in(6);
        let node = &mut self.nodes[n];
        let grace = node.site.config.check.writable_grace.get();
        let keepalived = &mut node.keepalived;
        let idle = keepalived.said == Some(Vrrp::Master) && node.db.read_only;
        keepalived.idle = if idle { keepalived.idle.or(Some(now)) } else { None };
        let serves = keepalived.idle.is_none_or(|since| now.saturating_sub(since) < grace);
        let results = [node.api.0 && !node.api.1 && !late, node.db.answers() && serves && !late];
        if !keepalived.up {
            return;
        }
        keepalived.checked = now;
        for (i, good) in results.into_iter().enumerate() {
            keepalived.good[i] = if good { (keepalived.good[i] + 1).min(2) } else { 0 };
            match (good, keepalived.said) {
                (false, _) => keepalived.checks[i] = true,
                // The very first result decides alone.
                (true, None) => keepalived.checks[i] = false,
                (true, _) => keepalived.checks[i] &= keepalived.good[i] < 2,
            }
        }
        let started = self.nodes[n].keepalived.said.is_none();
        if !started {
            self.keepalived_looks(n);
        }
    }

    /// What the checks found last, and when by this host's clock.
    pub fn verdicts(&self, n: usize) -> BTreeMap<String, (Verdict, Duration)> {
        let node = &self.nodes[n];
        let keepalived = &node.keepalived;
        let verdict = |good: u8| if good > 0 { Verdict::good("it answers") } else { Verdict::bad("no answer") };
        let at = node.clock(keepalived.checked);
        let of = |(name, good): (&str, u8)| (name.to_owned(), (verdict(good), at));
        let [api, db] = keepalived.good;
        [("api", api), ("db", db)].into_iter().filter(|_| keepalived.up).map(of).collect()
    }

    /// The regular run of the checks.
    pub fn check_due(&mut self, n: usize) {
        self.check(n);
        self.later(n, CHECK, Due::Check);
    }

    /// Sets or clears a track file; keepalived sees it a moment later.
    pub fn set_fault(&mut self, n: usize, fault: Fault, on: bool) {
        if self.nodes[n].run_full {
            return;
        }
        let faults = &mut self.nodes[n].faults;
        faults.retain(|set| *set != fault);
        if on {
            faults.push(fault);
        }
        let after = self.between(5, 24);
        self.later(n, after, Due::Tracked);
    }

    /// Starts or ends a service, with what its hooks do.
    pub fn service_runs(&mut self, n: usize, service: Service, on: bool, clean: bool) {
        if self.nodes[n].up(service) == on {
            return;
        }
        let word = match (on, clean) {
            (true, _) => "starts",
            (_, true) => "was stopped",
            _ => "was killed",
        };
        self.tell(n, || format!("{service} {word}"));
        match service {
            Service::Database if !on => self.database_ends(n, clean),
            // Its end is told as that of any other unit that fails.
            Service::Database if !self.database_starts(n) => {
                self.set_fault(n, Fault::Db, true);
                return self.line(n, Message::Stopped { service, clean: false });
            }
            Service::Database => {}
            Service::Api => self.nodes[n].api = (on, false),
            Service::Keepalived => self.keepalived_runs(n, on, clean),
        }
        if on {
            return self.line(n, Message::Started(service));
        }
        match service {
            Service::Database if !clean => self.set_fault(n, Fault::Db, true),
            Service::Api if !clean => self.set_fault(n, Fault::Api, true),
            _ => {}
        }
        self.line(n, Message::Stopped { service, clean });
    }
}
