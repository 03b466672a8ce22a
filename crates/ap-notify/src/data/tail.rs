//! The tail of the binary log: saved before it is given up, and taken out by
//! recovery.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use ap_core::agent::{Part, Tail};

use super::server::{release, setting};
use super::{DataDirectory, binlog};
use ap_host::store::remove_if_there;

/// What systemd reads for that one start.
const DROP_IN: &str = "# Written by ap-notify for one start after a fence: crash recovery takes out of the\n\
    # binary log what was never acknowledged. ap-notify removes it.\n\
    [Service]\nEnvironment=MYSQLD_OPTS=--init-rpl-role=SLAVE\n";

impl DataDirectory {
    /// Saves a part of the binary log, and says where.
    pub(super) fn keep_tail(&self, tail: &Tail) -> Result<String> {
        let said = match self.save_parts(&parts(tail))? {
            Some(file) => format!("they are kept in {}", file.display()),
            None => "they could not be saved: no binary log was found".to_owned(),
        };
        let cannot = match tail {
            Tail::Own(_) => None,
            Tail::Parts(_) => cannot_take_back(),
        };
        Ok(cannot.into_iter().fold(said, |said, cannot| format!("{said}; {cannot}")))
    }

    /// Saves these parts as SQL. `None` when there is no binary log to read.
    fn save_parts(&self, parts: &[Part]) -> Result<Option<PathBuf>> {
        let logs = binlog::last_files();
        let Some(log) = logs.last() else { return Ok(None) };
        let directory = self.config.state_dir().join("tails");
        ap_host::make_dir(&directory, 0o700)?;
        let epoch = self.store.state()?.epoch;
        let file = directory.join(format!("epoch-{epoch}-{}.sql", ap_host::boottime().as_secs()));
        let out = fs::File::create(&file).with_context(|| format!("failed to make {}", file.display()))?;
        for part in parts {
            if let Err(error) = binlog::print(&logs, part, &out) {
                // Most likely the position lies in a file that is gone.
                let whole = file.with_extension("binlog");
                log::warn!("{error:#}; all of {} is kept as {}", log.display(), whole.display());
                fs::copy(log, &whole).with_context(|| format!("failed to copy {}", log.display()))?;
            }
        }
        Ok(Some(file))
    }

    /// The next start runs with `--init-rpl-role=SLAVE`: crash recovery then takes out
    /// of the binary log what was waiting for its acknowledgement, and rolls it back.
    /// Under /run, so that no boot comes upon it.
    pub(super) fn truncate(&self) -> Result<String> {
        if let Some(cannot) = cannot_take_back() {
            return Ok(cannot);
        }
        let drop_in = self.drop_in();
        let directory = drop_in.parent().unwrap_or(&drop_in);
        fs::create_dir_all(directory).with_context(|| format!("failed to make {}", directory.display()))?;
        fs::write(&drop_in, DROP_IN).with_context(|| format!("failed to write {}", drop_in.display()))?;
        self.units.unit_files(&[])?;
        Ok(String::new())
    }

    /// From here on starts are plain again.
    pub(super) fn truncate_no_longer(&self) -> Result<String> {
        let drop_in = self.drop_in();
        // Left behind until systemd has heard of it: what it has read stays in force
        // although the file is gone.
        let unread = drop_in.with_extension("unread");
        if drop_in.exists() {
            fs::rename(&drop_in, &unread).with_context(|| format!("failed to rename {}", drop_in.display()))?;
        }
        if unread.exists() {
            self.units.unit_files(&[])?;
            remove_if_there(&unread)?;
        }
        Ok(String::new())
    }

    fn drop_in(&self) -> PathBuf {
        let unit = &self.config.database.unit;
        PathBuf::from("/run/systemd/system").join(format!("{unit}.d")).join("60-ap-role.conf")
    }
}

/// What is to be saved. Of the own tail all that the peer does not know, as far as
/// this server wrote it.
fn parts(tail: &Tail) -> Vec<Part> {
    let known = match tail {
        Tail::Parts(parts) => return parts.clone(),
        Tail::Own(known) => known,
    };
    let server = setting("server-id").and_then(|id| id.parse().ok()).unwrap_or_default();
    let mut parts: Vec<Part> =
        known.iter().filter(|gtid| gtid.server == server).map(|gtid| Part { after: Some(gtid), server }).collect();
    if parts.is_empty() {
        parts.push(Part { after: None, server });
    }
    parts
}

/// Why a start here leaves in the binary log what was never acknowledged; `None` if
/// it takes that out.
fn cannot_take_back() -> Option<String> {
    let release = release().filter(|release| !release.takes_back())?;
    Some(format!("MariaDB {release} cannot take back what was never acknowledged"))
}
