//! What a node keeps: durable state, the mode file, and what lives until the
//! machine goes down.
//!
//! | file                | holds                                       | survives  |
//! |---------------------|---------------------------------------------|-----------|
//! | STATE/state.toml    | mode, role, epoch, intention                | reboot    |
//! | the mode file       | one word                                    | reboot    |
//! | RUN/fault/NAME      | 1: keepalived gives the VIP away            | our crash |
//! | RUN/vrrp            | keepalived's last state                     | our crash |
//! | RUN/started         | present: the services are meant to run      | our crash |
//! | RUN/lease           | a standby's lease                           | our crash |
//! | RUN/boot            | an intention was written since boot         | our crash |
//! | RUN/peer            | the peer's last answer, for people          | our crash |

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use ap_core::answer::Answer;
use ap_core::config::Config;
use ap_core::mode::{Fault, Vrrp};
use ap_core::state::State;
use ap_core::verdict::Verdict;
use serde::{Deserialize, Serialize};

use crate::track::Record;
use crate::{boottime, millis, wall_clock, write_atomically};

/// Paths of one node.
#[derive(Debug, Clone)]
pub struct Store {
    state_file: PathBuf,
    mode_file: PathBuf,
    run: PathBuf,
}

impl Store {
    /// The store of the configured node.
    pub fn new(config: &Config) -> Self {
        Self { state_file: config.state_file(), mode_file: config.mode_file(), run: config.run_dir() }
    }

