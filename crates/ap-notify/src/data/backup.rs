//! A physical backup of the peer, made and prepared by mariadb-backup, that an
//! operator has laid beside the data directory: `/var/lib/mysql.backup`. The port
//! between the two hosts answers and never reads, so it cannot be asked for one.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use ap_core::gtid::{Gtid, GtidPos, GtidState};

use super::DataDirectory;
use super::copy::copy_files;
use super::reseed::{empty_data_directory, finished, set_binlog_state};
use crate::adapters::refused;
use ap_host::process::run;

/// Where the backup was taken, file and position and GTID; by the tool's old and new name.
const POSITION: [&str; 2] = ["mariadb_backup_binlog_info", "xtrabackup_binlog_info"];
/// Whether it was prepared.
const CHECKPOINTS: [&str; 2] = ["mariadb_backup_checkpoints", "xtrabackup_checkpoints"];
/// MariaDB's word for it; before that it says `full-backuped`.
const PREPARED: &str = "backup_type = log-applied";
/// Longest change of the owner of all files.
const OWN: Duration = Duration::from_secs(600);

/// One that can be used.
pub struct Backup {
    directory: PathBuf,
    position: GtidPos,
}

impl Backup {
    /// The backup beside that data directory; `None` when there is none.
    ///
    /// # Errors
    /// It is not prepared, or does not say where it was taken.
    pub fn find(data: &Path) -> Result<Option<Self>> {
        let directory = PathBuf::from(format!("{}.backup", data.display()));
        if !directory.exists() {
            return Ok(None);
        }
        let read = |names: [&str; 2]| names.iter().find_map(|name| fs::read_to_string(directory.join(name)).ok());
        if !read(CHECKPOINTS).is_some_and(|text| text.contains(PREPARED)) {
            return Err(refused(
                format!("{} is no prepared backup", directory.display()),
                format!(
                    "`mariadb-backup --prepare --target-dir={0}`; or remove {0}, and the data is copied as a dump",
                    directory.display()
                ),
            ));
        }
        let text = read(POSITION).unwrap_or_default();
        let position = position(&text)
            .with_context(|| format!("{} does not say at which GTID it was taken", directory.display()))?;
        Ok(Some(Self { directory, position }))
    }
}

impl DataDirectory {
    /// The data as the backup has it; what came later is replicated.
    pub(super) fn restore(&self, tell: &dyn Fn(String), backup: &Backup, peer: &GtidState) -> Result<()> {
        let history = history(&backup.position, peer).map_err(|evidence| {
            refused(evidence, "make a new backup of the peer; or remove it, and the data is copied as a dump")
        })?;
        tell(format!("copying {}, taken at {}", backup.directory.display(), backup.position));
        let data = empty_data_directory(tell)?;
        // `cp` gives the directory itself the backup's owner and mode, too.
        let before = fs::metadata(&data).with_context(|| format!("failed to look at {}", data.display()))?;
        copy_files(tell, &backup.directory, &data)
            .with_context(|| format!("failed to copy {}", backup.directory.display()))?;
        let mut own = Command::new("chown");
        own.args(["-R", &format!("{}:{}", before.uid(), before.gid()), "--"]).arg(&data);
        run(own, b"", OWN).with_context(|| format!("failed to give {} to MariaDB", data.display()))?;
        fs::set_permissions(&data, before.permissions())
            .with_context(|| format!("failed to set the mode of {}", data.display()))?;
        self.start_server()?;
        let accounts = self.accounts();
        self.as_root(&format!(
            "RESET MASTER;\n{}SET GLOBAL gtid_slave_pos='{}';\n{accounts}",
            set_binlog_state(&history),
            backup.position
        ))?;
        finished(&data)?;
        tell(format!("{} is not needed any more", backup.directory.display()));
        Ok(())
    }
}

/// The third column; older releases write file and position only when there is no GTID.
fn position(text: &str) -> Result<GtidPos> {
    let gtids = text.split_whitespace().nth(2).context("no GTID")?;
    Ok(gtids.parse()?)
}

/// What each server had written when the backup was taken, in MariaDB's order: per
/// domain the last one last. Of the server that wrote last the position tells; of any
/// other only that it has not written since.
fn history(position: &GtidPos, peer: &GtidState) -> Result<String, String> {
    let mut entries = Vec::new();
    for Gtid { domain, server, seq } in peer.iter() {
        match position.get(domain) {
            Some(taken) if taken.server == server && seq >= taken.seq => entries.push((domain, true, taken)),
            Some(taken) if taken.server != server && seq < taken.seq => {
                entries.push((domain, false, Gtid { domain, server, seq }));
            }
            _ => {
                return Err(format!(
                    "the backup was taken at {position}, and {domain}-{server}-{seq} was written since by another server"
                ));
            }
        }
    }
    if entries.iter().filter(|(_, last, _)| *last).count() < position.iter().count() {
        return Err(format!("the backup was taken at {position}, and the peer has {peer}: of another database?"));
    }
    entries.sort_by_key(|(domain, last, _)| (*domain, *last));
    let list: Vec<String> = entries.iter().map(|(.., gtid)| gtid.to_string()).collect();
    Ok(list.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_is_that_of_the_moment_the_backup_was_taken() {
        let ask = |position: &str, peer: &str| history(&position.parse().unwrap(), &peer.parse().unwrap());
        assert_eq!(ask("0-1-10", "0-1-10"), Ok("0-1-10".into()));
        // Written on since by the same server; the other one wrote before.
        assert_eq!(ask("0-1-10", "0-1-25,0-2-4"), Ok("0-2-4,0-1-10".into()));
        assert_eq!(ask("1-2-9,0-1-10", "0-1-25,0-2-4,1-1-3,1-2-9"), Ok("0-2-4,0-1-10,1-1-3,1-2-9".into()));
        // The roles were swapped since.
        assert!(ask("0-1-10", "0-1-12,0-2-25").unwrap_err().contains("0-2-25"));
        // Of another database.
        assert!(ask("0-3-10", "0-1-25").is_err());
        assert!(ask("0-1-30", "0-1-25").is_err());
    }

    #[test]
    fn reads_what_the_tool_writes() {
        assert_eq!(position("mariadb-bin.000002\t1034\t0-172818443-17\n").unwrap().to_string(), "0-172818443-17");
        assert!(position("mariadb-bin.000002\t1034\n").is_err());
        assert!(position("").is_err());
    }
}
