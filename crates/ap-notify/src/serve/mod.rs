//! The service: one loop that looks, plans, executes and records, and the
//! threads that feed it.

mod answer;
mod database;
pub mod inbox;
mod protect;
pub mod watch;

use std::fs::File;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result};
use ap_core::answer::Answer;
use ap_core::mode::{Mode, Role, Service, Vrrp};
use ap_core::plan::{Cause, plan};
use ap_core::protection::Active;
use ap_core::state::Intention;
use ap_core::step::Step;
use ap_host::store::Store;
use ap_systemd::notify::{self, READY, WATCHDOG};

use crate::node::Node;
use crate::shared::timing;
use inbox::Inbox;

/// How often the protection is looked at.
const TICK: Duration = Duration::from_millis(100);
/// Pause before this program gives up its start, to be started again.
const RETRY: Duration = Duration::from_secs(2);
/// How often what is gets compared with what should be.
const LOOK: Duration = Duration::from_secs(1);

/// Runs for ever.
///
/// # Errors
/// The node cannot be opened, or the sockets of systemd are missing.
pub fn run(config_path: &Path) -> Result<()> {
    let mut node = Node::open(config_path).inspect_err(|_| fail_closed(config_path))?;
    // Killed while it had made the peer unreachable: undone first of all.
    node.net.unblock(node.peer.address)?;
    let (lines, receiver) = mpsc::channel();
    node.inbox = Some(Inbox::new(receiver, node.config.pair.restart_grace.get(), node.store.vrrp()));
    for (name, fd) in ap_systemd::listen_fds()? {
        take_over(&node, &name, fd, &lines)?;
    }
    watch::peer(node.config.clone(), node.own.clone(), node.peer.clone(), node.shared.clone())?;
    watch::gateway(node.config.clone(), node.own.clone(), node.shared.clone())?;
    watch::pulse(node.shared.clone())?;
    database::watch(node.config.clone(), node.credentials.clone(), node.shared.clone())?;
    forget_other_boots(&mut node)?;
    let state = node.state();
    if state.mode == Mode::Ap && state.role == Role::Active {
        node.active = Some(Active::new(timing(&node.config), ap_host::boottime(), state.solo));
    }
    tell_systemd(READY);
    log::info!("{}: mode {}, role {}, epoch {}", node.own.name, state.mode, state.role, state.epoch);
    let mut looked = Duration::ZERO;
    let mut before = (None, false, false);
    loop {
        alive();
        let now = ap_host::boottime();
        if let Some(inbox) = &mut node.inbox {
            inbox.absorb(now, TICK);
        }
        node.protect();
        let now = ap_host::boottime();
        while let Some(cause) = node.inbox.as_mut().and_then(|inbox| inbox.next(now)) {
            node.handle(&cause);
            looked = Duration::ZERO;
        }
        // A database that was started again is not left read-only for a second, nor
        // is a standby that may now take over left unable to: a hand-over would wait.
        let seen = {
            let facts = node.shared.facts();
            let lease = facts.standby.lease(now, &facts.relay).is_ok();
            let blocked = node.blocked.is_some() && facts.heard.answer.as_ref().is_ok_and(Answer::holds_on);
            (facts.db.as_ref().ok().map(|db| db.read_only), lease, blocked)
        };
        if std::mem::replace(&mut before, seen) != seen {
            looked = Duration::ZERO;
        }
        if now.saturating_sub(looked) >= LOOK && node.seen_since_acting() {
            node.handle(&Cause::Look);
            looked = ap_host::boottime();
        }
    }
}

/// A node that cannot know what it is gives the VIP away. systemd starts this
/// program again at once; there is no hurry to fail ten times a second.
fn fail_closed(config_path: &Path) {
    if let Ok(config) = ap_host::load_config(config_path)
        && let Err(error) = Store::new(&config).set_fault(ap_core::mode::Fault::Role, true)
    {
        log::error!("{error:#}");
    }
    std::thread::sleep(RETRY);
}

/// A descriptor handed over by systemd.
fn take_over(node: &Node, name: &str, fd: OwnedFd, lines: &mpsc::Sender<ap_core::message::Message>) -> Result<()> {
    match name {
        "fifo" => {
            let instance = node.config.codename.clone();
            watch::fifo(File::from(fd), instance, lines.clone(), node)
        }
        "peer" => {
            let listener = TcpListener::from(fd);
            listener.set_nonblocking(false).context("failed to set up the listener")?;
            answer::serve(listener, node.config.clone(), node.own.clone(), node.peer.clone(), node.shared.clone())
        }
        other => {
            log::warn!("systemd handed over a socket named '{other}', which nobody expects");
            Ok(())
        }
    }
}

/// On its own this program starts nothing at boot: of what was begun before the
/// machine went down, only a leaving is finished (F1, F8).
fn forget_other_boots(node: &mut Node) -> Result<()> {
    let mut state = node.state();
    if node.store.same_boot() || state.intention.is_none() {
        return Ok(());
    }
    let Some(intention) = state.intention.take() else { return Ok(()) };
    if matches!(intention, Intention::Leave { .. }) {
        return Ok(());
    }
    log::warn!("the machine went down while {intention}: dropped");
    node.save(state)
}

impl Node {
    /// Plans for a cause and carries it out.
    fn handle(&mut self, cause: &Cause) {
        if let Cause::Gone(service) = cause
            && !self.really_gone(*service)
        {
            return;
        }
        let observed = self.observe(cause);
        if observed.state.mode == Mode::Ap && observed.state.role == Role::Standby && observed.peer.is_err() {
            self.keep_relay_logs();
        }
        let plan = plan(cause, &observed);
        self.carry_out(cause, plan, observed.evidence());
    }

    /// A unit that runs again, or was stopped on purpose, is not gone. One that is
    /// gone gets its track file, so that keepalived knows.
    fn really_gone(&mut self, service: Service) -> bool {
        if !self.store.started() {
            return false;
        }
        if self.glance.state(self.config.unit(service)).is_ok_and(|unit| unit.is_active()) {
            return false;
        }
        let fault = match service {
            Service::Database => Some(ap_core::mode::Fault::Db),
            Service::Api => Some(ap_core::mode::Fault::Api),
            Service::Keepalived => None,
        };
        if let Some(fault) = fault
            && let Err(error) = self.store.set_fault(fault, true)
        {
            log::error!("{error:#}");
        }
        true
    }

    /// Whether keepalived has said something else than MASTER meanwhile, so that a
    /// long step gives way.
    pub fn moved_on(&mut self, now: Duration) -> bool {
        self.inbox.as_mut().is_some_and(|inbox| inbox.moved_on(now))
    }

    /// Whether keepalived made this node MASTER.
    pub fn is_master(&self) -> bool {
        self.shared.facts().vrrp == Some(Vrrp::Master)
    }
}

/// Tells systemd's watchdog that the executor runs.
pub fn alive() {
    tell_systemd(WATCHDOG);
}

fn tell_systemd(state: &str) {
    if let Err(error) = notify::notify(state) {
        log::warn!("{error:#}");
    }
}

/// For tests of what a kill at this very step leads to (F12): with the name of a
/// step in the file RUN/trap, the process kills itself there, once.
pub fn trap(step: &Step) {
    let Ok(path) = std::env::var("AP_TRAP") else { return };
    let name = format!("{step:?}");
    if std::fs::read_to_string(&path).is_ok_and(|wanted| !wanted.trim().is_empty() && name.starts_with(wanted.trim())) {
        log::warn!("trap: ending at {name}");
        let _ = std::fs::remove_file(&path);
        let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
    }
}