    /// Reads the state; a node never set up has a fresh one.
    ///
    /// # Errors
    /// The file cannot be read, or is not a state: never guessed at.
    pub fn state(&self) -> Result<State> {
        match fs::read_to_string(&self.state_file) {
            Ok(text) => State::from_toml(&text).with_context(|| {
                format!("{} is damaged; look at it, then `ap-mode set m` writes it anew", self.state_file.display())
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(State::fresh()),
            Err(error) => Err(error).with_context(|| format!("failed to read {}", self.state_file.display())),
        }
    }

    /// Writes the state, durably, then the mode file.
    ///
    /// # Errors
    /// The state cannot be written: nothing may be acted on.
    pub fn save(&self, state: &State) -> Result<()> {
        if state.intention.is_some() {
            self.put("boot", "")?;
        }
        let text = state.to_toml().context("failed to render the state")?;
        write_atomically(&self.state_file, text.as_bytes(), 0o644)
            .with_context(|| format!("failed to write {}", self.state_file.display()))?;
        let word = format!("{}\n", state.mode);
        if fs::read_to_string(&self.mode_file).is_ok_and(|old| old == word) {
            return Ok(());
        }
        write_atomically(&self.mode_file, word.as_bytes(), 0o644)
            .with_context(|| format!("failed to write {}", self.mode_file.display()))
    }

    /// Whether an intention found in the state is of this boot.
    pub fn same_boot(&self) -> bool {
        self.run.join("boot").exists()
    }

    /// Sets or clears a track file. Written in place: keepalived watches the inode's
    /// directory either way, and one byte is written in one piece.
    ///
    /// # Errors
    /// The run directory cannot be written.
    pub fn set_fault(&self, fault: Fault, on: bool) -> Result<()> {
        let path = self.run.join("fault").join(fault.as_str());
        let text = if on { "1\n" } else { "0\n" };
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            return Ok(());
        }
        fs::write(&path, text).with_context(|| format!("failed to write {}", path.display()))
    }

    /// Track files that are set. A missing one counts as set: it must not be overlooked.
    pub fn faults(&self) -> Vec<Fault> {
        [Fault::Db, Fault::Api, Fault::Role]
            .into_iter()
            .filter(|fault| {
                fs::read_to_string(self.run.join("fault").join(fault.as_str())).map_or(true, |text| text.trim() != "0")
            })
            .collect()
    }

    /// keepalived's last word since the machine was started.
    pub fn vrrp(&self) -> Option<Vrrp> {
        fs::read_to_string(self.run.join("vrrp")).ok()?.trim().parse().ok()
    }

    /// Remembers keepalived's word.
    ///
    /// # Errors
    /// The run directory cannot be written.
    pub fn set_vrrp(&self, word: Vrrp) -> Result<()> {
        self.put("vrrp", &format!("{word}\n"))
    }

    /// Whether the services are meant to run.
    pub fn started(&self) -> bool {
        self.run.join("started").exists()
    }

    /// Remembers whether the services are meant to run.
    ///
    /// # Errors
    /// The run directory cannot be written.
    pub fn set_started(&self, on: bool) -> Result<()> {
        if on { self.put("started", "") } else { self.remove("started") }
    }

    /// The lease kept for our own restart: its end (time since boot) and relay log.
    pub fn lease(&self) -> Option<(Duration, String)> {
        let text = fs::read_to_string(self.run.join("lease")).ok()?;
        let (until, relay) = text.trim().split_once(' ')?;
        Some((Duration::from_millis(until.parse().ok()?), relay.to_owned()))
    }

    /// Keeps the lease over our own restart, or forgets it.
    ///
    /// # Errors
    /// The run directory cannot be written.
    pub fn set_lease(&self, lease: Option<(Duration, &str)>) -> Result<()> {
        match lease {
            Some((until, relay)) => self.put("lease", &format!("{} {relay}\n", until.as_millis())),
            None => self.remove("lease"),
        }
    }

    /// Keeps the peer's answer, for `ap-mode status` when the peer is silent.
    ///
    /// # Errors
    /// The run directory cannot be written.
    pub fn set_peer(&self, answer: &Answer) -> Result<()> {
        let heard = Heard { at: wall_clock(), boot_ms: millis(boottime()), answer: answer.clone() };
        self.put("peer", &serde_json::to_string(&heard).context("failed to render the peer's answer")?)
    }

    /// The peer's last answer since this machine was switched on.
    pub fn peer(&self) -> Option<Heard> {
        serde_json::from_str(&fs::read_to_string(self.run.join("peer")).ok()?).ok()
    }

    /// The last verdict of each check that has run, and when it did (time since boot).
    pub fn checks(&self) -> BTreeMap<String, (Verdict, Duration)> {
        let record = |name: &str| {
            let bytes = fs::read(self.run.join("track").join(name)).ok()?;
            let record: Record = serde_json::from_slice(&bytes).ok()?;
            Some((name.to_owned(), (record.verdict, Duration::from_millis(record.at_ms))))
        };
        ["nic", "api", "db"].into_iter().filter_map(record).collect()
    }

    /// A file under the run directory.
    pub fn run(&self, name: &str) -> PathBuf {
        self.run.join(name)
    }

    fn put(&self, name: &str, text: &str) -> Result<()> {
        let path = self.run.join(name);
        let new = path.with_extension("new");
        fs::write(&new, text)
            .and_then(|()| fs::rename(&new, &path))
            .with_context(|| format!("failed to write {}", path.display()))
    }

    fn remove(&self, name: &str) -> Result<()> {
        remove_if_there(&self.run.join(name))
    }
}

/// What the peer answered last.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Heard {
    /// By the wall clock, for people.
    pub at: String,
    /// Milliseconds since boot.
    pub boot_ms: u64,
    /// The answer.
    pub answer: Answer,
}

/// Removes a file; a missing one is fine.
///
/// # Errors
/// It is there and cannot be removed.
pub fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("failed to remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_kept_as_an_older_version_kept_it() {
        let run = std::env::temp_dir().join(format!("ap-store-{}", std::process::id()));
        fs::create_dir_all(&run).unwrap();
        let store = Store { state_file: run.join("state.toml"), mode_file: run.join("mode"), run: run.clone() };
        assert_eq!(store.lease(), None);
        let lease = (Duration::from_millis(123_456), "1a2b3c4d-812.33411-9".to_owned());
        // As commit e2530bc wrote it.
        fs::write(run.join("lease"), "123456 1a2b3c4d-812.33411-9\n").unwrap();
        assert_eq!(store.lease(), Some(lease.clone()));
        store.set_lease(Some((lease.0, &lease.1))).unwrap();
        assert_eq!(fs::read_to_string(run.join("lease")).unwrap(), "123456 1a2b3c4d-812.33411-9\n");
        store.set_lease(None).unwrap();
        assert_eq!(store.lease(), None);
        fs::remove_dir_all(&run).unwrap();
    }
}
