//! The real files.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use ap_core::agent::{Kept, Lease};
use ap_core::answer::Answer;
use ap_core::config::Config;
use ap_core::event::Event;
use ap_core::message::Reply;
use ap_core::mode::{Fault, Vrrp};
use ap_core::state::State;
use ap_core::verdict::Verdict;
use nix::fcntl::OFlag;

use super::Files;
use crate::events;
use ap_host::store::Store;

/// The files of the configured node.
#[derive(Debug, Clone)]
pub struct RealFiles {
    store: Store,
    history: PathBuf,
    /// The name of this boot, short.
    boot: String,
}

impl RealFiles {
    /// Nothing is read or made yet.
    pub fn new(config: &Config) -> Self {
        Self { store: Store::new(config), history: config.events_file(), boot: boot_id() }
    }
}

impl Files for RealFiles {
    fn state(&self) -> Result<State> {
        self.store.state()
    }

    fn kept(&self) -> Result<Kept> {
        Ok(Kept {
            state: self.store.state()?,
            same_boot: self.store.same_boot(),
            vrrp: self.store.vrrp(),
            started: self.store.started(),
            lease: self.store.lease(),
            event: events::last(&self.history).as_ref().map(Event::brief),
        })
    }

    fn save(&self, state: &State) -> Result<()> {
        self.store.save(state)
    }

    fn set_fault(&self, fault: Fault, on: bool) -> Result<()> {
        self.store.set_fault(fault, on)
    }

    fn faults(&self) -> Vec<Fault> {
        self.store.faults()
    }

    fn checks(&self) -> BTreeMap<String, (Verdict, Duration)> {
        self.store.checks()
    }

    fn keep_vrrp(&self, word: Vrrp) -> Result<()> {
        self.store.set_vrrp(word)
    }

    fn keep_started(&self, on: bool) -> Result<()> {
        self.store.set_started(on)
    }

    fn keep_lease(&self, lease: Option<&Lease>) -> Result<()> {
        self.store.set_lease(lease.map(|(until, relay)| (*until, relay.as_str())))
    }

    fn keep_peer(&self, answer: &Answer) -> Result<()> {
        self.store.set_peer(answer)
    }

    fn process(&self, pid_file: &str) -> Option<String> {
        let pid = fs::read_to_string(pid_file).ok()?;
        started(pid.trim()).map(|process| format!("{}-{process}", self.boot))
    }

    fn append(&self, line: &str) -> Result<()> {
        events::write_line(&self.history, line)
    }

    fn reply(&self, id: &str, reply: &Reply) -> Result<()> {
        let path = self.store.run("reply").join(id);
        let line = serde_json::to_string(reply).context("failed to render a reply")?;
        let mut pipe = OpenOptions::new()
            .write(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(&path)
            .with_context(|| format!("nobody waits on {}", path.display()))?;
        pipe.write_all(format!("{line}\n").as_bytes()).with_context(|| format!("nobody reads from {}", path.display()))
    }
}

/// Process id and start time in clock ticks since boot: no other process of this boot has both.
fn started(pid: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.parse::<u32>().ok()?)).ok()?;
    // The name, in parentheses, may hold anything; the start time is the 20th field after it (proc(5)).
    let start = stat.rsplit(')').next()?.split_whitespace().nth(19)?;
    Some(format!("{pid}.{start}"))
}

/// The first letters of this boot's own name.
fn boot_id() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    boot.get(..8).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_named_by_its_start_as_well() {
        let own = std::process::id().to_string();
        assert!(started(&own).unwrap().starts_with(&format!("{own}.")));
        assert_eq!(started("no number"), None);
    }
}
