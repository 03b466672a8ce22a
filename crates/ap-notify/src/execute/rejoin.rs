//! The way back of a fenced node: truncate what nobody was told succeeded, then
//! see whether the histories are one.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ap_core::gtid::{Extra, Gtid};
use ap_core::history;
use ap_core::mode::Service;
use ap_host::store::remove_if_there;

use super::binlog::{self, Part};
use super::refused;
use super::reseed::copied;
use super::server::{release, setting};
use crate::node::Node;

/// The peer tells what it saw at its last look at its database. A node that has
/// just been replicating may have more than that, and no fork.
const BEHIND: Duration = Duration::from_secs(1);
/// Pause between two questions.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

impl Node {
    /// Starts the database with `--init-rpl-role=SLAVE`, once: crash recovery then
    /// takes out of the binary log what was waiting for its acknowledgement, and
    /// rolls it back. The tail is saved before. On a node that had been solo this
    /// would destroy acknowledged rows, so the planner asks for it only after a
    /// fence within a session, and the drop-in lives under /run.
    pub fn start_truncating(&mut self) -> Result<()> {
        let own = setting("server-id").and_then(|id| id.parse().ok()).unwrap_or_default();
        let tail = match &self.shared.facts().heard.answer {
            Ok(peer) => {
                let known = peer.binlog_state.iter().filter(|gtid| gtid.server == own);
                let mut tail: Vec<Part> = known.map(|gtid| Part { after: Some(gtid), server: own }).collect();
                if tail.is_empty() {
                    tail.push(Part { after: None, server: own });
                }
                tail
            }
            Err(silence) => bail!("the peer does not answer any more: {silence}"),
        };
        if let Some(cannot) = cannot_take_back() {
            log::warn!("{cannot}: if there is any, the histories have forked");
            return self.start(Service::Database);
        }
        let saved = self.save_tail(&tail)?;
        let unit = self.config.database.unit.clone();
        let directory = PathBuf::from("/run/systemd/system").join(format!("{unit}.d"));
        let drop_in = directory.join("60-ap-role.conf");
        fs::create_dir_all(&directory).with_context(|| format!("failed to make {}", directory.display()))?;
        fs::write(&drop_in, "# For one start after a fence, see ap-notify(8).\n[Service]\nEnvironment=MYSQLD_OPTS=--init-rpl-role=SLAVE\n")
            .with_context(|| format!("failed to write {}", drop_in.display()))?;
        let started = self.units.unit_files(&[]).and_then(|()| self.start(Service::Database));
        remove_if_there(&drop_in)?;
        self.units.unit_files(&[])?;
        if let Some(saved) = saved {
            log::info!("what the binary log held beyond the peer's position is kept in {}", saved.display());
        }
        match started {
            Ok(()) => Ok(()),
            Err(error) => {
                // DDL behind the tail: recovery refuses to truncate (facts).
                log::warn!("{error:#}; starting without truncation");
                self.start(Service::Database)
            }
        }
    }

    /// Saves these parts of the binary log as SQL. `None` when there is none to read.
    fn save_tail(&self, tail: &[Part]) -> Result<Option<PathBuf>> {
        let logs = binlog::last_files();
        let Some(log) = logs.last() else { return Ok(None) };
        let directory = self.config.state_dir().join("tails");
        ap_host::make_dir(&directory, 0o700)?;
        let file = directory.join(format!("epoch-{}-{}.sql", self.state().epoch, ap_host::boottime().as_secs()));
        let out = fs::File::create(&file).with_context(|| format!("failed to make {}", file.display()))?;
        for part in tail {
            if let Err(error) = binlog::print(&logs, part, &out) {
                // The position lies in another file: the whole last file is kept instead.
                log::warn!("{error:#}");
                fs::copy(log, file.with_extension("binlog"))
                    .with_context(|| format!("failed to copy {}", log.display()))?;
            }
        }
        Ok(Some(file))
    }

    /// Ends the rejoining if this node has what the peer lacks.
    pub fn compare_histories(&mut self) -> Result<()> {
        let own = self.status()?;
        let until = Instant::now() + BEHIND;
        let (compared, extra) = loop {
            self.look_at_peer(false);
            let (compared, extra) = match &self.shared.facts().heard.answer {
                Ok(peer) => (history::compare(&own, peer, copied()), own.binlog_state.beyond(&peer.binlog_state)),
                Err(silence) => bail!("the peer does not answer any more: {silence}"),
            };
            if compared.is_ok() || Instant::now() >= until {
                break (compared, extra);
            }
            std::thread::sleep(LOOK_AGAIN);
        };
        let Err(forked) = compared else { return Ok(()) };
        if extra.is_empty() {
            return Err(refused(forked.evidence, forked.way));
        }
        let tail: Vec<Part> = extra
            .iter()
            .map(|&Extra { domain, server, after, .. }| Part {
                after: after.map(|seq| Gtid { domain, server, seq }),
                server,
            })
            .collect();
        let kept = match self.save_tail(&tail) {
            Ok(Some(file)) => format!("they are kept in {}", file.display()),
            Ok(None) => "they could not be saved: no binary log was found".to_owned(),
            Err(error) => format!("they could not be saved: {error:#}"),
        };
        let cannot = cannot_take_back().map(|cannot| format!("; {cannot}")).unwrap_or_default();
        Err(refused(format!("{}; {kept}{cannot}", forked.evidence), forked.way))
    }
}

/// Why a start here leaves in the binary log what was never acknowledged; `None` if
/// it takes that out.
fn cannot_take_back() -> Option<String> {
    let release = release().filter(|release| !release.takes_back())?;
    Some(format!("MariaDB {release} cannot take back what was never acknowledged"))
}
